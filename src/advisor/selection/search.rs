//! Choosing among atoms: no planner, no waiting.

use super::explore::{Atom, Explorer};
use super::{Limits, MIN_GAIN, MIN_WORKLOAD_GAIN, STORAGE_PRICE};

/// Sets beyond this size are not searched pair by pair.
const MAX_PAIRS: usize = 24;
/// The share of the workload that an index must save beside one that begins with its keys: what the planner makes of their
/// sizes is less than what every write costs.
const OF_A_PREFIX: f64 = 0.05;
/// Times that a part of the best set is taken out and chosen anew.
const SHAKES: usize = 2;
/// The share of what a set saves that a surer index may cost.
const NEXT_TO_NOTHING: f64 = 0.01;
/// Improvements in a row; each makes the whole cheaper, so this is for rounding only.
const MAX_IMPROVEMENTS: usize = 200;

pub(super) struct Search<'s, 'a> {
    explorer: &'s Explorer<'a>,
    bytes: i64,
    /// Cost units that a byte takes.
    byte_price: f64,
    workload: f64,
    /// What savings below it are not worth an index.
    least: f64,
    /// By candidate, what having it takes.
    keeping: Vec<f64>,
    /// What can be added at once: the members of an atom.
    packages: Vec<Vec<usize>>,
    /// By statement, the packages that some plan of it used.
    near: Vec<Vec<usize>>,
    /// By candidate, the statements that some plan used it for, each with those atoms, the cheapest first.
    users: Vec<Vec<(usize, Vec<&'s Atom>)>>,
}

#[derive(Debug, Clone)]
struct State {
    has: Vec<bool>,
    bytes: i64,
    /// By statement, one call.
    costs: Vec<f64>,
    /// What the search makes small: weighted costs, upkeep and storage.
    total: f64,
}

impl<'s, 'a> Search<'s, 'a> {
    pub fn new(explorer: &'s Explorer<'a>, limits: Limits) -> Self {
        let mut users: Vec<Vec<(usize, Vec<&Atom>)>> = vec![Vec::new(); explorer.priced.len()];
        let mut packages = Vec::new();
        for (statement, atoms) in explorer.atoms.iter().enumerate() {
            let base = explorer.baseline[statement].unwrap_or_default();
            for atom in atoms {
                let can_be_had = atom.used.iter().all(|i| !explorer.banned.contains_key(i));
                if atom.used.is_empty() || !can_be_had || atom.cost >= base {
                    continue;
                }
                for i in &atom.used {
                    match users[*i].last_mut() {
                        Some((known, atoms)) if *known == statement => atoms.push(atom),
                        _ => users[*i].push((statement, vec![atom])),
                    }
                }
                packages.push(atom.used.clone());
            }
        }
        packages.sort();
        packages.dedup();
        let near = (0..explorer.atoms.len())
            .map(|statement| {
                let atoms = explorer.atoms[statement].iter();
                atoms.filter_map(|atom| packages.binary_search(&atom.used).ok()).collect()
            })
            .collect();
        let workload = explorer.workload();
        let byte_price = match limits.bytes {
            Some(_) => 0.0,
            None => STORAGE_PRICE * workload / limits.data_bytes.max(1 << 20) as f64,
        };
        let keeping = (0..explorer.priced.len())
            .map(|candidate| {
                let bytes = explorer.priced[candidate].bytes as f64;
                explorer.upkeep(candidate) + bytes * byte_price
            })
            .collect();
        let bytes = limits.bytes.unwrap_or(i64::MAX);
        // Room that is given may be used for what saves a part of what can be saved; else it must pay for itself.
        let scale = if limits.bytes.is_some() { explorer.scale() } else { workload };
        let least = MIN_WORKLOAD_GAIN * scale;
        Self { explorer, bytes, least, byte_price, workload, keeping, packages, near, users }
    }

    /// The packages that may gain when a candidate goes: those of the statements that used it. Within a budget, any
    /// may take the room that it leaves.
    fn packages_near(&self, candidates: &[usize]) -> Vec<usize> {
        if self.byte_price <= 0.0 {
            return (0..self.packages.len()).collect();
        }
        let statements = candidates.iter().flat_map(|candidate| &self.users[*candidate]);
        let mut packages: Vec<usize> =
            statements.flat_map(|(statement, _)| self.near[*statement].iter().copied()).collect();
        packages.sort_unstable();
        packages.dedup();
        packages
    }

