//! No such page.

use leptos::prelude::*;
use leptos_meta::Title;

/// Says so, with the way back. On the server it also sets the status.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    crate::server_fns::page_not_found();
    view! {
        <Title text="Not found"/>
        <h1>"There is no such page"</h1>
        <p>
            "Go to the " <a href="/dashboard">"dashboard"</a> " or to the "
            <a href="/recommendations">"recommendations"</a> "."
        </p>
    }
}
