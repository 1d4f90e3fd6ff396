//! REST on what is handed over for production.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use optischema::model::Handover;
use optischema::operations::{HandoverQuery, OperationError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::caller::Caller;
use super::extract::{Answer, query};
use super::problem::Problem;
use crate::handover::archive;

/// The calls of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(hand_over))
        .routes(routes!(hand_over_file))
        .routes(routes!(hand_over_all))
}

/// Recommendations as files for production, in a safe order. Nothing is run.
#[utoipa::path(get, path = "/api/handover", tag = "handover", params(HandoverQuery),
    responses((status = 200, body = Handover), (status = 404, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn hand_over(
    app: Caller,
    asked: Result<Query<HandoverQuery>, QueryRejection>,
) -> Answer<Handover> {
    Ok(Json(app.operations.hand_over(query(asked)?.parse()?).await?))
}

/// One of those files, as a download.
#[utoipa::path(get, path = "/api/handover/{file}", tag = "handover",
    params(("file" = String, Path), HandoverQuery),
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn hand_over_file(
    app: Caller,
    Path(name): Path<String>,
    asked: Result<Query<HandoverQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let handover = app.operations.hand_over(query(asked)?.parse_for_file()?).await?;
    let Some(file) = handover.file(&name) else {
        return Err(OperationError::NotFound { what: "file", id: name }.into());
    };
    Ok(download("text/plain; charset=utf-8", &file.name.replace('/', "_"), file.text.into()))
}

/// All of those files, as one archive.
#[utoipa::path(get, path = "/api/handover.zip", tag = "handover", params(HandoverQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/zip"),
        (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn hand_over_all(
    app: Caller,
    asked: Result<Query<HandoverQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let handover = app.operations.hand_over(query(asked)?.parse()?).await?;
    let archive = archive(&handover.files).map_err(|error| {
        let reference = crate::clock::new_id().simple().to_string();
        tracing::error!(%reference, "the archive: {error}");
        OperationError::Internal { reference }
    })?;
    Ok(download("application/zip", &format!("optischema-{}.zip", handover.format), archive))
}

/// A body to be saved under a name of ours, which is made of nothing but letters, digits, `_`, `-` and `.`.
fn download(content_type: &str, name: &str, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, body).into_response()
}
