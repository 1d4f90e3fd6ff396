//! The way back: what undoes a change on the tables as they are now, the proof that its object is still what was applied,
//! and the undoing itself.

use std::collections::BTreeSet;
use std::time::Instant;

use optischema::model::{
    CatalogState, Change, ChangeDetail, ChangeKind, ChangeStep, EffectLine, TableName, index_line,
    index_of_line, is_line_of_table,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::execute::{Told, detail_of, made_object, run_steps, scope_of};
use super::kinds::parts::{build, rebuilt};
use super::known_index::known_index;
use super::plan::{Branch, Place, branches, joined};
use super::rehearsal::restored;
use super::settle::{defined, drop_remains, is_invalid};
use super::state::read_state;
use crate::postgres::query;
use crate::postgres::relation_exists;
use crate::sql::index_definition_in;

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
    lines: LinesNow,
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

/// What a change altered, as far as it is still there to be put back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LinesNow {
    /// Its lines, but for those of tables that have left the changed one since.
    pub effect: Vec<EffectLine>,
    /// The changed table with its partitions, where the change is one of an index with parts.
    tree: Vec<Branch>,
    /// Tables below the changed one that have left it.
    left: Vec<TableName>,
}

impl LinesNow {
    /// Whether two lines say the same. PostgreSQL may write a definition differently once it was read back; and where
    /// partitions have left, what an index hangs on may be another than it was.
    pub(super) fn is_same(&self, one: Option<&String>, other: Option<&String>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => is_same_line(one, other, !self.left.is_empty()),
            (one, other) => one == other,
        }
    }
}

fn is_same_line(one: &str, other: &str, any_parent: bool) -> bool {
    let rest = |line: &str| -> Vec<String> {
        let parts = line.split('\n').skip(1);
        parts.filter(|part| !(any_parent && part.starts_with("of "))).map(str::to_owned).collect()
    };
    one == other
        || (is_invalid(one) == is_invalid(other)
            && rest(one) == rest(other)
            && is_same_definition(defined(one), defined(other)))
}

/// Whether two definitions of indexes are one, however they are written.
fn is_same_definition(one: &str, other: &str) -> bool {
    let read = |definition: &str| index_definition_in(definition, "any", false).ok();
    one == other || read(one).is_some_and(|one| read(other) == Some(one))
}

pub(super) async fn lines_now(
    connection: &mut PgConnection,
    change: &Change,
    detail: &ChangeDetail,
) -> Result<LinesNow, ApplyError> {
    let mut now = LinesNow { effect: detail.effect.clone(), tree: Vec::new(), left: Vec::new() };
    let Some(table) = change.tables.first() else { return Ok(now) };
    let below = detail.rollback.iter().filter_map(|step| step.table.as_ref());
    let of_parts = detail.parts.iter().map(|part| &part.table);
    let known: Vec<&TableName> = below.chain(of_parts).collect();
    if known.is_empty() {
        return Ok(now);
    }
    let there = family(connection, table).await?;
    if there.is_empty() {
        // The table itself is gone, and every line with it.
        return Ok(now);
    }
    now.left = known.into_iter().filter(|table| !there.contains(table)).cloned().collect();
    let part = |key: &String| detail.parts.iter().find(|part| index_line(&part.index) == *key);
    let is_gone = |key: &String| {
        part(key).is_some_and(|part| now.left.contains(&part.table))
            || now.left.iter().any(|table| is_line_of_table(key, table))
    };
    now.effect.retain(|line| !is_gone(&line.key));
    if !detail.parts.is_empty() {
        now.tree = branches(connection, table).await?;
    }
    Ok(now)
}

