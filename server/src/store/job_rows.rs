//! Jobs as they are queued and end, and their rows inside a transaction of the caller's.

use optischema::lifecycle::{Grounds, back_off_seconds, job_after};
use optischema::model::{
    ChangeId, Job, JobEvent, JobId, JobResult, JobStatus, JobType, Phase, RecommendationId,
};
use optischema::refusal::{Act, Refusal};
use sqlx::SqliteConnection;

use super::StoreError;
use super::change_rows::stands_for_good;
use super::jobs::fetch_job;
use super::recommendation_rows::fetch as fetch_recommendation;
use super::row::{parsed, to_json};
use super::watches::note_watch;
use crate::clock::{in_seconds, new_id, now};

/// Seconds that a claim holds without being renewed.
pub(super) const LEASE_SECONDS: i64 = 60;

/// The right to work on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub job_id: JobId,
    pub(super) token: String,
}

/// A job that this process has claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    pub job: Job,
    pub lease: Lease,
    pub override_reason: Option<String>,
    /// SHA-256 of the patch as it was approved.
    pub approved_hash: Option<String>,
}

/// Why a job did not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFailure {
    /// Stable, for programs.
    pub code: &'static str,
    /// For a person.
    pub message: String,
}

impl JobFailure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl std::fmt::Display for JobFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEnd {
    Completed(JobResult),
    /// It ran, and the answer is no.
    Failed(JobFailure),
    /// The change cannot be made on the rows as they are: what was advised does not hold.
    Refuted(JobFailure),
    /// It could not run.
    Error(JobFailure),
    /// It could not run for a reason that may pass.
    Later(JobFailure),
    /// It was stopped; what a person should know of what is left.
    Cancelled(Option<JobFailure>),
}

/// A job to be queued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob<'a> {
    pub job_type: JobType,
    /// The name of the tuned database.
    pub database: &'a str,
    /// Absent for an analysis.
    pub recommendation_id: Option<RecommendationId>,
    /// `host:port` of the server that it works on.
    pub target: &'a str,
    pub actor: &'a str,
    pub override_reason: Option<&'a str>,
    pub approved_hash: Option<&'a str>,
    /// The change that it watches or undoes.
    pub change_id: Option<ChangeId>,
    /// It starts once that one is completed.
    pub after_job: Option<JobId>,
    /// The recommendations that a benchmark measures together; empty where it is of one.
    pub members: &'a [RecommendationId],
}

impl<'a> NewJob<'a> {
    /// What it does with its recommendation.
    const fn act(&self) -> Option<Act> {
        match (self.job_type, self.change_id) {
            (JobType::Benchmark, Some(_)) => Some(Act::Watch),
            (JobType::Benchmark, None) => Some(Act::Benchmark),
            (JobType::Apply, _) => Some(Act::Apply),
            (JobType::Rollback, _) => Some(Act::RollBack),
            (JobType::Analyze, _) => None,
        }
    }

    /// A job on a recommendation.
    #[must_use]
    pub const fn new(job_type: JobType, id: RecommendationId, actor: &'a str) -> Self {
        Self { recommendation_id: Some(id), ..Self::bare(job_type, actor) }
    }

    /// A benchmark of several recommendations together.
    #[must_use]
    pub const fn of_set(members: &'a [RecommendationId], actor: &'a str) -> Self {
        Self { members, ..Self::bare(JobType::Benchmark, actor) }
    }

    const fn bare(job_type: JobType, actor: &'a str) -> Self {
        Self {
            job_type,
            database: "",
            recommendation_id: None,
            target: "",
            actor,
            override_reason: None,
            approved_hash: None,
            change_id: None,
            after_job: None,
            members: &[],
        }
    }
}

/// Queues a job inside a transaction of the caller's.
pub(super) async fn enqueue_in(
    write: &mut SqliteConnection,
    job: &NewJob<'_>,
) -> Result<Job, StoreError> {
    let mut database = job.database.to_owned();
    if let Some(id) = job.recommendation_id {
        let recommendation = fetch_recommendation(&mut *write, id).await?;
        if let Some(act) = job.act() {
            let grounds = Grounds {
                vouched: recommendation.is_measured() || job.override_reason.is_some(),
                for_good: stands_for_good(&mut *write, id).await?,
            };
            recommendation.may(act, grounds)?;
        }
        database = recommendation.database;
    }
    for id in job.members {
        let recommendation = fetch_recommendation(&mut *write, *id).await?;
        let grounds = Grounds { vouched: true, for_good: stands_for_good(&mut *write, *id).await? };
        recommendation.may(Act::Benchmark, grounds)?;
        database = recommendation.database;
    }
    let live = match job.members.is_empty() {
        true => live_job(write, job.recommendation_id, &database).await?,
        false => live_set(write, &database).await?,
    };
    // What a job waits for is no obstacle to it.
    if let Some(live) = live.filter(|live| Some(live.id) != job.after_job) {
        match (job.job_type, live.is_watch()) {
            (JobType::Analyze, _) => return Ok(live),
            // Whoever rolls back need not wait for what it came to.
            (JobType::Rollback, true) => {
                cancel_in(write, live.id, Some("it was rolled back")).await?;
            }
            _ => {
                return Err(Refusal::Queued(live.id).into());
            }
        }
    }
    let id = JobId(new_id());
    sqlx::query(
        "INSERT INTO benchmark_jobs (id, database, recommendation_id, status, job_type, created_at,
             override_reason, actor, target, change_id, after_job, approved_hash, members)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )
    .bind(id.to_string())
    .bind(&database)
    .bind(job.recommendation_id.map(|id| id.to_string()))
    .bind(JobStatus::Pending.as_str())
    .bind(job.job_type.as_str())
    .bind(now().to_string())
    .bind(job.override_reason)
    .bind(job.actor)
    .bind(job.target)
    .bind(job.change_id.map(|id| id.to_string()))
    .bind(job.after_job.map(|id| id.to_string()))
    .bind(job.approved_hash)
    .bind(match job.members {
        [] => None,
        members => Some(to_json("members", &members)?),
    })
    .execute(&mut *write)
    .await?;
    fetch_job(write, id).await
}

