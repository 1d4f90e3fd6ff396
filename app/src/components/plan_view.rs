//! A plan as an indented tree.

use leptos::prelude::*;
use optischema::plan::{PlanNode, parse_plan};

use optischema::figures;

fn lines(node: &PlanNode, depth: usize, out: &mut String) {
    out.push_str(&"  ".repeat(depth));
    if depth > 0 {
        out.push_str("→ ");
    }
    out.push_str(&node.node_type);
    if let Some(index) = &node.index_name {
        out.push_str(&format!(" using {index}"));
    }
    if let Some(table) = &node.table {
        out.push_str(&format!(" on {}", table.name));
    }
    out.push_str(&format!("  cost {}", figures::grouped(node.total_cost)));
    match (node.actual_rows, node.actual_loops, node.actual_total_ms) {
        (Some(rows), Some(loops), Some(time)) => out.push_str(&format!(
            "  rows {}  time {}",
            figures::grouped(rows * loops),
            figures::milliseconds(time * loops)
        )),
        _ => out.push_str(&format!("  rows {}", figures::grouped(node.plan_rows))),
    }
    for detail in [&node.index_condition, &node.filter].into_iter().flatten() {
        out.push('\n');
        out.push_str(&"  ".repeat(depth + 2));
        out.push_str(detail);
    }
    for child in &node.children {
        out.push('\n');
        lines(child, depth + 1, out);
    }
}

/// One plan with its caption; a value that is no plan says so.
#[component]
pub(crate) fn PlanView(
    #[prop(into)] caption: String,
    plan: optischema::model::PlanJson,
) -> impl IntoView {
    let text = match parse_plan(&plan) {
        Ok(plan) => {
            let mut text = String::new();
            lines(&plan.root, 0, &mut text);
            text
        }
        Err(error) => error.to_string(),
    };
    view! {
        <figure class="sql plan">
            <figcaption>{caption}</figcaption>
            <pre tabindex="0">{text}</pre>
        </figure>
    }
}
