//! Changes handed over for production.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use optischema::model::Handover;

/// Recommendations as files, in a safe order. `ids` is joined by commas.
#[server(prefix = "/rpc", endpoint = "handover", input = GetUrl)]
pub async fn load_handover(ids: String, format: String) -> Result<Handover, ServerFnError> {
    use super::context::{failed, operations};
    let query = optischema::operations::HandoverQuery { ids, format: Some(format), stamp: None };
    operations()?.hand_over(query.parse().map_err(failed)?).await.map_err(failed)
}
