//! What became of a change whose job did not live to say it: the catalog decides. It is never run again.

use optischema::model::{
    Change, ChangeDetail, ChangeOutcome, ChangeResult, JobType, Recommendation,
};
use serde_json::{Value, json};

use super::apply_job::{end_of, recommendation, recorded};
use super::rollback_job::{outcome_of, standing};
use super::sandbox;
use super::trail::{note_refused, record};
use super::worker::Worker;
use crate::apply::{
    Applied, ApplyError, ChangePlan, Standing, finish, makes_it, plan_of_index, settle,
    settle_rollback,
};
use crate::postgres::database_id;
use crate::sql::{Patch, PatchKind};
use crate::store::{ClaimedJob, JobEnd};

/// Looks what became of it, and ends the job accordingly.
pub(super) async fn reconcile(worker: &Worker, claimed: &ClaimedJob, why: &str) -> JobEnd {
    let result = match claimed.job.job_type {
        JobType::Apply => apply(worker, claimed, why).await,
        JobType::Rollback => rollback(worker, claimed, why).await,
        JobType::Benchmark | JobType::Analyze => Err(ApplyError::Error(why.to_owned())),
    };
    end_of(result)
}

async fn apply(
    worker: &Worker,
    claimed: &ClaimedJob,
    why: &str,
) -> Result<ChangeOutcome, ApplyError> {
    let recommendation = recommendation(worker, claimed).await?;
    if let Some(change) = worker.store.standing_change(recommendation.id).await?
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
    let Some(intent) = worker.store.audited(id, "apply.intent").await? else {
        let reason =
            format!("{why} before it changed anything; nothing of it stands in the sandbox");
        note_refused(worker, claimed, &recommendation, &reason).await?;
        return Err(ApplyError::Failed(reason));
    };
    if let Some(outcome) = worker.store.audited(id, "apply.outcome").await? {
        // It had failed, and only the job's end was not written.
        let reason = outcome.get("reason").and_then(Value::as_str).unwrap_or(why);
        return Err(ApplyError::Failed(reason.to_owned()));
    }
    // The advice may have another patch by now: what was approved is what the intent says.
    let patch = Patch::parse(&recommendation.patch_sql).ok();
    let hash = intent.get("sql_hash").and_then(Value::as_str).unwrap_or_default();
    let plan = planned(&intent, patch.as_ref())?;
    // What cannot be looked at now is no answer.
    let found = looked(worker, claimed, &plan, patch.as_ref()).await;
    let (found, here) = found.map_err(ApplyError::unanswered)?;
    let (result, said) = match found {
        Found::Stands(applied) => {
            return take(worker, claimed, &recommendation, (&plan, *applied, hash), why).await;
        }
        Found::Otherwise(Standing::Left(reason)) => (ChangeResult::InvalidLeft, reason),
        Found::Otherwise(_) => match made_in(&intent).filter(|made_in| *made_in != here) {
            Some(_) => (
                ChangeResult::Unknown,
                "it was begun in another database than the sandbox is now: look there".to_owned(),
            ),
            None => (ChangeResult::Absent, "nothing of it stands in the sandbox".to_owned()),
        },
    };
    let detail = json!({
        "result": result, "reconciled": why, "reason": said, "sql_hash": hash,
        "target": sandbox::address(worker)?.address(),
    });
    worker.store.audit(&record("apply.outcome", claimed, &recommendation, detail)).await?;
    Err(ApplyError::Failed(format!("{why}; {said}")))
}

/// What the catalog says of a change that was cut off.
enum Found {
    Stands(Box<Applied>),
    Otherwise(Standing),
}

async fn looked(
    worker: &Worker,
    claimed: &ClaimedJob,
    plan: &ChangePlan,
    patch: Option<&Patch>,
) -> Result<(Found, String), ApplyError> {
    let mut session = sandbox::open(worker, &claimed.job).await?;
    let connection = &mut session.connection;
    let here = database_id(connection).await?;
    let found = settle(connection, plan).await?;
    if found != Standing::Done {
        return Ok((Found::Otherwise(found), here));
    }
    if makes_it(connection, plan, patch).await? {
        return Ok((Found::Stands(Box::new(finish(connection, plan).await?)), here));
    }
    let other = "something else stands under its name now".to_owned();
    Ok((Found::Otherwise(Standing::Left(other)), here))
}

/// The database that a row of the trail is about, by what tells it from every other.
pub(super) fn made_in(row: &Value) -> Option<&str> {
    row.get("database_id")?.as_str()
}

