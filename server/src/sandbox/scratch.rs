//! The life of a scratch schema: made under an advisory lock, commented with its expiry, dropped at the
//! end whatever the end, and swept where the process that made it is gone.

use optischema::model::{quote_identifier, quote_literal};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::SandboxError;
use super::names::{ScratchComment, ScratchKind, ScratchSchema};
use crate::clock::{in_seconds, now};
use crate::postgres::query;

/// A scratch schema whose lock is free is swept this long after it was made.
const EXPIRY_SECONDS: i64 = 3600;

/// Takes the lock of a schema for the life of this connection. Returns whether it was free.
pub async fn hold_scratch(
    connection: &mut PgConnection,
    schema: &ScratchSchema,
) -> Result<bool, SandboxError> {
    let row = query("SELECT pg_catalog.pg_try_advisory_lock($1) AS held")
        .bind(schema.lock_key())
        .fetch_one(connection)
        .await?;
    Ok(row.try_get("held")?)
}

/// Makes the schema anew, with its comment.
pub async fn create_scratch(
    connection: &mut PgConnection,
    schema: &ScratchSchema,
) -> Result<(), SandboxError> {
    drop_scratch(connection, schema).await?;
    let name = quote_identifier(&schema.name);
    let comment =
        ScratchComment { optischema_job: schema.id, expires_at: in_seconds(EXPIRY_SECONDS) };
    let comment = serde_json::to_string(&comment).unwrap_or_default();
    for statement in [
        format!("CREATE SCHEMA {name}"),
        format!("COMMENT ON SCHEMA {name} IS {}", quote_literal(&comment)),
    ] {
        execute(connection, statement).await?;
    }
    Ok(())
}

/// Drops the schema and everything in it; nothing happens where it is not there.
pub async fn drop_scratch(
    connection: &mut PgConnection,
    schema: &ScratchSchema,
) -> Result<(), SandboxError> {
    execute(connection, format!("DROP SCHEMA IF EXISTS {} CASCADE", quote_identifier(&schema.name)))
        .await
}

/// Which scratch schemas are swept, once their lock is free.
#[derive(Debug, Clone, Copy)]
pub enum Due<'a> {
    /// The expired ones, and those of these jobs.
    ExpiredOr(&'a [uuid::Uuid]),
    /// All but those of these jobs, which are live.
    AllBut(&'a [uuid::Uuid]),
}

/// Drops every scratch schema that is due and whose lock is free. Returns the names.
pub async fn sweep(
    connection: &mut PgConnection,
    due: Due<'_>,
) -> Result<Vec<String>, SandboxError> {
    let rows = query(
        "SELECT nspname::pg_catalog.text AS name, pg_catalog.obj_description(oid, 'pg_namespace') AS comment
         FROM pg_catalog.pg_namespace WHERE pg_catalog.starts_with(nspname, $1) OR pg_catalog.starts_with(nspname, $2) ORDER BY 1",
    )
    .bind(ScratchKind::Benchmark.prefix())
    .bind(ScratchKind::ApplyCheck.prefix())
    .fetch_all(&mut *connection)
    .await?;
    let mut dropped = Vec::new();
    for row in rows {
        let name: String = row.try_get("name")?;
        let Some(schema) = ScratchSchema::parse(&name) else { continue };
        let comment: Option<String> = row.try_get("comment")?;
        let comment = comment.and_then(|text| serde_json::from_str::<ScratchComment>(&text).ok());
        // Without a readable comment it is not known to be ours, and stays.
        let Some(comment) = comment else { continue };
        let is_due = match due {
            Due::ExpiredOr(jobs) => comment.expires_at <= now() || jobs.contains(&schema.id),
            Due::AllBut(jobs) => !jobs.contains(&schema.id),
        };
        if !is_due || !hold_scratch(connection, &schema).await? {
            continue;
        }
        drop_scratch(connection, &schema).await?;
        query("SELECT pg_catalog.pg_advisory_unlock($1)")
            .bind(schema.lock_key())
            .execute(&mut *connection)
            .await?;
        dropped.push(name);
    }
    Ok(dropped)
}

pub(super) async fn execute(
    connection: &mut PgConnection,
    statement: String,
) -> Result<(), SandboxError> {
    query(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}
