//! The bar at the top.

use leptos::prelude::*;
use leptos_router::components::A;

/// Links to every page; the one that is shown has `aria-current`.
#[component]
pub(crate) fn NavBar() -> impl IntoView {
    view! {
        <header class="bar">
            <a class="brand" href="/dashboard">
                <img src="/favicon.svg" alt="" width="20" height="20"/>
                "OptiSchema"
            </a>
            <nav aria-label="Main">
                <A href="/dashboard">"Dashboard"</A>
                <A href="/recommendations">"Recommendations"</A>
                <A href="/queries">"Queries"</A>
                <A href="/what-if">"What if"</A>
                <A href="/compare">"Compare"</A>
                <A href="/jobs">"Jobs"</A>
                <A href="/changes">"Changes"</A>
                <A href="/connections">"Connections"</A>
            </nav>
            <form method="post" action="/logout" class="sign-out">
                <button class="button quiet-button">"Sign out"</button>
            </form>
        </header>
    }
}