/// Nobody waits any more to see what became of it: the trail says that it is not known.
pub(super) async fn give_up(
    worker: &Worker,
    claimed: &ClaimedJob,
    reason: &str,
) -> Result<(), ApplyError> {
    let id = claimed.job.id;
    let (intent, outcome) = match claimed.job.job_type {
        JobType::Rollback => ("rollback.intent", "rollback.outcome"),
        _ => ("apply.intent", "apply.outcome"),
    };
    let is_open = worker.store.audited(id, intent).await?.is_some()
        && worker.store.audited(id, outcome).await?.is_none();
    if is_open {
        let recommendation = recommendation(worker, claimed).await?;
        let detail = json!({ "result": ChangeResult::Unknown, "reason": reason });
        worker.store.audit(&record(outcome, claimed, &recommendation, detail)).await?;
    }
    Ok(())
}

/// What an outcome in the trail says.
fn result_of(outcome: &Value) -> Option<ChangeResult> {
    serde_json::from_value(outcome.get("result")?.clone()).ok()
}

/// Lines of indexes that a rollback meant to make beside those that the change dropped.
fn made_by(intent: &Value) -> Vec<String> {
    let made = intent.get("made").and_then(Value::as_array);
    made.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The plan that the intent holds. An intent of before plans were kept was an index's.
fn planned(intent: &Value, patch: Option<&Patch>) -> Result<ChangePlan, ApplyError> {
    match (intent.get("plan"), patch.map(|patch| &patch.kind)) {
        (Some(plan), _) => serde_json::from_value(plan.clone())
            .map_err(|error| ApplyError::Failed(format!("its intent cannot be read: {error}"))),
        (None, Some(PatchKind::CreateIndex(index))) => Ok(plan_of_index(index)?),
        (None, _) => Err(ApplyError::Failed("its intent holds no plan".into())),
    }
}

async fn take(
    worker: &Worker,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
    (plan, mut applied, hash): (&ChangePlan, Applied, &str),
    why: &str,
) -> Result<ChangeOutcome, ApplyError> {
    applied.notes.push(format!("Reconciled from the catalog: {why}; the change stands."));
    let detail = ChangeDetail {
        steps: plan.steps.clone(),
        rollback: plan.rollback.clone(),
        effect: applied.effect.clone(),
        before: plan.before.clone(),
        uses: Vec::new(),
        parts: plan.parts.clone(),
    };
    recorded(worker, claimed, recommendation, (plan, &applied, &detail, hash), Some(why)).await
}

async fn looked_back(
    worker: &Worker,
    claimed: &ClaimedJob,
    change: &Change,
    made: &[String],
) -> Result<Standing, ApplyError> {
    let mut session = sandbox::open(worker, &claimed.job).await?;
    settle_rollback(&mut session.connection, change, made).await
}

async fn rollback(
    worker: &Worker,
    claimed: &ClaimedJob,
    why: &str,
) -> Result<ChangeOutcome, ApplyError> {
    let id = claimed.job.id;
    if let Some(outcome) = worker.store.audited(id, "rollback.outcome").await? {
        // It had ended, and only the job's end was not written.
        if let Some(change_id) = claimed.job.change_id
            && result_of(&outcome) == Some(ChangeResult::RolledBack)
        {
            let change = worker.store.change(change_id).await?;
            let note = format!("Reconciled from the trail: {why}; the change is undone.");
            return Ok(outcome_of(&change, 0.0, vec![note]));
        }
        let reason = outcome.get("reason").and_then(Value::as_str).unwrap_or(why);
        return Err(ApplyError::Failed(reason.to_owned()));
    }
    let Some(intent) = worker.store.audited(id, "rollback.intent").await? else {
        let reason = format!("{why} before it changed anything");
        let recommendation = recommendation(worker, claimed).await?;
        note_refused(worker, claimed, &recommendation, &reason).await?;
        return Err(ApplyError::Failed(reason));
    };
    let (recommendation, change) = standing(worker, claimed).await?;
    let found = looked_back(worker, claimed, &change, &made_by(&intent)).await;
    let found = found.map_err(ApplyError::unanswered)?;
    let result =
        if found == Standing::Done { ChangeResult::RolledBack } else { ChangeResult::StillApplied };
    let said = match &found {
        Standing::Left(reason) => reason.clone(),
        Standing::Untouched => "the change still stands, and can be rolled back again".to_owned(),
        Standing::Done => "the change is undone".to_owned(),
    };
    let detail = json!({
        "result": result, "reconciled": why, "reason": said, "change_id": change.id,
        "target": change.target,
    });
    let outcome = record("rollback.outcome", claimed, &recommendation, detail);
    if found == Standing::Done {
        worker.store.record_ended(change.id, false, &outcome).await?;
        let note = format!("Reconciled from the catalog: {why}; {said}.");
        return Ok(outcome_of(&change, 0.0, vec![note]));
    }
    worker.store.audit(&outcome).await?;
    Err(ApplyError::Failed(format!("{why}; {said}")))
}
