//! The index that a rewrite needs: of all that the rewritten statement could use, the one with which it costs least.

use std::collections::BTreeMap;
use std::time::Instant;

use optischema::advisor::partitions::parts_in_order;
use optischema::advisor::rules::{BuiltOn, index_fix};
use optischema::advisor::{
    CostOracle, IndexCandidate, TableWrites, generate, index_size, write_cost,
};
use optischema::figures;
use optischema::model::{
    Fact, IndexEvidence, PlannableStatement, Proposal, Provenance, QueryHash, RecommendationType,
    Rule, StatementShape, TrackedStatement,
};
use serde_json::Value;

use super::super::building::{Trials, WithBuilt, try_all};
use super::super::indexes::{as_one, best_planner, partitions};
use super::super::kinds::{is_for_a_planner, kinds};
use super::super::lengths::{read_lengths, too_long};
use super::super::planned::PlannerKind;
use super::super::{Advice, writes};
use super::{Attempt, Means, Planned};
use crate::postgres::{HypoOracle, MainSession, PgFailure};
use crate::sql::{self, Patch, Rewrite};
use crate::workload::Collection;

/// Costs that differ by less than this share of what the statement costs without are the same: the smaller index is taken.
const SAME: f64 = 0.01;
/// Indexes that are tried for one statement.
const MOST_FOR_ONE: usize = 30;

/// What is looked through.
pub(super) struct Search<'a> {
    pub collection: &'a Collection,
    pub attempts: &'a [Attempt<'a>],
}

/// An index that a rewritten statement is cheapest with.
pub(super) struct Helped {
    candidate: IndexCandidate,
    /// Of the rewritten statement beside it: the mean over its sets of values.
    pub cost: f64,
    bytes: Option<i64>,
    kind: PlannerKind,
    built: Option<BuiltOn>,
    /// Extensions that main lacks for it.
    lacking: Vec<String>,
    /// The rewritten statement's plan beside it; absent where it was not shown.
    plan: Option<Value>,
}

