//! The workload: statements, collections, analyses.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use optischema::model::{
    AddedQueries, AnalyzeReport, CollectionReport, JobAccepted, QueryDetail, QueryHash, QueryPage,
    RangeQuery, WorkloadQuery,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::caller::Caller;
use super::extract::{Answer, accepted, body, query};
use super::problem::Problem;

/// The calls of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_queries, add_queries))
        .routes(routes!(collect))
        .routes(routes!(get_query, remove_query))
        .routes(routes!(analyze))
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct AddQueriesRequest {
    /// The statements, or the log.
    #[schema(required, min_length = 1)]
    text: String,
}

/// The workload: statements with their figures in a time range.
#[utoipa::path(get, path = "/api/queries", tag = "workload", params(WorkloadQuery),
    responses((status = 200, body = QueryPage), (status = 422, body = Problem)))]
async fn list_queries(
    app: Caller,
    filter: Result<Query<WorkloadQuery>, QueryRejection>,
) -> Answer<QueryPage> {
    let filter = query(filter)?.parse()?;
    Ok(Json(app.operations.queries(filter).await?))
}

/// Takes statements: SQL, where `-- weight: N` before one weighs it, or a log of PostgreSQL.
#[utoipa::path(post, path = "/api/queries", tag = "workload", request_body = AddQueriesRequest,
    responses((status = 200, body = AddedQueries), (status = 422, body = Problem),
        (status = 503, body = Problem)))]
async fn add_queries(app: Caller, bytes: Bytes) -> Answer<AddedQueries> {
    let request: AddQueriesRequest = body(&bytes)?;
    Ok(Json(app.operations.add_queries(request.text).await?))
}

/// One statement: history, values, tables, plans, events, recommendations.
#[utoipa::path(get, path = "/api/queries/{id}", tag = "workload",
    params(("id" = String, Path, description = "the statement's hash"), RangeQuery),
    responses((status = 200, body = QueryDetail), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
async fn get_query(
    app: Caller,
    Path(text): Path<String>,
    range: Result<Query<RangeQuery>, QueryRejection>,
) -> Answer<QueryDetail> {
    let range = query(range)?.parse()?;
    Ok(Json(app.operations.query(QueryHash(text), range).await?))
}

/// Forgets a statement that a person gave.
#[utoipa::path(delete, path = "/api/queries/{id}", tag = "workload",
    params(("id" = String, Path, description = "the statement's hash")),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn remove_query(app: Caller, Path(text): Path<String>) -> Result<StatusCode, Problem> {
    app.operations.remove_query(QueryHash(text)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads main's counters now, and plans what is new.
#[utoipa::path(post, path = "/api/queries/collect", tag = "workload",
    responses((status = 200, body = CollectionReport), (status = 503, body = Problem)))]
async fn collect(app: Caller) -> Answer<CollectionReport> {
    Ok(Json(app.operations.collect().await?))
}

/// Collects the workload and advises on it now. With `Prefer: respond-async` it becomes a job.
#[utoipa::path(post, path = "/api/analyze", tag = "workload",
    params(("Prefer" = Option<String>, Header, description = "`respond-async` (RFC 7240) for a job")),
    responses((status = 200, body = AnalyzeReport), (status = 202, body = JobAccepted),
        (status = 503, body = Problem)))]
async fn analyze(app: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    let prefer = headers.get("prefer").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if prefer.split(',').any(|wish| wish.trim() == "respond-async") {
        return Ok(accepted(app.operations.start_analysis().await?));
    }
    Ok(Json(app.operations.analyze().await?).into_response())
}
