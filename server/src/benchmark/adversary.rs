//! Rows that tell statements apart: NULLs where they may stand, and duplicates. They are put into the tables, both
//! statements are compared, and everything is rolled back.

use optischema::model::{Predicate, PredicateKind, TableName, quote_identifier, quote_literal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use super::arms::execute;
use crate::postgres::PgFailure;
use crate::postgres::query;

/// Rows that each insertion takes as its pattern.
const ROWS: u32 = 40;
/// Columns that get NULLs, one after the other.
const MOST_COLUMNS: usize = 12;

/// What was put into a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Added {
    pub rows: i64,
    /// What could not be put there, and why.
    pub refused: Vec<String>,
}

struct Column {
    name: String,
    data_type: String,
    nullable: bool,
    unique: bool,
}

/// Puts duplicates and NULLs into a table, patterned on rows that the statement's own conditions choose, and on others.
/// Runs inside the caller's transaction.
///
/// # Errors
/// The connection is lost.
pub(super) async fn add_rows(
    connection: &mut PgConnection,
    table: &TableName,
    predicates: &[&Predicate],
) -> Result<Added, BenchmarkError> {
    let columns = columns(connection, table).await?;
    let mut added = Added::default();
    let nullable =
        columns.iter().filter(|column| column.nullable && !column.unique).take(MOST_COLUMNS);
    let variants = std::iter::once(None).chain(nullable.map(Some));
    for (number, null) in variants.enumerate() {
        let statement = insertion(table, &columns, null, predicates, number);
        execute(connection, "SAVEPOINT adversary".to_owned()).await?;
        let result = query(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await
            .map_err(PgFailure::from);
        match result {
            Ok(done) => added.rows += i64::try_from(done.rows_affected()).unwrap_or_default(),
            Err(failure) if failure.sqlstate().is_some() => {
                execute(connection, "ROLLBACK TO SAVEPOINT adversary".to_owned()).await?;
                let what = null.map_or_else(
                    || "duplicates".to_owned(),
                    |column| format!("NULLs in {}", column.name),
                );
                added.refused.push(format!("{what} could not be put into {table}: {failure}"));
            }
            Err(failure) => return Err(failure.into()),
        }
        execute(connection, "RELEASE SAVEPOINT adversary".to_owned()).await?;
    }
    Ok(added)
}

/// Whether writing to it would call something of the database's own.
pub(super) async fn has_triggers(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<bool, BenchmarkError> {
    let row = query(
        "SELECT EXISTS (
             SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_catalog.pg_partition_tree(c.oid) p ON true
             LEFT JOIN pg_catalog.pg_trigger t ON t.tgrelid IN (c.oid, p.relid) AND NOT t.tgisinternal
             WHERE n.nspname = $1 AND c.relname = $2 AND (c.relhasrules OR t.oid IS NOT NULL))
         OR EXISTS (
             SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
             WHERE n.nspname = $1 AND c.relname = $2) AS found",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_one(connection)
    .await?;
    Ok(row.try_get("found")?)
}

/// Copies of rows under keys of their own, with NULL in one column.
fn insertion(
    table: &TableName,
    columns: &[Column],
    null: Option<&Column>,
    predicates: &[&Predicate],
    number: usize,
) -> String {
    let names: Vec<String> = columns.iter().map(|column| quote_identifier(&column.name)).collect();
    let values: Vec<String> = columns
        .iter()
        .map(|column| {
            let name = quote_identifier(&column.name);
            if null.is_some_and(|null| null.name == column.name) {
                "NULL".to_owned()
            } else if column.unique {
                fresh(column, &name, table, number)
            } else {
                format!("s.{name}")
            }
        })
        .collect();
    let list = names.join(", ");
    let from = table.quoted();
    // First rows that the statement looks for, then any.
    let conditions: Vec<String> = predicates
        .iter()
        .filter(|p| p.column.table.name == table.name && p.kind == PredicateKind::Equality)
        .filter_map(|p| {
            let value = quote_literal(p.constant.as_ref()?);
            Some(format!("{} = {value}", quote_identifier(&p.column.column)))
        })
        .collect();
    let wanted = if conditions.is_empty() {
        String::new()
    } else {
        format!(
            "(SELECT {list} FROM {from} WHERE {} LIMIT {ROWS}) UNION ALL ",
            conditions.join(" AND ")
        )
    };
    format!(
        "INSERT INTO {from} ({list}) OVERRIDING SYSTEM VALUE
         SELECT {} FROM (SELECT p.*, pg_catalog.row_number() OVER () AS optischema_n
                         FROM ({wanted}(SELECT {list} FROM {from} LIMIT {ROWS})) p) s",
        values.join(", ")
    )
}

/// A value of a unique column that no row has yet, where the type is one that has them.
fn fresh(column: &Column, name: &str, table: &TableName, number: usize) -> String {
    let offset = (number as u32) * 1000;
    match column.data_type.as_str() {
        "smallint" | "integer" | "bigint" | "numeric" => format!(
            "(SELECT pg_catalog.max({name}) FROM {}) + {offset} + s.optischema_n",
            table.quoted()
        ),
        "text" | "character varying" => {
            format!("s.{name} || '~' || ({offset} + s.optischema_n)")
        }
        "uuid" => "pg_catalog.gen_random_uuid()".to_owned(),
        "date" => format!("s.{name} + 100000 + {offset} + s.optischema_n::integer"),
        "timestamp without time zone" | "timestamp with time zone" => {
            format!("s.{name} + ({offset} + s.optischema_n) * interval '1 microsecond'")
        }
        _ => format!("s.{name}"),
    }
}

async fn columns(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Vec<Column>, BenchmarkError> {
    let rows = query(
        "SELECT a.attname::pg_catalog.text AS name, pg_catalog.format_type(a.atttypid, NULL) AS data_type, NOT a.attnotnull AS nullable,
                EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid
                          AND (i.indisunique OR i.indisexclusion) AND a.attnum = ANY (i.indkey)) AS is_unique
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
         ORDER BY a.attnum",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .iter()
        .map(|row| {
            Ok(Column {
                name: row.try_get("name")?,
                data_type: row.try_get("data_type")?,
                nullable: row.try_get("nullable")?,
                unique: row.try_get("is_unique")?,
            })
        })
        .collect::<Result<_, sqlx::Error>>()?)
}
