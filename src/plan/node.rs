//! The typed tree.

use serde::{Deserialize, Serialize};

/// One statement's plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub root: PlanNode,
    /// Milliseconds; present with `ANALYZE` (and with `SUMMARY`).
    pub planning_time_ms: Option<f64>,
    /// Milliseconds; present with `ANALYZE`.
    pub execution_time_ms: Option<f64>,
}

/// A relation that a node reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlanTable {
    /// Present in verbose plans only.
    pub schema: Option<String>,
    pub name: String,
}

/// One node of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanNode {
    /// As PostgreSQL names it: `Seq Scan`, `Hash Join`, …
    pub node_type: String,
    /// How the parent uses it: `Outer`, `Inner`, `SubPlan`, `InitPlan`, `Member`, …
    pub parent_relationship: Option<String>,
    pub table: Option<PlanTable>,
    pub alias: Option<String>,
    pub index_name: Option<String>,
    pub cte_name: Option<String>,
    pub subplan_name: Option<String>,
    /// Planner cost units.
    pub startup_cost: f64,
    pub total_cost: f64,
    /// Rows that the planner expects of one execution.
    pub plan_rows: f64,
    /// Rows of one loop, on average, as they came; with `ANALYZE`.
    pub actual_rows: Option<f64>,
    pub actual_loops: Option<f64>,
    /// Milliseconds of one loop, children included; with `ANALYZE` and timing.
    pub actual_total_ms: Option<f64>,
    /// Blocks found in shared buffers, children included; with `BUFFERS`.
    pub shared_hit_blocks: Option<i64>,
    /// Blocks read from disk or the system's cache, children included; with `BUFFERS`.
    pub shared_read_blocks: Option<i64>,
    pub filter: Option<String>,
    pub index_condition: Option<String>,
    pub children: Vec<PlanNode>,
}

impl PlanNode {
    /// The node and everything below it, parents first.
    pub fn walk(&self) -> impl Iterator<Item = &PlanNode> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            let node = waiting.pop()?;
            waiting.extend(node.children.iter().rev());
            Some(node)
        })
    }
}

impl Plan {
    /// Shared blocks that the statement touched: hit and read.
    #[must_use]
    pub fn shared_blocks(&self) -> Option<i64> {
        Some(self.root.shared_hit_blocks? + self.root.shared_read_blocks?)
    }

    /// The names of the indexes that the plan uses, each once.
    #[must_use]
    pub fn indexes(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.root.walk().filter_map(|node| node.index_name.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What makes two plans the same: node types, relations and indexes, but no figures.
    #[must_use]
    pub fn outline(&self) -> String {
        fn write(node: &PlanNode, out: &mut String) {
            out.push('(');
            out.push_str(&node.node_type);
            for part in [
                node.table.as_ref().map(|table| table.name.as_str()),
                node.index_name.as_deref(),
                node.cte_name.as_deref(),
            ]
            .into_iter()
            .flatten()
            {
                out.push(' ');
                out.push_str(part);
            }
            for child in &node.children {
                write(child, out);
            }
            out.push(')');
        }
        let mut out = String::new();
        write(&self.root, &mut out);
        out
    }
}
