//! Who calls: the product, acting for the holder of the token that the request carried.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use optischema::operations::Operations;
use optischema_app::server_fns::Authorised;

use super::AppState;
use super::problem::Problem;

/// What a REST handler calls.
pub(super) struct Caller {
    pub operations: Arc<dyn Operations>,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        // The guard in front lets nobody through without it.
        let Some(Authorised(actor)) = parts.extensions.get::<Authorised>().cloned() else {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "Not signed in",
                "send the token as `Authorization: Bearer …`, or sign in at /login",
            ));
        };
        Ok(Self { operations: app.operations.acting_as(actor) })
    }
}
