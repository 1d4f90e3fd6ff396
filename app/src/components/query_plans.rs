//! The plans that a statement had, and when they changed.

use leptos::prelude::*;
use optischema::model::{QueryEvent, QueryPlan};
use optischema::plan::PlanFinding;

use super::badge::Provenance;
use super::plan_tree::PlanTree;
use super::result::PlanChanges;
use optischema::figures;

fn finding(finding: &PlanFinding) -> impl IntoView + use<> {
    view! {
        <li>
            <strong>{finding.kind.label()}</strong>
            ", " {finding.label.clone()} ": " {finding.fact.clone()} ". "
            <span class="quiet">{finding.consequence.clone()} "."</span>
        </li>
    }
}

fn plan(plan: QueryPlan) -> impl IntoView {
    let findings: Vec<_> = plan.findings.iter().map(finding).collect();
    let findings = (!findings.is_empty()).then(|| view! { <ul class="warnings">{findings}</ul> });
    let open = plan.current;
    view! {
        <details open=open>
            <summary>
                {if plan.current { "The plan now" } else { "An earlier plan" }}
                ", cost " {figures::grouped(plan.total_cost)}
                ", " {plan.binding.clone()} " " <Provenance text=plan.source.clone()/>
                <span class="quiet">
                    " from " {plan.first_seen_at.readable()} " to " {plan.last_seen_at.readable()}
                </span>
            </summary>
            {findings}
            <PlanTree plan=plan.plan/>
        </details>
    }
}

/// What a call took, before and after.
fn times(event: &QueryEvent) -> String {
    match (event.mean_before_ms, event.mean_after_ms) {
        (Some(before), Some(after)) if before > 0.0 => format!(
            "a call took {} in the hour before and {} in the hour after: {}",
            figures::milliseconds(before),
            figures::milliseconds(after),
            figures::change(100.0 * (after / before - 1.0))
        ),
        (None, Some(after)) => {
            format!(
                "a call took {} in the hour after; none was counted in the hour before",
                figures::milliseconds(after)
            )
        }
        (Some(before), _) => {
            format!(
                "a call took {} in the hour before; none was counted in the hour after",
                figures::milliseconds(before)
            )
        }
        (None, None) => "no call was counted in the hours around it".to_owned(),
    }
}

fn event(event: QueryEvent) -> impl IntoView {
    let said = times(&event);
    let changes = event.diff.as_ref().map(|diff| diff.changes.clone()).unwrap_or_default();
    view! {
        <div class="card event">
            <p><strong>"The plan changed"</strong> " at " {event.at.readable()} ": " {said} "."</p>
            <PlanChanges changes/>
        </div>
    }
}

/// Changes first, then every plan.
#[component]
pub(crate) fn QueryPlans(plans: Vec<QueryPlan>, events: Vec<QueryEvent>) -> impl IntoView {
    let none = plans.is_empty();
    let events: Vec<_> = events.into_iter().map(event).collect();
    let plans: Vec<_> = plans.into_iter().map(plan).collect();
    view! {
        {none.then(|| view! { <p class="quiet">"No plan yet: the statement could not be planned, or was not tried."</p> })}
        {events}
        {plans}
    }
}
