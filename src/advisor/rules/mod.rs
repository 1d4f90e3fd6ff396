//! One rule, one file, with its tests.

mod missing_index;

pub use missing_index::{MissingIndex, propose_index};
