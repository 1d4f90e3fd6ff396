//! A table's structure, read from one catalog and made again in another schema.

use optischema::model::{TableName, quote_identifier, quote_literal};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::SandboxError;
use super::scratch::execute;
use crate::postgres::PgFailure;
use crate::sql::index_definition_in;

/// Everything about a table that a copy must have.
#[derive(Debug, Clone, PartialEq)]
pub struct TableStructure {
    pub table: TableName,
    /// `pg_table_size`, in bytes.
    pub bytes: i64,
    pub columns: Vec<ColumnStructure>,
    /// `pg_get_constraintdef` of keys and checks, with their names.
    constraints: Vec<(String, String)>,
    /// `pg_get_indexdef` of valid indexes that back no constraint.
    indexes: Vec<String>,
}

/// Whether a copy is kept up by autovacuum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    Autovacuum,
    /// Nothing may change under a benchmark.
    Still,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnStructure {
    pub name: String,
    data_type: DataType,
    not_null: bool,
    /// The expression of a default, as PostgreSQL writes it.
    default: Option<String>,
    /// A generated column: its expression. It is not copied, but computed again.
    pub generated: Option<String>,
    /// An identity column, or one that a sequence fills.
    identity: bool,
    /// `attstattarget`, where it is set.
    statistics_target: Option<i32>,
}

/// A column's type.
#[derive(Debug, Clone, PartialEq)]
enum DataType {
    /// As `format_type` writes it.
    BuiltIn(String),
    /// Made again beside the table.
    Enum {
        name: String,
        labels: Vec<String>,
        array: bool,
    },
    Domain {
        name: String,
        base: String,
        not_null: bool,
        checks: Vec<String>,
    },
}

impl TableStructure {
    /// The columns that `COPY` carries, quoted and joined.
    #[must_use]
    pub fn copied_columns(&self) -> String {
        let names: Vec<String> = self
            .columns
            .iter()
            .filter(|column| column.generated.is_none())
            .map(|column| quote_identifier(&column.name))
            .collect();
        names.join(", ")
    }
}

const COLUMNS: &str = "
    SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type_text,
           a.attnotnull AS not_null, a.attidentity::text <> '' AS identity,
           a.attgenerated::text <> '' AS generated, pg_get_expr(d.adbin, d.adrelid) AS expression,
           NULLIF(a.attstattarget::int, -1) AS statistics_target,
           coalesce(et.typname, t.typname)::text AS type_name,
           coalesce(et.typtype, t.typtype)::text AS type_kind,
           (et.oid IS NOT NULL) AS is_array, tn.nspname::text AS type_schema,
           format_type(t.typbasetype, t.typtypmod) AS base_type, t.typnotnull AS domain_not_null,
           ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = coalesce(et.oid, t.oid)
                 ORDER BY e.enumsortorder) AS labels,
           ARRAY(SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE c.contypid = t.oid
                   AND c.contype = 'c') AS domain_checks
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type et ON et.oid = t.typelem AND t.typcategory = 'A'
    JOIN pg_namespace tn ON tn.oid = coalesce(et.typnamespace, t.typnamespace)
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// Reads a table's structure.
///
/// # Errors
/// It is not there, is no ordinary table, or has a type that cannot be made again.
pub async fn read_structure(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<TableStructure, SandboxError> {
    // Main's own search path is set here, so that definitions are written as their owner writes them: every
    // call has exactly the types of PostgreSQL's own function, which is then taken before any other.
    let row = sqlx::query(
        "SELECT c.oid::int8 AS oid, c.relkind::text AS kind,
                CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid::pg_catalog.regclass) ELSE 0 END::int8 AS bytes
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(|| SandboxError::MissingTable(table.clone()))?;
    if row.try_get::<String, _>("kind")? != "r" {
        return Err(SandboxError::UnsupportedTable(table.clone()));
    }
    let oid: i64 = row.try_get("oid")?;
    let columns = sqlx::query(COLUMNS).bind(oid).fetch_all(&mut *connection).await?;
    let constraints = sqlx::query(
        "SELECT conname::text AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
         WHERE conrelid = $1::int8::oid AND contype IN ('p', 'u', 'x', 'c') ORDER BY contype, conname",
    )
    .bind(oid)
    .fetch_all(&mut *connection)
    .await?;
    let indexes = sqlx::query(
        "SELECT pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
         WHERE i.indrelid = $1::int8::oid AND i.indisvalid AND NOT EXISTS (
             SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
         ORDER BY i.indexrelid",
    )
    .bind(oid)
    .fetch_all(&mut *connection)
    .await?;
    Ok(TableStructure {
        table: table.clone(),
        bytes: row.try_get("bytes")?,
        columns: columns.iter().map(|row| column(table, row)).collect::<Result<_, _>>()?,
        constraints: constraints
            .iter()
            .map(|row| Ok((row.try_get("name")?, row.try_get("definition")?)))
            .collect::<Result<_, sqlx::Error>>()?,
        indexes: indexes
            .iter()
            .map(|row| row.try_get("definition"))
            .collect::<Result<_, sqlx::Error>>()?,
    })
}

fn column(table: &TableName, row: &PgRow) -> Result<ColumnStructure, SandboxError> {
    let name: String = row.try_get("name")?;
    let type_text: String = row.try_get("type_text")?;
    let type_name: String = row.try_get("type_name")?;
    let array: bool = row.try_get("is_array")?;
    let kind: String = row.try_get("type_kind")?;
    let schema: String = row.try_get("type_schema")?;
    let data_type = match (schema.as_str(), kind.as_str()) {
        ("pg_catalog", _) => DataType::BuiltIn(type_text),
        (_, "e") => DataType::Enum { name: type_name, labels: row.try_get("labels")?, array },
        (_, "d") if !array => DataType::Domain {
            name: type_name,
            base: row.try_get("base_type")?,
            not_null: row.try_get("domain_not_null")?,
            checks: row.try_get("domain_checks")?,
        },
        _ => {
            return Err(SandboxError::UnsupportedType {
                table: table.clone(),
                column: name,
                data_type: type_text,
            });
        }
    };
    let expression: Option<String> = row.try_get("expression")?;
    let generated: bool = row.try_get("generated")?;
    let from_sequence = expression.as_deref().is_some_and(|text| text.starts_with("nextval("));
    Ok(ColumnStructure {
        name,
        data_type,
        not_null: row.try_get("not_null")?,
        identity: row.try_get::<bool, _>("identity")? || from_sequence,
        default: expression.clone().filter(|_| !generated && !from_sequence),
        generated: expression.filter(|_| generated),
        statistics_target: row.try_get("statistics_target")?,
    })
}

/// Makes empty tables, with their types, in a schema. Keys, checks and indexes follow after the rows.
pub async fn create_tables(
    connection: &mut PgConnection,
    structures: &[TableStructure],
    schema_of: &(dyn Fn(&TableName) -> String + Sync),
    upkeep: Upkeep,
) -> Result<(), SandboxError> {
    let mut made: Vec<(String, String)> = Vec::new();
    for structure in structures {
        let schema = schema_of(&structure.table);
        for column in &structure.columns {
            if let Some((name, statement)) = column.data_type.creation(&schema) {
                let key = (schema.clone(), name);
                if !made.contains(&key) && !type_exists(connection, &key.0, &key.1).await? {
                    execute(connection, statement).await?;
                }
                made.push(key);
            }
        }
        execute(connection, structure.create_statement(&schema, upkeep)).await?;
        for column in &structure.columns {
            if let Some(target) = column.statistics_target {
                let statement = format!(
                    "ALTER TABLE {} ALTER COLUMN {} SET STATISTICS {target}",
                    TableName::new(&schema, &structure.table.name).quoted(),
                    quote_identifier(&column.name)
                );
                execute(connection, statement).await?;
            }
        }
    }
    Ok(())
}

/// Makes keys, checks and indexes, once the rows are there.
pub async fn build_indexes(
    connection: &mut PgConnection,
    structure: &TableStructure,
    schema: &str,
) -> Result<(), SandboxError> {
    let table = TableName::new(schema, &structure.table.name).quoted();
    for (name, definition) in &structure.constraints {
        let statement =
            format!("ALTER TABLE {table} ADD CONSTRAINT {} {definition}", quote_identifier(name));
        execute(connection, statement).await?;
    }
    for definition in &structure.indexes {
        execute(connection, index_definition_in(definition, schema, false)?).await?;
    }
    Ok(())
}

async fn type_exists(
    connection: &mut PgConnection,
    schema: &str,
    name: &str,
) -> Result<bool, PgFailure> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
                        WHERE n.nspname = $1 AND t.typname = $2) AS present",
    )
    .bind(schema)
    .bind(name)
    .fetch_one(connection)
    .await?;
    Ok(row.try_get("present")?)
}