    /// The best set that greedy choices by several measures lead to.
    pub fn found_anew(&self) -> Vec<usize> {
        self.best_of(vec![self.empty()], &[1.0, 0.7, 0.4, 0.0], SHAKES)
    }

    /// A good set, at once.
    pub fn roughly(&self) -> Vec<usize> {
        self.best_of(vec![self.empty()], &[1.0], 0)
    }

    /// The same, and what comes of improving a set that is known.
    pub fn better_of(&self, known: Vec<usize>) -> Vec<usize> {
        let mut state = self.empty();
        for candidate in known {
            if !self.explorer.banned.contains_key(&candidate) {
                self.set(&mut state, candidate, true);
            }
        }
        self.best_of(vec![state, self.empty()], &[1.0, 0.4], SHAKES)
    }

    /// A set without what the rest of it does as well.
    pub fn still_needed(&self, chosen: &[usize]) -> Vec<usize> {
        let mut state = self.empty();
        chosen.iter().for_each(|candidate| self.set(&mut state, *candidate, true));
        self.needed(state)
    }

    /// A set with several indexes of a table exchanged for one that does the work of them next to as well: each index
    /// takes part in every write, and one without a constant of a statement serves other constants, too.
    pub fn fewer(&self, chosen: &[usize]) -> Vec<usize> {
        let mut state = self.empty();
        chosen.iter().for_each(|candidate| self.set(&mut state, *candidate, true));
        for candidate in 0..state.has.len() {
            if self.explorer.is_over() {
                break;
            }
            if state.has[candidate] || self.explorer.banned.contains_key(&candidate) {
                continue;
            }
            if let Some(fewer) = self.in_place_of_several(&state, candidate) {
                state = fewer;
            }
        }
        (0..state.has.len()).filter(|at| state.has[*at]).collect()
    }

    /// The set with a candidate in the place of at least two others of its table, where nothing is lost by that but next to
    /// nothing of what those save.
    fn in_place_of_several(&self, state: &State, candidate: usize) -> Option<State> {
        let table = |at: usize| &self.explorer.priced[at].candidate.table;
        let beside = (0..state.has.len()).filter(|at| state.has[*at]);
        let beside: Vec<usize> = beside.filter(|at| table(*at) == table(candidate)).collect();
        if beside.len() < 2 {
            return None;
        }
        let mut exchanged = state.clone();
        self.set(&mut exchanged, candidate, true);
        let mut replaced = Vec::new();
        for other in beside {
            let mut without = exchanged.clone();
            self.set(&mut without, other, false);
            let mut alone = state.clone();
            self.set(&mut alone, other, false);
            let saves = alone.total - state.total;
            if without.total - exchanged.total <= NEXT_TO_NOTHING * saves {
                exchanged = without;
                replaced.push(other);
            }
        }
        let mut before = state.clone();
        replaced.iter().for_each(|other| self.set(&mut before, *other, false));
        let saved = before.total - state.total;
        let is_alike = exchanged.total <= state.total + NEXT_TO_NOTHING * saved;
        (replaced.len() > 1 && is_alike && exchanged.bytes <= self.bytes).then_some(exchanged)
    }

    /// A set with indexes exchanged for others that put further columns before the same keys, where that costs next to
    /// nothing: an index on the sort alone is only as good as the planner's belief that rows which match lie evenly along
    /// it, and one that begins with what is compared reads none that do not.
    pub fn surer(&self, chosen: &[usize]) -> Vec<usize> {
        let mut state = self.empty();
        chosen.iter().for_each(|candidate| self.set(&mut state, *candidate, true));
        for candidate in chosen {
            if self.explorer.is_over() {
                break;
            }
            let of = |at: usize| &self.explorer.priced[at].candidate;
            let others = (0..state.has.len()).filter(|other| {
                !state.has[*other]
                    && !self.explorer.banned.contains_key(other)
                    && of(*other).narrows(of(*candidate))
            });
            let exchanged = others.filter_map(|other| {
                let mut exchanged = state.clone();
                self.set(&mut exchanged, *candidate, false);
                self.set(&mut exchanged, other, true);
                let saved = self.workload - state.total;
                let fits = exchanged.bytes <= self.bytes;
                (fits && exchanged.total <= state.total + NEXT_TO_NOTHING * saved)
                    .then_some(exchanged)
            });
            if let Some(best) = exchanged.min_by(|a, b| a.total.total_cmp(&b.total)) {
                state = best;
            }
        }
        (0..state.has.len()).filter(|at| state.has[*at]).collect()
    }

