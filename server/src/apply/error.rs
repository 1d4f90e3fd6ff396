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
    /// It could not run.
    #[error("{0}")]
    Error(String),
    /// The object is no longer what was applied.
    #[error("{0}")]
    Drifted(String),
}

/// SQLSTATE classes that say that the server ran out of something, or of its own: no answer to what was asked.
const OUT_OF_SOMETHING: [&str; 3] = ["53", "58", "XX"];

impl From<PgFailure> for ApplyError {
    fn from(failure: PgFailure) -> Self {
        match failure.sqlstate() {
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
