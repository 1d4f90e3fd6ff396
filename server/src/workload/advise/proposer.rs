//! From what was chosen to proposals.

use std::collections::{BTreeMap, BTreeSet};

use optischema::advisor::partitions::parts_in_order;
use optischema::advisor::rules::{MissingIndex, propose_index};
use optischema::advisor::{
    Costed, IndexSize, Selection, TableWrites, WriteCost, upkeep_of, write_cost,
};
use optischema::model::{Catalog, CatalogTable, Proposal, TableName, TrackedStatement};
use optischema::plan::parse_plan;

use super::building::Trials;
use super::planned::{Planned, PlannerKind};

/// What arithmetic says as factors on the costs that main's planner gives.
pub(super) fn on_main(costed: &Costed, planned: &[Planned<'_>]) -> Costed {
    let of_main = |(number, before, after): &(usize, f64, f64)| {
        let plan = parse_plan(&planned.get(*number)?.plannable.plan).ok()?;
        let cost = plan.root.total_cost;
        (*before > 0.0).then(|| (*number, cost, cost * after / before))
    };
    Costed { effects: costed.effects.iter().filter_map(of_main).collect(), ..costed.clone() }
}

/// Turns choices into proposals, each with a name of its own.
pub(super) struct Proposer<'a> {
    planned: &'a [Planned<'a>],
    tracked: Vec<&'a TrackedStatement>,
    /// The part of the workload that was planned, 0 to 1.
    planned_share: f64,
    writes: &'a BTreeMap<TableName, TableWrites>,
    kind: PlannerKind,
    trials: &'a Trials,
    /// Tables and indexes share one name space in each schema.
    taken: BTreeSet<(String, String)>,
    catalog: &'a Catalog,
}

impl<'a> Proposer<'a> {
    pub fn new(
        catalog: &'a Catalog,
        planned: &'a [Planned<'a>],
        writes: &'a BTreeMap<TableName, TableWrites>,
        (kind, trials): (PlannerKind, &'a Trials),
        selection: &Selection,
    ) -> Self {
        let taken = catalog
            .tables
            .values()
            .flat_map(|table| {
                let names = table.indexes.iter().map(|index| &index.name);
                names
                    .chain(std::iter::once(&table.name.name))
                    .map(|name| (table.name.schema.clone(), name.clone()))
            })
            .collect();
        let tracked = planned.iter().map(|p| p.tracked).collect();
        let planned_share = selection.planned_share;
        Self { planned, tracked, planned_share, writes, kind, trials, taken, catalog }
    }

    pub fn propose(
        &mut self,
        costed: &Costed,
        whole: &BTreeMap<&TableName, CatalogTable>,
        plans: Option<serde_json::Value>,
    ) -> Option<Proposal> {
        let table = whole.get(&costed.candidate.table)?;
        let schema = costed.candidate.table.schema.clone();
        let is_taken = |name: &str| self.taken.contains(&(schema.clone(), name.to_owned()));
        let name = costed.candidate.free_name(is_taken);
        self.taken.insert((schema.clone(), name.clone()));
        // Shown as the table's own counters have it, which cover more than the statements.
        let counted = TableWrites {
            updated_columns: self
                .writes
                .get(&table.name)
                .map(|writes| writes.updated_columns.clone())
                .unwrap_or_default(),
            ..TableWrites::since_reset(table)
        };
        let none = TableWrites::default();
        let writes = self.writes.get(&table.name).unwrap_or(&none);
        let candidate = &costed.candidate;
        let built = self.trials.built_on.get(candidate).copied();
        let cost = |writes: &TableWrites| match built {
            // Reckoned from what was built.
            Some(built) => {
                let entry_bytes = built.bytes as f64 / built.rows.max(1) as f64;
                let rows = table.rows.max(0.0);
                let size = IndexSize { bytes: costed.bytes, entry_bytes, rows };
                Some(upkeep_of(table, candidate, size, writes))
            }
            None => write_cost(table, candidate, writes),
        };
        let with_calls = cost(writes).map(|cost| cost.writes());
        let kind = if built.is_some() { PlannerKind::Built } else { self.kind };
        let lacking = self.trials.extensions.get(candidate);
        propose_index(&MissingIndex {
            costed,
            table,
            name: &name,
            statements: &self.tracked,
            is_suspect: costed.effects.first().is_some_and(|(number, _, _)| {
                self.planned.get(*number).is_some_and(|planned| planned.is_suspect)
            }),
            planned_share: self.planned_share,
            plans,
            method: kind.method(),
            provenance: kind.provenance(),
            worth: kind.worth(),
            write_cost: cost(&counted).map(|cost| WriteCost { with_calls, ..cost }),
            lacking: lacking.map(Vec::as_slice).unwrap_or_default(),
            built,
            partitions: &parts_in_order(self.catalog, candidate),
        })
    }
}