/// A table with all that inherits from it.
async fn family(
    connection: &mut PgConnection,
    top: &TableName,
) -> Result<BTreeSet<TableName>, ApplyError> {
    let rows = query(
        "WITH RECURSIVE tree AS (
             SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2
             UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent)
         SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name FROM tree
         JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
    )
    .bind(&top.schema)
    .bind(&top.name)
    .fetch_all(connection)
    .await?;
    let name = |row: &sqlx::postgres::PgRow| {
        Ok(TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?))
    };
    rows.iter().map(name).collect()
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
    let now = lines_now(connection, change, &detail).await?;
    let stays = |step: &&ChangeStep| step.table.as_ref().is_none_or(|t| !now.left.contains(t));
    let mut way = WayBack {
        steps: detail.rollback.iter().filter(stays).cloned().collect(),
        lines: now.clone(),
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
        way.made.extend(part.map(|part| index_line(&part.index(Place::Own))));
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
        return Err(ApplyError::Failed(reason.clone()));
    }
    let detail = detail_of(change);
    let scope = scope_of(change, &detail);
    if let Some(left) = drop_remains(connection, &way.lines.effect).await? {
        return Err(ApplyError::Failed(left));
    }
    let now = read_state(connection, &scope).await?;
    if let Some(drift) = drift(&way.lines.effect, &now) {
        return Err(match renamed(connection, change).await? {
            // It stands all the same: once it has its name again it can be rolled back.
            Some(renamed) => ApplyError::Failed(renamed),
            None => ApplyError::Drifted(drift),
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
    let scope = scope_of(change, &detail);
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
    let differing = way
        .lines
        .effect
        .iter()
        .find(|line| !way.lines.is_same(after.0.get(&line.key), line.before.as_ref()));
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
async fn went_with_it(
    connection: &mut PgConnection,
    way: &WayBack,
    now: &CatalogState,
    after: &CatalogState,
) -> Result<Vec<String>, ApplyError> {
    let ours = |key: &String| way.lines.effect.iter().any(|line| line.key == *key);
    let mut notes = Vec::new();
    for key in now.0.keys().filter(|key| !after.0.contains_key(*key) && !ours(key)) {
        let Some(name) = index_of_line(key) else { continue };
        if !relation_exists(connection, &name).await? {
            notes.push(format!("With it went the {key}, of a partition that came since."));
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
    if change.kind != ChangeKind::CreateIndex || way.lines.tree.is_empty() {
        return Ok(());
    }
    let top = TableName::new(&change.object.schema, &change.object.name);
    for branch in branches(connection, &top).await? {
        let is_ours = way.lines.effect.iter().any(|line| line.key == index_line(&branch.name));
        let Some(known) = known_index(connection, &branch.name).await? else { continue };
        let given = branch.name.name.starts_with(&known.table.name)
            && branch.name.name.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with("_idx");
        if !is_ours && !given {
            return Err(ApplyError::Failed(format!(
                "{} of {} hangs on it and would go with it: it is not OptiSchema's; detach the partition first",
                branch.name, known.table
            )));
        }
    }
    Ok(())
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

/// Where the object that was made is under another name now, or its table is: in words.
pub(super) async fn renamed(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<Option<String>, ApplyError> {
    let Some(oid) = change.object.oid else { return Ok(None) };
    let text = match change.kind {
        ChangeKind::CreateIndex => {
            "SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, tn.nspname::pg_catalog.text AS table_schema,
                    t.relname::pg_catalog.text AS table_name FROM pg_catalog.pg_index i
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
             WHERE i.indexrelid::pg_catalog.int8 = $1"
        }
        ChangeKind::CreateStatistics => {
            "SELECT n.nspname::pg_catalog.text AS schema, s.stxname::pg_catalog.text AS name, tn.nspname::pg_catalog.text AS table_schema,
                    t.relname::pg_catalog.text AS table_name FROM pg_catalog.pg_statistic_ext s
             JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
             JOIN pg_catalog.pg_class t ON t.oid = s.stxrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
             WHERE s.oid::pg_catalog.int8 = $1"
        }
        _ => return Ok(None),
    };
    let row = query(text).bind(oid).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(None) };
    let is = TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?);
    let table = TableName::new(
        row.try_get::<String, _>("table_schema")?,
        row.try_get::<String, _>("table_name")?,
    );
    let was = TableName::new(&change.object.schema, &change.object.name);
    let of = change.tables.first().filter(|of| **of != table);
    let moved = match of {
        _ if is != was => Some((&was, &is)),
        Some(of) => Some((of, &table)),
        None => None,
    };
    Ok(moved.map(|(was, is)| {
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
