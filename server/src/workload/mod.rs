//! The workload of main: what it runs, how often, and with which values it can be planned.

mod advise;
mod bindings;
mod collector;
mod cursors;

mod log;
mod members;
mod parameters;
mod prepared;
mod raw;
mod sql_file;
mod understand;
mod values;

pub use advise::{Advice, AdviseLimits, Effort, OtherPlanners, PlannerKind, advise, best_planner};
pub(crate) use advise::{
    Built, BuiltEffect, Planned, Trial, Workshop, as_one, costed, partitions, weight,
};
pub use collector::{CollectError, Collection, ReadingContext, collect, collect_given};

pub use log::{LogContents, LoggedPlan, looks_like_log, peek, read_log};
pub use raw::RawStatement;
pub use sql_file::{read_sql, read_sql_noting};
pub(crate) use values::{array_of, length_of};

pub use understand::{CUT, Calling, Reader, StatementIdentity};
