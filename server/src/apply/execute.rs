//! The change itself: preflight, `CREATE INDEX CONCURRENTLY` on a dedicated connection, the check that it
//! is valid, and the way back.

use std::time::Instant;

use optischema::model::{Change, ChangedObject, TableName};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use thiserror::Error;

use super::catalog::{IndexState, equivalent_index, index_state, owns_table};
use crate::postgres::PgFailure;
use crate::sandbox::SandboxError;
use crate::sql::{Patch, PatchKind, SqlError, drop_index_sql, index_definition_in};

/// How an apply or a rollback ended without a change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The answer is no; the state is as it was.
    #[error("{0}")]
    Failed(String),
    /// It could not run.
    #[error("{0}")]
    Error(String),
    /// The object is no longer what was applied.
    #[error("{0}")]
    Drifted(String),
}

impl From<PgFailure> for ApplyError {
    fn from(failure: PgFailure) -> Self {
        if failure.sqlstate().is_some() || failure == PgFailure::Stopped {
            Self::Failed(failure.to_string())
        } else {
            Self::Error(failure.to_string())
        }
    }
}

impl From<SandboxError> for ApplyError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Target(failure) => failure.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<SqlError> for ApplyError {
    fn from(error: SqlError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A patch with its rollback, both complete statements for the sandbox's own tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPatch {
    pub table: TableName,
    pub index: String,
    pub patch: String,
    pub rollback: String,
    /// What a rollback brings back; for a new index, what it will be.
    before: Option<ChangedObject>,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct AppliedPatch {
    pub object: ChangedObject,
    pub duration_ms: f64,
    pub notes: Vec<String>,
}

/// Looks whether the patch can be applied, and derives its rollback from the catalog as it is now.
///
/// # Errors
/// The sentence that says what is in the way.
pub async fn plan_patch(
    connection: &mut PgConnection,
    patch: &Patch,
    tables: &[TableName],
) -> Result<PlannedPatch, ApplyError> {
    match &patch.kind {
        PatchKind::CreateIndex(index) => {
            let table = &index.table;
            require_table(connection, table).await?;
            if index_state(connection, &table.schema, &index.name).await?.is_some() {
                return Err(ApplyError::Failed(format!(
                    "the sandbox has an index named {} already",
                    index.name
                )));
            }
            let statement = index.sql(&table.schema, true)?;
            let tail = statement.split_once(" USING ").map(|(_, tail)| format!(" USING {tail}"));
            if let Some(twin) =
                equivalent_index(connection, table, tail.as_deref().unwrap_or(&statement)).await?
            {
                return Err(ApplyError::Failed(format!("{twin} is the same index already")));
            }
            Ok(PlannedPatch {
                table: table.clone(),
                index: index.name.clone(),
                patch: statement,
                rollback: drop_index_sql(&table.schema, &index.name, true),
                before: None,
            })
        }
        PatchKind::DropIndex(drop) => {
            let state =
                index_state(connection, &drop.schema, &drop.name).await?.ok_or_else(|| {
                    ApplyError::Failed(format!("the sandbox has no index named {}", drop.name))
                })?;
            if state.backs_constraint {
                return Err(ApplyError::Failed(format!("a constraint stands on {}", drop.name)));
            }
            let table = tables
                .first()
                .cloned()
                .ok_or_else(|| ApplyError::Failed("the recommendation names no table".into()))?;
            require_table(connection, &table).await?;
            Ok(PlannedPatch {
                table,
                index: drop.name.clone(),
                patch: drop.sql(&drop.schema, true),
                rollback: index_definition_in(&state.object.definition, &drop.schema, true)?,
                before: Some(state.object),
            })
        }
    }
}

async fn require_table(connection: &mut PgConnection, table: &TableName) -> Result<(), ApplyError> {
    match owns_table(connection, table).await? {
        Some(true) => Ok(()),
        Some(false) => Err(ApplyError::Failed(format!("the sandbox's role does not own {table}"))),
        None => Err(ApplyError::Failed(format!(
            "{table} is missing in the sandbox: run `optischema sandbox init`"
        ))),
    }
}

/// Makes the change. Whatever ends it, an invalid leftover is dropped.
///
/// # Errors
/// Nothing was changed.
pub async fn apply_patch(
    connection: &mut PgConnection,
    planned: &PlannedPatch,
) -> Result<AppliedPatch, ApplyError> {
    let started = Instant::now();
    let ran = run(connection, &planned.patch).await;
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    let schema = &planned.table.schema;
    if planned.before.is_none() {
        let state = index_state(connection, schema, &planned.index).await?;
        if let (Err(_), Some(state)) | (Ok(()), Some(state @ IndexState { valid: false, .. })) =
            (&ran, state.clone())
            && !state.valid
        {
            run(connection, &planned.rollback).await?;
        }
        ran?;
        let Some(IndexState { object, valid: true, .. }) = state else {
            return Err(ApplyError::Failed(
                "the index came out invalid, and was dropped again".into(),
            ));
        };
        let bytes = sqlx::query("SELECT pg_relation_size($1::int8::oid)::int8 AS bytes")
            .bind(object.oid)
            .fetch_one(connection)
            .await
            .and_then(|row| row.try_get::<i64, _>("bytes"))
            .map_err(PgFailure::from)?;
        let note = format!("The index takes {} kB.", bytes / 1024);
        return Ok(AppliedPatch { object, duration_ms, notes: vec![note] });
    }
    ran?;
    let object = planned.before.clone().ok_or_else(|| ApplyError::Error("no object".into()))?;
    Ok(AppliedPatch {
        object: ChangedObject { oid: None, ..object },
        duration_ms,
        notes: Vec::new(),
    })
}

/// The object of a change as the catalog has it now, for reconciling after a crash.
pub async fn standing_object(
    connection: &mut PgConnection,
    planned_schema: &str,
    index: &str,
) -> Result<Option<(ChangedObject, bool)>, ApplyError> {
    let state = index_state(connection, planned_schema, index).await?;
    Ok(state.map(|state| (state.object, state.valid)))
}

/// Undoes a change, after proving that the object is still what was applied.
///
/// # Errors
/// It has drifted, or the rollback does not run; nothing was changed.
pub async fn roll_back(connection: &mut PgConnection, change: &Change) -> Result<f64, ApplyError> {
    let object = &change.object;
    let now = index_state(connection, &object.schema, &object.name).await?;
    match (&object.oid, &now) {
        (Some(oid), Some(state)) => {
            if state.object.oid != Some(*oid) || state.object.definition != object.definition {
                return Err(ApplyError::Drifted(format!(
                    "the index {} is no longer what was applied: it was `{}`, it is `{}`",
                    object.name, object.definition, state.object.definition
                )));
            }
        }
        (Some(_), None) => {
            return Err(ApplyError::Drifted(format!(
                "the index {} is no longer there: somebody dropped it",
                object.name
            )));
        }
        (None, Some(state)) => {
            return Err(ApplyError::Drifted(format!(
                "an index named {} stands there again: `{}`",
                object.name, state.object.definition
            )));
        }
        (None, None) => {}
    }
    let started = Instant::now();
    run(connection, &change.rollback_sql).await?;
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}

async fn run(connection: &mut PgConnection, statement: &str) -> Result<(), PgFailure> {
    sqlx::query(AssertSqlSafe(statement.to_owned())).persistent(false).execute(connection).await?;
    Ok(())
}
