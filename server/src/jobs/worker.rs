//! The worker: claims, runs, ends. On start it first takes what an earlier process left behind.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use optischema::audit::RollbackAutomatic;
use optischema::model::{JobType, Phase, RecommendationId};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::context::JobContext;
use super::progress::{KeepEnd, Progress, keep};
use super::signals::Signals;
use super::silence::silence_of;
use super::tidying::tidy;
use super::{analyze_job, apply_job, benchmark_job, reconcile, rollback_job};
use crate::clock::new_id;
use crate::config::Settings;
use crate::sandbox::{Due, ScratchKind, stop_named};
use crate::store::{AuditRecord, ClaimedJob, JobEnd, JobFailure, NewJob, Store, StoreError};

/// The queue is looked at this often even when nobody says that there is work.
const IDLE: Duration = Duration::from_secs(2);
/// Time that running work has to end when the process stops.
const GRACE: Duration = Duration::from_secs(10);
/// Time between two clean-ups.
const UPKEEP: Duration = Duration::from_secs(600);
/// Time between two looks for what a change that was cut off may have left.
const TIDYING: Duration = Duration::from_secs(20);
/// Jobs that run at once on all servers together.
const MOST_AT_ONCE: usize = 8;

/// Works through the queue of one store.
#[derive(Debug)]
pub struct Worker {
    context: JobContext,
    boot_id: String,
    /// Whether the store was copied from elsewhere: its running jobs may be another process's.
    is_copy: bool,
    /// Since a change was cut off something may be left that could not be dropped then: until when it is looked, and
    /// when next.
    untidy: std::sync::Mutex<Option<(Instant, Instant)>>,
    /// Applies and rollbacks that are not reconciled yet, of an earlier process or cut off in this one.
    unreconciled: tokio::sync::Mutex<Vec<ClaimedJob>>,
}

/// Runs it as a task of its own: a panic in it is logged, and is not the end of the worker.
async fn contained(work: impl Future<Output = ()> + Send + 'static) {
    if let Err(error) = tokio::spawn(work).await {
        tracing::error!(%error, "the worker's upkeep ended by itself");
    }
}

impl Worker {
    /// A worker for this process. The data folder's lock makes it the only one.
    #[must_use]
    pub fn new(settings: Arc<Settings>, store: Store, signals: Signals) -> Self {
        Self {
            context: JobContext { settings, store, signals },
            boot_id: new_id().to_string(),
            is_copy: false,
            untidy: std::sync::Mutex::default(),
            unreconciled: tokio::sync::Mutex::default(),
        }
    }

    /// The same, for a store that was copied from elsewhere, or not.
    #[must_use]
    pub fn of_copy(self, is_copy: bool) -> Self {
        Self { is_copy, ..self }
    }

