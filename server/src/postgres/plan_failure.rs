//! Why main's planner gave no plan.

use super::PgFailure;
use crate::sql::SqlError;

/// Why a statement could not be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFailure {
    #[error(transparent)]
    Sql(#[from] SqlError),
    #[error(transparent)]
    Target(#[from] PgFailure),
}
