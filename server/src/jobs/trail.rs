//! Rows of the audit trail about a job.

use optischema::model::Recommendation;
use serde_json::Value;

use crate::store::{AuditRecord, ClaimedJob};

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
