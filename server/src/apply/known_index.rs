//! An index as the catalog knows it, with all that a rollback must bring back.

use optischema::model::{ChangedObject, TableName};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use crate::postgres::query;

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
    let row = query(
        "SELECT c.oid::pg_catalog.int8 AS oid, pg_catalog.pg_get_indexdef(c.oid) AS definition, i.indisvalid, i.indisunique, i.indisreplident,
                i.indisclustered, c.relispartition, c.relkind = 'I' AS is_partitioned, tn.nspname::pg_catalog.text AS schema, t.relname::pg_catalog.text AS name,
                s.spcname::pg_catalog.text AS tablespace, pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
                EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x', 'f'))
                    AS backs_constraint,
                EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = c.oid) AS building,
                ARRAY(SELECT a.attnum::pg_catalog.int4 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid
                      AND nullif(a.attstattarget::int, -1) IS NOT NULL ORDER BY a.attnum) AS numbers,
                ARRAY(SELECT a.attstattarget::pg_catalog.int4 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid
                      AND nullif(a.attstattarget::int, -1) IS NOT NULL ORDER BY a.attnum) AS targets
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
         JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
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

/// Everything of a definition from its access method on.
pub(super) fn tail(definition: &str) -> String {
    definition
        .split_once(" USING ")
        .map_or_else(|| definition.to_owned(), |(_, tail)| format!(" USING {tail}"))
}

/// Stands for the schema of the rehearsal in what is expected.
const HERE: char = '\u{1}';

/// A definition of the rehearsal's, from `USING` on, to be found again in whatever schema it is made.
pub(super) fn expected_of(definition: &str, rehearsal_schema: &str) -> String {
    tail(definition).replace(&format!("{rehearsal_schema}."), &HERE.to_string())
}

/// Whether a definition is the expected one.
pub(super) fn is_expected(expected: &str, definition: &str) -> bool {
    let real = tail(definition);
    let mut rest = real.as_str();
    let pieces: Vec<&str> = expected.split(HERE).collect();
    let last = pieces.len() - 1;
    for (at, piece) in pieces.into_iter().enumerate() {
        let found = match (at, at == last) {
            (0, true) => (rest == piece).then_some(0),
            (0, false) => rest.starts_with(piece).then_some(0),
            (_, true) => rest.ends_with(piece).then(|| rest.len() - piece.len()),
            (_, false) => rest.find(piece),
        };
        let Some(found) = found else { return false };
        // In between stands the name of a schema.
        if at > 0 && !rest[..found].ends_with('.') {
            return false;
        }
        rest = &rest[found + piece.len()..];
    }
    rest.is_empty()
}

/// Another valid index of the same table with the same columns, method and condition; one that keeps rows unique at once
/// where the index itself does.
pub(super) async fn twin(
    connection: &mut PgConnection,
    table: &TableName,
    tail: &str,
    own: &str,
    unique: bool,
) -> Result<Option<String>, ApplyError> {
    let row = query(
        "SELECT c.relname::pg_catalog.text AS name FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
         WHERE n.nspname = $1 AND t.relname = $2 AND i.indisvalid AND c.relname <> $4
           AND ((i.indisunique AND i.indimmediate) OR NOT $5)
           AND pg_catalog.right(pg_catalog.pg_get_indexdef(i.indexrelid), pg_catalog.length($3)) = $3 LIMIT 1",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .bind(tail)
    .bind(own)
    .bind(unique)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.try_get("name")).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_rehearsed_is_found_again_whatever_its_schema() {
        let rehearsed = "CREATE INDEX i ON apply_check_1.t USING btree (lower((mail)::text)) WHERE (kind = 'a'::apply_check_1.kind)";
        let expected = expected_of(rehearsed, "apply_check_1");
        let real = |schema: &str, value: &str| {
            format!(
                "CREATE INDEX i ON public.t USING btree (lower((mail)::text)) WHERE (kind = '{value}'::{schema}.kind)"
            )
        };
        assert!(is_expected(&expected, &real("public", "a")));
        assert!(is_expected(&expected, &real("\"Odd one\"", "a")));
        assert!(!is_expected(&expected, &real("public", "b")));
        let plain =
            expected_of("CREATE INDEX i ON apply_check_1.t USING btree (a)", "apply_check_1");
        assert!(is_expected(&plain, "CREATE INDEX i ON public.t USING btree (a)"));
        assert!(!is_expected(&plain, "CREATE INDEX i ON public.t USING btree (a) WHERE (a > 1)"));
        assert!(!is_expected(&plain, "CREATE INDEX i ON public.t USING btree (a, b)"));
    }
}
