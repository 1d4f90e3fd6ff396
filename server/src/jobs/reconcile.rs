//! What became of a change whose job did not live to say it: the catalog decides. It is never run again.

use optischema::audit::{
    ApplyIntent, ApplyOutcome, AuditAction, AuditEvent, RollbackIntent, RollbackOutcome,
};
use optischema::change_plan::ChangePlan;
use optischema::model::{
    CatalogObject, Change, ChangeDetail, ChangeOutcome, ChangeResult, JobType, Recommendation,
};

use super::apply_job::{end_of, recommendation, recorded};
use super::context::JobContext;
use super::rollback_job::{outcome_of, standing};
use super::sandbox;
use super::trail::{note_refused, record};
use crate::apply::{
    Applied, ApplyError, ApplyReason, Settled, finish, makes_it, settle, settle_rollback,
};
use crate::postgres::database_id;
use crate::sql::Patch;
use crate::store::{ClaimedJob, JobEnd};

/// Looks what became of it, and ends the job accordingly.
pub(super) async fn reconcile(context: &JobContext, claimed: &ClaimedJob, why: &str) -> JobEnd {
    let result = match claimed.job.job_type {
        JobType::Apply => apply(context, claimed, why).await,
        JobType::Rollback => rollback(context, claimed, why).await,
        JobType::Benchmark | JobType::Analyze => {
            Err(ApplyError::error(ApplyReason::CutOff { why: why.to_owned() }))
        }
    };
    end_of(result)
}

async fn apply(
    context: &JobContext,
    claimed: &ClaimedJob,
    why: &str,
) -> Result<ChangeOutcome, ApplyError> {
    let recommendation = recommendation(context, claimed).await?;
    if let Some(change) = context.store.standing_change(recommendation.id).await?
        && change.job_id == claimed.job.id
    {
        // The change was recorded; only the job's end was not.
        return Ok(ChangeOutcome {
            change_id: change.id,
            executed_sql: change.sql,
            rollback_sql: change.rollback_sql,
            duration_ms: 0.0,
            notes: vec![format!("Reconciled from the catalog: {why}.")],
            uses: Vec::new(),
            watch_job: None,
        });
    }
    let id = claimed.job.id;
    let Some(intent) = context.store.audited::<ApplyIntent>(id).await? else {
        let error = ApplyError::failed(ApplyReason::CutOffEarly { why: why.to_owned() })
            .and(ApplyReason::CutOffAbsent);
        note_refused(context, claimed, &recommendation, &error.to_string()).await?;
        return Err(error);
    };
    if let Some(outcome) = context.store.audited::<ApplyOutcome>(id).await? {
        // It had failed, and only the job's end was not written.
        return Err(recorded_failure(outcome.reason, why));
    }
    // The advice may have another patch by now: what was approved is what the intent says.
    let patch = Patch::parse(&recommendation.patch_sql).ok();
    let ApplyIntent { plan, sql_hash: hash, database_id: made_in, .. } = intent;
    // What cannot be looked at now is no answer.
    let found = looked(context, claimed, &plan, patch.as_ref()).await;
    let (found, here) = found.map_err(ApplyError::unanswered)?;
    let (result, said) = match found {
        Found::Stands(applied) => {
            return take(context, claimed, &recommendation, (&plan, *applied, &hash), why).await;
        }
        Found::Otherwise(Settled::Left(reason)) => (ChangeResult::InvalidLeft, reason),
        Found::Otherwise(_) => match made_in.filter(|made_in| *made_in != here) {
            Some(_) => (ChangeResult::Unknown, ApplyReason::CutOffElsewhere),
            None => (ChangeResult::Absent, ApplyReason::CutOffAbsent),
        },
    };
    let outcome = ApplyOutcome {
        target: Some(sandbox::address(context)?.address().to_owned()),
        sql_hash: Some(hash),
        reconciled: Some(why.to_owned()),
        reason: Some(said.to_string()),
        ..ApplyOutcome::of(result)
    };
    context.store.audit(&record(outcome, claimed, &recommendation)).await?;
    Err(ApplyError::failed(ApplyReason::CutOff { why: why.to_owned() }).and(said))
}

/// How a job had ended, as the trail says.
fn recorded_failure(reason: Option<String>, why: &str) -> ApplyError {
    let reason = reason.unwrap_or_else(|| why.to_owned());
    ApplyError::failed(ApplyReason::Recorded { reason })
}

/// What the catalog says of a change that was cut off.
enum Found {
    Stands(Box<Applied>),
    Otherwise(Settled),
}

async fn looked(
    context: &JobContext,
    claimed: &ClaimedJob,
    plan: &ChangePlan,
    patch: Option<&Patch>,
) -> Result<(Found, String), ApplyError> {
    let mut session = sandbox::open(context, &claimed.job).await?;
    let connection = &mut session.connection;
    let here = database_id(connection).await?;
    let found = settle(connection, plan).await?;
    if found != Settled::Done {
        return Ok((Found::Otherwise(found), here));
    }
    if makes_it(connection, plan, patch).await? {
        return Ok((Found::Stands(Box::new(finish(connection, plan).await?)), here));
    }
    Ok((Found::Otherwise(Settled::Left(ApplyReason::OtherUnderName)), here))
}

