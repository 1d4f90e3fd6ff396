//! What changed from one plan of a statement to another, in terms that hold across shapes: how each
//! relation is read, how each set of relations is joined, what is sorted and grouped.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::node::{Plan, PlanNode};

/// One difference. A step that is only in one of the plans has only that side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanChange {
    /// What the step is for: `read orders o`, `join customers, orders`, `sort`, …
    pub step: String,
    pub before: Option<String>,
    pub after: Option<String>,
    /// Planner cost units, children included.
    pub cost_before: Option<f64>,
    pub cost_after: Option<f64>,
}

/// The differences between two plans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanDiff {
    pub cost_before: f64,
    pub cost_after: f64,
    /// Milliseconds; present where both plans were run.
    pub time_before_ms: Option<f64>,
    pub time_after_ms: Option<f64>,
    /// In the order of the second plan; what is gone stands at the end. Empty where the plans have the
    /// same shape.
    pub changes: Vec<PlanChange>,
}

struct Step {
    how: String,
    cost: f64,
}

/// Compares two plans of one statement.
#[must_use]
pub fn diff(before: &Plan, after: &Plan) -> PlanDiff {
    let (old, new) = (steps(&before.root), steps(&after.root));
    let mut changes = Vec::new();
    let mut old: BTreeMap<(String, usize), Step> = old.into_iter().collect();
    for (key, step) in new {
        match old.remove(&key) {
            Some(known) if known.how == step.how => {}
            known => changes.push(PlanChange {
                step: key.0,
                cost_before: known.as_ref().map(|known| known.cost),
                before: known.map(|known| known.how),
                after: Some(step.how),
                cost_after: Some(step.cost),
            }),
        }
    }
    changes.extend(old.into_iter().map(|((step, _), known)| PlanChange {
        step,
        before: Some(known.how),
        after: None,
        cost_before: Some(known.cost),
        cost_after: None,
    }));
    PlanDiff {
        cost_before: before.root.total_cost,
        cost_after: after.root.total_cost,
        time_before_ms: before.execution_time_ms,
        time_after_ms: after.execution_time_ms,
        changes,
    }
}

/// Every step with its purpose, and a number where a purpose comes more than once.
fn steps(root: &PlanNode) -> Vec<((String, usize), Step)> {
    let mut found = Vec::new();
    visit(root, &mut found);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    found
        .into_iter()
        .map(|(purpose, step)| {
            let number = seen.entry(purpose.clone()).or_default();
            *number += 1;
            ((purpose, *number), step)
        })
        .collect()
}

/// Adds a node and what is below it; gives the names of the relations that it draws from.
fn visit(node: &PlanNode, found: &mut Vec<(String, Step)>) -> BTreeSet<String> {
    let place = found.len();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for child in &node.children {
        let below = visit(child, found);
        // A subquery of its own is not among what its user joins.
        if !matches!(child.parent_relationship.as_deref(), Some("SubPlan" | "InitPlan")) {
            names.extend(below);
        }
    }
    let named = node.alias.clone().or_else(|| node.table.as_ref().map(|table| table.name.clone()));
    names.extend(named.clone());
    if let Some(purpose) = purpose(node, named.as_deref(), &names) {
        found.insert(place, (purpose, Step { how: how(node), cost: node.total_cost }));
    }
    names
}

fn purpose(node: &PlanNode, named: Option<&str>, names: &BTreeSet<String>) -> Option<String> {
    let all = || names.iter().cloned().collect::<Vec<_>>().join(", ");
    Some(match node.node_type.as_str() {
        // Parts of the step above them.
        "Hash" | "Bitmap Index Scan" | "BitmapAnd" | "BitmapOr" => return None,
        "Sort" | "Incremental Sort" => format!("sort {}", all()),
        "Aggregate" | "Group" => format!("group {}", all()),
        _ if node.is_join() => format!("join {}", all()),
        _ => match named {
            Some(name) => match &node.table {
                Some(table) if table.name != name => format!("read {} {name}", table.name),
                _ => format!("read {name}"),
            },
            None => format!("{} {}", node.node_type.to_lowercase(), all()).trim_end().to_owned(),
        },
    })
}

fn how(node: &PlanNode) -> String {
    let mut how = match (node.strategy.as_deref(), node.join_type.as_deref()) {
        (Some(strategy), _) if node.node_type == "Aggregate" => format!("{strategy} Aggregate"),
        (_, Some(join)) if join != "Inner" => format!("{} ({join})", node.node_type),
        _ => node.node_type.clone(),
    };
    let below = node.children.iter().filter(|child| child.node_type.starts_with("Bitmap"));
    let indexes: BTreeSet<&str> = std::iter::once(node)
        .chain(below.flat_map(PlanNode::walk))
        .filter_map(|node| node.index_name.as_deref())
        .collect();
    if !indexes.is_empty() && !node.is_join() {
        how.push_str(" using ");
        how.push_str(&indexes.into_iter().collect::<Vec<_>>().join(", "));
    }
    if !node.sort_key.is_empty() {
        how.push_str(" by ");
        how.push_str(&node.sort_key.join(", "));
    }
    how
}
