//! Which relations a plan reads.

use super::node::{Plan, PlanTable};

/// Every relation that the plan reads, each once, sorted: through subplans, CTEs and appends too.
#[must_use]
pub fn extract_tables(plan: &Plan) -> Vec<PlanTable> {
    let mut tables: Vec<PlanTable> =
        plan.root.walk().filter_map(|node| node.table.clone()).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// The relations of a verbose plan that lie outside `schema`: a re-targeted statement has none.
/// A relation without a schema counts as outside, since nothing shows where it lies.
#[must_use]
pub fn relations_outside(plan: &Plan, schema: &str) -> Vec<PlanTable> {
    extract_tables(plan)
        .into_iter()
        .filter(|table| table.schema.as_deref() != Some(schema))
        .collect()
}
