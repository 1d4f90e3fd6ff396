//! What a database did from one reading of its counters to the next, and how long that is remembered.
//!
//! Pure values: reading them is the server's business.

mod counters;
mod coverage;
mod delta;
mod own_time;
mod resolution;

pub use counters::{Counters, Reading, Snapshot, StatementKey};
pub use coverage::{Coverage, EachReason, ReasonGroup, trusted_setting};
pub use delta::{Delta, Deltas, Known, Origin, deltas};
pub use own_time::{Counted, own_times};
pub use resolution::{KEPT_SECONDS, RESOLUTIONS, Resolution, bucket_start};