    /// Runs until `shutdown` turns true; running work then has a few seconds to end, and is queued again
    /// otherwise.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        if let Err(error) = self.recover().await {
            tracing::error!(%error, "the jobs of an earlier process could not be taken over");
        }
        let worker = Arc::new(self);
        let mut running = JoinSet::new();
        let mut upkeep = tokio::time::interval(UPKEEP);
        while !*shutdown.borrow() {
            let claimed = match running.len() < MOST_AT_ONCE {
                true => {
                    worker
                        .context
                        .store
                        .claim(&worker.boot_id, worker.context.settings.jobs_per_target)
                        .await
                }
                false => Ok(None),
            };
            match claimed {
                Ok(Some(claimed)) => {
                    let (worker, shutdown) = (worker.clone(), shutdown.clone());
                    running.spawn(async move { worker.work(claimed, shutdown).await });
                }
                Ok(None) => {
                    tokio::select! {
                        () = worker.context.signals.work() => {}
                        Some(ended) = running.join_next() => worker.ended(ended),
                        () = tokio::time::sleep(IDLE) => {
                            let worker = worker.clone();
                            contained(async move { worker.look_after().await }).await;
                        }
                        _ = shutdown.changed() => {}
                        _ = upkeep.tick() => {
                            let worker = worker.clone();
                            contained(async move { worker.keep_up().await }).await;
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the queue could not be read");
                    tokio::time::sleep(IDLE).await;
                }
            }
        }
        while let Some(ended) = running.join_next().await {
            worker.ended(ended);
        }
    }

    /// A task that panicked leaves its job running: its lease runs out, and it is taken over like an orphan.
    fn ended(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            tracing::error!(%error, "a job's task ended by itself; its job is taken over when its lease runs out");
        }
    }

    /// Benchmarks of an earlier process are queued again and their schemas dropped; applies and rollbacks
    /// are never run again: the catalog says what became of them. What the server still does for either is stopped first.
    async fn recover(&self) -> Result<(), StoreError> {
        if self.is_copy {
            let ended = self.context.store.end_jobs_of_another(&self.boot_id).await?;
            if ended > 0 {
                tracing::warn!(
                    ended,
                    "this store was copied from elsewhere: its running jobs belong to the original"
                );
            }
            // Only now: a start that is cut off before must end them again.
            crate::home::settle(&self.context.store, &self.context.settings.data_dir).await?;
        }
        let left = self.context.store.orphaned_jobs(&self.boot_id).await?;
        for id in &left {
            stop_named(&self.context.settings, &format!("optischema job {id}")).await;
        }
        let orphans = self.context.store.take_orphans(&self.boot_id, &[]).await?;
        self.unreconciled.lock().await.extend(orphans);
        self.reconcile_waiting().await;
        // Of every job that is known, whatever its status: an earlier start may have been cut off right here.
        let known = self.context.store.job_ids().await?;
        self.tidy(Due::ExpiredOr(&known)).await;
        self.roll_back_regressions().await;
        Ok(())
    }

    /// What is done when there is nothing else: cut-off changes, leases that ran out, regressions.
    async fn look_after(&self) {
        let mut live = self.context.signals.live();
        live.extend(self.unreconciled.lock().await.iter().map(|claimed| claimed.job.id));
        match self.context.store.take_orphans(&self.boot_id, &live).await {
            Ok(orphans) => self.unreconciled.lock().await.extend(orphans),
            Err(error) => tracing::error!(%error, "leases that ran out could not be looked for"),
        }
        self.reconcile_waiting().await;
        self.roll_back_regressions().await;
        if self.is_tidying_due() {
            self.tidy(Due::ExpiredOr(&[])).await;
        }
    }

    /// Whether it is time to look for what a change that was cut off may have left.
    fn is_tidying_due(&self) -> bool {
        let mut untidy = self.untidy.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match *untidy {
            Some((until, _)) if until <= now => {
                *untidy = None;
                false
            }
            Some((until, next)) if next <= now => {
                *untidy = Some((until, now + TIDYING));
                true
            }
            _ => false,
        }
    }

    /// Looks in the catalog what became of cut-off changes. While the sandbox cannot be
    /// asked they wait: a job is not called failed because nobody could look.
    async fn reconcile_waiting(&self) {
        let mut waiting = self.unreconciled.lock().await;
        for claimed in std::mem::take(&mut *waiting) {
            let given_up = match self.context.store.renew(&claimed.lease).await {
                Ok(given_up) => given_up,
                // Somebody else looks after it.
                Err(StoreError::LeaseLost) => continue,
                Err(error) => {
                    tracing::warn!(job = %claimed.job.id, %error, "a lease was not renewed");
                    false
                }
            };
            benchmark_job::stop_backends(&self.context, &claimed).await;
            benchmark_job::drop_schema(&self.context, &claimed, ScratchKind::ApplyCheck).await;
            let end =
                reconcile::reconcile(&self.context, &claimed, "it was cut off while it ran").await;
            match end {
                JobEnd::Error(failure) if !given_up => {
                    let reason = failure.message;
                    tracing::warn!(job = %claimed.job.id, reason, "the outcome cannot be read from the sandbox yet");
                    self.say_waiting(&claimed, &reason).await;
                    waiting.push(claimed);
                }
                end => {
                    if let JobEnd::Error(failure) = &end
                        && let Err(error) =
                            reconcile::give_up(&self.context, &claimed, &failure.message).await
                    {
                        tracing::error!(job = %claimed.job.id, %error, "the trail lacks an outcome");
                    }
                    self.finish(&claimed, end).await;
                }
            }
        }
    }

    async fn say_waiting(&self, claimed: &ClaimedJob, reason: &str) {
        let phase = Phase::AwaitingOutcome { reason: reason.to_owned() };
        if let Err(error) = self.context.store.report_progress(&claimed.lease, &phase, 0.0).await {
            tracing::warn!(%error, "progress was not written");
        }
    }

    async fn keep_up(&self) {
        let hours = i64::from(self.context.settings.job_retention_hours);
        match self.context.store.remove_old_jobs(hours).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "finished jobs were removed"),
            Err(error) => tracing::warn!(%error, "finished jobs were not removed"),
        }
        if let Err(error) = self.context.store.remove_old_events().await {
            tracing::warn!(%error, "old events were not removed");
        }
        self.tidy(Due::ExpiredOr(&[])).await;
    }

    /// Drops what is left in the sandbox of jobs that are over.
    async fn tidy(&self, due: Due<'_>) {
        if self.context.settings.sandbox_url.is_none() || self.context.settings.main_url.is_none() {
            return;
        }
        match tidy(&self.context.settings, &self.context.store, due).await {
            Ok(dropped) if dropped.is_empty() => {}
            Ok(dropped) => tracing::info!(?dropped, "the sandbox was tidied"),
            Err(error) => tracing::warn!(%error, "the sandbox was not tidied"),
        }
    }

    async fn work(&self, claimed: ClaimedJob, mut shutdown: watch::Receiver<bool>) {
        let id = claimed.job.id;
        tracing::info!(job = %id, kind = %claimed.job.job_type, "started");
        let mut announced = self.context.signals.started(id);
        let (progress, updates) = Progress::channel(self.context.settings.pause_at);
        let stopping = async {
            // A closed channel means that nobody will ever ask.
            if shutdown.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(GRACE).await;
        };
        let end = tokio::select! {
            end = self.run_job(&claimed, &progress) => Some(end),
            _ = announced.asked.wait_for(|asked| *asked) => Some(JobEnd::Cancelled(None)),
            kept = keep(&self.context.store, &claimed.lease, updates) => match kept {
                KeepEnd::Cancelled => Some(JobEnd::Cancelled(None)),
                KeepEnd::LeaseLost => None,
            },
            () = stopping => None,
        };
        let interrupted =
            !matches!(end, Some(JobEnd::Completed(_) | JobEnd::Failed(_) | JobEnd::Refuted(_)));
        let end = match claimed.job.job_type {
            JobType::Benchmark => {
                benchmark_job::clean(&self.context, &claimed, interrupted).await;
                end
            }
            JobType::Apply | JobType::Rollback if interrupted => {
                match self.after_interruption(&claimed, end).await {
                    Some(end) => Some(end),
                    // It waits for the sandbox to come back; nothing else is done for it here.
                    None => {
                        self.unreconciled.lock().await.push(claimed);
                        return;
                    }
                }
            }
            JobType::Analyze | JobType::Apply | JobType::Rollback => end,
        };
        match end {
            Some(end) => self.finish(&claimed, end).await,
            None => {
                if let Err(error) = self.context.store.requeue(&claimed.lease).await {
                    tracing::error!(job = %id, %error, "the job could not be queued again");
                }
            }
        }
        self.context.signals.wake_worker();
    }

    /// What the catalog says of a change that was cut off. Absent where the sandbox cannot be asked now.
    async fn after_interruption(
        &self,
        claimed: &ClaimedJob,
        end: Option<JobEnd>,
    ) -> Option<JobEnd> {
        benchmark_job::stop_backends(&self.context, claimed).await;
        benchmark_job::drop_schema(&self.context, claimed, ScratchKind::ApplyCheck).await;
        let why = match &end {
            Some(JobEnd::Error(failure)) => failure.message.clone(),
            _ => "it was stopped".to_owned(),
        };
        let reconciled = reconcile::reconcile(&self.context, claimed, &why).await;
        match (reconciled, end) {
            (done @ JobEnd::Completed(_), _) => Some(done),
            // The catalog's word on what is left belongs to the job that was stopped.
            (JobEnd::Failed(left), Some(JobEnd::Cancelled(_))) => {
                Some(JobEnd::Cancelled(Some(left)))
            }
            (JobEnd::Failed(_), Some(end @ JobEnd::Error(_))) => Some(end),
            (JobEnd::Failed(left), _) => Some(JobEnd::Failed(left)),
            (JobEnd::Error(failure), _) => {
                let reason = failure.message;
                tracing::warn!(job = %claimed.job.id, reason, "the outcome cannot be read from the sandbox yet");
                self.say_waiting(claimed, &reason).await;
                None
            }
            (other, _) => Some(other),
        }
    }

    async fn run_job(&self, claimed: &ClaimedJob, progress: &Progress) -> JobEnd {
        let work = async {
            match claimed.job.job_type {
                JobType::Benchmark => benchmark_job::run(&self.context, claimed, progress).await,
                JobType::Apply => apply_job::run(&self.context, claimed, progress).await,
                JobType::Rollback => rollback_job::run(&self.context, claimed, progress).await,
                JobType::Analyze => analyze_job::run(&self.context, progress).await,
            }
        };
        // A server that hangs, or a network that is cut, sends nothing that could end the wait.
        tokio::select! {
            end = work => end,
            reason = silence_of(&self.context.settings, claimed.job.job_type) => match claimed.job.job_type {
                JobType::Benchmark | JobType::Analyze => JobEnd::Later(silent(reason)),
                JobType::Apply | JobType::Rollback => JobEnd::Error(silent(reason)),
            },
        }
    }

    async fn finish(&self, claimed: &ClaimedJob, end: JobEnd) {
        let id = claimed.job.id;
        match &end {
            JobEnd::Completed(_) => tracing::info!(job = %id, "completed"),
            JobEnd::Cancelled(_) => tracing::info!(job = %id, "cancelled"),
            JobEnd::Failed(reason) | JobEnd::Refuted(reason) => {
                tracing::info!(job = %id, %reason, "failed");
            }
            JobEnd::Later(reason) => {
                tracing::warn!(job = %id, %reason, "waits to be started again")
            }
            JobEnd::Error(reason) => tracing::warn!(job = %id, %reason, "could not run"),
        }
        let changes = !claimed.job.job_type.is_repeatable();
        if changes && !matches!(end, JobEnd::Completed(_)) {
            let now = Instant::now();
            *self.untidy.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((now + UPKEEP, now + TIDYING));
        }
        if let Err(error) = self.context.store.finish(&claimed.lease, &end).await {
            tracing::error!(job = %id, %error, "the job's end could not be written");
        }
        if claimed.job.is_watch() {
            self.roll_back_regressions().await;
        }
    }

    /// Queues the rollback of changes that measuring again found to be regressions, each once, where that is wanted.
    async fn roll_back_regressions(&self) {
        if !self.context.settings.rollback_on_regression {
            return;
        }
        let queued = async {
            for change in self.context.store.regressions().await? {
                let id: RecommendationId = change.recommendation_id;
                let target =
                    self.context.settings.sandbox_url.as_ref().map_or("", |dsn| dsn.server());
                let actor = optischema::operations::Actor::itself();
                let job = NewJob {
                    target,
                    change_id: Some(change.id),
                    ..NewJob::new(JobType::Rollback, id, &actor.0)
                };
                let reason = change.watch.as_ref().map(|watch| watch.sentence.clone());
                let audit = AuditRecord {
                    actor: actor.0.clone(),
                    event: RollbackAutomatic { change_id: change.id, reason }.into(),
                    database: change.database.clone(),
                    recommendation_id: Some(id),
                    job_id: Some(change.job_id),
                };
                self.context.store.enqueue_audited(&job, &audit).await?;
                self.context.signals.wake_worker();
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = queued.await {
            tracing::warn!(%error, "a regression was not rolled back");
        }
    }
}

fn silent(reason: String) -> JobFailure {
    JobFailure::new("server_silent", reason)
}
