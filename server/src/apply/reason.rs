//! Why a change is not applied or not rolled back: each case with its data, a stable code, and its words.

use std::fmt;

use optischema::model::{CatalogObject, TableName};

use crate::postgres::PgFailure;
use crate::store::JobFailure;

/// Declares the reasons, each with its code and its words.
macro_rules! reasons {
    ($($(#[$meta:meta])* $variant:ident $({ $($field:ident: $type:ty),+ $(,)? })? => ($code:literal, $($words:tt)+),)+) => {
        /// Why a change is not applied or not rolled back.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum ApplyReason {
            $($(#[$meta])* $variant $({ $($field: $type),+ })?,)+
        }

        impl ApplyReason {
            /// The stable code of the case.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $code,)+ }
            }
        }

        impl fmt::Display for ApplyReason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$variant $({ $($field),+ })? => write!(f, $($words)+),)+ }
            }
        }
    };
}

reasons! {
    // --- where it is applied
    NotConfigured => ("not_configured", "main and the sandbox must both be configured"),
    /// The connection checks refuse main.
    MainRefused { reason: String } => ("main_refused", "{reason}"),
    /// It is not proven that the sandbox is another database than main.
    NotProven { reason: String } => ("sandbox_not_proven", "{reason}"),
    SandboxBusy => ("sandbox_busy", "another session is changing the sandbox. Try again in a moment"),
    MadeElsewhere { target: String, reason: String } => ("made_elsewhere", "the change was made in {target}, which is not the current sandbox ({reason}). Configure that sandbox again, or run `optischema sandbox refresh` to make the change in this one"),

    // --- what is applied
    NoRecommendation => ("no_recommendation", "the job has no recommendation"),
    PatchChanged => ("patch_changed", "the patch is not the one that was approved. Review it, and apply it again"),
    PatchUnreadable { reason: String } => ("patch_unreadable", "{reason}"),
    NothingToApply => ("nothing_to_apply", "the application must send the rewritten statement: there is nothing to apply"),
    Blocked { reason: String } => ("blocked", "{reason}"),

    // --- tables
    TableMissing { table: TableName } => ("table_missing", "the sandbox has no table {table}. Run `optischema sandbox init`"),
    TableMissingOnMain { table: TableName } => ("table_missing_on_main", "main has no table {table}"),
    NotOwner { table: TableName } => ("not_owner", "the sandbox's role does not own {table}"),
    ColumnMissing { table: TableName, column: String } => ("column_missing", "{table} has no column {column} in the sandbox"),
    ForeignPartition { partition: TableName } => ("foreign_partition", "the partition {partition} is a foreign table, which cannot have an index here"),

    // --- indexes
    IndexMissing { index: String } => ("index_missing", "the sandbox has no index named {index}"),
    IndexExists { definition: String } => ("index_exists", "the sandbox already has this index: {definition}"),
    SameIndex { index: String } => ("same_index", "{index} is the same index"),
    NameTaken { name: TableName } => ("name_taken", "another object in the sandbox is named {name}"),
    NoFreeName { table: TableName } => ("no_free_name", "no name is free for the index of {table}"),
    BeingBuilt { index: TableName } => ("being_built", "another session is building the index {index}"),
    InvalidIndexInTheWay { index: TableName } => ("invalid_index", "an invalid index {index} is left in the sandbox. Clean up, or drop it first"),
    BacksConstraint { index: String } => ("backs_constraint", "a constraint depends on {index}"),
    BelongsToParent { index: TableName } => ("belongs_to_parent", "{index} belongs to an index of a partitioned table. Drop that one"),
    ReplicaIdentity { index: TableName } => ("replica_identity", "{index} is the table's replica identity"),
    OnlyUnique { index: TableName } => ("only_unique", "{index} keeps rows unique, and no other index does: undoing the drop could fail"),
    /// What could not be dropped after a build or a drop was cut off.
    InvalidLeft { index: TableName, failure: PgFailure, rolling_back: bool } => ("invalid_left", "an invalid index {index} is left, and could not be dropped yet: {failure}. {}", if *rolling_back { "Roll back again to continue" } else { "Cleaning up tries again" }),

    // --- statistics, settings, maintenance
    StatisticsExist { definition: String } => ("statistics_exist", "the sandbox already has statistics of this name: {definition}"),
    StatisticsElsewhere { schema: String } => ("statistics_elsewhere", "the statistics must be in the schema of their table, {schema}"),
    StatisticsMissing { name: TableName } => ("statistics_missing", "the sandbox has no statistics named {name}"),
    NotDatabaseOwner => ("not_database_owner", "the sandbox's role does not own its database, so it cannot set its parameters"),
    ServerWide { words: &'static str } => ("server_wide", "{words}"),
    OtherDatabase { database: String } => ("other_database", "the setting is of the database {database}, which is neither main's nor the sandbox's"),
    RoleMissing { role: String } => ("role_missing", "the sandbox's server has no role {role}"),
    RoleNotSettable { role: String } => ("role_not_settable", "the sandbox's role may not set parameters of the role {role}. The change is exported as SQL"),
    RepackMissing { version: String } => ("repack_missing", "REPACK needs PostgreSQL 19, and this server has {version}"),
    RepackNeedsLog => ("repack_needs_log", "wal_level is minimal here, and REPACK (CONCURRENTLY) reads changes from the write-ahead log"),
    RepackNeedsSlots => ("repack_needs_slots", "max_repack_replication_slots is 0 here"),

    // --- rehearsal
    AlreadyRehearsing => ("already_rehearsing", "another process is rehearsing this job"),
    RehearsedPatchFails { failure: String } => ("rehearsed_patch_fails", "in rehearsal, the patch fails: {failure}"),
    RehearsedRollbackFails { failure: String } => ("rehearsed_rollback_fails", "in rehearsal, the rollback fails: {failure}"),
    RehearsedNothing => ("rehearsed_nothing", "in rehearsal, the patch changed nothing: its parameters are already set"),
    NotRestored { difference: String } => ("not_restored", "in rehearsal, the rollback did not restore the catalog: {difference}"),

    // --- the change
    NotMade { object: CatalogObject } => ("not_made", "the {object} was not created"),
    CameOutInvalid { object: CatalogObject } => ("came_out_invalid", "the {object} was built invalid, and dropped again"),
    StillThere { object: CatalogObject } => ("still_there", "the {object} still exists"),
    ChangedNothing => ("changed_nothing", "it changed nothing: its parameters are already set"),
    Skipped { table: TableName } => ("skipped", "it was skipped: another session holds {table}, and the statement says SKIP_LOCKED"),
    TableGone { table: TableName } => ("table_gone", "{table} no longer exists"),
    OtherUnderName => ("other_under_name", "another object has its name now"),
    NeitherState => ("neither_state", "the catalog is neither as before the change nor as after it"),
    HeldUp { holder: String } => ("held_up", "{holder} held the lock"),

    // --- rollback
    NotApplied => ("not_applied", "the recommendation has no applied change"),
    Irreversible { reason: String } => ("irreversible", "{reason}"),
    HasDependents { title: String, because: String } => ("has_dependents", "\"{title}\" depends on this change, since {because}. Roll it back first"),
    Renamed { was: TableName, is: TableName } => ("renamed", "{was} was renamed to {is}. Rename it back to roll back"),
    OthersIndex { index: TableName, table: TableName } => ("others_index", "{index} of {table} would be dropped with it, and is not OptiSchema's. Detach the partition first"),

    // --- drift
    ObjectGone { object: CatalogObject } => ("object_gone", "the {object} no longer exists: another session dropped it"),
    ObjectBack { object: CatalogObject, entry: String } => ("object_back", "the {object} exists again: `{entry}`"),
    ObjectAltered { object: CatalogObject, difference: String } => ("object_altered", "the {object} is no longer what was applied: {difference}"),
    ObjectRebuilt { name: TableName } => ("object_rebuilt", "{name} is no longer what was applied: another session created it again"),
    RolledBackOtherwise { object: CatalogObject, difference: String } => ("rolled_back_otherwise", "the rollback ran, and {object} is not what it was before: {difference}"),
    RollbackLeftNone { object: CatalogObject } => ("rollback_left_none", "the rollback ran, and {object} does not exist"),
    MadeOtherwise => ("made_otherwise", "it was made again, and the catalog differs from the first time"),

    // --- a job that was cut off
    CutOff { why: String } => ("cut_off", "{why}"),
    CutOffEarly { why: String } => ("cut_off_early", "{why} before it changed anything"),
    CutOffAbsent => ("cut_off_absent", "nothing of it is in the sandbox"),
    CutOffElsewhere => ("cut_off_elsewhere", "it was started in another database than the current sandbox. Check there"),
    CutOffApplied => ("cut_off_applied", "the change is still applied, and can be rolled back again"),
    /// As the outcome in the audit trail says.
    Recorded { reason: String } => ("recorded", "{reason}"),

    // --- failures of others
    Server { failure: PgFailure } => ("server", "{failure}"),
    ServerExhausted { failure: PgFailure } => ("server_exhausted", "the server ran out of a resource: {failure}"),
    Sandbox { reason: String } => ("sandbox", "{reason}"),
    Store { reason: String } => ("store", "{reason}"),
    /// A reason that a caller puts behind another one.
    Also { reason: String } => ("also", "{reason}"),
}

/// A reason, and what else a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyReasons {
    pub first: ApplyReason,
    pub more: Vec<ApplyReason>,
}

impl ApplyReasons {
    /// The stable code of the first reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.first.code()
    }
}

impl From<&ApplyReasons> for JobFailure {
    fn from(reasons: &ApplyReasons) -> Self {
        Self::new(reasons.code(), reasons.to_string())
    }
}

impl From<ApplyReason> for ApplyReasons {
    fn from(first: ApplyReason) -> Self {
        Self { first, more: Vec::new() }
    }
}

impl fmt::Display for ApplyReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.more.iter().try_for_each(|more| write!(f, "; {more}"))
    }
}
