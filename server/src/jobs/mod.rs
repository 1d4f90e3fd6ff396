//! Background work: a worker claims jobs from the store's queue, one at a time, and each ends in exactly
//! one way.

mod benchmark_job;
mod change_job;
mod progress;
mod signals;
mod worker;

pub(crate) use benchmark_job::{drop_schema_in, places, stop_named};
pub use signals::Signals;
pub use worker::Worker;
