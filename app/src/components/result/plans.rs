//! The plans of both arms, side by side, and what differs.

use leptos::prelude::*;
use optischema::figures;
use optischema::model::PlanPair;
use optischema::plan::{PlanChange, diff, parse_plan};

use crate::components::plan_tree::PlanTree;

fn change(change: &PlanChange) -> impl IntoView + use<> {
    let side = |how: &Option<String>, cost: Option<f64>| match how {
        Some(how) => {
            let cost = cost.map_or_else(|| "–".to_owned(), figures::grouped);
            format!("{how}, cost {cost}")
        }
        None => "–".to_owned(),
    };
    view! {
        <tr>
            <td>{change.step.clone()}</td>
            <td>{side(&change.before, change.cost_before)}</td>
            <td>{side(&change.after, change.cost_after)}</td>
        </tr>
    }
}

/// What changed from one plan to another, a line a step; nothing where they have the same shape.
#[component]
pub(crate) fn PlanChanges(changes: Vec<PlanChange>) -> impl IntoView {
    if changes.is_empty() {
        return ().into_any();
    }
    let rows: Vec<_> = changes.iter().map(change).collect();
    view! {
        <div class="scroll" tabindex="0">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Step"</th>
                        <th scope="col">"Before"</th>
                        <th scope="col">"After"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// Both plans.
#[component]
pub(crate) fn ResultPlans(plans: PlanPair, #[prop(into)] provenance: String) -> impl IntoView {
    let both = parse_plan(&plans.baseline).ok().zip(parse_plan(&plans.patched).ok());
    let changes = both.map(|(before, after)| diff(&before, &after).changes).unwrap_or_default();
    let same = changes.is_empty();
    view! {
        <h3>"Plans"</h3>
        <p class="quiet">
            {if same {
                "Both plans have the same shape: the change alters how fast a step is, not which steps are taken."
            } else {
                "What PostgreSQL does differently with the change, step by step; then both plans in full."
            }}
            " " {provenance}
        </p>
        <PlanChanges changes/>
        <div class="pair">
            <div><h4>"Without"</h4><PlanTree plan=plans.baseline/></div>
            <div><h4>"With"</h4><PlanTree plan=plans.patched/></div>
        </div>
    }
}
