//! Statements that write to a table of the benchmark's own, each on rows that no run before it touched.

use optischema::model::{TableName, WriteOperation, quote_identifier};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use super::arms::execute;
use super::patching::TargetIndex;
use super::sham;
use crate::postgres::query;

/// Rows of the table, at most.
const MOST_ROWS: i64 = 11_000;
/// Rows that one run writes, at most.
const MOST_WRITTEN: i64 = 500;
/// Half of each page is free, so that heap-only updates are possible where no index forbids them.
pub(super) const FILL_FACTOR: i32 = 50;

/// A table with its indexes, and fresh rows to be put into it.
pub(super) struct WriteTarget {
    pub table: TableName,
    fresh: TableName,
    /// The copy of the change's index, with its schema.
    pub index: TableName,
    /// Columns that can be written, quoted and joined.
    columns: String,
    /// A column of the change's index.
    pub indexed: Option<String>,
    /// A column of no index.
    pub other: Option<String>,
    pub rows: i64,
    /// Rows that each run writes.
    pub written: i64,
    /// Whether the index keeps new entries in a list until later (GIN with `fastupdate`).
    pub has_pending_list: bool,
}

/// Makes it, from rows that are there.
///
/// # Errors
/// The sentence that says why rows cannot be written.
pub(super) async fn prepare(
    connection: &mut PgConnection,
    workspace: &str,
    target: &TargetIndex,
    windows: i64,
) -> Result<Result<WriteTarget, String>, BenchmarkError> {
    let source = target.table.quoted();
    let table = TableName::new(workspace, "optischema_writes");
    let fresh = TableName::new(workspace, "optischema_fresh");
    let names = names(connection, &target.table).await?;
    let columns = names.join(", ");
    execute(
        connection,
        format!(
            "CREATE TABLE {} AS SELECT pg_catalog.row_number() OVER () AS optischema_n, s.*
             FROM (SELECT {columns} FROM {source} LIMIT {}) s",
            fresh.quoted(),
            MOST_ROWS + MOST_WRITTEN
        ),
    )
    .await?;
    let there = count(connection, &fresh).await?;
    let written = MOST_WRITTEN.min(there / (windows + 1));
    if written < 10 {
        return Ok(Err(format!("{} has {there} rows, too few to be written to.", target.table)));
    }
    for statement in [
        format!(
            "CREATE TABLE {} (LIKE {source} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS
                              INCLUDING INDEXES INCLUDING STORAGE)
             WITH (fillfactor = {FILL_FACTOR}, autovacuum_enabled = false)",
            table.quoted()
        ),
        format!(
            "INSERT INTO {} ({columns}) SELECT {columns} FROM {} WHERE optischema_n > {written}",
            table.quoted(),
            fresh.quoted()
        ),
        format!("DELETE FROM {} WHERE optischema_n > {written}", fresh.quoted()),
        format!("ANALYZE {}", table.quoted()),
    ] {
        execute(connection, statement).await?;
    }
    for sham in sham::indexes_of(connection, &table).await? {
        execute(connection, sham).await?;
    }
    let Some((index, has_pending_list)) = twin(connection, &table, &target.definition).await?
    else {
        return Ok(
            Err("the index could not be found again on the table that is written to".into()),
        );
    };
    let (indexed, other) = updated_columns(connection, &table, &index).await?;
    let rows = count(connection, &table).await?;
    Ok(Ok(WriteTarget {
        table,
        fresh,
        index,
        columns,
        indexed,
        other,
        rows,
        written,
        has_pending_list,
    }))
}

impl WriteTarget {
    /// The statement of one run; `window` counts the runs that wrote before it.
    pub(super) fn statement(&self, operation: WriteOperation, window: i64) -> Option<String> {
        let (table, fresh) = (self.table.quoted(), self.fresh.quoted());
        let Self { columns, written, .. } = self;
        let offset = window * written;
        let update = |column: &str| {
            let column = quote_identifier(column);
            format!(
                "UPDATE {table} w SET {column} = f.{column}
                 FROM (SELECT y.id, pg_catalog.row_number() OVER () AS n
                       FROM (SELECT ctid AS id FROM {table} OFFSET {offset} LIMIT {written}) y) x
                 JOIN {fresh} f ON f.optischema_n = x.n WHERE w.ctid = x.id"
            )
        };
        match operation {
            WriteOperation::Insert => {
                Some(format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {fresh}"))
            }
            WriteOperation::UpdateIndexed => self.indexed.as_deref().map(update),
            WriteOperation::UpdateOther => self.other.as_deref().map(update),
            WriteOperation::Delete => Some(format!(
                "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} OFFSET {offset} LIMIT {written}))"
            )),
        }
    }
}

async fn names(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Vec<String>, BenchmarkError> {
    let rows = query(
        "SELECT a.attname::pg_catalog.text AS name FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
         ORDER BY a.attnum",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_all(connection)
    .await?;
    let mut names = Vec::new();
    for row in rows {
        names.push(quote_identifier(&row.try_get::<String, _>("name")?));
    }
    Ok(names)
}

async fn count(connection: &mut PgConnection, table: &TableName) -> Result<i64, BenchmarkError> {
    let text = format!("SELECT pg_catalog.count(*) AS rows FROM {}", table.quoted());
    let row = query(AssertSqlSafe(text)).fetch_one(connection).await?;
    Ok(row.try_get("rows")?)
}

/// The index of `table` that was made like the one with this definition.
async fn twin(
    connection: &mut PgConnection,
    table: &TableName,
    definition: &str,
) -> Result<Option<(TableName, bool)>, BenchmarkError> {
    let body = definition.split_once(" USING ").map_or("", |(_, body)| body);
    let row = query(
        "SELECT c.relname::pg_catalog.text AS name,
                a.amname OPERATOR(pg_catalog.=) 'gin' AND NOT EXISTS (
                    SELECT FROM pg_catalog.unnest(c.reloptions) o
                    WHERE o = ANY ('{fastupdate=off,fastupdate=false,fastupdate=0,fastupdate=no}'::pg_catalog.text[])) AS pending
         FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
         JOIN pg_catalog.pg_am a ON a.oid = c.relam
         JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
         WHERE n.nspname = $1 AND t.relname = $2
           AND pg_catalog.right(pg_catalog.pg_get_indexdef(c.oid), pg_catalog.length($3)) = $3
         ORDER BY c.oid DESC LIMIT 1",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .bind(body)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let name: String = row.try_get("name")?;
    Ok(Some((TableName::new(&table.schema, name), row.try_get("pending")?)))
}

/// A column of the index, and one of no index.
async fn updated_columns(
    connection: &mut PgConnection,
    table: &TableName,
    index: &TableName,
) -> Result<(Option<String>, Option<String>), BenchmarkError> {
    let rows = query(
        "SELECT a.attname::pg_catalog.text AS name,
                EXISTS (SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                        WHERE i.indrelid = a.attrelid AND x.relname = $3 AND a.attnum = ANY (i.indkey)) AS of_index,
                EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid
                          AND (a.attnum = ANY (i.indkey) OR EXISTS (
                              SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = i.indexrelid
                                AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum))) AS of_any
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
         ORDER BY a.attnum",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .bind(&index.name)
    .fetch_all(connection)
    .await?;
    let (mut indexed, mut other) = (None, None);
    for row in rows {
        let name: String = row.try_get("name")?;
        if row.try_get("of_index")? {
            indexed.get_or_insert(name);
        } else if !row.try_get::<bool, _>("of_any")? {
            other.get_or_insert(name);
        }
    }
    Ok((indexed, other))
}
