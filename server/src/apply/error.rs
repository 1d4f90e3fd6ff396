//! How an apply or a rollback ends without a change.

use thiserror::Error;

use crate::postgres::PgFailure;
use crate::sandbox::SandboxError;
use crate::sql::SqlError;
use crate::store::StoreError;

/// How an apply or a rollback ended without a change. Each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The answer is no; the state is as it was.
    #[error("{0}")]
    Failed(String),
    /// A lock was not granted in time; the state is as it was.
    #[error("{0}")]
    Locked(String),
    /// It could not run.
    #[error("{0}")]
    Error(String),
    /// The object is no longer what was applied.
    #[error("{0}")]
    Drifted(String),
}

/// SQLSTATE classes that say that the server ran out of something, or of its own: no answer to what was asked.
const OUT_OF_SOMETHING: [&str; 3] = ["53", "58", "XX"];

/// `lock_not_available`: `lock_timeout` was reached.
const LOCK_NOT_AVAILABLE: &str = "55P03";

impl ApplyError {
    /// The same, with what else is to be said.
    #[must_use]
    pub fn and(self, more: &str) -> Self {
        match self {
            Self::Failed(reason) => Self::Failed(format!("{reason}; {more}")),
            Self::Locked(reason) => Self::Locked(format!("{reason}; {more}")),
            Self::Error(reason) => Self::Error(format!("{reason}; {more}")),
            Self::Drifted(reason) => Self::Drifted(format!("{reason}; {more}")),
        }
    }

    /// The same as no answer: the catalog is to be asked again.
    #[must_use]
    pub fn unanswered(self) -> Self {
        Self::Error(self.to_string())
    }
}

impl From<PgFailure> for ApplyError {
    fn from(failure: PgFailure) -> Self {
        match failure.sqlstate() {
            Some(LOCK_NOT_AVAILABLE) => Self::Locked(failure.to_string()),
            Some(state) if OUT_OF_SOMETHING.iter().any(|class| state.starts_with(class)) => {
                Self::Error(format!("the server ran out of something: {failure}"))
            }
            Some(_) => Self::Failed(failure.to_string()),
            None if failure == PgFailure::Stopped => Self::Failed(failure.to_string()),
            None => Self::Error(failure.to_string()),
        }
    }
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        PgFailure::from(error).into()
    }
}

impl From<SandboxError> for ApplyError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Target(failure) => failure.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<SqlError> for ApplyError {
    fn from(error: SqlError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self::Error(error.to_string())
    }
}
