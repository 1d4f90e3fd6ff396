//! Applied patches: what was done, what undoes it, and what was seen of it since.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;
use super::{
    CatalogChange, CatalogState, ChangeId, JobId, QueryHash, RecommendationId, StepLock, TableName,
    Timestamp,
};

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

text_enum! {
    /// What a change does, by the words of its statement.
    pub enum ChangeKind ("kind of change") {
        CreateIndex => "CREATE INDEX",
        DropIndex => "DROP INDEX",
        CreateStatistics => "CREATE STATISTICS",
        DropStatistics => "DROP STATISTICS",
        AlterTable => "ALTER TABLE",
        AlterDatabase => "ALTER DATABASE",
        AlterRole => "ALTER ROLE",
        Analyze => "ANALYZE",
        Vacuum => "VACUUM",
        VacuumFull => "VACUUM FULL",
        Repack => "REPACK",
        Reindex => "REINDEX",
    }
}

text_enum! {
    /// What became of an apply or a rollback, as the trail has it.
    pub enum ChangeResult ("result of a change") {
        Applied => "applied",
        RolledBack => "rolled_back",
        /// Nothing was changed.
        Failed => "failed",
        Drifted => "drifted",
        /// After a crash: nothing of it stands.
        Absent => "absent",
        /// After a crash: something invalid could not be dropped yet.
        InvalidLeft => "invalid_left",
        /// After a crash: it was not undone.
        StillApplied => "still_applied",
        /// Nobody could look, or it was done in another sandbox than there is now.
        Unknown => "unknown",
    }
}

text_enum! {
    /// What measuring an applied change again came to.
    pub enum WatchOutcome ("watch outcome") {
        /// At least half of what was predicted, or no slower where nothing was.
        AsPredicted => "as_predicted",
        /// Less than half of what was predicted, and nothing became slower.
        Less => "less",
        /// Something became slower, or more than 10 % dearer by plan.
        Regression => "regression",
        Undecided => "undecided",
        NotMeasured => "not_measured",
    }
}

impl WatchOutcome {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AsPredicted => "As predicted",
            Self::Less => "Less than predicted",
            Self::Regression => "Regression",
            Self::Undecided => "Undecided",
            Self::NotMeasured => "Not measured",
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
    /// `host:port/database` that it was applied to.
    pub target: String,
    pub kind: ChangeKind,
    /// The name of the token that asked for it.
    pub actor: String,
    pub tables: Vec<TableName>,
    /// The statements that ran in the sandbox, one under the other.
    pub sql: String,
    /// SHA-256 of the approved patch, in hexadecimal.
    pub sql_hash: String,
    /// What undoes it; empty where nothing can.
    pub rollback_sql: String,
    /// Why it cannot be undone, where it cannot.
    pub no_rollback: Option<String>,
    pub status: ChangeStatus,
    pub applied_at: Timestamp,
    pub rolled_back_at: Option<Timestamp>,
    /// The object as the catalog describes it: what the patch made, or what it removed.
    pub object: ChangedObject,
    /// Why it was applied without a benchmark, where it was.
    pub override_reason: Option<String>,
    /// Steps and catalog facts. Changes of before they were kept have none.
    pub detail: Option<ChangeDetail>,
    /// What the planner had predicted for the statement that gains most, in percent saved.
    pub predicted_percent: Option<f64>,
    /// What was measured in the sandbox once it stood, in percent saved.
    pub measured_percent: Option<f64>,
    pub watch: Option<Watch>,
}

impl Change {
    /// Whether it stands and can be undone.
    #[must_use]
    pub fn can_be_rolled_back(&self) -> bool {
        self.status == ChangeStatus::Applied && self.no_rollback.is_none()
    }
}

/// How a change was made, and what the catalog said before and after.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeDetail {
    pub steps: Vec<ChangeStep>,
    pub rollback: Vec<ChangeStep>,
    /// What it changed in the catalog.
    pub effect: Vec<CatalogChange>,
    /// The catalog of its tables before it.
    pub before: CatalogState,
    /// The statements that it is for, planned in the sandbox without and with it.
    #[serde(default)]
    pub uses: Vec<UseCheck>,
    /// Of a partitioned table's index: each with its table, since partitions come and go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<IndexPart>,
}

