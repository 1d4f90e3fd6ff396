//! The job queue. A claim sets a fresh lease token; every later write carries it, and zero rows changed
//! means that the job is no longer the caller's.

use optischema::lifecycle::{
    JobEvent, RecommendationEvent, job_after, may_start, recommendation_after,
};
use optischema::model::{
    BenchmarkResult, DEFAULT_PAGE, Job, JobFilter, JobId, JobPage, JobResult, JobStatus, JobType,
    LatestBenchmark, RecommendationId,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::clock::{in_seconds, new_id, now};

use super::recommendations::{fetch as fetch_recommendation, set_latest_benchmark, set_status};
use super::row::{
    integer, number, optional_json, optional_parsed, optional_text, parsed, text, to_json,
};
use super::{Store, StoreError};

/// Seconds that a claim holds without being renewed.
const LEASE_SECONDS: i64 = 60;
/// A benchmark is started at most this often.
const MAX_ATTEMPTS: i64 = 3;

/// The right to work on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub job_id: JobId,
    token: String,
}

/// A job that this process has claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    pub job: Job,
    pub lease: Lease,
    pub override_reason: Option<String>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEnd {
    Completed(JobResult),
    /// It ran, and the answer is no.
    Failed(String),
    /// It could not run.
    Error(String),
    /// It was stopped; what a person should know of what is left.
    Cancelled(Option<String>),
}

const SELECT_JOB: &str = "SELECT j.*, r.title AS recommendation_title FROM benchmark_jobs j
    JOIN recommendations r ON r.id = j.recommendation_id";

