//! What a person should notice in a plan: where, the fact, and what follows from it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::exclusive::{Exclusive, exclusive};
use super::node::{Plan, PlanNode};
use crate::figures;
use crate::model::text_enum::text_enum;

text_enum! {
    /// What was noticed.
    pub enum PlanFindingKind ("plan finding") {
        /// The planner expected far more or far fewer rows.
        Misestimate => "misestimate",
        /// A sort, hash or aggregate went to disk.
        Spill => "spill",
        /// A filter threw away most of what was read.
        FilteredRows => "filtered_rows",
        /// A join condition threw away most of what was paired.
        FilteredJoin => "filtered_join",
        /// A bitmap forgot which rows it meant and read whole pages.
        LossyBitmap => "lossy_bitmap",
        /// An index-only scan went to the table all the same.
        HeapFetches => "heap_fetches",
        /// Compilation took a good part of the run.
        Jit => "jit",
        /// Workers that were planned did not start.
        MissingWorkers => "missing_workers",
        /// A whole table was read once for each row of the other side.
        RepeatedScan => "repeated_scan",
    }
}

impl PlanFindingKind {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Misestimate => "Rows misestimated",
            Self::Spill => "Spilled to disk",
            Self::FilteredRows => "Rows read and thrown away",
            Self::FilteredJoin => "Pairs made and thrown away",
            Self::LossyBitmap => "Lossy bitmap",
            Self::HeapFetches => "Index-only scan visits the table",
            Self::Jit => "Compilation is dear",
            Self::MissingWorkers => "Workers missing",
            Self::RepeatedScan => "Table read again and again",
        }
    }
}

/// One thing that was noticed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanFinding {
    pub kind: PlanFindingKind,
    /// The node's place in the plan, parents first, from 0.
    pub node: u32,
    /// The node in words.
    pub label: String,
    pub fact: String,
    pub consequence: String,
    /// The node's own share of the run time, from 0 to 1; absent where times are.
    pub share: Option<f64>,
}

/// An estimate within a factor of ten rarely changes a plan (Leis et al., "How Good Are Query Optimizers,
/// Really?", VLDB 2015, figure 3).
const MISESTIMATE: f64 = 10.0;
/// Fewer rows than this cost nothing worth a word.
const MANY_ROWS: f64 = 1000.0;
/// A hundred rows instead of one can turn a plan over, and so can a hundred visits to a table.
const SOME_ROWS: f64 = 100.0;
/// Nine of ten rows read in vain.
const MOSTLY: f64 = 9.0;
/// A fifth of the run.
const GOOD_PART: f64 = 0.2;
/// Loops of a scan that reads all of its table.
const MANY_LOOPS: f64 = 100.0;

/// Everything worth noticing, in the order of the plan. It needs a plan of `EXPLAIN ANALYZE`; a plan that
/// was only planned has nothing to compare with, and gives what its figures allow.
#[must_use]
pub fn findings(plan: &Plan) -> Vec<PlanFinding> {
    let shares = exclusive(plan);
    let total: f64 = shares.iter().filter_map(|share| share.time_ms).sum();
    let mut found = Vec::new();
    let mut index = 0;
    visit(&plan.root, Context::default(), &mut index, &mut |node, at, context| {
        let share = shares.get(at).and_then(|share| share.time_ms);
        let share = share.filter(|_| total > 0.0).map(|time| time / total);
        for (kind, fact, consequence) in of_node(node, shares.get(at), context) {
            found.push(PlanFinding {
                kind,
                node: u32::try_from(at).unwrap_or(u32::MAX),
                label: node.label(),
                fact,
                consequence,
                share,
            });
        }
    });
    found.extend(of_jit(plan));
    found
}

/// What stands around a node.
#[derive(Debug, Clone, Copy, Default)]
struct Context {
    /// It may be stopped before its end, so fewer rows than expected prove nothing.
    cut_short: bool,
    /// Several processes run it, so its loops are workers.
    parallel: bool,
}

