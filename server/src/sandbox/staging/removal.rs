//! Dropping what a staging copy was made of, and nothing else.

use optischema::model::{TableName, quote_identifier};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::super::scratch::execute;
use super::notes;
use crate::postgres::{PgFailure, query};

/// Objects that one statement drops. Each takes locks on the object and its indexes: the server's table of locks holds
/// 64 a connection by default.
const AT_ONCE: usize = 50;

/// Which noted objects are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    /// Those of a copy that was cut off.
    CutOff,
}

/// Noted objects that are still there, the last one made first. `pg_identify_object` fails on others in PostgreSQL 13.
const NOTED: &str = "
    WITH noted AS (
        SELECT s.class_id, s.object_id, pg_catalog.max(s.position) AS position FROM optischema.staging s
        WHERE s.object_id IS NOT NULL AND (NOT s.is_whole OR NOT $1)
          AND CASE s.class_id
              WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_type c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_namespace'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_namespace c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_collation'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_collation c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_proc c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_operator'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_operator c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_opclass'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_opclass c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_opfamily'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_opfamily c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_cast'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_conversion'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_conversion c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_ts_config'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_ts_config c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_ts_dict'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_ts_dict c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_ts_parser'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_ts_parser c WHERE c.oid = s.object_id)
              WHEN 'pg_catalog.pg_ts_template'::pg_catalog.regclass THEN EXISTS (SELECT FROM pg_catalog.pg_ts_template c WHERE c.oid = s.object_id)
          END
        GROUP BY s.class_id, s.object_id)";

#[derive(Debug)]
struct Noted {
    /// As `pg_identify_object` names it, which is the keyword of DROP.
    kind: String,
    /// Quoted and qualified, arguments included.
    identity: String,
    /// Schema and name, where it is a relation.
    relation: Option<TableName>,
}

/// Drops the objects that a staging copy was made of. Objects of others stay, and so does everything while one of them
/// depends on the copy. Returns the relations.
///
/// # Errors
/// Something else depends on one of them: it is named, and nothing is dropped.
pub async fn drop_staging(sandbox: &mut PgConnection) -> Result<Vec<TableName>, SandboxError> {
    let row = query("SELECT pg_catalog.to_regclass('optischema.staging') IS NOT NULL AS present")
        .fetch_one(&mut *sandbox)
        .await?;
    if !row.try_get::<bool, _>("present")? {
        return Ok(Vec::new());
    }
    notes::prepare(sandbox).await?;
    drop_noted(sandbox, Extent::All).await
}

pub(super) async fn drop_noted(
    sandbox: &mut PgConnection,
    extent: Extent,
) -> Result<Vec<TableName>, SandboxError> {
    refuse_dependents(sandbox, extent).await?;
    let noted = noted(sandbox, extent).await?;
    drop_foreign_keys(sandbox, extent).await?;
    let mut left: Vec<&Noted> = Vec::new();
    for batch in batches(&noted) {
        if drop_together(sandbox, batch).await.is_err() {
            left.extend(batch);
        }
    }
    // What depends on each other in a circle: all that is left of a kind at once, as often as that helps.
    while !left.is_empty() {
        let before = left.len();
        let mut still = Vec::new();
        let mut failure = None;
        for one in left {
            if let Err(error) = drop_together(sandbox, std::slice::from_ref(one)).await {
                still.push(one);
                failure = Some(error);
            }
        }
        left = still;
        if let Some(failure) = failure.filter(|_| left.len() == before) {
            return Err(failure.into());
        }
    }
    let text = match extent {
        Extent::All => "DELETE FROM optischema.staging",
        Extent::CutOff => "DELETE FROM optischema.staging WHERE NOT is_whole",
    };
    execute(sandbox, text.to_owned()).await?;
    Ok(noted.into_iter().filter_map(|object| object.relation).collect())
}

async fn noted(sandbox: &mut PgConnection, extent: Extent) -> Result<Vec<Noted>, SandboxError> {
    let text = format!(
        "{NOTED} SELECT o.type AS kind, o.identity, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
         FROM noted LEFT JOIN pg_catalog.pg_class c ON noted.class_id = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = noted.object_id
         LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
              LATERAL pg_catalog.pg_identify_object(noted.class_id, noted.object_id, 0) o
         WHERE o.identity IS NOT NULL ORDER BY noted.position DESC"
    );
    let rows =
        query(sqlx::AssertSqlSafe(text)).bind(extent == Extent::CutOff).fetch_all(sandbox).await?;
    rows.iter()
        .map(|row| {
            let schema: Option<String> = row.try_get("schema")?;
            let name: Option<String> = row.try_get("name")?;
            Ok(Noted {
                kind: row.try_get("kind")?,
                identity: row.try_get("identity")?,
                relation: schema.zip(name).map(|(schema, name)| TableName::new(schema, name)),
            })
        })
        .collect()
}

