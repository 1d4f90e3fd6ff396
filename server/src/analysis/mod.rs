//! Analysis: main's counters are read into the store, and the workload is advised on. It lies below jobs and service, which
//! both run it.

mod advising;
mod collecting;
mod functions_choice;
mod given;
mod main_access;
mod places;

pub(crate) use advising::{analyze, other_planners};
pub use advising::{analyze_once, collected};
pub(crate) use collecting::{add, collect, not_removable, plan_due};
pub(crate) use functions_choice::{COPIES_FUNCTIONS, functions_choice};
pub(crate) use main_access::{checked_main, copied_main};
pub(crate) use places::places;
