//! The demo: a private PostgreSQL with a sample shop that has the problems of real schemas.

mod cluster;
mod shop;
mod story;
mod workload;

pub use cluster::{Cluster, ClusterError, programs_folder};
pub use shop::{Shop, ShopError};
pub use story::{StoryEnd, print_benchmark, print_result, run_once};
