//! Apply and rollback: what would be done, and queueing it.

use std::collections::BTreeSet;

use optischema::dependents::{dependents, rollback_order};
use optischema::model::{
    ApplyPlan, Change, ChangeId, ChangeStatus, Check, CheckKind, CheckState, Job, JobFilter,
    JobStatus, JobType, Recommendation, RecommendationId, RecommendationStatus, RollbackOrder,
    RollbackScope, RollbackStep,
};
use optischema::operations::{Approval, OperationError, Outcome};
use optischema::refusal::{Act, Refusal};

use super::Service;
use crate::apply::{ApplyError, ApplyReason, PlanSite, plan_change, preflight, rehearsal_schema};
use crate::clock::new_id;
use crate::postgres::connect_writable;
use crate::sql::Patch;
use crate::store::NewJob;

/// Seconds that looking may take.
const LOOKING_S: u32 = 30;

impl From<ApplyError> for OperationError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Error(reasons) => Self::Unavailable(reasons.to_string()),
            answer => Refusal::Sandbox { code: answer.code(), reason: answer.to_string() }.into(),
        }
    }
}

impl Service {
    /// What an apply would do. What is in the way is a check that says so, not an error.
    pub(super) async fn plan_apply(&self, id: RecommendationId) -> Outcome<ApplyPlan> {
        let recommendation = self.store.recommendation(id).await?;
        self.targets.require_sandbox().await?;
        let blocked = |code: &str, reason: String| Check {
            code: Some(code.to_owned()),
            ..Check::new(CheckKind::Sandbox, CheckState::Blocked, reason)
        };
        let held = |error: &ApplyError| Check {
            code: Some(error.code().to_owned()),
            ..Check::new(
                CheckKind::Locks,
                CheckState::Blocked,
                format!(
                    "Another session holds a lock on the table ({error}). The Changes page names it. Look again when it has ended."
                ),
            )
        };
        let mut plan = ApplyPlan {
            recommendation_id: id,
            recommendation_title: recommendation.title.clone(),
            target: self.sandbox_address(),
            kind: None,
            sql_hash: String::new(),
            ready: false,
            checks: Vec::new(),
            steps: Vec::new(),
            rollback: Vec::new(),
            no_rollback: None,
            rehearsal: String::new(),
            needs_override: !recommendation.is_measured(),
        };
        let patch = match Patch::parse(&recommendation.patch_sql) {
            Ok(patch) => patch,
            Err(error) => {
                let refusal = Refusal::PatchUnreadable(error.to_string());
                plan.checks.push(blocked(refusal.code(), refusal.to_string()));
                return Ok(plan);
            }
        };
        plan.sql_hash.clone_from(&patch.hash);
        match recommendation.next_steps().apply_unmeasured {
            Ok(()) => {}
            Err(refusal @ Refusal::ByHand(_)) => {
                plan.checks.push(blocked(refusal.code(), refusal.to_string()));
                return Ok(plan);
            }
            Err(refusal) => plan.checks.push(blocked(refusal.code(), refusal.to_string())),
        }
        match self.look(&recommendation, &patch, &mut plan).await {
            Ok(()) => {}
            Err(error @ ApplyError::Error(_)) => return Err(error.into()),
            Err(error @ ApplyError::Locked(_)) => plan.checks.push(held(&error)),
            Err(error) => plan.checks.push(blocked(error.code(), error.to_string())),
        }
        plan.ready = plan.checks.iter().all(|check| check.state != CheckState::Blocked);
        Ok(plan)
    }

    async fn look(
        &self,
        recommendation: &Recommendation,
        patch: &Patch,
        plan: &mut ApplyPlan,
    ) -> Result<(), ApplyError> {
        let Some(dsn) = &self.settings.sandbox_url else {
            return Err(ApplyError::error(ApplyReason::NotConfigured));
        };
        let mut session = connect_writable(dsn, LOOKING_S).await?;
        // Never made: only its name is needed.
        let scratch = rehearsal_schema(new_id());
        let site = PlanSite {
            main_database: &recommendation.database,
            rehearsal_schema: &scratch.name,
            for_others: false,
        };
        let planned = plan_change(&mut session.connection, patch, recommendation, site).await?;
        plan.checks.extend(preflight(&mut session.connection, &planned, recommendation).await?);
        plan.kind = Some(planned.kind);
        plan.rehearsal = planned.rehearsal.sentence().to_owned();
        plan.steps = planned.steps;
        plan.rollback = planned.rollback;
        plan.no_rollback = planned.no_rollback;
        Ok(())
    }

