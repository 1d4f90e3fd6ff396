//! One statement: what it costs over time, how it is planned, and what could be done about it.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use optischema::model::{PlannedAs, QueryDetail, QueryKind, QueryRange, QuerySource, QuerySummary};

use crate::charts::{HistoryFigure, history_chart};
use crate::components::{
    ActionFailure, Failure, HighlightedSql, Provenance, QueryBindings, QueryPlans, QueryTables,
    RecommendationRow,
};
use crate::pages::recommendations::ListHead;
use crate::server_fns::{RemoveQuery, load_query};
use optischema::figures;

fn ranges(hash: &str, chosen: QueryRange) -> impl IntoView + use<> {
    let links: Vec<_> = QueryRange::ALL
        .iter()
        .map(|range| {
            let current = (*range == chosen).then_some("page");
            let url = format!("/queries/{hash}?range={range}");
            view! { <a class="tab" href=url aria-current=current>{range.label()}</a> }
        })
        .collect();
    view! { <nav class="tabs" aria-label="Time">{links}</nav> }
}

fn facts(summary: &QuerySummary, detail: &QueryDetail) -> impl IntoView + use<> {
    let f = summary.figures;
    let absent = || "–".to_owned();
    let roles = (!detail.roles.is_empty()).then(|| detail.roles.join(", "));
    let path = (!detail.search_path.is_empty()).then(|| detail.search_path.join(", "));
    let planned = summary.planned_as.and_then(PlannedAs::sentence);
    view! {
        <dl class="facts">
            <dt>"Share of the time"</dt>
            <dd>{figures::percent(f.share_percent)} ", " {figures::milliseconds(f.total_time_ms)} " in all"</dd>
            <dt>"Calls"</dt>
            <dd>
                {figures::grouped(f.calls as f64)} ", "
                {f.mean_ms.map_or_else(absent, figures::milliseconds)} " each, on average"
            </dd>
            <dt>"Rows"</dt>
            <dd>{figures::grouped(f.rows as f64)} " in all"</dd>
            <dt>"Cache hit"</dt>
            <dd>
                {f.cache_hit_percent.map_or_else(absent, figures::percent)} " of "
                {figures::bytes((f.shared_hit.saturating_add(f.shared_read)).saturating_mul(8192))}
            </dd>
            {roles.map(|roles| view! { <dt>"Run by"</dt> <dd>{roles}</dd> })}
            {path.map(|path| view! { <dt>"Search path"</dt> <dd><code>{path}</code></dd> })}
            {planned.map(|planned| view! { <dt>"Planned"</dt> <dd>{planned}</dd> })}
            <dt>"Known"</dt>
            <dd>"from " {summary.first_seen_at.readable()} " to " {summary.last_seen_at.readable()}</dd>
        </dl>
    }
}

fn charts(detail: &QueryDetail) -> impl IntoView + use<> {
    let figures = [
        ("Main's time, per second", HistoryFigure::Load),
        ("Mean time of a call", HistoryFigure::Mean),
        ("Calls per second", HistoryFigure::Calls),
    ];
    let drawn: Vec<_> = figures
        .into_iter()
        .filter_map(|(caption, figure)| {
            let svg = history_chart(&detail.history, figure)?;
            Some(view! {
                <figure class="chart">
                    <figcaption>{caption} " (UTC)"</figcaption>
                    <div inner_html=svg></div>
                </figure>
            })
        })
        .collect();
    if drawn.is_empty() {
        return view! {
            <p class="quiet">
                "Nothing was counted in this time. Charts begin with the second reading of main."
            </p>
        }
        .into_any();
    }
    view! { <div class="charts">{drawn}</div> }.into_any()
}

fn recommendations(detail: &QueryDetail) -> Option<impl IntoView + use<>> {
    if detail.recommendations.is_empty() {
        return None;
    }
    let rows: Vec<_> = detail
        .recommendations
        .iter()
        .cloned()
        .map(|recommendation| view! { <RecommendationRow recommendation/> })
        .collect();
    Some(view! {
        <section aria-labelledby="advice">
            <h2 id="advice">"What could be done"</h2>
            <div class="scroll" tabindex="0"><table class="list"><ListHead/><tbody>{rows}</tbody></table></div>
        </section>
    })
}

fn removal(
    summary: &QuerySummary,
    action: ServerAction<RemoveQuery>,
) -> Option<impl IntoView + use<>> {
    let hash = summary.query_hash.to_string();
    (summary.source != QuerySource::Main).then(|| {
        view! {
            <ActionForm action=action>
                <input type="hidden" name="id" value=hash/>
                <button class="button">"Remove"</button>
            </ActionForm>
        }
    })
}

fn content(detail: QueryDetail, remove: ServerAction<RemoveQuery>) -> impl IntoView {
    let summary = detail.summary.clone();
    let caption = match summary.kind {
        QueryKind::User => "Statement",
        QueryKind::System => "Statement of the system",
        QueryKind::Own => "OptiSchema's own statement",
    };
    let provenance = match summary.source {
        QuerySource::Main => "measured by pg_stat_statements",
        QuerySource::Typed => "calls as given by a person, never run here",
        QuerySource::Log => "calls and times of a log",
    };
    let warnings: Vec<_> = summary
        .warnings
        .iter()
        .map(|warning| view! { <p class="notice">{warning.clone()} "."</p> })
        .collect();
    let bindings = (!detail.bindings.is_empty()).then(|| {
        let bindings = detail.bindings.clone();
        view! {
            <section aria-labelledby="values">
                <h2 id="values">"Values that it is planned with"</h2>
                <QueryBindings bindings/>
            </section>
        }
    });
    let tables = (!detail.tables.is_empty()).then(|| {
        let (tables, dependencies) = (detail.tables.clone(), detail.dependencies.clone());
        let shape = detail.shape.clone();
        view! {
            <section aria-labelledby="tables">
                <h2 id="tables">"Tables"</h2>
                <QueryTables tables dependencies shape/>
            </section>
        }
    });
    view! {
        <div class="head">
            <h1>"Query " <code>{summary.query_hash.to_string()}</code></h1>
            {removal(&summary, remove)}
        </div>
        {warnings}
        <HighlightedSql caption spans=detail.formatted.clone()/>
        {ranges(&summary.query_hash.to_string(), detail.range)}
        {facts(&summary, &detail)}
        <p><Provenance text=provenance/></p>
        {charts(&detail)}
        {recommendations(&detail)}
        <section aria-labelledby="plans">
            <h2 id="plans">"Plans"</h2>
            <QueryPlans plans=detail.plans.clone() events=detail.events.clone()/>
        </section>
        {tables}
        {bindings}
    }
}

/// The page.
#[component]
pub(crate) fn QueryPage() -> impl IntoView {
    let (params, map) = (use_params_map(), use_query_map());
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let range = Memo::new(move |_| map.with(|map| map.get("range")));
    let remove = ServerAction::<RemoveQuery>::new();
    let detail =
        Resource::new(move || (id.get(), range.get()), |(id, range)| load_query(id, range));
    view! {
        <Title text="Query"/>
        <p class="crumbs"><a href="/queries">"Queries"</a></p>
        <ActionFailure action=remove/>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match detail.await {
                    Ok(detail) => content(detail, remove).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