/// Nobody waits any more to see what became of it: the trail says that it is not known.
pub(super) async fn give_up(
    context: &JobContext,
    claimed: &ClaimedJob,
    reason: &str,
) -> Result<(), ApplyError> {
    let id = claimed.job.id;
    let is_rollback = claimed.job.job_type == JobType::Rollback;
    let (intent, outcome) = if is_rollback {
        (AuditAction::RollbackIntent, AuditAction::RollbackOutcome)
    } else {
        (AuditAction::ApplyIntent, AuditAction::ApplyOutcome)
    };
    let is_open = context.store.has_audited(id, intent).await?
        && !context.store.has_audited(id, outcome).await?;
    if !is_open {
        return Ok(());
    }
    let recommendation = recommendation(context, claimed).await?;
    let reason = Some(reason.to_owned());
    let event: AuditEvent = if is_rollback {
        RollbackOutcome { reason, ..RollbackOutcome::of(ChangeResult::Unknown) }.into()
    } else {
        ApplyOutcome { reason, ..ApplyOutcome::of(ChangeResult::Unknown) }.into()
    };
    Ok(context.store.audit(&record(event, claimed, &recommendation)).await?)
}

async fn take(
    context: &JobContext,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
    (plan, mut applied, hash): (&ChangePlan, Applied, &str),
    why: &str,
) -> Result<ChangeOutcome, ApplyError> {
    applied.notes.push(format!("Reconciled from the catalog: {why}; the change is applied."));
    let detail = ChangeDetail {
        steps: plan.steps.clone(),
        rollback: plan.rollback.clone(),
        effect: applied.effect.clone(),
        before: plan.before.clone(),
        uses: Vec::new(),
        parts: plan.parts.clone(),
    };
    recorded(context, claimed, recommendation, (plan, &applied, &detail, hash), Some(why)).await
}

async fn looked_back(
    context: &JobContext,
    claimed: &ClaimedJob,
    change: &Change,
    made: &[CatalogObject],
) -> Result<Settled, ApplyError> {
    let mut session = sandbox::open(context, &claimed.job).await?;
    settle_rollback(&mut session.connection, change, made).await
}

async fn rollback(
    context: &JobContext,
    claimed: &ClaimedJob,
    why: &str,
) -> Result<ChangeOutcome, ApplyError> {
    let id = claimed.job.id;
    if let Some(outcome) = context.store.audited::<RollbackOutcome>(id).await? {
        // It had ended, and only the job's end was not written.
        if let Some(change_id) = claimed.job.change_id
            && outcome.result == ChangeResult::RolledBack
        {
            let change = context.store.change(change_id).await?;
            let note = format!("Reconciled from the trail: {why}; the change is undone.");
            return Ok(outcome_of(&change, 0.0, vec![note]));
        }
        return Err(recorded_failure(outcome.reason, why));
    }
    let Some(intent) = context.store.audited::<RollbackIntent>(id).await? else {
        let error = ApplyError::failed(ApplyReason::CutOffEarly { why: why.to_owned() });
        let recommendation = recommendation(context, claimed).await?;
        note_refused(context, claimed, &recommendation, &error.to_string()).await?;
        return Err(error);
    };
    let (recommendation, change) = standing(context, claimed).await?;
    let found = looked_back(context, claimed, &change, &intent.made).await;
    let found = found.map_err(ApplyError::unanswered)?;
    let result =
        if found == Settled::Done { ChangeResult::RolledBack } else { ChangeResult::StillApplied };
    let said = match &found {
        Settled::Left(reason) => Some(reason.clone()),
        Settled::Untouched => Some(ApplyReason::CutOffApplied),
        Settled::Done => None,
    };
    const UNDONE: &str = "the change is undone";
    let outcome = RollbackOutcome {
        change_id: Some(change.id),
        target: Some(change.target.clone()),
        reconciled: Some(why.to_owned()),
        reason: Some(said.as_ref().map_or_else(|| UNDONE.to_owned(), ToString::to_string)),
        ..RollbackOutcome::of(result)
    };
    let outcome = record(outcome, claimed, &recommendation);
    if found == Settled::Done {
        context.store.record_ended(change.id, false, &outcome).await?;
        let note = format!("Reconciled from the catalog: {why}; {UNDONE}.");
        return Ok(outcome_of(&change, 0.0, vec![note]));
    }
    context.store.audit(&outcome).await?;
    let error = ApplyError::failed(ApplyReason::CutOff { why: why.to_owned() });
    Err(said.into_iter().fold(error, ApplyError::and))
}
