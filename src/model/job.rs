//! Durable units of background work.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;
use super::{BenchmarkResult, ChangeId, JobId, RecommendationId, Timestamp};

text_enum! {
    /// What a job does.
    pub enum JobType ("job type") {
        Benchmark => "benchmark",
        Apply => "apply",
        Rollback => "rollback",
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
        }
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

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    pub id: JobId,
    pub recommendation_id: RecommendationId,
    /// The recommendation's title, so that a list can be read.
    pub recommendation_title: String,
    pub status: JobStatus,
    pub job_type: JobType,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub result: Option<JobResult>,
    pub error_message: Option<String>,
    /// What the job is doing now, in words.
    pub phase: Option<String>,
    /// 0 to 1.
    pub progress: f64,
    /// How often it was started.
    pub attempts: i64,
}

/// What a completed job found or did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum JobResult {
    Benchmark(Box<BenchmarkResult>),
    Change(ChangeOutcome),
}

impl JobResult {
    /// The benchmark, where the job was one.
    #[must_use]
    pub fn benchmark(&self) -> Option<&BenchmarkResult> {
        match self {
            Self::Benchmark(result) => Some(result),
            Self::Change(_) => None,
        }
    }
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
}

/// The answer to a request that starts or stops a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobAccepted {
    pub job_id: JobId,
    pub status: JobStatus,
}
