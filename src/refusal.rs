//! Why an action is not possible in the present state. A variant is a case that a caller can tell apart; its words are in
//! `Display`, and its stable name for programs is [`Refusal::code`].

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{ChangeStatus, JobEvent, JobId, JobStatus, JobType, QueryHash};

/// What a person wants to do with a recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Apply,
    Benchmark,
    Dismiss,
    Restore,
    RollBack,
    /// Measure an applied change again.
    Watch,
}

impl Act {
    /// As in "before … it".
    const fn gerund(self) -> &'static str {
        match self {
            Self::Apply => "applying",
            Self::Benchmark => "benchmarking",
            Self::Dismiss => "dismissing",
            Self::Restore => "restoring",
            Self::RollBack => "rolling back",
            Self::Watch => "watching",
        }
    }

    /// As in "there is nothing to …".
    const fn infinitive(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Benchmark => "benchmark",
            Self::Dismiss => "dismiss",
            Self::Restore => "restore",
            Self::RollBack => "roll back",
            Self::Watch => "watch",
        }
    }
}

/// Why an action is not possible in the present state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The recommendation is applied. It must be rolled back before the act.
    Applied(Act),
    /// The recommendation is applied and cannot be rolled back: a benchmark has nothing to compare it with.
    AppliedForGood,
    /// The applied change cannot be rolled back.
    NotReversible,
    AlreadyApplied,
    /// The recommendation is dismissed. It must be restored before the act.
    Dismissed(Act),
    AlreadyDismissed,
    NotDismissed,
    /// The act needs an applied recommendation.
    NotApplied(Act),
    /// The recommendation was applied by an earlier version, which left no record of how.
    AppliedBeforeImport,
    /// An apply needs a completed benchmark, or a reason.
    NotBenchmarked,
    /// A change of this kind is not measured, for this reason.
    NotMeasured(String),
    /// A person must make this change, for this reason.
    ByHand(String),
    /// The patch is not the one that was approved.
    PatchChanged,
    /// The patch cannot be read, for this reason.
    PatchUnreadable(String),
    /// A job of this type is queued or running for the recommendation.
    Busy(JobType),
    /// This job is queued or running for the recommendation, or for the workload.
    Queued(JobId),
    JobOver(JobStatus),
    /// A job in this status cannot have this event.
    JobEvent(JobStatus, JobEvent),
    /// Another worker has the job.
    LeaseLost,
    JobWithoutResult,
    JobWithoutPatch,
    /// Jobs are queued or running, and need the tables of the sandbox.
    SandboxInUse,
    /// The change with this title has this status.
    ChangeStatus {
        title: String,
        status: ChangeStatus,
    },
    ChangeRolledBack,
    /// The change has no rollback, for this reason.
    NoRollback(String),
    /// No applied change can be rolled back.
    NothingToRollBack,
    /// The change `dependent` depends on the change.
    NeededBy {
        dependent: String,
        because: String,
    },
    /// The same, where several are rolled back together and `dependent` is not among them.
    NeededByOther {
        title: String,
        dependent: String,
        because: String,
    },
    /// The catalog of the sandbox refuses it, for this reason.
    Sandbox {
        code: &'static str,
        reason: String,
    },
    /// A setting of the instance decides it: the name of its variable.
    Configured(&'static str),
    /// Main counts the statement, so it cannot be removed.
    CountedByMain(QueryHash),
    /// The file is no backup of a store.
    NoBackup,
    /// The backup is of a later version, or of another program.
    BackupUnknown,
    /// The backup is damaged, in this way.
    BackupDamaged(String),
    /// The backup's audit trail differs from the store's: it is of another instance.
    BackupOfAnother,
    /// The file exists, and is not overwritten.
    FileExists(String),
    /// A restore needs a store without running jobs.
    JobsRunning,
}

