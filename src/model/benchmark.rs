//! The measured comparison of baseline and patched.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;
use super::{Calibration, Environment, MeasuredWriteCost, RowComparison, TableName, WrittenRows};
use crate::figures;

text_enum! {
    /// What a comparison found.
    pub enum Verdict ("verdict") {
        Faster => "faster",
        Slower => "slower",
        Equivalent => "equivalent",
        /// The interval is too wide to say.
        Inconclusive => "inconclusive",
        /// The two arms return different rows.
        NotEquivalent => "not_equivalent",
        /// A plan flipped inside one arm.
        Unstable => "unstable",
    }
}

impl Verdict {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Faster => "Faster",
            Self::Slower => "Slower",
            Self::Equivalent => "No difference",
            Self::Inconclusive => "Inconclusive",
            Self::NotEquivalent => "Different rows",
            Self::Unstable => "Unstable",
        }
    }

    /// What the verdict means, in one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Faster => "The whole interval lies at least 5 % below the baseline.",
            Self::Slower => "The whole interval lies at least 5 % above the baseline.",
            Self::Equivalent => "The whole interval lies within 5 % of the baseline.",
            Self::Inconclusive => {
                "The interval does not decide between faster, slower and no difference."
            }
            Self::NotEquivalent => "The patched statement returned other rows than the baseline.",
            Self::Unstable => {
                "The planner changed its plan within one arm, so no figure describes that arm."
            }
        }
    }
}

text_enum! {
    /// Where a benchmark ran.
    pub enum BenchmarkSource ("benchmark source") {
        /// On a full-size copy.
        Replica => "replica",
        /// On rows copied into the sandbox.
        Sampled => "sampled",
        /// Nowhere: the planner's estimate on main.
        Estimated => "estimated",
    }
}

text_enum! {
    /// How much of the data the measured rows are.
    pub enum FidelityKind ("fidelity") {
        /// Every row of the tables that the statement reads.
        Full => "full",
        /// A sample: blocks of one table, or the same join keys of several.
        Sampled => "sampled",
        /// No rows: planner estimates only.
        Planned => "planned",
    }
}

text_enum! {
    /// Which rows of a table were measured.
    pub enum CopyMethod ("copy method") {
        /// All of them, copied.
        Whole => "whole",
        /// All of them, where they stand.
        InPlace => "in_place",
        /// Blocks (`TABLESAMPLE SYSTEM`).
        Blocks => "blocks",
        /// Those whose join key has a hash in the sample: the same keys in every table of the join.
        JoinKey => "join_key",
        /// Those that the sampled rows of another table refer to.
        Referenced => "referenced",
    }
}

impl CopyMethod {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Whole => "all rows",
            Self::InPlace => "all rows, in place",
            Self::Blocks => "a sample of blocks",
            Self::JoinKey => "rows with sampled join keys",
            Self::Referenced => "rows that sampled rows refer to",
        }
    }
}

/// What the measured rows stand for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fidelity {
    pub kind: FidelityKind,
    /// Percentage of blocks or of join keys, where it was a sample.
    pub percent: Option<f64>,
    pub tables: Vec<CopiedTable>,
}

/// A percentage with no more digits than it needs.
fn readable(percent: f64) -> String {
    if percent >= 1.0 { format!("{:.0}", percent) } else { format!("{percent:.2}") }
}

impl Fidelity {
    /// The short tag that stands beside a figure: `measured · full copy`.
    #[must_use]
    pub fn tag(&self) -> String {
        match (self.kind, self.percent) {
            (FidelityKind::Full, _) => "measured · full copy".to_owned(),
            (FidelityKind::Sampled, Some(percent)) => {
                format!("measured · sampled {} %", readable(percent))
            }
            (FidelityKind::Sampled, None) => "measured · sampled".to_owned(),
            (FidelityKind::Planned, _) => "planned".to_owned(),
        }
    }
}

/// One table that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CopiedTable {
    pub table: TableName,
    /// Rows copied; `reltuples` where they were measured in place.
    pub rows: i64,
    /// Bytes of binary `COPY` that carried them; zero in place.
    pub bytes: i64,
    #[serde(default = "whole")]
    pub method: CopyMethod,
}

const fn whole() -> CopyMethod {
    CopyMethod::Whole
}

/// A confidence interval of the change, in percent; negative is faster.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfidenceInterval {
    pub low_percent: f64,
    pub high_percent: f64,
    /// The level asked for, 0 to 1.
    pub level: f64,
}

