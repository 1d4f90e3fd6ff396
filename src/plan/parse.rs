//! Reading the JSON.

use serde_json::Value;
use thiserror::Error;

use super::node::{Jit, Plan, PlanNode, PlanTable};

/// Nesting beyond this is refused: the tree is walked recursively, and JSON parsers stop near here too.
pub const MAX_DEPTH: usize = 60;

/// Why a value is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    #[error("the plan is not JSON: {0}")]
    NotJson(String),
    #[error("the plan has no \"Plan\" object: it is not the output of EXPLAIN (FORMAT JSON)")]
    NotAPlan,
    #[error("a node of the plan has no \"Node Type\"")]
    NoNodeType,
    #[error("the plan is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// Reads the text that `EXPLAIN (FORMAT JSON)` printed.
///
/// # Errors
/// The text is no JSON, or no plan.
pub fn parse_plan_text(text: &str) -> Result<Plan, PlanError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        // The parser's own limit on nesting has no kind of its own.
        if error.to_string().contains("recursion limit") {
            PlanError::TooDeep
        } else {
            PlanError::NotJson(error.to_string())
        }
    })?;
    parse_plan(&value)
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
        trigger_time_ms: triggers(statement),
        jit: jit(statement),
        settings: settings(statement),
        query_text: text(statement, "Query Text"),
    })
}

fn triggers(statement: &Value) -> Option<f64> {
    let triggers = statement.get("Triggers")?.as_array()?;
    Some(triggers.iter().filter_map(|trigger| number(trigger, "Time")).sum())
}

fn jit(statement: &Value) -> Option<Jit> {
    let jit = statement.get("JIT").filter(|jit| jit.is_object())?;
    let timing = jit.get("Timing");
    Some(Jit {
        functions: number(jit, "Functions").unwrap_or_default(),
        total_ms: timing.and_then(|timing| number(timing, "Total")),
    })
}

fn settings(statement: &Value) -> std::collections::BTreeMap<String, String> {
    let entries = statement.get("Settings").and_then(Value::as_object);
    entries
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
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
        join_type: text(value, "Join Type"),
        strategy: text(value, "Strategy"),
        operation: text(value, "Operation"),
        table: text(value, "Relation Name")
            .map(|name| PlanTable { schema: text(value, "Schema"), name }),
        alias: text(value, "Alias"),
        index_name: text(value, "Index Name"),
        cte_name: text(value, "CTE Name"),
        function_name: text(value, "Function Name"),
        subplan_name: text(value, "Subplan Name"),
        startup_cost: number(value, "Startup Cost").unwrap_or_default(),
        total_cost: number(value, "Total Cost").unwrap_or_default(),
        plan_rows: number(value, "Plan Rows").unwrap_or_default(),
        actual_rows: number(value, "Actual Rows"),
        actual_loops: number(value, "Actual Loops"),
        actual_startup_ms: number(value, "Actual Startup Time"),
        actual_total_ms: number(value, "Actual Total Time"),
        shared_hit_blocks: integer(value, "Shared Hit Blocks"),
        shared_read_blocks: integer(value, "Shared Read Blocks"),
        temp_read_blocks: integer(value, "Temp Read Blocks"),
        temp_written_blocks: integer(value, "Temp Written Blocks"),
        filter: text(value, "Filter"),
        index_condition: text(value, "Index Cond"),
        recheck_condition: text(value, "Recheck Cond"),
        hash_condition: text(value, "Hash Cond"),
        merge_condition: text(value, "Merge Cond"),
        join_filter: text(value, "Join Filter"),
        one_time_filter: text(value, "One-Time Filter"),
        rows_removed_by_filter: number(value, "Rows Removed by Filter"),
        rows_removed_by_join_filter: number(value, "Rows Removed by Join Filter"),
        rows_removed_by_recheck: number(value, "Rows Removed by Index Recheck"),
        heap_fetches: number(value, "Heap Fetches"),
        exact_heap_blocks: number(value, "Exact Heap Blocks"),
        lossy_heap_blocks: number(value, "Lossy Heap Blocks"),
        sort_key: texts(value, "Sort Key"),
        sort_method: text(value, "Sort Method"),
        sort_disk_kb: sort_disk(value),
        group_key: texts(value, "Group Key"),
        hash_batches: number(value, "Hash Batches"),
        disk_usage_kb: largest(value, "Disk Usage"),
        workers_planned: number(value, "Workers Planned"),
        workers_launched: number(value, "Workers Launched"),
        subplans_removed: number(value, "Subplans Removed"),
        disabled: value.get("Disabled").and_then(Value::as_bool).unwrap_or(false),
        children,
    })
}

/// A figure of the node or of one of its workers, the largest.
fn largest(value: &Value, key: &str) -> Option<f64> {
    let workers = value.get("Workers").and_then(Value::as_array).into_iter().flatten();
    workers
        .chain(std::iter::once(value))
        .filter_map(|process| number(process, key))
        .max_by(f64::total_cmp)
}

/// KiB that a sort wrote: a plain one says it by its space's type, an incremental one by its groups.
fn sort_disk(value: &Value) -> Option<f64> {
    let workers = value.get("Workers").and_then(Value::as_array).into_iter().flatten();
    let plain = workers.chain(std::iter::once(value)).filter_map(|process| {
        (text(process, "Sort Space Type")? == "Disk").then(|| number(process, "Sort Space Used"))?
    });
    let groups = ["Full-sort Groups", "Pre-sorted Groups"].into_iter().filter_map(|groups| {
        number(value.get(groups)?.get("Sort Space Disk")?, "Peak Sort Space Used")
    });
    plain.chain(groups).max_by(f64::total_cmp)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let items = value.get(key).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
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
            "Plan": {"Node Type": "Quantum Scan", "Novelty": [1], "Total Cost": "cheap",
                     "Workers": 7, "Sort Key": {"a": 1}, "Full-sort Groups": null},
            "Surprise": true, "JIT": "on", "Triggers": {}, "Settings": []
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
        for text in ["", "Seq Scan on t  (cost=0.00..1.00)", "[{\"Plan\": "] {
            assert!(matches!(parse_plan_text(text), Err(PlanError::NotJson(_))), "{text}");
        }
    }

    #[test]
    fn a_plan_nested_without_end_is_refused() {
        let mut inner = json!({"Node Type": "Limit"});
        for _ in 0..200 {
            inner = json!({"Node Type": "Limit", "Plans": [inner]});
        }
        let plan = json!({"Plan": inner});
        assert_eq!(parse_plan(&plan), Err(PlanError::TooDeep));
        assert_eq!(parse_plan_text(&plan.to_string()), Err(PlanError::TooDeep));
    }
}
