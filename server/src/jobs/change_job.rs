//! Apply and rollback as jobs: rehearsal, intent, change, outcome.

use optischema::model::{Change, ChangeOutcome, JobResult, JobType, Recommendation};
use serde_json::json;

use super::benchmark_job::tag;
use super::progress::Progress;
use super::worker::Worker;
use crate::apply::{self, ApplyError, PlannedPatch, Standing};
use crate::postgres::{Session, check_sandbox, connect_writable, main_is_refused};
use crate::sql::{Patch, PatchKind, drop_index_sql, index_definition_in};
use crate::store::{AuditRecord, ClaimedJob, JobEnd, NewChange};

/// Whose deed an audit row is, while there is one token for all.
const ACTOR: &str = "token";
/// Seconds that building an index may take.
const BUILD_TIMEOUT_S: u32 = 24 * 3600;

fn end_of(result: Result<ChangeOutcome, ApplyError>) -> JobEnd {
    match result {
        Ok(outcome) => JobEnd::Completed(JobResult::Change(outcome)),
        Err(ApplyError::Failed(reason) | ApplyError::Drifted(reason)) => JobEnd::Failed(reason),
        Err(ApplyError::Error(reason)) => JobEnd::Error(reason),
    }
}

/// The sandbox, proven not to be main, on a connection named after the job.
async fn sandbox(worker: &Worker, claimed: &ClaimedJob) -> Result<Session, ApplyError> {
    let settings = &worker.settings;
    let (Some(sandbox), Some(main)) = (&settings.sandbox_url, &settings.main_url) else {
        return Err(ApplyError::Error("sandbox and main must both be configured".into()));
    };
    let health = check_sandbox(Some(sandbox), Some(main), settings.allow_same_server).await;
    if let Some(reason) = main_is_refused(&health) {
        return Err(ApplyError::Error(reason));
    }
    let mut session = connect_writable(sandbox, BUILD_TIMEOUT_S).await?;
    tag(&mut session, claimed).await?;
    Ok(session)
}

fn record(
    action: &'static str,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
    detail: serde_json::Value,
) -> AuditRecord {
    AuditRecord {
        actor: ACTOR.to_owned(),
        action,
        database: recommendation.database.clone(),
        recommendation_id: Some(recommendation.id),
        job_id: Some(claimed.job.id),
        detail,
    }
}

/// Applies the recommendation's patch.
pub(super) async fn apply(worker: &Worker, claimed: &ClaimedJob, progress: &Progress) -> JobEnd {
    end_of(try_apply(worker, claimed, progress).await)
}

