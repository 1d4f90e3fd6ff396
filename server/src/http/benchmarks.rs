//! Jobs and benchmarks: starting, watching and cancelling them, and their files.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use optischema::model::{
    CompareRequest, Job, JobAccepted, JobId, JobPage, JobQuery, RecommendationId, SetRequest,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::caller::Caller;
use super::extract::{Answer, accepted, body, id, query};
use super::problem::Problem;

/// The calls of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs, compare))
        // One path: a POST names a recommendation, a GET names a job.
        .routes(routes!(start_set_benchmark))
        .routes(routes!(get_job, start_benchmark))
        .routes(routes!(cancel_job))
        .routes(routes!(patch_sql))
        .routes(routes!(report))
}

/// Queues a benchmark of a recommendation.
#[utoipa::path(post, path = "/api/benchmark/{id}", tag = "benchmark",
    params(("id" = uuid::Uuid, Path, description = "the recommendation's id")),
    responses((status = 202, body = JobAccepted), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
async fn start_benchmark(app: Caller, Path(text): Path<String>) -> Result<Response, Problem> {
    let id: RecommendationId = id("recommendation", text)?;
    Ok(accepted(app.operations.start_benchmark(id).await?))
}

/// Queues a benchmark of several recommendations together, against none of them.
#[utoipa::path(post, path = "/api/benchmark/set", tag = "benchmark", request_body = SetRequest,
    responses((status = 202, body = JobAccepted), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn start_set_benchmark(app: Caller, bytes: Bytes) -> Result<Response, Problem> {
    let request: SetRequest = body(&bytes)?;
    Ok(accepted(app.operations.start_set_benchmark(request.recommendation_ids).await?))
}

/// Lists what a person typed in, a statement and a change or two statements, and queues its benchmark.
#[utoipa::path(post, path = "/api/benchmark", tag = "benchmark", request_body = CompareRequest,
    responses((status = 202, body = JobAccepted), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn compare(app: Caller, bytes: Bytes) -> Result<Response, Problem> {
    let request: CompareRequest = body(&bytes)?;
    Ok(accepted(app.operations.compare(request).await?))
}

/// A completed benchmark as one HTML file, to be handed on.
#[utoipa::path(get, path = "/api/benchmark/{id}/report.html", tag = "benchmark",
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = String, content_type = "text/html"),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn report(app: Caller, Path(text): Path<String>) -> Result<Response, Problem> {
    let id: JobId = id("job", text)?;
    let file = app.operations.benchmark_report(id).await?;
    let disposition = format!("attachment; filename=\"{}\"", file.file_name);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, file.html).into_response())
}

/// Jobs, newest first.
#[utoipa::path(get, path = "/api/benchmark", tag = "benchmark", params(JobQuery),
    responses((status = 200, body = JobPage), (status = 422, body = Problem)))]
async fn list_jobs(
    app: Caller,
    filter: Result<Query<JobQuery>, QueryRejection>,
) -> Answer<JobPage> {
    let filter = query(filter)?.parse()?;
    Ok(Json(app.operations.jobs(filter).await?))
}

/// One job: status, phase, progress and result.
#[utoipa::path(get, path = "/api/benchmark/{id}", tag = "benchmark",
    params(("id" = uuid::Uuid, Path, description = "the job's id")),
    responses((status = 200, body = Job), (status = 404, body = Problem)))]
async fn get_job(app: Caller, Path(text): Path<String>) -> Answer<Job> {
    let id: JobId = id("job", text)?;
    Ok(Json(app.operations.job(id).await?))
}

/// Cancels a job that is queued or running.
#[utoipa::path(post, path = "/api/benchmark/{id}/cancel", tag = "benchmark",
    params(("id" = uuid::Uuid, Path)),
    responses((status = 202, body = JobAccepted), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
async fn cancel_job(app: Caller, Path(text): Path<String>) -> Result<Response, Problem> {
    let id: JobId = id("job", text)?;
    Ok(accepted(app.operations.cancel_job(id).await?))
}

/// The change as a file for main.
#[utoipa::path(get, path = "/api/benchmark/{id}/patch.sql", tag = "benchmark",
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = String, content_type = "application/sql"),
        (status = 404, body = Problem)))]
async fn patch_sql(app: Caller, Path(text): Path<String>) -> Result<Response, Problem> {
    let id: JobId = id("job", text)?;
    let file = app.operations.patch_sql(id).await?;
    let disposition = format!("attachment; filename=\"{}\"", file.file_name);
    let headers = [
        (header::CONTENT_TYPE, "application/sql".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, file.sql).into_response())
}
