//! A request's body comes in time, or the request is given up.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// The whole body must be there by then.
const BODY_WITHIN: Duration = Duration::from_secs(9);
/// Bodies of this size are read: texts of statements, and nothing larger.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// Reads the body before anything is done for the request: a client that stops sending holds nothing.
pub(super) async fn read_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // Without a length and without chunks there is no body; a WebSocket's request has none either.
    let has_body = parts.headers.contains_key("content-length")
        || parts.headers.contains_key("transfer-encoding");
    if !has_body {
        return next.run(Request::from_parts(parts, body)).await;
    }
    match tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "The body cannot be read",
            "the body is larger than 8 MiB, or was cut off",
        )
        .into_response(),
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            "The body did not come",
            "the body was not sent within 9 seconds",
        )
        .into_response(),
    }
}
