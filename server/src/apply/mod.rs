//! Making and undoing a change on the sandbox's own tables, never on main.
//!
//! A change is planned from the catalog ([`plan_change`]), rehearsed, made, and looked at again; what did not come to its
//! end is settled by what the catalog says. Queues, records and trails are the callers'.

mod again;
mod applied;
mod catalog_state;
mod current_effect;
mod error;
mod execute;
mod kinds;
mod known_index;
mod leftovers;
mod plan;
mod plan_site;
mod preflight;
mod reason;
mod rehearsal;
mod rollback;
mod settle;
mod steps;
mod usage;
mod watch_locks;

pub use again::{Again, make_again, object_now};
pub use applied::Applied;
pub use error::ApplyError;
pub use execute::make;
pub use leftovers::drop_leftovers;
pub use plan::plan_change;
pub use plan_site::PlanSite;
pub use preflight::{preflight, refuse_blocked};
pub use reason::{ApplyReason, ApplyReasons};
pub use rehearsal::{rehearsal_schema, rehearse};
pub use rollback::{RolledBack, WayBack, check_undo, roll_back, way_back};
pub use settle::{Settled, finish, makes_it, settle, settle_rollback};
pub use usage::{Plans, compare_plans, plan_statements};
pub use watch_locks::{lock_waits, look};
