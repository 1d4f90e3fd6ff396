//! `EXPLAIN (FORMAT JSON)` of PostgreSQL 13 to 18 as a typed tree, and what can be read off it.
//!
//! The parser is tolerant: unknown node types and fields never fail, a missing figure is absent.

mod node;
mod parse;
mod tables;
#[cfg(test)]
mod tests;

pub use node::{Plan, PlanNode, PlanTable};
pub use parse::{PlanError, parse_plan};
pub use tables::{extract_tables, relations_outside};
