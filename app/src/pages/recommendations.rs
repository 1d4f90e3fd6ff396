//! The list of recommendations. Filters, order and place are in the URL.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use optischema::figures;
use optischema::model::{RecommendationPage, RecommendationQuery};

use crate::components::{EmptyState, Failure, FilterBar, RecommendationRow, list_url};
use crate::server_fns::load_recommendations;

/// The heads of the list's columns.
#[component]
pub(crate) fn ListHead() -> impl IntoView {
    view! {
        <thead>
            <tr>
                <th scope="col">"Recommendation"</th>
                <th scope="col">"Status"</th>
                <th scope="col" class="wide-only">"Type"</th>
                <th scope="col" class="number">"Planned saving"</th>
                <th scope="col">"Measured"</th>
                <th scope="col" class="wide-only">"Risk"</th>
            </tr>
        </thead>
    }
}

fn content(
    page: RecommendationPage,
    query: RecommendationQuery,
    status: Signal<Option<String>>,
) -> impl IntoView {
    let none = page.items.is_empty();
    let filtered = list_url(&query) != list_url(&RecommendationQuery::default());
    let rows: Vec<_> = page
        .items
        .into_iter()
        .map(|recommendation| view! { <RecommendationRow recommendation choosable=true/> })
        .collect();
    let least = figures::percent(page.folded_below.unwrap_or_default());
    let all = list_url(&RecommendationQuery {
        small: Some("true".to_owned()),
        cursor: None,
        ..query.clone()
    });
    let next = page.next_cursor.map(|cursor| {
        let url = list_url(&RecommendationQuery { cursor: Some(cursor), ..query.clone() });
        view! { <a class="button" href=url rel="next">"Next page"</a> }
    });
    view! {
        <FilterBar query counts=page.counts status/>
        {match (none, filtered) {
            (true, _) if page.folded > 0 => view! {
                <EmptyState title=format!("Nothing is planned to save {least} of the workload or more")>
                    "What would save less is folded away."
                </EmptyState>
            }.into_any(),
            (true, true) => view! {
                <EmptyState title="Nothing fits these filters">
                    <a href="/recommendations">"Show all recommendations"</a>
                </EmptyState>
            }.into_any(),
            (true, false) => view! {
                <EmptyState title="Nothing is recommended yet">
                    "Read the workload of main on the " <a href="/dashboard">"dashboard"</a> "."
                </EmptyState>
            }.into_any(),
            (false, _) => view! {
                <form method="get" action="/handover">
                    <div class="scroll" tabindex="0"><table class="list"><ListHead/><tbody>{rows}</tbody></table></div>
                    <div class="actions">
                        <button class="button" formaction="/sets/new">"Benchmark the selected"</button>
                        <button class="button">"Export selected for production"</button>
                    </div>
                </form>
            }.into_any(),
        }}
        {next}
        {(page.folded > 0).then(|| view! {
            <p>
                <a href=all>{format!("{} more", figures::grouped(page.folded as f64))}</a>
                {format!(", planned to save less than {least} of the workload each")}
            </p>
        })}
        <p class="quiet"><a href="/rejected">"Candidates that were looked at and rejected"</a>", each with its reason."</p>
    }
}

/// The page.
#[component]
pub(crate) fn RecommendationsPage() -> impl IntoView {
    let map = use_query_map();
    let query = Memo::new(move |_| {
        map.with(|map| RecommendationQuery {
            status: map.get("status"),
            recommendation_type: map.get("type"),
            table: map.get("table"),
            q: map.get("q"),
            sort: map.get("sort"),
            limit: map.get("limit"),
            cursor: map.get("cursor"),
            small: map.get("small"),
        })
    });
    let page = Resource::new(move || query.get(), load_recommendations);
    let status = Signal::derive(move || query.get().status);
    view! {
        <Title text="Recommendations"/>
        <h1>"Recommendations"</h1>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => content(page, query.get_untracked(), status).into_any(),
                    Err(error) => view! {
                        <Failure error/>
                        <p><a href="/recommendations">"Show all recommendations"</a></p>
                    }.into_any(),
                }
            })}
        </Transition>
    }
}
