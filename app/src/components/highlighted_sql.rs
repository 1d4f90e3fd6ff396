//! SQL in colours, with a button that copies it.

use leptos::prelude::*;
use optischema::model::{SqlClass, SqlSpan};

fn span(span: &SqlSpan) -> impl IntoView + use<> {
    let class = match span.class {
        SqlClass::Plain => None,
        SqlClass::Keyword => Some("sql-keyword"),
        SqlClass::Literal => Some("sql-literal"),
        SqlClass::Parameter => Some("sql-parameter"),
        SqlClass::Comment => Some("sql-comment"),
    };
    view! { <span class=class>{span.text.clone()}</span> }
}

/// Copies a text; shown once the page is alive, since it does nothing before.
#[component]
pub(crate) fn CopyButton(#[prop(into)] text: String) -> impl IntoView {
    let (alive, set_alive) = signal(false);
    let (copied, set_copied) = signal(false);
    Effect::new(move |_| set_alive.set(true));
    let copy = move |_| {
        let clipboard = window().navigator().clipboard();
        // Whether the browser allowed it is its own business; it says so itself.
        drop(clipboard.write_text(&text));
        set_copied.set(true);
    };
    view! {
        <button type="button" class="button small" hidden=move || !alive.get() on:click=copy>
            {move || if copied.get() { "Copied" } else { "Copy" }}
        </button>
    }
}

/// A block of SQL.
#[component]
pub(crate) fn HighlightedSql(#[prop(into)] caption: String, spans: Vec<SqlSpan>) -> impl IntoView {
    let text: String = spans.iter().map(|span| span.text.as_str()).collect();
    let pieces: Vec<_> = spans.iter().map(span).collect();
    view! {
        <figure class="sql">
            <figcaption class="with-button">{caption} <CopyButton text/></figcaption>
            <pre tabindex="0"><code>{pieces}</code></pre>
        </figure>
    }
}