    pub(super) async fn queue_apply(
        &self,
        id: RecommendationId,
        approval: Approval,
    ) -> Outcome<Job> {
        let recommendation = self.store.recommendation(id).await?;
        let patch = Patch::parse(&recommendation.patch_sql)
            .map_err(|error| Refusal::PatchUnreadable(error.to_string()))?;
        if approval.sql_hash.as_ref().is_some_and(|hash| !hash.is_empty() && *hash != patch.hash) {
            return Err(Refusal::PatchChanged.into());
        }
        if let Err(refusal @ Refusal::ByHand(_)) = recommendation.next_steps().apply_unmeasured {
            return Err(refusal.into());
        }
        self.targets.require_sandbox().await?;
        let reason = approval.override_reason.as_deref().map(str::trim);
        let job = NewJob {
            target: self.server_of(JobType::Apply),
            override_reason: reason.filter(|reason| !reason.is_empty()),
            approved_hash: Some(&patch.hash),
            ..NewJob::new(JobType::Apply, id, &self.actor.0)
        };
        self.queue(&job).await
    }

    pub(super) async fn queue_rollback(&self, id: RecommendationId) -> Outcome<Job> {
        let recommendation = self.store.recommendation(id).await?;
        let Some(change) = self.store.standing_change(id).await? else {
            return Err(no_change(&recommendation).into());
        };
        self.targets.require_sandbox().await?;
        let all = self.store.standing_changes(self.database()).await?;
        check_undo(&change)?;
        if let Some(first) = dependents(&all, &change).first() {
            let (dependent, because) = (first.recommendation_title.clone(), first.because.clone());
            return Err(Refusal::NeededBy { dependent, because }.into());
        }
        let job = self.queue(&self.rollback_job(&change)).await?;
        self.stop_watching(id).await?;
        Ok(job)
    }

    /// Stops measuring what is about to be undone; the queue has marked it already.
    async fn stop_watching(&self, id: RecommendationId) -> Outcome<()> {
        let filter = JobFilter {
            recommendation_id: Some(id),
            status: Some(JobStatus::Running),
            ..JobFilter::default()
        };
        for job in self.store.jobs(self.database(), &filter).await?.items {
            if job.is_watch() {
                self.signals.cancel(job.id);
            }
        }
        Ok(())
    }

    fn rollback_job<'a>(&'a self, change: &Change) -> NewJob<'a> {
        NewJob {
            target: self.server_of(JobType::Rollback),
            change_id: Some(change.id),
            ..NewJob::new(JobType::Rollback, change.recommendation_id, &self.actor.0)
        }
    }

    /// Queues several rollbacks, the newest change first. What stands on one of them must be among them.
    pub(super) async fn queue_rollbacks(&self, scope: &RollbackScope) -> Outcome<RollbackOrder> {
        let all = self.store.standing_changes(self.database()).await?;
        let chosen = match scope {
            RollbackScope::Changes(ids) => self.changes_to_roll_back(ids).await?,
            RollbackScope::All => {
                all.iter().filter(|change| change.no_rollback.is_none()).cloned().collect()
            }
        };
        if chosen.is_empty() {
            return Err(Refusal::NothingToRollBack.into());
        }
        for change in &chosen {
            let missing = dependents(&all, change)
                .into_iter()
                .find(|dependent| !chosen.iter().any(|other| other.id == dependent.change_id));
            if let Some(missing) = missing {
                return Err(Refusal::NeededByOther {
                    title: change.recommendation_title.clone(),
                    dependent: missing.recommendation_title,
                    because: missing.because,
                }
                .into());
            }
        }
        self.targets.require_sandbox().await?;
        let ordered = rollback_order(chosen);
        let jobs: Vec<NewJob<'_>> =
            ordered.iter().map(|change| self.rollback_job(change)).collect();
        let queued = self.store.enqueue_chain(&jobs).await?;
        self.signals.wake_worker();
        for change in &ordered {
            self.stop_watching(change.recommendation_id).await?;
        }
        let steps = ordered.iter().zip(queued).map(|(change, job)| RollbackStep {
            job_id: job.id,
            change_id: change.id,
            recommendation_title: change.recommendation_title.clone(),
            after: dependents(&all, change),
        });
        Ok(RollbackOrder { steps: steps.collect() })
    }

    /// The named changes, each once. All of them must be applied, and have a rollback.
    async fn changes_to_roll_back(&self, ids: &[ChangeId]) -> Outcome<Vec<Change>> {
        let distinct: BTreeSet<ChangeId> = ids.iter().copied().collect();
        let mut chosen = Vec::new();
        for id in distinct {
            let change = self.store.change(id).await?;
            if change.status != ChangeStatus::Applied {
                let (title, status) = (change.recommendation_title, change.status);
                return Err(Refusal::ChangeStatus { title, status }.into());
            }
            check_undo(&change)?;
            chosen.push(change);
        }
        Ok(chosen)
    }
}

fn check_undo(change: &Change) -> Outcome<()> {
    match &change.no_rollback {
        Some(reason) => Err(Refusal::NoRollback(reason.clone()).into()),
        None => Ok(()),
    }
}

fn no_change(recommendation: &Recommendation) -> Refusal {
    match recommendation.status {
        RecommendationStatus::Applied => Refusal::AppliedBeforeImport,
        _ => Refusal::NotApplied(Act::RollBack),
    }
}