impl Refusal {
    /// The stable name, in lower case with underscores.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::AppliedForGood => "applied_for_good",
            Self::NotReversible => "not_reversible",
            Self::AlreadyApplied => "already_applied",
            Self::Dismissed(_) => "dismissed",
            Self::AlreadyDismissed => "already_dismissed",
            Self::NotDismissed => "not_dismissed",
            Self::NotApplied(_) => "not_applied",
            Self::AppliedBeforeImport => "applied_before_import",
            Self::NotBenchmarked => "not_benchmarked",
            Self::NotMeasured(_) => "not_measured",
            Self::ByHand(_) => "by_hand",
            Self::PatchChanged => "patch_changed",
            Self::PatchUnreadable(_) => "patch_unreadable",
            Self::Busy(_) => "busy",
            Self::Queued(_) => "already_queued",
            Self::JobOver(_) => "job_over",
            Self::JobEvent(..) => "job_event",
            Self::LeaseLost => "lease_lost",
            Self::JobWithoutResult => "job_without_result",
            Self::JobWithoutPatch => "job_without_patch",
            Self::SandboxInUse => "sandbox_in_use",
            Self::ChangeStatus { .. } => "change_status",
            Self::ChangeRolledBack => "change_rolled_back",
            Self::NoRollback(_) => "no_rollback",
            Self::NothingToRollBack => "nothing_to_roll_back",
            Self::NeededBy { .. } | Self::NeededByOther { .. } => "needed_by_another_change",
            Self::Sandbox { code, .. } => code,
            Self::Configured(_) => "configured",
            Self::CountedByMain(_) => "counted_by_main",
            Self::NoBackup => "no_backup",
            Self::BackupUnknown => "backup_unknown",
            Self::BackupDamaged(_) => "backup_damaged",
            Self::BackupOfAnother => "backup_of_another",
            Self::FileExists(_) => "file_exists",
            Self::JobsRunning => "jobs_running",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied(act) => write!(f, "it is applied: roll it back before {} it", act.gerund()),
            Self::AppliedForGood => f.write_str(
                "it is applied and cannot be rolled back, so there is nothing to compare it with",
            ),
            Self::NotReversible => f.write_str("it cannot be rolled back"),
            Self::AlreadyApplied => f.write_str("it is already applied"),
            Self::Dismissed(act) => {
                write!(f, "it is dismissed: restore it before {} it", act.gerund())
            }
            Self::AlreadyDismissed => f.write_str("it is already dismissed"),
            Self::NotDismissed => f.write_str("it is not dismissed"),
            Self::NotApplied(act) => {
                write!(f, "it is not applied, so there is nothing to {}", act.infinitive())
            }
            Self::AppliedBeforeImport => f.write_str(
                "it was applied before it was imported, and how is not known: undo it by hand",
            ),
            Self::NotBenchmarked => f.write_str(
                "it has no completed benchmark that measured it: run one first, or give a reason to override (override_reason)",
            ),
            Self::NotMeasured(reason) => write!(f, "this change is not measured: {reason}"),
            Self::ByHand(reason) | Self::PatchUnreadable(reason) | Self::NoRollback(reason)
            | Self::Sandbox { reason, .. } => f.write_str(reason),
            Self::PatchChanged => {
                f.write_str("the patch changed since it was shown: review it again")
            }
            Self::Busy(job_type) => write!(
                f,
                "a job of this recommendation ({}) is queued or running: wait for its end, or cancel it first",
                job_type.label().to_lowercase()
            ),
            Self::Queued(job) => write!(f, "a job for it is already queued or running: {job}"),
            Self::JobOver(status) => {
                write!(f, "the job is over: {}", status.label().to_lowercase())
            }
            Self::JobEvent(status, event) => write!(f, "a job that is {status} cannot be {event:?}"),
            Self::LeaseLost => f.write_str("another worker has the job"),
            Self::JobWithoutResult => f.write_str(
                "the job has no result yet: a report needs a completed benchmark",
            ),
            Self::JobWithoutPatch => f.write_str("an analysis has no patch"),
            Self::SandboxInUse => f.write_str(
                "jobs are queued or running and need the tables of the sandbox: wait for them, or cancel them first",
            ),
            Self::ChangeStatus { title, status } => write!(
                f,
                "cannot roll back \"{title}\": its status is {}",
                status.label().to_lowercase()
            ),
            Self::ChangeRolledBack => f.write_str("it is already rolled back"),
            Self::NothingToRollBack => f.write_str("no applied change can be rolled back"),
            Self::NeededBy { dependent, because } => write!(
                f,
                "\"{dependent}\" depends on this change, since {because}: roll that back first, or both together"
            ),
            Self::NeededByOther { title, dependent, because } => write!(
                f,
                "\"{dependent}\" depends on \"{title}\", since {because}: select it too"
            ),
            Self::Configured(variable) => {
                write!(f, "the configuration of this instance decides it ({variable})")
            }
            Self::CountedByMain(hash) => write!(
                f,
                "main counts the statement {hash}: only statements that a person added can be removed"
            ),
            Self::NoBackup => f.write_str("the file is not a backup of an OptiSchema store"),
            Self::BackupUnknown => f.write_str(
                "the file is not a backup of this version of OptiSchema or an earlier one",
            ),
            Self::BackupDamaged(how) => write!(f, "the backup is damaged: {how}"),
            Self::BackupOfAnother => f.write_str(
                "the backup's audit trail is that of another instance: restore it into another data folder",
            ),
            Self::FileExists(file) => {
                write!(f, "{file} exists and is not overwritten: choose another name")
            }
            Self::JobsRunning => f.write_str("jobs are running: wait for them, or cancel them first"),
        }
    }
}

impl std::error::Error for Refusal {}
