//! What a server function finds on the server.

use std::sync::Arc;

use leptos::prelude::*;
use optischema::operations::{OperationError, Operations};

/// Marks a request whose secret was checked; the server's middleware sets it.
#[derive(Debug, Clone, Copy)]
pub struct Authorised;

/// The product, for an authorised request.
pub(super) fn operations() -> Result<Arc<dyn Operations>, ServerFnError> {
    let parts = use_context::<http::request::Parts>()
        .ok_or_else(|| ServerFnError::new("this is not a request"))?;
    if parts.extensions.get::<Authorised>().is_none() {
        return Err(ServerFnError::new("not signed in"));
    }
    use_context().ok_or_else(|| ServerFnError::new("the server is not ready"))
}

/// An operation's error as the page shows it. A missing thing also sets the page's status.
pub(super) fn failed(error: OperationError) -> ServerFnError {
    if let (OperationError::NotFound { .. }, Some(response)) =
        (&error, use_context::<leptos_axum::ResponseOptions>())
    {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    ServerFnError::new(error.to_string())
}

/// An id of a form or a URL.
pub(super) fn parse_id<T: std::str::FromStr>(
    what: &'static str,
    text: String,
) -> Result<T, ServerFnError> {
    text.parse().map_err(|_| failed(OperationError::NotFound { what, id: text }))
}
