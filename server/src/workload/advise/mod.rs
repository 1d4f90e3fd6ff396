//! From what was collected to proposals: candidates, what-if costs on main's planner, rules.

mod writes;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use optischema::advisor::rules::{MissingIndex, propose_index};
use optischema::advisor::{
    Choice, Costed, IndexCandidate, Limits, Priced, Selection, TableWrites, WeightedStatement,
    generate, index_size, select_indexes, write_cost,
};
use optischema::model::{
    Binding, Catalog, PlannableStatement, Proposal, RejectedCandidate, StatementReport,
    TrackedStatement,
};

use super::collector::Collection;
use crate::postgres::{HypoOracle, MainSession, PgFailure, has_hypopg};
use crate::sql::{self, Statement};

/// What the advisor says of a collection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Advice {
    pub proposals: Vec<Proposal>,
    pub rejected: Vec<RejectedCandidate>,
    /// Every statement, and whether it could be planned.
    pub statements: Vec<StatementReport>,
    /// Why there is less advice than there could be.
    pub notes: Vec<String>,
    pub effort: Effort,
}

/// Within what to advise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdviseLimits {
    /// Storage for all new indexes, in bytes.
    pub budget: Option<i64>,
    /// How long the planner may be asked.
    pub deadline: Duration,
}

impl Default for AdviseLimits {
    fn default() -> Self {
        Self { budget: None, deadline: Duration::from_secs(10) }
    }
}

/// Advises. Without HypoPG nothing can be costed on main, and no index is proposed.
///
/// # Errors
/// Main is out of reach.
pub async fn advise(
    session: &mut MainSession,
    collection: &Collection,
    limits: AdviseLimits,
) -> Result<Advice, PgFailure> {
    let planned: Vec<(&TrackedStatement, &PlannableStatement, Vec<Statement>)> = collection
        .statements
        .iter()
        .filter_map(|tracked| {
            let plannable = tracked.plannable.as_ref().ok()?;
            let bound: Option<Vec<Statement>> =
                costed(plannable).map(|b| sql::parse_one(&b.sql).ok()).collect();
            let bound = bound.filter(|bound| !bound.is_empty())?;
            Some((tracked, plannable, bound))
        })
        .collect();
    let mut advice = Advice { statements: reports(collection), ..Advice::default() };
    if planned.is_empty() {
        advice.notes.push(
            "No statement could be planned, so nothing is advised: --format json lists every statement with its reason; is this the database that your application uses?"
                .to_owned(),
        );
    }
    if !has_hypopg(session).await? {
        advice.notes.push(
            "HypoPG is not installed in this database, so indexes cannot be costed and none are recommended: CREATE EXTENSION hypopg;"
                .to_owned(),
        );
        return Ok(advice);
    }
    let shapes: Vec<_> = planned.iter().map(|(_, plannable, _)| &plannable.shape).collect();
    let candidates = generate(&collection.catalog, &shapes);
    let weights: Vec<WeightedStatement> = planned
        .iter()
        .map(|(tracked, _, _)| WeightedStatement { weight: tracked.calls.max(1) as f64 })
        .collect();
    let tracked: Vec<&TrackedStatement> = planned.iter().map(|(tracked, _, _)| *tracked).collect();
    let bound: Vec<Vec<Statement>> = planned.iter().map(|(_, _, bound)| bound.clone()).collect();
    let writes = writes::of(collection);
    let none = TableWrites::default();
    let price = |candidate: &IndexCandidate| {
        let table = collection.catalog.tables.get(&candidate.table)?;
        let size = index_size(table, candidate)?;
        let writes = writes.get(&candidate.table).unwrap_or(&none);
        let upkeep = write_cost(table, candidate, writes)?.cost_units;
        Some((size.bytes, upkeep))
    };
    let mut rejected = candidates.rejected;
    let mut priced = Vec::new();
    for (candidate, wanted_by) in candidates.candidates {
        match price(&candidate) {
            Some((bytes, upkeep)) => priced.push(Priced { candidate, bytes, upkeep, wanted_by }),
            None => rejected.push(RejectedCandidate::of(
                &candidate,
                "its table was never analysed, so nothing can be reckoned with: ANALYZE it first"
                    .to_owned(),
            )),
        }
    }
    let choice = Choice {
        statements: &weights,
        priced,
        tables: shapes.iter().map(|shape| shape.tables.clone()).collect(),
        limits: Limits {
            bytes: limits.budget,
            calls: None,
            data_bytes: collection.catalog.tables.values().map(|table| table.bytes).sum(),
        },
    };
    let begun = Instant::now();
    let mut oracle = HypoOracle::new(session, &bound).until(begun + limits.deadline);
    let selection = select_indexes(&mut oracle, choice, &price).await;
    let seconds = begun.elapsed().as_secs_f64();
    let planner_seconds = oracle.spent.as_secs_f64();
    let mut taken = taken_names(&collection.catalog);
    for costed in &selection.chosen {
        let plans = plans_of(&mut oracle, costed).await;
        let Some(table) = collection.catalog.tables.get(&costed.candidate.table) else { continue };
        let schema = costed.candidate.table.schema.clone();
        let is_taken = |name: &str| taken.contains(&(schema.clone(), name.to_owned()));
        let name = costed.candidate.free_name(is_taken);
        taken.insert((schema.clone(), name.clone()));
        advice.proposals.extend(propose_index(MissingIndex {
            costed,
            table,
            name: &name,
            statements: &tracked,
            plans,
            method: "HypoPG on main's planner, with main's statistics",
        }));
    }
    oracle.reset().await?;
    note_uncosted(&mut advice, &selection, &tracked);
    advice.effort = Effort {
        calls: selection.calls,
        reused: selection.reused,
        bounded: selection.bounded,
        seconds,
        planner_seconds,
        cost_before: selection.cost_before,
        cost_after: selection.cost_after,
    };
    rejected.extend(selection.rejected);
    advice.rejected = rejected;
    Ok(advice)
}

