//! Conditions that the planner multiplies: by partition keys, by indexes, by partitions.

use serde_json::Value;

use std::collections::BTreeMap;

use super::super::tree;

/// Ways in which conditions on partition keys are combined, at most: each takes some 2 kB.
const MOST_WAYS: f64 = 20_000.0;
/// ORs of a statement, at most: each is tried with every index and beside each other.
const MOST_ORS: usize = 400;
/// Conditions under OR times partitions, at most: each takes some 14 kB for three indexes.
const MOST_ARMS_OF_PARTS: usize = 10_000;

/// Why planning could take too much; `parts` are the partitions that the statement reads.
pub(super) fn objection(json: &Value, parts: usize) -> Option<String> {
    let (mut ors, mut arms) = (0, 0_usize);
    let mut compared: BTreeMap<String, f64> = BTreeMap::new();
    tree::walk(json, &mut |kind, object| match kind {
        "BoolExpr" if object.get("boolop").and_then(Value::as_i64) == Some(OR) => {
            ors += 1;
            arms += object.get("args").and_then(Value::as_array).map_or(0, Vec::len);
        }
        "AExpr" => {
            for side in ["lexpr", "rexpr"] {
                let column = object.get(side).and_then(|s| s.get("node")?.get("ColumnRef"));
                if let Some(name) = tree::names(column.and_then(|c| c.get("fields"))).pop() {
                    *compared.entry(name).or_default() += 1.0;
                }
            }
        }
        _ => {}
    });
    let ways: f64 = compared.values().product();
    if parts > 0 && ways > MOST_WAYS {
        return Some(
            "it compares columns many times, and PostgreSQL combines all conditions on the keys of a partitioned table: planning it could take too much of main's memory"
                .to_owned(),
        );
    }
    if ors > MOST_ORS || arms.saturating_mul(parts) > MOST_ARMS_OF_PARTS {
        return Some(format!(
            "it has {ors} ORs of {arms} conditions, and PostgreSQL tries each with every index of every partition: planning it could take too much of main's memory"
        ));
    }
    None
}

/// `OR_EXPR` of the tree.
const OR: i64 = pg_query::protobuf::BoolExprType::OrExpr as i64;
