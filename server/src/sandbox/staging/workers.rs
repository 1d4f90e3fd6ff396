//! Several connections at work: rows copied and indexes built side by side.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, try_join_all};
use optischema::model::{CopiedTable, TableName};
use optischema::sampling::RowChoice;
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::super::copy::{CopyRows, RowChoices};
use super::builder::Failed;
use super::facts::TableFacts;
use super::running::{run_one, run_together};
use crate::postgres::{MainSession, Session, Snapshot};
use crate::sql::DumpStatement;

/// Opens one more connection to the sandbox, proven not to be main.
pub type Connect<'a> = &'a (dyn Fn() -> BoxFuture<'a, Result<Session, SandboxError>> + Send + Sync);

/// Connections that are used at once, on either side.
const MOST_WORKERS: usize = 4;
/// Rows of a larger table arrive frozen, which needs a new file for the table.
const FROZEN_FROM_BYTES: i64 = 1 << 20;

/// Connections besides the first ones.
#[derive(Debug, Default)]
pub(super) struct Helpers {
    pub sandboxes: Vec<Session>,
    mains: Vec<MainSession>,
}

impl Helpers {
    /// Opens as many as the machine has processors for; where none is to be had, the first connections do all.
    pub(super) async fn open(
        main: &MainSession,
        snapshot: Option<&Snapshot>,
        connect: Option<Connect<'_>>,
    ) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let mut helpers = Self::default();
        let Some(connect) = connect else { return helpers };
        for _ in 1..processors.clamp(2, MOST_WORKERS) {
            match connect().await {
                Ok(session) => helpers.sandboxes.push(session),
                Err(error) => {
                    tracing::info!(%error, "the sandbox has no further connection: going on with fewer");
                    break;
                }
            }
        }
        for _ in 0..helpers.sandboxes.len() {
            let Some(snapshot) = snapshot else { break };
            match main.another_at(snapshot).await {
                Ok(session) => helpers.mains.push(session),
                Err(error) => {
                    tracing::info!(%error, "main has no further connection: going on with fewer");
                    break;
                }
            }
        }
        helpers
    }

    /// Gives the connections to main back.
    pub(super) async fn leave_main(&mut self) {
        for session in self.mains.drain(..) {
            if let Err(error) = session.end().await {
                tracing::debug!(%error, "a connection to main was not closed in order");
            }
        }
    }
}

/// Jobs that workers take from the front.
struct Queue<T>(Mutex<VecDeque<T>>);

impl<T> Queue<T> {
    fn new(jobs: impl IntoIterator<Item = T>) -> Self {
        Self(Mutex::new(jobs.into_iter().collect()))
    }

    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// What came of copying.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub copied: Vec<CopiedTable>,
    pub skipped: Vec<(TableName, String)>,
}

type Say<'a> = Mutex<&'a mut (dyn FnMut(&str) + Send)>;

