//! What each node itself costs, without what stands below it.
//!
//! PostgreSQL's figures include children. Times are averages of one loop, and below a `Gather` the loops of
//! several processes ran side by side; buffers are sums over loops and processes. A CTE's time lies in the
//! scan that pulls its rows, and an InitPlan's in the node that first needs its value, wherever the two are
//! printed. So every node but the root is charged to exactly one other node, and a share is what a node has
//! less what is charged to it: the shares sum to the root's total by construction.

use super::node::{Plan, PlanNode};

/// What one node itself took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Exclusive {
    /// Milliseconds of elapsed time; absent without `ANALYZE` and timing.
    pub time_ms: Option<f64>,
    /// Shared blocks hit and read; absent without `BUFFERS`.
    pub shared_blocks: Option<i64>,
    /// Temporary blocks read and written.
    pub temp_blocks: Option<i64>,
}

struct Entry<'a> {
    node: &'a PlanNode,
    parent: Option<usize>,
    /// One past the last node of its subtree.
    end: usize,
    /// The node that its figures lie in.
    charged: Option<usize>,
    /// How many processes ran its loops side by side.
    processes: f64,
}

impl Entry<'_> {
    fn elapsed(&self) -> f64 {
        let loops = self.node.actual_loops.unwrap_or(1.0);
        let time = self.node.actual_total_ms.unwrap_or_default() * loops / self.processes;
        if time.is_finite() { time.max(0.0) } else { 0.0 }
    }
}

/// The share of every node, in the order of [`PlanNode::walk`].
#[must_use]
pub fn exclusive(plan: &Plan) -> Vec<Exclusive> {
    let mut entries = Vec::new();
    flatten(&plan.root, None, 1.0, &mut entries);
    for index in 1..entries.len() {
        if let Some(holder) = holder_of(&entries, index)
            && !leads_to(&entries, holder, index)
        {
            entries[index].charged = Some(holder);
        }
    }
    let charges = charges(&entries);
    let times = plan.root.actual_total_ms.is_some().then(|| shares_of_time(&entries, &charges));
    let blocks = |of: fn(&PlanNode) -> Option<i64>| {
        of(&plan.root).is_some().then(|| shares_of_blocks(&entries, &charges, of))
    };
    let shared =
        blocks(|node| Some(node.shared_hit_blocks?.saturating_add(node.shared_read_blocks?)));
    let temp =
        blocks(|node| Some(node.temp_read_blocks?.saturating_add(node.temp_written_blocks?)));
    (0..entries.len())
        .map(|index| Exclusive {
            time_ms: times.as_ref().map(|times| times[index]),
            shared_blocks: shared.as_ref().map(|blocks| blocks[index]),
            temp_blocks: temp.as_ref().map(|blocks| blocks[index]),
        })
        .collect()
}

fn flatten<'a>(
    node: &'a PlanNode,
    parent: Option<usize>,
    processes: f64,
    entries: &mut Vec<Entry<'a>>,
) {
    let index = entries.len();
    entries.push(Entry { node, parent, end: index + 1, charged: parent, processes });
    for child in &node.children {
        let gathered = matches!(node.node_type.as_str(), "Gather" | "Gather Merge")
            && child.parent_relationship.as_deref() != Some("InitPlan");
        let below = if gathered {
            let loops = |node: &PlanNode| node.actual_loops.filter(|loops| *loops >= 1.0);
            match (loops(child), loops(node)) {
                (Some(child), Some(own)) => (child / own).max(1.0),
                _ => 1.0,
            }
        } else {
            processes
        };
        flatten(child, Some(index), below, entries);
    }
    entries[index].end = entries.len();
}

