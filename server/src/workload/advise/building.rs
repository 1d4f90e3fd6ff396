//! Indexes that no planner can be asked about before they are there: GIN, GiST, SP-GiST and those of extensions. They are
//! built on rows that stand for main's, and what plans beside them cost there against plans without them is taken as the
//! factor by which main's own costs fall.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use optischema::advisor::rules::{BuiltOn, Untried};
use optischema::advisor::{
    CostError, CostOracle, Costed, IndexCandidate, IndexMethod, IndexSize, Priced, TableWrites,
    Wanted, WhatIf, upkeep_of,
};
use optischema::model::{CatalogTable, RejectedCandidate, TableName};
use serde_json::Value;

use super::Planned;

/// Indexes that are built in one analysis.
const MOST_TRIALS: usize = 40;
/// What building and planning all of them may take.
const LONGEST: Duration = Duration::from_secs(20);
/// Less time than this is not worth copying rows for.
const SHORTEST: Duration = Duration::from_millis(1500);
/// A plan must get cheaper by this share for the index to count as used by it.
const LEAST_GAIN: f64 = 0.02;

/// An index to be tried, and for which of the planned statements.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trial {
    pub candidate: IndexCandidate,
    /// Extensions that its operator classes come from.
    pub extensions: Vec<String>,
    /// Numbers of the planned statements.
    pub statements: Vec<usize>,
    /// Rows of the table on main.
    pub rows: f64,
}

/// What an index did on the rows that stand for main's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Built {
    pub bytes: i64,
    pub build_ms: f64,
    /// Whether main's statistics stood in the place of the rows' own.
    pub with_statistics_of_main: bool,
    /// Rows of its table there.
    pub rows: i64,
    /// Of each statement whose plan uses it.
    pub effects: Vec<BuiltEffect>,
    /// Why it is no help all the same.
    pub objection: Option<String>,
}

/// Costs of a statement without and with an index, of the same rows: the mean of its sets of values, each with its weight.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BuiltEffect {
    pub statement: usize,
    pub before: f64,
    pub after: f64,
    /// The plans of the first set of values.
    pub plans: (Value, Value),
}

