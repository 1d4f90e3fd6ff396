//! An index as the catalog knows it, with all that a rollback must bring back.

use optischema::model::{ChangedObject, TableName};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;

/// An index as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownIndex {
    pub object: ChangedObject,
    pub table: TableName,
    pub valid: bool,
    /// Whether somebody is building it now.
    pub building: bool,
    pub backs_constraint: bool,
    pub unique: bool,
    pub replica_identity: bool,
    pub clustered: bool,
    /// Whether it belongs to a partitioned parent's.
    pub is_part: bool,
    /// Whether it is a partitioned table's.
    pub is_partitioned: bool,
    pub tablespace: Option<String>,
    pub comment: Option<String>,
    /// `(column number, statistics target)` of expression columns.
    pub targets: Vec<(i32, i32)>,
}

/// What the catalog says of one index.
pub(super) async fn known_index(
    connection: &mut PgConnection,
    name: &TableName,
) -> Result<Option<KnownIndex>, ApplyError> {
    let row = sqlx::query(
        "SELECT c.oid::int8 AS oid, pg_get_indexdef(c.oid) AS definition, i.indisvalid, i.indisunique, i.indisreplident,
                i.indisclustered, c.relispartition, c.relkind = 'I' AS is_partitioned, tn.nspname::text AS schema, t.relname::text AS name,
                s.spcname::text AS tablespace, obj_description(c.oid, 'pg_class') AS comment,
                EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x', 'f'))
                    AS backs_constraint,
                EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid) AS building,
                ARRAY(SELECT a.attnum::int4 FROM pg_attribute a WHERE a.attrelid = c.oid
                      AND nullif(a.attstattarget::int, -1) IS NOT NULL ORDER BY a.attnum) AS numbers,
                ARRAY(SELECT a.attstattarget::int4 FROM pg_attribute a WHERE a.attrelid = c.oid
                      AND nullif(a.attstattarget::int, -1) IS NOT NULL ORDER BY a.attnum) AS targets
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = i.indrelid
         JOIN pg_namespace tn ON tn.oid = t.relnamespace LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
         WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let numbers: Vec<i32> = row.try_get("numbers")?;
    let targets: Vec<i32> = row.try_get("targets")?;
    Ok(Some(KnownIndex {
        object: ChangedObject {
            schema: name.schema.clone(),
            name: name.name.clone(),
            oid: row.try_get("oid")?,
            definition: row.try_get("definition")?,
        },
        table: TableName::new(
            row.try_get::<String, _>("schema")?,
            row.try_get::<String, _>("name")?,
        ),
        valid: row.try_get("indisvalid")?,
        building: row.try_get("building")?,
        backs_constraint: row.try_get("backs_constraint")?,
        unique: row.try_get("indisunique")?,
        replica_identity: row.try_get("indisreplident")?,
        clustered: row.try_get("indisclustered")?,
        is_part: row.try_get("relispartition")?,
        is_partitioned: row.try_get("is_partitioned")?,
        tablespace: row.try_get("tablespace")?,
        comment: row.try_get("comment")?,
        targets: numbers.into_iter().zip(targets).collect(),
    }))
}

/// Another valid index of the same table with the same columns, method and condition.
pub(super) async fn twin(
    connection: &mut PgConnection,
    table: &TableName,
    tail: &str,
    own: &str,
) -> Result<Option<String>, ApplyError> {
    let row = sqlx::query(
        "SELECT c.relname::text AS name FROM pg_index i
         JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
         JOIN pg_namespace n ON n.oid = t.relnamespace
         WHERE n.nspname = $1 AND t.relname = $2 AND i.indisvalid AND c.relname <> $4
           AND right(pg_get_indexdef(i.indexrelid), length($3)) = $3 LIMIT 1",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .bind(tail)
    .bind(own)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.try_get("name")).transpose()?)
}