impl Store {
    /// Queues a job. While another is live for the recommendation, that one is a conflict: a benchmark and
    /// an apply of the same change would measure each other.
    pub async fn enqueue(
        &self,
        recommendation_id: RecommendationId,
        job_type: JobType,
        override_reason: Option<&str>,
    ) -> Result<Job, StoreError> {
        let mut write = self.write().await?;
        let recommendation = fetch_recommendation(&mut write, recommendation_id).await?;
        may_start(job_type, recommendation.status, override_reason.is_some())?;
        let live = sqlx::query(
            "SELECT id FROM benchmark_jobs
             WHERE recommendation_id = ?1 AND status IN ('pending', 'running')",
        )
        .bind(recommendation_id.to_string())
        .fetch_optional(&mut *write)
        .await?;
        if let Some(row) = live {
            return Err(StoreError::Illegal(optischema::lifecycle::IllegalTransition(format!(
                "a job for it is queued or running already: {}",
                text(&row, "id")?
            ))));
        }
        let id = JobId(new_id());
        sqlx::query(
            "INSERT INTO benchmark_jobs
                 (id, database, recommendation_id, status, job_type, created_at, override_reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(id.to_string())
        .bind(&recommendation.database)
        .bind(recommendation_id.to_string())
        .bind(JobStatus::Pending.as_str())
        .bind(job_type.as_str())
        .bind(now().to_string())
        .bind(override_reason)
        .execute(&mut *write)
        .await?;
        let job = fetch_job(&mut write, id).await?;
        write.commit().await?;
        Ok(job)
    }

    /// Claims the oldest job that is due, for the process `boot_id`.
    pub async fn claim(&self, boot_id: &str) -> Result<Option<ClaimedJob>, StoreError> {
        let mut write = self.write().await?;
        let token = new_id().to_string();
        let at = now();
        let claimed = sqlx::query(
            "UPDATE benchmark_jobs SET status = 'running', lease_token = ?1, lease_expires_at = ?2,
                 boot_id = ?3, started_at = ?4, attempts = attempts + 1, progress = 0, phase = 'starting'
             WHERE id = (SELECT id FROM benchmark_jobs
                         WHERE status = 'pending' AND (not_before IS NULL OR not_before <= ?4)
                         ORDER BY created_at, id LIMIT 1)
             RETURNING id, override_reason",
        )
        .bind(&token)
        .bind(in_seconds(LEASE_SECONDS).to_string())
        .bind(boot_id)
        .bind(at.to_string())
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = claimed else { return Ok(None) };
        let id: JobId = parsed(&row, "id")?;
        let override_reason = optional_text(&row, "override_reason")?;
        let job = fetch_job(&mut write, id).await?;
        write.commit().await?;
        Ok(Some(ClaimedJob { job, lease: Lease { job_id: id, token }, override_reason }))
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
        phase: &str,
        progress: f64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let changed = sqlx::query(
            "UPDATE benchmark_jobs SET phase = ?3, progress = ?4
             WHERE id = ?1 AND lease_token = ?2 AND status = 'running'",
        )
        .bind(lease.job_id.to_string())
        .bind(&lease.token)
        .bind(phase)
        .bind(progress.clamp(0.0, 1.0))
        .execute(&mut *write)
        .await?
        .rows_affected();
        write.commit().await?;
        if changed == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
    }

    /// Ends the job, and moves its recommendation along where it was benchmarked.
    pub async fn finish(&self, lease: &Lease, end: &JobEnd) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let job = fetch_job(&mut write, lease.job_id).await?;
        let (event, result, message) = match end {
            JobEnd::Completed(result) => (JobEvent::Completed, Some(result), None),
            JobEnd::Failed(message) => (JobEvent::Failed, None, Some(message.as_str())),
            JobEnd::Error(message) => (JobEvent::Errored, None, Some(message.as_str())),
            JobEnd::Cancelled(note) => (JobEvent::Cancelled, None, note.as_deref()),
        };
        let status = job_after(job.status, event)?;
        let changed = sqlx::query(
            "UPDATE benchmark_jobs SET status = ?3, completed_at = ?4, result_json = ?5,
                 error_message = ?6, phase = NULL, progress = ?7, lease_token = NULL,
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
        .execute(&mut *write)
        .await?
        .rows_affected();
        if changed != 1 {
            return Err(StoreError::LeaseLost);
        }
        if let Some(benchmark) = result.and_then(JobResult::benchmark) {
            note_benchmark(&mut write, &job, benchmark).await?;
        }
        write.commit().await?;
        Ok(())
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
        write.commit().await?;
        Ok(())
    }

    /// Cancels a pending job at once; asks a running one to stop.
    pub async fn cancel(&self, id: JobId) -> Result<Job, StoreError> {
        let mut write = self.write().await?;
        let job = fetch_job(&mut write, id).await?;
        let status = job_after(job.status, JobEvent::Cancelled)?;
        if job.status == JobStatus::Pending {
            sqlx::query("UPDATE benchmark_jobs SET status = ?2, completed_at = ?3 WHERE id = ?1")
                .bind(id.to_string())
                .bind(status.as_str())
                .bind(now().to_string())
                .execute(&mut *write)
                .await?;
        } else {
            sqlx::query("UPDATE benchmark_jobs SET cancel_requested = 1 WHERE id = ?1")
                .bind(id.to_string())
                .execute(&mut *write)
                .await?;
        }
        let job = fetch_job(&mut write, id).await?;
        write.commit().await?;
        Ok(job)
    }

    /// The jobs that earlier processes were running, of every type.
    pub async fn orphaned_jobs(&self, boot_id: &str) -> Result<Vec<JobId>, StoreError> {
        let rows =
            sqlx::query("SELECT id FROM benchmark_jobs WHERE status = 'running' AND boot_id <> ?1")
                .bind(boot_id)
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    /// Takes the running jobs of earlier processes. Benchmarks are queued again, at most
    /// three times; the others are claimed and returned, to be reconciled from the catalog.
    pub async fn take_orphans(&self, boot_id: &str) -> Result<Vec<ClaimedJob>, StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "UPDATE benchmark_jobs SET status = 'error', completed_at = ?2, lease_token = NULL,
                 error_message = 'OptiSchema stopped while it ran, each time it was tried'
             WHERE status = 'running' AND boot_id <> ?1 AND job_type = 'benchmark' AND attempts >= ?3",
        )
        .bind(boot_id)
        .bind(now().to_string())
        .bind(MAX_ATTEMPTS)
        .execute(&mut *write)
        .await?;
        let jitter = fastrand::i64(0..3);
        sqlx::query(
            "UPDATE benchmark_jobs SET status = 'pending', lease_token = NULL, progress = 0,
                 phase = NULL, not_before = ?2
             WHERE status = 'running' AND boot_id <> ?1 AND job_type = 'benchmark'",
        )
        .bind(boot_id)
        .bind(in_seconds(2 + jitter).to_string())
        .execute(&mut *write)
        .await?;
        let rows = sqlx::query(
            "UPDATE benchmark_jobs SET boot_id = ?1, lease_token = lower(hex(randomblob(16))),
                 lease_expires_at = ?2
             WHERE status = 'running' AND boot_id <> ?1
             RETURNING id, lease_token, override_reason",
        )
        .bind(boot_id)
        .bind(in_seconds(LEASE_SECONDS).to_string())
        .fetch_all(&mut *write)
        .await?;
        let mut orphans = Vec::with_capacity(rows.len());
        for row in &rows {
            let job_id: JobId = parsed(row, "id")?;
            orphans.push(ClaimedJob {
                job: fetch_job(&mut write, job_id).await?,
                lease: Lease { job_id, token: text(row, "lease_token")? },
                override_reason: optional_text(row, "override_reason")?,
            });
        }
        write.commit().await?;
        Ok(orphans)
    }

    /// One job.
    pub async fn job(&self, id: JobId) -> Result<Job, StoreError> {
        let mut reader = self.readers.acquire().await?;
        fetch_job(&mut reader, id).await
    }

    /// A page of jobs, newest first.
    pub async fn jobs(&self, database: &str, filter: &JobFilter) -> Result<JobPage, StoreError> {
        let limit = filter.limit.unwrap_or(DEFAULT_PAGE);
        let mut query = QueryBuilder::<Sqlite>::new(SELECT_JOB);
        query.push(" WHERE j.database = ").push_bind(database);
        if let Some(status) = filter.status {
            query.push(" AND j.status = ").push_bind(status.as_str());
        }
        if let Some(job_type) = filter.job_type {
            query.push(" AND j.job_type = ").push_bind(job_type.as_str());
        }
        if let Some(id) = filter.recommendation_id {
            query.push(" AND j.recommendation_id = ").push_bind(id.to_string());
        }
        if let Some(cursor) = &filter.cursor {
            query
                .push(" AND (j.created_at, j.id) < (SELECT created_at, id FROM benchmark_jobs WHERE id = ")
                .push_bind(cursor.to_string())
                .push(")");
        }
        query.push(" ORDER BY j.created_at DESC, j.id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let rows = query.build().fetch_all(&self.readers).await?;
        let mut items = rows.iter().map(job_from_row).collect::<Result<Vec<_>, _>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(JobPage { items, next_cursor })
    }

    /// Jobs that are queued, and jobs that are running.
    pub async fn live_job_counts(&self) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE status = 'pending') AS pending,
                    count(*) FILTER (WHERE status = 'running') AS running FROM benchmark_jobs",
        )
        .fetch_one(&self.readers)
        .await?;
        Ok((integer(&row, "pending")?, integer(&row, "running")?))
    }

    /// Removes jobs that ended more than `hours` ago. The audit trail and the changes stay.
    pub async fn remove_old_jobs(&self, hours: i64) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let removed = sqlx::query(
            "DELETE FROM benchmark_jobs
             WHERE status NOT IN ('pending', 'running') AND completed_at < ?1",
        )
        .bind(in_seconds(-hours * 3600).to_string())
        .execute(&mut *write)
        .await?
        .rows_affected();
        write.commit().await?;
        Ok(removed)
    }
}

