//! Jobs that nobody works on any more: taken over, queued again, or given up.

use optischema::lifecycle::{MAX_ATTEMPTS, job_after};
use optischema::model::{Job, JobEvent, JobId};
use sqlx::SqliteConnection;

use super::job_rows::{ClaimedJob, LEASE_SECONDS, Lease, cancel_waiting, try_again};
use super::jobs::fetch_job;
use super::row::{optional_text, parsed, text, to_json};
use super::watches::note_watch;
use super::{Store, StoreError};
use crate::clock::{in_seconds, now};

impl Store {
    /// The jobs that earlier processes were running, of every type.
    pub async fn orphaned_jobs(&self, boot_id: &str) -> Result<Vec<JobId>, StoreError> {
        let rows =
            sqlx::query("SELECT id FROM benchmark_jobs WHERE status = 'running' AND boot_id <> ?1")
                .bind(boot_id)
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    /// Ends the running jobs of other processes where the store was copied from elsewhere: whoever runs them goes on.
    /// Returns how many there were.
    pub async fn end_jobs_of_another(&self, boot_id: &str) -> Result<u64, StoreError> {
        let left = self.orphaned_jobs(boot_id).await?;
        let mut write = self.write().await?;
        for id in &left {
            let job = fetch_job(&mut write, *id).await?;
            give_up(&mut write, &job, "This store was copied from another folder or machine. The job belongs to the original. Start it again here if you need it.").await?;
        }
        write.commit().await?;
        Ok(left.len() as u64)
    }

    /// The ids of all jobs that are kept.
    pub async fn job_ids(&self) -> Result<Vec<uuid::Uuid>, StoreError> {
        let rows = sqlx::query("SELECT id FROM benchmark_jobs").fetch_all(&self.readers).await?;
        rows.iter().map(|row| parsed::<JobId>(row, "id").map(|id| id.0)).collect()
    }

    /// Takes the running jobs that nobody works on: those of earlier processes, and those of this one whose lease ran
    /// out and that are not among `live`. Benchmarks and analyses are queued again, so often and no more; the others
    /// are claimed and returned, to be reconciled from the catalog.
    pub async fn take_orphans(
        &self,
        boot_id: &str,
        live: &[JobId],
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let mut write = self.write().await?;
        let live: Vec<String> = live.iter().map(JobId::to_string).collect();
        let rows = sqlx::query(
            "UPDATE benchmark_jobs SET boot_id = ?1, lease_token = lower(hex(randomblob(16))),
                 lease_expires_at = ?2
             WHERE status = 'running' AND (boot_id <> ?1 OR lease_expires_at < ?3)
               AND id NOT IN (SELECT value FROM json_each(?4))
             RETURNING id, lease_token, override_reason, approved_hash",
        )
        .bind(boot_id)
        .bind(in_seconds(LEASE_SECONDS).to_string())
        .bind(now().to_string())
        .bind(to_json("live", &live)?)
        .fetch_all(&mut *write)
        .await?;
        let mut orphans = Vec::with_capacity(rows.len());
        for row in &rows {
            let job_id: JobId = parsed(row, "id")?;
            let job = fetch_job(&mut write, job_id).await?;
            let lease = Lease { job_id, token: text(row, "lease_token")? };
            if job.job_type.is_repeatable() {
                let reason = "OptiSchema stopped while it ran";
                if job.attempts < MAX_ATTEMPTS {
                    try_again(&mut write, &lease, &job, reason).await?;
                } else {
                    give_up(&mut write, &job, &format!("{reason}, each time it was tried")).await?;
                }
                continue;
            }
            orphans.push(ClaimedJob {
                job,
                lease,
                override_reason: optional_text(row, "override_reason")?,
                approved_hash: optional_text(row, "approved_hash")?,
            });
        }
        write.commit().await?;
        Ok(orphans)
    }
}

async fn give_up(write: &mut SqliteConnection, job: &Job, reason: &str) -> Result<(), StoreError> {
    let status = job_after(job.status, JobEvent::Errored)?;
    sqlx::query(
        "UPDATE benchmark_jobs SET status = ?2, completed_at = ?3, lease_token = NULL,
             lease_expires_at = NULL, phase = NULL, error_message = ?4, error_code = 'cut_off' WHERE id = ?1",
    )
    .bind(job.id.to_string())
    .bind(status.as_str())
    .bind(now().to_string())
    .bind(reason)
    .execute(&mut *write)
    .await?;
    if job.is_watch() {
        note_watch(write, job, None, Some(reason)).await?;
    }
    cancel_waiting(write, job.id).await
}
