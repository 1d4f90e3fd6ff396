//! A whole workload at once, without a store: what main counts, or what a person gives.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use optischema::model::{Catalog, QueryHash, QueryKind, TrackedStatement};
use optischema::plan::Lineage;
use optischema::workload::{Counted, own_times};
use sqlx::Row;
use thiserror::Error;

use super::cursors::credit;
use super::raw::RawStatement;
use super::understand::{Calling, Reader, StatementIdentity};
use crate::postgres::query;
use crate::postgres::{MainSession, PgFailure, StatementsView, active_texts, no_texts, role_paths};

/// What was collected.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    pub catalog: Catalog,
    /// The application's, the dearest first.
    pub statements: Vec<TrackedStatement>,
    /// Statements that were left out: system's and OptiSchema's own.
    pub left_out: u32,
}

/// Why nothing was collected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CollectError {
    #[error(transparent)]
    Target(#[from] PgFailure),
}

/// What statements of a database are read with: catalog, lineage, and where its texts end.
#[derive(Debug)]
pub struct ReadingContext {
    pub catalog: Catalog,
    lineage: Lineage,
    cut_at: usize,
}

impl ReadingContext {
    /// Reads it from main.
    pub async fn read(session: &mut MainSession) -> Result<Self, PgFailure> {
        let catalog = session.catalog().await?;
        let lineage = session.lineage().await?;
        let row = query(
            "SELECT /* optischema */ setting::pg_catalog.int8 AS size FROM pg_catalog.pg_settings
             WHERE name = 'track_activity_query_size'",
        )
        .fetch_one(session.connection().await?)
        .await?;
        let size: i64 = row.try_get("size")?;
        Ok(Self { catalog, lineage, cut_at: usize::try_from(size).unwrap_or_default() })
    }

    /// What statements are read with.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            catalog: &self.catalog,
            lineage: &self.lineage,
            cut_at: self.cut_at,
            sees_inside: false,
        }
    }
}

/// Reads the statements that main has counted since its last reset; those whose turn does not come `until` then are not
/// planned. With `sample_activity`, what sessions run now settles constants that the counters hide.
///
/// # Errors
/// Main is out of reach, or its statements cannot be read.
pub async fn collect(
    session: &mut MainSession,
    until: Option<Instant>,
    sample_activity: bool,
) -> Result<Collection, CollectError> {
    let context = ReadingContext::read(session).await?;
    let view = StatementsView::find(session.connection().await?).await?;
    let (snapshot, _) = view.snapshot(session.connection().await?).await?;
    let roles = role_paths(session.connection().await?).await?;
    let ids: Vec<i64> = snapshot.readings.iter().map(|reading| reading.key.queryid).collect();
    let texts = view.texts(session.connection().await?, &ids).await.map_err(no_texts)?;
    let mut raw: Vec<(i64, RawStatement)> = snapshot
        .readings
        .iter()
        .filter_map(|reading| {
            let raw = RawStatement {
                is_typed: false,
                is_nested: !reading.key.toplevel,
                is_counted: true,
                sql: texts.get(&reading.key.queryid)?.clone(),
                calls: reading.counters.calls,
                total_time_ms: reading.counters.total_time_ms,
                rows: reading.counters.rows,
                temp_blocks: reading.counters.temp_blocks,
                search_path: roles.get(&reading.key.userid).map(|role| role.search_path.clone()),
                role: roles.get(&reading.key.userid).map(|role| role.role.clone()),
                ..RawStatement::default()
            };
            Some((reading.key.userid, raw))
        })
        .collect();
    credit(&mut raw);
    let mut raw: Vec<RawStatement> = raw.into_iter().map(|(_, raw)| raw).collect();
    to_own_times(&context.reader(), &mut raw);
    if sample_activity {
        let reader = context.reader();
        let texts = active_texts(session.connection().await?).await?;
        let mut seen: BTreeMap<QueryHash, Vec<(String, i64)>> = BTreeMap::new();
        for (hash, text) in reader.statements_of_sessions(texts, &roles) {
            seen.entry(hash).or_default().push((text.sql, text.sessions));
        }
        for one in &mut raw {
            let hash = reader
                .identify(&one.sql, one.search_path.as_deref(), one.role.as_deref())
                .query_hash;
            one.seen = seen.get(&hash).cloned().unwrap_or_default();
        }
    }
    understand_all(session, context, raw, until, false).await
}