async fn note_benchmark(
    write: &mut SqliteConnection,
    job: &Job,
    benchmark: &BenchmarkResult,
) -> Result<(), StoreError> {
    let recommendation = fetch_recommendation(write, job.recommendation_id).await?;
    let latest = LatestBenchmark {
        job_id: job.id,
        verdict: benchmark.verdict,
        change_percent: benchmark.change_percent,
        source: benchmark.source,
    };
    set_latest_benchmark(write, recommendation.id, &latest).await?;
    let status = recommendation_after(recommendation.status, RecommendationEvent::Benchmarked)?;
    set_status(write, recommendation.id, status).await
}

async fn fetch_job(connection: &mut SqliteConnection, id: JobId) -> Result<Job, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT_JOB);
    query.push(" WHERE j.id = ").push_bind(id.to_string());
    let row = query
        .build()
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::NotFound { what: "job", id: id.to_string() })?;
    job_from_row(&row)
}

fn job_from_row(row: &SqliteRow) -> Result<Job, StoreError> {
    Ok(Job {
        id: parsed(row, "id")?,
        recommendation_id: parsed(row, "recommendation_id")?,
        recommendation_title: text(row, "recommendation_title")?,
        status: parsed(row, "status")?,
        job_type: parsed(row, "job_type")?,
        created_at: parsed(row, "created_at")?,
        started_at: optional_parsed(row, "started_at")?,
        completed_at: optional_parsed(row, "completed_at")?,
        result: optional_json(row, "result_json")?,
        error_message: optional_text(row, "error_message")?,
        phase: optional_text(row, "phase")?,
        progress: number(row, "progress")?,
        attempts: integer(row, "attempts")?,
    })
}
