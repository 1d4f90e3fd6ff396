//! The job queue: one claim at a time, each under a fresh lease token. Every later write carries the token, and zero
//! rows changed means that the job is no longer the caller's.

use optischema::lifecycle::{MAX_ATTEMPTS, job_after};
use optischema::model::{Job, JobEvent, JobId, JobProgress, JobResult, JobStatus, Phase};

use super::audit::{AuditRecord, append};
use super::job_rows::{
    ClaimedJob, JobEnd, LEASE_SECONDS, Lease, NewJob, cancel_in, cancel_waiting, enqueue_in,
    try_again,
};
use super::jobs::fetch_job;
use super::predictions::{close_refuted, note_benchmark};
use super::row::{integer, optional_text, parsed, to_json};
use super::watches::note_watch;
use super::{Store, StoreError};
use crate::clock::{in_seconds, new_id, now};

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
