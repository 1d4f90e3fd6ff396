//! What went wrong, in one sentence.

use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The server's own sentence, without the words that the transport puts around it.
fn said(error: &ServerFnError) -> String {
    match error {
        ServerFnError::ServerError(text) => text.clone(),
        ServerFnError::Request(_) => "The server does not answer. Is it still running?".to_owned(),
        other => other.to_string(),
    }
}

/// A page or part that could not be loaded.
#[component]
pub(crate) fn Failure(error: ServerFnError) -> impl IntoView {
    view! {
        <div class="notice notice-bad" role="alert">
            <strong>"This could not be loaded. "</strong>
            {said(&error)}
        </div>
    }
}

/// The failure of an action, where it failed.
#[component]
pub(crate) fn ActionFailure<S>(action: ServerAction<S>) -> impl IntoView
where
    S: ServerFn<Error = ServerFnError> + Clone + Send + Sync + 'static,
    S::Output: Clone + Send + Sync + 'static,
{
    let value = action.value();
    move || {
        value.get().and_then(Result::err).map(|error| {
            view! { <p class="notice notice-bad" role="alert">{said(&error)}</p> }
        })
    }
}