/// An index of a partitioned table or of one of its partitions, with all that makes it anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IndexPart {
    pub table: TableName,
    pub index: TableName,
    /// Any `CREATE INDEX` of the same columns.
    pub definition: String,
    pub tablespace: Option<String>,
    /// What it has beside its definition, to be given to it once it is made.
    pub finish: Vec<ChangeStep>,
}

/// One statement of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeStep {
    /// What it does, in words.
    pub title: String,
    pub sql: String,
    /// The strongest lock that it takes.
    #[serde(deserialize_with = "StepLock::read")]
    pub lock: StepLock,
    /// Whether it runs in a transaction with its neighbours.
    pub in_transaction: bool,
    /// Whether it only completes what the approved statement did (`ANALYZE`), so that it may be run again.
    #[serde(default)]
    pub follow_up: bool,
    /// The table below the changed one that it is about: that may be gone by the time it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableName>,
}

/// A statement planned in the sandbox without and with a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UseCheck {
    pub query_hash: QueryHash,
    pub sql: String,
    pub cost_before: Option<f64>,
    pub cost_after: Option<f64>,
    /// Whether its plan uses the index that was made; absent where no index was.
    pub used: Option<bool>,
    /// Why it could not be planned there.
    pub reason: Option<String>,
}

/// What measuring an applied change again found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Watch {
    pub at: Timestamp,
    pub job_id: JobId,
    pub outcome: WatchOutcome,
    /// What was found, in a sentence.
    pub sentence: String,
}

/// An object that a patch made or removed, as the catalog knew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedObject {
    pub schema: String,
    pub name: String,
    /// `pg_class.oid` or `pg_statistic_ext.oid` of what was made; absent for what was removed or altered.
    pub oid: Option<i64>,
    /// `pg_get_indexdef` and the like; the statement where a parameter was altered.
    pub definition: String,
}

text_enum! {
    /// How a check before an apply came out.
    pub enum CheckState ("check state") {
        Ok => "ok",
        /// It will do, and a person should know.
        Warning => "warning",
        /// It cannot be applied.
        Blocked => "blocked",
        /// It cannot be told.
        Unknown => "unknown",
    }
}

text_enum! {
    /// What a check before an apply looks at.
    pub enum CheckKind ("check") {
        Object => "object",
        Privileges => "privileges",
        Transactions => "transactions",
        Disk => "disk",
        Sandbox => "sandbox",
        Locks => "locks",
    }
}

impl CheckKind {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Object => "Object",
            Self::Privileges => "Privileges",
            Self::Transactions => "Transactions",
            Self::Disk => "Disk space",
            Self::Sandbox => "Sandbox",
            Self::Locks => "Locks",
        }
    }
}

/// One thing that was looked at before an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    pub kind: CheckKind,
    /// The words of the kind.
    pub name: String,
    /// Why it cannot be applied, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub state: CheckState,
    pub detail: String,
}

impl Check {
    /// A check without a reason against the change.
    #[must_use]
    pub fn new(kind: CheckKind, state: CheckState, detail: impl Into<String>) -> Self {
        Self { kind, name: kind.label().to_owned(), code: None, state, detail: detail.into() }
    }
}

/// What an apply would do, statement by statement. Nothing was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplyPlan {
    pub recommendation_id: RecommendationId,
    pub recommendation_title: String,
    /// `host:port/database`.
    pub target: String,
    /// Absent where no change could be planned.
    pub kind: Option<ChangeKind>,
    /// SHA-256 of the patch: send it with the apply, and nothing else runs.
    pub sql_hash: String,
    /// Whether it could be applied now.
    pub ready: bool,
    pub checks: Vec<Check>,
    pub steps: Vec<ChangeStep>,
    pub rollback: Vec<ChangeStep>,
    pub no_rollback: Option<String>,
    /// How patch and rollback are tried out first.
    pub rehearsal: String,
    /// Whether a reason is needed, since no completed benchmark has measured it.
    pub needs_override: bool,
}

/// A standing change that must be rolled back before another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dependent {
    pub change_id: ChangeId,
    pub recommendation_title: String,
    pub because: String,
}

/// Rollbacks that were queued together, in the order in which they run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackOrder {
    pub steps: Vec<RollbackStep>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackStep {
    pub job_id: JobId,
    pub change_id: ChangeId,
    pub recommendation_title: String,
    /// Changes that stand on it, and so are rolled back before it.
    pub after: Vec<Dependent>,
}
