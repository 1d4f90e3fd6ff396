//! A proposed change, and why it is proposed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::advisor::WriteCost;

use super::text_enum::text_enum;
use super::{
    BenchmarkSource, JobId, QueryHash, RecommendationId, Rule, TableName, Timestamp, Verdict,
};

text_enum! {
    /// Where a recommendation stands. `active` has a completed benchmark: people read "Benchmarked".
    pub enum RecommendationStatus ("recommendation status") {
        Pending => "pending",
        Active => "active",
        Applied => "applied",
        Dismissed => "dismissed",
    }
}

impl RecommendationStatus {
    /// The word that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active => "Benchmarked",
            Self::Applied => "Applied",
            Self::Dismissed => "Dismissed",
        }
    }
}

text_enum! {
    /// Who took a recommendation off the list.
    pub enum DismissedBy ("dismisser") {
        Person => "person",
        /// The last analysis, which did not find it again.
        Advisor => "advisor",
        /// A benchmark that measured it to be slower or wrong, or could not make the change.
        Benchmark => "benchmark",
    }
}

text_enum! {
    /// What kind of change is proposed.
    pub enum RecommendationType ("recommendation type") {
        Index => "index",
        IndexDrop => "index_drop",
        Rewrite => "rewrite",
        Statistics => "statistics",
        Maintenance => "maintenance",
        Config => "config",
    }
}

impl RecommendationType {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Index => "Add index",
            Self::IndexDrop => "Drop index",
            Self::Rewrite => "Rewrite",
            Self::Statistics => "Statistics",
            Self::Maintenance => "Maintenance",
            Self::Config => "Setting",
        }
    }
}

text_enum! {
    /// How much harm the change could do if the evidence is wrong.
    pub enum RiskLevel ("risk level") {
        Low => "low",
        Medium => "medium",
        High => "high",
    }
}

text_enum! {
    /// Where a number came from.
    pub enum Provenance ("provenance") {
        /// Run on real rows.
        Measured => "measured",
        /// The planner's estimate on real statistics.
        Planned => "planned",
        /// Arithmetic on catalog facts.
        Rule => "rule",
    }
}

/// One proposed change with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recommendation {
    pub id: RecommendationId,
    /// The statement that gains most.
    pub query_hash: QueryHash,
    pub recommendation_type: RecommendationType,
    pub title: String,
    pub description: String,
    /// What a person runs on main.
    pub sql_fix: String,
    /// The normalised text of the statement that gains most.
    pub original_sql: String,
    /// What makes the change in the sandbox.
    pub patch_sql: String,
    /// `{"before": plan, "after": plan}` of that statement, as `EXPLAIN (FORMAT JSON)` gives them.
    #[schema(value_type = Option<Object>)]
    pub execution_plan_json: Option<serde_json::Value>,
    /// Percent of the whole workload's measured time that this change alone saves; of its cost where no time was measured.
    pub estimated_improvement_percent: Option<f64>,
    /// 0 to 1; the reason stands in the evidence.
    pub confidence_score: f64,
    pub risk_level: RiskLevel,
    pub status: RecommendationStatus,
    /// Whether the change stands in the sandbox now.
    pub applied: bool,
    pub applied_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// What undoes the patch; derived from the catalog, so it is absent until the change is applied.
    pub rollback_sql: Option<String>,
    pub tables: Vec<TableName>,
    pub evidence: Evidence,
    pub dismissed_reason: Option<String>,
    pub latest_benchmark: Option<LatestBenchmark>,
    /// The name of the database it concerns.
    pub database: String,
}

/// What a proposal saves of the workload, in percent, as far as that is known: planned, or at most.
#[must_use]
pub fn at_most_percent(planned: Option<f64>, evidence: &Evidence) -> Option<f64> {
    if evidence.at_least { None } else { planned.or(evidence.share_percent) }
}

