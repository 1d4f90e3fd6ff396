//! Jobs, newest first.

use std::time::Duration;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use optischema::model::{JobPage, JobQuery, JobStatus};

use crate::components::{EmptyState, Failure, JobCard, Live, NotifyButton, every};
use crate::server_fns::load_jobs;

/// New jobs are looked for this often where nothing tells of them.
const PERIOD: Duration = Duration::from_secs(5);

fn tabs(current: Option<&str>) -> impl IntoView + use<> {
    let tab = |word: Option<&'static str>, label: &'static str| {
        let url = word.map_or("/jobs".to_owned(), |word| format!("/jobs?status={word}"));
        let is_current = current.filter(|text| !text.is_empty()) == word;
        view! {
            <a class="tab" href=url aria-current=is_current.then_some("page")>{label}</a>
        }
    };
    let others: Vec<_> =
        JobStatus::ALL.iter().map(|status| tab(Some(status.as_str()), status.label())).collect();
    view! { <nav class="tabs" aria-label="Status">{tab(None, "All")} {others}</nav> }
}

fn content(page: JobPage, query: JobQuery, reload: Callback<()>) -> impl IntoView {
    let none = page.items.is_empty();
    let cards: Vec<_> =
        page.items.into_iter().map(|job| view! { <JobCard job on_end=reload/> }).collect();
    let next = page.next_cursor.map(|cursor| {
        let status = query.status.map(|status| format!("status={status}&")).unwrap_or_default();
        view! { <a class="button" href=format!("/jobs?{status}cursor={cursor}")>"Older jobs"</a> }
    });
    if none {
        view! {
            <EmptyState title="No jobs">
                "Open a " <a href="/recommendations">"recommendation"</a> " and run its benchmark."
            </EmptyState>
        }
        .into_any()
    } else {
        view! { {cards} {next} }.into_any()
    }
}

/// The page.
#[component]
pub(crate) fn JobsPage() -> impl IntoView {
    let map = use_query_map();
    let query = Memo::new(move |_| {
        map.with(|map| JobQuery {
            status: map.get("status"),
            job_type: map.get("type"),
            limit: map.get("limit"),
            cursor: map.get("cursor"),
        })
    });
    let reload = RwSignal::new(0_u32);
    let live = expect_context::<Live>();
    let page = Resource::new(
        move || (query.get(), reload.get(), live.happened()),
        |(query, ..)| load_jobs(query),
    );
    let again = Callback::new(move |()| reload.update(|n| *n += 1));
    every(PERIOD, move || !live.connected(), move || again.run(()));
    view! {
        <Title text="Jobs"/>
        <div class="head"><h1>"Jobs"</h1> <NotifyButton/></div>
        {move || tabs(query.get().status.as_deref())}
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => content(page, query.get_untracked(), again).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
