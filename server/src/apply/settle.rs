//! What became of a change that did not come to its end: the catalog decides. Valid means made; what is half made is
//! dropped; absent means that nothing was done.

use optischema::model::{CatalogState, Change, EffectLine, TableName, index_line, index_of_line};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::execute::{Applied, detail_of, not_run, object_of, run, scope_of};
use super::kinds::maintenance::marker;
use super::known_index::{is_expected, known_index};
use super::plan::{ChangePlan, Touch};
use super::rollback::{lines_now, renamed};
use super::state::read_state;
use crate::postgres::PgFailure;
use crate::postgres::query;
use crate::sql::{Patch, PatchKind, drop_index_sql};

/// Which way a change was going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// Where it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As before it began.
    Untouched,
    /// It came to its end.
    Done,
    /// Neither, and it could not be put right now; the reason.
    Left(String),
}

/// What the line of an index that serves nobody begins with: no definition does.
const INVALID: &str = "invalid: ";

/// Whether a line says that an index serves nobody.
pub(super) fn is_invalid(line: &str) -> bool {
    line.starts_with(INVALID)
}

/// The definition at the head of an index's line, whether it is valid or not.
pub(super) fn defined(line: &str) -> &str {
    let line = line.strip_prefix(INVALID).unwrap_or(line);
    line.split('\n').next().unwrap_or(line)
}

/// Looks where a planned change stands, and puts right what is half done.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn settle(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<Standing, ApplyError> {
    if plan.touches.is_empty() {
        return settle_maintenance(connection, plan).await;
    }
    let keys = plan.keys();
    let scope = plan.scope();
    for attempt in 0..2 {
        let now = read_state(connection, &scope).await?;
        let effect = plan.before.effect(&now, Some(&keys));
        if effect.is_empty() {
            return Ok(Standing::Untouched);
        }
        if stands(plan, &now, &effect) {
            if removes(plan) {
                // What PostgreSQL has begun to drop serves nobody any more. What cannot go now goes with a clean-up.
                drop_half_made(connection, &keys, true, Direction::Forward).await?;
            }
            return Ok(Standing::Done);
        }
        if attempt > 0 {
            break;
        }
        if let Some(left) =
            drop_half_made(connection, &keys, removes(plan), Direction::Forward).await?
        {
            return Ok(Standing::Left(left));
        }
    }
    Ok(Standing::Left("what the catalog says is neither as before nor as it was meant".into()))
}

/// What a change altered. An index that is being dropped counts as gone.
pub(super) fn effect_of(plan: &ChangePlan, now: &CatalogState) -> Vec<EffectLine> {
    let removed = |key: &String| {
        plan.touches.iter().any(|(touched, touch)| touched == key && *touch == Touch::Removes)
    };
    let mut effect = plan.before.effect(now, Some(&plan.keys()));
    for line in &mut effect {
        if removed(&line.key) && line.after.as_deref().is_some_and(is_invalid) {
            line.after = None;
        }
    }
    effect
}

/// Drops what is left of indexes whose drop was begun; what cannot go now is named.
pub(super) async fn drop_remains(
    connection: &mut PgConnection,
    effect: &[EffectLine],
) -> Result<Option<String>, ApplyError> {
    let keys: Vec<String> =
        effect.iter().filter(|line| line.after.is_none()).map(|line| line.key.clone()).collect();
    for key in &keys {
        let Some(name) = index_of_line(key) else { continue };
        let is_whole = known_index(connection, &name).await?.is_some_and(|known| known.valid);
        if is_whole {
            // Somebody's own by now.
            return Ok(None);
        }
    }
    drop_half_made(connection, &keys, true, Direction::Forward).await
}

fn removes(plan: &ChangePlan) -> bool {
    plan.touches.iter().any(|(_, touch)| *touch == Touch::Removes)
}

