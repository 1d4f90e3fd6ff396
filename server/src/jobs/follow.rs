//! Following a change from a second connection while it runs: how far PostgreSQL is with it, and who holds it up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use optischema::model::{ChangeStep, LockWait, Phase};
use tokio::task::JoinHandle;

use super::progress::Progress;
use crate::apply::look;
use crate::postgres::{Dsn, connect_writable};

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(400);

/// What is being done now, and how far that is of the whole job.
#[derive(Debug, Clone)]
struct Doing {
    step: u64,
    of: u64,
    title: String,
    from: f64,
    to: f64,
}

impl Doing {
    fn phase(&self, server: Option<String>, wait: Option<LockWait>) -> Phase {
        Phase::RunningStep {
            step: self.step,
            of: self.of,
            title: self.title.clone(),
            server,
            wait: wait.map(Box::new),
        }
    }
}

/// Where a step stands in the whole job.
fn share(at: usize, of: usize) -> f64 {
    0.3 + 0.55 * at as f64 / of.max(1) as f64
}

/// Follows one session until it is dropped.
#[derive(Debug)]
pub(super) struct Follower {
    doing: Arc<Mutex<Option<Doing>>>,
    wait: Arc<Mutex<Option<LockWait>>>,
    task: JoinHandle<()>,
}

impl Follower {
    /// Begins to follow the session with this backend process.
    pub(super) fn start(dsn: &Dsn, pid: i32, progress: &Progress) -> Self {
        let doing: Arc<Mutex<Option<Doing>>> = Arc::default();
        let wait: Arc<Mutex<Option<LockWait>>> = Arc::default();
        let task =
            tokio::spawn(follow(dsn.clone(), pid, progress.clone(), doing.clone(), wait.clone()));
        Self { doing, wait, task }
    }

    /// The session begins its step `at` (from 0) of `of`.
    pub(super) fn step(&self, progress: &Progress, at: usize, of: usize, step: &ChangeStep) {
        let title = if of > 1 { &step.title } else { &step.sql };
        let doing = Doing {
            step: at as u64 + 1,
            of: of as u64,
            title: title.clone(),
            from: share(at, of),
            to: share(at + 1, of),
        };
        progress.report(doing.phase(None, None), doing.from);
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = Some(doing);
    }

    /// Whom it waited for when it was looked at last.
    pub(super) fn last_wait(&self) -> Option<LockWait> {
        self.wait.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(
    dsn: Dsn,
    pid: i32,
    progress: Progress,
    doing: Arc<Mutex<Option<Doing>>>,
    wait: Arc<Mutex<Option<LockWait>>>,
) {
    // Who cannot look does not disturb what is done.
    let Ok(mut session) = connect_writable(&dsn, 10).await else { return };
    if session.name("optischema follows a change").await.is_err() {
        return;
    }
    loop {
        tokio::time::sleep(PERIOD).await;
        let Ok((step, waits)) = look(&mut session.connection, pid).await else { return };
        let now = doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(now) = now else { continue };
        let share = step.as_ref().and_then(|step| step.share).unwrap_or(0.0).clamp(0.0, 1.0);
        if let Some(waits) = &waits {
            *wait.lock().unwrap_or_else(PoisonError::into_inner) = Some(waits.clone());
        }
        if step.is_some() || waits.is_some() {
            let fraction = now.from + (now.to - now.from) * share;
            progress.report(now.phase(step.map(|step| step.words), waits), fraction);
        }
    }
}
