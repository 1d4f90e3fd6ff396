//! The domain of OptiSchema: what passes between its parts, and what it knows about PostgreSQL tuning.
//!
//! Everything here takes values and returns values. There is no I/O, no clock and no hidden randomness,
//! so that every rule can be tested without a database and some of them run in the browser. Reading
//! databases, storing and serving are the server crate's business.

pub mod advisor;
pub mod audit;
pub mod benchmark_place;
pub mod change_plan;
pub mod dependents;
pub mod figures;
pub mod lifecycle;
pub mod model;
pub mod next_steps;
pub mod operations;
pub mod plan;
pub mod refusal;
pub mod rollout;
pub mod sampling;
pub mod statistics;
pub mod workload;
