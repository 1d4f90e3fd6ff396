//! The change itself: preflight, `CREATE INDEX CONCURRENTLY` on a dedicated connection, the check that it
//! is valid, and the way back.

use std::time::Instant;

use optischema::model::{Change, ChangedObject, TableName};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use thiserror::Error;

use super::catalog::{equivalent_index, index_state, owns_table};
use crate::postgres::PgFailure;
use crate::sandbox::SandboxError;
use crate::sql::{CreateIndex, Patch, PatchKind, SqlError, drop_index_sql, index_definition_in};

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
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedPatch {
    pub table: TableName,
    pub index: String,
    pub patch: String,
    pub rollback: String,
    /// What a rollback brings back, where the patch removes something.
    before: Option<ChangedObject>,
    /// What is made, where the patch makes something.
    create: Option<CreateIndex>,
}

/// What stands under the name of an index that OptiSchema wants to make.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    Nothing,
    /// The index itself, valid.
    Made(ChangedObject),
    /// An invalid leftover of it, which could not be dropped now; the reason.
    Leftover(String),
    /// Something else of that name; its definition.
    Foreign(String),
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
            let refuse = |reason: String| Err(ApplyError::Failed(reason));
            match settle(connection, index).await? {
                Standing::Nothing => {}
                Standing::Leftover(reason) => return refuse(reason),
                Standing::Made(ChangedObject { definition, .. })
                | Standing::Foreign(definition) => {
                    return refuse(format!("the sandbox has that index already: {definition}"));
                }
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
                create: Some((**index).clone()),
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
                create: None,
            })
        }
        other => Err(ApplyError::Failed(format!(
            "only CREATE INDEX and DROP INDEX are applied so far, and this is {}",
            other.label()
        ))),
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

/// Looks what stands under the name of an index; an invalid leftover of it that nobody is building is
/// dropped.
pub async fn settle(
    connection: &mut PgConnection,
    index: &CreateIndex,
) -> Result<Standing, ApplyError> {
    let (schema, name) = (&index.table.schema, &index.name);
    let Some(state) = index_state(connection, schema, name).await? else {
        return Ok(Standing::Nothing);
    };
    if !index.makes(&state.object.definition) {
        return Ok(Standing::Foreign(state.object.definition));
    }
    if state.valid {
        return Ok(Standing::Made(state.object));
    }
    if state.building {
        return Ok(Standing::Leftover(format!("somebody is building the index {name} now")));
    }
    match run(connection, &drop_index_sql(schema, name, true)).await {
        Ok(()) => Ok(Standing::Nothing),
        Err(failure) if failure.is_connection() => Err(failure.into()),
        Err(failure) => Ok(Standing::Leftover(format!(
            "an invalid index {name} is left, and could not be dropped yet: {failure}; cleaning up tries again"
        ))),
    }
}

/// Makes the change. Whatever ends it, an invalid leftover is dropped as soon as that can be done.
///
/// # Errors
/// Nothing was changed, but for a leftover that the sentence names.
pub async fn apply_patch(
    connection: &mut PgConnection,
    planned: &PlannedPatch,
) -> Result<AppliedPatch, ApplyError> {
    let started = Instant::now();
    let ran = run(connection, &planned.patch).await;
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    let Some(index) = &planned.create else {
        ran?;
        let object = planned.before.clone();
        let object = object.ok_or_else(|| ApplyError::Error("nothing was to be removed".into()))?;
        let object = ChangedObject { oid: None, ..object };
        return Ok(AppliedPatch { object, duration_ms, notes: Vec::new() });
    };
    if let Err(failure) = ran {
        return Err(match settle(connection, index).await {
            Ok(Standing::Leftover(left)) => ApplyError::Failed(format!("{failure}; {left}")),
            _ => failure.into(),
        });
    }
    match settle(connection, index).await? {
        Standing::Made(object) => {
            let bytes = index_bytes(connection, &object).await?;
            let note = format!("The index takes {} kB.", bytes / 1024);
            Ok(AppliedPatch { object, duration_ms, notes: vec![note] })
        }
        Standing::Leftover(reason) => Err(ApplyError::Failed(reason)),
        Standing::Nothing | Standing::Foreign(_) => {
            Err(ApplyError::Failed("the index came out invalid, and was dropped again".into()))
        }
    }
}

async fn index_bytes(
    connection: &mut PgConnection,
    object: &ChangedObject,
) -> Result<i64, PgFailure> {
    let row = sqlx::query("SELECT pg_relation_size($1::int8::oid)::int8 AS bytes")
        .bind(object.oid)
        .fetch_one(connection)
        .await?;
    Ok(row.try_get("bytes")?)
}

/// The object of a change as the catalog has it now, for reconciling after a crash: whether it stands,
/// and whether it is valid.
pub async fn standing_object(
    connection: &mut PgConnection,
    object: &ChangedObject,
) -> Result<Option<bool>, ApplyError> {
    let state = index_state(connection, &object.schema, &object.name).await?;
    Ok(state.filter(|state| state.object.definition == object.definition).map(|state| state.valid))
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