/// A benchmark of several recommendations of a database that is queued or running.
async fn live_set(write: &mut SqliteConnection, database: &str) -> Result<Option<Job>, StoreError> {
    let row = sqlx::query(
        "SELECT id FROM benchmark_jobs WHERE status IN ('pending', 'running') AND members IS NOT NULL
           AND database = ?1 LIMIT 1",
    )
    .bind(database)
    .fetch_optional(&mut *write)
    .await?;
    match row {
        Some(row) => fetch_job(write, parsed(&row, "id")?).await.map(Some),
        None => Ok(None),
    }
}

/// A job that is queued or running for a recommendation, or the analysis of a database.
pub(super) async fn live_job(
    write: &mut SqliteConnection,
    recommendation_id: Option<RecommendationId>,
    database: &str,
) -> Result<Option<Job>, StoreError> {
    let row = sqlx::query(
        "SELECT id FROM benchmark_jobs WHERE status IN ('pending', 'running')
           AND members IS NULL AND coalesce(recommendation_id, database) = ?1
         -- What watches a change gives way to whoever undoes it; anything else does not.
         ORDER BY job_type = 'benchmark' AND change_id IS NOT NULL LIMIT 1",
    )
    .bind(recommendation_id.map_or_else(|| database.to_owned(), |id| id.to_string()))
    .fetch_optional(&mut *write)
    .await?;
    match row {
        Some(row) => fetch_job(write, parsed(&row, "id")?).await.map(Some),
        None => Ok(None),
    }
}

/// Cancels what waited for a job that did not complete, and what waited for that.
pub(super) async fn cancel_waiting(
    write: &mut SqliteConnection,
    id: JobId,
) -> Result<(), StoreError> {
    sqlx::query(
        "WITH RECURSIVE waiting (id) AS (
             SELECT id FROM benchmark_jobs WHERE after_job = ?1 AND status = 'pending'
             UNION SELECT j.id FROM benchmark_jobs j JOIN waiting w ON j.after_job = w.id
             WHERE j.status = 'pending')
         UPDATE benchmark_jobs SET status = 'cancelled', completed_at = ?2,
             error_message = 'the job before it did not complete, so nothing was begun',
             error_code = 'job_before_not_completed'
         WHERE id IN (SELECT id FROM waiting)",
    )
    .bind(id.to_string())
    .bind(now().to_string())
    .execute(write)
    .await?;
    Ok(())
}

/// Gives a job back to the queue, to be started again after a while.
pub(super) async fn try_again(
    write: &mut SqliteConnection,
    lease: &Lease,
    job: &Job,
    reason: &str,
) -> Result<(), StoreError> {
    let status = job_after(job.status, JobEvent::Requeued)?;
    let wait = back_off_seconds(job.attempts, fastrand::f64());
    let changed = sqlx::query(
        "UPDATE benchmark_jobs SET status = ?5, lease_token = NULL, lease_expires_at = NULL, progress = 0,
             phase = ?4, not_before = ?3
         WHERE id = ?1 AND lease_token = ?2 AND status = 'running'",
    )
    .bind(job.id.to_string())
    .bind(&lease.token)
    .bind(in_seconds(wait).to_string())
    .bind(to_json("phase", &Phase::WaitingToRetry { reason: reason.to_owned() })?)
    .bind(status.as_str())
    .execute(write)
    .await?
    .rows_affected();
    if changed == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
}

pub(super) async fn cancel_in(
    write: &mut SqliteConnection,
    id: JobId,
    why: Option<&str>,
) -> Result<Job, StoreError> {
    let job = fetch_job(write, id).await?;
    let status = job_after(job.status, JobEvent::Cancelled)?;
    if job.status == JobStatus::Pending {
        sqlx::query(
            "UPDATE benchmark_jobs SET status = ?2, completed_at = ?3, error_message = ?4 WHERE id = ?1",
        )
        .bind(id.to_string())
        .bind(status.as_str())
        .bind(now().to_string())
        .bind(why)
        .execute(&mut *write)
        .await?;
        if job.is_watch() {
            note_watch(write, &job, None, why).await?;
        }
        cancel_waiting(write, id).await?;
    } else {
        sqlx::query("UPDATE benchmark_jobs SET cancel_requested = 1, phase = ?2 WHERE id = ?1")
            .bind(id.to_string())
            .bind(to_json("phase", &Phase::Cancelling)?)
            .execute(&mut *write)
            .await?;
    }
    fetch_job(write, id).await
}
