//! Recommendations: list, detail, dismissing and restoring.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use optischema::model::{
    Recommendation, RecommendationId, RecommendationPage, RecommendationQuery,
};
use optischema::next_steps::RecommendationDetail;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::caller::Caller;
use super::extract::{Answer, body, id, query};
use super::problem::Problem;

/// The calls of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_recommendations))
        .routes(routes!(get_recommendation))
        .routes(routes!(dismiss))
        .routes(routes!(restore))
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct DismissRequest {
    /// Why it is not wanted.
    reason: Option<String>,
}

/// Recommendations, filtered, sorted and paged, with the counts of every status.
#[utoipa::path(get, path = "/api/recommendations", tag = "recommendations",
    params(RecommendationQuery),
    responses((status = 200, body = RecommendationPage), (status = 422, body = Problem)))]
async fn list_recommendations(
    app: Caller,
    filter: Result<Query<RecommendationQuery>, QueryRejection>,
) -> Answer<RecommendationPage> {
    let filter = query(filter)?.parse()?;
    Ok(Json(app.operations.recommendations(filter).await?))
}

/// One recommendation, with its plans and evidence, and what may be done with it now.
#[utoipa::path(get, path = "/api/recommendations/{id}", tag = "recommendations",
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = RecommendationDetail), (status = 404, body = Problem)))]
async fn get_recommendation(app: Caller, Path(text): Path<String>) -> Answer<RecommendationDetail> {
    let id: RecommendationId = id("recommendation", text)?;
    Ok(Json(app.operations.recommendation(id).await?.into()))
}

/// Dismisses a recommendation.
#[utoipa::path(post, path = "/api/recommendations/{id}/dismiss", tag = "recommendations",
    params(("id" = uuid::Uuid, Path)), request_body = Option<DismissRequest>,
    responses((status = 200, body = Recommendation), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
async fn dismiss(app: Caller, Path(text): Path<String>, bytes: Bytes) -> Answer<Recommendation> {
    let id: RecommendationId = id("recommendation", text)?;
    let request: DismissRequest = body(&bytes)?;
    Ok(Json(app.operations.dismiss(id, request.reason).await?))
}

/// Takes a dismissed recommendation back.
#[utoipa::path(post, path = "/api/recommendations/{id}/restore", tag = "recommendations",
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Recommendation), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
async fn restore(app: Caller, Path(text): Path<String>) -> Answer<Recommendation> {
    let id: RecommendationId = id("recommendation", text)?;
    Ok(Json(app.operations.restore(id).await?))
}
