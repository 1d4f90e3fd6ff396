//! PostgreSQL: connections, what the catalogs say, planning, and what a target lacks.

mod catalog;
mod connection;
mod explain;
mod failure;
mod health;
mod hypopg;
mod identity;
mod main_session;
mod suspects;

pub use catalog::read_catalog;
pub use connection::{Dsn, Session, connect_main, connect_writable};
pub use explain::{ExplainMode, explain};
pub use failure::PgFailure;
pub use health::{GRANTS_FOR_MAIN, check_main, check_replica, check_sandbox, main_is_refused};
pub use hypopg::{HypoOracle, has_hypopg};
pub use identity::{SameDatabase, prove_not_main};
pub use main_session::{MainSession, PlanFailure};
