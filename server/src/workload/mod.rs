//! The workload of main: what it runs, how often, and with which values it can be planned.

mod advise;
mod bindings;
mod collector;

pub use advise::{Advice, advise};
pub use collector::{CollectError, Collection, collect, statements_from_text};
