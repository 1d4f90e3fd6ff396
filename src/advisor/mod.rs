//! Which changes are worth making: candidates, their choice, and the rules that propose them.
//!
//! Pure: costs come from a [`CostOracle`], which asks a planner elsewhere. Deterministic, and complete
//! without any language model.

mod arithmetic;
pub mod calibration;
mod candidates;
mod clause;
mod index;
pub mod partitions;
pub mod rules;
mod selection;
mod size;
mod upkeep;
mod weights;
mod worth;

pub use arithmetic::ArithmeticOracle;
pub use candidates::{CandidateSet, Wanted, by_class, generate, merged};
pub use clause::{Clause, ClauseTest, OperatorTest};
pub use index::{IndexCandidate, IndexKey, IndexMethod, IndexPredicate, KeyTarget, PredicateTest};
pub use selection::{
    Choice, CostError, CostOracle, Costed, Limits, Priced, Selection, WhatIf, select_indexes,
};
pub use size::{IndexSize, index_size, say_the_same, share_of};
pub use upkeep::{TableWrites, WriteCost, WritesWithCalls, upkeep_of, write_cost};
pub use weights::{WeightedStatement, Weights, suspicion, weigh};
pub use worth::costs_more_than_it_saves;
