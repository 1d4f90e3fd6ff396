//! REST on changes: what an apply would do, apply, rollback, the state of the apply side.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use optischema::model::{
    ApplyPlan, ApplyStatus, Change, ChangeQuery, CleanupReport, FunctionsChoice, JobAccepted,
    RecommendationId, RollbackOrder, RollbackRequest,
};
use optischema::operations::{Approval, OperationError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::caller::Caller;
use super::extract::{Answer, accepted, body, id, query};
use super::problem::Problem;

/// The calls of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(start_apply))
        .routes(routes!(apply_plan))
        .routes(routes!(start_rollback))
        .routes(routes!(roll_back_together))
        .routes(routes!(list_changes))
        .routes(routes!(apply_status))
        .routes(routes!(cleanup))
        .routes(routes!(functions_choice, choose_functions))
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApplyRequest {
    /// Why it is applied without a completed benchmark; recorded.
    override_reason: Option<String>,
    /// The `sql_hash` of the plan that was shown: where the patch has become another, nothing runs.
    sql_hash: Option<String>,
}

/// What an apply would do, statement by statement. Nothing is done.
#[utoipa::path(get, path = "/api/apply/{id}/plan", tag = "apply",
    params(("id" = uuid::Uuid, Path, description = "the recommendation's id")),
    responses((status = 200, body = ApplyPlan), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
async fn apply_plan(app: Caller, Path(text): Path<String>) -> Answer<ApplyPlan> {
    let id: RecommendationId = id("recommendation", text)?;
    Ok(Json(app.operations.apply_plan(id).await?))
}

/// Queues the apply of a recommendation's patch in the sandbox.
#[utoipa::path(post, path = "/api/apply/{id}", tag = "apply",
    params(("id" = uuid::Uuid, Path, description = "the recommendation's id")),
    request_body = Option<ApplyRequest>,
    responses((status = 202, body = JobAccepted), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn start_apply(
    app: Caller,
    Path(text): Path<String>,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let id: RecommendationId = id("recommendation", text)?;
    let ApplyRequest { override_reason, sql_hash } = body(&bytes)?;
    Ok(accepted(app.operations.start_apply(id, Approval { override_reason, sql_hash }).await?))
}

/// Queues the rollback of the change that stands for a recommendation.
#[utoipa::path(post, path = "/api/apply/{id}/rollback", tag = "apply",
    params(("id" = uuid::Uuid, Path, description = "the recommendation's id")),
    responses((status = 202, body = JobAccepted), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn start_rollback(app: Caller, Path(text): Path<String>) -> Result<Response, Problem> {
    let id: RecommendationId = id("recommendation", text)?;
    Ok(accepted(app.operations.start_rollback(id).await?))
}

/// Queues the rollback of several changes, the newest first; each waits for the one before it.
#[utoipa::path(post, path = "/api/apply/rollback", tag = "apply",
    request_body = RollbackRequest,
    responses((status = 202, body = RollbackOrder), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn roll_back_together(app: Caller, bytes: Bytes) -> Result<Response, Problem> {
    let request: RollbackRequest = body(&bytes)?;
    let order = app.operations.roll_back_together(request.parse()?).await?;
    Ok((StatusCode::ACCEPTED, Json(order)).into_response())
}

/// What was applied, newest first.
#[utoipa::path(get, path = "/api/apply/changes", tag = "apply", params(ChangeQuery),
    responses((status = 200, body = Vec<Change>), (status = 422, body = Problem)))]
async fn list_changes(
    app: Caller,
    filter: Result<Query<ChangeQuery>, QueryRejection>,
) -> Answer<Vec<Change>> {
    Ok(Json(app.operations.changes(query(filter)?.parse()?).await?))
}

/// The state of the apply side: counts, what runs, who waits for whom, the databases.
#[utoipa::path(get, path = "/api/apply/status", tag = "apply",
    responses((status = 200, body = ApplyStatus)))]
async fn apply_status(app: Caller) -> Answer<ApplyStatus> {
    Ok(Json(app.operations.apply_status().await?))
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FunctionsAnswer {
    /// Whether functions of the database are copied from now on.
    #[schema(required = true)]
    copied: Option<bool>,
}

/// Whether functions of the database are copied into the sandbox.
#[utoipa::path(get, path = "/api/sandbox/functions", tag = "apply",
    responses((status = 200, body = FunctionsChoice)))]
async fn functions_choice(app: Caller) -> Answer<FunctionsChoice> {
    Ok(Json(app.operations.functions_choice().await?))
}

/// Answers that. Where the configuration decides it, there is no question: 409.
#[utoipa::path(post, path = "/api/sandbox/functions", tag = "apply", request_body = FunctionsAnswer,
    responses((status = 200, body = FunctionsChoice), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn choose_functions(app: Caller, bytes: Bytes) -> Answer<FunctionsChoice> {
    let FunctionsAnswer { copied } = body(&bytes)?;
    let copied = copied.ok_or_else(|| OperationError::Invalid {
        field: "copied".to_owned(),
        message: "must be true or false".to_owned(),
    })?;
    Ok(Json(app.operations.choose_functions(copied).await?))
}

/// Drops expired scratch schemas and invalid leftovers now.
#[utoipa::path(post, path = "/api/apply/cleanup", tag = "apply",
    responses((status = 200, body = CleanupReport), (status = 503, body = Problem)))]
async fn cleanup(app: Caller) -> Answer<CleanupReport> {
    Ok(Json(app.operations.cleanup().await?))
}
