//! Lists as they were last answered. An answer holds until the next write to the store, which every change of a list
//! is: then it is made anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::store::{Store, Written};

/// Lists that depend on nothing but the store and their address.
const LISTS: &[&str] = &["/api/recommendations", "/api/benchmark"];
/// Answers that are kept.
const MOST: usize = 32;
/// A larger one is not kept.
const LARGEST: usize = 2 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(super) struct ListCache {
    store: Store,
    kept: Arc<Mutex<HashMap<String, Kept>>>,
}

#[derive(Debug, Clone)]
struct Kept {
    /// The writes that it was made after.
    written: Written,
    headers: HeaderMap,
    body: Bytes,
}

impl ListCache {
    pub(super) fn new(store: &Store) -> Self {
        Self { store: store.clone(), kept: Arc::default() }
    }

    fn find(&self, key: &str, written: Written) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|kept| kept.written == written).cloned()
    }

    fn keep(&self, key: String, answer: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, known| known.written == answer.written);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, answer);
    }
}

/// What tells one answer from another; absent for what is no list.
fn key_of(request: &Request) -> Option<String> {
    let is_list = request.method() == Method::GET && LISTS.contains(&request.uri().path());
    let encoding = request.headers().get(header::ACCEPT_ENCODING);
    let encoding = encoding.and_then(|value| value.to_str().ok()).unwrap_or_default();
    is_list.then(|| format!("{} {encoding}", request.uri()))
}

/// The middleware, behind the one that asks who calls.
pub(super) async fn kept(State(cache): State<ListCache>, request: Request, next: Next) -> Response {
    let Some(key) = key_of(&request) else { return next.run(request).await };
    // A store that cannot be read says so in the answer.
    let Ok(written) = cache.store.written().await else { return next.run(request).await };
    if let Some(kept) = cache.find(&key, written) {
        let mut response = Response::new(Body::from(kept.body));
        *response.headers_mut() = kept.headers;
        return response;
    }
    let (parts, body) = next.run(request).await.into_parts();
    if parts.status != StatusCode::OK {
        return Response::from_parts(parts, body);
    }
    // The answer is made in memory, so reading it cannot fail; were it cut off, the client would see it.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    if body.len() <= LARGEST {
        cache.keep(key, Kept { written, headers: parts.headers.clone(), body: body.clone() });
    }
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_holds_until_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
        let cache = ListCache::new(&store);
        let find = async |key: &str| cache.find(key, store.written().await.unwrap());
        let written = store.written().await.unwrap();
        let body = Bytes::from_static(b"[]");
        let answer = Kept { written, headers: HeaderMap::new(), body };
        cache.keep("a".to_owned(), answer.clone());
        assert!(find("a").await.is_some() && find("b").await.is_none());
        store.set_setting("x", "y").await.unwrap();
        assert!(find("a").await.is_none());
        // What was read before a write and is kept after it is old from the beginning.
        cache.keep("a".to_owned(), answer.clone());
        assert!(find("a").await.is_none());
        // Another process writes too.
        let written = store.written().await.unwrap();
        cache.keep("a".to_owned(), Kept { written, ..answer });
        assert!(find("a").await.is_some());
        let other = Store::open(&folder.path().join("optischema.db")).await.unwrap();
        other.set_setting("x", "z").await.unwrap();
        assert!(find("a").await.is_none());
    }

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
