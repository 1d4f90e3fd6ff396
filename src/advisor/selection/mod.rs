//! Which of the candidates to have, over the whole weighted workload.
//!
//! Complete multi-column candidates compete by benefit per byte; after each choice all others are costed
//! again beside what is chosen, and at the end whatever the rest makes superfluous is dropped. A chosen
//! index is never grown column by column.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use thiserror::Error;

use crate::model::RejectedCandidate;

use super::candidates::{CandidateSet, IndexCandidate};

/// A statement gains only if it gets cheaper by this share: less is within the planner's error.
const MIN_GAIN: f64 = 0.10;
/// A tracked statement may not get dearer by more than this share.
const MAX_LOSS: f64 = 0.10;
/// A choice must save at least this share of the whole workload, or of one statement [`MIN_GAIN`].
const MIN_WORKLOAD_GAIN: f64 = 0.001;

/// A planner call that did not give a cost.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct CostError(pub String);

/// Asks a planner what statements would cost.
#[async_trait]
pub trait CostOracle: Send {
    /// The planner's cost of one call of a statement, were these candidates real indexes.
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<f64, CostError>;

    /// The size that a candidate would have, in bytes.
    async fn size(&mut self, index: &IndexCandidate) -> Result<i64, CostError>;
}

/// One statement as selection sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedStatement {
    /// Calls: the cost of one call counts this often.
    pub weight: f64,
}

/// A chosen index, and what it alone does to the workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Costed {
    pub candidate: IndexCandidate,
    pub bytes: i64,
    /// Statement number, cost before, cost after: those whose cost changes.
    pub effects: Vec<(usize, f64, f64)>,
    /// The share of the whole workload's cost that it saves alone, 0 to 1.
    pub workload_gain: f64,
}

/// What was chosen, and what was not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    pub chosen: Vec<Costed>,
    pub rejected: Vec<RejectedCandidate>,
    /// Statements that the planner could not cost, with its reason.
    pub uncosted: BTreeMap<usize, String>,
    /// Planner calls made.
    pub calls: u64,
}

/// Chooses among the candidates.
pub async fn select_indexes(
    oracle: &mut dyn CostOracle,
    statements: &[WeightedStatement],
    candidates: &CandidateSet,
) -> Selection {
    let mut search = Search::new(oracle, statements);
    search.cost_baseline().await;
    search.size_candidates(candidates).await;
    let chosen = search.choose().await;
    let chosen = search.swap_for_better(chosen).await;
    let chosen = search.drop_superfluous(chosen).await;
    search.finish(chosen, candidates).await
}

struct Search<'a> {
    oracle: &'a mut dyn CostOracle,
    statements: &'a [WeightedStatement],
    baseline: Vec<Option<f64>>,
    /// Candidates that have a size.
    open: Vec<(IndexCandidate, i64)>,
    /// What a statement costs beside a set of candidates of its tables.
    cache: BTreeMap<(usize, BTreeSet<usize>), f64>,
    wanted_by: Vec<BTreeSet<usize>>,
    rejected: Vec<RejectedCandidate>,
    uncosted: BTreeMap<usize, String>,
    calls: u64,
}

impl<'a> Search<'a> {
    fn new(oracle: &'a mut dyn CostOracle, statements: &'a [WeightedStatement]) -> Self {
        Self {
            oracle,
            statements,
            baseline: Vec::new(),
            open: Vec::new(),
            cache: BTreeMap::new(),
            wanted_by: Vec::new(),
            rejected: Vec::new(),
            uncosted: BTreeMap::new(),
            calls: 0,
        }
    }

    async fn cost_baseline(&mut self) {
        for statement in 0..self.statements.len() {
            self.calls += 1;
            let cost = match self.oracle.cost(statement, &[]).await {
                Ok(cost) => Some(cost),
                Err(error) => {
                    self.uncosted.insert(statement, error.0);
                    None
                }
            };
            self.baseline.push(cost);
        }
    }

    async fn size_candidates(&mut self, candidates: &CandidateSet) {
        for candidate in candidates.candidates.keys() {
            match self.oracle.size(candidate).await {
                Ok(bytes) => {
                    // A statement can use a candidate only where it reads the candidate's table, and
                    // generation has already tied every candidate to the statements it could serve.
                    // Others on the table are planned too: they may gain from what was not meant for them.
                    let same_table = candidates
                        .candidates
                        .iter()
                        .filter(|(other, _)| other.table == candidate.table)
                        .flat_map(|(_, wanted_by)| wanted_by.iter().copied());
                    self.wanted_by.push(same_table.collect());
                    self.open.push((candidate.clone(), bytes.max(1)));
                }
                Err(error) => self.reject(candidate, format!("it could not be sized: {error}")),
            }
        }
    }

