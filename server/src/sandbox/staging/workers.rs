//! Several connections, and definitions that are run side by side.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, try_join_all};
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::facts::TableFacts;
use super::running::{run_one, run_together};
use crate::postgres::{MainSession, PgFailure, Session, Snapshot};
use crate::sql::DumpStatement;

/// A statement that failed, and why.
pub(super) type Failed = (DumpStatement, PgFailure);

/// Opens one more connection to the sandbox, proven not to be main.
pub type Connect<'a> = &'a (dyn Fn() -> BoxFuture<'a, Result<Session, SandboxError>> + Send + Sync);

/// Connections that are used at once.
const MOST_WORKERS: usize = 4;
/// Rows of a larger table arrive frozen, which needs a new file for the table.
const FROZEN_FROM_BYTES: i64 = 1 << 20;

/// Connections besides the first ones.
#[derive(Debug, Default)]
pub(super) struct Helpers {
    pub sandboxes: Vec<Session>,
    pub mains: Vec<MainSession>,
}

impl Helpers {
    /// Opens as many as the machine has processors for: more of them build no faster, but push each other's entries out of
    /// the caches. Where none is to be had, the first connections do all.
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
