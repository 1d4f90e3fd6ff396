//! Leptos: rendered pages, server functions and the browser's files.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get};
use leptos::config::LeptosOptions;
use leptos::prelude::{expect_context, provide_context};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list};
use optischema::operations::Operations;
use optischema_app::{App, shell};
use tower_http::services::ServeDir;

use super::AppState;

fn options(site_root: &std::path::Path) -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("optischema")
        .site_root(site_root.to_string_lossy().into_owned())
        .site_pkg_dir("pkg")
        .build()
}

/// What pages and server functions find in their context.
fn provide_operations(operations: &Arc<dyn Operations>) {
    provide_context(operations.clone());
}

/// The policy of a page: scripts of this page and of this instance only, no inline styles.
fn content_security_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
    )
}

fn secure_page() {
    let Some(nonce) = leptos::nonce::use_nonce() else { return };
    // A nonce is Base64, which is always a legal header value.
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy(&nonce)) {
        expect_context::<ResponseOptions>().insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

pub(super) fn router(state: &AppState, site_root: PathBuf) -> Router {
    let options = options(&site_root);
    let routes = generate_route_list(App);
    let for_functions = state.operations.clone();
    let for_pages = {
        let operations = state.operations.clone();
        move || {
            provide_operations(&operations);
            secure_page();
        }
    };
    let server_function = move |request: Request| {
        let operations = for_functions.clone();
        async move {
            leptos_axum::handle_server_fns_with_context(
                move || provide_operations(&operations),
                request,
            )
            .await
        }
    };
    let page = {
        let options = options.clone();
        move || shell(options.clone())
    };
    let not_found = leptos_axum::render_app_async_with_context(for_pages.clone(), page.clone());
    Router::new()
        .route("/", get(|| async { Redirect::to("/dashboard") }))
        .route("/rpc/{*function}", any(server_function))
        .leptos_routes_with_context(&options, routes, for_pages, page)
        .nest_service("/pkg", ServeDir::new(site_root.join("pkg")))
        .route_service(
            "/favicon.svg",
            tower_http::services::ServeFile::new(site_root.join("favicon.svg")),
        )
        .fallback(move |request: Request| {
            let not_found = not_found.clone();
            async move { not_found(request).await.into_response() }
        })
        .with_state(options)
}
