//! The product: [`Operations`] over the store, the targets and the worker.

mod analysis;
mod collection;
mod compare;
mod failure;
mod patch_file;
mod query_detail;
mod report;
mod rule_page;
mod targets;
mod what_if;

use std::sync::Arc;

use async_trait::async_trait;
use optischema::model::{
    AddedQueries, AnalyzeReport, ApplyStatus, AuditEntry, Change, CleanupReport, CollectionReport,
    CompareRequest, Health, Job, JobAccepted, JobFilter, JobId, JobPage, JobStatus, JobType,
    QueryDetail, QueryFilter, QueryHash, QueryPage, QueryRange, Readiness, Recommendation,
    RecommendationFilter, RecommendationId, RecommendationPage, RecommendationSort,
    RecommendationStatus, RejectedPage, Rule, TargetKind, TargetState, WhatIfReport, WhatIfRequest,
};
use optischema::operations::{
    Dashboard, OperationError, Operations, Outcome, PatchFile, ReportFile, RulePage,
};

use crate::clock::now;
use crate::config::Settings;
use crate::jobs::Signals;
use crate::store::Store;

pub(crate) use analysis::checked_main;
pub use analysis::{analyze_once, collected};
pub use targets::Targets;

/// Changes and audit rows that a page shows at most.
const TRAIL_LIMIT: i64 = 200;

/// One instance.
#[derive(Debug, Clone)]
pub struct Service {
    settings: Arc<Settings>,
    store: Store,
    signals: Signals,
    targets: Arc<Targets>,
    /// One analysis at a time.
    analysis: Arc<tokio::sync::Mutex<()>>,
}

impl Service {
    /// An instance over an open store.
    #[must_use]
    pub fn new(settings: Arc<Settings>, store: Store, signals: Signals) -> Self {
        let targets = Arc::new(Targets::new(settings.clone()));
        Self { settings, store, signals, targets, analysis: Arc::default() }
    }

    /// The name of the tuned database; empty where none is configured.
    fn database(&self) -> &str {
        self.settings.main_url.as_ref().map_or("", |dsn| dsn.database())
    }

    async fn enqueue(
        &self,
        id: RecommendationId,
        job_type: JobType,
        override_reason: Option<&str>,
    ) -> Outcome<JobAccepted> {
        let job = self.store.enqueue(id, job_type, override_reason).await?;
        self.signals.wake_worker();
        Ok(accepted(&job))
    }
}

fn accepted(job: &Job) -> JobAccepted {
    JobAccepted { job_id: job.id, status: job.status }
}

#[async_trait]
impl Operations for Service {
    async fn dashboard(&self) -> Outcome<Dashboard> {
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
        let jobs = self.store.jobs(self.database(), &recent).await?.items;
        let (live_jobs, recent_jobs) = jobs.into_iter().partition(|job| !job.status.is_final());
        let (seen_at, statements, statements_planned) =
            self.store.statement_counts(self.database()).await?;
        Ok(Dashboard {
            health: self.health().await?,
            counts: pending.counts,
            top,
            live_jobs,
            recent_jobs,
            recent_changes: self.store.changes(self.database(), 5).await?,
            analyzed_at: seen_at.and_then(|text| text.parse().ok()),
            statements,
            statements_planned,
        })
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
        let _alone = self.analysis.lock().await;
        analysis::analyze(&self.settings, &self.store).await
    }

    async fn collect(&self) -> Outcome<CollectionReport> {
        let _alone = self.analysis.lock().await;
        let report = collection::collect(&self.settings, &self.store).await?;
        collection::plan_due(&self.settings, &self.store).await?;
        Ok(report)
    }

    async fn queries(&self, filter: QueryFilter) -> Outcome<QueryPage> {
        Ok(self.store.queries(self.database(), &filter, now()).await?)
    }

    async fn query(&self, hash: QueryHash, range: QueryRange) -> Outcome<QueryDetail> {
        query_detail::detail(&self.store, self.database(), &hash, range).await
    }

    async fn add_queries(&self, text: String) -> Outcome<AddedQueries> {
        let _alone = self.analysis.lock().await;
        collection::add(&self.settings, &self.store, &text).await
    }