/// One arm of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Arm {
    pub median_ms: f64,
    /// Median absolute deviation, scaled by 1.4826 to estimate a standard deviation.
    pub mad_ms: f64,
    /// Absent below 40 samples: the tail cannot be seen yet.
    pub p95_ms: Option<f64>,
    /// Execution times as PostgreSQL measured them, in the order of the runs.
    pub samples_ms: Vec<f64>,
    /// Shared blocks touched by one run (hit and read), from `EXPLAIN (BUFFERS)`.
    pub shared_blocks: i64,
    /// The plan of each run, as a hash of its steps, relations and indexes.
    #[serde(default)]
    pub plan_hashes: Vec<String>,
    /// Positions of outliers among the samples: marked, never left out.
    #[serde(default)]
    pub outliers: Vec<u32>,
}

/// What one set of parameter values showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BindingResult {
    /// Where the values came from: `most common`, `median`.
    pub label: String,
    /// `$1`, `$2`, … as texts.
    pub values: Vec<String>,
    /// The statement as it ran.
    pub sql: String,
    pub verdict: Verdict,
    pub change_percent: Option<f64>,
    pub confidence_interval: Option<ConfidenceInterval>,
    /// Bootstrap interval of the ratio of medians: a cross-check.
    pub bootstrap_interval: Option<ConfidenceInterval>,
    pub pairs: u32,
    /// -1 to 1: how far one arm's samples lie apart from the other's.
    pub cliffs_delta: Option<f64>,
    /// Spearman's correlation of the paired differences with time; above 0.5 either way is drift.
    pub drift: Option<f64>,
    /// The smallest change that this many pairs could have called, in percent.
    pub smallest_detectable_percent: Option<f64>,
    pub baseline: Arm,
    pub patched: Arm,
    /// Runs of the statement within one timed run of the patched arm, where one alone was too short to time.
    pub batch: u32,
    /// The same of the baseline.
    #[serde(default)]
    pub baseline_batch: u32,
    /// Rows that both arms returned alike.
    pub rows_compared: i64,
    /// Whether the statement found rows to work on: an aggregate returns one row over none.
    #[serde(default = "yes")]
    pub found_rows: bool,
    /// What it wrote, where it was measured as it is and is no query.
    #[serde(default)]
    pub written: Option<WrittenRows>,
    /// What was compared before anything was timed.
    #[serde(default)]
    pub comparison: RowComparison,
}

/// What earlier versions did not look at.
const fn yes() -> bool {
    true
}

/// Below this many pairs no verdict is given.
const FEWEST_PAIRS: u32 = 10;

/// The binding that gained least, or lost most.
#[must_use]
pub fn worst_binding(bindings: &[BindingResult]) -> Option<&BindingResult> {
    let rank = |binding: &BindingResult| match binding.verdict {
        Verdict::NotEquivalent => f64::INFINITY,
        _ => binding.change_percent.unwrap_or(f64::MAX),
    };
    bindings.iter().max_by(|a, b| rank(a).total_cmp(&rank(b)))
}

/// Plans that are shown: one extra run of each arm with timing on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanPair {
    #[schema(value_type = Object)]
    pub baseline: serde_json::Value,
    #[schema(value_type = Object)]
    pub patched: serde_json::Value,
}

/// What building the index took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexMeasure {
    pub definition: String,
    pub build_ms: f64,
    pub bytes: i64,
}

/// Another statement of the workload on the same tables, planned without and with the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadEffect {
    pub query_hash: super::QueryHash,
    pub sql: String,
    pub cost_before: f64,
    pub cost_after: f64,
}

/// A statement is called dearer where its planned cost grows by more than this many percent.
const DEARER_PERCENT: f64 = 10.0;

impl WorkloadEffect {
    /// Change of the planned cost in percent: positive where the statement becomes dearer.
    #[must_use]
    pub fn change_percent(&self) -> f64 {
        100.0 * (self.cost_after / self.cost_before.max(f64::MIN_POSITIVE) - 1.0)
    }

    /// Whether it becomes so much dearer that it is named.
    #[must_use]
    pub fn is_dearer(&self) -> bool {
        self.change_percent() > DEARER_PERCENT
    }
}