/// What choosing indexes took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effort {
    /// Planner calls.
    pub calls: u64,
    /// Questions that an earlier plan answered.
    pub reused: u64,
    /// Questions that bounds decided.
    pub bounded: u64,
    /// Spent on choosing, and of that on waiting for the planner.
    pub seconds: f64,
    pub planner_seconds: f64,
    /// Weighted planner cost of the workload without and with what is recommended.
    pub cost_before: f64,
    pub cost_after: f64,
}

/// The sets of values that costs are taken from.
fn costed(plannable: &PlannableStatement) -> impl Iterator<Item = &Binding> {
    plannable.bindings.iter().filter(|binding| binding.kind.is_representative())
}

/// Names that a new index cannot have: tables and indexes share one name space in each schema.
fn taken_names(catalog: &Catalog) -> BTreeSet<(String, String)> {
    catalog
        .tables
        .values()
        .flat_map(|table| {
            let names = table.indexes.iter().map(|index| &index.name);
            names
                .chain(std::iter::once(&table.name.name))
                .map(|name| (table.name.schema.clone(), name.clone()))
        })
        .collect()
}

/// Plans of the statement that gains most, without and with the index.
async fn plans_of(oracle: &mut HypoOracle<'_>, costed: &Costed) -> Option<serde_json::Value> {
    let (statement, _, _) = costed.effects.first()?;
    let none: [&IndexCandidate; 0] = [];
    // A plan that cannot be shown leaves the advice as it is.
    let before = oracle.plan(*statement, &none).await.ok()?;
    let after = oracle.plan(*statement, &[&costed.candidate]).await.ok()?;
    Some(serde_json::json!({ "before": before, "after": after }))
}

fn reports(collection: &Collection) -> Vec<StatementReport> {
    collection
        .statements
        .iter()
        .map(|tracked| StatementReport {
            query_hash: tracked.query_hash.clone(),
            sql: tracked.sql.clone(),
            planned: tracked.plannable.is_ok(),
            reason: tracked.plannable.as_ref().err().cloned(),
        })
        .collect()
}

fn note_uncosted(advice: &mut Advice, selection: &Selection, tracked: &[&TrackedStatement]) {
    for (number, reason) in &selection.uncosted {
        let Some(statement) = tracked.get(*number) else { continue };
        for report in &mut advice.statements {
            if report.query_hash == statement.query_hash {
                report.planned = false;
                report.reason = Some(reason.clone());
            }
        }
    }
}
