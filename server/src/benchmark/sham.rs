//! What the arm without the change does in its place: the same kind of work, on an object that serves no statement. What
//! DDL does to the caches of a session, and to the transaction around it, is then the same for both arms.

use optischema::model::{TableName, quote_identifier, quote_literal};
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::BenchmarkError;
use super::arms::execute;
use super::site::Site;
use crate::hex::hex;
use crate::postgres::query;
use crate::sql::{
    IndexForm, drop_index_sql, drop_statistics_sql, sham_index_sql, statistics_definition_named,
};

/// A name for the sham of what a definition makes; each has its own.
fn name_for(definition: &str) -> String {
    let digest = Sha256::digest(definition.as_bytes());
    format!("optischema_sham_{}", hex(&digest[..6]))
}

/// Rows that ANALYZE reads of a table under the usual statistics target.
const ANALYZED_ROWS: u32 = 30_000;

/// Makes an index like `definition` on `table` that holds no row. Gives what drops it.
pub(super) async fn index(
    site: &mut Site,
    table: &TableName,
    definition: &str,
) -> Result<String, BenchmarkError> {
    let name = name_for(definition);
    let form = IndexForm { table, name: &name, concurrently: false, only: false, tablespace: None };
    let statement = sham_index_sql(definition, &form)?;
    execute(site.connection(), statement).await?;
    Ok(drop_index_sql(&table.schema, &name, false))
}

/// What drops the shams among a table's indexes: those that hold no row.
pub(super) async fn indexes_of(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Vec<String>, BenchmarkError> {
    let rows = query(
        "SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
         WHERE tn.nspname = $1 AND t.relname = $2 AND pg_catalog.pg_get_expr(i.indpred, i.indrelid) = 'false'",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_all(connection)
    .await?;
    let drop = |row: &PgRow| -> Result<String, BenchmarkError> {
        let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
        Ok(drop_index_sql(&schema, &name, false))
    };
    rows.iter().map(drop).collect()
}

/// Makes statistics like `definition`, which names `schema`; they stay empty where no ANALYZE follows. Gives what drops
/// them.
pub(super) async fn statistics(
    site: &mut Site,
    schema: &str,
    definition: &str,
) -> Result<String, BenchmarkError> {
    let name = name_for(definition);
    let statement = statistics_definition_named(definition, &name)?;
    execute(site.connection(), statement).await?;
    Ok(drop_statistics_sql(schema, &name))
}

/// The same for statistics that are there; absent where they are not.
pub(super) async fn statistics_like(
    site: &mut Site,
    schema: &str,
    name: &str,
) -> Result<Option<String>, BenchmarkError> {
    let row = query(
        "SELECT pg_catalog.pg_get_statisticsobjdef(s.oid) AS definition
         FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
         WHERE n.nspname = $1 AND s.stxname = $2",
    )
    .bind(schema)
    .bind(name)
    .fetch_optional(site.connection())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let definition: String = row.try_get("definition")?;
    statistics(site, schema, &definition).await.map(Some)
}

/// An ALTER TABLE that leaves everything as it is. Absent for a table without columns.
pub(super) async fn alter_table(
    site: &mut Site,
    table: &TableName,
) -> Result<Option<String>, BenchmarkError> {
    let row = query(
        "SELECT a.attname::pg_catalog.text AS name, COALESCE(a.attstattarget, -1)::pg_catalog.int4 AS target
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
         ORDER BY a.attnum LIMIT 1",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_optional(site.connection())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (name, target): (String, i32) = (row.try_get("name")?, row.try_get("target")?);
    Ok(Some(format!(
        "ALTER TABLE {} ALTER COLUMN {} SET STATISTICS {target}",
        table.quoted(),
        quote_identifier(&name)
    )))
}

/// ANALYZE of a table with the same columns and as many rows as ANALYZE would read.
pub(super) async fn analyze(
    site: &mut Site,
    workspace: &str,
    table: &TableName,
) -> Result<String, BenchmarkError> {
    let sham = TableName::new(workspace, name_for(&table.quoted())).quoted();
    let rows =
        format!("CREATE TABLE {sham} AS SELECT * FROM {} LIMIT {ANALYZED_ROWS}", table.quoted());
    execute(site.connection(), rows).await?;
    Ok(format!("ANALYZE {sham}"))
}

/// A setting set to what it is.
pub(super) async fn setting(site: &mut Site, name: &str) -> Result<String, BenchmarkError> {
    let row = query("SELECT pg_catalog.current_setting($1) AS value")
        .bind(name)
        .fetch_one(site.connection())
        .await?;
    let value: String = row.try_get("value")?;
    Ok(format!("SET LOCAL {} = {}", quote_identifier(name), quote_literal(&value)))
}
