//! Whether the targets can be used.

use axum::Json;
use optischema::model::Health;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::caller::Caller;
use super::extract::Answer;

/// The calls of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(health))
}

/// Readiness per target.
#[utoipa::path(get, path = "/api/health", tag = "health",
    responses((status = 200, body = Health)))]
async fn health(app: Caller) -> Answer<Health> {
    Ok(Json(app.operations.health().await?))
}
