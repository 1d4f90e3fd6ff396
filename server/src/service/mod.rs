//! The product: [`Operations`] over the store, the targets and the worker.

mod applying;
mod compare;
mod failure;
mod handing_over;
mod own_functions;
mod query_detail;
mod readiness;
mod report;
mod restoring;
mod rule_page;
mod staging;
mod targets;
mod trail;
mod what_if;

use std::sync::Arc;

use async_trait::async_trait;
use optischema::audit::{
    JobCancelled, RecommendationDismissed, RecommendationRestored, SandboxCleaned,
};
use optischema::model::{
    AddedQueries, AnalyzeReport, ApplyPlan, ApplyStatus, AuditFilter, AuditPage, AuditVerification,
    Change, ChangeFilter, CleanupReport, CollectionReport, CompareRequest, ExportFormat,
    FunctionsChoice, Handover, Health, Job, JobAccepted, JobFilter, JobId, JobPage, JobResult,
    JobStatus, JobType, LockWait, MAX_PAGE, QueryDetail, QueryFilter, QueryHash, QueryPage,
    QueryRange, Readiness, Recommendation, RecommendationFilter, RecommendationId,
    RecommendationPage, RecommendationSort, RecommendationStatus, RejectedPage, RestoreReport,
    RollbackOrder, RollbackScope, Rule, TargetKind, TargetState, WhatIfReport, WhatIfRequest,
};
use optischema::operations::{
    Actor, Approval, Dashboard, ExportFile, HandoverAsked, OperationError, Operations, Outcome,
    PatchFile, ReportFile, RulePage,
};
use optischema::refusal::Refusal;

use crate::analysis::{self, functions_choice};
use crate::apply::lock_waits;
use crate::benchmark::objection_in_a_set;
use crate::clock::now;
use crate::config::Settings;
use crate::jobs::Signals;
use crate::postgres::{Dsn, connect_writable};
use crate::sql::Patch;
use crate::store::{Kept, NewJob, Store};

pub(crate) use readiness::FUNCTIONS_IN_THE_WAY;
pub use readiness::rehearse_workload;
pub(crate) use restoring::RESTORE_PREFIX;
pub use staging::Refreshed;
pub use targets::Targets;
pub(crate) use trail::export;

/// Changes that are measured together at most.
const MOST_OF_A_SET: usize = 30;

/// One instance.
#[derive(Debug, Clone)]
pub struct Service {
    settings: Arc<Settings>,
    store: Store,
    signals: Signals,
    targets: Arc<Targets>,
    kept_jobs: Kept<JobPage>,
    kept_dashboard: Kept<Dashboard>,
    /// Whose requests these are.
    actor: Actor,
}

impl Service {
    /// An instance over an open store.
    #[must_use]
    pub fn new(settings: Arc<Settings>, store: Store, signals: Signals) -> Self {
        let targets = Arc::new(Targets::new(settings.clone()));
        let (kept_jobs, kept_dashboard) = (Kept::new(&store), Kept::new(&store));
        Self {
            settings,
            store,
            signals,
            targets,
            kept_jobs,
            kept_dashboard,
            actor: Actor::itself(),
        }
    }

    /// The same, for somebody.
    #[must_use]
    pub fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// The name of the tuned database; empty where none is configured.
    fn database(&self) -> &str {
        self.settings.main_url.as_ref().map_or("", |dsn| dsn.database())
    }

    /// `host:port` of the server that a job of this type works on.
    fn server_of(&self, job_type: JobType) -> &str {
        let settings = &self.settings;
        let dsn = match job_type {
            JobType::Analyze => settings.main_url.as_ref(),
            JobType::Apply | JobType::Rollback => settings.sandbox_url.as_ref(),
            JobType::Benchmark => settings
                .replica_url
                .as_ref()
                .or(settings.sandbox_url.as_ref())
                .or(settings.main_url.as_ref()),
        };
        dsn.map_or("", Dsn::server)
    }

    fn sandbox_address(&self) -> String {
        let dsn = self.settings.sandbox_url.as_ref();
        dsn.map_or_else(|| "not configured".to_owned(), |dsn| dsn.address().to_owned())
    }

    async fn queue(&self, job: &NewJob<'_>) -> Outcome<Job> {
        let job = self.store.enqueue(job).await?;
        self.signals.wake_worker();
        Ok(job)
    }

    async fn queue_benchmark(&self, id: RecommendationId) -> Outcome<JobAccepted> {
        let job = NewJob {
            target: self.server_of(JobType::Benchmark),
            ..NewJob::new(JobType::Benchmark, id, &self.actor.0)
        };
        Ok(accepted(&self.queue(&job).await?))
    }

