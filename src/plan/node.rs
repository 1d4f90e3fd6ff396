//! The typed tree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One statement's plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub root: PlanNode,
    /// Milliseconds; present with `ANALYZE` (and with `SUMMARY`).
    pub planning_time_ms: Option<f64>,
    /// Milliseconds; present with `ANALYZE`.
    pub execution_time_ms: Option<f64>,
    /// Milliseconds in triggers; present with `ANALYZE`.
    pub trigger_time_ms: Option<f64>,
    pub jit: Option<Jit>,
    /// Settings that differ from their defaults; present with `SETTINGS`.
    pub settings: BTreeMap<String, String>,
    /// The statement, where `auto_explain` wrote the plan.
    pub query_text: Option<String>,
}

/// Just-in-time compilation of one execution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Jit {
    pub functions: f64,
    /// Milliseconds; present with `ANALYZE`.
    pub total_ms: Option<f64>,
}

/// A relation that a node reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlanTable {
    /// Present in verbose plans only.
    pub schema: Option<String>,
    pub name: String,
}

/// One node of a plan. What its version or options did not print is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanNode {
    /// As PostgreSQL names it: `Seq Scan`, `Hash Join`, …
    pub node_type: String,
    /// How the parent uses it: `Outer`, `Inner`, `SubPlan`, `InitPlan`, `Member`, …
    pub parent_relationship: Option<String>,
    /// `Inner`, `Left`, `Semi`, `Anti`, …
    pub join_type: Option<String>,
    /// `Plain`, `Sorted`, `Hashed`, `Mixed`.
    pub strategy: Option<String>,
    /// `Insert`, `Update`, `Delete`, `Merge`.
    pub operation: Option<String>,
    pub table: Option<PlanTable>,
    pub alias: Option<String>,
    pub index_name: Option<String>,
    pub cte_name: Option<String>,
    pub function_name: Option<String>,
    pub subplan_name: Option<String>,
    /// Planner cost units.
    pub startup_cost: f64,
    pub total_cost: f64,
    /// Rows that the planner expects of one execution.
    pub plan_rows: f64,
    /// Rows of one loop, on average, as they came; with `ANALYZE`. Fractional from PostgreSQL 18 on.
    pub actual_rows: Option<f64>,
    pub actual_loops: Option<f64>,
    /// Milliseconds of one loop until the first row, on average.
    pub actual_startup_ms: Option<f64>,
    /// Milliseconds of one loop, children included; with `ANALYZE` and timing.
    pub actual_total_ms: Option<f64>,
    /// Blocks found in shared buffers, children and all loops and workers included; with `BUFFERS`.
    pub shared_hit_blocks: Option<i64>,
    /// Blocks read from disk or the system's cache, likewise.
    pub shared_read_blocks: Option<i64>,
    pub temp_read_blocks: Option<i64>,
    pub temp_written_blocks: Option<i64>,
    pub filter: Option<String>,
    pub index_condition: Option<String>,
    pub recheck_condition: Option<String>,
    pub hash_condition: Option<String>,
    pub merge_condition: Option<String>,
    pub join_filter: Option<String>,
    pub one_time_filter: Option<String>,
    /// Rows of one loop, on average.
    pub rows_removed_by_filter: Option<f64>,
    pub rows_removed_by_join_filter: Option<f64>,
    pub rows_removed_by_recheck: Option<f64>,
    /// Visits to the table by an index-only scan.
    pub heap_fetches: Option<f64>,
    pub exact_heap_blocks: Option<f64>,
    pub lossy_heap_blocks: Option<f64>,
    pub sort_key: Vec<String>,
    pub sort_method: Option<String>,
    /// KiB that a sort wrote to disk, the largest of its processes.
    pub sort_disk_kb: Option<f64>,
    pub group_key: Vec<String>,
    pub hash_batches: Option<f64>,
    /// KiB that a hashed aggregate wrote to disk.
    pub disk_usage_kb: Option<f64>,
    pub workers_planned: Option<f64>,
    pub workers_launched: Option<f64>,
    /// Partitions that were left out at run time.
    pub subplans_removed: Option<f64>,
    /// Whether the planner took it although it was switched off (PostgreSQL 18).
    pub disabled: bool,
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

    /// The node in words: `Index Scan using orders_pkey on orders o`.
    #[must_use]
    pub fn label(&self) -> String {
        let mut label = match self.operation.as_deref() {
            Some(operation) if self.node_type == "ModifyTable" => operation.to_owned(),
            _ => self.node_type.clone(),
        };
        let mut add = |word: &str, name: Option<&str>| {
            if let Some(name) = name {
                label.push_str(word);
                label.push_str(name);
            }
        };
        add(" using ", self.index_name.as_deref());
        let table = self.table.as_ref().map(|table| table.name.as_str());
        add(" on ", table.or(self.cte_name.as_deref()).or(self.function_name.as_deref()));
        let named = table.or(self.cte_name.as_deref()).or(self.function_name.as_deref());
        add(" ", self.alias.as_deref().filter(|alias| named.is_some() && named != Some(alias)));
        label
    }

    /// Whether it joins two inputs.
    #[must_use]
    pub fn is_join(&self) -> bool {
        self.join_type.is_some() || self.node_type == "Nested Loop"
    }

    /// Every condition that the node shows, with the name that PostgreSQL gives it.
    pub fn conditions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("Index Cond", &self.index_condition),
            ("Recheck Cond", &self.recheck_condition),
            ("Hash Cond", &self.hash_condition),
            ("Merge Cond", &self.merge_condition),
            ("Join Filter", &self.join_filter),
            ("Filter", &self.filter),
            ("One-Time Filter", &self.one_time_filter),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }

    /// Rows over all loops.
    #[must_use]
    pub fn total_rows(&self) -> Option<f64> {
        Some(self.actual_rows? * self.actual_loops?)
    }

    /// How far the estimate was off, as a factor of at least 1; and whether there were more rows than
    /// expected. Absent without `ANALYZE`, and where the node never ran.
    #[must_use]
    pub fn misestimate(&self) -> Option<(f64, bool)> {
        let (rows, loops) = (self.actual_rows?, self.actual_loops?);
        if loops <= 0.0 || !rows.is_finite() || !self.plan_rows.is_finite() {
            return None;
        }
        // The planner never expects less than one row.
        let (actual, expected) = (rows.max(1.0), self.plan_rows.max(1.0));
        Some(if actual >= expected {
            (actual / expected, true)
        } else {
            (expected / actual, false)
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