fn stands(plan: &ChangePlan, now: &CatalogState, effect: &[EffectLine]) -> bool {
    plan.touches.iter().all(|(key, touch)| {
        let line = now.0.get(key);
        match touch {
            Touch::Makes => line.is_some_and(|line| !is_invalid(line)),
            Touch::Removes => line.is_none_or(|line| {
                is_invalid(line) && plan.before.0.get(key).is_some_and(|was| !is_invalid(was))
            }),
            // What it sets may be set already for some of it.
            Touch::Alters => effect.iter().any(|changed| plan.keys().contains(&changed.key)),
        }
    })
}

/// Drops indexes that are half made, or half dropped. Returns what could not be dropped now.
async fn drop_half_made(
    connection: &mut PgConnection,
    keys: &[String],
    was_there: bool,
    direction: Direction,
) -> Result<Option<String>, ApplyError> {
    let names: Vec<TableName> = keys.iter().filter_map(|key| index_of_line(key)).collect();
    // What hangs on a partitioned index goes with it; what was not attached yet goes by itself.
    for with_parts in [false, true] {
        for name in &names {
            let Some(known) = known_index(connection, name).await? else { continue };
            if known.is_part != with_parts {
                continue;
            }
            // An index that was only to be dropped is whole until it is invalid.
            let whole = known.valid && was_there && direction == Direction::Forward;
            if whole {
                continue;
            }
            if known.building {
                return Ok(Some(format!("somebody is building the index {name} now")));
            }
            let sql = drop_index_sql(&name.schema, &name.name, !known.is_partitioned);
            match run(connection, &sql).await {
                Ok(()) => {}
                Err(failure) if failure.is_connection() => return Err(failure.into()),
                Err(failure) => {
                    return Ok(Some(format!(
                        "an invalid index {name} is left, and could not be dropped yet: {failure}; {}",
                        match direction {
                            Direction::Forward => "cleaning up tries again",
                            Direction::Backward => "rolling back again carries on",
                        }
                    )));
                }
            }
        }
    }
    Ok(None)
}

async fn settle_maintenance(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<Standing, ApplyError> {
    let (Some(table), Some(before)) = (plan.tables.first(), &plan.marker) else {
        return Ok(Standing::Untouched);
    };
    for left in drop_rebuilt(connection, table).await? {
        // In nobody's way: it serves no one, and only its owner or a superuser can drop it.
        tracing::warn!(
            index = left,
            "an invalid index of a rebuild is left, and may not be dropped"
        );
    }
    Ok(match marker(connection, plan.kind, table).await? {
        None => Standing::Left(format!("{table} is no longer there")),
        Some(now) if now == *before => Standing::Untouched,
        Some(_) => Standing::Done,
    })
}

/// Drops, as far as the role may, what a cut-off `REINDEX CONCURRENTLY` leaves: its new index, or the old one, invalid and under a name of
/// PostgreSQL's own making. Returns the names of those that stay: TOAST tables' are a superuser's to drop.
pub(super) async fn drop_rebuilt(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Vec<String>, ApplyError> {
    let rows = query(
        "WITH RECURSIVE tree AS (
             SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2
             UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid)
         SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE NOT i.indisvalid AND c.relname OPERATOR(pg_catalog.~) '_cc(new|old)[0-9]*$'
           AND (i.indrelid IN (SELECT oid FROM tree)
                OR i.indrelid IN (SELECT t.reltoastrelid FROM pg_catalog.pg_class t JOIN tree ON tree.oid = t.oid))
           AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p WHERE p.relid = i.indrelid)",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_all(&mut *connection)
    .await?;
    let mut left = Vec::new();
    for row in &rows {
        let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
        if let Err(failure) = run(connection, &drop_index_sql(&schema, &name, true)).await {
            if failure.is_connection() {
                return Err(failure.into());
            }
            left.push(format!("{schema}.{name}"));
        }
    }
    Ok(left)
}

/// Looks where the rollback of a change stands, and puts right what is half done.
///
/// `made` are lines of indexes that the rollback meant to make beside those that the change dropped.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn settle_rollback(
    connection: &mut PgConnection,
    change: &Change,
    made: &[String],
) -> Result<Standing, ApplyError> {
    let detail = detail_of(change);
    let scope = scope_of(change, &detail);
    let lines = lines_now(connection, change, &detail).await?;
    let effect = &lines.effect;
    for _ in 0..2 {
        if let Some(renamed) = renamed(connection, change).await? {
            return Ok(Standing::Left(renamed));
        }
        let now = read_state(connection, &scope).await?;
        let is = |line: &EffectLine, side: &Option<String>| {
            lines.is_same(now.0.get(&line.key), side.as_ref())
        };
        if effect.iter().all(|line| is(line, &line.before)) {
            return Ok(Standing::Done);
        }
        if effect.iter().all(|line| is(line, &line.after)) {
            return Ok(Standing::Untouched);
        }
        // Dropping goes on to its end; building again is taken back. Either way what is half there is dropped, and
        // nothing that somebody else made.
        let is_ours = |line: &&EffectLine| {
            let Some(there) = now.0.get(&line.key) else { return false };
            let rebuilt = line.after.is_none()
                && line.before.as_deref().is_some_and(|was| defined(was) == defined(there));
            is_invalid(there) || rebuilt
        };
        let mut keys: Vec<String> =
            effect.iter().filter(is_ours).map(|line| line.key.clone()).collect();
        keys.extend(made.iter().filter(|key| now.0.contains_key(*key)).cloned());
        if let Some(left) = drop_half_made(connection, &keys, false, Direction::Backward).await? {
            return Ok(Standing::Left(left));
        }
    }
    Ok(Standing::Left(
        "what the catalog says is neither what was applied nor what was before".into(),
    ))
}

