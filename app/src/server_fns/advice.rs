//! What was rejected, what an index would do, and what a rule says.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use optischema::model::{RejectedPage, WhatIfReport, WhatIfRequest};
use optischema::operations::RulePage;

/// Candidates of the last analysis that were not recommended.
#[server(prefix = "/rpc", endpoint = "rejected", input = GetUrl)]
pub async fn load_rejected(q: Option<String>) -> Result<RejectedPage, ServerFnError> {
    use super::context::{failed, operations};
    operations()?.rejected(q).await.map_err(failed)
}

/// Plans the workload as if an index were there.
#[server(prefix = "/rpc", endpoint = "what-if", input = GetUrl)]
pub async fn load_what_if(
    #[server(default)] request: WhatIfRequest,
) -> Result<WhatIfReport, ServerFnError> {
    use super::context::{failed, operations};
    operations()?.what_if(request).await.map_err(failed)
}

/// The documentation of a rule.
#[server(prefix = "/rpc", endpoint = "rule", input = GetUrl)]
pub async fn load_rule(rule: String) -> Result<RulePage, ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let rule = parse_id("rule", rule)?;
    operations()?.rule_page(rule).await.map_err(failed)
}
