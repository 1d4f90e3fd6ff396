//! A plan as a tree: what each step does, what the planner expected of it, and what came.

use leptos::prelude::*;
use optischema::model::PlanJson;
use optischema::plan::{Exclusive, Plan, PlanNode, exclusive, findings, parse_plan};

use optischema::figures;

/// What is said of every node, by its place in the tree.
struct Notes {
    shares: Vec<Exclusive>,
    /// Labels of findings, by node.
    marks: Vec<(usize, &'static str)>,
    total_ms: f64,
    total_cost: f64,
}

impl Notes {
    fn of(plan: &Plan) -> Self {
        let shares = exclusive(plan);
        let marks = findings(plan)
            .into_iter()
            .map(|finding| (finding.node as usize, finding.kind.label()))
            .collect();
        let total_ms = shares.iter().filter_map(|share| share.time_ms).sum();
        Self { shares, marks, total_ms, total_cost: plan.root.total_cost }
    }
}

fn figures_of(node: &PlanNode, at: usize, notes: &Notes) -> impl IntoView + use<> {
    let expected = format!("{} rows expected", figures::grouped(node.plan_rows));
    let came = node.actual_rows.zip(node.actual_loops).map(|(rows, loops)| {
        if loops > 1.0 {
            format!("{} came × {}", figures::grouped(rows), figures::grouped(loops))
        } else {
            format!("{} came", figures::grouped(rows))
        }
    });
    let off = node.misestimate().filter(|(factor, _)| *factor >= 10.0).map(|(factor, more)| {
        let word = if more { "more" } else { "fewer" };
        view! { <span class="badge badge-warn">{figures::grouped(factor)} "× " {word}</span> }
    });
    let own = notes.shares.get(at).and_then(|share| share.time_ms).map(|time| {
        let share = if notes.total_ms > 0.0 { 100.0 * time / notes.total_ms } else { 0.0 };
        format!("{} itself ({share:.0} %)", figures::milliseconds(time))
    });
    let below: f64 = node.children.iter().map(|child| child.total_cost).sum();
    let cost_share = if notes.total_cost > 0.0 {
        (100.0 * (node.total_cost - below) / notes.total_cost).clamp(0.0, 100.0)
    } else {
        0.0
    };
    let cost = format!("cost {} ({cost_share:.0} % its own)", figures::grouped(node.total_cost));
    view! {
        <span class="plan-figures">
            <span>{cost}</span>
            <span>{expected}</span>
            {came.map(|came| view! { <span>{came}</span> })}
            {off}
            {own.map(|own| view! { <span>{own}</span> })}
        </span>
    }
}

fn step(node: &PlanNode, next: &mut usize, notes: &Notes) -> AnyView {
    let at = *next;
    *next += 1;
    let marks: Vec<_> = notes
        .marks
        .iter()
        .filter(|(node, _)| *node == at)
        .map(|(_, label)| view! { <span class="badge badge-warn">{*label}</span> })
        .collect();
    let conditions: Vec<_> = node
        .conditions()
        .map(|(name, text)| view! { <span class="plan-condition">{name} ": " <code>{text.to_owned()}</code></span> })
        .collect();
    let role =
        node.subplan_name.clone().map(|name| view! { <span class="quiet">{name} " "</span> });
    let figures = figures_of(node, at, notes);
    let children: Vec<_> = node.children.iter().map(|child| step(child, next, notes)).collect();
    let below = (!children.is_empty()).then(|| view! { <ul>{children}</ul> });
    view! {
        <li>
            <span class="plan-step">{role} <strong>{node.label()}</strong> " " {marks}</span>
            {figures}
            {conditions}
            {below}
        </li>
    }
    .into_any()
}

/// The tree; a value that is no plan says so.
#[component]
pub(crate) fn PlanTree(plan: PlanJson) -> impl IntoView {
    match parse_plan(&plan) {
        Ok(plan) => {
            let notes = Notes::of(&plan);
            let root = step(&plan.root, &mut 0, &notes);
            view! { <div class="scroll" tabindex="0"><ul class="plan-tree">{root}</ul></div> }
                .into_any()
        }
        Err(error) => view! { <p class="notice">{error.to_string()}</p> }.into_any(),
    }
}
