//! The statements of a database and how often it runs them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PlanJson, QueryHash, QueryKind, Recommendation, StatementShape, TableName};
use crate::advisor::IndexCandidate;
use crate::plan::Dependencies;

/// One statement of the workload, with what could be made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackedStatement {
    pub query_hash: QueryHash,
    /// As its source has it.
    pub sql: String,
    pub kind: QueryKind,
    pub calls: i64,
    /// Milliseconds, over all calls.
    pub total_time_ms: f64,
    pub rows: i64,
    /// 8 KiB blocks written to and read from temporary files, over all calls.
    pub temp_blocks: i64,
    /// What can be planned, or the sentence that says why nothing can.
    pub plannable: Result<PlannableStatement, String>,
}

/// A statement with parameters bound to real values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannableStatement {
    pub shape: StatementShape,
    /// The first set stands for the whole.
    pub bindings: Vec<Binding>,
    /// The verbose plan of the first set.
    #[serde(default)]
    pub plan: PlanJson,
    #[serde(default)]
    pub dependencies: Dependencies,
    /// Schemas that unqualified names were looked for in, where they are not the session's own.
    #[serde(default)]
    pub search_path: Vec<String>,
}

/// Which of its columns' values a binding has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindingKind {
    /// The statement has no parameters.
    #[default]
    AsWritten,
    /// The most common ones.
    Common,
    /// A quarter into the histogram.
    LowQuantile,
    /// The middle of the histogram.
    Median,
    /// Three quarters into the histogram.
    HighQuantile,
    /// The least common one known.
    Rare,
    /// NULL, for what may be NULL.
    Null,
    /// Values that a log showed.
    Logged,
    /// None: the plan that PostgreSQL makes for any values.
    Generic,
}

impl BindingKind {
    /// Whether costs and run times with it stand for what the application does. NULL and quantiles beside
    /// the median show what else can happen.
    #[must_use]
    pub const fn is_representative(self) -> bool {
        matches!(self, Self::AsWritten | Self::Common | Self::Median | Self::Logged)
    }
}

/// One set of parameter values, and the statement with them in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Where the values came from.
    pub label: String,
    /// Whether some of them were assumed, since no statistics say.
    #[serde(default)]
    pub assumed: bool,
    /// Which of a column's values were taken.
    #[serde(default)]
    pub kind: BindingKind,
    /// `$1`, `$2`, … as texts; NULL is absent.
    pub values: Vec<Option<String>>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RejectedCandidate {
    pub table: TableName,
    pub definition: String,
    pub reason: String,
    /// Bytes that it would take, where that is known.
    #[serde(default)]
    pub estimated_bytes: Option<i64>,
    /// What it alone would save of the workload's planned cost, in percent, where the planner was asked.
    #[serde(default)]
    pub alone_percent: Option<f64>,
}

impl RejectedCandidate {
    /// A candidate that no planner was asked about.
    #[must_use]
    pub fn of(candidate: &IndexCandidate, reason: String) -> Self {
        Self {
            table: candidate.table.clone(),
            definition: candidate.create_sql(false),
            reason,
            estimated_bytes: None,
            alone_percent: None,
        }
    }
}

/// What collecting and advising gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnalyzeReport {
    pub recommendations: Vec<Recommendation>,
    pub rejected: Vec<RejectedCandidate>,
    pub statements: Vec<StatementReport>,
}

/// Candidates of the last analysis that were not recommended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RejectedPage {
    pub items: Vec<RejectedCandidate>,
    /// How many there are in all.
    pub total: i64,
}