/// The best index of each attempt, where one helps.
///
/// # Errors
/// Main is lost.
pub(super) async fn helped(
    main: &mut MainSession,
    means: Means<'_>,
    search: &Search<'_>,
    advice: &mut Advice,
) -> Result<Vec<Option<Helped>>, PgFailure> {
    let catalog = &search.collection.catalog;
    let rewritten: Vec<TrackedStatement> =
        search.attempts.iter().map(|attempt| as_tracked(attempt, catalog)).collect();
    let (mut planned, mut numbers) = (Vec::new(), Vec::new());
    for (number, tracked) in rewritten.iter().enumerate() {
        let Ok(plannable) = &tracked.plannable else { continue };
        let attempt = &search.attempts[number];
        let weights = attempt.one.weights.clone();
        planned.push(Planned { weights, ..Planned::of(tracked, plannable, attempt.bound.clone()) });
        numbers.push(number);
    }
    if planned.is_empty() || Instant::now() >= means.until {
        return Ok(Vec::new());
    }
    let shapes: Vec<&StatementShape> = planned.iter().map(|p| &p.plannable.shape).collect();
    let mut candidates = generate(catalog, &shapes).candidates;
    let kinds = kinds(catalog, &planned, &mut candidates, means.workshop.is_some());
    for (candidate, wanted) in kinds.hypothetical {
        candidates.entry(candidate).or_insert(wanted.statements);
    }
    let mut to_build = kinds.to_build;
    let lengths = read_lengths(main, catalog, candidates.keys().chain(to_build.keys())).await?;
    let fits = |candidate: &IndexCandidate| {
        let table = catalog.tables.get(&candidate.table);
        table.is_some_and(|table| too_long(table, candidate, &lengths).is_none())
    };
    candidates.retain(|candidate, _| fits(candidate));
    to_build.retain(|candidate, _| fits(candidate));
    let whole: BTreeMap<_, _> =
        catalog.tables.keys().filter_map(|name| Some((name, as_one(catalog, name)?))).collect();
    let writes = writes::of(search.collection);
    let mut trials =
        try_all(means.workshop, &planned, to_build, &whole, &writes, means.until).await;
    for (candidate, wanted) in trials.take_back(|one| is_for_a_planner(catalog, one)) {
        candidates.entry(candidate).or_insert(wanted.statements);
    }
    advice.notes.extend(trials.notes.iter().cloned());
    let mut wanted: Vec<Vec<IndexCandidate>> = vec![Vec::new(); planned.len()];
    let built = trials.priced.iter().map(|priced| (&priced.candidate, &priced.wanted_by));
    for (candidate, wanted_by) in built.chain(&candidates) {
        for number in wanted_by {
            wanted.get_mut(*number).into_iter().for_each(|list| list.push(candidate.clone()));
        }
    }
    // Behind the rewritten statements stand the originals.
    let originals = numbers.iter().map(|number| search.attempts[*number].one);
    let bound: Vec<Vec<String>> = planned
        .iter()
        .map(|p| p.bound.clone())
        .chain(originals.clone().map(|one| one.bound.clone()))
        .collect();
    let is_apart = means.others.is_apart(PlannerKind::Sandbox);
    let (Some(session), kind) = best_planner(main, means.others).await? else {
        // What arithmetic says of a rewrite is no reason to change an application.
        return Ok(Vec::new());
    };
    let mut oracle = HypoOracle::new(session, &bound)
        .weighing(
            planned
                .iter()
                .map(|p| p.weights.clone())
                .chain(originals.map(|one| one.weights.clone()))
                .collect(),
        )
        .with_partitions(partitions(catalog))
        .on_sandbox(is_apart && kind == PlannerKind::Sandbox)
        .until(means.until)
        .ending(means.until);
    let mut found = Vec::new();
    found.resize_with(search.attempts.len(), || None);
    for (at, list) in wanted.iter().enumerate() {
        let sizes = |candidate: &IndexCandidate| bytes_of(candidate, &trials, &whole);
        let is_page = search.attempts[numbers[at]].rewrite.rule == Rule::RowComparison;
        let best = cheapest(&mut oracle, &trials, (at, list), is_page, &sizes).await;
        let Some(Best { candidate, factor, bytes }) = best else { continue };
        let attempt = &search.attempts[numbers[at]];
        let is_built = trials.built_on.get(&candidate).copied();
        if is_built.is_none()
            && let Some(original) = falls_by(&mut oracle, planned.len() + at, &candidate).await
            && attempt.before * original <= attempt.after * factor * (1.0 + super::MIN_GAIN)
        {
            // It does as much for the statement as it is.
            continue;
        }
        let plan = match is_built {
            Some(_) => trials.effects.get(&candidate).and_then(|effects| {
                Some(effects.iter().find(|effect| effect.statement == at)?.plans.1.clone())
            }),
            // It is shown, and nothing rests on it.
            None => oracle.plan(at, &[&candidate]).await.ok(),
        };
        found[numbers[at]] = Some(Helped {
            cost: attempt.after * factor,
            bytes,
            kind: if is_built.is_some() { PlannerKind::Built } else { kind },
            built: is_built,
            lacking: trials.extensions.get(&candidate).cloned().unwrap_or_default(),
            plan,
            candidate,
        });
    }
    oracle.reset().await?;
    Ok(found)
}

/// The rewritten statement as one of the workload.
fn as_tracked(attempt: &Attempt<'_>, catalog: &optischema::model::Catalog) -> TrackedStatement {
    let original = attempt.one.plannable;
    let shape = sql::parse_one(&attempt.rewrite.sql)
        .and_then(|statement| sql::analyze(&statement, catalog));
    let plannable = match shape {
        Ok(shape) => {
            let mut bindings: Vec<_> = super::costed(original).cloned().collect();
            bindings.truncate(attempt.bound.len());
            for (binding, bound) in bindings.iter_mut().zip(&attempt.bound) {
                bound.clone_into(&mut binding.sql);
            }
            let plan = attempt.plans.1.clone();
            Ok(PlannableStatement { shape, plan, bindings, ..original.clone() })
        }
        Err(error) => Err(error.into()),
    };
    TrackedStatement { sql: attempt.rewrite.sql.clone(), plannable, ..attempt.one.tracked.clone() }
}

