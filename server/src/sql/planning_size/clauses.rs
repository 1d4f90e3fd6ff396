//! What clauses say of a query's size: its grouping sets, and WITH queries in an order that is not followed.

use serde_json::Value;

use super::{list, tree};

/// A query of WITH RECURSIVE that another one before it reads.
pub(super) fn named_early(with: Option<&Value>) -> Option<String> {
    let with = with.filter(|with| with.get("recursive").and_then(Value::as_bool) == Some(true))?;
    let names: Vec<&str> = list(with.get("ctes"))
        .filter_map(|cte| cte.get("node")?.get("CommonTableExpr")?.get("ctename")?.as_str())
        .collect();
    for (at, cte) in list(with.get("ctes")).enumerate() {
        let mut read = Vec::new();
        tree::walk(cte, &mut |kind, object| {
            if kind == "RangeVar" {
                read.extend(object.get("relname").and_then(Value::as_str).map(str::to_owned));
            }
        });
        let later = names.get(at + 1..).unwrap_or_default();
        if let Some(name) = read.into_iter().find(|name| later.contains(&name.as_str())) {
            return Some(name);
        }
    }
    None
}

/// How many sets GROUP BY makes.
pub(super) fn grouping_sets(clause: Option<&Value>) -> f64 {
    let sets = list(clause).filter_map(|item| item.get("node")?.get("GroupingSet"));
    let product: f64 = sets.map(sets_of).product();
    if product > 1.0 { product } else { 0.0 }
}

fn sets_of(set: &Value) -> f64 {
    let content = set.get("content");
    let items = list(content).count() as i32;
    match set.get("kind").and_then(Value::as_i64) {
        // GROUPING_SET_ROLLUP, _CUBE, _SETS as the parser numbers them.
        Some(3) => f64::from(items + 1),
        Some(4) => 2_f64.powi(items),
        Some(5) => list(content)
            .map(|item| item.get("node").and_then(|n| n.get("GroupingSet")).map_or(1.0, sets_of))
            .sum(),
        _ => 1.0,
    }
}