    async fn queue_set(&self, mut ids: Vec<RecommendationId>) -> Outcome<JobAccepted> {
        let invalid = |message: String| OperationError::Invalid {
            field: "recommendation_ids".to_owned(),
            message,
        };
        ids.sort_unstable();
        ids.dedup();
        if !(1..=MOST_OF_A_SET).contains(&ids.len()) {
            return Err(invalid(format!(
                "from 1 to {MOST_OF_A_SET} recommendations are measured together"
            )));
        }
        for id in &ids {
            let recommendation = self.store.recommendation(*id).await?;
            let reason = match Patch::parse(&recommendation.patch_sql) {
                Ok(patch) => objection_in_a_set(&patch.kind).map(str::to_owned),
                Err(error) => Some(error.to_string()),
            };
            if let Some(reason) = recommendation.evidence.not_measured.or(reason) {
                return Err(invalid(format!("{}: {reason}", recommendation.title)));
            }
        }
        let job = NewJob {
            target: self.server_of(JobType::Benchmark),
            ..NewJob::of_set(&ids, &self.actor.0)
        };
        Ok(accepted(&self.queue(&job).await?))
    }

    /// Sessions in the sandbox that wait for a lock; none where it cannot be asked.
    async fn locks(&self) -> Vec<LockWait> {
        let Some(dsn) = &self.settings.sandbox_url else { return Vec::new() };
        let Ok(mut session) = connect_writable(dsn, 10).await else { return Vec::new() };
        lock_waits(&mut session.connection, None).await.unwrap_or_default()
    }
}

impl Service {
    /// What the dashboard shows beside how the databases are.
    async fn dashboard_beside(&self, health: Health) -> Outcome<Dashboard> {
        let open = |status| RecommendationFilter {
            status: Some(status),
            sort: Some(RecommendationSort::Impact),
            limit: Some(5),
            ..RecommendationFilter::default()
        };
        let pending = self
            .store
            .recommendations(self.database(), &open(RecommendationStatus::Pending))
            .await?;
        let active = self
            .store
            .recommendations(self.database(), &open(RecommendationStatus::Active))
            .await?;
        let mut top: Vec<Recommendation> = pending.items.into_iter().chain(active.items).collect();
        let saving = |r: &Recommendation| r.estimated_improvement_percent.unwrap_or(f64::MIN);
        top.sort_by(|a, b| saving(b).total_cmp(&saving(a)));
        top.truncate(5);
        let recent = JobFilter { limit: Some(10), ..JobFilter::default() };
        let jobs = self.jobs_in_brief(recent).await?.items;
        let (live_jobs, recent_jobs) = jobs.into_iter().partition(|job| !job.status.is_final());
        let (seen_at, statements, statements_planned) =
            self.store.statement_counts(self.database()).await?;
        Ok(Dashboard {
            health,
            counts: pending.counts,
            top,
            live_jobs,
            recent_jobs,
            recent_changes: self
                .store
                .changes(self.database(), &ChangeFilter::default(), 5)
                .await?,
            analyzed_at: seen_at.and_then(|text| text.parse().ok()),
            statements,
            statements_planned,
        })
    }
}

fn accepted(job: &Job) -> JobAccepted {
    JobAccepted { job_id: job.id, status: job.status }
}

#[async_trait]
impl Operations for Service {
    fn acting_as(&self, actor: Actor) -> Arc<dyn Operations> {
        Arc::new(self.clone().by(actor))
    }

    async fn dashboard(&self) -> Outcome<Dashboard> {
        let health = self.health().await?;
        let read = async || self.dashboard_beside(health.clone()).await;
        let kept = self.kept_dashboard.or_read(String::new(), read).await?;
        Ok(Dashboard { health, ..kept })
    }

    async fn health(&self) -> Outcome<Health> {
        let targets = self.targets.check().await;
        let (jobs_pending, jobs_running) = self.store.live_job_counts().await?;
        let degraded = targets.iter().any(|target| match target.state {
            TargetState::Down | TargetState::Warning => target.target != TargetKind::Replica,
            TargetState::NotConfigured => target.target == TargetKind::Main,
            TargetState::Ok => false,
        });
        Ok(Health {
            status: if degraded { Readiness::Degraded } else { Readiness::Ok },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checked_at: now(),
            targets,
            jobs_pending,
            jobs_running,
        })
    }

