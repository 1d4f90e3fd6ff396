//! The dashboard, the connections, and analysing now.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use optischema::model::Health;
use optischema::operations::Dashboard;

/// What the dashboard shows.
#[server(prefix = "/rpc", endpoint = "dashboard", input = GetUrl)]
pub async fn load_dashboard() -> Result<Dashboard, ServerFnError> {
    use super::context::{failed, operations};
    operations()?.dashboard().await.map_err(failed)
}

/// How the databases are.
#[server(prefix = "/rpc", endpoint = "health", input = GetUrl)]
pub async fn load_health() -> Result<Health, ServerFnError> {
    use super::context::{failed, operations};
    operations()?.health().await.map_err(failed)
}

/// Reads the workload and advises on it; returns how many recommendations came of it.
#[server(prefix = "/rpc", endpoint = "analyze")]
pub async fn analyze() -> Result<u32, ServerFnError> {
    use super::context::{failed, operations};
    let report = operations()?.analyze().await.map_err(failed)?;
    Ok(u32::try_from(report.recommendations.len()).unwrap_or(u32::MAX))
}
