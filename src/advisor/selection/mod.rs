//! Which of the candidates to have, over the whole weighted workload, under a storage budget.
//!
//! What the planner says of a statement beside a set of indexes is kept as an *atom*: the indexes that its plan
//! uses, and its cost. A statement beside any set costs what its cheapest atom within the set costs, and that
//! is exact wherever a plan was made beside a larger set. So few plans answer for many sets:
//!
//! 1. [`explore`] finds atoms: beside all candidates, beside ever fewer of them, beside each alone.
//! 2. [`search`] chooses among them without a planner: benefit per byte first, then adds, drops and swaps until
//!    nothing gains.
//! 3. The planner is asked about what was chosen. What it says anew becomes an atom, and the search goes on from
//!    there, until they agree or the time is up. The best set so far is always at hand.
//!
//! Complete multi-column candidates compete from the start; a chosen index is never grown column by column.

mod explain;
mod explore;
mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use async_trait::async_trait;
use thiserror::Error;

use crate::model::RejectedCandidate;

use super::candidates::merged;
use super::index::IndexCandidate;
use super::weights::WeightedStatement;
use explore::Explorer;
use search::Search;

/// A statement gains only if it gets cheaper by this share: less is within the planner's error.
pub(super) const MIN_GAIN: f64 = 0.10;
/// A tracked statement may not get dearer by more than this share.
pub(super) const MAX_LOSS: f64 = 0.10;
/// A choice must save at least this share of the whole workload.
pub(super) const MIN_WORKLOAD_GAIN: f64 = 0.0005;
/// Without a budget, indexes as large as all tables together must save this share of the workload.
const STORAGE_PRICE: f64 = 0.05;
/// Rounds of asking about what was chosen.
const MAX_ROUNDS: usize = 4;
/// The first of them also ask what else would help beside what was chosen: fewer where there are many candidates.
const WIDE_ROUNDS: usize = 2;
const FEWER_WIDE_ROUNDS: usize = 1;
/// Merged candidates that are tried.
const MAX_MERGED: usize = 24;

/// A planner call that did not give a cost.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CostError {
    /// The statement cannot be planned; the others go on.
    #[error("{0}")]
    Statement(String),
    /// The candidate at this position cannot be made.
    #[error("{reason}")]
    Candidate { position: usize, reason: String },
    #[error("the time is up")]
    OutOfTime,
}

/// What a planner says of a statement beside some indexes.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIf {
    /// The cost of one call.
    pub cost: f64,
    /// Positions of the indexes that its plan uses.
    pub used: Vec<usize>,
}

/// Asks a planner what statements would cost.
#[async_trait]
pub trait CostOracle: Send {
    /// The planner's cost of one call of a statement, were these candidates real indexes, and which of them
    /// its plan uses.
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<WhatIf, CostError>;

    /// What a statement costs without any of the candidates, as far as that is known without asking.
    fn known(&self, _statement: usize) -> Option<f64> {
        None
    }

    /// Whether no more should be asked.
    fn is_out_of_time(&self) -> bool {
        false
    }

    /// Whether nothing more may be thought about, either.
    fn is_over(&self) -> bool {
        false
    }

    /// Told that nothing is asked for a while.
    async fn rest(&mut self) {}
}

/// A candidate with what having it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Priced {
    pub candidate: IndexCandidate,
    pub bytes: i64,
    /// Planner cost units that its upkeep takes over the time that the weights cover.
    pub upkeep: f64,
    /// Statements that it was made for.
    pub wanted_by: Vec<usize>,
}

/// Within what to choose.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// For all that is chosen.
    pub bytes: Option<i64>,
    /// Planner calls.
    pub calls: Option<u64>,
    /// Bytes of all tables: without a budget, storage is weighed against them.
    pub data_bytes: i64,
}

/// What there is to choose from.
#[derive(Debug)]
pub struct Choice<'a> {
    pub statements: &'a [WeightedStatement],
    pub priced: Vec<Priced>,
    /// For each statement, which tables' indexes it can use.
    pub tables: Vec<Vec<crate::model::TableName>>,
    /// Milliseconds that the rest of the workload took.
    pub left_ms: f64,
    pub limits: Limits,
}

