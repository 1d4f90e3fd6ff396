//! Choosing indexes: with main's planner and HypoPG; else the replica's, else the sandbox's on copied rows, else
//! by arithmetic on `pg_stats`. Each says what its word is worth.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use optischema::advisor::rules::Untried;
use optischema::advisor::{
    ArithmeticOracle, Choice, CostOracle, Costed, IndexCandidate, Limits, Priced, Selection,
    TableWrites, WeightedStatement, generate, index_size, select_indexes, write_cost,
};
use optischema::model::{
    Catalog, NotPlanned, PlannedAs, Proposal, QueryKind, ReasonCode, RejectedCandidate, Rule,
    StatementShape, TableName, TrackedStatement,
};

use super::building::{WithBuilt, Workshop, try_all};
use super::kinds::{is_for_a_planner, kinds};
use super::lengths::{read_lengths, too_long};
use super::planned::{Planned, PlannerKind};
use super::proposer::{Proposer, on_main};
use super::{Advice, AdviseLimits, Effort, OtherPlanners, writes};
use crate::postgres::{HypoOracle, MainSession, PgFailure, has_hypopg};
use crate::workload::Collection;

/// The share of the time in which the planner is asked; the rest is for searching among what it said.
const FOR_PLANNING: f64 = 0.8;
/// The share of the time in which indexes may be built in the sandbox that no planner can be asked about.
const FOR_BUILDING: f64 = 0.5;
/// Of a storage budget, what sizes by arithmetic may take.
const BUDGET_SHARE: f64 = 0.96;

/// The best planner that has HypoPG, and which it is; `None` where only arithmetic is left.
///
/// # Errors
/// Main is out of reach. Another that is out of reach is passed over.
pub async fn best_planner<'s>(
    main: &'s mut MainSession,
    others: &'s mut OtherPlanners,
) -> Result<(Option<&'s mut MainSession>, PlannerKind), PgFailure> {
    if has_hypopg(main).await? {
        return Ok((Some(main), PlannerKind::Main));
    }
    for (other, kind) in [
        (others.replica.as_mut(), PlannerKind::Replica),
        (others.sandbox.as_mut(), PlannerKind::Sandbox),
    ] {
        if let Some(session) = other
            && has_hypopg(session).await.unwrap_or(false)
        {
            return Ok((Some(session), kind));
        }
    }
    Ok((None, PlannerKind::Arithmetic))
}

/// Partitions of each partitioned table that could be indexed.
pub(crate) fn partitions(catalog: &Catalog) -> BTreeMap<TableName, Vec<TableName>> {
    let mut direct: BTreeMap<TableName, Vec<TableName>> = BTreeMap::new();
    for table in catalog.tables.values() {
        if let Some(parent) = &table.partition_of {
            direct.entry(parent.clone()).or_default().push(table.name.clone());
        }
    }
    // A partition may be partitioned itself: what counts are the leaves.
    let mut leaves = BTreeMap::new();
    for parent in direct.keys() {
        let (mut waiting, mut found) = (vec![parent.clone()], Vec::new());
        while let Some(at) = waiting.pop() {
            match direct.get(&at) {
                Some(parts) => waiting.extend(parts.clone()),
                None => found.push(at),
            }
        }
        found.sort();
        leaves.insert(parent.clone(), found);
    }
    leaves
}

/// A table as sizes are reckoned with: of a partitioned one, its parts together.
pub(crate) fn as_one(
    catalog: &Catalog,
    name: &TableName,
) -> Option<optischema::model::CatalogTable> {
    let table = catalog.tables.get(name)?;
    let Some(parts) = partitions(catalog).remove(name) else { return Some(table.clone()) };
    let mut whole = table.clone();
    let parts: Vec<_> = parts.iter().filter_map(|part| catalog.tables.get(part)).collect();
    whole.rows = parts.iter().map(|part| part.rows.max(0.0)).sum();
    whole.bytes = parts.iter().map(|part| part.bytes).sum();
    whole.pages = parts.iter().map(|part| part.pages).sum();
    // The parent has no statistics of its own in most databases: the largest part's stand for all.
    if let Some(largest) = parts.iter().max_by_key(|part| part.bytes)
        && table.columns.iter().all(|column| column.n_distinct.is_none())
    {
        whole.columns.clone_from(&largest.columns);
    }
    Some(whole)
}

