//! Lists as they were last answered. An answer holds until the next write to the store, which every change of a list
//! is: then it is made anew.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::store::{Kept, Known};

/// Lists that depend on nothing but the store and their address.
const LISTS: &[&str] = &["/api/recommendations", "/api/benchmark"];
/// A larger one is not kept.
const LARGEST: usize = 1024 * 1024;

#[derive(Debug, Clone)]
pub(super) struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

/// What tells one answer from another; absent for what is no list.
fn key_of(request: &Request) -> Option<String> {
    let is_list = request.method() == Method::GET && LISTS.contains(&request.uri().path());
    let encoding = request.headers().get(header::ACCEPT_ENCODING);
    let encoding = encoding.and_then(|value| value.to_str().ok()).unwrap_or_default();
    is_list.then(|| format!("{} {encoding}", request.uri()))
}

/// The middleware, behind the one that asks who calls.
pub(super) async fn kept(
    State(answers): State<Kept<Answer>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(key) = key_of(&request) else { return next.run(request).await };
    let written = match answers.look(&key).await {
        Ok(Known::Answer(answer)) => {
            let mut response = Response::new(Body::from(answer.body));
            *response.headers_mut() = answer.headers;
            return response;
        }
        Ok(Known::Nothing(written)) => written,
        // A store that cannot be read says so in the answer.
        Err(_) => return next.run(request).await,
    };
    let (parts, body) = next.run(request).await.into_parts();
    if parts.status != StatusCode::OK {
        return Response::from_parts(parts, body);
    }
    // The answer is made in memory, so reading it cannot fail; were it cut off, the client would see it.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    if body.len() <= LARGEST {
        answers.keep(key, written, Answer { headers: parts.headers.clone(), body: body.clone() });
    }
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_are_kept() {
        let of = |method: &str, uri: &str| {
            key_of(&Request::builder().method(method).uri(uri).body(Body::empty()).unwrap())
        };
        assert_ne!(of("GET", "/api/benchmark?limit=50"), of("GET", "/api/benchmark?limit=51"));
        for (method, uri) in [("POST", "/api/benchmark"), ("GET", "/api/health"), ("GET", "/jobs")]
        {
            assert_eq!(of(method, uri), None);
        }
    }
}