/// A planned saving in words, with "at least" where not every statement was counted.
#[must_use]
pub fn saving_label(percent: f64, evidence: &Evidence) -> String {
    let figure = crate::figures::percent(percent);
    if evidence.at_least { format!("at least {figure}") } else { figure }
}

impl Recommendation {
    /// Why a person must make the change, wherever that is; absent for what can be applied in the sandbox.
    #[must_use]
    pub fn by_hand(&self) -> Option<&str> {
        match self.recommendation_type {
            RecommendationType::Rewrite if self.evidence.index.is_some() => Some(
                "the rewritten statement is for the application to send, and its index is handed over with it",
            ),
            RecommendationType::Rewrite => Some(
                "a rewritten statement is for the application to send: there is nothing to be applied",
            ),
            _ => self.evidence.by_hand.as_deref(),
        }
    }

    /// Where `sql_fix` belongs, in words.
    #[must_use]
    pub const fn for_whom(&self) -> &'static str {
        match (self.recommendation_type, &self.evidence.index) {
            (RecommendationType::Rewrite, Some(_)) => {
                "The index for main, run by a person; then the statement for the application to send"
            }
            (RecommendationType::Rewrite, None) => "For the application to send",
            _ => "For main, run by a person",
        }
    }

    /// Whether it stands in the sandbox and can be rolled back there.
    #[must_use]
    pub fn can_be_rolled_back(&self) -> bool {
        self.applied && self.rollback_sql.as_ref().is_some_and(|sql| !sql.is_empty())
    }

    /// What the planner predicts for the statement that gains most, in percent of its cost saved.
    #[must_use]
    pub fn predicted_percent(&self) -> Option<f64> {
        let own = self.evidence.statements.iter().find(|s| s.query_hash == self.query_hash)?;
        own.saved_percent().filter(|saved| *saved > 0.0)
    }

    /// Whether its last benchmark speaks against it.
    #[must_use]
    pub fn is_refuted(&self) -> bool {
        let verdict = self.latest_benchmark.as_ref().map(|benchmark| benchmark.verdict);
        matches!(verdict, Some(Verdict::Slower | Verdict::NotEquivalent))
    }

    /// Whether a person typed statement and change in, so that no rule stands behind it.
    #[must_use]
    pub const fn is_typed(&self) -> bool {
        self.evidence.typed
    }

    /// Whether its last benchmark ran the statements: one that asked the planner alone has measured nothing.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        let latest = self.latest_benchmark.as_ref();
        latest.is_some_and(|latest| latest.source != BenchmarkSource::Estimated)
    }
}

/// Why a change is proposed, in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// Where the cost figures came from.
    pub provenance: Provenance,
    /// How they were obtained, in words.
    pub method: String,
    pub confidence_reason: String,
    pub risk_reason: String,
    /// The statements whose planned cost changes, the largest gain first.
    pub statements: Vec<StatementEvidence>,
    pub index: Option<IndexEvidence>,
    /// The rule behind it; its page is `/rules/{rule}`.
    #[serde(default)]
    pub rule: Option<Rule>,
    /// What else is known, one fact a line.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// What the change adds to writes; absent where it adds nothing or nobody knows.
    #[serde(default)]
    pub write_cost: Option<WriteCost>,
    /// Indexes that it would make superfluous.
    #[serde(default)]
    pub makes_redundant: Vec<String>,
    /// Whether a person typed it in: then no rule stands behind it.
    #[serde(default)]
    pub typed: bool,
    /// What earlier predictions of the rule came to, once some were measured; the confidence counts them in.
    #[serde(default)]
    pub learned: Option<String>,
    /// Why it cannot be applied in a sandbox, and is only handed over.
    #[serde(default)]
    pub by_hand: Option<String>,
    /// Why no benchmark can show what it does.
    #[serde(default)]
    pub not_measured: Option<String>,
    /// What the statements that it is for took of the workload's measured time, in percent, where no saving is planned: it
    /// saves no more than that. Absent where no time was measured.
    #[serde(default)]
    pub share_percent: Option<f64>,
    /// Whether the saving is of those statements only that were planned with it before the time was up.
    #[serde(default)]
    pub at_least: bool,
}