/// What a benchmark found, and everything needed to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BenchmarkResult {
    pub source: BenchmarkSource,
    /// Why a better source was not used.
    pub source_reason: String,
    pub fidelity: Fidelity,
    pub verdict: Verdict,
    /// The Hodges-Lehmann ratio of run times as a change in percent; negative is faster.
    pub change_percent: Option<f64>,
    pub confidence_interval: Option<ConfidenceInterval>,
    /// Pairs of runs behind the verdict.
    pub pairs: u32,
    pub baseline: Option<Arm>,
    pub patched: Option<Arm>,
    /// Every set of parameter values that was measured; the first stands for the whole.
    pub bindings: Vec<BindingResult>,
    pub plans: Option<PlanPair>,
    /// What each write costs more; absent where the change has no index, or rows could not be written.
    pub write_cost: Option<MeasuredWriteCost>,
    pub index: Option<IndexMeasure>,
    /// Other tracked statements on the same tables whose planned cost changes.
    pub workload: Vec<WorkloadEffect>,
    pub warnings: Vec<String>,
    /// The seed of the order of runs and of the bootstrap.
    pub seed: u64,
    pub server_version: String,
    /// The scratch schema that it ran in; absent in place.
    pub schema: Option<String>,
    /// The statement as it was measured, before values were put in.
    #[serde(default)]
    pub statement: String,
    /// The change, or the statement that takes the other's place.
    #[serde(default)]
    pub patch: String,
    /// The same statement as both arms, in the same place just before.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// Label of the binding that gained least, or lost most.
    #[serde(default)]
    pub worst_binding: Option<String>,
    /// The label of the set of values that the figures above are of, where there are several: the first one that came
    /// out as the whole did.
    #[serde(default)]
    pub figures_of: Option<String>,
    /// Other statements of the workload that were planned without and with the change.
    #[serde(default)]
    pub workload_planned: i64,
    /// Those that could not be, with the reason.
    #[serde(default)]
    pub workload_left: Vec<String>,
    /// Why the index is not worth its writes, where it carries further columns and costs more than it saves.
    #[serde(default)]
    pub not_worth_it: Option<String>,
    #[serde(default)]
    pub environment: Environment,
}

impl BenchmarkResult {
    /// Why the change is not worth making, in a sentence; absent where the result does not say so. A planner's estimate
    /// refutes nothing.
    #[must_use]
    pub fn refutation(&self) -> Option<String> {
        match (self.source, self.verdict) {
            (BenchmarkSource::Estimated, _) => None,
            (_, Verdict::Slower) => Some(match &self.confidence_interval {
                Some(interval) => format!(
                    "A benchmark measured it to be slower, by {:.1} % to {:.1} %.",
                    interval.low_percent, interval.high_percent
                ),
                None => "A benchmark measured it to be slower.".to_owned(),
            }),
            (_, Verdict::NotEquivalent) => {
                Some("A benchmark found that it returns other rows.".to_owned())
            }
            (_, Verdict::Faster) => self.not_worth_it.clone(),
            _ => None,
        }
    }

    /// The same without samples, plans, sets of values and other statements.
    #[must_use]
    pub fn in_brief(self) -> Self {
        Self {
            baseline: None,
            patched: None,
            bindings: Vec::new(),
            plans: None,
            write_cost: None,
            index: None,
            workload: Vec::new(),
            warnings: Vec::new(),
            statement: String::new(),
            patch: String::new(),
            calibration: None,
            workload_left: Vec::new(),
            environment: Environment::default(),
            ..self
        }
    }

    /// Whether the statement was timed with values that find no row, and with no others.
    #[must_use]
    pub fn found_nothing(&self) -> bool {
        !self.bindings.is_empty() && self.bindings.iter().all(|binding| !binding.found_rows)
    }

    /// What the verdict means here, in one sentence.
    #[must_use]
    pub fn meaning(&self) -> String {
        let short = self.bindings.iter().find(|binding| {
            binding.verdict == Verdict::Inconclusive && binding.pairs < FEWEST_PAIRS
        });
        match (self.verdict, self.source, short) {
            (_, BenchmarkSource::Estimated, _) => {
                "Nothing was measured, so there is no verdict.".to_owned()
            }
            (Verdict::Inconclusive, _, Some(binding)) => format!(
                "The time ran out after {}, and at least {FEWEST_PAIRS} are needed: raise --benchmark-seconds.",
                figures::counted(u64::from(binding.pairs), "pair")
            ),
            _ if self.found_nothing() => format!(
                "{} No row was found with any of the values, so it says little about the application.",
                self.verdict.meaning()
            ),
            _ => self.verdict.meaning().to_owned(),
        }
    }

    /// Where the figures come from, in two words: `Replica`, `Sampled 1 %`, `Estimated`.
    #[must_use]
    pub fn source_tag(&self) -> String {
        match self.source {
            BenchmarkSource::Replica => "Replica".to_owned(),
            BenchmarkSource::Estimated => "Estimated".to_owned(),
            BenchmarkSource::Sampled => {
                format!("Sampled {} %", readable(self.fidelity.percent.unwrap_or(100.0)))
            }
        }
    }
}

/// The output of `EXPLAIN (FORMAT JSON)`, as it came.
pub type PlanJson = serde_json::Value;
