//! Making structures again, in another schema.

use optischema::model::{TableName, quote_identifier};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::scratch::execute;
use super::super::{COPY_FUNCTIONS, SandboxError};
use super::{
    ColumnStructure, Family, IdentityKind, SchemaOf, StructureKind, TableStructure, Upkeep,
};
use crate::postgres::query;
use crate::sql::{
    SqlError, index_definition_in, parse_one, qualify, retarget, retarget_types,
    statistics_definition_in, unqualify,
};

/// Whether columns get their defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defaults {
    Kept,
    LeftOut,
}

/// What was made, and what could not be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Created {
    /// Indexes, checks, statistics, keys and triggers that a copy lacks, by the reason.
    pub missing: Vec<Missing>,
    /// Whether an index or a key is among them.
    pub lacks_index: bool,
}

/// Objects that a copy lacks for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub reason: SandboxError,
    /// Names or definitions.
    pub objects: Vec<String>,
}

impl Missing {
    /// Whether a function of the database is missing.
    #[must_use]
    pub fn needs_function(&self) -> bool {
        // undefined_function
        matches!(&self.reason, SandboxError::Target(failure) if failure.sqlstate() == Some("42883"))
    }
}

/// Objects of a sentence that are named.
const NAMED: usize = 3;

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named: Vec<&str> = self.objects.iter().take(NAMED).map(String::as_str).collect();
        match self.objects.len() - named.len() {
            0 if named.len() == 1 => write!(f, "{} is not in the copy", named.concat())?,
            0 => write!(f, "{} are not in the copy", named.join(", "))?,
            more => write!(f, "{} and {more} more are not in the copy", named.join(", "))?,
        }
        write!(f, ": {}", self.reason)?;
        if self.needs_function() {
            write!(f, ". {COPY_FUNCTIONS}")?;
        }
        Ok(())
    }
}

impl Created {
    fn lacks(&mut self, what: &str, reason: SandboxError) {
        match self.missing.iter_mut().find(|missing| missing.reason == reason) {
            Some(missing) => missing.objects.push(what.to_owned()),
            None => self.missing.push(Missing { reason, objects: vec![what.to_owned()] }),
        }
    }

    /// Runs a statement that a copy can do without; says whether it did.
    async fn attempt(
        &mut self,
        connection: &mut PgConnection,
        what: &str,
        statement: Result<String, SqlError>,
    ) -> Result<bool, SandboxError> {
        let result = match statement {
            Ok(statement) => execute(connection, statement).await,
            Err(error) => Err(error.into()),
        };
        match result {
            Ok(()) => Ok(true),
            Err(SandboxError::Target(failure)) if failure.sqlstate().is_none() => {
                Err(failure.into())
            }
            Err(error) => {
                self.lacks(what, error.without_position());
                Ok(false)
            }
        }
    }
}