    async fn analyze(&self) -> Outcome<AnalyzeReport> {
        let _alone = self.signals.alone().lock().await;
        analysis::analyze(&self.settings, &self.store).await
    }

    async fn start_analysis(&self) -> Outcome<JobAccepted> {
        if self.settings.main_url.is_none() {
            return Err(OperationError::Unavailable(
                "no main database is configured: set OPTISCHEMA_MAIN_URL".into(),
            ));
        }
        let job = NewJob {
            job_type: JobType::Analyze,
            database: self.database(),
            recommendation_id: None,
            target: self.server_of(JobType::Analyze),
            actor: &self.actor.0,
            override_reason: None,
            approved_hash: None,
            change_id: None,
            after_job: None,
            members: &[],
        };
        Ok(accepted(&self.queue(&job).await?))
    }

    async fn collect(&self) -> Outcome<CollectionReport> {
        let _alone = self.signals.alone().lock().await;
        let report = analysis::collect(&self.settings, &self.store).await?;
        analysis::plan_due(&self.settings, &self.store).await?;
        Ok(report)
    }

    async fn queries(&self, filter: QueryFilter) -> Outcome<QueryPage> {
        let page = self.store.queries(self.database(), &filter, now()).await?;
        let usage = self.settings.main_url.as_ref().and_then(|main| main.budget().usage());
        Ok(QueryPage { usage, ..page })
    }

    async fn query(&self, hash: QueryHash, range: QueryRange) -> Outcome<QueryDetail> {
        query_detail::detail(&self.store, self.database(), &hash, range).await
    }

    async fn add_queries(&self, text: String) -> Outcome<AddedQueries> {
        let _alone = self.signals.alone().lock().await;
        analysis::add(&self.settings, &self.store, &text).await
    }

    async fn remove_query(&self, hash: QueryHash) -> Outcome<()> {
        if self.store.query(self.database(), &hash).await?.is_none() {
            return Err(OperationError::NotFound { what: "query", id: hash.to_string() });
        }
        match self.store.remove_query(self.database(), &hash).await? {
            true => Ok(()),
            false => Err(analysis::not_removable(&hash)),
        }
    }

    async fn recommendations(&self, filter: RecommendationFilter) -> Outcome<RecommendationPage> {
        let least = self.settings.list_from_percent;
        let folded_below = (!filter.small && least > 0.0).then_some(least);
        let filter = RecommendationFilter { folded_below, ..filter };
        Ok(self.store.recommendations(self.database(), &filter).await?)
    }

    async fn recommendation(&self, id: RecommendationId) -> Outcome<Recommendation> {
        Ok(self.store.recommendation(id).await?)
    }

    async fn rejected(&self, search: Option<String>) -> Outcome<RejectedPage> {
        Ok(self.store.rejected(self.database(), search.as_deref()).await?)
    }

    async fn what_if(&self, request: WhatIfRequest) -> Outcome<WhatIfReport> {
        what_if::what_if(&self.settings, &self.store, &request).await
    }

    async fn rule_page(&self, rule: Rule) -> Outcome<RulePage> {
        Ok(rule_page::rule_page(rule))
    }

    async fn dismiss(
        &self,
        id: RecommendationId,
        reason: Option<String>,
    ) -> Outcome<Recommendation> {
        let reason = reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        let event = RecommendationDismissed { reason: reason.map(str::to_owned) };
        let audit = self.record(event, Some(id));
        Ok(self.store.dismiss(id, reason, &audit).await?)
    }

    async fn restore(&self, id: RecommendationId) -> Outcome<Recommendation> {
        let audit = self.record(RecommendationRestored {}, Some(id));
        Ok(self.store.restore(id, &audit).await?)
    }

    async fn start_benchmark(&self, id: RecommendationId) -> Outcome<JobAccepted> {
        self.queue_benchmark(id).await
    }

    async fn start_set_benchmark(&self, ids: Vec<RecommendationId>) -> Outcome<JobAccepted> {
        self.queue_set(ids).await
    }

    async fn compare(&self, request: CompareRequest) -> Outcome<JobAccepted> {
        let proposal = compare::proposal(&self.settings, &request).await?;
        if let Some(reason) = &proposal.evidence.not_measured {
            let message = format!("this is not measured: {reason}");
            return Err(OperationError::Invalid { field: "patch".to_owned(), message });
        }
        let typed = self.store.add_typed(self.database(), &proposal).await?;
        if typed.status == RecommendationStatus::Dismissed {
            self.restore(typed.id).await?;
        }
        self.queue_benchmark(typed.id).await
    }

