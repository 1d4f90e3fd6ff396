//! The way back: what undoes a change on the tables as they are now, the proof that its object is still what was applied,
//! and the undoing itself.

use std::time::Instant;

use optischema::change_plan::joined;
use optischema::model::{
    CatalogChange, CatalogEntry, CatalogObject, CatalogState, Change, ChangeKind, ChangeStep,
    TableName,
};
use sqlx::postgres::PgConnection;

use super::applied::{detail_of, made_object};
use super::catalog_state::{Scope, read_state};
use super::current_effect::{CurrentEffect, current_effect, renamed};
use super::error::ApplyError;
use super::kinds::parts::{build, rebuilt};
use super::known_index::known_index;
use super::plan_site::{Branch, Place, branches};
use super::reason::ApplyReason;
use super::rehearsal::restored;
use super::settle::drop_remains;
use super::steps::{Told, run_steps};
use crate::postgres::relation_exists;

/// A change that was undone.
#[derive(Debug, Clone, PartialEq)]
pub struct RolledBack {
    pub duration_ms: f64,
    pub notes: Vec<String>,
}

/// How a change is undone now. Partitions may have come and gone since it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct WayBack {
    steps: Vec<ChangeStep>,
    /// What it puts back in the catalog.
    effect: CurrentEffect,
    /// Indexes that it builds on partitions that came since.
    pub made: Vec<CatalogObject>,
    notes: Vec<String>,
}

impl WayBack {
    /// The statements, one under the other.
    #[must_use]
    pub fn sql(&self) -> String {
        joined(&self.steps)
    }
}

/// How the change is undone on the tables as they are now.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn way_back(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<WayBack, ApplyError> {
    let detail = detail_of(change);
    let now = current_effect(connection, change, &detail).await?;
    let stays = |step: &&ChangeStep| step.table.as_ref().is_none_or(|t| !now.left.contains(t));
    let mut way = WayBack {
        steps: detail.rollback.iter().filter(stays).cloned().collect(),
        effect: now.clone(),
        made: Vec::new(),
        notes: Vec::new(),
    };
    let builds = change.kind == ChangeKind::DropIndex;
    for table in &now.left {
        let fate = match relation_exists(connection, table).await? {
            true => "was detached",
            false => "is gone",
        };
        let what = match change.kind {
            ChangeKind::DropIndex => "its index is not built again",
            ChangeKind::CreateIndex => "its index is left as it is",
            _ => "what was altered of it is left as it is",
        };
        way.notes.push(format!("{table} {fate}: {what}."));
    }
    let known = |branch: &&Branch| detail.parts.iter().any(|part| part.table == branch.name);
    let came: Vec<&Branch> = now.tree.iter().filter(|branch| !known(branch)).collect();
    if !builds || now.tree.is_empty() || (came.is_empty() && now.left.is_empty()) {
        return Ok(way);
    }
    let parts = rebuilt(connection, &detail.parts, &now.tree).await?;
    way.steps = build(&parts, Place::Own)?;
    let staying = detail.parts.iter().filter(|part| !now.left.contains(&part.table));
    way.steps.extend(staying.flat_map(|part| part.finish.iter().cloned()));
    for branch in came {
        let part = parts.iter().find(|part| part.table == branch.name);
        way.made.extend(part.map(|part| CatalogObject::Index(part.index(Place::Own))));
        way.notes.push(format!("{} came since: it gets an index too.", branch.name));
    }
    Ok(way)
}

/// Proves that the object is still what was applied. Returns the catalog as it is.
///
/// # Errors
/// It has drifted, or cannot be undone now; nothing was changed.
pub async fn check_undo(
    connection: &mut PgConnection,
    change: &Change,
    way: &WayBack,
) -> Result<CatalogState, ApplyError> {
    if let Some(reason) = &change.no_rollback {
        return Err(ApplyError::failed(ApplyReason::Irreversible { reason: reason.clone() }));
    }
    let detail = detail_of(change);
    let scope = Scope::of_change(change, &detail);
    if let Some(left) = drop_remains(connection, &way.effect.changes).await? {
        return Err(ApplyError::failed(left));
    }
    let now = read_state(connection, &scope).await?;
    if let Some(drift) = drift(&way.effect.changes, &now) {
        return Err(match renamed(connection, change).await? {
            // It stands all the same: once it has its name again it can be rolled back.
            Some(renamed) => ApplyError::failed(renamed),
            None => ApplyError::drifted(drift),
        });
    }
    check_same_object(connection, change).await?;
    check_nobody_elses(connection, change, way).await?;
    Ok(now)
}

/// Undoes a change that [`check_undo`] has looked at.
///
/// # Errors
/// The rollback does not run; what is half done is the caller's to settle.
pub async fn roll_back(
    connection: &mut PgConnection,
    change: &Change,
    way: &WayBack,
    now: &CatalogState,
    told: Told<'_>,
) -> Result<RolledBack, ApplyError> {
    let detail = detail_of(change);
    let scope = Scope::of_change(change, &detail);
    let started = Instant::now();
    let ran = run_steps(connection, &way.steps, told).await;
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    let left_out = ran?;
    // From here on it is undone: what cannot be looked at now is no answer.
    let after = read_state(connection, &scope)
        .await
        .map_err(|failure| ApplyError::from(failure).unanswered())?;
    check_restored(way, &after)?;
    let mut notes = way.notes.clone();
    notes.extend(left_out);
    notes.extend(went_with_it(connection, way, now, &after).await?);
    if change.detail.is_some() {
        notes.push(match restored(&detail.before, &after) {
            Ok(()) => format!(
                "The catalog of {} equals the one before the change ({} compared).",
                tables_of(change),
                optischema::figures::counted(after.0.len() as u64, "line")
            ),
            Err(line) => {
                format!("What the change altered is as before; something else is not: {line}.")
            }
        });
    }
    Ok(RolledBack { duration_ms, notes })
}

