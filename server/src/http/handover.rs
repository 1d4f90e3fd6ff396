//! REST on what is handed over for production.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use optischema::model::{Handover, MigrationFormat, RecommendationId, UnknownText};
use optischema::operations::OperationError;
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::{Answer, id, query};
use super::caller::Caller;
use super::problem::Problem;

/// What is handed over, and how.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct HandoverQuery {
    /// Ids of recommendations, joined by commas.
    ids: String,
    /// `sql`, `sqlx`, `flyway`, `rails`, `django` or `alembic`; `sql` where absent.
    format: Option<String>,
}

impl HandoverQuery {
    fn parse(self) -> Result<(Vec<RecommendationId>, MigrationFormat), Problem> {
        let texts = self.ids.split(',').map(str::trim).filter(|text| !text.is_empty());
        let ids = texts.map(|text| id("recommendation", text.to_owned()));
        let format = self.format.filter(|text| !text.is_empty());
        let format = format.unwrap_or_else(|| MigrationFormat::Sql.to_string());
        let format = format.parse().map_err(|error: UnknownText| OperationError::Invalid {
            field: "format".into(),
            message: error.to_string(),
        })?;
        Ok((ids.collect::<Result<_, _>>()?, format))
    }
}

/// Recommendations as files for production, in a safe order. Nothing is run.
#[utoipa::path(get, path = "/api/handover", tag = "handover", params(HandoverQuery),
    responses((status = 200, body = Handover), (status = 404, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn hand_over(
    app: Caller,
    asked: Result<Query<HandoverQuery>, QueryRejection>,
) -> Answer<Handover> {
    let (ids, format) = query(asked)?.parse()?;
    Ok(Json(app.operations.hand_over(ids, format).await?))
}

/// One of those files, as a download. Names begin with the time at which they are written, so that what follows it says
/// which one is meant.
#[utoipa::path(get, path = "/api/handover/{file}", tag = "handover",
    params(("file" = String, Path), HandoverQuery),
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn hand_over_file(
    app: Caller,
    Path(name): Path<String>,
    asked: Result<Query<HandoverQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let (ids, format) = query(asked)?.parse()?;
    let handover = app.operations.hand_over(ids, format).await?;
    let wanted = position(&name);
    let file = handover.files.into_iter().find(|file| position(&file.name) == wanted);
    let Some(file) = file else {
        return Err(OperationError::NotFound { what: "file", id: name }.into());
    };
    // The name that was asked for, which is made of nothing but letters, digits, `_` and `.`.
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.name)),
    ];
    Ok((headers, file.text).into_response())
}

/// A file's name without the digits of its time.
fn position(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_digit()).collect()
}