fn bytes_of(
    candidate: &IndexCandidate,
    trials: &Trials,
    tables: &BTreeMap<&optischema::model::TableName, optischema::model::CatalogTable>,
) -> Option<i64> {
    let built = trials.priced.iter().find(|priced| priced.candidate == *candidate);
    match built {
        Some(priced) => Some(priced.bytes),
        None => Some(index_size(tables.get(&candidate.table)?, candidate)?.bytes),
    }
}

/// An index, the factor by which a statement's cost falls beside it (a planner that is not main's gives no more than that),
/// and its size in bytes.
struct Best {
    candidate: IndexCandidate,
    factor: f64,
    bytes: Option<i64>,
}

/// The factor by which an index alone changes the cost of a statement.
async fn falls_by(
    oracle: &mut HypoOracle<'_>,
    number: usize,
    candidate: &IndexCandidate,
) -> Option<f64> {
    let before = oracle.cost(number, &[]).await.ok()?.cost;
    let after = oracle.cost(number, &[candidate]).await.ok()?.cost;
    (before > 0.0).then(|| after / before)
}

/// The index of a list that a statement is cheapest with. Of those that are alike the smallest; for a page the one that has
/// most of its keys, since how many rows share the first one is not known for certain.
async fn cheapest(
    oracle: &mut HypoOracle<'_>,
    trials: &Trials,
    (number, list): (usize, &[IndexCandidate]),
    is_page: bool,
    sizes: &(dyn Fn(&IndexCandidate) -> Option<i64> + Sync),
) -> Option<Best> {
    let mut beside = WithBuilt::new(oracle, &trials.effects);
    let without = beside.cost(number, &[]).await.ok()?.cost;
    let mut best: Option<(&IndexCandidate, f64, Option<i64>)> = None;
    for candidate in list.iter().take(MOST_FOR_ONE) {
        // One that cannot be asked about is none.
        let Ok(answer) = beside.cost(number, &[candidate]).await else { continue };
        if answer.used.is_empty() {
            continue;
        }
        let bytes = sizes(candidate);
        let same = SAME * without;
        let is_better = best.is_none_or(|(chosen, cost, known)| {
            let is_preferred = if is_page {
                candidate.keys.len() > chosen.keys.len()
            } else {
                matches!((bytes, known), (Some(bytes), Some(known)) if bytes < known)
            };
            answer.cost < cost - same || (answer.cost < cost + same && is_preferred)
        });
        if is_better {
            best = Some((candidate, answer.cost, bytes));
        }
    }
    best.filter(|_| without > 0.0).map(|(candidate, cost, bytes)| Best {
        candidate: candidate.clone(),
        factor: cost / without,
        bytes,
    })
}

