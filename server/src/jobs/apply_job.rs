//! An apply as a job: plan, checks, rehearsal, intent, change, a look whether it is used, record.

use optischema::audit::{ApplyIntent, ApplyOutcome};
use optischema::change_plan::ChangePlan;
use optischema::model::{
    ChangeDetail, ChangeKind, ChangeOutcome, ChangeResult, ChangeStep, JobResult, Phase, QueryHash,
    Recommendation, TrackedStatement,
};

use super::context::JobContext;
use super::follow::Follower;
use super::moved::note_moved;
use super::progress::Progress;
use super::sandbox;
use super::trail::{note_refused, record};
use crate::apply::{
    Applied, ApplyError, ApplyReason, PlanSite, Plans, compare_plans, make, plan_change,
    plan_statements, preflight, refuse_blocked, rehearsal_schema, rehearse,
};
use crate::postgres::{Session, database_id};
use crate::sandbox::proven;
use crate::sql::Patch;
use crate::store::{ClaimedJob, JobEnd, NewChange};

/// Seconds that planning the statements may take.
const LOOKING_S: u32 = 60;

/// The end of a job that changes something.
pub(super) fn end_of(result: Result<ChangeOutcome, ApplyError>) -> JobEnd {
    match result {
        Ok(outcome) => JobEnd::Completed(JobResult::Change(Box::new(outcome))),
        Err(error @ ApplyError::Error(_)) => JobEnd::Error(error.reasons().into()),
        Err(error) => JobEnd::Failed(error.reasons().into()),
    }
}

/// Applies the recommendation's patch.
pub(super) async fn run(context: &JobContext, claimed: &ClaimedJob, progress: &Progress) -> JobEnd {
    end_of(apply(context, claimed, progress).await)
}

/// The recommendation that a job is about.
pub(super) async fn recommendation(
    context: &JobContext,
    claimed: &ClaimedJob,
) -> Result<Recommendation, ApplyError> {
    let id = claimed
        .job
        .recommendation_id
        .ok_or_else(|| ApplyError::failed(ApplyReason::NoRecommendation))?;
    Ok(context.store.recommendation(id).await?)
}

/// The patch, if it is still what was approved.
fn approved(claimed: &ClaimedJob, recommendation: &Recommendation) -> Result<Patch, ApplyError> {
    let patch = Patch::parse(&recommendation.patch_sql)?;
    match &claimed.approved_hash {
        Some(hash) if *hash != patch.hash => Err(ApplyError::failed(ApplyReason::PatchChanged)),
        _ => Ok(patch),
    }
}

/// A change that is planned, checked and rehearsed: it may be made.
struct Prepared {
    session: Session,
    plan: ChangePlan,
    hash: String,
    /// Its statements, planned without it.
    before: Plans,
    hashes: Vec<QueryHash>,
    tracked: Vec<TrackedStatement>,
}

async fn prepared(
    context: &JobContext,
    claimed: &ClaimedJob,
    progress: &Progress,
    recommendation: &Recommendation,
) -> Result<Prepared, ApplyError> {
    let patch = approved(claimed, recommendation)?;
    progress.report(Phase::CheckingSandbox, 0.02);
    let mut session = sandbox::open(context, &claimed.job).await?;
    let scratch = rehearsal_schema(claimed.job.id.0);
    let site = PlanSite {
        main_database: &recommendation.database,
        rehearsal_schema: &scratch.name,
        for_others: false,
    };
    let mut plan = plan_change(&mut session.connection, &patch, recommendation, site).await?;
    let checks = preflight(&mut session.connection, &plan, recommendation).await?;
    refuse_blocked(&checks)?;
    progress.report(Phase::Rehearsing, 0.1);
    plan.expected = rehearse(&mut session.connection, claimed.job.id.0, &plan).await?;
    progress.report(Phase::PlanningBefore, 0.2);
    let tracked = tracked(context, recommendation).await?;
    let hashes = hashes(recommendation);
    let before = plan_statements(&mut session.connection, &hashes, &tracked).await?;
    Ok(Prepared { session, plan, hash: patch.hash, before, hashes, tracked })
}

