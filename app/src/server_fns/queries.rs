//! The workload: the list, one statement, reading now, adding and removing.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use optischema::model::{AddedQueries, CollectionReport, QueryDetail, QueryPage, WorkloadQuery};

/// A page of statements.
#[server(prefix = "/rpc", endpoint = "queries", input = GetUrl)]
pub async fn load_queries(
    #[server(default)] query: WorkloadQuery,
) -> Result<QueryPage, ServerFnError> {
    use super::context::{failed, operations};
    let filter = query.parse().map_err(|error| failed(error.into()))?;
    operations()?.queries(filter).await.map_err(failed)
}

/// One statement in a time range.
#[server(prefix = "/rpc", endpoint = "query", input = GetUrl)]
pub async fn load_query(id: String, range: Option<String>) -> Result<QueryDetail, ServerFnError> {
    use super::context::{failed, operations};
    use optischema::model::{QueryHash, RangeQuery};
    let range = RangeQuery { range }.parse().map_err(|error| failed(error.into()))?;
    operations()?.query(QueryHash(id), range).await.map_err(failed)
}

/// Reads main's counters now.
#[server(prefix = "/rpc", endpoint = "collect")]
pub async fn collect() -> Result<CollectionReport, ServerFnError> {
    use super::context::{failed, operations};
    operations()?.collect().await.map_err(failed)
}

/// Takes statements or a log that a person gives.
#[server(prefix = "/rpc", endpoint = "add-queries")]
pub async fn add_queries(text: String) -> Result<AddedQueries, ServerFnError> {
    use super::context::{failed, operations};
    operations()?.add_queries(text).await.map_err(failed)
}

/// Forgets a statement that a person gave.
#[server(prefix = "/rpc", endpoint = "remove-query")]
pub async fn remove_query(id: String) -> Result<(), ServerFnError> {
    use super::context::{failed, operations};
    use optischema::model::QueryHash;
    operations()?.remove_query(QueryHash(id)).await.map_err(failed)?;
    leptos_axum::redirect("/queries");
    Ok(())
}
