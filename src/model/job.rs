//! Durable units of background work.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;
use super::{
    BenchmarkResult, ChangeId, JobId, Phase, RecommendationId, SetBenchmark, Timestamp, UseCheck,
};

text_enum! {
    /// What a job does.
    pub enum JobType ("job type") {
        Benchmark => "benchmark",
        Apply => "apply",
        Rollback => "rollback",
        /// Collects the workload and advises on it.
        Analyze => "analyze",
    }
}

impl JobType {
    /// The word that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Benchmark => "Benchmark",
            Self::Apply => "Apply",
            Self::Rollback => "Roll back",
            Self::Analyze => "Analyse",
        }
    }

    /// The same of one job: a benchmark of a change that stands watches it.
    #[must_use]
    pub const fn label_of(self, of_change: bool) -> &'static str {
        match self {
            Self::Benchmark if of_change => "Measure again",
            other => other.label(),
        }
    }

    /// Whether it changes nothing, so that it can be run again from its beginning.
    #[must_use]
    pub const fn is_repeatable(self) -> bool {
        matches!(self, Self::Benchmark | Self::Analyze)
    }
}

text_enum! {
    /// Where a job stands.
    pub enum JobStatus ("job status") {
        Pending => "pending",
        Running => "running",
        /// It ran, and there is a result.
        Completed => "completed",
        /// It ran, and the answer is no: the patch does not execute, the results differ.
        Failed => "failed",
        /// It could not run: connection lost, disk full.
        Error => "error",
        Cancelled => "cancelled",
    }
}

impl JobStatus {
    /// Whether the job is over.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Error | Self::Cancelled)
    }

    /// The word that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "Queued",
            Self::Running => "Running",
            Self::Completed => "Done",
            Self::Failed => "Failed",
            Self::Error => "Error",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEvent {
    Claimed,
    Completed,
    Failed,
    Errored,
    Cancelled,
    /// Given back to the queue: the process that ran it is gone.
    Requeued,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    pub id: JobId,
    /// Absent for an analysis.
    pub recommendation_id: Option<RecommendationId>,
    /// The recommendation's title, so that a list can be read.
    pub recommendation_title: String,
    pub status: JobStatus,
    pub job_type: JobType,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub result: Option<JobResult>,
    pub error_message: Option<String>,
    /// Why it did not complete, as a stable code.
    #[serde(default)]
    pub error_code: Option<String>,
    /// What the job is doing now, in words.
    pub phase: Option<String>,
    /// The same with its figures: rows and bytes that were copied, pairs that were measured.
    #[serde(default)]
    pub phase_detail: Option<Phase>,
    /// 0 to 1.
    pub progress: f64,
    /// How often it was started.
    pub attempts: i64,
    /// The name of the token that asked for it, or `optischema` for what it does by itself.
    pub actor: String,
    /// `host:port` of the server that it works on.
    pub target: String,
    /// The change that a benchmark watches, or a rollback undoes.
    pub change_id: Option<ChangeId>,
    /// It starts once that one is completed.
    pub after_job: Option<JobId>,
    /// The recommendations that a benchmark measures together; empty where it is of one.
    #[serde(default)]
    pub members: Vec<RecommendationId>,
}

impl Job {
    /// What it does, in words.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.job_type.label_of(self.change_id.is_some())
    }

    /// The path of the page that it is about.
    #[must_use]
    pub fn page(&self) -> String {
        match self.recommendation_id {
            Some(id) => format!("/recommendations/{id}"),
            None => "/recommendations".to_owned(),
        }
    }

    /// Whether it measures an applied change again.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        self.job_type == JobType::Benchmark && self.change_id.is_some()
    }
}

/// What a completed job found or did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum JobResult {
    Benchmark(Box<BenchmarkResult>),
    Change(Box<ChangeOutcome>),
    Analysis(AnalysisOutcome),
    Set(Box<SetBenchmark>),
}

impl JobResult {
    /// The same without what only a result's own page shows: samples, plans, values, other statements.
    #[must_use]
    pub fn in_brief(self) -> Self {
        match self {
            Self::Benchmark(result) => Self::Benchmark(Box::new(result.in_brief())),
            other => other,
        }
    }

    /// The benchmark, where the job was one.
    #[must_use]
    pub fn benchmark(&self) -> Option<&BenchmarkResult> {
        match self {
            Self::Benchmark(result) => Some(result),
            Self::Change(_) | Self::Analysis(_) | Self::Set(_) => None,
        }
    }

    /// The benchmark of several changes, where the job was one.
    #[must_use]
    pub fn set(&self) -> Option<&SetBenchmark> {
        match self {
            Self::Set(result) => Some(result),
            Self::Benchmark(_) | Self::Change(_) | Self::Analysis(_) => None,
        }
    }

    /// What came of it, in one line, where that is no benchmark.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        match self {
            Self::Benchmark(_) => None,
            Self::Change(outcome) => Some(outcome.summary()),
            Self::Analysis(outcome) => Some(outcome.summary()),
            Self::Set(result) => Some(result.summary()),
        }
    }

    /// What was changed, where the job changed something.
    #[must_use]
    pub fn change(&self) -> Option<&ChangeOutcome> {
        match self {
            Self::Change(outcome) => Some(outcome),
            Self::Benchmark(_) | Self::Analysis(_) | Self::Set(_) => None,
        }
    }
}

impl ChangeOutcome {
    /// What a person should know of it, and whether its statements use it: one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let judged: Vec<bool> = self.uses.iter().filter_map(|check| check.used).collect();
        let uses = match (judged.len(), judged.iter().filter(|used| **used).count()) {
            (0, _) => None,
            (1, 1) => Some("The statement behind it uses it in the sandbox.".to_owned()),
            (1, _) => Some("The statement behind it does not use it in the sandbox.".to_owned()),
            (all, used) => {
                Some(format!("{used} of the {all} statements behind it use it in the sandbox."))
            }
        };
        self.notes.iter().cloned().chain(uses).collect::<Vec<_>>().join(" ")
    }
}

impl AnalysisOutcome {
    /// What was found: one line.
    #[must_use]
    pub fn summary(&self) -> String {
        format!(
            "{} of {} statements planned, {} recommendations, {} candidates rejected.",
            self.statements_planned, self.statements, self.recommendations, self.rejected
        )
    }
}

/// What an analysis found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnalysisOutcome {
    pub recommendations: i64,
    pub rejected: i64,
    pub statements: i64,
    /// Statements that could be planned.
    pub statements_planned: i64,
}

/// What an apply or rollback job did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeOutcome {
    pub change_id: ChangeId,
    /// The statement that ran.
    pub executed_sql: String,
    pub rollback_sql: String,
    /// Wall time of that statement.
    pub duration_ms: f64,
    /// What a person should know of it.
    pub notes: Vec<String>,
    /// The statements that it is for, planned in the sandbox without and with it.
    #[serde(default)]
    pub uses: Vec<UseCheck>,
    /// The job that measures it again.
    #[serde(default)]
    pub watch_job: Option<JobId>,
}

/// The answer to a request that starts or stops a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobAccepted {
    pub job_id: JobId,
    pub status: JobStatus,
}
