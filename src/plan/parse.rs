//! Reading the JSON.

use serde_json::Value;
use thiserror::Error;

use super::node::{Plan, PlanNode, PlanTable};

/// Nesting beyond this is refused: real plans stay far below it, and the tree is walked recursively.
const MAX_DEPTH: usize = 150;

/// Why a value is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    #[error("the plan has no \"Plan\" object: it is not the output of EXPLAIN (FORMAT JSON)")]
    NotAPlan,
    #[error("a node of the plan has no \"Node Type\"")]
    NoNodeType,
    #[error("the plan is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// Reads what `EXPLAIN (FORMAT JSON)` returned: an array of one object, or that object.
///
/// # Errors
/// The value is no plan. Unknown node types and fields are not an error.
pub fn parse_plan(value: &Value) -> Result<Plan, PlanError> {
    let statement = match value {
        Value::Array(items) => items.first().ok_or(PlanError::NotAPlan)?,
        other => other,
    };
    let root = statement.get("Plan").filter(|plan| plan.is_object()).ok_or(PlanError::NotAPlan)?;
    Ok(Plan {
        root: node(root, 0)?,
        planning_time_ms: number(statement, "Planning Time"),
        execution_time_ms: number(statement, "Execution Time"),
    })
}

fn node(value: &Value, depth: usize) -> Result<PlanNode, PlanError> {
    if depth > MAX_DEPTH {
        return Err(PlanError::TooDeep);
    }
    let children = match value.get("Plans") {
        Some(Value::Array(plans)) => {
            plans.iter().map(|plan| node(plan, depth + 1)).collect::<Result<_, _>>()?
        }
        _ => Vec::new(),
    };
    Ok(PlanNode {
        node_type: text(value, "Node Type").ok_or(PlanError::NoNodeType)?,
        parent_relationship: text(value, "Parent Relationship"),
        table: text(value, "Relation Name")
            .map(|name| PlanTable { schema: text(value, "Schema"), name }),
        alias: text(value, "Alias"),
        index_name: text(value, "Index Name"),
        cte_name: text(value, "CTE Name"),
        subplan_name: text(value, "Subplan Name"),
        startup_cost: number(value, "Startup Cost").unwrap_or_default(),
        total_cost: number(value, "Total Cost").unwrap_or_default(),
        plan_rows: number(value, "Plan Rows").unwrap_or_default(),
        actual_rows: number(value, "Actual Rows"),
        actual_loops: number(value, "Actual Loops"),
        actual_total_ms: number(value, "Actual Total Time"),
        shared_hit_blocks: integer(value, "Shared Hit Blocks"),
        shared_read_blocks: integer(value, "Shared Read Blocks"),
        filter: text(value, "Filter"),
        index_condition: text(value, "Index Cond"),
        children,
    })
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn number(value: &Value, key: &str) -> Option<f64> {
    value.get(key).and_then(Value::as_f64)
}

fn integer(value: &Value, key: &str) -> Option<i64> {
    value.get(key).and_then(Value::as_i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_nodes_and_fields_never_fail() {
        let plan = parse_plan(&json!([{
            "Plan": {"Node Type": "Quantum Scan", "Novelty": [1], "Total Cost": "cheap"},
            "Surprise": true
        }]))
        .unwrap();
        assert_eq!(plan.root.node_type, "Quantum Scan");
        assert_eq!(plan.root.total_cost, 0.0);
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        for value in [json!(null), json!([]), json!({}), json!([{"Plan": 1}]), json!("Seq Scan")] {
            assert_eq!(parse_plan(&value), Err(PlanError::NotAPlan), "{value}");
        }
        assert_eq!(parse_plan(&json!({"Plan": {}})), Err(PlanError::NoNodeType));
    }

    #[test]
    fn a_plan_nested_without_end_is_refused() {
        let mut inner = json!({"Node Type": "Limit"});
        for _ in 0..200 {
            inner = json!({"Node Type": "Limit", "Plans": [inner]});
        }
        assert_eq!(parse_plan(&json!({"Plan": inner})), Err(PlanError::TooDeep));
    }
}
