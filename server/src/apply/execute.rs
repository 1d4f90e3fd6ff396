//! The change itself: its steps one after the other, and the check that the catalog says so.

use std::time::{Duration, Instant};

use optischema::model::{
    CatalogState, Change, ChangeDetail, ChangeKind, ChangeStep, ChangedObject, EffectLine,
    TableName, index_of_line, is_setting_line,
};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::kinds::maintenance::marker;
use super::kinds::statistics;
use super::known_index::known_index;
use super::plan::{ChangePlan, Touch};
use super::settle::{Standing, effect_of, is_invalid, settle};
use super::state::{Scope, read_state};
use crate::postgres::PgFailure;
use crate::postgres::query;

/// So often it is looked whether maintenance is counted as done.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A change that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    pub object: ChangedObject,
    /// Lines of the catalog that it altered.
    pub effect: Vec<EffectLine>,
    /// Wall time of all steps.
    pub duration_ms: f64,
    pub notes: Vec<String>,
}

/// Told which step runs, of how many.
pub type Told<'a> = &'a mut (dyn FnMut(usize, usize, &ChangeStep) + Send);

/// Makes the change. Whatever ends it, what is half made is dropped as soon as that can be done.
///
/// # Errors
/// Nothing was changed, but for a leftover that the sentence names.
pub async fn make(
    connection: &mut PgConnection,
    plan: &ChangePlan,
    told: Told<'_>,
) -> Result<Applied, ApplyError> {
    // An invalid leftover of an earlier try would be in the way of its own name.
    if let Standing::Left(reason) = settle(connection, plan).await? {
        return Err(ApplyError::Failed(reason));
    }
    let started = Instant::now();
    let ran = run_steps(connection, &plan.steps, told).await;
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    let mut notes = Vec::new();
    if let Ok(left_out) = &ran {
        notes.extend(left_out.iter().cloned());
    }
    if let Err(failure) = ran {
        if failure.is_connection() {
            return Err(failure.into());
        }
        let removes = plan.touches.iter().all(|(_, touch)| *touch == Touch::Removes);
        match settle(connection, plan).await.map_err(ApplyError::unanswered)? {
            // A drop that was begun cannot be taken back: the index serves nobody any more.
            Standing::Done if removes && !plan.touches.is_empty() => notes.push(format!(
                "It was cut off ({failure}), and what had begun was carried on; what may be left goes with a clean-up."
            )),
            Standing::Left(left) => {
                return Err(ApplyError::from(failure).and(&left));
            }
            Standing::Untouched | Standing::Done => return Err(failure.into()),
        }
    }
    check_not_skipped(connection, plan).await?;
    // From here on it stands: what fails now is no answer, and the catalog is asked again later.
    let after = read_state(connection, &plan.scope())
        .await
        .map_err(|failure| ApplyError::from(failure).unanswered())?;
    let effect = effect_of(plan, &after);
    if let Some(reason) = unfinished(plan, &after, &effect) {
        return Err(ApplyError::Failed(
            match settle(connection, plan).await.map_err(ApplyError::unanswered)? {
                Standing::Left(left) => format!("{reason}; {left}"),
                Standing::Untouched | Standing::Done => reason,
            },
        ));
    }
    let object = object_of(connection, plan).await.map_err(ApplyError::unanswered)?;
    // Its size is no part of the change: who holds the table now may keep it.
    notes.extend(size_note(connection, plan).await.ok().flatten());
    Ok(Applied { object, effect, duration_ms, notes })
}