/// Where the figures of a CTE or InitPlan lie; absent for every other node.
fn holder_of(entries: &[Entry<'_>], index: usize) -> Option<usize> {
    let entry = &entries[index];
    let parent = entry.parent?;
    if entry.node.parent_relationship.as_deref() != Some("InitPlan") {
        return None;
    }
    let name = entry.node.subplan_name.as_deref()?;
    let outside = (parent..entries[parent].end).filter(|other| !(index..entry.end).contains(other));
    if let Some(cte) = name.strip_prefix("CTE ") {
        return outside
            .filter(|other| {
                let node = entries[*other].node;
                node.node_type == "CTE Scan" && node.cte_name.as_deref() == Some(cte)
            })
            .max_by(|a, b| entries[*a].elapsed().total_cmp(&entries[*b].elapsed()));
    }
    let marks = parameter_marks(name);
    outside
        .filter(|other| entries[*other].node.conditions().any(|(_, text)| mentions(text, &marks)))
        .max_by(|a, b| room(entries, *a).total_cmp(&room(entries, *b)))
}

/// How conditions name an InitPlan's value: `$0` before PostgreSQL 17, `(InitPlan 1).col1` since.
fn parameter_marks(subplan_name: &str) -> Vec<String> {
    let mut marks = Vec::new();
    let plain = subplan_name.split(" (returns ").next().unwrap_or(subplan_name);
    marks.push(format!("({plain}).col"));
    if let Some((_, returned)) = subplan_name.split_once("(returns ") {
        marks.extend(returned.trim_end_matches(')').split(',').map(|mark| mark.trim().to_owned()));
    }
    marks
}

fn mentions(text: &str, marks: &[String]) -> bool {
    marks.iter().any(|mark| {
        !mark.is_empty()
            && text.match_indices(mark.as_str()).any(|(at, _)| {
                // `$1` is not a part of `$10`.
                let next = text[at + mark.len()..].chars().next();
                mark.ends_with(".col") || !next.is_some_and(|c| c.is_ascii_digit())
            })
    })
}

/// The time of a node that its children do not explain.
fn room(entries: &[Entry<'_>], index: usize) -> f64 {
    let children = entries.iter().filter(|entry| entry.parent == Some(index));
    entries[index].elapsed() - children.map(Entry::elapsed).sum::<f64>()
}

/// Whether charges lead from one node to another: charging that other to the first would go in circles.
fn leads_to(entries: &[Entry<'_>], from: usize, to: usize) -> bool {
    let mut at = Some(from);
    let mut steps = 0;
    while let Some(index) = at {
        if index == to || steps > entries.len() {
            return true;
        }
        at = entries[index].charged;
        steps += 1;
    }
    false
}

fn charges(entries: &[Entry<'_>]) -> Vec<Vec<usize>> {
    let mut charges = vec![Vec::new(); entries.len()];
    for (index, entry) in entries.iter().enumerate() {
        if let Some(holder) = entry.charged {
            charges[holder].push(index);
        }
    }
    charges
}

/// Gives every node its total from above, and keeps what its charges do not take. Where rounding makes the
/// charges larger than what holds them, they shrink in proportion.
fn shares_of_time(entries: &[Entry<'_>], charges: &[Vec<usize>]) -> Vec<f64> {
    let mut total = vec![0.0; entries.len()];
    let mut own = vec![0.0; entries.len()];
    total[0] = entries[0].elapsed();
    let mut waiting = vec![0];
    while let Some(index) = waiting.pop() {
        let asked: f64 = charges[index].iter().map(|charge| entries[*charge].elapsed()).sum();
        let shrink = if asked > total[index] { total[index] / asked } else { 1.0 };
        for &charge in &charges[index] {
            total[charge] = entries[charge].elapsed() * shrink;
            waiting.push(charge);
        }
        own[index] = (total[index] - asked * shrink).max(0.0);
    }
    own
}

fn shares_of_blocks(
    entries: &[Entry<'_>],
    charges: &[Vec<usize>],
    of: fn(&PlanNode) -> Option<i64>,
) -> Vec<i64> {
    let blocks = |index: usize| of(entries[index].node).unwrap_or_default().max(0);
    let mut own = vec![0; entries.len()];
    let mut waiting = vec![(0, blocks(0))];
    while let Some((index, total)) = waiting.pop() {
        let mut left = total;
        for &charge in &charges[index] {
            let given = blocks(charge).min(left);
            left -= given;
            waiting.push((charge, given));
        }
        own[index] = left;
    }
    own
}
