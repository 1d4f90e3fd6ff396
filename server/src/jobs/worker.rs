//! The worker: claims, runs, ends. On start it first takes what an earlier process left behind.

use std::sync::Arc;
use std::time::Duration;

use optischema::model::JobType;
use tokio::sync::watch;

use super::benchmark_job;
use super::change_job;
use super::progress::{KeepEnd, Progress, keep};
use super::signals::Signals;
use crate::clock::new_id;
use crate::config::Settings;
use crate::postgres::connect_writable;
use crate::sandbox::{Due, ScratchKind, sweep};
use crate::store::{ClaimedJob, JobEnd, Store, StoreError};

/// The queue is looked at this often even when nobody says that there is work.
const IDLE: Duration = Duration::from_secs(2);
/// Time that running work has to end when the process stops.
const GRACE: Duration = Duration::from_secs(10);
/// Time between two clean-ups.
const UPKEEP: Duration = Duration::from_secs(600);

/// Works through the queue of one store.
#[derive(Debug)]
pub struct Worker {
    pub(super) settings: Arc<Settings>,
    pub(super) store: Store,
    signals: Signals,
    boot_id: String,
    /// Applies and rollbacks of an earlier process that are not reconciled yet.
    unreconciled: tokio::sync::Mutex<Vec<ClaimedJob>>,
}

impl Worker {
    /// A worker for this process. The data folder's lock makes it the only one.
    #[must_use]
    pub fn new(settings: Arc<Settings>, store: Store, signals: Signals) -> Self {
        Self {
            settings,
            store,
            signals,
            boot_id: new_id().to_string(),
            unreconciled: tokio::sync::Mutex::default(),
        }
    }