/// Whether the catalog says that it is undone.
fn check_restored(way: &WayBack, after: &CatalogState) -> Result<(), ApplyError> {
    let differs_from_before = |change: &&CatalogChange| {
        !way.effect.is_same(after.0.get(&change.object), change.before.as_ref())
    };
    if let Some(change) = way.effect.changes.iter().find(differs_from_before) {
        return Err(ApplyError::drifted(ApplyReason::RolledBackOtherwise {
            object: change.object.clone(),
            difference: differs(change.before.as_ref(), after.0.get(&change.object)),
        }));
    }
    let is_whole =
        |object: &&CatalogObject| after.0.get(*object).is_some_and(|entry| !entry.is_invalid());
    match way.made.iter().find(|object| !is_whole(object)) {
        Some(object) => {
            Err(ApplyError::drifted(ApplyReason::RollbackLeftNone { object: object.clone() }))
        }
        None => Ok(()),
    }
}

/// Indexes of partitions that came since the change: they hang on its index, and are dropped with it.
async fn went_with_it(
    connection: &mut PgConnection,
    way: &WayBack,
    now: &CatalogState,
    after: &CatalogState,
) -> Result<Vec<String>, ApplyError> {
    let ours = |object: &CatalogObject| way.effect.changes.iter().any(|c| c.object == *object);
    let gone = now.0.keys().filter(|object| !after.0.contains_key(object) && !ours(object));
    let mut notes = Vec::new();
    for object in gone {
        let Some(name) = object.index() else { continue };
        if !relation_exists(connection, name).await? {
            notes.push(format!("With it went the {object}, of a partition that came since."));
        }
    }
    Ok(notes)
}

/// What hangs on the index that is to go, and has a name that PostgreSQL would not have given it, is a person's own: it came
/// with a partition that was attached.
async fn check_nobody_elses(
    connection: &mut PgConnection,
    change: &Change,
    way: &WayBack,
) -> Result<(), ApplyError> {
    if change.kind != ChangeKind::CreateIndex || way.effect.tree.is_empty() {
        return Ok(());
    }
    let top = TableName::new(&change.object.schema, &change.object.name);
    for branch in branches(connection, &top).await? {
        let is_ours = way.effect.changes.iter().any(|c| c.object.index() == Some(&branch.name));
        let Some(known) = known_index(connection, &branch.name).await? else { continue };
        let given = branch.name.name.starts_with(&known.table.name)
            && branch.name.name.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with("_idx");
        if !is_ours && !given {
            let (index, table) = (branch.name, known.table);
            return Err(ApplyError::failed(ApplyReason::OthersIndex { index, table }));
        }
    }
    Ok(())
}

fn tables_of(change: &Change) -> String {
    let names: Vec<String> = change.tables.iter().map(ToString::to_string).collect();
    if names.is_empty() { "the database's settings".to_owned() } else { names.join(", ") }
}

fn differs(was: Option<&CatalogEntry>, is: Option<&CatalogEntry>) -> String {
    let side = |side: Option<&CatalogEntry>| {
        side.map_or("nothing".to_owned(), |entry| {
            format!("`{}`", entry.to_string().replace('\n', "; "))
        })
    };
    format!("it was {}, it is {}", side(was), side(is))
}

/// Whether an entry is still what the change left. An index that an earlier rollback was cut off from dropping is.
fn is_ours(change: &CatalogChange, now: &CatalogState) -> bool {
    match (&change.before, &change.after, now.0.get(&change.object)) {
        (None, Some(after), Some(there)) => {
            there == after || (there.is_invalid() && there.has_definition_of(after))
        }
        (_, after, there) => there == after.as_ref(),
    }
}

/// The first entry that is no longer what the change left.
fn drift(effect: &[CatalogChange], now: &CatalogState) -> Option<ApplyReason> {
    let change = effect.iter().find(|change| !is_ours(change, now))?;
    let (object, is) = (change.object.clone(), now.0.get(&change.object));
    Some(match (&change.after, is) {
        (Some(_), None) => ApplyReason::ObjectGone { object },
        (None, Some(there)) => ApplyReason::ObjectBack { object, entry: there.to_string() },
        (after, _) => {
            ApplyReason::ObjectAltered { object, difference: differs(after.as_ref(), is) }
        }
    })
}

/// What was made, and is another object of the very same form now, is somebody else's.
async fn check_same_object(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<(), ApplyError> {
    let object = &change.object;
    let Some(oid) = object.oid else { return Ok(()) };
    let name = TableName::new(&object.schema, &object.name);
    let now = made_object(connection, change.kind, &name).await?;
    match now {
        Some(now) if now.oid == Some(oid) => Ok(()),
        _ => Err(ApplyError::drifted(ApplyReason::ObjectRebuilt { name })),
    }
}
