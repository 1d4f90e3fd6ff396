//! The web: pages, server functions and REST, all adapters over `Operations`, behind one set of locks.

mod access;
mod advice;
mod api;
mod attempts;
mod benchmarks;
mod body_timeout;
mod caller;
mod changes;
mod extract;
mod handover;
mod health;
mod list_cache;
mod login;
mod openapi;
mod pages;
mod problem;
mod recommendations;
mod serving;
mod sessions;
mod socket;
mod trail;
mod workload;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use optischema::operations::Operations;
use tower_http::compression::CompressionLayer;

use crate::store::Store;

pub use access::{Access, AccessError};
pub use api::openapi;
pub use serving::serve;

/// What every handler can reach.
#[derive(Clone)]
pub struct AppState {
    pub operations: Arc<dyn Operations>,
    pub access: Access,
    /// What happens, for who follows.
    pub store: Store,
}

/// The whole web app. `site_root` holds the browser's files.
pub fn router(state: AppState, site_root: PathBuf) -> Router {
    let (api, document) = api::router();
    let document = Arc::new(document);
    let open_api = get(move || {
        let document = document.clone();
        async move { axum::Json(document.as_ref().clone()) }
    });
    let rest = Router::new()
        .merge(api)
        .route("/api/openapi.json", open_api)
        .route("/ws", get(socket::follow))
        .route("/api/{*rest}", axum::routing::any(problem::no_such_call))
        .method_not_allowed_fallback(problem::wrong_method)
        .with_state(state.clone());
    Router::new()
        .merge(rest)
        .merge(login::router(state.access.clone()))
        .merge(pages::router(&state, site_root))
        // What is read below has a limit of its own: axum's for JSON (2 MB) would stand before it.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(body_timeout::read_body))
        .layer(from_fn(problem::as_problem))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(crate::store::Kept::new(&state.store), list_cache::kept))
        .layer(from_fn_with_state(state.access, access::guard))
}
