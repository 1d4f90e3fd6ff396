//! Several changes measured together against none of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Calibration, ConfidenceInterval, Environment, Fidelity, QueryHash, RecommendationId, Verdict,
};
use crate::figures;
use crate::plan::PlanChange;

/// What measuring a set of changes found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SetBenchmark {
    /// Faster only where the whole is and no statement is slower; slower where the whole or any statement is.
    pub verdict: Verdict,
    /// The whole measured workload on the tables of the changes, each statement weighted by the time that it took on main;
    /// negative is faster.
    pub change_percent: Option<f64>,
    pub confidence_interval: Option<ConfidenceInterval>,
    /// How often at most any statement's verdict is wrong, 0 to 1: they are corrected for their number (Holm).
    pub family_level: f64,
    pub members: Vec<SetMember>,
    /// Those that took most time on main first.
    pub statements: Vec<SetStatement>,
    /// Statements on these tables that were not measured, and why.
    pub left: Vec<SetLeft>,
    pub fidelity: Fidelity,
    pub warnings: Vec<String>,
    /// What the place showed where nothing differs: whatever is called differs by more.
    pub calibration: Calibration,
    pub seed: u64,
    pub server_version: String,
    pub environment: Environment,
}

/// One of the changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SetMember {
    pub recommendation_id: RecommendationId,
    pub title: String,
    pub patch: String,
    /// What the whole would lose without this change, all others in place, in percent of what it took without any of them,
    /// measured on the five statements at most that use it and take most time; absent where no plan uses it.
    pub carries_percent: Option<f64>,
    pub carries_interval: Option<ConfidenceInterval>,
    /// Statements whose plan uses it beside the others.
    pub used_by: Vec<QueryHash>,
    /// Bytes that an index takes here.
    pub bytes: Option<i64>,
    pub build_ms: Option<f64>,
}

/// One statement without any and with all changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SetStatement {
    pub query_hash: QueryHash,
    pub sql: String,
    /// Its part of the measured time on main, 0 to 1.
    pub share: f64,
    pub verdict: Verdict,
    pub change_percent: Option<f64>,
    /// Holds together with those of all other statements.
    pub confidence_interval: Option<ConfidenceInterval>,
    pub baseline_ms: f64,
    pub patched_ms: f64,
    pub pairs: u32,
    /// Whether it writes, and was measured as it is.
    pub writes: bool,
    /// How its plan differs with the changes; empty where it does not.
    pub plan_changes: Vec<PlanChange>,
}

/// A statement that was not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetLeft {
    pub query_hash: QueryHash,
    pub sql: String,
    pub reason: String,
}

/// Which changes to measure together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetRequest {
    /// Ids of recommendations, each once.
    pub recommendation_ids: Vec<RecommendationId>,
}

impl SetBenchmark {
    /// Statements that become slower, those that took most time on main first.
    pub fn slower(&self) -> impl Iterator<Item = &SetStatement> {
        self.statements.iter().filter(|statement| statement.verdict == Verdict::Slower)
    }

    /// What came of it, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let changes = figures::counted(self.members.len() as u64, "change");
        let change = self.change_percent.map_or_else(|| "not known".to_owned(), figures::change);
        let slower = match self.slower().count() {
            0 => String::new(),
            count => format!(", and {} slower", figures::counted(count as u64, "statement")),
        };
        format!("{changes} together: their statements are {change}{slower}.")
    }
}
