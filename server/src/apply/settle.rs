//! What became of a change that did not come to its end: the catalog decides. Valid means made; what is half made is
//! dropped; absent means that nothing was done.

use optischema::change_plan::{ChangePlan, Touch};
use optischema::model::{
    CatalogChange, CatalogEntry, CatalogObject, CatalogState, Change, TableName,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::applied::{Applied, detail_of, object_of};
use super::catalog_state::{Scope, read_state};
use super::current_effect::{current_effect, renamed};
use super::error::ApplyError;
use super::kinds::maintenance::marker;
use super::known_index::{is_expected, known_index};
use super::reason::ApplyReason;
use super::steps::{not_run, run};
use crate::postgres::PgFailure;
use crate::postgres::query;
use crate::sql::{Patch, PatchKind, drop_index_sql};

/// Which way a change was going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// Where a change that did not come to its end is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// As before it began.
    Untouched,
    /// It came to its end.
    Done,
    /// Neither, and it could not be put right now.
    Left(ApplyReason),
}

/// Looks where a planned change stands, and puts right what is half done.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn settle(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<Settled, ApplyError> {
    if plan.touches.is_empty() {
        return settle_maintenance(connection, plan).await;
    }
    let objects = plan.objects();
    let scope = Scope::of_plan(plan);
    for attempt in 0..2 {
        let now = read_state(connection, &scope).await?;
        let effect = plan.before.changes(&now, Some(&objects));
        if effect.is_empty() {
            return Ok(Settled::Untouched);
        }
        if stands(plan, &now, &effect) {
            if removes(plan) {
                // What PostgreSQL has begun to drop serves nobody any more. What cannot go now goes with a clean-up.
                drop_half_made(connection, &objects, true, Direction::Forward).await?;
            }
            return Ok(Settled::Done);
        }
        if attempt > 0 {
            break;
        }
        if let Some(left) =
            drop_half_made(connection, &objects, removes(plan), Direction::Forward).await?
        {
            return Ok(Settled::Left(left));
        }
    }
    Ok(Settled::Left(ApplyReason::NeitherState))
}

/// What a change altered. An index that is being dropped counts as gone.
pub(super) fn effect_of(plan: &ChangePlan, now: &CatalogState) -> Vec<CatalogChange> {
    let removed = |object: &CatalogObject| {
        plan.touches.iter().any(|(touched, touch)| touched == object && *touch == Touch::Removes)
    };
    let mut effect = plan.before.changes(now, Some(&plan.objects()));
    for change in &mut effect {
        if removed(&change.object) && change.after.as_ref().is_some_and(CatalogEntry::is_invalid) {
            change.after = None;
        }
    }
    effect
}

/// Drops what is left of indexes whose drop was begun; what cannot go now is named.
pub(super) async fn drop_remains(
    connection: &mut PgConnection,
    effect: &[CatalogChange],
) -> Result<Option<ApplyReason>, ApplyError> {
    let gone: Vec<CatalogObject> = effect
        .iter()
        .filter(|change| change.after.is_none())
        .map(|change| change.object.clone())
        .collect();
    for name in gone.iter().filter_map(CatalogObject::index) {
        let is_whole = known_index(connection, name).await?.is_some_and(|known| known.valid);
        if is_whole {
            // Somebody's own by now.
            return Ok(None);
        }
    }
    drop_half_made(connection, &gone, true, Direction::Forward).await
}

fn removes(plan: &ChangePlan) -> bool {
    plan.touches.iter().any(|(_, touch)| *touch == Touch::Removes)
}

fn stands(plan: &ChangePlan, now: &CatalogState, effect: &[CatalogChange]) -> bool {
    let is_invalid = |state: &CatalogState, object: &CatalogObject| {
        state.0.get(object).is_some_and(CatalogEntry::is_invalid)
    };
    plan.touches.iter().all(|(object, touch)| {
        let is_there = now.0.contains_key(object);
        match touch {
            Touch::Makes => is_there && !is_invalid(now, object),
            Touch::Removes => {
                let was_valid =
                    plan.before.0.contains_key(object) && !is_invalid(&plan.before, object);
                !is_there || (is_invalid(now, object) && was_valid)
            }
            // What it sets may be set already for some of it.
            Touch::Alters => effect.iter().any(|change| plan.objects().contains(&change.object)),
        }
    })
}

