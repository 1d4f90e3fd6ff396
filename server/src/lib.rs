//! Everything native: settings, command line, store, PostgreSQL, workload, sandbox, benchmark, apply,
//! analysis, jobs, HTTP and the demo. [`service::Service`] implements the domain's `Operations`; all surfaces call that.

pub mod analysis;
pub mod apply;
pub mod benchmark;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod file_error;
pub mod handover;
pub mod hex;
pub(crate) mod home;
pub mod http;
pub mod instance;
pub mod jobs;
pub mod postgres;
pub mod sandbox;
pub mod service;
pub mod sql;
pub mod store;
pub mod webhooks;
pub mod workload;
