//! What the last analysis looked at and did not recommend, each with its reason.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use optischema::figures;
use optischema::model::{RejectedCandidate, RejectedPage};

use crate::components::{EmptyState, Failure, Provenance, url_with};
use crate::server_fns::load_rejected;

fn row(rejected: RejectedCandidate) -> impl IntoView {
    let link = url_with("/what-if", &[("index", &Some(rejected.definition.clone()))]);
    let is_index = rejected.definition.starts_with("CREATE INDEX");
    view! {
        <tr>
            <td><code class="statement">{rejected.definition}</code></td>
            <td>{rejected.reason}</td>
            <td class="number">{rejected.alone_percent.map(figures::percent)}</td>
            <td class="number">{rejected.estimated_bytes.map(figures::bytes)}</td>
            <td>{is_index.then(|| view! { <a href=link>"Try it"</a> })}</td>
        </tr>
    }
}

fn content(page: RejectedPage, search: String) -> impl IntoView {
    let shown = page.items.len();
    let total = page.total;
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    if shown == 0 {
        return view! {
            <EmptyState title="Nothing was rejected">
                {if search.is_empty() {
                    "Read the workload of main on the dashboard: what is looked at and left is listed here."
                } else {
                    "Nothing fits this search."
                }}
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <p class="quiet">{format!("{shown} of {total}, those first that would save most alone.")}</p>
        <div class="scroll" tabindex="0">
            <table class="rejected">
                <thead>
                    <tr>
                        <th scope="col">"Candidate"</th>
                        <th scope="col">"Why not"</th>
                        <th scope="col" class="number">"Saves alone " <Provenance text="planned"/></th>
                        <th scope="col" class="number">"Size " <Provenance text="rule"/></th>
                        <th scope="col"><span class="hidden-visually">"What if"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// The page.
#[component]
pub(crate) fn RejectedPage() -> impl IntoView {
    let map = use_query_map();
    let search = Memo::new(move |_| map.with(|map| map.get("q").unwrap_or_default()));
    let page = Resource::new(move || search.get(), |q| load_rejected(Some(q)));
    view! {
        <Title text="Rejected candidates"/>
        <p class="crumbs"><a href="/recommendations">"Recommendations"</a></p>
        <h1>"Rejected candidates"</h1>
        <form method="get" action="/rejected" class="filters" role="search">
            <label>"Search " <input type="search" name="q" prop:value=search value=search.get_untracked()/></label>
            <button class="button">"Search"</button>
        </form>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => content(page, search.get_untracked()).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
