//! How an apply or a rollback ends without a change.

use thiserror::Error;

use super::reason::{ApplyReason, ApplyReasons};
use crate::postgres::PgFailure;
use crate::sandbox::SandboxError;
use crate::sql::SqlError;
use crate::store::StoreError;

/// How an apply or a rollback ended without a change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The answer is no; the state is as it was.
    #[error("{0}")]
    Failed(Box<ApplyReasons>),
    /// A lock was not granted in time; the state is as it was.
    #[error("{0}")]
    Locked(Box<ApplyReasons>),
    /// It could not run.
    #[error("{0}")]
    Error(Box<ApplyReasons>),
    /// The object is no longer what was applied.
    #[error("{0}")]
    Drifted(Box<ApplyReasons>),
}

/// SQLSTATE classes that say that the server ran out of something, or of its own: no answer to what was asked.
const OUT_OF_SOMETHING: [&str; 3] = ["53", "58", "XX"];

/// `lock_not_available`: `lock_timeout` was reached.
const LOCK_NOT_AVAILABLE: &str = "55P03";

impl ApplyError {
    /// The answer is no.
    #[must_use]
    pub fn failed(reason: ApplyReason) -> Self {
        Self::Failed(Box::new(reason.into()))
    }

    /// It could not run.
    #[must_use]
    pub fn error(reason: ApplyReason) -> Self {
        Self::Error(Box::new(reason.into()))
    }

    /// The object is no longer what was applied.
    #[must_use]
    pub fn drifted(reason: ApplyReason) -> Self {
        Self::Drifted(Box::new(reason.into()))
    }

    /// The reasons, whatever the case.
    #[must_use]
    pub fn reasons(&self) -> &ApplyReasons {
        match self {
            Self::Failed(reasons)
            | Self::Locked(reasons)
            | Self::Error(reasons)
            | Self::Drifted(reasons) => reasons,
        }
    }

    /// The stable code of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.reasons().code()
    }

    /// The same with another reason behind it.
    #[must_use]
    pub fn and(mut self, more: ApplyReason) -> Self {
        let (Self::Failed(reasons)
        | Self::Locked(reasons)
        | Self::Error(reasons)
        | Self::Drifted(reasons)) = &mut self;
        reasons.more.push(more);
        self
    }

    /// The same as no answer: the catalog must be asked again.
    #[must_use]
    pub fn unanswered(self) -> Self {
        Self::Error(Box::new(self.reasons().clone()))
    }
}

impl From<PgFailure> for ApplyError {
    fn from(failure: PgFailure) -> Self {
        let is_exhausted =
            |state: &str| OUT_OF_SOMETHING.iter().any(|class| state.starts_with(class));
        match failure.sqlstate() {
            Some(LOCK_NOT_AVAILABLE) => {
                Self::Locked(Box::new(ApplyReason::Server { failure }.into()))
            }
            Some(state) if is_exhausted(state) => {
                Self::error(ApplyReason::ServerExhausted { failure })
            }
            Some(_) => Self::failed(ApplyReason::Server { failure }),
            None if failure == PgFailure::Stopped => Self::failed(ApplyReason::Server { failure }),
            None => Self::error(ApplyReason::Server { failure }),
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
            SandboxError::NotConfigured => Self::error(ApplyReason::NotConfigured),
            SandboxError::MainRefused(reason) => Self::error(ApplyReason::MainRefused { reason }),
            SandboxError::Busy => Self::error(ApplyReason::SandboxBusy),
            SandboxError::Identity(same) => {
                Self::error(ApplyReason::NotProven { reason: same.to_string() })
            }
            other => Self::failed(ApplyReason::Sandbox { reason: other.to_string() }),
        }
    }
}

impl From<SqlError> for ApplyError {
    fn from(error: SqlError) -> Self {
        Self::failed(ApplyReason::PatchUnreadable { reason: error.to_string() })
    }
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self::error(ApplyReason::Store { reason: error.to_string() })
    }
}
