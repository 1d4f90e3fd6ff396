//! Making and undoing a change on the sandbox's own tables, never on main.

mod catalog;
mod execute;
mod leftovers;
mod rehearsal;

pub use execute::{
    AppliedPatch, ApplyError, PlannedPatch, Standing, apply_patch, plan_patch, roll_back, settle,
    standing_object,
};
pub use leftovers::drop_leftovers;
pub use rehearsal::rehearse;
