//! The workload: what main spends its time on. Filters, order and place are in the URL.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use optischema::model::{AddedQueries, CollectionReport, QueryPage, WorkloadQuery};

use crate::components::{
    ActionFailure, EmptyState, Failure, Provenance, QueryFilters, QueryRow, queries_url,
};
use crate::server_fns::{AddQueries, Collect, load_queries};
use optischema::figures;

/// The heads of the list's columns.
#[component]
fn Heads() -> impl IntoView {
    view! {
        <thead>
            <tr>
                <th scope="col">"Statement"</th>
                <th scope="col" class="number">"Share of time"</th>
                <th scope="col" class="number">"Total"</th>
                <th scope="col" class="number">"Calls"</th>
                <th scope="col" class="number">"Mean"</th>
                <th scope="col" class="number wide-only">"Rows a call"</th>
                <th scope="col" class="number wide-only">"Cache hit"</th>
                <th scope="col" class="wide-only">"Trend"</th>
            </tr>
        </thead>
    }
}

fn reading(report: &CollectionReport) -> String {
    if let Some(error) = &report.error {
        return format!("The last reading, at {}, failed: {error}", report.at.readable());
    }
    let mut text = format!(
        "Read last at {}: {} entries, {} did something",
        report.at.readable(),
        figures::grouped(report.statements as f64),
        figures::grouped(report.changed as f64)
    );
    if report.was_reset {
        text.push_str("; the counters were reset since the reading before");
    }
    if report.deallocations > 0 {
        text.push_str(
            "; main dropped its least used entries since, so what ran only before is not counted",
        );
    }
    if report.hidden > 0 {
        text.push_str(&format!("; {} entries are hidden from the role", report.hidden));
    }
    text.push('.');
    text
}

fn state(page: &QueryPage) -> impl IntoView + use<> {
    let reading = page.last_collection.as_ref().map(reading);
    let since = page.since.map(|since| format!("Figures since {}. ", since.readable()));
    let cost = (page.cost.readings > 0).then(|| {
        let sessions = match page.cost.seen_ms_per_hour {
            0.0 => String::new(),
            ms => format!(", {} of it to look at what sessions run", figures::milliseconds(ms)),
        };
        format!(
            " {} readings in the last hour took at most {} of main's time{sessions}.",
            page.cost.readings,
            figures::milliseconds(page.cost.main_ms_per_hour)
        )
    });
    let usage = page.usage.as_ref().map(|usage| view! { <p class="quiet">{usage.sentence()}</p> });
    view! {
        <p class="quiet">
            {since} {reading} {cost} " " <Provenance text="measured by pg_stat_statements"/>
        </p>
        {usage}
    }
}

fn content(page: QueryPage, query: WorkloadQuery) -> impl IntoView {
    let known = page.planned + page.unplanned + page.untried + page.system + page.own;
    let filters = view! { <QueryFilters query=query.clone() page=&page/> };
    let state = state(&page);
    let next = page.next_cursor.clone().map(|cursor| {
        let url = queries_url(&WorkloadQuery { cursor: Some(cursor), ..query.clone() });
        view! { <a class="button" href=url rel="next">"Next page"</a> }
    });
    let none = page.items.is_empty();
    let rows: Vec<_> = page
        .items
        .into_iter()
        .map(|item| view! { <QueryRow query=item list=query.clone()/> })
        .collect();
    view! {
        {filters}
        {state}
        {match (none, known > 0) {
            (false, _) => view! {
                <div class="scroll" tabindex="0"><table class="list queries"><Heads/><tbody>{rows}</tbody></table></div>
            }.into_any(),
            (true, true) => view! {
                <EmptyState title="No statement fits these filters">
                    "Nothing ran in this time, or nothing matches. "
                    <a href="/queries">"Show everything known"</a>
                </EmptyState>
            }.into_any(),
            (true, false) => view! {
                <EmptyState title="No statement is known yet">
                    "Read main's counters with the button above, or add statements below."
                </EmptyState>
            }.into_any(),
        }}
        {next}
    }
}

fn said(added: &AddedQueries) -> String {
    let mut text = match added.added.len() {
        1 => "1 statement added.".to_owned(),
        count => format!("{count} statements added."),
    };
    for refused in &added.refused {
        text.push_str(&format!(" Not added: {refused}."));
    }
    text
}

/// Statements that a person gives.
#[component]
fn AddForm(action: ServerAction<AddQueries>) -> impl IntoView {
    let value = action.value();
    view! {
        <details class="add">
            <summary>"Add statements or a log"</summary>
            <ActionForm action=action attr:class="stack">
                <label class="stack">
                    <span>
                        "SQL, each statement ended by a semicolon; "
                        <code>"-- weight: 40"</code>
                        " before one counts it 40 times. Or a log of PostgreSQL, with "
                        <code>"log_min_duration_statement"</code> " lines or plans of "
                        <code>"auto_explain"</code> "."
                    </span>
                    <textarea name="text" rows="8" required spellcheck="false"></textarea>
                </label>
                <div><button class="button">"Add"</button></div>
            </ActionForm>
            {move || value.get().and_then(Result::ok).map(|added| view! {
                <p class="notice notice-good" role="status">{said(&added)}</p>
            })}
            <ActionFailure action/>
        </details>
    }
}

/// The page.
#[component]
pub(crate) fn QueriesPage() -> impl IntoView {
    let map = use_query_map();
    let query = Memo::new(move |_| {
        map.with(|map| WorkloadQuery {
            q: map.get("q"),
            table: map.get("table"),
            sort: map.get("sort"),
            range: map.get("range"),
            kind: map.get("kind"),
            planned: map.get("planned"),
            limit: map.get("limit"),
            cursor: map.get("cursor"),
        })
    });
    let collect = ServerAction::<Collect>::new();
    let add = ServerAction::<AddQueries>::new();
    let page = Resource::new(
        move || (query.get(), collect.version().get(), add.version().get()),
        |(query, _, _)| load_queries(query),
    );
    view! {
        <Title text="Queries"/>
        <div class="head">
            <h1>"Queries"</h1>
            <ActionForm action=collect>
                <button class="button" disabled=move || collect.pending().get()>"Read main now"</button>
            </ActionForm>
        </div>
        <ActionFailure action=collect/>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => content(page, query.get_untracked()).into_any(),
                    Err(error) => view! {
                        <Failure error/>
                        <p><a href="/queries">"Show everything known"</a></p>
                    }.into_any(),
                }
            })}
        </Transition>
        <AddForm action=add/>
    }
}
