//! The statements of a database and how often it runs them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{QueryHash, Recommendation, StatementShape, TableName};

/// One statement of the workload, with what could be made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackedStatement {
    pub query_hash: QueryHash,
    /// As `pg_stat_statements` has it.
    pub sql: String,
    pub calls: i64,
    /// Milliseconds, over all calls.
    pub total_time_ms: f64,
    pub rows: i64,
    /// What can be planned, or the sentence that says why nothing can.
    pub plannable: Result<PlannableStatement, String>,
}

/// A statement with parameters bound to real values.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannableStatement {
    pub shape: StatementShape,
    /// The first set stands for the whole.
    pub bindings: Vec<Binding>,
}

/// One set of parameter values, and the statement with them in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Where the values came from.
    pub label: String,
    /// Whether some of them were assumed, since no statistics say.
    #[serde(default)]
    pub assumed: bool,
    /// `$1`, `$2`, … as texts.
    pub values: Vec<String>,
    pub sql: String,
}

/// A statement, and whether it could be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementReport {
    pub query_hash: QueryHash,
    pub sql: String,
    pub planned: bool,
    /// Why not, where it was not.
    pub reason: Option<String>,
}

/// A candidate that was not recommended, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedCandidate {
    pub table: TableName,
    pub definition: String,
    pub reason: String,
}

/// What collecting and advising gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnalyzeReport {
    pub recommendations: Vec<Recommendation>,
    pub rejected: Vec<RejectedCandidate>,
    pub statements: Vec<StatementReport>,
}
