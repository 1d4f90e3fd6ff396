//! The way back: what undoes a change on the tables as they are now, the proof that its object is still what was applied,
//! and the undoing itself.

use std::time::Instant;

use optischema::model::{
    CatalogState, Change, ChangeDetail, ChangeKind, ChangeStep, EffectLine, IndexPart, TableName,
    index_line,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::execute::{Told, detail_of, made_object, run_steps, scope_of};
use super::kinds::parts::{build, rebuilt};
use super::plan::{Branch, Place, branches, joined};
use super::rehearsal::restored;
use super::settle::{defined, drop_remains, is_invalid};
use super::state::read_state;
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
    /// Lines of the catalog that it puts back.
    effect: Vec<EffectLine>,
    /// Lines of indexes that it makes on partitions that came since.
    pub made: Vec<String>,
    notes: Vec<String>,
}

impl WayBack {
    /// The statements, one under the other.
    #[must_use]
    pub fn sql(&self) -> String {
        joined(&self.steps)
    }
}

/// The lines that a change altered, but for those of indexes whose table has left its partitioned table since; and the
/// tree of that table, where the change is one of a tree.
pub(super) async fn lines_now(
    connection: &mut PgConnection,
    change: &Change,
    detail: &ChangeDetail,
) -> Result<(Vec<EffectLine>, Vec<Branch>), ApplyError> {
    let (Some(table), false) = (change.tables.first(), detail.parts.is_empty()) else {
        return Ok((detail.effect.clone(), Vec::new()));
    };
    let tree = branches(connection, table).await?;
    if tree.is_empty() {
        // The table itself is gone, and every line with it.
        return Ok((detail.effect.clone(), tree));
    }
    let has_left = |line: &&EffectLine| {
        let part = detail.parts.iter().find(|part| index_line(&part.index) == line.key);
        part.is_some_and(|part| !is_in(&tree, part))
    };
    let here = detail.effect.iter().filter(|line| !has_left(line)).cloned().collect();
    Ok((here, tree))
}

fn is_in(tree: &[Branch], part: &IndexPart) -> bool {
    tree.iter().any(|branch| branch.name == part.table)
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
    let (effect, tree) = lines_now(connection, change, &detail).await?;
    let mut way =
        WayBack { steps: detail.rollback.clone(), effect, made: Vec::new(), notes: Vec::new() };
    let builds = change.kind == ChangeKind::DropIndex;
    for part in detail.parts.iter().filter(|part| !tree.is_empty() && !is_in(&tree, part)) {
        let fate = match relation_exists(connection, &part.table).await? {
            true => "was detached",
            false => "is gone",
        };
        let index = if builds { "is not built again" } else { "is left as it is" };
        way.notes.push(format!("The partition {} {fate}: its index {index}.", part.table));
    }
    let known = |branch: &&Branch| detail.parts.iter().any(|part| part.table == branch.name);
    let came: Vec<&Branch> = tree.iter().filter(|branch| !known(branch)).collect();
    if !builds || (came.is_empty() && way.notes.is_empty()) {
        return Ok(way);
    }
    let parts = rebuilt(connection, &detail.parts, &tree).await?;
    way.steps = build(&parts, Place::Own)?;
    let staying = detail.parts.iter().filter(|part| is_in(&tree, part));
    way.steps.extend(staying.flat_map(|part| part.finish.iter().cloned()));
    for branch in came {
        let part = parts.iter().find(|part| part.table == branch.name);
        way.made.extend(part.map(|part| index_line(&part.index(Place::Own))));
        way.notes.push(format!("The partition {} came since: it gets an index too.", branch.name));
    }
    Ok(way)
}

