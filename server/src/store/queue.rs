//! The job queue: one claim at a time, each under a fresh lease token. Every later write carries the token, and zero
//! rows changed means that the job is no longer the caller's.

use optischema::lifecycle::{Grounds, JobEvent, MAX_ATTEMPTS, job_after};
use optischema::model::{
    ChangeId, Job, JobId, JobProgress, JobResult, JobStatus, JobType, Phase, RecommendationId,
};
use optischema::refusal::{Act, Refusal};
use sqlx::SqliteConnection;

use super::audit::{AuditRecord, append};
use super::changes::{note_watch, stands_for_good};
use super::jobs::fetch_job;
use super::orphans::try_again;
use super::predictions::{close_refuted, note_benchmark};
use super::recommendations::fetch as fetch_recommendation;
use super::row::{integer, optional_text, parsed, to_json};
use super::{Store, StoreError};
use crate::clock::{in_seconds, new_id, now};

/// Seconds that a claim holds without being renewed.
pub(super) const LEASE_SECONDS: i64 = 60;

/// What a running job is at once it was asked to stop.

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

impl Store {
    /// Queues a job. While another is live for the recommendation, that one is a conflict: a benchmark and
    /// an apply of the same change would measure each other. A live analysis is answered instead of a second one.
    pub async fn enqueue(&self, job: &NewJob<'_>) -> Result<Job, StoreError> {
        let mut write = self.write().await?;
        let queued = enqueue_in(&mut write, job).await?;
        write.commit().await?;
        Ok(queued)
    }

    /// Queues a job and writes down why, both or neither.
    pub async fn enqueue_audited(
        &self,
        job: &NewJob<'_>,
        audit: &AuditRecord,
    ) -> Result<Job, StoreError> {
        let mut write = self.write().await?;
        let queued = enqueue_in(&mut write, job).await?;
        append(&mut write, audit).await?;
        write.commit().await?;
        Ok(queued)
    }

