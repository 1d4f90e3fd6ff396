//! PostgreSQL: connections, what the catalogs say, planning, and what a target lacks.

mod activity;
mod budget;
mod catalog;
mod connection;
mod encryption;
mod explain;
mod extensions;
mod failure;
mod health;
mod hypopg;
mod identity;
mod libpq;
mod lineage;
mod locked;
mod main_health;
mod main_session;
#[cfg(target_os = "linux")]
mod nodelay;
#[cfg(not(target_os = "linux"))]
#[path = "no_nodelay.rs"]
mod nodelay;
mod operators;
mod plan_failure;
mod planning;
mod query;
mod replica_health;
mod replica_scans;
mod role_powers;
mod roles;
mod row_security;
mod server_facts;
mod statements_view;
mod suspects;

pub use activity::{ActiveText, active_texts};
pub use budget::Budget;
pub use catalog::{read_catalog, relation_exists, relation_kinds};
pub use connection::{Dsn, InvalidDsn, Session, connect_main, connect_writable};
pub use explain::{ExplainMode, explain};
pub use extensions::{lacking_extensions, used_extensions};
pub use failure::PgFailure;
pub use health::{check_main, check_sandbox, copying_is_refused, main_is_refused};
pub use hypopg::{HypoOracle, has_hypopg};
pub use identity::{ReplicaKind, SameDatabase, database_id, prove_not_main, replica_kind};
pub(crate) use libpq::MISLEADING;
pub use lineage::read_lineage;
pub use locked::OutOfReach;
pub use main_health::grants_for_main;
pub(crate) use main_session::PREPARED_AS;
pub use main_session::{MainSession, Snapshot};
pub use plan_failure::PlanFailure;
pub use query::query;
pub use replica_health::check_replica;
pub use replica_scans::add_scans_of_replica;
pub use roles::{RolePath, role_paths};
pub use server_facts::plan_settings;
pub use statements_view::StatementsView;
pub(crate) use statements_view::no_texts;
