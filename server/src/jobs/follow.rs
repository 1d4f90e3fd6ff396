//! Following a change from a second connection while it runs: how far PostgreSQL is with it, and who holds it up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use optischema::model::{ChangeStep, LockWait};
use tokio::task::JoinHandle;

use super::progress::Progress;
use crate::apply::look;
use crate::postgres::{Dsn, connect_writable};

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(400);

/// What is being done now, and how far that is of the whole job.
#[derive(Debug, Clone)]
struct Doing {
    words: String,
    from: f64,
    to: f64,
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
        let words = if of > 1 {
            format!("step {} of {of}: {}", at + 1, step.title)
        } else {
            format!("running {}", step.sql)
        };
        let (from, to) = (share(at, of), share(at + 1, of));
        progress.report(&words, from);
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Doing { words, from, to });
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
        let mut words = now.words.clone();
        if let Some(step) = &step {
            words = format!("{words}: {}", step.words);
        }
        if let Some(waits) = &waits {
            words = format!("{words}; waiting for a lock, held up by {}", who(waits));
            *wait.lock().unwrap_or_else(PoisonError::into_inner) = Some(waits.clone());
        }
        if step.is_some() || waits.is_some() {
            progress.report(&words, now.from + (now.to - now.from) * share);
        }
    }
}

/// Those that hold a session up, in words.
pub(super) fn who(wait: &LockWait) -> String {
    match wait.blocked_by.as_slice() {
        [] => "a session that has just ended".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
    }
}