    async fn benchmark_report(&self, id: JobId) -> Outcome<ReportFile> {
        report::write(self.store.job(id).await?)
    }

    async fn jobs(&self, filter: JobFilter) -> Outcome<JobPage> {
        Ok(self.store.jobs(self.database(), &filter).await?)
    }

    async fn jobs_in_brief(&self, filter: JobFilter) -> Outcome<JobPage> {
        let asked = format!("{filter:?}");
        let read = async || {
            let mut page = self.jobs(filter).await?;
            for job in &mut page.items {
                job.result = job.result.take().map(JobResult::in_brief);
            }
            Ok(page)
        };
        self.kept_jobs.or_read(asked, read).await
    }

    async fn job(&self, id: JobId) -> Outcome<Job> {
        Ok(self.store.job(id).await?)
    }

    async fn cancel_job(&self, id: JobId) -> Outcome<JobAccepted> {
        let audit = self.record(JobCancelled { job_id: id }, None);
        let job = self.store.cancel(id, &audit).await?;
        if job.status == JobStatus::Running {
            self.signals.cancel(id);
        }
        Ok(accepted(&job))
    }

    async fn patch_sql(&self, id: JobId) -> Outcome<PatchFile> {
        let job = self.store.job(id).await?;
        let Some(of) = job.recommendation_id else {
            return Err(Refusal::JobWithoutPatch.into());
        };
        let recommendation = self.store.recommendation(of).await?;
        Ok(handing_over::patch_file(&recommendation, &job))
    }

    async fn apply_plan(&self, id: RecommendationId) -> Outcome<ApplyPlan> {
        self.plan_apply(id).await
    }

    async fn start_apply(&self, id: RecommendationId, approval: Approval) -> Outcome<JobAccepted> {
        Ok(accepted(&self.queue_apply(id, approval).await?))
    }

    async fn start_rollback(&self, id: RecommendationId) -> Outcome<JobAccepted> {
        Ok(accepted(&self.queue_rollback(id).await?))
    }

    async fn roll_back_together(&self, scope: RollbackScope) -> Outcome<RollbackOrder> {
        self.queue_rollbacks(&scope).await
    }

    async fn standing_change(&self, id: RecommendationId) -> Outcome<Option<Change>> {
        Ok(self.store.standing_change(id).await?)
    }

    async fn changes(&self, filter: ChangeFilter) -> Outcome<Vec<Change>> {
        Ok(self.store.changes(self.database(), &filter, MAX_PAGE).await?)
    }

    async fn audit_trail(&self, filter: AuditFilter) -> Outcome<AuditPage> {
        Ok(self.store.audit_trail(&filter).await?)
    }

    async fn export_audit(&self, format: ExportFormat) -> Outcome<ExportFile> {
        trail::export(&self.store.whole_trail().await?, format)
    }

    async fn verify_audit(&self) -> Outcome<AuditVerification> {
        Ok(self.store.verify_audit().await?)
    }

    async fn apply_status(&self) -> Outcome<ApplyStatus> {
        let counts = self.store.apply_counts(self.database()).await?;
        let reason = self.targets.require_sandbox().await.err().map(|error| error.to_string());
        Ok(ApplyStatus {
            ready: reason.is_none(),
            reason,
            target: self.sandbox_address(),
            running: self.store.running_changes(self.database()).await?,
            locks: self.locks().await,
            targets: self.targets.check().await,
            ..counts
        })
    }

    async fn cleanup(&self) -> Outcome<CleanupReport> {
        self.targets.require_sandbox().await?;
        let running = JobFilter { status: Some(JobStatus::Running), ..JobFilter::default() };
        let live = self.store.jobs(self.database(), &running).await?.items;
        let live: Vec<uuid::Uuid> = live.iter().map(|job| job.id.0).collect();
        let report = self.targets.cleanup(&self.store, &live).await?;
        self.note(SandboxCleaned { dropped: report.dropped.clone() }).await?;
        Ok(report)
    }

    async fn functions_choice(&self) -> Outcome<FunctionsChoice> {
        Ok(functions_choice(&self.settings, &self.store).await?)
    }

    async fn choose_functions(&self, copied: bool) -> Outcome<FunctionsChoice> {
        self.keep_functions_choice(copied).await
    }

    async fn hand_over(&self, asked: HandoverAsked) -> Outcome<Handover> {
        self.handover(asked).await
    }

    async fn restore_store(&self, file_name: String) -> Outcome<RestoreReport> {
        self.restore_from(&file_name).await
    }
}