    fn best_of(&self, starts: Vec<State>, powers: &[f64], shakes: usize) -> Vec<usize> {
        let mut best: Option<State> = None;
        let mut consider = |state: State| {
            if best.as_ref().is_none_or(|best| state.total < best.total - 1e-9 * self.workload) {
                best = Some(state);
            }
            best.clone()
        };
        let mut top = None;
        for start in starts {
            for power in powers {
                if top.is_some() && self.explorer.is_over() {
                    break;
                }
                let mut state = start.clone();
                self.fill(&mut state, *power, &[]);
                top = consider(self.improve(state));
            }
        }
        // From the best so far: a third taken out at random, filled and improved again. The seed is fixed, so
        // that the same workload always gets the same advice.
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..shakes {
            let Some(mut state) = top.clone() else { break };
            if self.explorer.is_out_of_time() {
                break;
            }
            let members: Vec<usize> = (0..state.has.len()).filter(|i| state.has[*i]).collect();
            for candidate in members {
                if random.f64() < 0.35 {
                    self.set(&mut state, candidate, false);
                }
            }
            self.fill(&mut state, random.f64(), &[]);
            top = consider(self.improve(state));
        }
        top.map(|state| self.needed(state)).unwrap_or_default()
    }

    fn empty(&self) -> State {
        let costs: Vec<f64> =
            self.explorer.baseline.iter().map(|cost| cost.unwrap_or_default()).collect();
        let total = self.workload;
        State { has: vec![false; self.explorer.priced.len()], bytes: 0, costs, total }
    }

    /// Adds or removes a candidate.
    fn set(&self, state: &mut State, candidate: usize, present: bool) {
        if state.has[candidate] == present {
            return;
        }
        state.has[candidate] = present;
        let sign = if present { 1.0 } else { -1.0 };
        let priced = &self.explorer.priced[candidate];
        state.bytes += if present { priced.bytes } else { -priced.bytes };
        state.total += sign * self.keeping[candidate];
        for (statement, _) in &self.users[candidate] {
            let base = self.explorer.baseline[*statement].unwrap_or_default();
            let has = |i: usize| state.has[i];
            let cost = self.explorer.known_cost(*statement, has).unwrap_or(base).min(base);
            let weight = self.explorer.weights.by_statement[*statement];
            state.total += (cost - state.costs[*statement]) * weight;
            state.costs[*statement] = cost;
        }
    }

    /// Adds packages without some candidates, by what they save for each byte to the power, as long as one
    /// saves enough and fits.
    fn fill(&self, state: &mut State, power: f64, without: &[usize]) {
        let all: Vec<usize> = (0..self.packages.len()).collect();
        self.fill_from(state, power, without, &all);
    }

    fn fill_from(&self, state: &mut State, power: f64, without: &[usize], packages: &[usize]) {
        loop {
            let mut best: Option<(f64, &Vec<usize>)> = None;
            for package in packages.iter().map(|package| &self.packages[*package]) {
                let missing: Vec<usize> =
                    package.iter().copied().filter(|i| !state.has[*i]).collect();
                if missing.is_empty() || missing.iter().any(|i| without.contains(i)) {
                    continue;
                }
                let bytes: i64 = missing.iter().map(|i| self.explorer.priced[*i].bytes).sum();
                if bytes > self.bytes.saturating_sub(state.bytes) {
                    continue;
                }
                let saved = self.saved_by(state, &missing);
                let rate = saved / (bytes.max(8192) as f64).powf(power);
                let is_enough = saved >= self.least;
                if is_enough && best.is_none_or(|(top, _)| rate > top) {
                    best = Some((rate, package));
                }
            }
            let Some((_, package)) = best else { return };
            for candidate in package.clone() {
                self.set(state, candidate, true);
            }
        }
    }

