//! One recommendation: what, why, proof, and what to do with it.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use optischema::model::{JobResult, Recommendation, saving_label};

use crate::components::{
    Actions, BenchmarkSummary, EvidenceTable, Failure, JobCard, PlanView, Provenance,
    RecommendationActions, SqlBlock, StatusBadge, WatchFound, WriteCostFacts,
};
use crate::server_fns::{RecommendationView, load_recommendation};
use optischema::figures;

fn facts(r: &Recommendation) -> impl IntoView + use<> {
    let index = r.evidence.index.as_ref().map(|index| {
        view! {
            <dt>"Table"</dt>
            <dd>
                {figures::grouped(index.table_rows.max(0.0))} " rows, "
                {figures::bytes(index.table_bytes)} " " <Provenance text="rule"/>
            </dd>
            <dt>"Index size"</dt>
            <dd>
                {index.estimated_bytes.map_or_else(|| "not known before it is built".to_owned(), figures::bytes)}
                " " <Provenance text="rule"/>
            </dd>
        }
    });
    let more: Vec<_> = r
        .evidence
        .facts
        .iter()
        .map(|fact| {
            view! {
                <dt>{fact.label.clone()}</dt>
                <dd>{fact.value.clone()} " " <Provenance text=fact.provenance.as_str()/></dd>
            }
        })
        .collect();
    let redundant = (!r.evidence.makes_redundant.is_empty()).then(|| {
        view! {
            <dt>"Replaces these indexes"</dt>
            <dd>{r.evidence.makes_redundant.join(", ")}</dd>
        }
    });
    let existing =
        r.evidence.index.as_ref().filter(|index| !index.existing_indexes.is_empty()).map(|index| {
            let lines: Vec<_> = index
                .existing_indexes
                .iter()
                .map(|line| view! { <li><code>{line.clone()}</code></li> })
                .collect();
            view! { <dt>"Indexes there now"</dt> <dd><ul class="plain">{lines}</ul></dd> }
        });
    let rule = r.evidence.rule.map(|rule| view! {
        <dt>"Rule"</dt>
        <dd><a href=format!("/rules/{rule}")>{rule.title()}</a>": what it finds, and when not to follow it"</dd>
    });
    view! {
        <dl class="facts">
            {r.estimated_improvement_percent.map(|percent| view! {
                <dt>"Saved of the workload"</dt>
                <dd>{saving_label(percent, &r.evidence)} " " <Provenance text=r.evidence.provenance.as_str()/></dd>
            })}
            <dt>"Confidence"</dt>
            <dd>{format!("{:.0} %", 100.0 * r.confidence_score)} " – " {r.evidence.confidence_reason.clone()} " " {r.evidence.learned.clone()}</dd>
            <dt>"Risk"</dt>
            <dd>{r.risk_level.as_str()} " – " {r.evidence.risk_reason.clone()}</dd>
            {index}
            <WriteCostFacts cost=r.evidence.write_cost.clone()/>
            {more}
            {redundant}
            {existing}
            {rule}
        </dl>
    }
}

fn planned(r: &Recommendation) -> Option<impl IntoView + use<>> {
    let plans = r.execution_plan_json.as_ref()?;
    let (before, after) = (plans.get("before")?.clone(), plans.get("after")?.clone());
    Some(view! {
        <details>
            <summary>"Plans on main " <Provenance text="planned"/></summary>
            <div class="pair">
                <PlanView caption="Now" plan=before/>
                <PlanView caption="With the change" plan=after/>
            </div>
        </details>
    })
}

fn content(view: RecommendationView, actions: Actions, reload: Callback<()>) -> impl IntoView {
    let RecommendationView { recommendation: r, jobs, change } = view;
    let found = change.and_then(|change| change.watch).map(|watch| {
        view! { <div class="notice">"Since it is applied: " <WatchFound watch/></div> }
    });
    // Who undoes a change need not wait for what it came to.
    let busy = jobs.iter().any(|job| !job.status.is_final() && !job.is_watch());
    let result = jobs.iter().find_map(|job| match &job.result {
        Some(JobResult::Benchmark(result)) => Some((job.id, (**result).clone())),
        _ => None,
    });
    let cards: Vec<_> =
        jobs.into_iter().take(5).map(|job| view! { <JobCard job on_end=reload/> }).collect();
    let proof = result.map(|(job, result)| {
        view! {
            <section aria-labelledby="proof">
                <h2 id="proof">"Proof"</h2>
                <BenchmarkSummary job result/>
            </section>
        }
    });
    view! {
        <Title text=r.title.clone()/>
        <div class="head">
            <h1>{r.title.clone()}</h1>
            <StatusBadge status=r.status/>
        </div>
        <p>{r.description.clone()}</p>
        {r.dismissed_reason.clone().map(|reason| view! { <p class="notice">"Dismissed: " {reason}</p> })}
        {found}
        <RecommendationActions recommendation=r.clone() actions busy/>
        {cards}
        {proof}
        <section aria-labelledby="why">
            <h2 id="why">"Why"</h2>
            {facts(&r)}
            {(!r.evidence.statements.is_empty()).then(|| view! {
                <EvidenceTable
                    statements=r.evidence.statements.clone()
                    provenance=format!("{} · {}", r.evidence.provenance, r.evidence.method)
                />
            })}
            {planned(&r)}
        </section>
        <section aria-labelledby="sql">
            <h2 id="sql">"SQL"</h2>
            <SqlBlock caption=r.for_whom() sql=r.sql_fix.clone()/>
            <p><a href=format!("/handover?ids={}", r.id)>"As a migration"</a>": plain SQL, or for sqlx, Rails, Django, Prisma, Flyway and ten more"</p>
            {(!r.original_sql.is_empty()).then(|| view! {
                <SqlBlock caption="The statement that gains most" sql=r.original_sql.clone()/>
            })}
            {r.rollback_sql.clone().filter(|sql| !sql.is_empty()).map(|sql| view! { <SqlBlock caption="Undoes it in the sandbox" sql/> })}
        </section>
    }
}

/// The page.
#[component]
pub(crate) fn RecommendationPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let actions = Actions::new();
    let reload = RwSignal::new(0_u32);
    let view = Resource::new(
        move || (id.get(), actions.version(), reload.get()),
        |(id, _, _)| load_recommendation(id),
    );
    let again = Callback::new(move |()| reload.update(|n| *n += 1));
    view! {
        <Title text="Recommendation"/>
        <p class="crumbs"><a href="/recommendations">"Recommendations"</a></p>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => content(view, actions, again).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
