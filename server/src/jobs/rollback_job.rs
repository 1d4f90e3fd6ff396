//! A rollback as a job: what stands on the change, intent, drift, the way back, and the catalog compared.

use optischema::audit::{ApplyAgain, ApplyIntent, RollbackIntent, RollbackOutcome};
use optischema::dependents::dependents;
use optischema::model::{Change, ChangeOutcome, ChangeResult, ChangeStep, Phase, Recommendation};

use super::apply_job::{end_of, recommendation, with_blocker};
use super::context::JobContext;
use super::follow::Follower;
use super::moved::note_moved;
use super::progress::Progress;
use super::sandbox;
use super::trail::{note_refused, record};
use crate::apply::{
    ApplyError, ApplyReason, RolledBack, Settled, WayBack, check_undo, roll_back, settle_rollback,
    way_back,
};
use crate::postgres::{Session, database_id};
use crate::store::{ClaimedJob, JobEnd};

/// Rolls the standing change of the recommendation back.
pub(super) async fn run(context: &JobContext, claimed: &ClaimedJob, progress: &Progress) -> JobEnd {
    end_of(roll(context, claimed, progress).await)
}

/// The recommendation and its change that stands.
pub(super) async fn standing(
    context: &JobContext,
    claimed: &ClaimedJob,
) -> Result<(Recommendation, Change), ApplyError> {
    let recommendation = recommendation(context, claimed).await?;
    let change = context
        .store
        .standing_change(recommendation.id)
        .await?
        .ok_or_else(|| ApplyError::failed(ApplyReason::NotApplied))?;
    Ok((recommendation, change))
}

/// The sandbox, and how the change is undone there now.
async fn prepared(
    context: &JobContext,
    claimed: &ClaimedJob,
    progress: &Progress,
    change: &Change,
) -> Result<(Session, WayBack), ApplyError> {
    progress.report(Phase::CheckingSandbox, 0.05);
    let mut session = sandbox::open(context, &claimed.job).await?;
    let all = context.store.standing_changes(&change.database).await?;
    if let Some(first) = dependents(&all, change).first() {
        return Err(ApplyError::failed(ApplyReason::HasDependents {
            title: first.recommendation_title.clone(),
            because: first.because.clone(),
        }));
    }
    let way = way_back(&mut session.connection, change).await?;
    Ok((session, way))
}

async fn roll(
    context: &JobContext,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> Result<ChangeOutcome, ApplyError> {
    let (recommendation, change) = standing(context, claimed).await?;
    let (mut session, way) = match prepared(context, claimed, progress, &change).await {
        Ok(prepared) => prepared,
        Err(error) => {
            note_refused(context, claimed, &recommendation, &error.to_string()).await?;
            return Err(error);
        }
    };
    progress.report(Phase::WritingIntent, 0.2);
    let intent = RollbackIntent {
        target: change.target.clone(),
        sql: way.sql(),
        change_id: change.id,
        sql_hash: change.sql_hash.clone(),
        made: way.made.clone(),
        effect: change.detail.as_ref().map(|detail| detail.effect.clone()),
    };
    context.store.audit(&record(intent, claimed, &recommendation)).await?;
    progress.report(Phase::Undoing, 0.3);
    let checked = check_undo(&mut session.connection, &change, &way).await;
    let rolled = match checked {
        Ok(now) => {
            let follower =
                Follower::start(sandbox::address(context)?, session.backend_pid, progress);
            let mut told = |at: usize, of: usize, step: &ChangeStep| {
                follower.step(progress, at, of, step);
            };
            let rolled = roll_back(&mut session.connection, &change, &way, &now, &mut told).await;
            let rolled = rolled.map_err(|error| with_blocker(error, &follower));
            carried_on(&mut session, &change, &way, rolled).await
        }
        Err(error) => Err(made_elsewhere(context, &mut session, &change, error).await?),
    };
    let rolled = match rolled {
        Ok(rolled) => rolled,
        Err(error @ ApplyError::Error(_)) => return Err(error),
        Err(error) => {
            let drifted = matches!(error, ApplyError::Drifted(_));
            let result = if drifted { ChangeResult::Drifted } else { ChangeResult::Failed };
            let outcome = RollbackOutcome {
                change_id: Some(change.id),
                reason: Some(error.to_string()),
                ..RollbackOutcome::of(result)
            };
            let outcome = record(outcome, claimed, &recommendation);
            if drifted {
                context.store.record_ended(change.id, true, &outcome).await?;
            } else {
                context.store.audit(&outcome).await?;
            }
            return Err(error);
        }
    };
    progress.report(Phase::Recording, 0.95);
    let outcome = RollbackOutcome {
        change_id: Some(change.id),
        target: Some(change.target.clone()),
        sql: Some(way.sql()),
        notes: rolled.notes.clone(),
        ..RollbackOutcome::of(ChangeResult::RolledBack)
    };
    let outcome = record(outcome, claimed, &recommendation);
    context.store.record_ended(change.id, false, &outcome).await?;
    note_moved(context, &mut session, claimed, &recommendation, &change.tables).await;
    progress.report(Phase::Recorded, 0.99);
    let outcome = outcome_of(&change, rolled.duration_ms, rolled.notes);
    Ok(ChangeOutcome { executed_sql: way.sql(), ..outcome })
}

/// What is not found in another database than it was made in has not drifted.
async fn made_elsewhere(
    context: &JobContext,
    session: &mut Session,
    change: &Change,
    error: ApplyError,
) -> Result<ApplyError, ApplyError> {
    let ApplyError::Drifted(reasons) = error else { return Ok(error) };
    let made_in = match context.store.audited::<ApplyAgain>(change.job_id).await? {
        Some(again) => Some(again.database_id),
        None => {
            let intent = context.store.audited::<ApplyIntent>(change.job_id).await?;
            intent.and_then(|intent| intent.database_id)
        }
    };
    let here = database_id(&mut session.connection).await?;
    Ok(match made_in {
        Some(made_in) if made_in != here => ApplyError::failed(ApplyReason::MadeElsewhere {
            target: change.target.clone(),
            reason: reasons.to_string(),
        }),
        _ => ApplyError::Drifted(reasons),
    })
}

/// Puts right what a rollback that failed left half done: a drop that was begun is carried to its end, what was half
/// built again is taken away.
async fn carried_on(
    session: &mut Session,
    change: &Change,
    way: &WayBack,
    rolled: Result<RolledBack, ApplyError>,
) -> Result<RolledBack, ApplyError> {
    let error = match rolled {
        Err(error @ (ApplyError::Failed(_) | ApplyError::Locked(_))) => error,
        other => return other,
    };
    let settled = settle_rollback(&mut session.connection, change, &way.made).await;
    match settled.map_err(ApplyError::unanswered)? {
        Settled::Done => Ok(RolledBack {
            duration_ms: 0.0,
            notes: vec![format!("It was cut off ({error}), and carried to its end.")],
        }),
        Settled::Untouched => Err(error),
        Settled::Left(left) => Err(error.and(left)),
    }
}

pub(super) fn outcome_of(change: &Change, duration_ms: f64, notes: Vec<String>) -> ChangeOutcome {
    ChangeOutcome {
        change_id: change.id,
        executed_sql: change.rollback_sql.clone(),
        rollback_sql: change.sql.clone(),
        duration_ms,
        notes,
        uses: Vec::new(),
        watch_job: None,
    }
}