/// Drops an invalid leftover of an index, if there is one; whether one was dropped.
///
/// # Errors
/// The sandbox cannot be asked.
pub(super) async fn drop_invalid(
    connection: &mut PgConnection,
    name: &TableName,
) -> Result<bool, ApplyError> {
    let Some(known) = known_index(connection, name).await? else { return Ok(false) };
    if known.valid || known.building {
        return Ok(false);
    }
    let sql = drop_index_sql(&name.schema, &name.name, !known.is_partitioned && !known.is_part);
    match run(connection, &sql).await {
        Ok(()) => Ok(true),
        Err(failure @ (PgFailure::Unreachable(_) | PgFailure::Busy(_))) => Err(failure.into()),
        Err(failure) => {
            tracing::warn!(%name, %failure, "an invalid index stays until the next clean-up");
            Ok(false)
        }
    }
}

/// A change that came to its end and was not written down: its object and lines as they are now, after what only
/// completes it was run again.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn finish(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<Applied, ApplyError> {
    let mut notes = Vec::new();
    for step in plan.steps.iter().filter(|step| step.follow_up) {
        if let Err(failure) = run(connection, &step.sql).await {
            if failure.is_connection() {
                return Err(failure.into());
            }
            notes.push(not_run(step, &failure));
        }
    }
    let now = read_state(connection, &plan.scope()).await?;
    let effect = effect_of(plan, &now);
    let object = object_of(connection, plan).await?;
    Ok(Applied { object, effect, duration_ms: 0.0, notes })
}

/// Whether what stands under an index's name is what was meant. Of other kinds the catalog's lines have said so.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn makes_it(
    connection: &mut PgConnection,
    plan: &ChangePlan,
    patch: Option<&Patch>,
) -> Result<bool, ApplyError> {
    let name = TableName::new(&plan.object.schema, &plan.object.name);
    if let Some(expected) = &plan.expected {
        let now = read_state(connection, &plan.scope()).await?;
        let line = now.0.get(&index_line(&name));
        return Ok(line.is_some_and(|line| is_expected(expected, defined(line))));
    }
    let Some(PatchKind::CreateIndex(index)) = patch.map(|patch| &patch.kind) else {
        return Ok(true);
    };
    let known = known_index(connection, &name).await?;
    Ok(known.is_some_and(|known| index.makes(&known.object.definition)))
}
