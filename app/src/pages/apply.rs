//! What an apply would do, statement by statement, before anything is done.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use optischema::model::{ApplyPlan, Check, CheckState};

use crate::components::{ActionFailure, Failure, StepList};
use crate::server_fns::{StartApply, load_apply_plan};

fn check(check: Check) -> impl IntoView {
    let (tone, shape) = match check.state {
        CheckState::Ok => ("finding", "✓"),
        CheckState::Warning => ("finding finding-warn", "!"),
        CheckState::Blocked => ("finding finding-bad", "✕"),
        CheckState::Unknown => ("finding", "?"),
    };
    view! {
        <li class=tone>
            <span class="shape" aria-hidden="true">{shape}</span>
            <div><strong>{check.name}</strong> ": " {check.detail}</div>
        </li>
    }
}

fn form(plan: ApplyPlan, apply: ServerAction<StartApply>) -> impl IntoView {
    let needs_reason = plan.needs_override;
    view! {
        <ActionForm action=apply attr:class="stack">
            <input type="hidden" name="id" value=plan.recommendation_id.to_string()/>
            <input type="hidden" name="sql_hash" value=plan.sql_hash/>
            {needs_reason.then(|| view! {
                <label class="stack">
                    "No completed benchmark has measured it. Why apply it all the same? The reason is recorded."
                    <input type="text" name="override_reason" required=true/>
                </label>
            })}
            <div class="actions">
                <button class="button primary">"Apply in the sandbox"</button>
                <a class="button" href=format!("/recommendations/{}", plan.recommendation_id)>"Not now"</a>
            </div>
        </ActionForm>
        <ActionFailure action=apply/>
    }
}

fn content(plan: ApplyPlan, apply: ServerAction<StartApply>) -> impl IntoView {
    let checks: Vec<_> = plan.checks.clone().into_iter().map(check).collect();
    let none = plan.steps.is_empty();
    view! {
        <Title text=format!("Apply: {}", plan.recommendation_title)/>
        <p class="crumbs">
            <a href="/recommendations">"Recommendations"</a> " / "
            <a href=format!("/recommendations/{}", plan.recommendation_id)>{plan.recommendation_title.clone()}</a>
        </p>
        <h1>{if plan.ready { "Before it is applied" } else { "This cannot be applied now" }}</h1>
        <p>
            {if plan.ready { "This is what would run on " } else { "It was to be done on " }}
            <code>{plan.target.clone()}</code>
            ". Nothing has been done yet, and main is not touched either way."
        </p>
        <h2>"Checks"</h2>
        <ul class="findings">{checks}</ul>
        {(!none).then(|| view! {
            <h2>"Steps"</h2>
            <p class="quiet">{plan.rehearsal.clone()}</p>
            <StepList steps=plan.steps.clone()/>
            <h2>"What undoes it"</h2>
            {plan.no_rollback.clone().map(|reason| view! { <p>{reason}</p> })}
            <StepList steps=plan.rollback.clone()/>
            <p class="quiet">"SHA-256 of the patch: " <code>{plan.sql_hash.clone()}</code> ". No other patch runs."</p>
        })}
        {plan.ready.then(|| form(plan.clone(), apply))}
        {(!plan.ready).then(|| view! {
            <div class="actions">
                <a class="button" href=format!("/recommendations/{}/apply", plan.recommendation_id) rel="external">"Look again"</a>
                <a class="button" href=format!("/handover?ids={}", plan.recommendation_id)>"As a migration"</a>
            </div>
        })}
    }
}

/// The page.
#[component]
pub(crate) fn ApplyPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let apply = ServerAction::<StartApply>::new();
    let plan = Resource::new(move || id.get(), load_apply_plan);
    view! {
        <Title text="Apply"/>
        <Transition fallback=|| view! { <p class="quiet">"Looking at the sandbox…"</p> }>
            {move || Suspend::new(async move {
                match plan.await {
                    Ok(plan) => content(plan, apply).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