    /// Runs until `shutdown` turns true; running work then has a few seconds to end, and is queued again
    /// otherwise.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        if let Err(error) = self.recover().await {
            tracing::error!(%error, "the jobs of an earlier process could not be taken over");
        }
        let mut upkeep = tokio::time::interval(UPKEEP);
        while !*shutdown.borrow() {
            match self.store.claim(&self.boot_id).await {
                Ok(Some(claimed)) => self.work(claimed, shutdown.clone()).await,
                Ok(None) => {
                    tokio::select! {
                        () = self.signals.work() => {}
                        () = tokio::time::sleep(IDLE) => self.reconcile_orphans().await,
                        _ = shutdown.changed() => {}
                        _ = upkeep.tick() => self.keep_up().await,
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the queue could not be read");
                    tokio::time::sleep(IDLE).await;
                }
            }
        }
    }

    /// Benchmarks of an earlier process are queued again and their schemas dropped; applies and rollbacks
    /// are never run again: the catalog says what became of them.
    async fn recover(&self) -> Result<(), StoreError> {
        let left = self.store.orphaned_jobs(&self.boot_id).await?;
        let orphans = self.store.take_orphans(&self.boot_id).await?;
        self.unreconciled.lock().await.extend(orphans);
        self.reconcile_orphans().await;
        let ids: Vec<uuid::Uuid> = left.iter().map(|id| id.0).collect();
        self.sweep(&ids).await;
        Ok(())
    }

    /// Looks in the catalog what became of the changes of an earlier process. While the sandbox cannot be
    /// asked they wait: a job is not called failed because nobody could look.
    async fn reconcile_orphans(&self) {
        let mut waiting = self.unreconciled.lock().await;
        for claimed in std::mem::take(&mut *waiting) {
            let given_up = !matches!(self.store.renew(&claimed.lease).await, Ok(false));
            let end =
                change_job::reconcile(self, &claimed, "OptiSchema stopped while it ran").await;
            match end {
                JobEnd::Error(reason) if !given_up => {
                    tracing::warn!(job = %claimed.job.id, reason, "waiting to see what became of it");
                    let phase = format!("waiting to see what became of it: {reason}");
                    if let Err(error) =
                        self.store.report_progress(&claimed.lease, &phase, 0.0).await
                    {
                        tracing::warn!(%error, "progress was not written");
                    }
                    waiting.push(claimed);
                }
                end => self.finish(&claimed, end).await,
            }
        }
    }

    async fn keep_up(&self) {
        let hours = i64::from(self.settings.job_retention_hours);
        match self.store.remove_old_jobs(hours).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "finished jobs were removed"),
            Err(error) => tracing::warn!(%error, "finished jobs were not removed"),
        }
        self.sweep(&[]).await;
        if let Err(reason) = change_job::drop_leftovers(self).await {
            tracing::warn!(%reason, "invalid indexes were not looked for");
        }
    }

    async fn sweep(&self, also: &[uuid::Uuid]) {
        let Some(dsn) = &self.settings.sandbox_url else { return };
        let swept = match connect_writable(dsn, self.settings.statement_timeout_s).await {
            Ok(mut session) => sweep(&mut session.connection, Due::ExpiredOr(also)).await,
            Err(failure) => Err(failure.into()),
        };
        match swept {
            Ok(dropped) if dropped.is_empty() => {}
            Ok(dropped) => tracing::info!(?dropped, "scratch schemas were swept"),
            Err(error) => tracing::warn!(%error, "the sandbox was not swept"),
        }
    }

    async fn work(&self, claimed: ClaimedJob, mut shutdown: watch::Receiver<bool>) {
        let id = claimed.job.id;
        tracing::info!(job = %id, kind = %claimed.job.job_type, "started");
        let mut cancel = self.signals.started(id);
        let (progress, updates) = Progress::channel();
        let stopping = async {
            // A closed channel means that nobody will ever ask.
            if shutdown.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(GRACE).await;
        };
        let end = tokio::select! {
            end = self.run_job(&claimed, &progress) => Some(end),
            _ = cancel.wait_for(|asked| *asked) => Some(JobEnd::Cancelled(None)),
            kept = keep(&self.store, &claimed.lease, updates) => match kept {
                KeepEnd::Cancelled => Some(JobEnd::Cancelled(None)),
                KeepEnd::LeaseLost => None,
            },
            () = stopping => None,
        };
        self.signals.ended(id);
        let interrupted = !matches!(end, Some(JobEnd::Completed(_) | JobEnd::Failed(_)));
        let end = match claimed.job.job_type {
            JobType::Benchmark => {
                benchmark_job::clean(self, &claimed, interrupted).await;
                end
            }
            JobType::Apply | JobType::Rollback if interrupted => {
                benchmark_job::stop_backends(self, &claimed).await;
                benchmark_job::drop_schema(self, &claimed, ScratchKind::ApplyCheck).await;
                let reconciled = change_job::reconcile(self, &claimed, "it was stopped").await;
                Some(match (reconciled, end) {
                    (done @ JobEnd::Completed(_), _) => done,
                    // The catalog's word on what is left belongs to the job that was stopped.
                    (JobEnd::Failed(left) | JobEnd::Error(left), Some(JobEnd::Cancelled(_))) => {
                        JobEnd::Cancelled(Some(left))
                    }
                    (_, Some(end)) => end,
                    (reconciled, None) => reconciled,
                })
            }
            JobType::Apply | JobType::Rollback => end,
        };
        match end {
            Some(end) => self.finish(&claimed, end).await,
            None => {
                if let Err(error) = self.store.requeue(&claimed.lease).await {
                    tracing::error!(job = %id, %error, "the job could not be queued again");
                }
            }
        }
    }

    async fn run_job(&self, claimed: &ClaimedJob, progress: &Progress) -> JobEnd {
        match claimed.job.job_type {
            JobType::Benchmark => benchmark_job::run(self, claimed, progress).await,
            JobType::Apply => change_job::apply(self, claimed, progress).await,
            JobType::Rollback => change_job::roll_back(self, claimed, progress).await,
        }
    }

    async fn finish(&self, claimed: &ClaimedJob, end: JobEnd) {
        let id = claimed.job.id;
        match &end {
            JobEnd::Completed(_) => tracing::info!(job = %id, "completed"),
            JobEnd::Cancelled(_) => tracing::info!(job = %id, "cancelled"),
            JobEnd::Failed(reason) => tracing::info!(job = %id, reason, "failed"),
            JobEnd::Error(reason) => tracing::warn!(job = %id, reason, "could not run"),
        }
        if let Err(error) = self.store.finish(&claimed.lease, &end).await {
            tracing::error!(job = %id, %error, "the job's end could not be written");
        }
    }
}