async fn try_apply(
    worker: &Worker,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> Result<ChangeOutcome, ApplyError> {
    let recommendation = worker.store.recommendation(claimed.job.recommendation_id).await?;
    let patch = Patch::parse(&recommendation.patch_sql)?;
    progress.report("checking the sandbox", 0.05);
    let mut session = sandbox(worker, claimed).await?;
    let connection = &mut session.connection;
    let planned = apply::plan_patch(connection, &patch, &recommendation.tables).await?;
    progress.report("rehearsing patch and rollback on empty copies", 0.2);
    let pair = |schema: &str| rehearsal_pair(&patch, &planned, schema);
    apply::rehearse(connection, claimed.job.id.0, std::slice::from_ref(&planned.table), &pair)
        .await?;
    let intent = json!({
        "sql": planned.patch, "rollback_sql": planned.rollback, "sql_hash": patch.hash,
        "override_reason": claimed.override_reason,
    });
    worker.store.audit(&record("apply.intent", claimed, &recommendation, intent)).await?;
    progress.report(&format!("running {}", planned.patch), 0.4);
    let applied = match apply::apply_patch(connection, &planned).await {
        Ok(applied) => applied,
        Err(error) => {
            let detail = json!({ "result": "failed", "reason": error.to_string() });
            worker.store.audit(&record("apply.outcome", claimed, &recommendation, detail)).await?;
            return Err(error);
        }
    };
    progress.report("recording the change", 0.95);
    let outcome = json!({ "result": "applied", "object": applied.object, "sql_hash": patch.hash });
    let change_id = worker
        .store
        .record_applied(
            &NewChange {
                recommendation: &recommendation,
                job_id: claimed.job.id,
                sql: &planned.patch,
                sql_hash: &patch.hash,
                rollback_sql: &planned.rollback,
                object: &applied.object,
                override_reason: claimed.override_reason.as_deref(),
            },
            &record("apply.outcome", claimed, &recommendation, outcome),
        )
        .await?;
    Ok(ChangeOutcome {
        change_id,
        executed_sql: planned.patch,
        rollback_sql: planned.rollback,
        duration_ms: applied.duration_ms,
        notes: applied.notes,
    })
}

/// Patch and rollback as they read in the rehearsal's schema. An index that is to be dropped stands there
/// under another name, since `LIKE` names its copies anew: it is made first under its own.
fn rehearsal_pair(
    patch: &Patch,
    planned: &PlannedPatch,
    schema: &str,
) -> Result<(String, String), ApplyError> {
    match &patch.kind {
        PatchKind::CreateIndex(index) => {
            Ok((index.sql(schema, false)?, drop_index_sql(schema, &index.name, false)))
        }
        PatchKind::DropIndex(drop) => Ok((
            // The other way round: the rollback is what must run, and the drop must undo it.
            index_definition_in(&planned.rollback, schema, false)?,
            drop.sql(schema, false),
        )),
        other => Err(ApplyError::Failed(format!("{} is not rehearsed yet", other.label()))),
    }
}

/// Rolls the standing change of the recommendation back.
pub(super) async fn roll_back(
    worker: &Worker,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> JobEnd {
    end_of(try_roll_back(worker, claimed, progress).await)
}

async fn try_roll_back(
    worker: &Worker,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> Result<ChangeOutcome, ApplyError> {
    let (recommendation, change) = standing(worker, claimed).await?;
    progress.report("checking the sandbox", 0.1);
    let mut session = sandbox(worker, claimed).await?;
    let intent = json!({ "sql": change.rollback_sql, "change_id": change.id });
    worker.store.audit(&record("rollback.intent", claimed, &recommendation, intent)).await?;
    progress.report(&format!("running {}", change.rollback_sql), 0.4);
    let duration_ms = match apply::roll_back(&mut session.connection, &change).await {
        Ok(duration_ms) => duration_ms,
        Err(error) => {
            let detail = json!({ "result": "failed", "reason": error.to_string() });
            let outcome = record("rollback.outcome", claimed, &recommendation, detail);
            if matches!(error, ApplyError::Drifted(_)) {
                worker.store.record_ended(change.id, true, &outcome).await?;
            } else {
                worker.store.audit(&outcome).await?;
            }
            return Err(error);
        }
    };
    let detail = json!({ "result": "rolled_back", "change_id": change.id });
    let outcome = record("rollback.outcome", claimed, &recommendation, detail);
    worker.store.record_ended(change.id, false, &outcome).await?;
    Ok(outcome_of(&change, duration_ms, Vec::new()))
}

async fn standing(
    worker: &Worker,
    claimed: &ClaimedJob,
) -> Result<(Recommendation, Change), ApplyError> {
    let id = claimed.job.recommendation_id;
    let recommendation = worker.store.recommendation(id).await?;
    let change = worker
        .store
        .standing_change(id)
        .await?
        .ok_or_else(|| ApplyError::Failed("no change stands for it".into()))?;
    Ok((recommendation, change))
}

fn outcome_of(change: &Change, duration_ms: f64, notes: Vec<String>) -> ChangeOutcome {
    ChangeOutcome {
        change_id: change.id,
        executed_sql: change.rollback_sql.clone(),
        rollback_sql: change.sql.clone(),
        duration_ms,
        notes,
    }
}

/// What became of a change whose job did not live to say it: the catalog decides. It is never run again.
pub(super) async fn reconcile(worker: &Worker, claimed: &ClaimedJob, why: &str) -> JobEnd {
    let result = match claimed.job.job_type {
        JobType::Apply => reconcile_apply(worker, claimed, why).await,
        JobType::Rollback => reconcile_rollback(worker, claimed, why).await,
        JobType::Benchmark => Err(ApplyError::Error(why.to_owned())),
    };
    end_of(result)
}

async fn reconcile_apply(
    worker: &Worker,
    claimed: &ClaimedJob,
    why: &str,
) -> Result<ChangeOutcome, ApplyError> {
    let id = claimed.job.recommendation_id;
    let recommendation = worker.store.recommendation(id).await?;
    if let Some(change) = worker.store.standing_change(id).await?
        && change.job_id == claimed.job.id
    {
        // The change was recorded; only the job's end was not.
        return Ok(ChangeOutcome {
            change_id: change.id,
            executed_sql: change.sql,
            rollback_sql: change.rollback_sql,
            duration_ms: 0.0,
            notes: vec![format!("Reconciled from the catalog: {why}.")],
        });
    }
    if !worker.store.has_audit(claimed.job.id, "apply.intent").await? {
        return Err(ApplyError::Failed(format!(
            "{why} before it changed anything; nothing of it stands in the sandbox"
        )));
    }
    let patch = Patch::parse(&recommendation.patch_sql)?;
    let PatchKind::CreateIndex(index) = &patch.kind else {
        return Err(ApplyError::Error(format!("{why}; look at the index by hand")));
    };
    let schema = &index.table.schema;
    let mut session = sandbox(worker, claimed).await?;
    let standing = apply::settle(&mut session.connection, index).await?;
    let rollback = drop_index_sql(schema, &index.name, true);
    let (result, said) = match &standing {
        Standing::Made(_) => ("applied", String::new()),
        Standing::Nothing => ("absent", "nothing of it stands in the sandbox".to_owned()),
        Standing::Leftover(reason) => ("invalid_left", reason.clone()),
        Standing::Foreign(other) => ("absent", format!("another index has its name: {other}")),
    };
    let detail = json!({ "result": result, "reconciled": true, "reason": why, "said": said });
    let outcome = record("apply.outcome", claimed, &recommendation, detail);
    let Standing::Made(object) = standing else {
        worker.store.audit(&outcome).await?;
        return Err(ApplyError::Failed(format!("{why}; {said}")));
    };
    let sql = index.sql(schema, true)?;
    let change_id = worker
        .store
        .record_applied(
            &NewChange {
                recommendation: &recommendation,
                job_id: claimed.job.id,
                sql: &sql,
                sql_hash: &patch.hash,
                rollback_sql: &rollback,
                object: &object,
                override_reason: claimed.override_reason.as_deref(),
            },
            &outcome,
        )
        .await?;
    let notes = vec![format!("Reconciled from the catalog: {why}; the index stands and is valid.")];
    Ok(ChangeOutcome {
        change_id,
        executed_sql: sql,
        rollback_sql: rollback,
        duration_ms: 0.0,
        notes,
    })
}

async fn reconcile_rollback(
    worker: &Worker,
    claimed: &ClaimedJob,
    why: &str,
) -> Result<ChangeOutcome, ApplyError> {
    let (recommendation, change) = standing(worker, claimed).await?;
    let mut session = sandbox(worker, claimed).await?;
    let object = &change.object;
    let mut present = apply::standing_object(&mut session.connection, object).await?;
    if object.oid.is_some() && present == Some(false) {
        // A drop that was cut off half-way leaves the index invalid: it is carried to its end.
        apply::roll_back(&mut session.connection, &change).await?;
        present = apply::standing_object(&mut session.connection, object).await?;
    }
    // Rolling back removes what was made, and brings back what was removed.
    let undone = if object.oid.is_some() { present.is_none() } else { present == Some(true) };
    let detail = json!({
        "result": if undone { "rolled_back" } else { "still_applied" },
        "reconciled": true, "reason": why,
    });
    let outcome = record("rollback.outcome", claimed, &recommendation, detail);
    if undone {
        worker.store.record_ended(change.id, false, &outcome).await?;
        let note = format!("Reconciled from the catalog: {why}; the change is undone.");
        return Ok(outcome_of(&change, 0.0, vec![note]));
    }
    worker.store.audit(&outcome).await?;
    Err(ApplyError::Failed(format!("{why}; the change still stands, and can be rolled back again")))
}

/// Drops the invalid leftovers of indexes that were to be made, and names them.
pub(super) async fn drop_leftovers(worker: &Worker) -> Result<Vec<String>, ApplyError> {
    apply::drop_leftovers(&worker.settings, &worker.store).await
}
