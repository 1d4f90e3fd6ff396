//! Extensions of main in the sandbox: created where its role may, named where it may not.

use std::collections::{HashMap, HashSet};

use optischema::model::{TableName, quote_identifier};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::facts::members;
use super::lacks::{Cause, Lacks};
use crate::postgres::{PgFailure, query};
use crate::sql::DumpKind;

impl Extensions {
    /// Names that objects of the database have, too, are theirs.
    pub(super) fn without(&mut self, own: &HashSet<TableName>) {
        self.absent.retain(|name, _| !own.contains(name));
        self.moved.retain(|name, _| !own.contains(name));
    }
}

/// What extensions came to.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    /// Names that a missing extension would bring.
    pub absent: HashMap<TableName, Cause>,
    /// Names whose extension has another schema here than on main, with that schema.
    pub moved: HashMap<TableName, String>,
}

/// Creates those that the sandbox lacks.
pub(super) async fn install(
    main: &mut PgConnection,
    sandbox: &mut PgConnection,
    extensions: &[(String, String)],
    lacks: &mut Lacks,
) -> Result<Extensions, SandboxError> {
    let mut found = Extensions::default();
    let mut lacking: HashMap<String, Cause> = HashMap::new();
    for (name, schema) in extensions {
        if let Some(cause) = create(sandbox, name, schema).await? {
            lacks.add(cause.clone(), DumpKind::Extension, TableName::new("", name));
            lacking.insert(name.clone(), cause);
        }
    }
    let names: Vec<String> = lacking.keys().cloned().collect();
    for (extension, member) in members(main, &names).await? {
        if let Some(cause) = lacking.get(&extension) {
            found.absent.insert(member, cause.clone());
        }
    }
    let here = schemas_of_installed(sandbox).await?;
    let elsewhere: Vec<String> = extensions
        .iter()
        .filter(|(name, schema)| here.get(name).is_some_and(|here| here != schema))
        .map(|(name, _)| name.clone())
        .collect();
    let of_sandbox: HashSet<(String, String)> = members(sandbox, &elsewhere)
        .await?
        .into_iter()
        .map(|(extension, member)| (extension, member.name))
        .collect();
    for (extension, member) in members(main, &elsewhere).await? {
        if let Some(schema) = here.get(&extension)
            && of_sandbox.contains(&(extension, member.name.clone()))
        {
            found.moved.insert(member, schema.clone());
        }
    }
    Ok(found)
}

/// Creates one where it is missing; says why it cannot.
async fn create(
    sandbox: &mut PgConnection,
    name: &str,
    schema: &str,
) -> Result<Option<Cause>, SandboxError> {
    let row = query(
        "SELECT (SELECT pg_catalog.bool_or(true) FROM pg_catalog.pg_extension WHERE extname = $1) AS is_there,
                EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = $1) AS is_installed",
    )
    .bind(name)
    .fetch_one(&mut *sandbox)
    .await?;
    if row.try_get::<Option<bool>, _>("is_there")?.unwrap_or_default() {
        return Ok(None);
    }
    let is_installed = row.try_get("is_installed")?;
    let cause = Cause::Extension { name: name.to_owned(), schema: schema.to_owned(), is_installed };
    if !is_installed {
        return Ok(Some(cause));
    }
    let made = create_in(sandbox, name, schema).await;
    match made.map_err(PgFailure::from) {
        Ok(()) => Ok(None),
        Err(failure) if failure.is_connection() => Err(failure.into()),
        Err(failure) => {
            tracing::debug!(name, %failure, "an extension was not created");
            Ok(Some(cause))
        }
    }
}

/// In its schema on main; an extension that prescribes a schema of its own brings that.
async fn create_in(
    sandbox: &mut PgConnection,
    name: &str,
    schema: &str,
) -> Result<(), sqlx::Error> {
    let extension = quote_identifier(name);
    let placed = format!("CREATE EXTENSION {extension} SCHEMA {}", quote_identifier(schema));
    let made = query(sqlx::AssertSqlSafe(placed)).execute(&mut *sandbox).await;
    if made.is_ok() {
        return Ok(());
    }
    query(sqlx::AssertSqlSafe(format!("CREATE EXTENSION {extension}"))).execute(sandbox).await?;
    Ok(())
}

async fn schemas_of_installed(
    sandbox: &mut PgConnection,
) -> Result<HashMap<String, String>, SandboxError> {
    let rows = query(
        "SELECT e.extname::pg_catalog.text AS name, n.nspname::pg_catalog.text AS schema
         FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace",
    )
    .fetch_all(sandbox)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("schema")?))).collect()
}