/// Installs extensions of main that the sandbox lacks into a scratch schema, with which they go. Those that its role may
/// not install are left: what needs them says so.
pub async fn install_extensions(
    connection: &mut PgConnection,
    family: &Family,
    schema: &str,
) -> Result<(), SandboxError> {
    let rows = query(
        "SELECT DISTINCT v.name::pg_catalog.text AS name FROM pg_catalog.pg_available_extension_versions v
         WHERE v.name = ANY ($1) AND v.trusted AND v.relocatable
           AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_extension e WHERE e.extname = v.name) ORDER BY 1",
    )
    .bind(&family.extensions)
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let name: String = row.try_get("name")?;
        let statement = format!(
            "CREATE EXTENSION {} SCHEMA {}",
            quote_identifier(&name),
            quote_identifier(schema)
        );
        match execute(connection, statement).await {
            Err(SandboxError::Target(failure)) if failure.sqlstate().is_none() => {
                return Err(failure.into());
            }
            Err(error) => tracing::debug!(name, %error, "an extension was not installed"),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Makes empty tables with their types, collations and views. Keys, checks and indexes follow after the rows
/// ([`finish_tables`]). Runs inside the caller's transaction.
///
/// # Errors
/// The sandbox cannot make one of them.
pub async fn create_tables(
    connection: &mut PgConnection,
    family: &Family,
    schema_of: SchemaOf<'_>,
    upkeep: Upkeep,
    resolve: &(dyn Fn(&str, &str) -> Option<TableName> + Sync),
) -> Result<(), SandboxError> {
    let of_own = |schema: &str, name: &str| family.own_schema(schema, name, schema_of);
    for own in &family.own_types {
        let (schema, name) = (schema_of(&own.name.schema), &own.name.name);
        if !type_exists(connection, &schema, name).await? {
            execute(connection, placed(&own.creation(schema_of), family, &of_own)?).await?;
        }
    }
    for collation in &family.collations {
        let name = TableName::new(schema_of(&collation.name.schema), &collation.name.name);
        let text =
            format!("CREATE COLLATION IF NOT EXISTS {} ({})", name.quoted(), collation.options);
        execute(connection, text).await?;
    }
    for structure in &family.tables {
        let table = moved(&structure.table, schema_of);
        if let StructureKind::View(definition) = &structure.kind {
            let statement = parse_one(definition)?;
            crate::sql::check_select(&statement)?;
            let moved = retarget(&statement, &table.schema, resolve)?;
            let moved = placed(&moved, family, &of_own)?;
            let options = structure.storage_options(Upkeep::Autovacuum);
            execute(connection, format!("CREATE VIEW {}{options} AS {moved}", table.quoted()))
                .await?;
            continue;
        }
        let statement = |defaults| {
            let text = structure.create_statement(family, schema_of, upkeep, defaults);
            placed(&text, family, &of_own)
        };
        execute(connection, "SAVEPOINT made".to_owned()).await?;
        match execute(connection, statement(Defaults::Kept)?).await {
            // A default may call what the sandbox lacks; every row that is copied has its values.
            Err(SandboxError::Target(failure)) if failure.sqlstate().is_some() => {
                execute(connection, "ROLLBACK TO SAVEPOINT made".to_owned()).await?;
                execute(connection, statement(Defaults::LeftOut)?).await?;
            }
            made => made?,
        }
        execute(connection, "RELEASE SAVEPOINT made".to_owned()).await?;
        for statement in structure.column_statements(&table) {
            execute(connection, statement).await?;
        }
    }
    Ok(())
}

/// Makes keys, checks, indexes, statistics and foreign keys, once the rows are there.
///
/// # Errors
/// The sandbox is lost. What a copy can do without is named in the answer instead.
pub async fn finish_tables(
    connection: &mut PgConnection,
    family: &Family,
    schema_of: SchemaOf<'_>,
) -> Result<Created, SandboxError> {
    let mut created = Created::default();
    let own = |schema: &str, name: &str| family.own_schema(schema, name, schema_of);
    for structure in &family.tables {
        let table = moved(&structure.table, schema_of);
        for (name, definition) in &structure.constraints {
            let statement = add_constraint(&table, name, definition);
            let made = created.attempt(connection, name, placed(&statement, family, &own)).await?;
            created.lacks_index |= !made && !definition.starts_with("CHECK");
        }
        for definition in &structure.indexes {
            let moved = index_definition_in(definition, &table.schema, false)
                .and_then(|moved| placed(&moved, family, &own));
            created.lacks_index |= !created.attempt(connection, definition, moved).await?;
        }
        for definition in &structure.statistics {
            let moved = statistics_definition_in(definition, &table.schema, &table.schema)
                .and_then(|moved| placed(&moved, family, &own));
            created.attempt(connection, definition, moved).await?;
        }
    }
    for structure in &family.tables {
        let table = moved(&structure.table, schema_of);
        for (name, definition, referenced) in &structure.foreign_keys {
            if family.get(referenced).is_none() {
                continue;
            }
            // The planner takes it as it is; checking the rows again would show nothing new.
            let valid = matches!(structure.kind, StructureKind::Partitioned(_))
                || definition.ends_with("NOT VALID");
            let suffix = if valid { "" } else { " NOT VALID" };
            let definition = format!("{definition}{suffix}");
            let statement = parse_one(&add_constraint(&table, name, &definition));
            let statement = statement.and_then(|statement| {
                qualify(&statement, &|schema, name| {
                    let is_own = schema == table.schema && name == table.name;
                    Some(if is_own { table.clone() } else { moved(referenced, schema_of) })
                })
            });
            created.attempt(connection, name, statement).await?;
        }
    }
    Ok(created)
}

/// Makes the triggers of tables, whose functions stand where they are on main. Returns those that could be made, by table
/// on main.
///
/// # Errors
/// The sandbox is lost.
pub async fn make_triggers(
    connection: &mut PgConnection,
    family: &Family,
    schema_of: SchemaOf<'_>,
) -> Result<Vec<(TableName, String)>, SandboxError> {
    let mut made = Vec::new();
    let mut created = Created::default();
    for structure in &family.tables {
        for (name, definition) in &structure.triggers {
            let statement = parse_one(definition).and_then(|statement| {
                qualify(&statement, &|schema, name| {
                    let named = TableName::new(schema, name);
                    family.get(&named).map(|known| moved(&known.table, schema_of))
                })
            });
            if created.attempt(connection, name, statement).await? {
                made.push((structure.table.clone(), name.clone()));
            }
        }
    }
    for missing in &created.missing {
        tracing::debug!(%missing, "a trigger was not made");
    }
    Ok(made)
}

/// A definition with the database's own types where they were made again, and an extension's names left to the path.
fn placed(
    text: &str,
    family: &Family,
    of_own: &dyn Fn(&str, &str) -> Option<String>,
) -> Result<String, SqlError> {
    unqualify(&retarget_types(text, of_own)?, &family.extension_schemas)
}

fn moved(table: &TableName, schema_of: SchemaOf<'_>) -> TableName {
    TableName::new(schema_of(&table.schema), &table.name)
}

fn add_constraint(table: &TableName, name: &str, definition: &str) -> String {
    format!("ALTER TABLE {} ADD CONSTRAINT {} {definition}", table.quoted(), quote_identifier(name))
}

async fn type_exists(
    connection: &mut PgConnection,
    schema: &str,
    name: &str,
) -> Result<bool, SandboxError> {
    let row = query(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
                        WHERE n.nspname = $1 AND t.typname = $2) AS present",
    )
    .bind(schema)
    .bind(name)
    .fetch_one(connection)
    .await?;
    Ok(row.try_get("present")?)
}

