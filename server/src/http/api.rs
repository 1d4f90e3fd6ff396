//! The REST calls together, and the document that describes them.
//!
//! Each resource is a file with its routes, its handlers and their descriptions. A handler extracts, makes one call on
//! `Operations`, and maps the result.

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::{
    AppState, advice, benchmarks, changes, handover, health, recommendations, trail, workload,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "OptiSchema",
        description = "Proves a PostgreSQL change before anyone makes it. Every call needs the token as `Authorization: Bearer …`, or the session's cookie.",
    ),
    modifiers(&BearerScheme),
    security(("token" = [])),
)]
struct Document;

struct BearerScheme;

impl utoipa::Modify for BearerScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The REST calls, and the document that describes them.
pub(super) fn router() -> (axum::Router<AppState>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(recommendations::routes())
        .merge(advice::routes())
        .merge(benchmarks::routes())
        .merge(changes::routes())
        .merge(trail::routes())
        .merge(handover::routes())
        .merge(workload::routes())
        .merge(health::routes())
        .split_for_parts();
    super::openapi::complete(&mut document);
    (router, document)
}

/// The OpenAPI 3.1 document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    router().1
}
