//! Applied patches and the trail they leave.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;
use super::{ChangeId, JobId, RecommendationId, TableName, Timestamp};

text_enum! {
    /// Where an applied patch stands.
    pub enum ChangeStatus ("change status") {
        Applied => "applied",
        RolledBack => "rolled_back",
        /// The object is no longer what was applied.
        Drifted => "drifted",
    }
}

impl ChangeStatus {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Applied => "Applied",
            Self::RolledBack => "Rolled back",
            Self::Drifted => "Drifted",
        }
    }
}

/// One applied patch, with its rollback and its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    pub id: ChangeId,
    pub recommendation_id: RecommendationId,
    pub recommendation_title: String,
    /// The job that applied it.
    pub job_id: JobId,
    /// The name of the tuned database.
    pub database: String,
    pub tables: Vec<TableName>,
    /// The statement that ran in the sandbox.
    pub sql: String,
    /// SHA-256 of the approved patch, in hexadecimal.
    pub sql_hash: String,
    pub rollback_sql: String,
    pub status: ChangeStatus,
    pub applied_at: Timestamp,
    pub rolled_back_at: Option<Timestamp>,
    /// The object as the catalog describes it: what the patch made, or what it removed.
    pub object: ChangedObject,
    /// Why it was applied without a benchmark, where it was.
    pub override_reason: Option<String>,
}

/// An object that a patch made or removed, as the catalog knew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedObject {
    pub schema: String,
    pub name: String,
    /// `pg_class.oid` of what was made; absent for what was removed.
    pub oid: Option<i64>,
    /// `pg_get_indexdef` of it.
    pub definition: String,
}

/// One row of the audit trail: intent before, outcome after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    pub sequence: i64,
    pub at: Timestamp,
    pub actor: String,
    /// `apply.intent`, `apply.outcome`, `rollback.intent`, `rollback.outcome`, …
    pub action: String,
    pub recommendation_id: Option<RecommendationId>,
    pub job_id: Option<JobId>,
    /// What was meant or done, with the SQL and its hash.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    /// SHA-256 over the previous row's hash and this row.
    pub hash: String,
}

/// The state of the apply side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplyStatus {
    /// Whether a change could be applied now.
    pub ready: bool,
    /// Why not, where it could not.
    pub reason: Option<String>,
    /// Where changes are applied.
    pub target: String,
    pub applied: i64,
    pub rolled_back: i64,
    pub drifted: i64,
    /// Apply and rollback jobs that are queued or running.
    pub live_jobs: i64,
}

/// What a clean-up dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CleanupReport {
    /// Names of the schemas and invalid indexes that were dropped.
    pub dropped: Vec<String>,
}

/// The result of walking the audit trail's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerification {
    pub entries: i64,
    /// The sequence number of the first row that does not follow from the one before it.
    pub first_broken: Option<i64>,
}
