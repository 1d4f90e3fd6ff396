//! The measured comparison of baseline and patched: where, on which rows, by which protocol, and what else is measured
//! beside run times.

mod adversary;
mod arms;
mod bound;
mod calibration;
mod case;
mod equivalence;
mod estimate;
mod full_scale;
mod measuring;
mod patching;
mod protocol;
mod request;
mod runner;
mod scratch_site;
mod site;
mod summing;
mod survey;
mod typed;
mod workload;
mod write_cost;
mod writing;

pub use case::{Case, cases_for};
pub use request::{BenchmarkRequest, Report};
pub use runner::run_benchmark;
pub use survey::Places;
pub use typed::typed_cases;

use thiserror::Error;

use crate::postgres::{PgFailure, PlanFailure};
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
    /// It cannot be measured in this place; another may do.
    #[error("{0}")]
    Unsuitable(String),
}

impl From<SqlError> for BenchmarkError {
    fn from(error: SqlError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<PgFailure> for BenchmarkError {
    fn from(failure: PgFailure) -> Self {
        match failure.sqlstate() {
            // Class 53: disk full, out of memory; 58: the system beneath; XX: PostgreSQL itself (a file that may
            // not grow is one of these).
            Some(state) if ["53", "58", "XX"].iter().any(|class| state.starts_with(class)) => {
                Self::Error(format!("the server ran out of something: {failure}"))
            }
            Some(_) => Self::Failed(failure.to_string()),
            None if failure == PgFailure::Stopped => Self::Failed(failure.to_string()),
            None => Self::Error(failure.to_string()),
        }
    }
}

impl From<PlanFailure> for BenchmarkError {
    fn from(failure: PlanFailure) -> Self {
        match failure {
            PlanFailure::Sql(error) => error.into(),
            PlanFailure::Target(failure) => failure.into(),
        }
    }
}

impl From<sqlx::Error> for BenchmarkError {
    fn from(error: sqlx::Error) -> Self {
        PgFailure::from(error).into()
    }
}

impl From<SandboxError> for BenchmarkError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Target(failure) => failure.into(),
            SandboxError::UnsupportedType { .. }
            | SandboxError::UnsupportedTable(_)
            | SandboxError::NameCollision(_) => Self::Unsuitable(error.to_string()),
            other => Self::Error(other.to_string()),
        }
    }
}
