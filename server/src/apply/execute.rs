//! The change itself: its steps one after the other, and the check that the catalog says so.

use std::time::{Duration, Instant};

use optischema::change_plan::{ChangePlan, Touch};
use optischema::model::{CatalogChange, CatalogState, ChangeKind};
use sqlx::postgres::PgConnection;

use super::applied::{Applied, object_of};
use super::catalog_state::{Scope, read_state};
use super::error::ApplyError;
use super::kinds::maintenance::marker;
use super::reason::ApplyReason;
use super::settle::{Settled, effect_of, settle};
use super::steps::{Told, run_steps};
use crate::postgres::query;

/// So often it is looked whether maintenance is counted as done.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

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
    if let Settled::Left(reason) = settle(connection, plan).await? {
        return Err(ApplyError::failed(reason));
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
            Settled::Done if removes && !plan.touches.is_empty() => notes.push(format!(
                "It was cut off ({failure}), and what had begun was carried on; what may be left goes with a clean-up."
            )),
            Settled::Left(left) => {
                return Err(ApplyError::from(failure).and(left));
            }
            Settled::Untouched | Settled::Done => return Err(failure.into()),
        }
    }
    check_not_skipped(connection, plan).await?;
    // From here on it stands: what fails now is no answer, and the catalog is asked again later.
    let after = read_state(connection, &Scope::of_plan(plan))
        .await
        .map_err(|failure| ApplyError::from(failure).unanswered())?;
    let effect = effect_of(plan, &after);
    if let Some(reason) = unfinished(plan, &after, &effect) {
        let error = ApplyError::failed(reason);
        return Err(match settle(connection, plan).await.map_err(ApplyError::unanswered)? {
            Settled::Left(left) => error.and(left),
            Settled::Untouched | Settled::Done => error,
        });
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
    Err(ApplyError::failed(ApplyReason::Skipped { table: table.clone() }))
}

/// Why the catalog does not say that the change was made.
fn unfinished(
    plan: &ChangePlan,
    after: &CatalogState,
    effect: &[CatalogChange],
) -> Option<ApplyReason> {
    for (object, touch) in &plan.touches {
        match (touch, after.0.get(object)) {
            (Touch::Makes, None) => return Some(ApplyReason::NotMade { object: object.clone() }),
            (Touch::Makes, Some(entry)) if entry.is_invalid() => {
                return Some(ApplyReason::CameOutInvalid { object: object.clone() });
            }
            (Touch::Removes, Some(entry)) if !entry.is_invalid() => {
                return Some(ApplyReason::StillThere { object: object.clone() });
            }
            _ => {}
        }
    }
    (!plan.touches.is_empty() && effect.is_empty()).then_some(ApplyReason::ChangedNothing)
}

async fn size_note(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<Option<String>, ApplyError> {
    if plan.kind != ChangeKind::CreateIndex {
        return Ok(None);
    }
    let mut bytes = 0_i64;
    for (object, _) in &plan.touches {
        let Some(name) = object.index() else { continue };
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
