//! Which changes are worth making: candidates, their choice, and the rules that propose them.
//!
//! Pure: costs come from a [`CostOracle`], which asks a planner elsewhere. Deterministic, and complete
//! without any language model.

mod candidates;
pub mod rules;
mod selection;

pub use candidates::{CandidateSet, IndexCandidate, KeyColumn, generate};
pub use selection::{CostError, CostOracle, Costed, Selection, WeightedStatement, select_indexes};
