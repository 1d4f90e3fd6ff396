//! A benchmark's result, part by part: each with one sentence on what it means.

mod bindings;
mod ground;
mod plans;
mod repeat;
mod runs;
mod set;
mod verdict;
mod whole;
mod workload;
mod writes;

pub(crate) use bindings::ResultBindings;
pub(crate) use ground::ResultGround;
pub(crate) use plans::{PlanChanges, ResultPlans};
pub(crate) use repeat::ResultRepeat;
pub(crate) use runs::ResultRuns;
pub(crate) use set::ResultSet;
pub(crate) use verdict::ResultVerdict;
pub(crate) use whole::WholeResult;
pub(crate) use workload::ResultWorkload;
pub(crate) use writes::ResultWrites;
