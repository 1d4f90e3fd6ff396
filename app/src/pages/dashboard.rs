//! The first page: how things are, what to do next, what happened.

use leptos::prelude::*;
use leptos_meta::Title;
use optischema::model::{RecommendationStatus, TargetHealth, TargetState};
use optischema::operations::Dashboard;

use crate::components::{
    ActionFailure, EmptyState, Failure, JobCard, Live, Provenance, RecommendationRow,
};
use crate::server_fns::{Analyze, load_dashboard};

fn target(target: &TargetHealth) -> impl IntoView + use<> {
    let tone = match target.state {
        TargetState::Ok => "dot dot-good",
        TargetState::Warning => "dot dot-warn",
        TargetState::Down => "dot dot-bad",
        TargetState::NotConfigured => "dot",
    };
    view! {
        <a class="target-chip" href="/connections">
            <span class=tone aria-hidden="true"></span>
            {target.target.label()}
            <span class="quiet">{target.state.label()}</span>
        </a>
    }
}

fn counts(dashboard: &Dashboard) -> impl IntoView + use<> {
    let tiles: Vec<_> = RecommendationStatus::ALL
        .iter()
        .map(|status| {
            let word = if *status == RecommendationStatus::Active {
                "benchmarked"
            } else {
                status.as_str()
            };
            view! {
                <a class="tile" href=format!("/recommendations?status={word}")>
                    <span class="figure">{dashboard.counts.of(*status)}</span>
                    {status.label()}
                </a>
            }
        })
        .collect();
    view! { <div class="tiles">{tiles}</div> }
}

fn content(dashboard: Dashboard, reload: Callback<()>) -> impl IntoView {
    let targets: Vec<_> = dashboard.health.targets.iter().map(target).collect();
    let tiles = counts(&dashboard);
    let none = dashboard.top.is_empty();
    let rows: Vec<_> = dashboard
        .top
        .into_iter()
        .map(|recommendation| view! { <RecommendationRow recommendation/> })
        .collect();
    let jobs: Vec<_> = dashboard
        .live_jobs
        .into_iter()
        .chain(dashboard.recent_jobs.into_iter().take(3))
        .map(|job| view! { <JobCard job on_end=reload/> })
        .collect();
    let read = dashboard.analyzed_at.map_or_else(
        || "The workload has not been read yet.".to_owned(),
        |at| {
            format!(
                "{} statements read at {}; {} of them can be planned.",
                dashboard.statements,
                at.readable(),
                dashboard.statements_planned
            )
        },
    );
    view! {
        <div class="chips">{targets}</div>
        {tiles}
        <p class="quiet">{read}</p>
        <h2>"Worth doing" " " <Provenance text="planned"/></h2>
        {if none {
            view! {
                <EmptyState title="Nothing is recommended">
                    "Read the workload of main with the button above."
                </EmptyState>
            }.into_any()
        } else {
            view! {
                <div class="scroll" tabindex="0">
                    <table class="list"><super::recommendations::ListHead/><tbody>{rows}</tbody></table>
                </div>
            }.into_any()
        }}
        <h2>"Jobs"</h2>
        {if jobs.is_empty() {
            view! { <p class="quiet">"No job has run in the last day."</p> }.into_any()
        } else {
            jobs.into_any()
        }}
    }
}

/// The dashboard.
#[component]
pub(crate) fn DashboardPage() -> impl IntoView {
    let analyze = ServerAction::<Analyze>::new();
    let reload = RwSignal::new(0_u32);
    let live = expect_context::<Live>();
    let dashboard = Resource::new(
        move || (analyze.version().get(), reload.get(), live.happened()),
        |_| load_dashboard(),
    );
    let again = Callback::new(move |()| reload.update(|n| *n += 1));
    let pending = analyze.pending();
    view! {
        <Title text="Dashboard"/>
        <div class="head">
            <h1>"Dashboard"</h1>
            <ActionForm action=analyze>
                <button class="button primary" disabled=move || pending.get()>
                    "Analyse workload"
                </button>
            </ActionForm>
        </div>
        <ActionFailure action=analyze/>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match dashboard.await {
                    Ok(dashboard) => content(dashboard, again).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