    async fn remove_query(&self, hash: QueryHash) -> Outcome<()> {
        if self.store.query(self.database(), &hash).await?.is_none() {
            return Err(OperationError::NotFound { what: "query", id: hash.to_string() });
        }
        match self.store.remove_query(self.database(), &hash).await? {
            true => Ok(()),
            false => Err(collection::not_removable(&hash)),
        }
    }

    async fn recommendations(&self, filter: RecommendationFilter) -> Outcome<RecommendationPage> {
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
        Ok(self.store.dismiss(id, reason).await?)
    }

    async fn restore(&self, id: RecommendationId) -> Outcome<Recommendation> {
        Ok(self.store.restore(id).await?)
    }

    async fn start_benchmark(&self, id: RecommendationId) -> Outcome<JobAccepted> {
        self.enqueue(id, JobType::Benchmark, None).await
    }

    async fn compare(&self, request: CompareRequest) -> Outcome<JobAccepted> {
        let proposal = compare::proposal(&self.settings, &request).await?;
        let typed = self.store.add_typed(self.database(), &proposal).await?;
        if typed.status == RecommendationStatus::Dismissed {
            self.store.restore(typed.id).await?;
        }
        self.enqueue(typed.id, JobType::Benchmark, None).await
    }

    async fn benchmark_report(&self, id: JobId) -> Outcome<ReportFile> {
        report::write(self.store.job(id).await?)
    }

    async fn jobs(&self, filter: JobFilter) -> Outcome<JobPage> {
        Ok(self.store.jobs(self.database(), &filter).await?)
    }

    async fn job(&self, id: JobId) -> Outcome<Job> {
        Ok(self.store.job(id).await?)
    }

    async fn cancel_job(&self, id: JobId) -> Outcome<JobAccepted> {
        let job = self.store.cancel(id).await?;
        if job.status == JobStatus::Running {
            self.signals.cancel(id);
        }
        Ok(accepted(&job))
    }

    async fn patch_sql(&self, id: JobId) -> Outcome<PatchFile> {
        let job = self.store.job(id).await?;
        let recommendation = self.store.recommendation(job.recommendation_id).await?;
        Ok(patch_file::write(&recommendation, &job))
    }

    async fn start_apply(
        &self,
        id: RecommendationId,
        override_reason: Option<String>,
    ) -> Outcome<JobAccepted> {
        if !self.store.recommendation(id).await?.can_be_applied() {
            return Err(OperationError::Conflict(
                "only indexes are applied so far: this change is handed over as SQL".into(),
            ));
        }
        self.targets.require_sandbox().await?;
        let reason = override_reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        self.enqueue(id, JobType::Apply, reason).await
    }

    async fn start_rollback(&self, id: RecommendationId) -> Outcome<JobAccepted> {
        self.targets.require_sandbox().await?;
        self.enqueue(id, JobType::Rollback, None).await
    }

    async fn changes(&self) -> Outcome<Vec<Change>> {
        Ok(self.store.changes(self.database(), TRAIL_LIMIT).await?)
    }

    async fn audit_trail(&self) -> Outcome<Vec<AuditEntry>> {
        Ok(self.store.audit_trail(TRAIL_LIMIT).await?)
    }

    async fn apply_status(&self) -> Outcome<ApplyStatus> {
        let counts = self.store.apply_counts(self.database()).await?;
        let reason = self.targets.require_sandbox().await.err().map(|error| error.to_string());
        let target = self
            .settings
            .sandbox_url
            .as_ref()
            .map_or_else(|| "not configured".to_owned(), |dsn| dsn.address().to_owned());
        Ok(ApplyStatus { ready: reason.is_none(), reason, target, ..counts })
    }

    async fn cleanup(&self) -> Outcome<CleanupReport> {
        self.targets.require_sandbox().await?;
        let running = JobFilter { status: Some(JobStatus::Running), ..JobFilter::default() };
        let live = self.store.jobs(self.database(), &running).await?.items;
        let live: Vec<uuid::Uuid> = live.iter().map(|job| job.id.0).collect();
        self.targets.cleanup(&self.store, &live).await
    }
}