    fn reject(&mut self, candidate: &IndexCandidate, reason: String) {
        self.rejected.push(RejectedCandidate {
            table: candidate.table.clone(),
            definition: candidate.create_sql(false),
            reason,
        });
    }

    /// The cost of a statement beside a set of candidates; the planner is asked once for each set of
    /// candidates that matter to it.
    async fn cost(&mut self, statement: usize, set: &BTreeSet<usize>) -> Option<f64> {
        let baseline = self.baseline[statement]?;
        let relevant: BTreeSet<usize> =
            set.iter().copied().filter(|i| self.wanted_by[*i].contains(&statement)).collect();
        if relevant.is_empty() {
            return Some(baseline);
        }
        let key = (statement, relevant);
        if let Some(cost) = self.cache.get(&key) {
            return Some(*cost);
        }
        let indexes: Vec<&IndexCandidate> = key.1.iter().map(|i| &self.open[*i].0).collect();
        self.calls += 1;
        match self.oracle.cost(statement, &indexes).await {
            Ok(cost) => {
                self.cache.insert(key, cost);
                Some(cost)
            }
            Err(error) => {
                self.uncosted.insert(statement, error.0);
                None
            }
        }
    }

    async fn total(&mut self, set: &BTreeSet<usize>) -> f64 {
        let mut total = 0.0;
        for statement in 0..self.statements.len() {
            if let Some(cost) = self.cost(statement, set).await {
                total += cost * self.statements[statement].weight;
            }
        }
        total
    }

    /// Whether some statement gains enough from `with` over `without`, and none loses too much.
    async fn worth(&mut self, without: &BTreeSet<usize>, with: &BTreeSet<usize>) -> Worth {
        let mut gains = false;
        for statement in 0..self.statements.len() {
            let (Some(before), Some(after)) =
                (self.cost(statement, without).await, self.cost(statement, with).await)
            else {
                continue;
            };
            let original = self.baseline[statement].unwrap_or(before);
            if after > original * (1.0 + MAX_LOSS) {
                return Worth::Harms(statement);
            }
            gains |= after < before * (1.0 - MIN_GAIN);
        }
        if gains { Worth::Gains } else { Worth::Nothing }
    }

    async fn choose(&mut self) -> BTreeSet<usize> {
        let mut chosen = BTreeSet::new();
        let workload = self.total(&chosen).await.max(f64::MIN_POSITIVE);
        loop {
            let current = self.total(&chosen).await;
            let mut best: Option<(f64, usize)> = None;
            for candidate in 0..self.open.len() {
                if chosen.contains(&candidate) {
                    continue;
                }
                let mut with = chosen.clone();
                with.insert(candidate);
                let saved = current - self.total(&with).await;
                let rate = saved / self.open[candidate].1 as f64;
                if saved / workload < MIN_WORKLOAD_GAIN || best.is_some_and(|(top, _)| rate <= top)
                {
                    continue;
                }
                if self.worth(&chosen, &with).await == Worth::Gains {
                    best = Some((rate, candidate));
                }
            }
            match best {
                Some((_, candidate)) => chosen.insert(candidate),
                None => return chosen,
            };
        }
    }

    /// Replaces a chosen index, or two of one table, by a candidate of that table with which some statement
    /// gets cheaper and none dearer: two narrow indexes become the one that serves better.
    async fn swap_for_better(&mut self, mut chosen: BTreeSet<usize>) -> BTreeSet<usize> {
        // Each swap makes the whole cheaper, so this ends; the bound is for the planner's rounding.
        for _ in 0..self.open.len() {
            let Some(better) = self.better_swap(&chosen).await else { break };
            chosen = better;
        }
        chosen
    }