fn visit(
    node: &PlanNode,
    context: Context,
    index: &mut usize,
    call: &mut dyn FnMut(&PlanNode, usize, Context),
) {
    call(node, *index, context);
    *index += 1;
    for child in &node.children {
        let inner = child.parent_relationship.as_deref() == Some("Inner");
        let stops = match node.node_type.as_str() {
            "Limit" | "Merge Join" => true,
            "Nested Loop" => inner && matches!(node.join_type.as_deref(), Some("Semi" | "Anti")),
            _ => matches!(child.parent_relationship.as_deref(), Some("SubPlan" | "InitPlan")),
        };
        let below = Context {
            // A node that must see all of its input before it answers is not cut short.
            cut_short: stops || (context.cut_short && !takes_all(node)),
            parallel: context.parallel || node.workers_planned.is_some(),
        };
        visit(child, below, index, call);
    }
}

fn takes_all(node: &PlanNode) -> bool {
    matches!(node.node_type.as_str(), "Sort" | "Hash" | "Aggregate" | "Materialize" | "WindowAgg")
}

type Noticed = (PlanFindingKind, String, String);

fn of_node(node: &PlanNode, share: Option<&Exclusive>, context: Context) -> Vec<Noticed> {
    [
        misestimate(node, context),
        spill(node, share),
        filtered_rows(node),
        filtered_join(node),
        lossy_bitmap(node),
        heap_fetches(node),
        missing_workers(node),
        repeated_scan(node, context),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn count(value: f64) -> String {
    figures::grouped(value)
}

fn is_misestimated(node: &PlanNode, context: Context) -> Option<(f64, bool)> {
    let (factor, more) = node.misestimate()?;
    let loops = node.actual_loops.unwrap_or(1.0);
    let largest = node.actual_rows?.max(node.plan_rows) * loops;
    (factor >= MISESTIMATE && largest >= SOME_ROWS && (more || !context.cut_short))
        .then_some((factor, more))
}

/// Only where it begins: what stands above inherits it.
fn misestimate(node: &PlanNode, context: Context) -> Option<Noticed> {
    let (factor, more) = is_misestimated(node, context)?;
    let inherited = node.children.iter().any(|child| {
        matches!(is_misestimated(child, context), Some((below, same)) if same == more && below * 3.0 >= factor)
    });
    if inherited {
        return None;
    }
    let fact = format!(
        "{} rows expected, {} came: {}× {}",
        count(node.plan_rows),
        count(node.actual_rows?),
        count(factor),
        if more { "more" } else { "fewer" }
    );
    let consequence = if more {
        "the planner may have chosen a join or an order for few rows that is slow for many"
    } else {
        "the planner may have avoided an index or a nested loop that would have been cheap"
    };
    Some((PlanFindingKind::Misestimate, fact, consequence.to_owned()))
}

fn spill(node: &PlanNode, share: Option<&Exclusive>) -> Option<Noticed> {
    let kib = |kb: f64| figures::bytes((kb * 1024.0) as i64);
    let fact = if let Some(kb) = node.sort_disk_kb {
        let method = node.sort_method.as_deref().unwrap_or("sort");
        format!("{method}: {} on disk", kib(kb))
    } else if let Some(batches) = node.hash_batches.filter(|batches| *batches > 1.0) {
        format!("the hash table did not fit and was split into {} batches", count(batches))
    } else if let Some(kb) = node.disk_usage_kb.filter(|kb| *kb > 0.0) {
        format!("the groups did not fit: {} on disk", kib(kb))
    } else {
        let blocks = share?.temp_blocks.filter(|blocks| *blocks > 0)?;
        format!("{} of temporary files", figures::bytes(blocks.saturating_mul(8192)))
    };
    let consequence = "work_mem is smaller than what this step holds, so it waits for the disk";
    Some((PlanFindingKind::Spill, fact, consequence.to_owned()))
}

fn filtered_rows(node: &PlanNode) -> Option<Noticed> {
    let loops = node.actual_loops?;
    let removed = node.rows_removed_by_filter? * loops;
    let kept = node.actual_rows? * loops;
    if removed < MANY_ROWS || removed < MOSTLY * kept {
        return None;
    }
    let fact = format!("{} rows read, {} kept", count(removed + kept), count(kept));
    let consequence = format!(
        "an index that serves {} would read only what is kept",
        node.filter.as_deref().unwrap_or("the filter")
    );
    Some((PlanFindingKind::FilteredRows, fact, consequence))
}

fn filtered_join(node: &PlanNode) -> Option<Noticed> {
    let loops = node.actual_loops?;
    let removed = node.rows_removed_by_join_filter? * loops;
    let kept = node.actual_rows? * loops;
    if removed < MANY_ROWS || removed < MOSTLY * kept {
        return None;
    }
    let fact = format!("{} pairs compared, {} kept", count(removed + kept), count(kept));
    let consequence =
        "the join compares rows one by one: no equality that a hash or an index could serve";
    Some((PlanFindingKind::FilteredJoin, fact, consequence.to_owned()))
}

fn lossy_bitmap(node: &PlanNode) -> Option<Noticed> {
    let lossy = node.lossy_heap_blocks.filter(|blocks| *blocks > 0.0)?;
    let removed = node.rows_removed_by_recheck.unwrap_or_default();
    let fact = format!(
        "{} pages read whole, {} rows thrown away on recheck",
        count(lossy),
        count(removed)
    );
    let consequence = "work_mem is too small for the bitmap";
    Some((PlanFindingKind::LossyBitmap, fact, consequence.to_owned()))
}

fn heap_fetches(node: &PlanNode) -> Option<Noticed> {
    let fetches = node.heap_fetches?;
    let rows = node.total_rows()?;
    if fetches < SOME_ROWS || fetches * 3.0 < rows {
        return None;
    }
    let fact = format!("{} visits to the table for {} rows", count(fetches), count(rows));
    let consequence = "the visibility map is out of date: VACUUM the table";
    Some((PlanFindingKind::HeapFetches, fact, consequence.to_owned()))
}

fn missing_workers(node: &PlanNode) -> Option<Noticed> {
    let (planned, launched) = (node.workers_planned?, node.workers_launched?);
    if launched >= planned {
        return None;
    }
    let fact = format!("{} workers planned, {} started", count(planned), count(launched));
    let consequence =
        "the server had no worker free: max_parallel_workers is too small for what runs at once";
    Some((PlanFindingKind::MissingWorkers, fact, consequence.to_owned()))
}

fn repeated_scan(node: &PlanNode, context: Context) -> Option<Noticed> {
    let loops = node.actual_loops?;
    if node.node_type != "Seq Scan" || context.parallel || loops < MANY_LOOPS {
        return None;
    }
    let fact = format!("the whole table was read {} times", count(loops));
    let consequence =
        "an index on the column that ties it to the other side would find its rows directly";
    Some((PlanFindingKind::RepeatedScan, fact, consequence.to_owned()))
}

fn of_jit(plan: &Plan) -> Option<PlanFinding> {
    let (spent, total) = (plan.jit?.total_ms?, plan.execution_time_ms?);
    if total <= 0.0 || spent < GOOD_PART * total {
        return None;
    }
    Some(PlanFinding {
        kind: PlanFindingKind::Jit,
        node: 0,
        label: plan.root.label(),
        fact: format!(
            "{} of {} went into compiling the statement",
            figures::milliseconds(spent),
            figures::milliseconds(total)
        ),
        consequence: "jit_above_cost is too low for this statement, or its cost is overestimated"
            .to_owned(),
        share: Some((spent / total).min(1.0)),
    })
}
