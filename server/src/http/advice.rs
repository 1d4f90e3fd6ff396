//! REST on what stands behind advice: what was rejected, what an index would do, what a rule says.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use optischema::model::{RejectedPage, Rule, WhatIfReport, WhatIfRequest};
use optischema::operations::RulePage;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::caller::Caller;
use super::extract::{Answer, body, id, query};
use super::problem::Problem;

/// The calls of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_rejected))
        .routes(routes!(what_if))
        .routes(routes!(get_rule))
}

/// A search.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RejectedQuery {
    /// Words in definition or reason.
    q: Option<String>,
}

/// Candidates of the last analysis that were not recommended, with their reasons.
#[utoipa::path(get, path = "/api/rejected", tag = "recommendations", params(RejectedQuery),
    responses((status = 200, body = RejectedPage)))]
async fn list_rejected(
    app: Caller,
    search: Result<Query<RejectedQuery>, QueryRejection>,
) -> Answer<RejectedPage> {
    Ok(Json(app.operations.rejected(query(search)?.q).await?))
}

/// Plans the workload as if an index were there. Nothing is written.
#[utoipa::path(post, path = "/api/what-if", tag = "recommendations", request_body = WhatIfRequest,
    responses((status = 200, body = WhatIfReport), (status = 422, body = Problem),
        (status = 503, body = Problem)))]
async fn what_if(app: Caller, bytes: Bytes) -> Answer<WhatIfReport> {
    let request: WhatIfRequest = body(&bytes)?;
    Ok(Json(app.operations.what_if(request).await?))
}

/// What a rule finds, why it matters, and when not to follow it.
#[utoipa::path(get, path = "/api/rules/{rule}", tag = "recommendations",
    params(("rule" = String, Path)),
    responses((status = 200, body = RulePage), (status = 404, body = Problem)))]
async fn get_rule(app: Caller, Path(text): Path<String>) -> Answer<RulePage> {
    let rule: Rule = id("rule", text)?;
    Ok(Json(app.operations.rule_page(rule).await?))
}