/// Drops indexes that are half made, or half dropped. Returns what could not be dropped now.
async fn drop_half_made(
    connection: &mut PgConnection,
    objects: &[CatalogObject],
    was_there: bool,
    direction: Direction,
) -> Result<Option<ApplyReason>, ApplyError> {
    let names: Vec<&TableName> = objects.iter().filter_map(CatalogObject::index).collect();
    // What hangs on a partitioned index goes with it; what was not attached yet goes by itself.
    for with_parts in [false, true] {
        for &name in &names {
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
                return Ok(Some(ApplyReason::BeingBuilt { index: name.clone() }));
            }
            let sql = drop_index_sql(&name.schema, &name.name, !known.is_partitioned);
            match run(connection, &sql).await {
                Ok(()) => {}
                Err(failure) if failure.is_connection() => return Err(failure.into()),
                Err(failure) => {
                    return Ok(Some(ApplyReason::InvalidLeft {
                        index: name.clone(),
                        failure,
                        rolling_back: direction == Direction::Backward,
                    }));
                }
            }
        }
    }
    Ok(None)
}

async fn settle_maintenance(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<Settled, ApplyError> {
    let (Some(table), Some(before)) = (plan.tables.first(), &plan.marker) else {
        return Ok(Settled::Untouched);
    };
    for left in drop_rebuilt(connection, table).await? {
        // In nobody's way: it serves no one, and only its owner or a superuser can drop it.
        tracing::warn!(
            index = left,
            "an invalid index of a rebuild is left, and may not be dropped"
        );
    }
    Ok(match marker(connection, plan.kind, table).await? {
        None => Settled::Left(ApplyReason::TableGone { table: table.clone() }),
        Some(now) if now == *before => Settled::Untouched,
        Some(_) => Settled::Done,
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
/// `made` are indexes that the rollback meant to build beside those that the change dropped.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn settle_rollback(
    connection: &mut PgConnection,
    change: &Change,
    made: &[CatalogObject],
) -> Result<Settled, ApplyError> {
    let detail = detail_of(change);
    let scope = Scope::of_change(change, &detail);
    let current = current_effect(connection, change, &detail).await?;
    let effect = &current.changes;
    for _ in 0..2 {
        if let Some(renamed) = renamed(connection, change).await? {
            return Ok(Settled::Left(renamed));
        }
        let now = read_state(connection, &scope).await?;
        let is = |change: &CatalogChange, side: &Option<CatalogEntry>| {
            current.is_same(now.0.get(&change.object), side.as_ref())
        };
        if effect.iter().all(|change| is(change, &change.before)) {
            return Ok(Settled::Done);
        }
        if effect.iter().all(|change| is(change, &change.after)) {
            return Ok(Settled::Untouched);
        }
        // Dropping goes on to its end; building again is taken back. Either way what is half there is dropped, and
        // nothing that somebody else made.
        let is_ours = |change: &&CatalogChange| {
            let Some(there) = now.0.get(&change.object) else { return false };
            let rebuilt = change.after.is_none()
                && change.before.as_ref().is_some_and(|was| was.has_definition_of(there));
            there.is_invalid() || rebuilt
        };
        let mut objects: Vec<CatalogObject> =
            effect.iter().filter(is_ours).map(|change| change.object.clone()).collect();
        objects.extend(made.iter().filter(|object| now.0.contains_key(object)).cloned());
        if let Some(left) = drop_half_made(connection, &objects, false, Direction::Backward).await?
        {
            return Ok(Settled::Left(left));
        }
    }
    Ok(Settled::Left(ApplyReason::NeitherState))
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
    let now = read_state(connection, &Scope::of_plan(plan)).await?;
    let effect = effect_of(plan, &now);
    let object = object_of(connection, plan).await?;
    Ok(Applied { object, effect, duration_ms: 0.0, notes })
}

/// Whether what stands under an index's name is what was meant. Of other kinds the catalog's entries have said so.
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
        let now = read_state(connection, &Scope::of_plan(plan)).await?;
        let there = now.0.get(&CatalogObject::Index(name)).and_then(CatalogEntry::index);
        return Ok(there.is_some_and(|index| is_expected(expected, &index.definition)));
    }
    let Some(PatchKind::CreateIndex(index)) = patch.map(|patch| &patch.kind) else {
        return Ok(true);
    };
    let known = known_index(connection, &name).await?;
    Ok(known.is_some_and(|known| index.makes(&known.object.definition)))
}
