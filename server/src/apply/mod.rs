//! Making and undoing a change on the sandbox's own tables, never on main.

mod catalog;
mod execute;
mod rehearsal;

pub use execute::{
    AppliedPatch, ApplyError, PlannedPatch, apply_patch, plan_patch, roll_back, standing_object,
};
pub use rehearsal::rehearse;