    /// Queues jobs of which each waits for the one before it, all or none.
    pub async fn enqueue_chain(&self, jobs: &[NewJob<'_>]) -> Result<Vec<Job>, StoreError> {
        let mut write = self.write().await?;
        let mut queued: Vec<Job> = Vec::with_capacity(jobs.len());
        for job in jobs {
            let after_job = queued.last().map(|before| before.id);
            let job = NewJob { after_job, ..job.clone() };
            queued.push(enqueue_in(&mut write, &job).await?);
        }
        write.commit().await?;
        Ok(queued)
    }

    /// Claims the oldest job that is due and whose server has fewer than `per_target` running, for the process
    /// `boot_id`.
    pub async fn claim(
        &self,
        boot_id: &str,
        per_target: u32,
    ) -> Result<Option<ClaimedJob>, StoreError> {
        let mut write = self.write().await?;
        let token = new_id().to_string();
        let claimed = sqlx::query(
            "UPDATE benchmark_jobs SET status = 'running', lease_token = ?1, lease_expires_at = ?2,
                 boot_id = ?3, started_at = ?4, attempts = attempts + 1, progress = 0, phase = ?6
             WHERE id = (SELECT j.id FROM benchmark_jobs j
                 WHERE j.status = 'pending' AND (j.not_before IS NULL OR j.not_before <= ?4)
                   AND (SELECT count(*) FROM benchmark_jobs r
                        WHERE r.status = 'running' AND r.target = j.target) < ?5
                   -- One change at a time is made on a server, however much else runs there.
                   AND NOT (j.job_type IN ('apply', 'rollback') AND EXISTS (
                        SELECT 1 FROM benchmark_jobs r WHERE r.status = 'running' AND r.target = j.target
                          AND r.job_type IN ('apply', 'rollback')))
                   AND coalesce((SELECT b.status FROM benchmark_jobs b WHERE b.id = j.after_job), 'completed')
                       = 'completed'
                 ORDER BY j.created_at, j.id LIMIT 1)
             RETURNING id, override_reason, approved_hash",
        )
        .bind(&token)
        .bind(in_seconds(LEASE_SECONDS).to_string())
        .bind(boot_id)
        .bind(now().to_string())
        .bind(i64::from(per_target))
        .bind(to_json("phase", &Phase::Starting)?)
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = claimed else { return Ok(None) };
        let id: JobId = parsed(&row, "id")?;
        let job = fetch_job(&mut write, id).await?;
        let claimed = ClaimedJob {
            job,
            lease: Lease { job_id: id, token },
            override_reason: optional_text(&row, "override_reason")?,
            approved_hash: optional_text(&row, "approved_hash")?,
        };
        write.commit().await?;
        Ok(Some(claimed))
    }

    /// Renews the lease. Returns whether the person has asked for the job to be cancelled.
    pub async fn renew(&self, lease: &Lease) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "UPDATE benchmark_jobs SET lease_expires_at = ?3
             WHERE id = ?1 AND lease_token = ?2 AND status = 'running' RETURNING cancel_requested",
        )
        .bind(lease.job_id.to_string())
        .bind(&lease.token)
        .bind(in_seconds(LEASE_SECONDS).to_string())
        .fetch_optional(&mut *write)
        .await?
        .ok_or(StoreError::LeaseLost)?;
        let cancelled = integer(&row, "cancel_requested")? == 1;
        write.commit().await?;
        Ok(cancelled)
    }

    /// Notes what the job is doing now; `progress` is 0 to 1.
    pub async fn report_progress(
        &self,
        lease: &Lease,
        phase: &Phase,
        progress: f64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let progress = progress.clamp(0.0, 1.0);
        let changed = sqlx::query(
            "UPDATE benchmark_jobs SET phase = ?3, progress = ?4
             WHERE id = ?1 AND lease_token = ?2 AND status = 'running'",
        )
        .bind(lease.job_id.to_string())
        .bind(&lease.token)
        .bind(to_json("phase", phase)?)
        .bind(progress)
        .execute(&mut *write)
        .await?
        .rows_affected();
        write.commit().await?;
        if changed != 1 {
            return Err(StoreError::LeaseLost);
        }
        self.live.progress(JobProgress {
            job_id: lease.job_id,
            phase: phase.to_string(),
            phase_detail: phase.clone(),
            progress,
        });
        Ok(())
    }

    /// Ends the job, and moves on what it was about: a benchmarked recommendation, a watched change. Jobs that waited
    /// for it are cancelled where it did not complete.
    pub async fn finish(&self, lease: &Lease, end: &JobEnd) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let job = fetch_job(&mut write, lease.job_id).await?;
        if let JobEnd::Later(failure) = end
            && job.attempts < MAX_ATTEMPTS
        {
            try_again(&mut write, lease, &job, &failure.message).await?;
            return write.commit().await;
        }
        let (event, result, failure) = match end {
            JobEnd::Completed(result) => (JobEvent::Completed, Some(result), None),
            JobEnd::Failed(failure) | JobEnd::Refuted(failure) => {
                (JobEvent::Failed, None, Some(failure))
            }
            JobEnd::Error(failure) | JobEnd::Later(failure) => {
                (JobEvent::Errored, None, Some(failure))
            }
            JobEnd::Cancelled(note) => (JobEvent::Cancelled, None, note.as_ref()),
        };
        let message = failure.map(|failure| failure.message.as_str());
        let status = job_after(job.status, event)?;
        let changed = sqlx::query(
            "UPDATE benchmark_jobs SET status = ?3, completed_at = ?4, result_json = ?5,
                 error_message = ?6, error_code = ?8, phase = NULL, progress = ?7, lease_token = NULL,
                 lease_expires_at = NULL
             WHERE id = ?1 AND lease_token = ?2 AND status = 'running'",
        )
        .bind(lease.job_id.to_string())
        .bind(&lease.token)
        .bind(status.as_str())
        .bind(now().to_string())
        .bind(result.map(|result| to_json("result_json", result)).transpose()?)
        .bind(message)
        .bind(if status == JobStatus::Completed { 1.0 } else { job.progress })
        .bind(failure.map(|failure| failure.code))
        .execute(&mut *write)
        .await?
        .rows_affected();
        if changed != 1 {
            return Err(StoreError::LeaseLost);
        }
        match (job.is_watch(), result.and_then(JobResult::benchmark)) {
            (true, benchmark) => note_watch(&mut write, &job, benchmark, message).await?,
            (false, Some(benchmark)) => note_benchmark(&mut write, &job, benchmark).await?,
            (false, None) => {}
        }
        if let (JobEnd::Refuted(reason), Some(id)) = (end, job.recommendation_id) {
            close_refuted(&mut write, id, &reason.message).await?;
        }
        if status != JobStatus::Completed {
            cancel_waiting(&mut write, job.id).await?;
        }
        write.commit().await
    }

    /// Gives a running job back to the queue: the process is stopping.
    pub async fn requeue(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "UPDATE benchmark_jobs SET status = 'pending', lease_token = NULL, lease_expires_at = NULL,
                 phase = NULL, progress = 0, attempts = attempts - 1
             WHERE id = ?1 AND lease_token = ?2 AND status = 'running'",
        )
        .bind(lease.job_id.to_string())
        .bind(&lease.token)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// Cancels a pending job at once; asks a running one to stop.
    pub async fn cancel(&self, id: JobId, audit: &AuditRecord) -> Result<Job, StoreError> {
        let mut write = self.write().await?;
        let job = cancel_in(&mut write, id, None).await?;
        let audit = AuditRecord { recommendation_id: job.recommendation_id, ..audit.clone() };
        append(&mut write, &audit).await?;
        write.commit().await?;
        let running = job.phase_detail.clone().filter(|_| job.status == JobStatus::Running);
        if let Some(phase) = running {
            self.live.progress(JobProgress {
                job_id: id,
                phase: phase.to_string(),
                phase_detail: phase,
                progress: job.progress,
            });
        }
        Ok(job)
    }

    /// Removes jobs that ended more than `hours` ago. The audit trail, the changes and what was imported stay.
    pub async fn remove_old_jobs(&self, hours: i64) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let removed = sqlx::query(
            "DELETE FROM benchmark_jobs
             WHERE status NOT IN ('pending', 'running') AND completed_at < ?1 AND actor <> 'imported'",
        )
        .bind(in_seconds(-hours * 3600).to_string())
        .execute(&mut *write)
        .await?
        .rows_affected();
        write.commit().await?;
        Ok(removed)
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

async fn cancel_in(
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
