//! The filters of the recommendations' list. They live in the URL: the tabs are links, the rest is a form.

use leptos::prelude::*;
use leptos_router::components::Form;
use optischema::model::{
    RecommendationCounts, RecommendationQuery, RecommendationSort, RecommendationStatus,
    RecommendationType,
};

/// The list's URL with other parameters.
pub(crate) fn list_url(query: &RecommendationQuery) -> String {
    url_with(
        "/recommendations",
        &[
            ("status", &query.status),
            ("type", &query.recommendation_type),
            ("table", &query.table),
            ("q", &query.q),
            ("sort", &query.sort),
            ("cursor", &query.cursor),
            ("small", &query.small),
        ],
    )
}

/// A path with those parameters that are given.
pub(crate) fn url_with(path: &str, pairs: &[(&str, &Option<String>)]) -> String {
    let mut url = path.to_owned();
    let mut separator = '?';
    for (name, value) in pairs {
        let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else { continue };
        url.push(separator);
        url.push_str(name);
        url.push('=');
        url.push_str(&percent_encoded(value));
        separator = '&';
    }
    url
}

/// Everything but unreserved characters as `%XX` (RFC 3986).
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// The tab of a status, as the URL names it.
const fn status_word(status: RecommendationStatus) -> &'static str {
    match status {
        RecommendationStatus::Active => "benchmarked",
        other => other.as_str(),
    }
}

fn tab(
    query: &RecommendationQuery,
    status: Option<RecommendationStatus>,
    count: i64,
) -> impl IntoView + use<> {
    let word = status.map(status_word);
    let shown = query.status.as_deref().filter(|status| !status.is_empty());
    let current = shown == word || (shown == Some("active") && word == Some("benchmarked"));
    let target =
        RecommendationQuery { status: word.map(str::to_owned), cursor: None, ..query.clone() };
    view! {
        <a class="tab" href=list_url(&target) aria-current=current.then_some("page")>
            {status.map_or("All", RecommendationStatus::label)}
            <span class="count">{count}</span>
        </a>
    }
}

/// Tabs with counts, type, search and order.
#[component]
pub(crate) fn FilterBar(
    query: RecommendationQuery,
    counts: RecommendationCounts,
    /// The URL's status now, which may be ahead of the list that is shown.
    #[prop(into)]
    status: Signal<Option<String>>,
) -> impl IntoView {
    let tabs: Vec<_> = RecommendationStatus::ALL
        .iter()
        .map(|status| tab(&query, Some(*status), counts.of(*status)))
        .collect();
    let kinds: Vec<_> = RecommendationType::ALL
        .iter()
        .map(|kind| {
            let selected = query.recommendation_type.as_deref() == Some(kind.as_str());
            view! { <option value=kind.as_str() selected=selected>{kind.label()}</option> }
        })
        .collect();
    let sorts: Vec<_> = RecommendationSort::ALL
        .iter()
        .map(|sort| {
            let selected = query.sort.as_deref() == Some(sort.as_str());
            view! { <option value=sort.as_str() selected=selected>{sort.label()}</option> }
        })
        .collect();
    view! {
        <nav class="tabs" aria-label="Status">{tab(&query, None, counts.total())} {tabs}</nav>
        <Form method="GET" action="/recommendations" attr:class="filters" attr:role="search">
            <input type="hidden" name="status" value=move || status.get()/>
            {query.small.clone().map(|small| view! { <input type="hidden" name="small" value=small/> })}
            <label>
                "Search"
                <input type="search" name="q" value=query.q.clone().unwrap_or_default()/>
            </label>
            <label>
                "Type"
                <select name="type"><option value="">"All types"</option>{kinds}</select>
            </label>
            <label>"Order" <select name="sort">{sorts}</select></label>
            <button class="button">"Show"</button>
        </Form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_holds_every_filter_and_survives_odd_letters() {
        let query = RecommendationQuery {
            status: Some("benchmarked".into()),
            q: Some("a&b é".into()),
            sort: Some(String::new()),
            ..RecommendationQuery::default()
        };
        assert_eq!(list_url(&query), "/recommendations?status=benchmarked&q=a%26b%20%C3%A9");
        assert_eq!(list_url(&RecommendationQuery::default()), "/recommendations");
    }
}
