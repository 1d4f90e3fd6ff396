//! Rows of the audit trail about a job.

use optischema::audit::{ApplyRefused, AuditAction, AuditEvent, RefusedJob, RollbackRefused};
use optischema::model::{ChangeResult, JobType, Recommendation};

use super::context::JobContext;
use crate::store::{AuditRecord, ClaimedJob, StoreError};

/// A row about a claimed job, in the name of who asked for it.
pub(super) fn record(
    event: impl Into<AuditEvent>,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
) -> AuditRecord {
    AuditRecord {
        actor: claimed.job.actor.clone(),
        event: event.into(),
        database: recommendation.database.clone(),
        recommendation_id: Some(recommendation.id),
        job_id: Some(claimed.job.id),
    }
}

/// Records, once, that a job ended before it wrote its intent.
pub(super) async fn note_refused(
    context: &JobContext,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
    reason: &str,
) -> Result<(), StoreError> {
    let is_rollback = claimed.job.job_type == JobType::Rollback;
    let action = if is_rollback { AuditAction::RollbackRefused } else { AuditAction::ApplyRefused };
    if context.store.has_audited(claimed.job.id, action).await? {
        return Ok(());
    }
    let refused = RefusedJob {
        result: ChangeResult::Failed,
        reason: reason.to_owned(),
        patch: recommendation.patch_sql.clone(),
        sql_hash: claimed.approved_hash.clone(),
        override_reason: claimed.override_reason.clone(),
    };
    let event: AuditEvent =
        if is_rollback { RollbackRefused(refused).into() } else { ApplyRefused(refused).into() };
    context.store.audit(&record(event, claimed, recommendation)).await
}
