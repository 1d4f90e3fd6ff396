//! Recommendations that were ticked, to be measured together.

use leptos::prelude::*;
use leptos_meta::Title;
use optischema::model::Recommendation;

use crate::components::{ActionFailure, EmptyState, Failure, chosen_ids};
use crate::server_fns::{StartSet, load_chosen};

fn content(chosen: Vec<Recommendation>, ids: String) -> impl IntoView {
    let start = ServerAction::<StartSet>::new();
    let rows: Vec<_> = chosen
        .iter()
        .map(|one| view! { <li><a href=format!("/recommendations/{}", one.id)>{one.title.clone()}</a></li> })
        .collect();
    view! {
        <p>"They are made together on rows copied from main, and every tracked statement that touches their tables is measured without any and with all of them. Then each is left out in turn, to see what it carries."</p>
        <ul>{rows}</ul>
        <ActionForm action=start attr:class="inline">
            <input type="hidden" name="ids" value=ids/>
            <button class="button primary" disabled=move || start.pending().get()>"Benchmark the selected"</button>
        </ActionForm>
        <ActionFailure action=start/>
    }
}

/// The page.
#[component]
pub(crate) fn SetPage() -> impl IntoView {
    let ids = chosen_ids();
    let chosen = Resource::new(
        move || ids.get(),
        |ids| async move { if ids.is_empty() { Ok(Vec::new()) } else { load_chosen(ids).await } },
    );
    view! {
        <Title text="Benchmark together"/>
        <p class="crumbs"><a href="/recommendations">"Recommendations"</a></p>
        <h1>"Benchmark together"</h1>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match chosen.await {
                    Ok(chosen) if chosen.is_empty() => view! {
                        <EmptyState title="Nothing is chosen">
                            "Tick recommendations in the " <a href="/recommendations">"list"</a> "."
                        </EmptyState>
                    }.into_any(),
                    Ok(chosen) => content(chosen, ids.get_untracked()).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