    async fn better_swap(&mut self, chosen: &BTreeSet<usize>) -> Option<BTreeSet<usize>> {
        let current = self.total(chosen).await;
        let mut best: Option<(f64, BTreeSet<usize>)> = None;
        let members: Vec<usize> = chosen.iter().copied().collect();
        for (position, first) in members.iter().enumerate() {
            for second in &members[position..] {
                let table = self.open[*first].0.table.clone();
                if self.open[*second].0.table != table {
                    continue;
                }
                for candidate in 0..self.open.len() {
                    if chosen.contains(&candidate) || self.open[candidate].0.table != table {
                        continue;
                    }
                    let mut with = chosen.clone();
                    with.remove(first);
                    with.remove(second);
                    with.insert(candidate);
                    let total = self.total(&with).await;
                    // Two for one may cost the same; one for one must be cheaper.
                    let limit = if first == second { current * (1.0 - 1e-6) } else { current };
                    if total > limit || best.as_ref().is_some_and(|(least, _)| total >= *least) {
                        continue;
                    }
                    if first != second || self.improves(chosen, &with).await {
                        best = Some((total, with));
                    }
                }
            }
        }
        best.map(|(_, with)| with)
    }

    /// Whether some statement gains enough from `to` instead of `from`, and none loses as much.
    async fn improves(&mut self, from: &BTreeSet<usize>, to: &BTreeSet<usize>) -> bool {
        self.worth(from, to).await == Worth::Gains && self.worth(to, from).await != Worth::Gains
    }

    /// Drops every chosen index without which the rest does as well.
    async fn drop_superfluous(&mut self, mut chosen: BTreeSet<usize>) -> BTreeSet<usize> {
        for candidate in chosen.clone() {
            let mut without = chosen.clone();
            without.remove(&candidate);
            let (full, reduced) = (self.total(&chosen).await, self.total(&without).await);
            let needed = self.worth(&without, &chosen).await == Worth::Gains;
            if !needed || reduced <= full * (1.0 + MIN_WORKLOAD_GAIN) {
                chosen = without;
            }
        }
        chosen
    }

    async fn finish(mut self, chosen: BTreeSet<usize>, candidates: &CandidateSet) -> Selection {
        let empty = BTreeSet::new();
        let workload = self.total(&empty).await.max(f64::MIN_POSITIVE);
        let mut costed = Vec::new();
        for candidate in &chosen {
            let alone = BTreeSet::from([*candidate]);
            let mut effects = Vec::new();
            for statement in 0..self.statements.len() {
                let (Some(before), Some(after)) =
                    (self.baseline[statement], self.cost(statement, &alone).await)
                else {
                    continue;
                };
                if (after - before).abs() > before * 0.001 {
                    effects.push((statement, before, after));
                }
            }
            let weight = |effect: &(usize, f64, f64)| {
                (effect.1 - effect.2) * self.statements[effect.0].weight
            };
            effects.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
            let gain = (workload - self.total(&alone).await) / workload;
            let (index, bytes) = self.open[*candidate].clone();
            costed.push(Costed { candidate: index, bytes, effects, workload_gain: gain });
        }
        costed.sort_by(|a, b| b.workload_gain.total_cmp(&a.workload_gain));
        self.explain_the_rest(&chosen).await;
        let mut rejected = candidates.rejected.clone();
        rejected.append(&mut self.rejected);
        Selection { chosen: costed, rejected, uncosted: self.uncosted, calls: self.calls }
    }

    /// Says of every candidate that was not chosen why it was not.
    async fn explain_the_rest(&mut self, chosen: &BTreeSet<usize>) {
        let empty = BTreeSet::new();
        for candidate in 0..self.open.len() {
            if chosen.contains(&candidate) {
                continue;
            }
            let alone = BTreeSet::from([candidate]);
            let mut with = chosen.clone();
            with.insert(candidate);
            let reason = match self.worth(&empty, &alone).await {
                Worth::Nothing => {
                    format!("no statement gets cheaper by {:.0} % with it", MIN_GAIN * 100.0)
                }
                Worth::Harms(statement) => {
                    format!("statement {} would get dearer", statement + 1)
                }
                Worth::Gains => match self.worth(chosen, &with).await {
                    Worth::Harms(statement) => {
                        format!("beside the others, statement {} would get dearer", statement + 1)
                    }
                    Worth::Nothing => "what is recommended serves the same statements".to_owned(),
                    Worth::Gains => format!(
                        "it saves less than {:.1} % of the workload's cost",
                        MIN_WORKLOAD_GAIN * 100.0
                    ),
                },
            };
            let index = self.open[candidate].0.clone();
            self.reject(&index, reason);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    Gains,
    Nothing,
    /// The statement that would get too dear.
    Harms(usize),
}
