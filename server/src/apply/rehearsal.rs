//! The rehearsal: patch and rollback on empty copies of the tables, in a schema of their own. The catalog
//! after both must equal the one before.

use optischema::model::TableName;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::catalog::snapshot;
use super::execute::ApplyError;
use crate::postgres::PgFailure;
use crate::sandbox::{ScratchKind, ScratchSchema, create_scratch, drop_scratch, hold_scratch};

/// Patch and rollback as they read in a schema.
pub type Statements<'a> = &'a (dyn Fn(&str) -> Result<(String, String), ApplyError> + Sync);

/// Runs `patch` and `rollback`, as they read in the rehearsal's schema, on empty copies of `tables`.
///
/// # Errors
/// One of them does not run, or the catalog afterwards differs.
pub async fn rehearse(
    connection: &mut PgConnection,
    job: Uuid,
    tables: &[TableName],
    statements: Statements<'_>,
) -> Result<(), ApplyError> {
    let schema = ScratchSchema::new(ScratchKind::ApplyCheck, job);
    if !hold_scratch(connection, &schema).await? {
        return Err(ApplyError::Error("another process is rehearsing this job".into()));
    }
    let result = in_schema(connection, &schema, tables, statements).await;
    drop_scratch(connection, &schema).await?;
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(schema.lock_key())
        .execute(connection)
        .await
        .map_err(PgFailure::from)?;
    result
}

async fn in_schema(
    connection: &mut PgConnection,
    schema: &ScratchSchema,
    tables: &[TableName],
    statements: Statements<'_>,
) -> Result<(), ApplyError> {
    create_scratch(connection, schema).await?;
    for table in tables {
        let copy = TableName::new(&schema.name, &table.name).quoted();
        run(connection, format!("CREATE TABLE {copy} (LIKE {} INCLUDING ALL)", table.quoted()))
            .await?;
    }
    let (patch, rollback) = statements(&schema.name)?;
    let before = snapshot(connection, &schema.name).await?;
    run(connection, patch).await.map_err(|error| rehearsed("the patch", &error))?;
    let between = snapshot(connection, &schema.name).await?;
    run(connection, rollback).await.map_err(|error| rehearsed("the rollback", &error))?;
    let after = snapshot(connection, &schema.name).await?;
    if between == before {
        return Err(ApplyError::Failed("in rehearsal the patch changed nothing".into()));
    }
    if after != before {
        let left = after.iter().find(|line| !before.contains(line));
        let gone = before.iter().find(|line| !after.contains(line));
        return Err(ApplyError::Failed(format!(
            "in rehearsal the rollback did not restore the catalog: left {}, gone {}",
            left.map_or("nothing", String::as_str),
            gone.map_or("nothing", String::as_str),
        )));
    }
    Ok(())
}

fn rehearsed(what: &str, error: &PgFailure) -> ApplyError {
    ApplyError::Failed(format!("in rehearsal {what} does not run: {error}"))
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<(), PgFailure> {
    sqlx::query(AssertSqlSafe(statement)).persistent(false).execute(connection).await?;
    Ok(())
}
