//! What the audit trail records: one type per action, which writes the row's detail and reads it again.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::change_plan::ChangePlan;
use crate::figures::counted;
use crate::model::text_enum::text_enum;
use crate::model::{
    CatalogChange, CatalogObject, CatalogState, ChangeId, ChangeResult, ChangedObject, JobId,
    TableName, UnknownText, WatchOutcome,
};

/// The version of the details that this build writes. Rows without one are of version 0, whose fields are the same.
pub const DETAIL_VERSION: u64 = 1;

const VERSION: &str = "version";

/// Declares the actions and the data of each. `AuditAction` has the names, [`AuditEvent`] the data.
macro_rules! audit_events {
    ($($(#[$meta:meta])* $variant:ident($data:ty) => $text:literal,)+) => {
        text_enum! {
            /// What was done: the name that a row of the trail is found by.
            pub enum AuditAction ("audit action") {
                $($(#[$meta])* $variant => $text,)+
            }
        }

        /// An action with its data.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AuditEvent {
            $($(#[$meta])* $variant(Box<$data>),)+
        }

        impl AuditEvent {
            /// The action.
            #[must_use]
            pub const fn action(&self) -> AuditAction {
                match self { $(Self::$variant(_) => AuditAction::$variant,)+ }
            }

            /// The row's detail: the data as a JSON object, with the version.
            ///
            /// # Errors
            /// The data has no form in JSON.
            pub fn detail(&self) -> Result<Value, UnreadableDetail> {
                let failed = |source| UnreadableDetail::Json { action: self.action(), source };
                let mut detail = match self {
                    $(Self::$variant(data) => serde_json::to_value(data).map_err(failed)?,)+
                };
                if let Value::Object(fields) = &mut detail {
                    fields.insert(VERSION.to_owned(), DETAIL_VERSION.into());
                }
                Ok(detail)
            }

            /// Reads a row's detail again.
            ///
            /// # Errors
            /// A later build wrote it, or it is not what this action records.
            pub fn read(action: AuditAction, detail: &Value) -> Result<Self, UnreadableDetail> {
                Ok(match action {
                    $(AuditAction::$variant => Self::$variant(Box::new(read(detail)?)),)+
                })
            }
        }

        $(
            impl Recorded for $data {
                const ACTION: AuditAction = AuditAction::$variant;
            }

            impl From<$data> for AuditEvent {
                fn from(data: $data) -> Self {
                    Self::$variant(Box::new(data))
                }
            }
        )+

    };
}

impl AuditEvent {
    /// The row in one line for a person: the reason, else what was done; `None` where the action says it all.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        match self {
            Self::ApplyIntent(intent) => Some(intent.sql.clone()),
            Self::ApplyOutcome(outcome) => outcome.reason.clone().or_else(|| outcome.sql.clone()),
            Self::ApplyRefused(refused) => Some(refused.0.reason.clone()),
            Self::RollbackRefused(refused) => Some(refused.0.reason.clone()),
            Self::ApplyAgain(again) => Some(again.sql.clone()),
            Self::ApplyLost(lost) => Some(lost.reason.clone()),
            Self::RollbackIntent(intent) => Some(intent.sql.clone()),
            Self::RollbackOutcome(outcome) => {
                outcome.reason.clone().or_else(|| outcome.sql.clone())
            }
            Self::RollbackAutomatic(rollback) => rollback.reason.clone(),
            Self::ChangeMoved(moved) => {
                Some(format!("{}.{} was rebuilt", moved.object.schema, moved.object.name))
            }
            Self::WatchOutcome(measured) => Some(measured.sentence.clone()),
            Self::RecommendationDismissed(dismissed) => dismissed.reason.clone(),
            Self::RecommendationRestored(_) | Self::SandboxDropped(_) => None,
            Self::JobCancelled(cancelled) => Some(format!("job {}", cancelled.job_id)),
            Self::SandboxFunctions(functions) => Some(
                if functions.copied { "functions are copied" } else { "functions are not copied" }
                    .to_owned(),
            ),
            Self::SandboxRefreshed(refreshed) => Some(format!(
                "{} dropped, {} copied",
                refreshed.dropped.len(),
                counted(refreshed.copied, "table")
            )),
            Self::SandboxCleaned(cleaned) if cleaned.dropped.is_empty() => {
                Some("nothing was left to drop".to_owned())
            }
            Self::SandboxCleaned(cleaned) => {
                Some(format!("dropped {}", cleaned.dropped.join(", ")))
            }
            Self::StoreImported(imported) => Some(format!(
                "{}, {}",
                counted(imported.recommendations.unsigned_abs(), "recommendation"),
                counted(imported.jobs.unsigned_abs(), "job")
            )),
            Self::StoreRestored(restored) => Some(restored.file.clone()),
        }
    }
}

/// A row of the trail whose detail this build cannot read.
#[derive(Debug, Error)]
pub enum UnreadableDetail {
    #[error(transparent)]
    UnknownAction(#[from] UnknownText),
    #[error("the detail of {action} has version {version}, which a later OptiSchema wrote")]
    Newer { action: AuditAction, version: u64 },
    #[error("the detail of {action} cannot be read: {source}")]
    Json { action: AuditAction, source: serde_json::Error },
}

/// The data of one action.
pub trait Recorded: Serialize + DeserializeOwned {
    const ACTION: AuditAction;
}

/// Reads a row's detail as the data of an action.
///
/// # Errors
/// A later build wrote it, or it is not what this action records.
pub fn read<T: Recorded>(detail: &Value) -> Result<T, UnreadableDetail> {
    let action = T::ACTION;
    let version = detail.get(VERSION).and_then(Value::as_u64).unwrap_or_default();
    if version > DETAIL_VERSION {
        return Err(UnreadableDetail::Newer { action, version });
    }
    T::deserialize(detail).map_err(|source| UnreadableDetail::Json { action, source })
}

audit_events! {
    /// Written before an apply changes anything.
    ApplyIntent(ApplyIntent) => "apply.intent",
    ApplyOutcome(ApplyOutcome) => "apply.outcome",
    /// The apply ended before its intent.
    ApplyRefused(ApplyRefused) => "apply.refused",
    /// Made again in a sandbox whose tables were copied again.
    ApplyAgain(ApplyAgain) => "apply.again",
    /// Could not be made again there.
    ApplyLost(ApplyLost) => "apply.lost",
    /// Written before a rollback changes anything.
    RollbackIntent(RollbackIntent) => "rollback.intent",
    RollbackOutcome(RollbackOutcome) => "rollback.outcome",
    /// The rollback ended before its intent.
    RollbackRefused(RollbackRefused) => "rollback.refused",
    /// Queued because the change was measured again and made something slower.
    RollbackAutomatic(RollbackAutomatic) => "rollback.automatic",
    /// The object of an applied change has another OID now.
    ChangeMoved(ChangeMoved) => "change.moved",
    /// An applied change was measured again.
    WatchOutcome(WatchMeasured) => "watch.outcome",
    RecommendationDismissed(RecommendationDismissed) => "recommendation.dismissed",
    RecommendationRestored(RecommendationRestored) => "recommendation.restored",
    JobCancelled(JobCancelled) => "job.cancelled",
    /// Whether main's own functions are copied.
    SandboxFunctions(SandboxFunctions) => "sandbox.functions",
    SandboxDropped(SandboxDropped) => "sandbox.dropped",
    SandboxRefreshed(SandboxRefreshed) => "sandbox.refreshed",
    SandboxCleaned(SandboxCleaned) => "sandbox.cleaned",
    StoreImported(StoreImported) => "store.imported",
    StoreRestored(StoreRestored) => "store.restored",
}

/// What an apply is about to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyIntent {
    /// `host:port/database`.
    pub target: String,
    /// System identifier and OID of the database: another sandbox has another.
    #[serde(default)]
    pub database_id: Option<String>,
    pub sql: String,
    pub rollback_sql: String,
    pub no_rollback: Option<String>,
    /// SHA-256 of the approved patch, in hexadecimal.
    pub sql_hash: String,
    pub override_reason: Option<String>,
    /// The catalog before the change.
    pub before: CatalogState,
    pub plan: ChangePlan,
}

/// The result of an apply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyOutcome {
    pub result: ChangeResult,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ChangedObject>,
    /// What it changed in the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Vec<CatalogChange>>,
    /// Why the outcome was read from the catalog: the job did not live to write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciled: Option<String>,
    /// Why it is not applied, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ApplyOutcome {
    /// An outcome of which nothing but its result is known.
    #[must_use]
    pub const fn of(result: ChangeResult) -> Self {
        Self {
            result,
            target: None,
            sql: None,
            sql_hash: None,
            object: None,
            effect: None,
            reconciled: None,
            reason: None,
        }
    }
}

/// A job that ended before it wrote its intent: nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedJob {
    pub result: ChangeResult,
    /// For a person.
    pub reason: String,
    pub patch: String,
    pub sql_hash: Option<String>,
    pub override_reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApplyRefused(pub RefusedJob);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RollbackRefused(pub RefusedJob);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyAgain {
    pub change_id: ChangeId,
    pub sql: String,
    pub object: ChangedObject,
    /// As in [`ApplyIntent`].
    pub database_id: String,
    /// Absent where it changed the same as before.
    pub effect: Option<Vec<CatalogChange>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyLost {
    pub change_id: ChangeId,
    /// For a person.
    pub reason: String,
}

/// What a rollback is about to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackIntent {
    /// `host:port/database`.
    pub target: String,
    pub sql: String,
    pub change_id: ChangeId,
    /// SHA-256 of the patch that was applied, in hexadecimal.
    pub sql_hash: String,
    /// Indexes that it builds beside those that the change dropped: of partitions that were created since.
    #[serde(default)]
    pub made: Vec<CatalogObject>,
    /// What the change had done to the catalog.
    #[serde(default)]
    pub effect: Option<Vec<CatalogChange>>,
}

/// The result of a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackOutcome {
    pub result: ChangeResult,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_id: Option<ChangeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why the outcome was read from the catalog: the job did not live to write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciled: Option<String>,
    /// For a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl RollbackOutcome {
    /// An outcome of which nothing but its result is known.
    #[must_use]
    pub const fn of(result: ChangeResult) -> Self {
        Self {
            result,
            change_id: None,
            target: None,
            sql: None,
            notes: Vec::new(),
            reconciled: None,
            reason: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackAutomatic {
    pub change_id: ChangeId,
    /// What was measured, for a person.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeMoved {
    pub change_id: ChangeId,
    pub object: ChangedObject,
    /// `pg_class.oid` before.
    pub was: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchMeasured {
    pub change_id: ChangeId,
    pub outcome: WatchOutcome,
    /// For a person.
    pub sentence: String,
    /// Percent of the statement's time saved, as the planner predicted it.
    pub predicted_percent: Option<f64>,
    /// The same, as it was measured.
    pub measured_percent: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecommendationDismissed {
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecommendationRestored {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCancelled {
    pub job_id: JobId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxFunctions {
    pub copied: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxDropped {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxRefreshed {
    /// Relations of the earlier copy that were dropped.
    pub dropped: Vec<TableName>,
    /// How many tables were copied.
    pub copied: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxCleaned {
    /// Names of the schemas and indexes that were dropped.
    pub dropped: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreImported {
    pub recommendations: i64,
    pub jobs: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreRestored {
    pub file: String,
}