/// Undoes a change, after proving that its object is still what was applied.
///
/// # Errors
/// It has drifted, or the rollback does not run; nothing was changed.
pub async fn roll_back(
    connection: &mut PgConnection,
    change: &Change,
    way: &WayBack,
    told: Told<'_>,
) -> Result<RolledBack, ApplyError> {
    if let Some(reason) = &change.no_rollback {
        return Err(ApplyError::Failed(reason.clone()));
    }
    let detail = detail_of(change);
    let scope = scope_of(change, &detail);
    if let Some(left) = drop_remains(connection, &way.effect).await? {
        return Err(ApplyError::Failed(left));
    }
    let now = read_state(connection, &scope).await?;
    if let Some(drift) = drift(&way.effect, &now) {
        return Err(ApplyError::Drifted(renamed(connection, change).await?.unwrap_or(drift)));
    }
    check_same_object(connection, change).await?;
    let started = Instant::now();
    let ran = run_steps(connection, &way.steps, told).await;
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    if let Err(failure) = ran {
        return Err(failure.into());
    }
    let after = read_state(connection, &scope).await?;
    check_restored(way, &after)?;
    let mut notes = way.notes.clone();
    notes.extend(went_with_it(way, &now, &after));
    if change.detail.is_some() {
        notes.push(match restored(&detail.before, &after) {
            Ok(()) => format!(
                "The catalog of {} equals the one before the change ({} lines compared).",
                tables_of(change),
                after.0.len()
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
    let differing = way.effect.iter().find(|line| after.0.get(&line.key) != line.before.as_ref());
    if let Some(line) = differing {
        return Err(ApplyError::Drifted(format!(
            "the rollback ran, and {} is not what it was before: {}",
            line.key,
            differs(line.before.as_ref(), after.0.get(&line.key))
        )));
    }
    let is_whole = |key: &&String| after.0.get(*key).is_some_and(|line| !is_invalid(line));
    match way.made.iter().find(|key| !is_whole(key)) {
        Some(key) => Err(ApplyError::Drifted(format!("the rollback ran, and left no {key}"))),
        None => Ok(()),
    }
}

/// Indexes of partitions that came since the change: they hang on its index, and are dropped with it.
fn went_with_it(way: &WayBack, now: &CatalogState, after: &CatalogState) -> Vec<String> {
    let ours = |key: &String| way.effect.iter().any(|line| line.key == *key);
    let gone = now.0.keys().filter(|key| !after.0.contains_key(*key) && !ours(key));
    gone.map(|key| format!("With it went the {key}, of a partition that came since.")).collect()
}

fn tables_of(change: &Change) -> String {
    let names: Vec<String> = change.tables.iter().map(ToString::to_string).collect();
    if names.is_empty() { "the database's settings".to_owned() } else { names.join(", ") }
}

fn differs(was: Option<&String>, is: Option<&String>) -> String {
    let side = |side: Option<&String>| {
        side.map_or("nothing".to_owned(), |line| format!("`{}`", line.replace('\n', "; ")))
    };
    format!("it was {}, it is {}", side(was), side(is))
}

/// Whether a line is still what the change left. An index that an earlier rollback was cut off from dropping is.
fn is_ours(line: &EffectLine, now: &CatalogState) -> bool {
    match (&line.before, &line.after, now.0.get(&line.key)) {
        (None, Some(after), Some(there)) => {
            there == after || (is_invalid(there) && defined(there) == defined(after))
        }
        (_, after, there) => there == after.as_ref(),
    }
}

/// The first line that is no longer what the change left.
fn drift(effect: &[EffectLine], now: &CatalogState) -> Option<String> {
    let line = effect.iter().find(|line| !is_ours(line, now))?;
    let is = now.0.get(&line.key);
    Some(match (&line.after, is) {
        (Some(_), None) => format!("the {} is no longer there: somebody dropped it", line.key),
        (None, Some(there)) => format!("the {} stands there again: `{there}`", line.key),
        (after, _) => {
            format!(
                "the {} is no longer what was applied: {}",
                line.key,
                differs(after.as_ref(), is)
            )
        }
    })
}

/// Where the object that was made is under another name now, or on another table: in words.
async fn renamed(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<Option<String>, ApplyError> {
    let Some(oid) = change.object.oid else { return Ok(None) };
    let text = match change.kind {
        ChangeKind::CreateIndex => {
            "SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_class c
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid::int8 = $1 AND c.relkind IN ('i', 'I')"
        }
        ChangeKind::CreateStatistics => {
            "SELECT n.nspname::text AS schema, s.stxname::text AS name FROM pg_statistic_ext s
             JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.oid::int8 = $1"
        }
        _ => return Ok(None),
    };
    let row = sqlx::query(text).bind(oid).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(None) };
    let was = TableName::new(&change.object.schema, &change.object.name);
    let is = TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?);
    Ok((is != was).then(|| {
        format!(
            "{was} is called {is} now: somebody renamed it; give it its name again to roll it back"
        )
    }))
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
        _ => Err(ApplyError::Drifted(format!(
            "{name} is no longer what was applied: somebody made it anew"
        ))),
    }
}
