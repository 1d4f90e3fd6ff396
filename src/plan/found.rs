//! Whether one execution found rows to work on.

use super::node::{Plan, PlanNode};

/// Nodes that may make rows out of none, or hide how many there were.
const ABOVE: [&str; 4] = ["Aggregate", "Limit", "Result", "ProjectSet"];

/// Whether the execution that this plan is of worked on any row: an aggregate over none returns one all the same. Absent
/// where it was not executed.
#[must_use]
pub fn found_rows(plan: &Plan) -> Option<bool> {
    found(&plan.root)
}

fn found(node: &PlanNode) -> Option<bool> {
    let rows = node.actual_rows? * node.actual_loops.unwrap_or(1.0);
    if !ABOVE.contains(&node.node_type.as_str()) {
        return Some(rows > 0.0);
    }
    // What is asked beside (a count for a page, a value for a filter) is no row of the statement.
    let is_input = |child: &&PlanNode| {
        !matches!(child.parent_relationship.as_deref(), Some("InitPlan" | "SubPlan"))
    };
    match node.children.iter().find(is_input) {
        Some(input) => found(input),
        None => Some(rows > 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_plan;
    use super::*;

    fn of(plan: serde_json::Value) -> Option<bool> {
        found_rows(&parse_plan(&serde_json::json!([{ "Plan": plan }])).unwrap())
    }

    #[test]
    fn an_aggregate_over_nothing_found_nothing() {
        let scan = |rows: f64| {
            serde_json::json!({
                "Node Type": "Index Scan", "Parent Relationship": "Outer", "Actual Rows": rows, "Actual Loops": 1
            })
        };
        let count = |rows: f64| {
            serde_json::json!({
                "Node Type": "Aggregate", "Actual Rows": 1, "Actual Loops": 1,
                "Plans": [{ "Node Type": "Seq Scan", "Parent Relationship": "InitPlan", "Actual Rows": 5, "Actual Loops": 1 }, scan(rows)]
            })
        };
        assert_eq!(of(count(0.0)), Some(false));
        assert_eq!(of(count(0.01)), Some(true));
        assert_eq!(of(scan(0.0)), Some(false));
        assert_eq!(of(scan(3.0)), Some(true));
        assert_eq!(of(serde_json::json!({ "Node Type": "Seq Scan" })), None);
    }
}
