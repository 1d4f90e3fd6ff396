//! Functions of main for benchmarks: indexes, checks, defaults and triggers of a scratch schema call them where they are
//! on main, so they are created under their own names and belong to the staging copy.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use optischema::model::{TableName, quote_identifier};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::super::scratch::execute;
use super::builder::Builder;
use super::facts::Facts;
use super::lacks::Lacks;
use super::notes;
use crate::postgres::{MainSession, PlanFailure, query};
use crate::sql::{DumpKind, DumpStatement};

/// Functions outside extensions, with what tells overloads apart.
const FUNCTIONS: &str = "
    SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, p.proname::pg_catalog.text AS name,
           pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments, pg_catalog.pg_get_functiondef(p.oid) AS sql
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid >= '16384' AND p.prokind IN ('f', 'p', 'w') AND n.nspname NOT IN ('optischema', 'pg_catalog', 'information_schema')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = '1255' AND d.objid = p.oid AND d.deptype IN ('e', 'i'))
    ORDER BY p.oid";

struct Function {
    name: TableName,
    arguments: String,
    sql: String,
}

async fn functions(
    connection: &mut PgConnection,
) -> Result<Vec<Function>, crate::postgres::PgFailure> {
    let rows = query(FUNCTIONS).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let schema: String = row.try_get("schema")?;
            let sql: String = row.try_get("sql")?;
            Ok(Function {
                name: TableName::new(schema, row.try_get::<String, _>("name")?),
                arguments: row.try_get::<Option<String>, _>("arguments")?.unwrap_or_default(),
                // A function that somebody has in the sandbox is never replaced.
                sql: sql.replacen("CREATE OR REPLACE ", "CREATE ", 1),
            })
        })
        .collect()
}

/// Creates the functions of main that the sandbox lacks, except those that are never copied. What cannot be created is
/// missing where it is needed, and named there.
///
/// # Errors
/// Main or the sandbox is lost.
pub async fn copy_functions(
    main: &mut MainSession,
    sandbox: &mut PgConnection,
) -> Result<Lacks, SandboxError> {
    let of_main = main.guarded(async |connection| functions(connection).await).await;
    let of_main = of_main.map_err(|failure| match failure {
        PlanFailure::Target(failure) => SandboxError::from(failure),
        PlanFailure::Sql(refusal) => refusal.into(),
    })?;
    if of_main.is_empty() {
        return Ok(Lacks::default());
    }
    let key = |function: Function| (function.name, function.arguments);
    let there: HashSet<(TableName, String)> =
        functions(sandbox).await?.into_iter().map(key).collect();
    let lacking: Vec<Function> = of_main
        .into_iter()
        .filter(|function| !there.contains(&(function.name.clone(), function.arguments.clone())))
        .collect();
    if lacking.is_empty() {
        return Ok(Lacks::default());
    }
    let row = query("SELECT pg_catalog.current_setting('search_path') AS path")
        .fetch_one(&mut *sandbox)
        .await?;
    let path: String = row.try_get("path")?;
    for statement in ["SET check_function_bodies = off", "SET search_path = ''"] {
        execute(sandbox, statement.to_owned()).await?;
    }
    notes::prepare(sandbox).await?;
    let facts = Facts::default();
    let own_path: Vec<String> =
        main.search_path().await?.iter().map(|schema| quote_identifier(schema)).collect();
    let mut builder =
        Builder::new(&facts, true, own_path.join(", "), BTreeMap::new(), Lacks::default());
    builder.makes_whole();
    let schemas: BTreeSet<&String> = lacking.iter().map(|function| &function.name.schema).collect();
    let schemas = schemas.into_iter().map(|schema| DumpStatement {
        kind: DumpKind::Schema,
        sql: format!("CREATE SCHEMA {}", quote_identifier(schema)),
        object: TableName::new("", schema),
        relation: None,
    });
    builder.run(sandbox, schemas.collect()).await?;
    let statements = lacking.into_iter().map(|function| DumpStatement {
        kind: DumpKind::Function,
        sql: function.sql,
        object: function.name,
        relation: None,
    });
    builder.run(sandbox, statements.collect()).await?;
    execute(sandbox, "RESET check_function_bodies".to_owned()).await?;
    query("SELECT pg_catalog.set_config('search_path', $1, false)")
        .bind(path)
        .execute(sandbox)
        .await?;
    Ok(builder.lacks)
}
