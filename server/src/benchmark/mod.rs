//! The measured comparison of baseline and patched, in a scratch schema of the sandbox.

mod arms;
mod estimate;
mod protocol;
mod runner;

pub use estimate::estimated_result;
pub use runner::{BenchmarkRequest, run_benchmark};

use thiserror::Error;

use crate::postgres::PgFailure;
use crate::sandbox::SandboxError;
use crate::sql::SqlError;

/// How a benchmark ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BenchmarkError {
    /// It ran, and the answer is no.
    #[error("{0}")]
    Failed(String),
    /// It could not run.
    #[error("{0}")]
    Error(String),
}

impl From<SqlError> for BenchmarkError {
    fn from(error: SqlError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<PgFailure> for BenchmarkError {
    fn from(failure: PgFailure) -> Self {
        match failure.sqlstate() {
            // Class 53: disk full, out of memory; class 58: the system beneath.
            Some(state) if state.starts_with("53") || state.starts_with("58") => {
                Self::Error(format!("the server ran out of something: {failure}"))
            }
            Some(_) => Self::Failed(failure.to_string()),
            None if failure == PgFailure::Stopped => Self::Failed(failure.to_string()),
            None => Self::Error(failure.to_string()),
        }
    }
}

impl From<SandboxError> for BenchmarkError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Target(failure) => failure.into(),
            other => Self::Error(other.to_string()),
        }
    }
}
