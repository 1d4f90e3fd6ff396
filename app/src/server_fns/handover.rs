//! Changes handed over for production.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use optischema::model::Handover;

/// Recommendations as files, in a safe order. `ids` is joined by commas.
#[server(prefix = "/rpc", endpoint = "handover", input = GetUrl)]
pub async fn load_handover(ids: String, format: String) -> Result<Handover, ServerFnError> {
    use super::context::{failed, operations, parse_id};
    use optischema::operations::OperationError;
    let ids = ids
        .split(',')
        .filter(|id| !id.is_empty())
        .map(|id| parse_id("recommendation", id.to_owned()))
        .collect::<Result<Vec<_>, _>>()?;
    let format = match format.as_str() {
        "" => optischema::model::MigrationFormat::Sql,
        named => named.parse().map_err(|error: optischema::model::UnknownText| {
            failed(OperationError::Invalid { field: "format".into(), message: error.to_string() })
        })?,
    };
    operations()?.hand_over(ids, format).await.map_err(failed)
}
