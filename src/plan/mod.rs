//! `EXPLAIN (FORMAT JSON)` of PostgreSQL 13 to 18 as a typed tree, and what can be read off it.
//!
//! The parser is tolerant: unknown node types and fields never fail, a missing figure is absent.

mod dependencies;
mod diff;
mod exclusive;
mod findings;
mod found;
mod node;
mod parse;
mod tables;
#[cfg(test)]
mod tests;

pub use dependencies::{Dependencies, Dependency, Lineage, TableJoin, Through, dependencies};
pub use diff::{PlanChange, PlanDiff, diff};
pub use exclusive::{Exclusive, exclusive};
pub use findings::{PlanFinding, PlanFindingKind, findings};
pub use found::found_rows;
pub use node::{Jit, Plan, PlanNode, PlanTable};
pub use parse::{MAX_DEPTH, PlanError, parse_plan, parse_plan_text};
pub use tables::{extract_tables, relations_outside};
