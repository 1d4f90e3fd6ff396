//! The filters of the workload's list. They live in the URL.

use leptos::prelude::*;
use leptos_router::components::Form;
use optischema::model::{QueryPage, QueryRange, QuerySort, WorkloadQuery};

use super::filter_bar::url_with;

/// The list's URL with other parameters.
pub(crate) fn queries_url(query: &WorkloadQuery) -> String {
    url_with(
        "/queries",
        &[
            ("q", &query.q),
            ("table", &query.table),
            ("sort", &query.sort),
            ("range", &query.range),
            ("kind", &query.kind),
            ("planned", &query.planned),
            ("cursor", &query.cursor),
        ],
    )
}

fn tab(
    query: &WorkloadQuery,
    label: &'static str,
    count: i64,
    kind: Option<&str>,
    planned: Option<&str>,
) -> impl IntoView + use<> {
    let shown = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let plain = |kind: Option<&str>| kind.filter(|kind| *kind != "user").map(str::to_owned);
    let current = plain(shown(&query.kind).as_deref()) == plain(kind)
        && shown(&query.planned).as_deref() == planned;
    let target = WorkloadQuery {
        kind: kind.map(str::to_owned),
        planned: planned.map(str::to_owned),
        cursor: None,
        ..query.clone()
    };
    view! {
        <a class="tab" href=queries_url(&target) aria-current=current.then_some("page")>
            {label} <span class="count">{count}</span>
        </a>
    }
}

/// Tabs with counts, time range, search and order.
#[component]
pub(crate) fn QueryFilters<'a>(query: WorkloadQuery, page: &'a QueryPage) -> impl IntoView + use<> {
    let tabs = view! {
        {tab(&query, "All", page.planned + page.unplanned + page.untried, None, None)}
        {tab(&query, "Planned", page.planned, None, Some("yes"))}
        {tab(&query, "Not planned", page.unplanned, None, Some("no"))}
        {tab(&query, "System", page.system, Some("system"), None)}
        {tab(&query, "OptiSchema's own", page.own, Some("own"), None)}
    };
    let chosen = query.range.as_deref().filter(|range| !range.is_empty()).unwrap_or("all");
    let ranges: Vec<_> = QueryRange::ALL
        .iter()
        .map(|range| {
            let selected = chosen == range.as_str();
            view! { <option value=range.as_str() selected=selected>{range.label()}</option> }
        })
        .collect();
    let sorts: Vec<_> = QuerySort::ALL
        .iter()
        .map(|sort| {
            let selected = query.sort.as_deref() == Some(sort.as_str());
            view! { <option value=sort.as_str() selected=selected>{sort.label()}</option> }
        })
        .collect();
    view! {
        <nav class="tabs" aria-label="Kind">{tabs}</nav>
        <Form method="GET" action="/queries" attr:class="filters" attr:role="search">
            <input type="hidden" name="kind" value=query.kind.clone().unwrap_or_default()/>
            <input type="hidden" name="planned" value=query.planned.clone().unwrap_or_default()/>
            <label>
                "Search"
                <input type="search" name="q" value=query.q.clone().unwrap_or_default()/>
            </label>
            <label>"Time" <select name="range">{ranges}</select></label>
            <label>"Order" <select name="sort">{sorts}</select></label>
            <button class="button">"Show"</button>
        </Form>
    }
}
