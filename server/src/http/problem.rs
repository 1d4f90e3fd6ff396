//! Errors as `application/problem+json` (RFC 9457), each with a stable `code`. This is the one place that
//! maps them; what lies behind an internal error is in the log, and is never sent.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use optischema::model::InvalidField;
use optischema::operations::OperationError;
use serde::Serialize;
use utoipa::ToSchema;

/// What a failed call answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says which problem it is.
    #[serde(rename = "type")]
    pub problem_type: &'static str,
    pub title: &'static str,
    pub status: u16,
    /// One sentence for a person.
    pub detail: String,
    /// Stable, for programs.
    pub code: &'static str,
    /// Of `illegal_transition`: which rule of the present state forbids it. Stable, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            problem_type: "about:blank",
            title,
            status: status.as_u16(),
            detail: detail.into(),
            code,
            reason: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A problem of texts and a number always has a JSON form.
        let body = serde_json::to_string(&self).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

impl From<OperationError> for Problem {
    fn from(error: OperationError) -> Self {
        let (status, title) = match &error {
            OperationError::NotFound { .. } => (StatusCode::NOT_FOUND, "Not found"),
            OperationError::Conflict(_) => (StatusCode::CONFLICT, "Not possible in this state"),
            OperationError::Invalid { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "A field cannot be read")
            }
            OperationError::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "A database cannot be used")
            }
            OperationError::Internal { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong")
            }
        };
        let problem = Self::new(status, error.code(), title, error.to_string());
        match error {
            OperationError::Conflict(refusal) => Self { reason: Some(refusal.code()), ..problem },
            _ => problem,
        }
    }
}

impl From<InvalidField> for Problem {
    fn from(error: InvalidField) -> Self {
        OperationError::from(error).into()
    }
}

/// A call that does not know the method.
pub(super) async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "Wrong method",
        "this call does not take that method: /api/openapi.json lists those that it takes",
    )
}

/// A path below `/api` that is none of the calls.
pub(super) async fn no_such_call() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_call",
        "Not found",
        "there is no such call: /api/openapi.json lists those that exist",
    )
}

/// What was refused before it came to a call (a body that is too large, an address that is no text) as a problem, too.
pub(super) async fn as_problem(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let of_api = path.starts_with("/api") || path == "/ws";
    let response = next.run(request).await;
    let status = response.status();
    let is_plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/plain")));
    if !of_api || !is_plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, title, detail) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("too_large", "Too large", "the body is larger than this call takes")
        }
        StatusCode::BAD_REQUEST => {
            ("bad_request", "Cannot be read", "the request is not one that can be read")
        }
        _ => ("refused", "Refused", "the request was refused"),
    };
    Problem::new(status, code, title, detail).into_response()
}