/// A chosen index, and what it alone does to the workload; what all do, where it does nothing alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Costed {
    pub candidate: IndexCandidate,
    pub bytes: i64,
    pub upkeep: f64,
    /// Statement number, cost before, cost after: those whose cost changes.
    pub effects: Vec<(usize, f64, f64)>,
    /// The share of the whole workload's time that it saves alone, 0 to 1; of its cost where no time was measured.
    pub workload_gain: f64,
    /// The share that would be lost without it, all others in place.
    pub marginal_gain: f64,
    /// It gains nothing alone: plans use it beside other chosen ones, as for the sides of an OR.
    pub only_together: bool,
}

/// What was chosen, and what was not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    pub chosen: Vec<Costed>,
    pub rejected: Vec<RejectedCandidate>,
    /// Statements that the planner could not cost, with its reason.
    pub uncosted: BTreeMap<usize, String>,
    /// What the workload takes without and with all that is chosen: milliseconds, or cost units where no time was measured.
    pub cost_before: f64,
    pub cost_after: f64,
    /// Questions put to the oracle.
    pub calls: u64,
    /// Questions that an earlier plan answered.
    pub reused: u64,
    /// Questions that bounds decided.
    pub bounded: u64,
    /// The part of the whole workload that was planned, 0 to 1.
    pub planned_share: f64,
}

/// Chooses. `price` gives bytes and upkeep of candidates that come up on the way, by merging two.
pub async fn select_indexes(
    oracle: &mut dyn CostOracle,
    choice: Choice<'_>,
    price: &(dyn Fn(&IndexCandidate) -> Option<(i64, f64)> + Sync),
) -> Selection {
    let limits = choice.limits;
    let mut explorer = Explorer::new(oracle, choice);
    explorer.explore().await;
    explorer.rest().await;
    let mut best = Search::new(&explorer, limits).found_anew();
    if explorer.add_merged(&merges(&explorer, &best), price).await {
        explorer.rest().await;
        best = Search::new(&explorer, limits).better_of(best);
    }
    // What would be chosen within less, and within more, shows plans that lie near.
    for share in [0.5, 2.0] {
        if let Some(bytes) = limits.bytes {
            let bytes = Some((bytes as f64 * share) as i64);
            let near = Search::new(&explorer, Limits { bytes, ..limits }).roughly();
            explorer.verify(&near, explorer.has_few).await;
        }
    }
    let wide_rounds = if explorer.has_few { WIDE_ROUNDS } else { FEWER_WIDE_ROUNDS };
    for round in 0..MAX_ROUNDS {
        let news = explorer.verify(&best, round < wide_rounds).await;
        let harmful = explorer.harmful(&best);
        for (candidate, statement) in &harmful {
            explorer.ban(*candidate, format!("statement {} would get dearer", statement + 1));
        }
        if !news && harmful.is_empty() {
            break;
        }
        explorer.rest().await;
        best = Search::new(&explorer, limits).better_of(best);
    }
    // An atom costs less than it seems where others do its work: asked beside all others, some are not missed.
    for candidate in best.clone() {
        let others: Vec<usize> = best.iter().copied().filter(|i| *i != candidate).collect();
        explorer.verify(&others, false).await;
    }
    explorer.rest().await;
    best = Search::new(&explorer, limits).still_needed(&best);
    best = Search::new(&explorer, limits).fewer(&best);
    best = Search::new(&explorer, limits).surer(&best);
    // What was taken for another may serve for a third one, too: each is asked about alone.
    for candidate in &best {
        explorer.alone(*candidate).await;
    }
    best = Search::new(&explorer, limits).still_needed(&best);
    explain::selection(explorer, best, limits).await
}

/// Candidates that unite two of one table: what was chosen with each other, and with what serves beside it.
fn merges(explorer: &Explorer<'_>, chosen: &[usize]) -> Vec<(IndexCandidate, Vec<usize>)> {
    let mut others: Vec<usize> = explorer.members_of_atoms();
    others.retain(|other| !chosen.contains(other));
    let mut found: Vec<(IndexCandidate, Vec<usize>)> = Vec::new();
    for one in chosen {
        for other in chosen.iter().chain(&others) {
            let (a, b) = (&explorer.priced[*one], &explorer.priced[*other]);
            let Some(candidate) = merged(&a.candidate, &b.candidate) else { continue };
            let is_known = explorer.priced.iter().any(|p| p.candidate == candidate)
                || found.iter().any(|(known, _)| *known == candidate);
            if !is_known && found.len() < MAX_MERGED {
                let mut wanted_by = [a.wanted_by.as_slice(), b.wanted_by.as_slice()].concat();
                wanted_by.sort_unstable();
                wanted_by.dedup();
                found.push((candidate, wanted_by));
            }
        }
    }
    found
}
