//! The measured comparison of baseline and patched: where, on which rows, by which protocol, and what else is measured
//! beside run times.

mod adversary;
mod arms;
mod as_itself;
mod bound;
mod calibration;
mod case;
mod comparing;
mod costing;
mod drawing;
mod equivalence;
mod estimate;
mod full_scale;
mod measuring;
mod patching;
mod protocol;
mod request;
mod runner;
mod scratch_site;
mod set;
mod sham;
mod site;
mod statistics;
mod summing;
mod survey;
mod typed;
mod under_policies;
mod workload;
mod write_cost;
mod writing;

pub use case::{Case, cases_for};
pub use costing::SandboxWorkshop;
pub use request::{BenchmarkRequest, Report};
pub use runner::run_benchmark;
pub use set::{SetChange, SetQuestion, objection_in_a_set, run_set};
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
    /// The change cannot be made on the rows as they are.
    #[error("{0}")]
    Refuted(String),
    /// It could not run.
    #[error("{0}")]
    Error(String),
    /// A server does not answer, or closed the connection: it may come back.
    #[error("{0}")]
    Unreachable(String),
    /// PostgreSQL did not accept a statement; its own words.
    #[error("{reason}")]
    Sql { sqlstate: String, reason: String },
    /// A statement reached its time limit, or was cancelled.
    #[error("{}", PgFailure::Stopped)]
    Stopped,
    /// It cannot be measured in this place; another may do.
    #[error("{0}")]
    Unsuitable(String),
}

impl BenchmarkError {
    /// The stable code of the case: `error_code` of a job.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Failed(_) => "benchmark_failed",
            Self::Refuted(_) => "refuted",
            Self::Error(_) => "benchmark_error",
            Self::Unreachable(_) => "target_unreachable",
            Self::Sql { .. } => "statement_refused",
            Self::Stopped => "statement_stopped",
            Self::Unsuitable(_) => "place_unsuitable",
        }
    }

    /// Whether the benchmark ran and the answer is no.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Refuted(_) | Self::Sql { .. } | Self::Stopped)
    }

    /// The reason, where the answer is no.
    ///
    /// # Errors
    /// It could not run, or not here: the error itself.
    pub fn refusal(self) -> Result<String, Self> {
        if self.is_answer() { Ok(self.to_string()) } else { Err(self) }
    }

    /// While the change is made: what the rows do not allow, they do not allow on main.
    fn of_change(self) -> Self {
        match self {
            // Values that do not fit (22), a constraint (23), an index entry that is too long (54).
            Self::Sql { sqlstate, reason }
                if ["22", "23", "54"].iter().any(|class| sqlstate.starts_with(class)) =>
            {
                Self::Refuted(format!("The change cannot be made on the rows of main: {reason}"))
            }
            other => other.of_place(),
        }
    }

    /// While a place is made ready: what its role may not do, or what it lacks, another place may have.
    fn of_place(self) -> Self {
        match self {
            Self::Sql { sqlstate, reason }
                if ["42501", "42704", "42883", "3F000", "0A000"].contains(&sqlstate.as_str()) =>
            {
                Self::Unsuitable(format!("It could not be prepared there: {reason}."))
            }
            // Nothing of the statement or the change ran yet: the place is too slow, or hangs.
            Self::Stopped => Self::Unreachable(
                "the sandbox did not prepare the copy within the time limit".into(),
            ),
            other => other,
        }
    }
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
            // The connection, the transaction or a lock: nothing that the statement or the change could help.
            Some(state)
                if ["08", "25", "40", "55", "57"].iter().any(|class| state.starts_with(class)) =>
            {
                Self::Error(failure.to_string())
            }
            Some(state) => Self::Sql { sqlstate: state.to_owned(), reason: failure.to_string() },
            None => match failure {
                PgFailure::Stopped => Self::Stopped,
                PgFailure::Unreachable(reason) | PgFailure::Busy(reason) => {
                    Self::Unreachable(reason)
                }
                other => Self::Error(other.to_string()),
            },
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
            | SandboxError::UnreadableRows { .. }
            | SandboxError::NameCollision(_) => Self::Unsuitable(error.to_string()),
            other => Self::Error(other.to_string()),
        }
    }
}
