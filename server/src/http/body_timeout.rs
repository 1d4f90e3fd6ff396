//! A request's body comes in time, or the request is given up; all bodies together have a limit.

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::problem::Problem;

/// The whole body must be there by then.
const BODY_WITHIN: Duration = Duration::from_secs(9);
/// Bodies of this size are read: texts of statements, and nothing larger.
const LARGEST_BODY: usize = 8 * 1024 * 1024;
/// A token that is typed in, and nothing larger: whoever sends it is not known yet.
const LARGEST_OF_STRANGERS: usize = 4096;
/// Kibibytes that all bodies take together.
const ALL_BODIES: u32 = 64 * 1024;

static ROOM: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(ALL_BODIES as usize));

/// Reads the body before anything is done for the request: a client that stops sending holds nothing.
pub(super) async fn read_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // Without a length and without chunks there is no body; a WebSocket's request has none either.
    let has_body = parts.headers.contains_key("content-length")
        || parts.headers.contains_key("transfer-encoding");
    if !has_body {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let is_known = parts.extensions.get::<optischema_app::server_fns::Authorised>().is_some();
    let largest = if is_known { LARGEST_BODY } else { LARGEST_OF_STRANGERS };
    let length = parts.headers.get("content-length").and_then(|text| text.to_str().ok());
    // Without a length it may be of any.
    let length = length.and_then(|text| text.parse::<usize>().ok()).unwrap_or(largest);
    let kibibytes = u32::try_from(length.min(largest).div_ceil(1024)).unwrap_or(ALL_BODIES);
    // Held until the answer is made. What strangers send is small, and waits for nobody.
    let room = async { if is_known { ROOM.acquire_many(kibibytes).await.ok() } else { None } };
    let Ok(_held) = tokio::time::timeout(BODY_WITHIN, room).await else {
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_bodies",
            "Too many large requests",
            "other requests' bodies take all the room there is: try again in a moment",
        )
        .into_response();
    };
    match tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(body, largest)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "The body cannot be read",
            "the body is larger than 8 MiB (4 KiB before signing in), or was cut off",
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