/// Runs of one kind, of a size that fits the server's table of locks.
fn batches(noted: &[Noted]) -> impl Iterator<Item = &[Noted]> {
    // A cast, an operator class and a schema are dropped one by one.
    let is_single =
        |kind: &str| !["table", "view", "materialized view", "sequence", "type"].contains(&kind);
    noted
        .chunk_by(move |a, b| a.kind == b.kind && !is_single(&a.kind))
        .flat_map(|run| run.chunks(AT_ONCE))
}

async fn drop_together(sandbox: &mut PgConnection, objects: &[Noted]) -> Result<(), PgFailure> {
    let Some(first) = objects.first() else { return Ok(()) };
    // An aggregate over rows has no arguments, which DROP writes otherwise than pg_identify_object.
    let identity = |object: &Noted| match object.kind.as_str() {
        "aggregate" => object.identity.replace("()", "(*)"),
        _ => object.identity.clone(),
    };
    let names: Vec<String> = objects.iter().map(identity).collect();
    let text = format!("DROP {} IF EXISTS {}", first.kind.to_uppercase(), names.join(", "));
    match query(sqlx::AssertSqlSafe(text)).execute(sandbox).await.map_err(PgFailure::from) {
        // A schema that a person uses, too, stays.
        Err(failure) if first.kind == "schema" && failure.sqlstate() == Some("2BP01") => Ok(()),
        Err(failure) => Err(failure),
        Ok(_) => Ok(()),
    }
}

/// Foreign keys between tables of the copy, which may refer to each other in a circle.
async fn drop_foreign_keys(sandbox: &mut PgConnection, extent: Extent) -> Result<(), SandboxError> {
    let text = format!(
        "{NOTED} SELECT k.conname::pg_catalog.text AS key, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
         FROM pg_catalog.pg_constraint k JOIN noted a ON a.object_id = k.conrelid JOIN noted b ON b.object_id = k.confrelid
         JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> k.confrelid"
    );
    let keys = query(sqlx::AssertSqlSafe(text))
        .bind(extent == Extent::CutOff)
        .fetch_all(&mut *sandbox)
        .await?;
    for row in keys {
        let table =
            TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?);
        let key: String = row.try_get("key")?;
        let text = format!(
            "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}",
            table.quoted(),
            quote_identifier(&key)
        );
        execute(sandbox, text).await?;
    }
    Ok(())
}

/// Objects outside the copy that depend on it: nothing is dropped while there is one.
async fn refuse_dependents(sandbox: &mut PgConnection, extent: Extent) -> Result<(), SandboxError> {
    let text = format!(
        "{noted}, within (class, oid) AS (
             SELECT class_id, object_id FROM noted WHERE class_id <> 'pg_catalog.pg_namespace'::pg_catalog.regclass
             UNION SELECT d.classid, d.objid FROM within w
             JOIN pg_catalog.pg_depend d ON d.refclassid = w.class AND d.refobjid = w.oid AND d.deptype IN ('a', 'i', 'P', 'S'))
         SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS dependent,
                pg_catalog.pg_describe_object(w.class, w.oid, 0) AS object
         FROM within w JOIN pg_catalog.pg_depend d ON d.refclassid = w.class AND d.refobjid = w.oid AND d.deptype = 'n'
         WHERE NOT EXISTS (SELECT FROM within x WHERE x.class = d.classid AND x.oid = d.objid)
         -- A partition that a person attached, and a sequence that a column of the copy owns, have rows of their own.
         UNION ALL SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0), pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0)
         FROM noted JOIN pg_catalog.pg_depend d ON d.refclassid = noted.class_id AND d.refobjid = noted.object_id AND d.deptype = 'a'
         JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid AND c.relkind IN ('r', 'p', 'f', 'S')
         WHERE NOT EXISTS (SELECT FROM noted o WHERE o.class_id = d.classid AND o.object_id = d.objid)
         LIMIT 1",
        noted = NOTED.replacen("WITH noted", "WITH RECURSIVE noted", 1)
    );
    let found = query(sqlx::AssertSqlSafe(text))
        .bind(extent == Extent::CutOff)
        .fetch_optional(sandbox)
        .await?;
    match found {
        Some(row) => Err(SandboxError::Depends {
            dependent: row.try_get("dependent")?,
            object: row.try_get("object")?,
        }),
        None => Ok(()),
    }
}
