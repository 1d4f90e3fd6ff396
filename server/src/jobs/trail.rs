//! Rows of the audit trail about a job.

use optischema::model::{ChangeResult, JobType, Recommendation};
use serde_json::{Value, json};

use super::worker::Worker;
use crate::store::{AuditRecord, ClaimedJob, StoreError};

/// A row about a claimed job, in the name of who asked for it.
pub(super) fn record(
    action: &'static str,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
    detail: Value,
) -> AuditRecord {
    AuditRecord {
        actor: claimed.job.actor.clone(),
        action,
        database: recommendation.database.clone(),
        recommendation_id: Some(recommendation.id),
        job_id: Some(claimed.job.id),
        detail,
    }
}

/// Writes down, once, that what was asked for ended before anything was meant: there is no intent to find an outcome for.
pub(super) async fn note_refused(
    worker: &Worker,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
    reason: &str,
) -> Result<(), StoreError> {
    let action = match claimed.job.job_type {
        JobType::Rollback => "rollback.refused",
        JobType::Apply | JobType::Benchmark | JobType::Analyze => "apply.refused",
    };
    if worker.store.audited(claimed.job.id, action).await?.is_some() {
        return Ok(());
    }
    let detail = json!({
        "result": ChangeResult::Failed, "reason": reason, "patch": recommendation.patch_sql,
        "sql_hash": claimed.approved_hash, "override_reason": claimed.override_reason,
    });
    worker.store.audit(&record(action, claimed, recommendation, detail)).await
}