impl Helped {
    /// Makes the index a part of the proposal: one change of two steps.
    pub fn join(
        self,
        proposal: &mut Proposal,
        rewrite: &Rewrite,
        collection: &Collection,
        advice: &Advice,
    ) {
        let catalog = &collection.catalog;
        let Some(table) = as_one(catalog, &self.candidate.table) else { return };
        let Named { name, also } = self.name(collection, advice);
        let candidate = &self.candidate;
        let parts = parts_in_order(catalog, candidate);
        let statement = &rewrite.sql;
        proposal.sql_fix =
            format!("{}\n{statement};", index_fix(candidate, &name, &self.lacking, &parts));
        proposal.patch_sql = format!("{};\n{statement};", candidate.create_sql_named(&name, false));
        proposal.title = format!("{}, with an index on {}", proposal.title, candidate.label());
        let evidence = &mut proposal.evidence;
        let mut fact = |label: &str, value: String, provenance: Provenance| {
            evidence.facts.push(Fact { label: label.to_owned(), value, provenance });
        };
        fact(
            "Two steps",
            format!(
                "first the index {name}, then the application sends the new statement instead of the old one"
            ),
            Provenance::Rule,
        );
        if let Some(also) = also {
            fact(
                "The index",
                format!("is a part of \"{also}\", too: it is made once"),
                Provenance::Rule,
            );
        }
        if let Some((title, cost)) = without_rewriting(&proposal.query_hash, advice) {
            fact(
                "With the statement as it is",
                format!("\"{title}\" brings it to {cost:.0} planner cost units"),
                Provenance::Planned,
            );
        }
        if let Some(built) = self.built {
            fact(
                "Planned in the sandbox",
                format!(
                    "with the index built there on {}, with {}",
                    figures::counted(built.rows.max(0).cast_unsigned(), "row"),
                    figures::bytes(built.bytes),
                ),
                Provenance::Planned,
            );
        }
        evidence.method = format!(
            "both statements with the same values; the new one with the index: {}",
            self.kind.method()
        );
        evidence.index = Some(IndexEvidence {
            table: candidate.table.clone(),
            index_name: name,
            columns: candidate.columns(),
            estimated_bytes: self.bytes,
            table_rows: table.rows,
            table_bytes: table.bytes,
            existing_indexes: table.indexes.iter().map(|i| i.definition.clone()).collect(),
        });
        let none = TableWrites::default();
        let writes = writes::of(collection);
        let counted = TableWrites {
            updated_columns: writes.get(&candidate.table).unwrap_or(&none).updated_columns.clone(),
            ..TableWrites::since_reset(&table)
        };
        evidence.write_cost = write_cost(&table, candidate, &counted);
        proposal.confidence_score = proposal.confidence_score.min(self.kind.worth());
        if let (Some(plan), Some(Value::Object(plans))) =
            (self.plan, &mut proposal.execution_plan_json)
        {
            plans.insert("after".to_owned(), plan);
        }
    }

    /// A name that is free; that of the same index where it is proposed already.
    fn name(&self, collection: &Collection, advice: &Advice) -> Named {
        let own = sql::nameless_index(&self.candidate.create_sql(false));
        let same = advice.proposals.iter().find_map(|proposal| {
            let index = proposal.evidence.index.as_ref()?;
            let patch = Patch::parse(&proposal.patch_sql).ok()?;
            let made = patch.kind.new_index()?.sql(&index.table.schema, false).ok()?;
            let is_same = own.is_some() && sql::nameless_index(&made) == own;
            is_same.then(|| Named {
                name: index.index_name.clone(),
                also: Some(proposal.title.clone()),
            })
        });
        if let Some(same) = same {
            return same;
        }
        let schema = &self.candidate.table.schema;
        let taken = |name: &str| {
            let in_catalog = collection.catalog.tables.values().any(|table| {
                table.name.schema == *schema
                    && (table.name.name == name || table.indexes.iter().any(|i| i.name == name))
            });
            let proposed = advice.proposals.iter().filter_map(|p| p.evidence.index.as_ref());
            let mut names = proposed.filter(|index| index.table.schema == *schema);
            in_catalog || names.any(|index| index.index_name == name)
        };
        Named { name: self.candidate.free_name(taken), also: None }
    }
}

/// What an index is called.
struct Named {
    name: String,
    /// The title of the proposal that the same index is a part of.
    also: Option<String>,
}

/// The proposed index that brings a statement furthest down as it is: its title, and the cost beside it.
fn without_rewriting(statement: &QueryHash, advice: &Advice) -> Option<(String, f64)> {
    let indexes = advice
        .proposals
        .iter()
        .filter(|proposal| proposal.recommendation_type == RecommendationType::Index);
    let costs = indexes.flat_map(|proposal| {
        let of_it = proposal.evidence.statements.iter().filter(|s| s.query_hash == *statement);
        of_it.filter_map(|s| Some((proposal.title.clone(), s.cost_after?)))
    });
    costs.min_by(|a, b| a.1.total_cmp(&b.1))
}
