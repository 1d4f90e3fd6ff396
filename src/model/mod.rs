//! What passes between parts: one set of wire types for the store, REST, server functions and pages.

mod benchmark;
mod catalog;
mod change;
mod filter;
mod health;
mod ids;
mod job;
mod measure;
mod names;
mod query;
mod recommendation;
mod rule;
mod statement;
pub(crate) mod text_enum;
mod time;
mod what_if;
mod workload;

pub use benchmark::*;
pub use catalog::*;
pub use change::*;
pub use filter::*;
pub use health::*;
pub use ids::*;
pub use job::*;
pub use measure::*;
pub use names::*;
pub use query::*;
pub use recommendation::*;
pub use rule::*;
pub use statement::*;
pub use text_enum::UnknownText;
pub use time::*;
pub use what_if::*;
pub use workload::*;
