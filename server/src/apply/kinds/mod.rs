//! One file for each kind of change: its steps, its rollback, and what it touches.

pub(super) mod index;
pub(super) mod maintenance;
pub(super) mod parts;
pub(super) mod setting;
pub(super) mod statistics;
pub(super) mod table;