/// A place where indexes can be built.
#[async_trait]
pub(crate) trait Workshop: Send + Sync + std::fmt::Debug {
    /// Builds each and plans its statements beside it, one after another; one that fails is its own reason. What the time
    /// was not enough for has no entry.
    ///
    /// # Errors
    /// Nothing can be built: the sentence says why.
    async fn try_out(
        &self,
        planned: &[Planned<'_>],
        trials: Vec<Trial>,
        until: Instant,
    ) -> Result<Vec<(Trial, Result<Built, String>)>, String>;
}

/// What became of the candidates that had to be built.
#[derive(Debug, Default)]
pub(super) struct Trials {
    pub priced: Vec<Priced>,
    pub effects: BTreeMap<IndexCandidate, Vec<BuiltEffect>>,
    pub built_on: BTreeMap<IndexCandidate, BuiltOn>,
    /// Nobody could say what they would save.
    pub untried: Vec<(IndexCandidate, Wanted)>,
    /// They are more than are tried.
    pub left: Vec<(IndexCandidate, Wanted)>,
    pub rejected: Vec<RejectedCandidate>,
    pub notes: Vec<String>,
    /// Of those that are here, extensions that main lacks.
    pub extensions: BTreeMap<IndexCandidate, Vec<String>>,
}

/// Tries candidates out where there is a place for that, those of the statements that take most time first.
pub(super) async fn try_all(
    workshop: Option<&dyn Workshop>,
    planned: &[Planned<'_>],
    wanted: BTreeMap<IndexCandidate, Wanted>,
    tables: &BTreeMap<&TableName, CatalogTable>,
    writes: &BTreeMap<TableName, TableWrites>,
    until: Instant,
) -> Trials {
    let mut trials = Trials::default();
    if wanted.is_empty() {
        return trials;
    }
    for (candidate, wanted) in &wanted {
        let lacking = wanted.extensions.iter().filter(|(_, lacks)| **lacks);
        let lacking: Vec<String> = lacking.map(|(name, _)| name.clone()).collect();
        trials.extensions.insert(candidate.clone(), lacking);
    }
    let begun = Instant::now();
    let is_worth_it = until.saturating_duration_since(begun) >= SHORTEST;
    let Some(workshop) = workshop.filter(|_| is_worth_it) else {
        trials.untried = wanted.into_iter().collect();
        return trials;
    };
    let serves = widened(&wanted);
    let (order, left) = in_order(planned, &serves, tables);
    let is_left = |(one, _): &(&IndexCandidate, &Wanted)| left.contains(one);
    trials.left =
        wanted.iter().filter(is_left).map(|(one, of)| (one.clone(), of.clone())).collect();
    match workshop.try_out(planned, order.clone(), until.min(begun + LONGEST)).await {
        Err(reason) => {
            trials.notes.push(format!(
                "{} of kinds that no planner can be asked about were not tried in the sandbox: {reason}.",
                optischema::figures::counted(order.len() as u64, "candidate")
            ));
            let untried = order.into_iter().map(|trial| trial.candidate);
            trials.untried =
                wanted.into_iter().filter(|(c, _)| untried.clone().any(|u| u == *c)).collect();
        }
        Ok(tried) => {
            let unfinished = trials.take(&order, tried, tables, writes);
            let is_open = |candidate: &IndexCandidate| unfinished.contains(candidate);
            trials.untried = wanted.into_iter().filter(|(c, _)| is_open(c)).collect();
        }
    }
    trials
}

/// Candidates with all statements that they could serve: an index that holds the keys of another one does its work too.
fn widened(wanted: &BTreeMap<IndexCandidate, Wanted>) -> BTreeMap<IndexCandidate, Wanted> {
    let holds = |wide: &IndexCandidate, narrow: &IndexCandidate| {
        wide.table == narrow.table
            && wide.method == IndexMethod::Gin
            && narrow.method == IndexMethod::Gin
            && narrow.keys.iter().all(|key| wide.keys.contains(key))
    };
    let mut widened = wanted.clone();
    for (wide, own) in &mut widened {
        let narrower = wanted.iter().filter(|(narrow, _)| holds(wide, narrow));
        own.statements.extend(narrower.flat_map(|(_, wanted)| &wanted.statements));
        own.statements.sort_unstable();
        own.statements.dedup();
    }
    widened
}

/// The likeliest candidate of each statement first, those of the dearest statements before the others; then the second
/// ones, and so on. And those that are too many.
fn in_order(
    planned: &[Planned<'_>],
    wanted: &BTreeMap<IndexCandidate, Wanted>,
    tables: &BTreeMap<&TableName, CatalogTable>,
) -> (Vec<Trial>, Vec<IndexCandidate>) {
    let time = |statement: &usize| {
        planned.get(*statement).map_or(0.0, |planned| planned.tracked.total_time_ms)
    };
    let mut by_statement: BTreeMap<usize, Vec<(u32, &IndexCandidate)>> = BTreeMap::new();
    for (candidate, wanted) in wanted {
        for statement in &wanted.statements {
            by_statement.entry(*statement).or_default().push((likelihood(candidate), candidate));
        }
    }
    let mut turn: BTreeMap<&IndexCandidate, usize> = BTreeMap::new();
    for candidates in by_statement.values_mut() {
        candidates.sort();
        for (at, (_, candidate)) in candidates.iter().enumerate() {
            let known = turn.entry(candidate).or_insert(at);
            *known = at.min(*known);
        }
    }
    let mut order: Vec<(usize, f64, Trial)> = wanted
        .iter()
        .map(|(candidate, wanted)| {
            let trial = Trial {
                candidate: candidate.clone(),
                extensions: wanted.extensions.keys().cloned().collect(),
                statements: wanted.statements.clone(),
                rows: tables.get(&candidate.table).map_or(0.0, |table| table.rows.max(0.0)),
            };
            let turn = turn.get(candidate).copied().unwrap_or_default();
            (turn, wanted.statements.iter().map(time).sum(), trial)
        })
        .collect();
    order.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut trials: Vec<Trial> = order.into_iter().map(|(_, _, trial)| trial).collect();
    let left = trials.split_off(trials.len().min(MOST_TRIALS));
    (trials, left.into_iter().map(|trial| trial.candidate).collect())
}

/// Which of several is tried first: the lower.
fn likelihood(candidate: &IndexCandidate) -> u32 {
    match candidate.method {
        // One that holds all that is asked for finds fewer rows.
        IndexMethod::Gin if candidate.keys.len() > 1 => 0,
        IndexMethod::Gin | IndexMethod::Hnsw | IndexMethod::Rum => 1,
        IndexMethod::Gist if candidate.keys.len() > 1 => 2,
        IndexMethod::Gist => 3,
        IndexMethod::Spgist => 4,
        _ => 5,
    }
}

impl Trials {
    /// Takes back what a planner can be asked about after all, of what was not tried.
    pub fn take_back(
        &mut self,
        can_be_asked_about: impl Fn(&IndexCandidate) -> bool,
    ) -> Vec<(IndexCandidate, Wanted)> {
        let mut is_asked = |(one, _): &mut (IndexCandidate, Wanted)| can_be_asked_about(one);
        let mut back: Vec<_> = self.untried.extract_if(.., &mut is_asked).collect();
        back.extend(self.left.extract_if(.., &mut is_asked));
        back
    }

    /// Those that were too many, with that reason.
    pub fn rejected(&self) -> impl Iterator<Item = RejectedCandidate> + '_ {
        let too_many = self.left.iter().map(|(candidate, _)| {
            RejectedCandidate::of(
                candidate,
                format!("{MOST_TRIALS} indexes of kinds that must be built are tried in one analysis, and those of statements that take more time came first"),
            )
        });
        self.rejected.iter().cloned().chain(too_many)
    }

    fn take(
        &mut self,
        asked: &[Trial],
        tried: Vec<(Trial, Result<Built, String>)>,
        tables: &BTreeMap<&TableName, CatalogTable>,
        writes: &BTreeMap<TableName, TableWrites>,
    ) -> Vec<IndexCandidate> {
        let is_tried = |trial: &&Trial| !tried.iter().any(|(done, _)| done == *trial);
        let left: Vec<Trial> = asked.iter().filter(is_tried).cloned().collect();
        for (trial, outcome) in tried {
            let built = match outcome {
                Ok(built) => built,
                Err(reason) => {
                    let reason = format!("not built in the sandbox: {reason}");
                    self.rejected.push(RejectedCandidate::of(&trial.candidate, reason));
                    continue;
                }
            };
            let effects: Vec<BuiltEffect> = built
                .effects
                .iter()
                .filter(|effect| effect.after < effect.before * (1.0 - LEAST_GAIN))
                .cloned()
                .collect();
            if let Some(objection) = &built.objection {
                self.rejected.push(RejectedCandidate::of(
                    &trial.candidate,
                    format!("it was built in the sandbox, and {objection}"),
                ));
                continue;
            }
            if effects.is_empty() {
                self.rejected.push(RejectedCandidate::of(
                    &trial.candidate,
                    "it was built in the sandbox, and no plan there gets cheaper with it"
                        .to_owned(),
                ));
                continue;
            }
            let Some(table) = tables.get(&trial.candidate.table) else { continue };
            let scale = (table.rows.max(0.0) / built.rows.max(1) as f64).max(1.0);
            let bytes = (built.bytes as f64 * scale) as i64;
            let entry_bytes = built.bytes as f64 / built.rows.max(1) as f64;
            let size = IndexSize { bytes, entry_bytes, rows: table.rows.max(0.0) };
            let none = TableWrites::default();
            let writes = writes.get(&table.name).unwrap_or(&none);
            let upkeep = upkeep_of(table, &trial.candidate, size, writes).cost_units;
            let wanted_by = effects.iter().map(|effect| effect.statement).collect();
            let candidate = trial.candidate;
            let built_on = BuiltOn {
                rows: built.rows,
                bytes: built.bytes,
                build_ms: built.build_ms,
                with_statistics_of_main: built.with_statistics_of_main,
            };
            self.built_on.insert(candidate.clone(), built_on);
            self.effects.insert(candidate.clone(), effects);
            self.priced.push(Priced { candidate, bytes, upkeep, wanted_by });
        }
        // Statements that an index which was built serves need no other without a figure.
        let is_served = |number: &usize| {
            self.effects.values().flatten().any(|effect| effect.statement == *number)
        };
        let (served, open): (Vec<Trial>, Vec<Trial>) =
            left.into_iter().partition(|trial| trial.statements.iter().all(is_served));
        self.rejected.extend(served.iter().map(|trial| {
            RejectedCandidate::of(
                &trial.candidate,
                "it must be built to be costed, and the time for that was over".to_owned(),
            )
        }));
        open.into_iter().map(|trial| trial.candidate).collect()
    }
}

impl Trials {
    /// The plans without and with an index that was built, of the statement that gains most.
    pub fn plans(&self, costed: &Costed) -> Option<Value> {
        let effects = self.effects.get(&costed.candidate)?;
        let main = costed.effects.first().map(|(statement, ..)| *statement);
        let effect = effects.iter().find(|effect| Some(effect.statement) == main)?;
        let (before, after) = &effect.plans;
        Some(serde_json::json!({ "before": before, "after": after }))
    }

    /// What nobody could cost, with its statements.
    pub fn untried(self, planned: &[Planned<'_>]) -> Vec<Untried> {
        let of = |number: &usize| planned.get(*number).map(|one| one.tracked.clone());
        // Where these are not tried, B-trees serve the same.
        let has_other = |method| matches!(method, IndexMethod::Brin | IndexMethod::Bloom);
        let untried = self.untried.into_iter().filter(|(one, _)| !has_other(one.method));
        untried
            .map(|(candidate, wanted)| Untried {
                candidate,
                statements: wanted.statements.iter().filter_map(of).collect(),
                lacking: wanted
                    .extensions
                    .into_iter()
                    .filter(|(_, lacks)| *lacks)
                    .map(|(name, _)| name)
                    .collect(),
            })
            .collect()
    }
}

/// A planner beside what was built: it is asked about what it can plan with, and the cheaper of its word and that of an
/// index that was built counts. That both could serve one plan together is not known to it.
pub(super) struct WithBuilt<'a> {
    pub planner: &'a mut dyn CostOracle,
    pub effects: &'a BTreeMap<IndexCandidate, Vec<BuiltEffect>>,
    /// By statement, what it costs as it is.
    bases: BTreeMap<usize, f64>,
}

impl<'a> WithBuilt<'a> {
    pub fn new(
        planner: &'a mut dyn CostOracle,
        effects: &'a BTreeMap<IndexCandidate, Vec<BuiltEffect>>,
    ) -> Self {
        Self { planner, effects, bases: BTreeMap::new() }
    }

    async fn base(&mut self, statement: usize) -> Result<f64, CostError> {
        if let Some(base) = self.bases.get(&statement) {
            return Ok(*base);
        }
        let base = self.planner.cost(statement, &[]).await?.cost;
        self.bases.insert(statement, base);
        Ok(base)
    }
}

#[async_trait]
impl CostOracle for WithBuilt<'_> {
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<WhatIf, CostError> {
        let (built, asked): (Vec<usize>, Vec<usize>) =
            (0..indexes.len()).partition(|at| self.effects.contains_key(indexes[*at]));
        let planned: Vec<&IndexCandidate> = asked.iter().map(|at| indexes[*at]).collect();
        let mut best = if asked.is_empty() {
            WhatIf { cost: self.base(statement).await?, used: Vec::new() }
        } else {
            let answer =
                self.planner.cost(statement, &planned).await.map_err(|error| match error {
                    CostError::Candidate { position, reason } => CostError::Candidate {
                        position: asked.get(position).copied().unwrap_or(position),
                        reason,
                    },
                    other => other,
                })?;
            let used = answer.used.iter().filter_map(|at| asked.get(*at).copied()).collect();
            WhatIf { cost: answer.cost, used }
        };
        for at in built {
            let Some(effects) = self.effects.get(indexes[at]) else { continue };
            let Some(effect) = effects.iter().find(|effect| effect.statement == statement) else {
                continue;
            };
            let cost = self.base(statement).await? * effect.after / effect.before;
            if cost < best.cost {
                best = WhatIf { cost, used: vec![at] };
            }
        }
        Ok(best)
    }

    fn known(&self, statement: usize) -> Option<f64> {
        self.planner.known(statement)
    }

    fn is_out_of_time(&self) -> bool {
        self.planner.is_out_of_time()
    }

    fn is_over(&self) -> bool {
        self.planner.is_over()
    }

    async fn rest(&mut self) {
        self.planner.rest().await;
    }
}

#[cfg(test)]
mod tests {
    use optischema::advisor::IndexKey;

