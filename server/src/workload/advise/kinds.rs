//! Candidates of every kind of index that the operator classes of the database offer for what plans test rows by.

use std::collections::BTreeMap;

use optischema::advisor::{Clause, IndexCandidate, Wanted, by_class};
use optischema::model::{Catalog, RejectedCandidate};
use optischema::plan::parse_plan;

use super::indexes::Planned;
use crate::sql;

/// What operator classes could serve.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// Those that a planner can be asked about without building them.
    pub hypothetical: BTreeMap<IndexCandidate, Wanted>,
    pub to_build: BTreeMap<IndexCandidate, Wanted>,
    pub rejected: Vec<RejectedCandidate>,
}

/// `known` are candidates that need no class but a type's own: the same index is not made twice.
pub(super) fn kinds(
    catalog: &Catalog,
    planned: &[Planned<'_>],
    known: &BTreeMap<IndexCandidate, Vec<usize>>,
) -> Kinds {
    let clauses: Vec<Vec<Clause>> = planned
        .iter()
        .map(|planned| match parse_plan(&planned.plannable.plan) {
            Ok(plan) => {
                let mut clauses = sql::clauses(&plan, catalog);
                // Behind a policy no other condition is searched by but the plainest.
                let under = planned.plannable.under.as_ref();
                clauses.retain(|clause| !under.is_some_and(|u| u.tables.contains(&clause.table)));
                clauses
            }
            Err(_) => Vec::new(),
        })
        .collect();
    let (all, mut rejected) = by_class(catalog, &clauses);
    let (mut hypothetical, mut to_build) = (BTreeMap::new(), BTreeMap::new());
    for (candidate, wanted) in all {
        let create = candidate.create_sql(false);
        let existing = catalog.tables.get(&candidate.table).into_iter();
        let mut existing = existing.flat_map(|table| &table.indexes);
        let same =
            existing.find(|index| index.valid && sql::is_same_index(&create, &index.definition));
        let mut beside = known.keys().filter(|known| known.table == candidate.table);
        if beside.any(|known| sql::is_same_index(&create, &known.create_sql(false))) {
            continue;
        }
        if let Some(index) = same {
            let reason = format!("the index {} is this one already", index.name);
            rejected.push(RejectedCandidate::of(&candidate, reason));
        } else if candidate.method.is_hypothetical() {
            hypothetical.insert(candidate, wanted);
        } else {
            to_build.insert(candidate, wanted);
        }
    }
    Kinds { hypothetical, to_build, rejected }
}