/// Leaves each statement the time that it took itself.
fn to_own_times(reader: &Reader<'_>, raw: &mut [RawStatement]) {
    if raw.iter().all(|raw| !raw.is_nested) {
        return;
    }
    let entry = |raw: &RawStatement| {
        let calls = reader.calling(&raw.sql);
        Counted {
            time_ms: raw.total_time_ms,
            is_nested: raw.is_nested,
            calls_functions: calls == Calling::Functions,
            writes: calls == Calling::Writes,
        }
    };
    let mut entries: Vec<Counted> = raw.iter().map(entry).collect();
    own_times(&mut entries);
    raw.iter_mut().zip(entries).for_each(|(raw, entry)| raw.total_time_ms = entry.time_ms);
}

/// Reads statements that a person gives: all of them are listed, whatever they are. Those whose turn does not come `until`
/// then are not planned.
///
/// # Errors
/// Main is out of reach.
pub async fn collect_given(
    session: &mut MainSession,
    raw: Vec<RawStatement>,
    until: Option<Instant>,
) -> Result<Collection, CollectError> {
    let context = ReadingContext::read(session).await?;
    // Whose cursor it is only counters say.
    let mut raw: Vec<(i64, RawStatement)> = raw.into_iter().map(|raw| (0, raw)).collect();
    credit(&mut raw);
    let raw = raw.into_iter().map(|(_, raw)| raw).collect();
    understand_all(session, context, raw, until, true).await
}

async fn understand_all(
    session: &mut MainSession,
    context: ReadingContext,
    raw: Vec<RawStatement>,
    until: Option<Instant>,
    given: bool,
) -> Result<Collection, CollectError> {
    let sees_inside = raw.iter().any(|raw| raw.is_nested);
    let reader = Reader { sees_inside, ..context.reader() };
    let mut merged: BTreeMap<QueryHash, (RawStatement, StatementIdentity)> = BTreeMap::new();
    let mut left_out = 0;
    for raw in raw {
        let identity = reader.identify(&raw.sql, raw.search_path.as_deref(), raw.role.as_deref());
        if identity.kind != QueryKind::User && !given {
            left_out += 1;
            continue;
        }
        match merged.get_mut(&identity.query_hash) {
            None => {
                merged.insert(identity.query_hash.clone(), (raw, identity));
            }
            Some((known, _)) => known.take(raw),
        }
    }
    // The dearest first: where the time is up, what is left out matters least.
    let mut raw: Vec<(RawStatement, StatementIdentity)> = merged.into_values().collect();
    raw.sort_by(|(a, _), (b, _)| b.total_time_ms.total_cmp(&a.total_time_ms));
    let mut statements = track_all(session, &reader, raw, until).await?;
    statements.sort_by(|a, b| b.total_time_ms.total_cmp(&a.total_time_ms));
    Ok(Collection { catalog: context.catalog, statements, left_out })
}

/// Statements from here on are planned by two sessions: while one waits for the server, the other reads.
const MANY: usize = 100;

/// Understands statements in their order, by two sessions where there are many and main has a second connection to spare.
async fn track_all(
    session: &mut MainSession,
    reader: &Reader<'_>,
    raw: Vec<(RawStatement, StatementIdentity)>,
    until: Option<Instant>,
) -> Result<Vec<TrackedStatement>, PgFailure> {
    let is_many = raw.len() >= MANY;
    let waiting = Mutex::new(raw.into_iter());
    if !is_many {
        return track_each(session, reader, &waiting, until).await;
    }
    // One session is enough where a second one cannot be had.
    let Ok(mut other) = session.another().await else {
        return track_each(session, reader, &waiting, until).await;
    };
    let (one, two) = tokio::join!(
        track_each(session, reader, &waiting, until),
        track_each(&mut other, reader, &waiting, until)
    );
    // What it said is said; a failure to end changes nothing.
    drop(other.end().await);
    let mut statements = one?;
    statements.extend(two?);
    Ok(statements)
}

/// Takes the next statement as long as there is one.
async fn track_each(
    session: &mut MainSession,
    reader: &Reader<'_>,
    waiting: &Mutex<std::vec::IntoIter<(RawStatement, StatementIdentity)>>,
    until: Option<Instant>,
) -> Result<Vec<TrackedStatement>, PgFailure> {
    let mut statements = Vec::new();
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((raw, identity)) = next else { return Ok(statements) };
        let is_late = until.is_some_and(|until| Instant::now() > until);
        statements.push(match is_late {
            true => reader.left_out(&raw, identity),
            false => reader.track(session, &raw, identity).await?,
        });
    }
}
