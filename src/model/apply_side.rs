//! The side that applies changes: where, how many, what runs, who waits for whom.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Job, TargetHealth};

/// The state of the apply side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplyStatus {
    /// Whether a change could be applied now.
    pub ready: bool,
    /// Why not, where it could not.
    pub reason: Option<String>,
    /// Where changes are applied.
    pub target: String,
    pub applied: i64,
    pub rolled_back: i64,
    pub drifted: i64,
    /// Apply and rollback jobs that are queued or running.
    pub live_jobs: i64,
    /// Those that are running, and what they are at.
    pub running: Vec<Job>,
    /// Sessions in the sandbox that wait for a lock.
    pub locks: Vec<LockWait>,
    pub targets: Vec<TargetHealth>,
}

/// A session that waits, and whom it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LockWait {
    pub pid: i32,
    /// `application_name` of who waits.
    pub application: String,
    pub statement: String,
    pub waits_seconds: i64,
    pub blocked_by: Vec<Blocker>,
}

impl LockWait {
    /// Who holds the lock, in words.
    #[must_use]
    pub fn holder(&self) -> String {
        match self.blocked_by.as_slice() {
            [] => "a session that has just ended".to_owned(),
            [one] => one.to_string(),
            [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
        }
    }
}

/// A session that holds others up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blocker {
    pub pid: i32,
    pub role: String,
    pub application: String,
    /// `active`, `idle in transaction`, …
    pub state: String,
    pub transaction_seconds: Option<i64>,
    pub statement: String,
}

impl std::fmt::Display for Blocker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "session {} (role {}", self.pid, self.role)?;
        if !self.application.is_empty() {
            write!(f, ", {}", self.application)?;
        }
        write!(f, ", {}", self.state)?;
        if let Some(seconds) = self.transaction_seconds {
            write!(f, ", its transaction is {seconds} s old")?;
        }
        write!(f, "): {}", self.statement)
    }
}

/// What a clean-up dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CleanupReport {
    /// Names of the schemas and invalid indexes that were dropped.
    pub dropped: Vec<String>,
}

impl CleanupReport {
    /// The same for a person.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.dropped.as_slice() {
            [] => "There was nothing to be cleaned up in the sandbox.".to_owned(),
            dropped => format!("Dropped in the sandbox: {}.", dropped.join(", ")),
        }
    }
}
