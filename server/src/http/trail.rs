//! REST on the audit trail and the store.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use optischema::model::{
    AuditEntry, AuditPage, AuditQuery, AuditVerification, ExportFormat, RestoreReport, UnknownText,
};
use optischema::operations::OperationError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::caller::Caller;
use super::extract::{Answer, body, query};
use super::problem::Problem;

/// The calls of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_audit))
        .routes(routes!(export_audit))
        .routes(routes!(verify_audit))
        .routes(routes!(restore_store))
}

/// How the trail is exported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// `csv` or `json`; `json` where absent.
    #[param(value_type = Option<ExportFormat>)]
    format: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RestoreRequest {
    /// The name of a backup that `optischema restore` put into the data folder.
    #[schema(required, min_length = 1)]
    file: String,
}

/// The audit trail, newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = AuditPage), (status = 422, body = Problem)))]
async fn list_audit(
    app: Caller,
    filter: Result<Query<AuditQuery>, QueryRejection>,
) -> Answer<AuditPage> {
    Ok(Json(app.operations.audit_trail(query(filter)?.parse()?).await?))
}

/// The whole trail as a file.
#[utoipa::path(get, path = "/api/audit/export", tag = "audit", params(ExportQuery),
    responses((status = 200, content((String = "text/csv"), (Vec<AuditEntry> = "application/json"))),
        (status = 422, body = Problem)))]
async fn export_audit(
    app: Caller,
    format: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let text = query(format)?.format.unwrap_or_else(|| "json".to_owned());
    let format: ExportFormat = text.parse().map_err(|error: UnknownText| {
        OperationError::Invalid { field: "format".into(), message: error.to_string() }
    })?;
    let file = app.operations.export_audit(format).await?;
    let disposition = format!("attachment; filename=\"{}\"", file.file_name);
    let headers = [
        (header::CONTENT_TYPE, file.content_type.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, file.text).into_response())
}

/// Walks the trail's chain of hashes.
#[utoipa::path(get, path = "/api/audit/verify", tag = "audit",
    responses((status = 200, body = AuditVerification)))]
async fn verify_audit(app: Caller) -> Answer<AuditVerification> {
    Ok(Json(app.operations.verify_audit().await?))
}

/// Puts a backup in the store's place; what `optischema restore` calls while a server runs.
#[utoipa::path(post, path = "/api/store/restore", tag = "store", request_body = RestoreRequest,
    responses((status = 200, body = RestoreReport), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn restore_store(app: Caller, bytes: Bytes) -> Answer<RestoreReport> {
    let request: RestoreRequest = body(&bytes)?;
    Ok(Json(app.operations.restore_store(request.file).await?))
}
