//! What the catalog says of an index and of a table: read before a change, and compared after.

use optischema::model::{ChangedObject, TableName};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::postgres::PgFailure;

/// An index as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexState {
    pub object: ChangedObject,
    pub valid: bool,
    /// Whether somebody is building it now.
    pub building: bool,
    /// Whether a constraint stands on it.
    pub backs_constraint: bool,
}

pub(super) async fn index_state(
    connection: &mut PgConnection,
    schema: &str,
    name: &str,
) -> Result<Option<IndexState>, PgFailure> {
    let row = sqlx::query(
        "SELECT c.oid::int8 AS oid, pg_get_indexdef(c.oid) AS definition, i.indisvalid AS is_valid,
                EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid) AS backs_constraint,
                EXISTS (SELECT 1 FROM pg_stat_progress_create_index p
                        WHERE p.index_relid = c.oid) AS building
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_index i ON i.indexrelid = c.oid
         WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(schema)
    .bind(name)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(IndexState {
        object: ChangedObject {
            schema: schema.to_owned(),
            name: name.to_owned(),
            oid: row.try_get("oid")?,
            definition: row.try_get("definition")?,
        },
        valid: row.try_get("is_valid")?,
        backs_constraint: row.try_get("backs_constraint")?,
        building: row.try_get("building")?,
    }))
}

/// Everything that a patch could change about a schema's tables, as lines that can be compared.
pub(super) async fn snapshot(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<Vec<String>, PgFailure> {
    let rows = sqlx::query(
        "SELECT format('%s %s %s', c.relkind, c.relname, c.reloptions) AS line
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1
         UNION ALL
         SELECT format('index %s %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1
         UNION ALL
         SELECT format('column %s.%s %s %s', c.relname, a.attname, a.attstattarget, a.attoptions)
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND a.attnum > 0
         UNION ALL
         SELECT format('statistics %s', pg_get_statisticsobjdef(s.oid))
         FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE n.nspname = $1
         ORDER BY 1",
    )
    .bind(schema)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok(row.try_get("line")?)).collect()
}

/// An index of the same definition under another name, which would make a new one useless.
pub(super) async fn equivalent_index(
    connection: &mut PgConnection,
    table: &TableName,
    definition_tail: &str,
) -> Result<Option<String>, PgFailure> {
    let row = sqlx::query(
        "SELECT c.relname::text AS name FROM pg_index i
         JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
         JOIN pg_namespace n ON n.oid = t.relnamespace
         WHERE n.nspname = $1 AND t.relname = $2 AND i.indisvalid
           AND right(pg_get_indexdef(i.indexrelid), length($3)) = $3 LIMIT 1",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .bind(definition_tail)
    .fetch_optional(connection)
    .await?;
    row.map(|row| row.try_get("name").map_err(PgFailure::from)).transpose()
}

/// Whether an ordinary table of that name is there, and the role owns it.
pub(super) async fn owns_table(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Option<bool>, PgFailure> {
    let row = sqlx::query(
        "SELECT pg_has_role(current_user, c.relowner, 'USAGE') AS owned FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r'",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_optional(connection)
    .await?;
    row.map(|row| row.try_get("owned").map_err(PgFailure::from)).transpose()
}
