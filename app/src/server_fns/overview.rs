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

/// Queues an analysis: the workload is read, and advised on.
#[server(prefix = "/rpc", endpoint = "analyze")]
pub async fn analyze() -> Result<(), ServerFnError> {
    use super::context::{failed, operations};
    operations()?.start_analysis().await.map(drop).map_err(failed)
}
