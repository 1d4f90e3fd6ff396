//! REST. Each handler extracts, makes one call on `Operations`, and maps the result.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use optischema::model::{
    AddedQueries, AnalyzeReport, CollectionReport, CompareRequest, Health, Job, JobAccepted, JobId,
    JobPage, JobQuery, QueryDetail, QueryHash, QueryPage, QueryQuery, RangeQuery, Recommendation,
    RecommendationId, RecommendationPage, RecommendationQuery, SetRequest,
};
use optischema::next_steps::RecommendationDetail;
use optischema::operations::OperationError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::caller::Caller;
use super::problem::Problem;
use super::{advice, changes, handover, trail};

pub(super) type Answer<T> = Result<Json<T>, Problem>;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "OptiSchema",
        description = "Proves a PostgreSQL change before anyone makes it. Every call needs the token as `Authorization: Bearer …`, or the session's cookie.",
    ),
    modifiers(&BearerScheme),
    security(("token" = [])),
)]
struct Document;

struct BearerScheme;

impl utoipa::Modify for BearerScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The REST calls, and the document that describes them.
pub(super) fn router() -> (axum::Router<AppState>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(list_recommendations))
        .routes(routes!(get_recommendation))
        .routes(routes!(dismiss))
        .routes(routes!(restore))
        .routes(routes!(advice::list_rejected))
        .routes(routes!(advice::what_if))
        .routes(routes!(advice::get_rule))
        .routes(routes!(list_jobs, compare))
        // One path: a POST names a recommendation, a GET names a job.
        .routes(routes!(start_set_benchmark))
        .routes(routes!(get_job, start_benchmark))
        .routes(routes!(cancel_job))
        .routes(routes!(patch_sql))
        .routes(routes!(report))
        .routes(routes!(changes::start_apply))
        .routes(routes!(changes::apply_plan))
        .routes(routes!(changes::start_rollback))
        .routes(routes!(changes::roll_back_together))
        .routes(routes!(changes::list_changes))
        .routes(routes!(changes::apply_status))
        .routes(routes!(changes::cleanup))
        .routes(routes!(changes::functions_choice, changes::choose_functions))
        .routes(routes!(trail::list_audit))
        .routes(routes!(trail::export_audit))
        .routes(routes!(trail::verify_audit))
        .routes(routes!(handover::hand_over))
        .routes(routes!(handover::hand_over_file))
        .routes(routes!(handover::hand_over_all))
        .routes(routes!(trail::restore_store))
        .routes(routes!(list_queries, add_queries))
        .routes(routes!(collect))
        .routes(routes!(get_query, remove_query))
        .routes(routes!(analyze))
        .routes(routes!(health))
        .split_for_parts();
    super::openapi::complete(&mut document);
    (router, document)
}

/// The OpenAPI 3.1 document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    router().1
}

/// A malformed id is the id of nothing.
pub(super) fn id<T: std::str::FromStr>(what: &'static str, text: String) -> Result<T, Problem> {
    text.parse().map_err(|_| OperationError::NotFound { what, id: text }.into())
}

pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|rejection| {
        let invalid =
            OperationError::Invalid { field: "query".into(), message: rejection.body_text() };
        invalid.into()
    })
}

/// A body may be left out where every field of it is optional.
pub(super) fn body<T: DeserializeOwned + Default>(bytes: &Bytes) -> Result<T, Problem> {
    let invalid = |message: String| -> Problem {
        OperationError::Invalid { field: "body".into(), message }.into()
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
    match value {
        serde_json::Value::Null => Ok(T::default()),
        // serde would also read a sequence as a struct.
        object @ serde_json::Value::Object(_) => {
            serde_json::from_value(object).map_err(|error| invalid(error.to_string()))
        }
        _ => Err(invalid("must be an object".into())),
    }
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct DismissRequest {
    /// Why it is not wanted.
    reason: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct AddQueriesRequest {
    /// The statements, or the log.
    #[schema(required, min_length = 1)]
    text: String,
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

/// The workload: statements with their figures in a time range.
#[utoipa::path(get, path = "/api/queries", tag = "workload", params(QueryQuery),
    responses((status = 200, body = QueryPage), (status = 422, body = Problem)))]
async fn list_queries(
    app: Caller,
    filter: Result<Query<QueryQuery>, QueryRejection>,
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

/// Readiness per target.
#[utoipa::path(get, path = "/api/health", tag = "health",
    responses((status = 200, body = Health)))]
async fn health(app: Caller) -> Answer<Health> {
    Ok(Json(app.operations.health().await?))
}

/// 202 with the place where the job can be watched.
pub(super) fn accepted(job: JobAccepted) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(&job)).into_response();
    // A UUID is always a legal header value.
    if let Ok(location) = HeaderValue::from_str(&format!("/api/benchmark/{}", job.job_id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
