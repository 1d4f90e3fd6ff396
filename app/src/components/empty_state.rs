//! Nothing to show, and what to do about it.

use leptos::prelude::*;

/// A title, and the sentence that says what to do.
#[component]
pub(crate) fn EmptyState(#[prop(into)] title: String, children: Children) -> impl IntoView {
    view! {
        <div class="empty">
            <h2>{title}</h2>
            <p>{children()}</p>
        </div>
    }
}