/// Why a setting of a whole server is only handed over.
pub const SERVER_WIDE: &str = "a setting of the whole server is not tried in a sandbox, which others may share: it is handed over as SQL";

impl Evidence {
    /// Where a change came from, without a figure that would speak for it.
    #[must_use]
    pub fn without_figures(method: &str, confidence_reason: &str, risk_reason: &str) -> Self {
        Self {
            provenance: Provenance::Rule,
            method: method.to_owned(),
            confidence_reason: confidence_reason.to_owned(),
            risk_reason: risk_reason.to_owned(),
            statements: Vec::new(),
            index: None,
            rule: None,
            facts: Vec::new(),
            write_cost: None,
            makes_redundant: Vec::new(),
            typed: false,
            learned: None,
            by_hand: None,
            not_measured: None,
            share_percent: None,
            at_least: false,
        }
    }
}

/// One thing that is known, and where from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fact {
    pub label: String,
    pub value: String,
    pub provenance: Provenance,
}

/// One statement's planned cost without and with the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementEvidence {
    pub query_hash: QueryHash,
    pub sql: String,
    /// Calls counted by `pg_stat_statements` since its last reset.
    pub calls: i64,
    /// Milliseconds on main over those calls.
    pub total_time_ms: f64,
    /// Planner cost units of one call; absent where no planner was asked.
    pub cost_before: Option<f64>,
    pub cost_after: Option<f64>,
}

impl StatementEvidence {
    /// Planned cost saved, in percent of the cost before. Negative where the statement gets dearer.
    #[must_use]
    pub fn saved_percent(&self) -> Option<f64> {
        match (self.cost_before, self.cost_after) {
            (Some(before), Some(after)) if before > 0.0 => Some(100.0 * (1.0 - after / before)),
            _ => None,
        }
    }

    /// A statement that no planner was asked about.
    #[must_use]
    pub fn unplanned(statement: &super::TrackedStatement) -> Self {
        Self {
            query_hash: statement.query_hash.clone(),
            sql: statement.sql.clone(),
            calls: statement.calls,
            total_time_ms: statement.total_time_ms,
            cost_before: None,
            cost_after: None,
        }
    }
}

/// What is known of a proposed index and its table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexEvidence {
    pub table: TableName,
    pub index_name: String,
    /// Key columns in order, with `DESC` where it matters.
    pub columns: Vec<String>,
    /// Size in bytes by arithmetic on `pg_stats`; absent where nothing is known to reckon with.
    pub estimated_bytes: Option<i64>,
    /// Live rows of the table, from `pg_class.reltuples`.
    pub table_rows: f64,
    pub table_bytes: i64,
    /// Definitions of the indexes that the table has now.
    pub existing_indexes: Vec<String>,
}

/// The last completed benchmark of a recommendation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LatestBenchmark {
    pub job_id: JobId,
    pub verdict: Verdict,
    /// Change of run time in percent: negative is faster.
    pub change_percent: Option<f64>,
    pub source: BenchmarkSource,
}

/// A recommendation as the advisor proposes it, before the store gives it an id and a history.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The same advice always has the same fingerprint.
    pub fingerprint: String,
    pub query_hash: QueryHash,
    pub recommendation_type: RecommendationType,
    pub title: String,
    pub description: String,
    pub sql_fix: String,
    pub original_sql: String,
    pub patch_sql: String,
    pub execution_plan_json: Option<serde_json::Value>,
    pub estimated_improvement_percent: Option<f64>,
    pub confidence_score: f64,
    pub risk_level: RiskLevel,
    pub tables: Vec<TableName>,
    pub evidence: Evidence,
    /// How much there is to gain, in the rule's own unit: a dismissed one is only brought up again when this
    /// has grown a lot.
    pub magnitude: f64,
}