/// `SKIP_LOCKED` passes over a table that somebody holds, with a warning that nobody reads.
async fn check_not_skipped(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<(), ApplyError> {
    let may_skip = plan.steps.iter().any(|step| step.sql.to_lowercase().contains("skip_locked"));
    let (Some(before), Some(table), true) = (&plan.marker, plan.tables.first(), may_skip) else {
        return Ok(());
    };
    // The counters are written a moment after it.
    for _ in 0..LOOKS {
        let now = marker(connection, plan.kind, table).await.map_err(ApplyError::unanswered)?;
        if now.as_ref() != Some(before) {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(ApplyError::Failed(format!(
        "it was skipped: somebody holds {table}, and the statement says SKIP_LOCKED"
    )))
}

/// Why the catalog does not say that the change stands.
fn unfinished(plan: &ChangePlan, after: &CatalogState, effect: &[EffectLine]) -> Option<String> {
    for (key, touch) in &plan.touches {
        let now = after.0.get(key);
        match (touch, now) {
            (Touch::Makes, None) => return Some(format!("the {key} was not made")),
            (Touch::Makes, Some(line)) if is_invalid(line) => {
                return Some(format!("the {key} came out invalid, and was dropped again"));
            }
            (Touch::Removes, Some(line)) if !is_invalid(line) => {
                return Some(format!("the {key} still stands"));
            }
            _ => {}
        }
    }
    (!plan.touches.is_empty() && effect.is_empty())
        .then(|| "it changed nothing: what it sets is set already".to_owned())
}

/// What stands under the name of an object that a change of this kind makes; absent for kinds that make none.
pub(super) async fn made_object(
    connection: &mut PgConnection,
    kind: ChangeKind,
    name: &TableName,
) -> Result<Option<ChangedObject>, ApplyError> {
    Ok(match kind {
        ChangeKind::CreateIndex => known_index(connection, name).await?.map(|known| known.object),
        ChangeKind::CreateStatistics => statistics::standing(connection, name).await?,
        _ => None,
    })
}

/// The object as the catalog has it now.
pub(super) async fn object_of(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<ChangedObject, ApplyError> {
    let name = TableName::new(&plan.object.schema, &plan.object.name);
    let found = made_object(connection, plan.kind, &name).await?;
    Ok(found.unwrap_or_else(|| plan.object.clone()))
}

async fn size_note(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<Option<String>, ApplyError> {
    if plan.kind != ChangeKind::CreateIndex {
        return Ok(None);
    }
    let mut bytes = 0_i64;
    for (key, _) in &plan.touches {
        let Some(name) = index_of_line(key) else { continue };
        let row = query(
            "SELECT pg_catalog.pg_relation_size(c.oid)::pg_catalog.int8 AS bytes FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
        )
        .bind(&name.schema)
        .bind(&name.name)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(row) = row {
            bytes += sqlx::Row::try_get::<i64, _>(&row, "bytes")?;
        }
    }
    Ok(Some(format!("The index takes {}.", optischema::figures::bytes(bytes))))
}

/// Runs steps; those that stand together in one transaction. What only completes the others and does not run is no failure
/// of theirs: it is returned in words.
pub(super) async fn run_steps(
    connection: &mut PgConnection,
    steps: &[ChangeStep],
    told: Told<'_>,
) -> Result<Vec<String>, PgFailure> {
    let mut at = 0;
    let mut left_out = Vec::new();
    while let Some(step) = steps.get(at) {
        let same = steps[at..].iter().take_while(|next| next.in_transaction).count();
        if same < 2 {
            told(at, steps.len(), step);
            match run(connection, &step.sql).await {
                Err(failure) if step.follow_up && !failure.is_connection() => {
                    left_out.push(not_run(step, &failure));
                }
                ran => ran?,
            }
            at += 1;
            continue;
        }
        run(connection, "BEGIN").await?;
        for step in &steps[at..at + same] {
            told(at, steps.len(), step);
            if let Err(failure) = run(connection, &step.sql).await {
                // Where even that fails the connection is gone, and PostgreSQL rolls back by itself.
                drop(run(connection, "ROLLBACK").await);
                return Err(failure);
            }
            at += 1;
        }
        run(connection, "COMMIT").await?;
    }
    Ok(left_out)
}

/// What is said of a step that only completes others, and did not run.
pub(super) fn not_run(step: &ChangeStep, failure: &PgFailure) -> String {
    format!("{} did not run: {failure}. Run it by hand, or let autovacuum do it.", step.sql)
}

pub(super) async fn run(connection: &mut PgConnection, statement: &str) -> Result<(), PgFailure> {
    query(AssertSqlSafe(statement.to_owned())).execute(connection).await?;
    Ok(())
}

/// What a change did to the catalog. Of one that was made before such lines were kept, its object says so.
pub(super) fn detail_of(change: &Change) -> ChangeDetail {
    if let Some(detail) = &change.detail {
        return detail.clone();
    }
    let object = &change.object;
    let name = TableName::new(&object.schema, &object.name);
    let line = Some(object.definition.clone());
    let (before, after) = if object.oid.is_some() { (None, line) } else { (line, None) };
    let step = ChangeStep {
        title: "Undo it".to_owned(),
        sql: change.rollback_sql.clone(),
        lock: super::plan::LOCK_BESIDE_WRITES.to_owned(),
        in_transaction: false,
        follow_up: false,
        table: None,
    };
    ChangeDetail {
        rollback: vec![step],
        effect: vec![EffectLine { key: super::state::index_key(&name), before, after }],
        ..ChangeDetail::default()
    }
}

/// What is read to compare a change's lines.
pub(super) fn scope_of(change: &Change, detail: &ChangeDetail) -> Scope {
    let settings = detail.effect.iter().any(|line| is_setting_line(&line.key));
    Scope { tables: change.tables.clone(), settings }
}
