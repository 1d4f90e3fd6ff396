//! Background work: a worker claims jobs from the store's queue, and each ends in exactly one way.

mod analyze_job;
mod apply_job;
mod benchmark_job;
mod context;
mod follow;
mod moved;
mod progress;
mod reconcile;
mod rollback_job;
mod sandbox;
mod set_job;
mod signals;
mod silence;
mod tidying;
mod trail;
mod worker;

pub use signals::Signals;
pub(crate) use tidying::tidy;
pub use worker::Worker;
