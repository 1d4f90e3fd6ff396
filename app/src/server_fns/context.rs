//! What a server function finds on the server.

use std::sync::Arc;

use leptos::prelude::*;
use optischema::operations::{Actor, OperationError, Operations};

/// Marks a request whose secret was checked, with the name of its token; the server's middleware sets it.
#[derive(Debug, Clone)]
pub struct Authorised(pub Actor);

/// The product, acting for who sent an authorised request.
pub(super) fn operations() -> Result<Arc<dyn Operations>, ServerFnError> {
    let parts = use_context::<http::request::Parts>()
        .ok_or_else(|| ServerFnError::new("this is not a request"))?;
    let Some(Authorised(actor)) = parts.extensions.get::<Authorised>().cloned() else {
        return Err(ServerFnError::new("not signed in"));
    };
    let operations: Arc<dyn Operations> =
        use_context().ok_or_else(|| ServerFnError::new("the server is not ready"))?;
    Ok(operations.acting_as(actor))
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

/// Ids that are joined by commas.
pub(super) fn parse_ids<T: std::str::FromStr>(
    what: &'static str,
    text: &str,
) -> Result<Vec<T>, ServerFnError> {
    let named = text.split(',').map(str::trim).filter(|id| !id.is_empty());
    named.map(|id| parse_id(what, id.to_owned())).collect()
}

/// An id of a form or a URL.
pub(super) fn parse_id<T: std::str::FromStr>(
    what: &'static str,
    text: String,
) -> Result<T, ServerFnError> {
    text.parse().map_err(|_| failed(OperationError::NotFound { what, id: text }))
}