/// Copies the rows of tables, the largest first.
///
/// # Errors
/// Main or the sandbox is lost.
pub(super) async fn copy_rows(
    (main, sandbox): (&mut MainSession, &mut PgConnection),
    helpers: &mut Helpers,
    tables: &[&TableFacts],
    choices: &RowChoices,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<Rows, SandboxError> {
    let queue = Queue::new(tables.iter().copied());
    let say: Say<'_> = Mutex::new(say);
    let mut workers = vec![copy_from(&queue, main, sandbox, choices, &say)];
    let pairs = helpers.mains.iter_mut().zip(helpers.sandboxes.iter_mut());
    workers
        .extend(pairs.map(|(main, sandbox)| {
            copy_from(&queue, main, &mut sandbox.connection, choices, &say)
        }));
    let mut rows = Rows::default();
    for part in try_join_all(workers).await? {
        rows.copied.extend(part.copied);
        rows.skipped.extend(part.skipped);
    }
    rows.copied.sort_by(|a, b| a.table.cmp(&b.table));
    rows.skipped.sort();
    Ok(rows)
}

async fn copy_from(
    queue: &Queue<&TableFacts>,
    main: &mut MainSession,
    sandbox: &mut PgConnection,
    choices: &RowChoices,
    say: &Say<'_>,
) -> Result<Rows, SandboxError> {
    let mut rows = Rows::default();
    while let Some(table) = queue.take() {
        let source = &table.source;
        if let Some(reason) = &table.forbidden {
            rows.skipped.push((source.table.clone(), reason.clone()));
            continue;
        }
        if table.is_empty {
            rows.copied.push(CopiedTable {
                table: source.table.clone(),
                rows: 0,
                bytes: 0,
                method: choices
                    .choices
                    .get(&table.top)
                    .map_or(optischema::model::CopyMethod::Whole, RowChoice::method),
            });
            continue;
        }
        (say.lock().unwrap_or_else(PoisonError::into_inner))(&format!("copying {}", source.table));
        let copy = CopyRows {
            source,
            top: &table.top,
            schema: &source.table.schema,
            choices,
            is_frozen: is_frozen(table),
        };
        match copy.run(main, sandbox, &mut |_| {}).await {
            Ok(copied) => rows.copied.push(copied),
            Err(SandboxError::UnreadableRows { table, reason }) => {
                rows.skipped.push((table, reason))
            }
            // The sandbox does not take them, as where a check of the table fails there.
            Err(SandboxError::Target(failure)) if !failure.is_connection() => {
                rows.skipped.push((source.table.clone(), failure.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

/// Whether a table's rows arrive frozen.
pub(super) const fn is_frozen(table: &TableFacts) -> bool {
    table.bytes >= FROZEN_FROM_BYTES
}

/// Runs groups of statements: those of one group in order, the groups side by side.
///
/// # Errors
/// The sandbox is lost.
pub(super) async fn run_groups(
    sandbox: &mut PgConnection,
    helpers: &mut Helpers,
    groups: Vec<Vec<DumpStatement>>,
) -> Result<(Vec<DumpStatement>, Vec<Failed>), SandboxError> {
    let queue = Queue::new(groups);
    let mut workers = vec![run_from(&queue, sandbox)];
    let others = helpers.sandboxes.iter_mut();
    workers.extend(others.map(|session| run_from(&queue, &mut session.connection)));
    let (mut made, mut failed) = (Vec::new(), Vec::new());
    for (of_one, failed_of_one) in try_join_all(workers).await? {
        made.extend(of_one);
        failed.extend(failed_of_one);
    }
    Ok((made, failed))
}

async fn run_from(
    queue: &Queue<Vec<DumpStatement>>,
    sandbox: &mut PgConnection,
) -> Result<(Vec<DumpStatement>, Vec<Failed>), SandboxError> {
    let (mut made, mut failed) = (Vec::new(), Vec::new());
    while let Some(group) = queue.take() {
        for statement in group {
            match run_one(sandbox, &statement.sql).await {
                Ok(()) => made.push(statement),
                Err(SandboxError::Target(failure)) if !failure.is_connection() => {
                    failed.push((statement, failure));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok((made, failed))
}

/// Runs batches of statements, each in a transaction of its own, side by side. Returns the statements that were run, and
/// those of batches that failed.
///
/// # Errors
/// The sandbox is lost.
pub(super) async fn run_batches(
    sandbox: &mut PgConnection,
    helpers: &mut Helpers,
    batches: Vec<Vec<DumpStatement>>,
    is_whole: bool,
) -> Result<(Vec<DumpStatement>, Vec<DumpStatement>), SandboxError> {
    let queue = Queue::new(batches);
    let mut workers = vec![run_batches_from(&queue, sandbox, is_whole)];
    let others = helpers.sandboxes.iter_mut();
    workers
        .extend(others.map(|session| run_batches_from(&queue, &mut session.connection, is_whole)));
    let (mut made, mut failed) = (Vec::new(), Vec::new());
    for (of_one, failed_of_one) in try_join_all(workers).await? {
        made.extend(of_one);
        failed.extend(failed_of_one);
    }
    Ok((made, failed))
}

async fn run_batches_from(
    queue: &Queue<Vec<DumpStatement>>,
    sandbox: &mut PgConnection,
    is_whole: bool,
) -> Result<(Vec<DumpStatement>, Vec<DumpStatement>), SandboxError> {
    let (mut made, mut failed) = (Vec::new(), Vec::new());
    while let Some(batch) = queue.take() {
        match run_together(sandbox, &batch, is_whole).await? {
            true => made.extend(batch),
            false => failed.extend(batch),
        }
    }
    Ok((made, failed))
}