impl TableStructure {
    fn create_statement(&self, schema: &str, upkeep: Upkeep) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|column| column.definition(schema)).collect();
        format!(
            "CREATE TABLE {} ({}){}",
            TableName::new(schema, &self.table.name).quoted(),
            columns.join(", "),
            match upkeep {
                Upkeep::Autovacuum => "",
                Upkeep::Still => " WITH (autovacuum_enabled = false)",
            }
        )
    }
}

impl ColumnStructure {
    fn definition(&self, schema: &str) -> String {
        let mut text =
            format!("{} {}", quote_identifier(&self.name), self.data_type.in_schema(schema));
        if let Some(expression) = &self.generated {
            text.push_str(&format!(" GENERATED ALWAYS AS ({expression}) STORED"));
        } else if self.identity {
            text.push_str(" GENERATED BY DEFAULT AS IDENTITY");
        } else if let (Some(expression), DataType::BuiltIn(_)) = (&self.default, &self.data_type) {
            text.push_str(&format!(" DEFAULT {expression}"));
        }
        if self.not_null && !self.identity {
            text.push_str(" NOT NULL");
        }
        text
    }
}

impl DataType {
    fn in_schema(&self, schema: &str) -> String {
        match self {
            Self::BuiltIn(text) => text.clone(),
            Self::Enum { name, array, .. } => {
                let quoted = TableName::new(schema, name).quoted();
                if *array { format!("{quoted}[]") } else { quoted }
            }
            Self::Domain { name, .. } => TableName::new(schema, name).quoted(),
        }
    }

    /// The statement that makes the type in a schema, with the type's name.
    fn creation(&self, schema: &str) -> Option<(String, String)> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Enum { name, labels, .. } => {
                let labels: Vec<String> = labels.iter().map(|label| quote_literal(label)).collect();
                let quoted = TableName::new(schema, name).quoted();
                Some((
                    name.clone(),
                    format!("CREATE TYPE {quoted} AS ENUM ({})", labels.join(", ")),
                ))
            }
            Self::Domain { name, base, not_null, checks } => {
                let quoted = TableName::new(schema, name).quoted();
                let not_null = if *not_null { " NOT NULL" } else { "" };
                let statement =
                    format!("CREATE DOMAIN {quoted} AS {base}{not_null} {}", checks.join(" "));
                Some((name.clone(), statement))
            }
        }
    }
}
