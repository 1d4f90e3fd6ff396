//! SQL to be read and copied.

use leptos::prelude::*;

/// A block of SQL with a caption.
#[component]
pub(crate) fn SqlBlock(#[prop(into)] caption: String, #[prop(into)] sql: String) -> impl IntoView {
    view! {
        <figure class="sql">
            <figcaption>{caption}</figcaption>
            <pre tabindex="0"><code>{sql}</code></pre>
        </figure>
    }
}