impl TableStructure {
    fn create_statement(
        &self,
        family: &Family,
        schema_of: SchemaOf<'_>,
        upkeep: Upkeep,
        defaults: Defaults,
    ) -> String {
        let table = moved(&self.table, schema_of).quoted();
        let partitioned = match &self.kind {
            StructureKind::Partitioned(key) => format!(" PARTITION BY {key}"),
            _ => String::new(),
        };
        let options = self.storage_options(upkeep);
        let parent = self.parent.as_ref().filter(|parent| family.get(&parent.table).is_some());
        let parent_name = parent.map(|parent| moved(&parent.table, schema_of).quoted());
        if let (Some(name), Some(bound)) = (&parent_name, parent.and_then(|p| p.bound.as_ref())) {
            return format!(
                "CREATE TABLE {table} PARTITION OF {name} {bound}{partitioned}{options}"
            );
        }
        let columns: Vec<String> =
            self.columns.iter().map(|column| column.definition(schema_of, defaults)).collect();
        let inherits = parent_name.map(|name| format!(" INHERITS ({name})")).unwrap_or_default();
        format!("CREATE TABLE {table} ({}){inherits}{partitioned}{options}", columns.join(", "))
    }

    fn storage_options(&self, upkeep: Upkeep) -> String {
        if matches!(self.kind, StructureKind::Partitioned(_)) {
            return String::new();
        }
        let of_upkeep = |option: &&String| {
            let name = option.strip_prefix("toast.").unwrap_or(option);
            name.starts_with("autovacuum_") || name.starts_with("vacuum_")
        };
        let mut options: Vec<String> = match upkeep {
            Upkeep::Autovacuum => self.options.clone(),
            Upkeep::Still => {
                let kept = self.options.iter().filter(|option| !of_upkeep(option)).cloned();
                kept.chain(["autovacuum_enabled=false".to_owned()]).collect()
            }
        };
        options.retain(|option| option.contains('='));
        let written: Vec<String> = options
            .iter()
            .filter_map(|option| option.split_once('='))
            .map(|(name, value)| {
                let name = match name.strip_prefix("toast.") {
                    Some(rest) => format!("toast.{}", quote_identifier(rest)),
                    None => quote_identifier(name),
                };
                format!("{name} = {}", optischema::model::quote_literal(value))
            })
            .collect();
        if written.is_empty() { String::new() } else { format!(" WITH ({})", written.join(", ")) }
    }

    /// What is set of columns once the table is there.
    fn column_statements(&self, table: &TableName) -> Vec<String> {
        let mut statements = Vec::new();
        for column in &self.columns {
            let name = quote_identifier(&column.name);
            let mut alter = |what: String| {
                statements
                    .push(format!("ALTER TABLE {} ALTER COLUMN {name} {what}", table.quoted()));
            };
            if let Some(target) = column.statistics_target {
                alter(format!("SET STATISTICS {target}"));
            }
            if let Some(storage) = &column.storage {
                alter(format!("SET STORAGE {storage}"));
            }
            let options: Vec<String> = column
                .options
                .iter()
                .filter_map(|option| option.split_once('='))
                .map(|(name, value)| format!("{} = {value}", quote_identifier(name)))
                .collect();
            if !options.is_empty() {
                alter(format!("SET ({})", options.join(", ")));
            }
        }
        statements
    }
}

impl ColumnStructure {
    fn definition(&self, schema_of: SchemaOf<'_>, defaults: Defaults) -> String {
        let mut text =
            format!("{} {}", quote_identifier(&self.name), self.data_type.in_schema(schema_of));
        if let Some(collation) = &self.collation {
            let schema = match collation.schema.as_str() {
                "pg_catalog" => "pg_catalog".to_owned(),
                other => schema_of(other),
            };
            text.push_str(&format!(
                " COLLATE {}",
                TableName::new(schema, &collation.name).quoted()
            ));
        }
        match (&self.generated, self.identity, &self.default) {
            (Some(expression), _, _) => {
                let how = if self.is_virtual { "VIRTUAL" } else { "STORED" };
                text.push_str(&format!(" GENERATED ALWAYS AS ({expression}) {how}"));
            }
            (None, IdentityKind::Always, _) => text.push_str(" GENERATED ALWAYS AS IDENTITY"),
            (None, IdentityKind::ByDefault, _) => {
                text.push_str(" GENERATED BY DEFAULT AS IDENTITY")
            }
            (None, IdentityKind::None, Some(expression)) if defaults == Defaults::Kept => {
                text.push_str(&format!(" DEFAULT {expression}"));
            }
            (None, IdentityKind::None, _) => {}
        }
        if self.not_null && self.identity == IdentityKind::None {
            text.push_str(" NOT NULL");
        }
        text
    }
}