/// Advises on indexes; gives back those that nobody could cost.
pub(super) async fn advise(
    main: &mut MainSession,
    others: &mut OtherPlanners,
    workshop: Option<&dyn Workshop>,
    collection: &Collection,
    planned: &[Planned<'_>],
    limits: &AdviseLimits,
    advice: &mut Advice,
) -> Result<Vec<Untried>, PgFailure> {
    let begun = Instant::now();
    let catalog = &collection.catalog;
    let shapes: Vec<&StatementShape> = planned.iter().map(|p| &p.plannable.shape).collect();
    let candidates = generate(catalog, &shapes);
    let weights: Vec<WeightedStatement> = planned.iter().map(|p| p.tracked.weight()).collect();
    let writes = writes::of(collection);
    let none = TableWrites::default();
    let whole: BTreeMap<&TableName, optischema::model::CatalogTable> =
        catalog.tables.keys().filter_map(|name| Some((name, as_one(catalog, name)?))).collect();
    let price = |candidate: &IndexCandidate| {
        let table = whole.get(&candidate.table)?;
        let size = index_size(table, candidate)?;
        let writes = writes.get(&candidate.table).unwrap_or(&none);
        let upkeep = write_cost(table, candidate, writes)?.cost_units;
        Some((size.bytes, upkeep))
    };
    advice.rejected.extend(candidates.rejected);
    let mut candidates = candidates.candidates;
    let kinds = kinds(catalog, planned, &mut candidates, workshop.is_some());
    advice.rejected.extend(kinds.rejected);
    for (candidate, wanted) in kinds.hypothetical {
        candidates.entry(candidate).or_insert(wanted.statements);
    }
    let all = candidates.keys().chain(kinds.to_build.keys());
    let lengths = read_lengths(main, catalog, all).await?;
    let mut objection = |candidate: &IndexCandidate| {
        let table = catalog.tables.get(&candidate.table)?;
        let reason = too_long(table, candidate, &lengths)?;
        advice.rejected.push(RejectedCandidate::of(candidate, reason));
        Some(())
    };
    candidates.retain(|candidate, _| objection(candidate).is_none());
    let mut to_build = kinds.to_build;
    to_build.retain(|candidate, _| objection(candidate).is_none());
    let until = begun + limits.deadline.mul_f64(FOR_BUILDING);
    let mut trials = try_all(workshop, planned, to_build, &whole, &writes, until).await;
    // What is built only since HypoPG does not see it in every place.
    for (candidate, wanted) in trials.take_back(|one| is_for_a_planner(catalog, one)) {
        candidates.entry(candidate).or_insert(wanted.statements);
    }
    advice.rejected.extend(trials.rejected());
    advice.notes.extend(trials.notes.iter().cloned());
    let mut priced = trials.priced.clone();
    for (candidate, wanted_by) in candidates {
        match price(&candidate) {
            Some((bytes, upkeep)) => priced.push(Priced { candidate, bytes, upkeep, wanted_by }),
            None => advice.rejected.push(RejectedCandidate::of(
                &candidate,
                "the table has no statistics. Run ANALYZE first".to_owned(),
            )),
        }
    }
    let choice = Choice {
        statements: &weights,
        priced,
        tables: shapes.iter().map(|shape| with_ancestors(catalog, &shape.tables)).collect(),
        left_ms: left_ms(collection, planned),
        limits: Limits {
            // Sizes are reckoned, and a budget is a promise: some room is kept for their error.
            bytes: limits.budget.map(|bytes| (bytes as f64 * BUDGET_SHARE) as i64),
            calls: None,
            data_bytes: catalog.tables.values().map(|table| table.bytes).sum(),
        },
    };
    let tracked: Vec<&TrackedStatement> = planned.iter().map(|p| p.tracked).collect();
    let bound: Vec<Vec<String>> = planned.iter().map(|p| p.bound.clone()).collect();
    let sandbox_is_apart = others.is_apart(PlannerKind::Sandbox);
    let (session, kind) = best_planner(main, others).await?;
    let Some(session) = session else {
        advice.notes.push(
            "HypoPG is installed neither on main, nor on a replica, nor in the sandbox: indexes are chosen by arithmetic on pg_stats, which knows little of joins. CREATE EXTENSION hypopg; on main makes it far better."
                .to_owned(),
        );
        let mut planner = ArithmeticOracle { catalog, shapes: &shapes };
        let mut oracle = WithBuilt::new(&mut planner, &trials.effects);
        let selection = select_indexes(&mut oracle, choice, &price).await;
        let mut proposer = Proposer::new(catalog, planned, &writes, (kind, &trials), &selection);
        for costed in &selection.chosen {
            let costed = on_main(costed, planned);
            advice.proposals.extend(proposer.propose(&costed, &whole, trials.plans(&costed)));
        }
        finish(advice, selection, &tracked, (begun.elapsed().as_secs_f64(), 0.0));
        advice.complete.insert(Rule::MissingIndex);
        return Ok(trials.untried(planned));
    };
    if kind != PlannerKind::Main {
        advice.notes.push(format!(
            "HypoPG is not installed on main, so indexes are costed with {}. CREATE EXTENSION hypopg; on main costs them on its own statistics.",
            kind.method()
        ));
    }
    let known = planned.iter().map(|p| p.known_cost.filter(|_| kind == PlannerKind::Main));
    let mut oracle = HypoOracle::new(session, &bound)
        .knowing(known.collect())
        .weighing(planned.iter().map(|p| p.weights.clone()).collect())
        .with_partitions(partitions(catalog))
        .on_sandbox(sandbox_is_apart && kind == PlannerKind::Sandbox)
        .until(begun + limits.deadline.mul_f64(FOR_PLANNING))
        .ending(begun + limits.deadline);
    let mut beside = WithBuilt::new(&mut oracle, &trials.effects);
    let selection = select_indexes(&mut beside, choice, &price).await;
    let is_cut_off = beside.is_out_of_time();
    advice.effort.cut_off = is_cut_off;
    let seconds = begun.elapsed().as_secs_f64();
    let planner_seconds = oracle.spent.as_secs_f64();
    let mut proposer = Proposer::new(catalog, planned, &writes, (kind, &trials), &selection);
    for costed in &selection.chosen {
        let plans = match trials.plans(costed) {
            Some(plans) => Some(plans),
            // They are shown, and nothing rests on them.
            None if begun.elapsed() >= limits.deadline => None,
            None => plans_of(&mut oracle, (planned, kind), costed).await,
        };
        advice.proposals.extend(proposer.propose(costed, &whole, plans));
    }
    advice.notes.extend(oracle.notes());
    let selection = Selection { calls: oracle.explained, ..selection };
    oracle.reset().await?;
    if !is_cut_off {
        advice.complete.insert(Rule::MissingIndex);
    } else {
        let of_rule = |proposal: &&mut Proposal| proposal.evidence.rule == Some(Rule::MissingIndex);
        advice.proposals.iter_mut().filter(of_rule).for_each(|p| p.evidence.at_least = true);
        advice.notes.push(
            "The time was up before every index was tried: the best set found by then is given, and each saving counts only the statements that were planned with it. Give more with --deadline-s."
                .to_owned(),
        );
    }
    finish(advice, selection, &tracked, (seconds, planner_seconds));
    Ok(trials.untried(planned))
}

/// Tables, and what they are parts of: an index of that is one of each part.
fn with_ancestors(catalog: &Catalog, tables: &[TableName]) -> Vec<TableName> {
    let ancestors = tables.iter().flat_map(|table| catalog.ancestors_of(table));
    tables.iter().chain(ancestors).cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Milliseconds that statements of the application took which are not among those that are planned.
fn left_ms(collection: &Collection, planned: &[Planned<'_>]) -> f64 {
    let of_application = collection.statements.iter().filter(|s| s.kind == QueryKind::User);
    let all: f64 = of_application.map(|statement| statement.total_time_ms).sum();
    let here: f64 = planned.iter().map(|p| p.tracked.total_time_ms).sum();
    (all - here).max(0.0)
}

/// Plans of the statement that gains most, without and with the index.
async fn plans_of(
    oracle: &mut HypoOracle<'_>,
    (planned, kind): (&[Planned<'_>], PlannerKind),
    costed: &Costed,
) -> Option<serde_json::Value> {
    let (statement, _, _) = costed.effects.first()?;
    let known = planned.get(*statement).filter(|one| one.known_cost.is_some());
    // A plan that cannot be shown leaves the advice as it is.
    let before = match known.filter(|_| kind == PlannerKind::Main) {
        Some(known) => known.plannable.plan.clone(),
        None => oracle.plan(*statement, &[]).await.ok()?,
    };
    let after = oracle.plan(*statement, &[&costed.candidate]).await.ok()?;
    Some(serde_json::json!({ "before": before, "after": after }))
}

fn finish(
    advice: &mut Advice,
    selection: Selection,
    tracked: &[&TrackedStatement],
    (seconds, planner_seconds): (f64, f64),
) {
    for (number, reason) in &selection.uncosted {
        let Some(statement) = tracked.get(*number) else { continue };
        for report in &mut advice.statements {
            if report.query_hash == statement.query_hash {
                report.planned = false;
                report.planned_as = PlannedAs::NotPlanned;
                report.reason = Some(NotPlanned::new(ReasonCode::Refused, reason.clone()));
            }
        }
    }
    advice.effort = Effort {
        calls: selection.calls,
        reused: selection.reused,
        bounded: selection.bounded,
        seconds,
        planner_seconds,
        cut_off: advice.effort.cut_off,
        cost_before: selection.cost_before,
        cost_after: selection.cost_after,
    };
    advice.rejected.extend(selection.rejected);
}