async fn apply(
    context: &JobContext,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> Result<ChangeOutcome, ApplyError> {
    let recommendation = recommendation(context, claimed).await?;
    let prepared = prepared(context, claimed, progress, &recommendation).await;
    let Prepared { mut session, plan, hash, before, hashes, tracked } = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            note_refused(context, claimed, &recommendation, &error.to_string()).await?;
            return Err(error);
        }
    };
    progress.report(Phase::WritingIntent, 0.25);
    let target = sandbox::address(context)?.address().to_owned();
    let intent = ApplyIntent {
        target: target.clone(),
        database_id: Some(database_id(&mut session.connection).await?),
        sql: plan.sql(),
        rollback_sql: plan.rollback_sql(),
        no_rollback: plan.no_rollback.clone(),
        sql_hash: hash.clone(),
        override_reason: claimed.override_reason.clone(),
        before: plan.before.clone(),
        plan: plan.clone(),
    };
    context.store.audit(&record(intent, claimed, &recommendation)).await?;
    progress.report(Phase::Applying, 0.3);
    let applied = match made(context, &mut session, &plan, progress).await {
        Ok(applied) => applied,
        // What became of it is not known yet: whoever reconciles it writes the outcome.
        Err(error @ ApplyError::Error(_)) => return Err(error),
        Err(error) => {
            let outcome = ApplyOutcome {
                target: Some(target),
                sql_hash: Some(hash),
                reason: Some(error.to_string()),
                ..ApplyOutcome::of(ChangeResult::Failed)
            };
            context.store.audit(&record(outcome, claimed, &recommendation)).await?;
            return Err(error);
        }
    };
    if plan.marker.is_some() {
        note_moved(context, &mut session, claimed, &recommendation, &plan.tables).await;
    }
    progress.report(Phase::PlanningAfter, 0.9);
    // The change stands: whether it is used is worth knowing, and nothing that it depends on.
    let after = planned_with(context, &mut session, &plan, &hashes, &tracked).await;
    let uses = after.map(|after| compare_plans(&plan, &before, &after)).unwrap_or_default();
    progress.report(Phase::Recording, 0.95);
    let detail = ChangeDetail {
        steps: plan.steps.clone(),
        rollback: plan.rollback.clone(),
        effect: applied.effect.clone(),
        before: plan.before.clone(),
        uses,
        parts: plan.parts.clone(),
    };
    let outcome =
        recorded(context, claimed, &recommendation, (&plan, &applied, &detail, &hash), None)
            .await?;
    progress.report(Phase::Recorded, 0.99);
    Ok(outcome)
}

/// The statements planned with the change. A setting is felt by sessions that begin after it.
async fn planned_with(
    context: &JobContext,
    session: &mut Session,
    plan: &ChangePlan,
    hashes: &[QueryHash],
    tracked: &[TrackedStatement],
) -> Result<Plans, ApplyError> {
    if matches!(plan.kind, ChangeKind::AlterDatabase | ChangeKind::AlterRole) {
        let name = "optischema plans with a setting";
        let mut fresh = proven(&context.settings, name, LOOKING_S).await?;
        return plan_statements(&mut fresh.connection, hashes, tracked).await;
    }
    plan_statements(&mut session.connection, hashes, tracked).await
}

/// Statements that the change is for: the one that gains most, then the others.
fn hashes(recommendation: &Recommendation) -> Vec<QueryHash> {
    let mut hashes = vec![recommendation.query_hash.clone()];
    hashes.extend(recommendation.evidence.statements.iter().map(|s| s.query_hash.clone()));
    let mut seen = std::collections::BTreeSet::new();
    hashes.retain(|hash| !hash.0.is_empty() && seen.insert(hash.clone()));
    hashes
}

async fn tracked(
    context: &JobContext,
    recommendation: &Recommendation,
) -> Result<Vec<TrackedStatement>, ApplyError> {
    let queries = context.store.user_queries(&recommendation.database).await?;
    Ok(queries.into_iter().map(|query| query.statement).collect())
}

async fn made(
    context: &JobContext,
    session: &mut Session,
    plan: &ChangePlan,
    progress: &Progress,
) -> Result<Applied, ApplyError> {
    let follower = Follower::start(sandbox::address(context)?, session.backend_pid, progress);
    let mut told = |at: usize, of: usize, step: &ChangeStep| {
        follower.step(progress, at, of, step);
    };
    let made = make(&mut session.connection, plan, &mut told).await;
    made.map_err(|error| with_blocker(error, &follower))
}

/// A lock that was not granted, with who held it.
pub(super) fn with_blocker(error: ApplyError, follower: &Follower) -> ApplyError {
    match (&error, follower.last_wait()) {
        (ApplyError::Locked(_), Some(wait)) => {
            error.and(ApplyReason::HeldUp { holder: wait.holder() })
        }
        _ => error,
    }
}

/// Writes the change down: trail, change, recommendation and watch in one transaction.
pub(super) async fn recorded(
    context: &JobContext,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
    (plan, applied, detail, hash): (&ChangePlan, &Applied, &ChangeDetail, &str),
    reconciled: Option<&str>,
) -> Result<ChangeOutcome, ApplyError> {
    let target = sandbox::address(context)?.address().to_owned();
    let outcome = ApplyOutcome {
        target: Some(target.clone()),
        sql: Some(plan.sql()),
        sql_hash: Some(hash.to_owned()),
        object: Some(applied.object.clone()),
        effect: Some(applied.effect.clone()),
        reconciled: reconciled.map(str::to_owned),
        ..ApplyOutcome::of(ChangeResult::Applied)
    };
    let audit = record(outcome, claimed, recommendation);
    let (sql, rollback_sql) = (plan.sql(), plan.rollback_sql());
    let change = NewChange {
        recommendation,
        job: &claimed.job,
        kind: plan.kind,
        tables: &plan.tables,
        target: &target,
        sql: &sql,
        sql_hash: hash,
        rollback_sql: &rollback_sql,
        no_rollback: plan.no_rollback.as_deref(),
        object: &applied.object,
        detail,
        override_reason: claimed.override_reason.as_deref(),
        // What alters nothing has nothing to be measured without.
        watch: context.settings.watch_changes && !plan.touches.is_empty(),
    };
    let recorded = context.store.record_applied(&change, &audit).await?;
    Ok(ChangeOutcome {
        change_id: recorded.change_id,
        executed_sql: sql,
        rollback_sql,
        duration_ms: applied.duration_ms,
        notes: applied.notes.clone(),
        uses: detail.uses.clone(),
        watch_job: recorded.watch_job,
    })
}
