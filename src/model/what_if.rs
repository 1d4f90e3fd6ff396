//! What an index that a person thinks of would do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{QueryHash, StatementEvidence, TableName};
use crate::advisor::WriteCost;

/// An index to be tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfRequest {
    /// `CREATE INDEX ON table (columns)`; or `table` and `columns` instead.
    #[serde(default)]
    pub definition: Option<String>,
    #[serde(default)]
    pub table: Option<String>,
    /// Names, or names with `DESC`, between commas.
    #[serde(default)]
    pub columns: Option<String>,
}

/// What the planner makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfReport {
    pub table: TableName,
    /// As it would be made.
    pub definition: String,
    /// By arithmetic on `pg_stats`; absent where nothing is known to reckon with.
    pub estimated_bytes: Option<i64>,
    pub write_cost: Option<WriteCost>,
    /// Whose planner was asked, in words.
    pub method: String,
    /// Statements that read the table, the largest change first.
    pub statements: Vec<StatementEvidence>,
    /// Statements whose plan uses it.
    pub used_by: Vec<QueryHash>,
    /// Percent of the whole workload's measured time; of its cost where no time was measured.
    pub saved_percent: Option<f64>,
    /// An index that does all this already.
    pub covered_by: Option<String>,
    /// Statements that could not be planned, with the reason.
    pub skipped: Vec<String>,
    /// What was not planned as it stands, and why.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Two things to be measured against each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompareRequest {
    /// One SELECT, with its values written out or with parameters.
    #[schema(required, min_length = 1)]
    pub statement: String,
    /// What is changed: an index, statistics, a parameter, a setting; or the SELECT that takes the statement's place.
    #[schema(required, min_length = 1)]
    pub patch: String,
}
