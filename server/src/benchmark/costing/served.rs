//! What an index that was built does for a statement: by its plans, and by what a run of it touches.

use optischema::advisor::IndexMethod;
use optischema::plan::Plan;
use serde_json::Value;

use crate::workload::BuiltEffect;

/// A plan, as it was read and as it was printed.
pub(super) type Planning = (Plan, Value);

/// What a run of a statement did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran {
    /// Blocks that it touched.
    pub blocks: i64,
    /// Rows that it returned.
    pub rows: f64,
}

impl Ran {
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        Some(Self { blocks: plan.shared_blocks()?, rows: plan.root.actual_rows? })
    }
}

/// What an index does for a statement, before it is told by a run.
#[derive(Debug)]
pub(super) struct Served {
    pub statement: usize,
    /// Of each set of values, with its weight: the cost before and after, and whether the plan uses the index.
    costs: Vec<(f64, f64, f64, bool)>,
    /// The first set of values whose plan uses it, and its plans.
    pub shown: usize,
    plans: (Value, Value),
    /// What its run did.
    pub ran: Option<Ran>,
}

impl Served {
    /// Absent where no plan uses the index.
    pub(super) fn of(
        statement: usize,
        (before, after): (&[Option<Planning>], &[Option<Planning>]),
        weights: &[f64],
        index: &str,
    ) -> Option<Self> {
        let (mut costs, mut shown) = (Vec::new(), None);
        for (at, (before, after)) in before.iter().zip(after).enumerate() {
            let (Some((before, before_json)), Some((after, after_json))) = (before, after) else {
                continue;
            };
            // An index of a partitioned table has names of its own in each part.
            let uses =
                after.indexes().iter().any(|name| *name == index || is_part_of(name, before));
            if uses && shown.is_none() {
                shown = Some((at, (before_json.clone(), after_json.clone())));
            }
            let weight = weights.get(at).copied().unwrap_or(1.0);
            costs.push((weight, before.root.total_cost, after.root.total_cost, uses));
        }
        let (shown, plans) = shown?;
        Some(Self { statement, costs, shown, plans, ran: None })
    }

    /// The mean over the sets of values. What a planner says of trees that it cannot look into is a guess: a run without
    /// and one with the index tell how many blocks each touches, and no index is thought better than that.
    pub(super) fn effect(self, method: IndexMethod, ran: Option<(Ran, Ran)>) -> BuiltEffect {
        let share = ran.map(|(before, after)| after.blocks as f64 / before.blocks as f64);
        let told = |before: f64, after: f64| match (method, share) {
            // They visit a block for every few rows, and what is saved are the distances of all others.
            (IndexMethod::Hnsw | IndexMethod::Ivfflat, _) | (_, None) => after,
            // The planner reckons with a column's correlation and not with what an entry says of its range: it uses such
            // an index, and expects nearly nothing of it.
            (IndexMethod::Brin, Some(share)) => before * share.min(1.0),
            (_, Some(share)) => after.max(before * share.min(1.0)),
        };
        let old = self.costs.iter().map(|(weight, before, ..)| weight * before).sum();
        let new = self.costs.iter().map(|(weight, before, after, uses)| {
            weight * if *uses { told(*before, *after) } else { *after }
        });
        BuiltEffect { statement: self.statement, before: old, after: new.sum(), plans: self.plans }
    }
}

/// Whether a plan had no such index before.
fn is_part_of(name: &str, before: &Plan) -> bool {
    !before.indexes().contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(method: IndexMethod, after: i64) -> (f64, f64) {
        let ran = |blocks| Ran { blocks, rows: 1.0 };
        let served = Served {
            statement: 0,
            // A search that ends at its limit soon, and one that finds a row in all of them.
            costs: vec![(1.0, 10.0, 10.0, false), (2.0, 1000.0, 20.0, true)],
            shown: 1,
            plans: (Value::Null, Value::Null),
            ran: Some(ran(after)),
        };
        let effect = served.effect(method, Some((ran(500), ran(after))));
        (effect.before, effect.after)
    }

    #[test]
    fn a_run_tells_of_the_values_whose_plan_uses_the_index() {
        // As many blocks as before: those values gain nothing, whatever the planner says.
        assert_eq!(effect(IndexMethod::Gin, 500), (2010.0, 2010.0));
        assert_eq!(effect(IndexMethod::Gin, 50), (2010.0, 210.0));
        // Never better than the planner says, but for BRIN.
        assert_eq!(effect(IndexMethod::Gin, 5), (2010.0, 50.0));
        assert_eq!(effect(IndexMethod::Brin, 5), (2010.0, 30.0));
        assert_eq!(effect(IndexMethod::Hnsw, 500), (2010.0, 50.0));
        assert_eq!(effect(IndexMethod::Gist, 5000), (2010.0, 2010.0));
    }
}
