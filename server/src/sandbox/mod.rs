//! The database that OptiSchema may write in: scratch schemas for benchmarks and rehearsals, and the
//! staging copy that changes are applied to. Rows come from main by streaming binary `COPY`.

mod access;
mod copy;
mod names;
mod scratch;
mod staging;
mod structure;

pub(crate) use access::{drop_schema_in, hold, is_held, proven, stop_named};
pub use copy::{Copied, CopyProgress, CopyRows, RowChoices, RowSource, vacuum_analyze};
pub use names::{ScratchKind, ScratchSchema};
pub use scratch::{Due, create_scratch, drop_scratch, hold_scratch, sweep};
pub use staging::{
    Cause, Connect, Lack, Lacks, StagingOptions, StagingReport, copy_functions,
    definitions_from_catalogs, drop_staging, init_staging,
};
pub use structure::{
    Created, Family, Missing, SchemaOf, StructureKind, TableStructure, Upkeep, create_tables,
    extension_schemas, finish_tables, install_extensions, make_triggers, read_family,
    read_structure,
};

use optischema::model::TableName;
use thiserror::Error;

use crate::postgres::{PgFailure, SameDatabase};
use crate::sql::SqlError;

/// What to do where the copy lacks a function of the database; without a full stop.
pub const COPY_FUNCTIONS: &str = "To copy functions of the database, select \"Copy them\" on the page Connections, set OPTISCHEMA_WITH_FUNCTIONS=true, or pass --with-functions";

/// Why the sandbox could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SandboxError {
    #[error("main and the sandbox must both be configured")]
    NotConfigured,
    /// The connection checks refuse main.
    #[error("{0}")]
    MainRefused(String),
    #[error("another session is changing the sandbox. Try again in a moment")]
    Busy,
    #[error(transparent)]
    Target(#[from] PgFailure),
    #[error(transparent)]
    Identity(#[from] SameDatabase),
    #[error(transparent)]
    Sql(#[from] SqlError),
    #[error("{table}.{column} has type {data_type}, which cannot be made again in the sandbox")]
    UnsupportedType { table: TableName, column: String, data_type: String },
    #[error("{0} is a foreign table, whose rows are another server's: it is not copied")]
    UnsupportedTable(TableName),
    #[error(
        "two tables or types named {0} are in different schemas: they cannot share one scratch schema"
    )]
    NameCollision(String),
    #[error(
        "Cannot drop the staging copy: {dependent} depends on {object}, and is not part of the copy. Drop it first. Nothing was dropped."
    )]
    Depends { dependent: String, object: String },
    #[error("{0} is not there")]
    MissingTable(TableName),
    #[error("The rows of {table} are not copied: {reason}")]
    UnreadableRows { table: TableName, reason: String },
}

impl SandboxError {
    /// The same, wherever in a statement it was: one cause has many places.
    #[must_use]
    pub(crate) fn without_position(self) -> Self {
        match self {
            Self::Target(PgFailure::Sql { sqlstate, message, .. }) => {
                Self::Target(PgFailure::Sql { sqlstate, message, position: None })
            }
            other => other,
        }
    }
}

impl From<sqlx::Error> for SandboxError {
    fn from(error: sqlx::Error) -> Self {
        Self::Target(error.into())
    }
}