    use super::*;

    /// Has no time for anything, or cannot be entered.
    #[derive(Debug)]
    struct Closed(Result<(), String>);

    #[async_trait]
    impl Workshop for Closed {
        async fn try_out(
            &self,
            _: &[Planned<'_>],
            _: Vec<Trial>,
            _: Instant,
        ) -> Result<Vec<(Trial, Result<Built, String>)>, String> {
            self.0.clone().map(|()| Vec::new())
        }
    }

    /// More than are tried, every third on an expression.
    fn wanted() -> BTreeMap<IndexCandidate, Wanted> {
        let candidate = |number: usize| IndexCandidate {
            table: TableName::new("public", "t"),
            keys: vec![match number % 3 {
                0 => IndexKey::expression(format!("lower(c{number})")),
                _ => IndexKey::column(format!("c{number}")),
            }],
            method: if number.is_multiple_of(3) { IndexMethod::Btree } else { IndexMethod::Gin },
            ..IndexCandidate::default()
        };
        let of = |number| Wanted { statements: vec![number], ..Wanted::default() };
        (0..MOST_TRIALS + 20).map(|number| (candidate(number), of(number))).collect()
    }

    #[tokio::test]
    async fn what_was_not_tried_goes_back_to_the_planner_where_it_can() {
        let is_asked = |one: &IndexCandidate| one.method == IndexMethod::Btree;
        for outcome in [Ok(()), Err("it is down".to_owned())] {
            let closed = Closed(outcome);
            let until = Instant::now() + LONGEST;
            let (tables, writes) = (BTreeMap::new(), BTreeMap::new());
            let mut trials = try_all(Some(&closed), &[], wanted(), &tables, &writes, until).await;
            let back = trials.take_back(is_asked);
            assert_eq!(back.len(), (MOST_TRIALS + 20) / 3);
            assert!(back.iter().all(|(one, _)| is_asked(one)));
            let rejected = trials.rejected().filter(|one| one.reason.contains("are tried")).count();
            assert_eq!(back.len() + trials.untried.len() + rejected, MOST_TRIALS + 20);
            assert!(rejected > 0 && !trials.untried.iter().any(|(one, _)| is_asked(one)));
        }
    }
}