    fn saved_by(&self, state: &State, missing: &[usize]) -> f64 {
        let has = |i: usize| state.has[i] || missing.contains(&i);
        let mut saved = 0.0;
        // The cheapest atom of each statement that a missing member makes possible.
        let mut cheaper: Vec<(usize, f64)> = Vec::new();
        for candidate in missing {
            saved -= self.keeping[*candidate];
            for (statement, atoms) in &self.users[*candidate] {
                let now = state.costs[*statement];
                let found = atoms
                    .iter()
                    .take_while(|atom| atom.cost < now)
                    .find(|atom| atom.used.iter().all(|i| has(*i)));
                let Some(atom) = found else { continue };
                match cheaper.iter_mut().find(|(known, _)| known == statement) {
                    Some((_, cost)) => *cost = cost.min(atom.cost),
                    None => cheaper.push((*statement, atom.cost)),
                }
            }
        }
        for (statement, cost) in cheaper {
            saved +=
                (state.costs[statement] - cost) * self.explorer.weights.by_statement[statement];
        }
        saved
    }

    /// Takes out one or two and fills what they leave, as long as the whole gets cheaper.
    fn improve(&self, mut state: State) -> State {
        for _ in 0..MAX_IMPROVEMENTS {
            if self.explorer.is_over() {
                break;
            }
            let Some(better) = self.better(&state) else { break };
            state = better;
        }
        state
    }

    fn better(&self, state: &State) -> Option<State> {
        let members: Vec<usize> = (0..state.has.len()).filter(|i| state.has[*i]).collect();
        let enough = state.total - 1e-6 * self.workload;
        let mut best: Option<State> = None;
        for one in &members {
            if self.explorer.is_over() {
                return best;
            }
            let mut without = state.clone();
            self.set(&mut without, *one, false);
            let near = self.packages_near(&[*one]);
            for power in [1.0, 0.2] {
                let mut filled = without.clone();
                // With anything else first, and then with anything.
                self.fill_from(&mut filled, power, &[*one], &near);
                self.fill_from(&mut filled, power, &[], &near);
                if filled.total < best.as_ref().map_or(enough, |best| best.total) {
                    best = Some(filled);
                }
            }
            if without.total < best.as_ref().map_or(enough, |best| best.total) {
                best = Some(without);
            }
        }
        // Two at a time only where one does not do: there are many more of them.
        if best.is_some() || members.len() > MAX_PAIRS {
            return best;
        }
        for (position, one) in members.iter().enumerate() {
            if self.explorer.is_over() {
                return None;
            }
            for two in &members[position + 1..] {
                let mut neither = state.clone();
                self.set(&mut neither, *one, false);
                self.set(&mut neither, *two, false);
                let near = self.packages_near(&[*one, *two]);
                for power in [1.0, 0.0] {
                    let mut filled = neither.clone();
                    self.fill_from(&mut filled, power, &[*one, *two], &near);
                    self.fill_from(&mut filled, power, &[], &near);
                    if filled.total < enough {
                        return Some(filled);
                    }
                }
            }
        }
        None
    }

    /// Without what no statement would miss.
    fn needed(&self, mut state: State) -> Vec<usize> {
        let mut members: Vec<usize> = (0..state.has.len()).filter(|i| state.has[*i]).collect();
        members.sort_by_key(|i| std::cmp::Reverse(self.explorer.priced[*i].bytes));
        for candidate in members {
            let mut without = state.clone();
            self.set(&mut without, candidate, false);
            let lost = without.total - state.total;
            let is_missed = state
                .costs
                .iter()
                .zip(&without.costs)
                .any(|(with, without)| *with < without * (1.0 - MIN_GAIN));
            let of = |at: usize| &self.explorer.priced[at].candidate;
            let is_begun = (0..state.has.len()).any(|other| {
                other != candidate && state.has[other] && of(other).begins_with(of(candidate))
            });
            let least = if is_begun { OF_A_PREFIX * self.workload } else { self.least };
            if lost < least || !is_missed {
                state = without;
            }
        }
        (0..state.has.len()).filter(|i| state.has[*i]).collect()
    }
}
