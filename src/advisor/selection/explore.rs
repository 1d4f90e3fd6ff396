//! Asking the planner: as little as possible, and nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use super::{Choice, CostError, CostOracle, IndexCandidate, MAX_LOSS, MIN_WORKLOAD_GAIN, Priced};
use crate::advisor::weights::{WeightedStatement, Weights, weigh};
use crate::model::TableName;

/// Pairs of a statement and a candidate up to which each is asked about. Where there are more, questions about many
/// candidates at once tell most of them apart.
const FEW: usize = 600;
/// Steps from all candidates to ever fewer, for each statement; where there are many candidates.
const WALK: usize = 8;
const SHORT_WALK: usize = 3;
/// Candidates of one table, by what they do alone.
const SHORTLIST: usize = 6;
/// Plans that are made to find them, where there are many candidates; of those that carry more columns than their keys.
const STEPS: usize = 4;
const WIDE_STEPS: usize = 1;
/// Below this share of gain a step shows nothing more.
const WALK_END: f64 = 0.02;

/// What a plan used, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Atom {
    /// Candidate numbers, ascending.
    pub used: Vec<usize>,
    pub cost: f64,
}

/// A question that was answered.
struct Asked {
    available: Vec<usize>,
    used: Vec<usize>,
    cost: f64,
}

pub(super) struct Explorer<'a> {
    oracle: &'a mut dyn CostOracle,
    pub statements: &'a [WeightedStatement],
    pub priced: Vec<Priced>,
    tables: Vec<Vec<TableName>>,
    left_ms: f64,
    /// Known once every statement has been planned as it is.
    pub weights: Weights,
    /// What could be saved altogether, without what few statements have beyond all others; nothing before it is known.
    scale: Option<f64>,
    /// Whether each candidate may be asked about alone.
    pub has_few: bool,
    max_calls: u64,
    /// Cost without any candidate; absent where the planner failed.
    pub baseline: Vec<Option<f64>>,
    /// By statement, the cheapest first.
    pub atoms: Vec<Vec<Atom>>,
    asked: Vec<Vec<Asked>>,
    /// By statement.
    shortlist: Vec<Vec<usize>>,
    /// Candidates that cannot be had, and why.
    pub banned: BTreeMap<usize, String>,
    pub uncosted: BTreeMap<usize, String>,
    pub calls: u64,
    pub reused: u64,
    pub bounded: u64,
}

impl<'a> Explorer<'a> {
    pub fn new(oracle: &'a mut dyn CostOracle, choice: Choice<'a>) -> Self {
        let count = choice.statements.len();
        Self {
            oracle,
            statements: choice.statements,
            priced: choice.priced,
            tables: choice.tables,
            left_ms: choice.left_ms,
            weights: weigh(choice.statements, &vec![None; count], choice.left_ms),
            scale: None,
            has_few: false,
            max_calls: choice.limits.calls.unwrap_or(u64::MAX),
            baseline: vec![None; count],
            atoms: vec![Vec::new(); count],
            asked: (0..count).map(|_| Vec::new()).collect(),
            shortlist: vec![Vec::new(); count],
            banned: BTreeMap::new(),
            uncosted: BTreeMap::new(),
            calls: 0,
            reused: 0,
            bounded: 0,
        }
    }

    pub fn is_out_of_time(&self) -> bool {
        self.oracle.is_out_of_time()
    }

    /// Whether what was found by now is what there is.
    pub fn is_over(&self) -> bool {
        self.oracle.is_over()
    }

    /// Before something is worked out at length.
    pub async fn rest(&mut self) {
        self.oracle.rest().await;
    }

    /// What the whole workload takes as it is.
    pub fn workload(&self) -> f64 {
        self.weights.whole.max(f64::MIN_POSITIVE)
    }

    /// What savings are measured against to tell whether they matter: the workload, or what could be saved of it. A few
    /// statements that carry almost all of it, and that nothing helps, do not make the others worth nothing.
    pub fn scale(&self) -> f64 {
        self.workload().min(self.scale.unwrap_or(f64::MAX)).max(f64::MIN_POSITIVE)
    }

    /// What keeping a candidate up to date takes, in the measure of the workload: a cost unit is worth what it is worth in
    /// the statements that the candidate was made for.
    pub fn upkeep(&self, candidate: usize) -> f64 {
        let priced = &self.priced[candidate];
        let (mut time, mut cost) = (0.0, 0.0);
        for statement in &priced.wanted_by {
            let Some(base) = self.baseline[*statement] else { continue };
            time += self.weight(*statement) * base;
            cost += self.statements[*statement].calls * base;
        }
        let rate = if cost > 0.0 { time / cost } else { self.weights.unit };
        priced.upkeep * rate
    }

    pub fn weight(&self, statement: usize) -> f64 {
        self.weights.by_statement[statement]
    }

    /// What a statement costs beside a set, as far as plans have shown; never less than the planner would say.
    pub fn known_cost(&self, statement: usize, has: impl Fn(usize) -> bool) -> Option<f64> {
        let found = self.atoms[statement].iter().find(|atom| atom.used.iter().all(|i| has(*i)));
        found.map(|atom| atom.cost)
    }

    fn wanted(&self, statement: usize, include: bool) -> Vec<usize> {
        (0..self.priced.len())
            .filter(|i| {
                let priced = &self.priced[*i];
                priced.wanted_by.contains(&statement)
                    && !self.banned.contains_key(i)
                    && (include || priced.candidate.include.is_empty())
            })
            .collect()
    }

    /// Members of a set on tables that a statement reads.
    fn relevant(&self, statement: usize, set: &[usize]) -> Vec<usize> {
        let tables = &self.tables[statement];
        let mut relevant: Vec<usize> = set
            .iter()
            .copied()
            .filter(|i| tables.contains(&self.priced[*i].candidate.table))
            .collect();
        relevant.sort_unstable();
        relevant
    }

    /// The cost of a statement beside candidates, ascending by number, and which of them its plan uses.
    /// `None` where it cannot be planned, or no more may be asked.
    async fn ask(&mut self, statement: usize, available: &[usize]) -> Option<(f64, Vec<usize>)> {
        if self.uncosted.contains_key(&statement) {
            return None;
        }
        let mut available: Vec<usize> =
            available.iter().copied().filter(|i| !self.banned.contains_key(i)).collect();
        loop {
            // A plan made beside more indexes, all of whose own are here, is the plan here too.
            let known = self.asked[statement].iter().find(|asked| {
                is_within(&asked.used, &available) && is_within(&available, &asked.available)
            });
            if let Some(known) = known {
                self.reused += 1;
                return Some((known.cost, known.used.clone()));
            }
            if self.calls >= self.max_calls || self.oracle.is_out_of_time() {
                return None;
            }
            let indexes: Vec<&IndexCandidate> =
                available.iter().map(|i| &self.priced[*i].candidate).collect();
            self.calls += 1;
            match self.oracle.cost(statement, &indexes).await {
                Ok(answer) => {
                    let mut used: Vec<usize> =
                        answer.used.iter().filter_map(|at| available.get(*at).copied()).collect();
                    used.sort_unstable();
                    used.dedup();
                    self.learn(statement, available, &used, answer.cost);
                    return Some((answer.cost, used));
                }
                Err(CostError::Candidate { position, reason }) => {
                    let candidate = *available.get(position)?;
                    self.banned.insert(candidate, format!("it cannot be made: {reason}"));
                    available.remove(position);
                }
                Err(CostError::Statement(reason)) => {
                    self.uncosted.insert(statement, reason);
                    return None;
                }
                Err(CostError::OutOfTime) => return None,
            }
        }
    }

    fn learn(&mut self, statement: usize, available: Vec<usize>, used: &[usize], cost: f64) {
        self.asked[statement].push(Asked { available, used: used.to_vec(), cost });
        let atoms = &mut self.atoms[statement];
        match atoms.iter_mut().find(|atom| atom.used == used) {
            Some(atom) => atom.cost = atom.cost.min(cost),
            None => atoms.push(Atom { used: used.to_vec(), cost }),
        }
        atoms.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.used.len().cmp(&b.used.len())));
    }

    /// Finds atoms of every statement, those first that could save most.
    pub async fn explore(&mut self) {
        let mut order = Vec::new();
        let tables: BTreeSet<&TableName> =
            self.priced.iter().map(|priced| &priced.candidate.table).collect();
        let is_reached = |read: &Vec<TableName>| read.iter().any(|table| tables.contains(table));
        let reached: Vec<bool> = self.tables.iter().map(is_reached).collect();
        for (statement, is_reached) in reached.into_iter().enumerate() {
            // What no candidate can change need not be known to the last set of values.
            let known = self.oracle.known(statement).filter(|_| !is_reached);
            if known.is_some() {
                self.baseline[statement] = known;
                continue;
            }
            let Some((base, _)) = self.ask(statement, &[]).await else { continue };
            self.baseline[statement] = Some(base);
        }
        self.weights = weigh(self.statements, &self.baseline, self.left_ms);
        for statement in 0..self.statements.len() {
            let Some(base) = self.baseline[statement] else { continue };
            let all = self.wanted(statement, true);
            if all.is_empty() {
                continue;
            }
            let Some((least, _)) = self.ask(statement, &all).await else { continue };
            order.push(((base - least) * self.weight(statement), statement, least));
        }
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let pairs: usize =
            order.iter().map(|(_, statement, _)| self.wanted(*statement, true).len()).sum();
        self.has_few = pairs <= FEW;
        self.scale = Some(without_outliers(order.iter().map(|(potential, ..)| *potential)));
        let scale = self.scale();
        for (potential, statement, least) in order {
            let base = self.baseline[statement].unwrap_or_default();
            let wanted = self.wanted(statement, true);
            // No set of its candidates could save enough: nothing more needs asking.
            if potential < MIN_WORKLOAD_GAIN * 0.5 * scale || base - least < WALK_END * base {
                self.bounded += wanted.len() as u64;
                continue;
            }
            let alone = if self.has_few {
                self.one_by_one(statement, &wanted).await
            } else {
                self.by_table(statement, &wanted).await
            };
            let Some(alone) = alone else { return };
            self.shortlist(statement, &alone).await;
            let (all, narrow) = (self.shortlist[statement].clone(), self.narrow(statement));
            self.walk(statement, all, &[]).await;
            self.walk(statement, narrow, &[]).await;
        }
    }

    /// What each candidate does alone. `None` where no more may be asked.
    async fn one_by_one(
        &mut self,
        statement: usize,
        wanted: &[usize],
    ) -> Option<Vec<(usize, f64)>> {
        let mut alone = Vec::new();
        for candidate in wanted {
            match self.ask(statement, &[*candidate]).await {
                Some((cost, _)) => alone.push((*candidate, cost)),
                None if self.banned.contains_key(candidate) => {}
                None => return None,
            }
        }
        Some(alone)
    }

    /// What the candidates of each table do without those of others: the best first, until the rest gains nothing. Those
    /// that carry no more columns than their keys are asked about by themselves, since less storage buys them. `None` where
    /// no more may be asked.
    async fn by_table(&mut self, statement: usize, wanted: &[usize]) -> Option<Vec<(usize, f64)>> {
        let mut tables: BTreeMap<TableName, Vec<usize>> = BTreeMap::new();
        for candidate in wanted {
            let table = self.priced[*candidate].candidate.table.clone();
            tables.entry(table).or_default().push(*candidate);
        }
        let mut found = Vec::new();
        // Beside those of other tables, what carries more columns is known from the plan with all.
        let is_alone = tables.len() == 1;
        for of_table in tables.into_values() {
            let is_narrow = |i: &usize| self.priced[*i].candidate.include.is_empty();
            let narrow: Vec<usize> = of_table.iter().copied().filter(is_narrow).collect();
            let has_more = is_alone && narrow.len() < of_table.len();
            found.extend(self.ladder(statement, narrow, STEPS).await?);
            if has_more {
                found.extend(self.ladder(statement, of_table, WIDE_STEPS).await?);
            }
        }
        Some(found)
    }

    /// Asks beside all of a list, takes away what the plan used, and asks again. What one plan used together is asked about
    /// one by one, too. `None` where no more may be asked.
    async fn ladder(
        &mut self,
        statement: usize,
        mut available: Vec<usize>,
        steps: usize,
    ) -> Option<Vec<(usize, f64)>> {
        let base = self.baseline[statement].unwrap_or_default();
        let mut alone = Vec::new();
        while !available.is_empty() && alone.len() < steps {
            let (cost, used) = self.ask(statement, &available).await?;
            if used.is_empty() || cost > base * (1.0 - WALK_END) {
                self.bounded += available.len() as u64;
                break;
            }
            if let [only] = used.as_slice() {
                alone.push((*only, cost));
            } else {
                for one in &used {
                    match self.ask(statement, &[*one]).await {
                        Some((cost, _)) => alone.push((*one, cost)),
                        None if self.banned.contains_key(one) => {}
                        None => return None,
                    }
                }
            }
            available.retain(|i| !used.contains(i) && !self.banned.contains_key(i));
        }
        Some(alone)
    }

    /// The candidates of a statement that are worth being planned with together: planning time grows with
    /// their number. Those that do most alone on each table, and those that plans beside all others used.
    async fn shortlist(&mut self, statement: usize, alone: &[(usize, f64)]) {
        let base = self.baseline[statement].unwrap_or_default();
        let mut by_table: BTreeMap<&TableName, Vec<(usize, f64)>> = BTreeMap::new();
        for (candidate, cost) in alone {
            let table = &self.priced[*candidate].candidate.table;
            if *cost < base * (1.0 - WALK_END) {
                by_table.entry(table).or_default().push((*candidate, *cost));
            }
        }
        let mut short: Vec<usize> = Vec::new();
        for best in by_table.values_mut() {
            best.sort_by(|a, b| a.1.total_cmp(&b.1));
            short.extend(best.iter().take(SHORTLIST).map(|(candidate, _)| *candidate));
        }
        for include in [true, false] {
            let all = self.wanted(statement, include);
            if let Some((_, used)) = self.ask(statement, &all).await {
                short.extend(used);
            }
        }
        // What one of these takes away, a plan without it may show.
        if self.has_few {
            let all = self.wanted(statement, false).into_iter();
            let rest: Vec<usize> = all.filter(|i| !short.contains(i)).collect();
            if let Some((_, used)) = self.ask(statement, &rest).await {
                short.extend(used);
            }
        }
        short.sort_unstable();
        short.dedup();
        self.shortlist[statement] = short;
    }

    fn narrow(&self, statement: usize) -> Vec<usize> {
        let has_no_more = |i: &usize| self.priced[*i].candidate.include.is_empty();
        self.shortlist[statement].iter().copied().filter(has_no_more).collect()
    }

    /// From all candidates to ever fewer: each step takes away the largest index that the plan uses beyond
    /// what is had already, so that what is left shows what less storage buys.
    async fn walk(&mut self, statement: usize, mut available: Vec<usize>, had: &[usize]) {
        let base = self.baseline[statement].unwrap_or_default();
        for _ in 0..if self.has_few { WALK } else { SHORT_WALK } {
            let Some((cost, used)) = self.ask(statement, &available).await else { return };
            if cost > base * (1.0 - WALK_END) {
                return;
            }
            let more = used.iter().copied().filter(|i| !had.contains(i));
            let largest = more.max_by_key(|i| self.priced[*i].bytes);
            let Some(largest) = largest else { return };
            available.retain(|i| *i != largest && !self.banned.contains_key(i));
        }
    }

    /// Takes new candidates in; says whether there were any that can be had.
    pub async fn add_merged(
        &mut self,
        merged: &[(IndexCandidate, Vec<usize>)],
        price: &(dyn Fn(&IndexCandidate) -> Option<(i64, f64)> + Sync),
    ) -> bool {
        let mut added = false;
        for (candidate, wanted_by) in merged {
            let Some((bytes, upkeep)) = price(candidate) else { continue };
            let number = self.priced.len();
            self.priced.push(Priced {
                candidate: candidate.clone(),
                bytes,
                upkeep,
                wanted_by: wanted_by.clone(),
            });
            for statement in wanted_by {
                added |= self.ask(*statement, &[number]).await.is_some();
            }
        }
        added
    }

    /// For each candidate, the statements of which some plan used it.
    pub fn statements_by_candidate(&self) -> Vec<Vec<usize>> {
        let mut statements = vec![Vec::new(); self.priced.len()];
        for (statement, atoms) in self.atoms.iter().enumerate() {
            for candidate in atoms.iter().flat_map(|atom| &atom.used) {
                // A statement comes up once, though several of its plans use the candidate.
                if statements[*candidate].last() != Some(&statement) {
                    statements[*candidate].push(statement);
                }
            }
        }
        statements
    }

    /// Candidates that some plan used.
    pub fn members_of_atoms(&self) -> Vec<usize> {
        let mut members: Vec<usize> =
            self.atoms.iter().flatten().flat_map(|atom| atom.used.iter().copied()).collect();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// Asks about a chosen set; says whether something was learnt that the search did not know. `wide` also
    /// asks what each statement would add to it.
    pub async fn verify(&mut self, chosen: &[usize], wide: bool) -> bool {
        let mut news = false;
        for statement in 0..self.statements.len() {
            let relevant = self.relevant(statement, chosen);
            if relevant.is_empty() || self.baseline[statement].is_none() {
                continue;
            }
            let thought = self.known_cost(statement, |i| chosen.contains(&i));
            if let Some((cost, _)) = self.ask(statement, &relevant).await {
                news |= thought.is_none_or(|thought| (cost - thought).abs() > 1e-6 * thought);
            }
            if wide && (self.has_few || self.is_open(statement, chosen)) {
                let before = self.atoms[statement].len();
                for list in [self.narrow(statement), self.shortlist[statement].clone()] {
                    let mut more = list;
                    more.extend(&relevant);
                    more.sort_unstable();
                    more.dedup();
                    self.walk(statement, more, chosen).await;
                }
                news |= self.atoms[statement].len() > before;
            }
        }
        news
    }

    /// Whether a statement could gain enough beyond a set for more questions.
    fn is_open(&self, statement: usize, chosen: &[usize]) -> bool {
        let least = self.atoms[statement].first().map(|atom| atom.cost);
        let now = self.known_cost(statement, |i| chosen.contains(&i));
        let (Some(least), Some(now)) = (least, now) else { return true };
        (now - least) * self.weight(statement) >= MIN_WORKLOAD_GAIN * self.scale()
    }

    /// Members of a set, asked about, beside which a statement costs too much more than without; with the
    /// statement.
    pub fn harmful(&self, chosen: &[usize]) -> BTreeMap<usize, usize> {
        let mut harmful = BTreeMap::new();
        for statement in 0..self.statements.len() {
            let Some(base) = self.baseline[statement] else { continue };
            let relevant = self.relevant(statement, chosen);
            let asked = self.asked[statement].iter().find(|asked| asked.available == relevant);
            if let Some(asked) = asked
                && asked.cost > base * (1.0 + MAX_LOSS)
            {
                // The least of them: the others may still be worth having.
                let least = asked.used.iter().copied().min_by_key(|i| self.priced[*i].bytes);
                harmful.extend(least.map(|least| (least, statement)));
            }
        }
        harmful
    }

    pub fn ban(&mut self, candidate: usize, reason: String) {
        self.banned.insert(candidate, reason);
    }

    /// What one candidate does alone to each statement that could use it: number, before, after.
    pub async fn alone(&mut self, candidate: usize) -> Vec<(usize, f64, f64)> {
        let mut effects = Vec::new();
        for statement in 0..self.statements.len() {
            let Some(before) = self.baseline[statement] else { continue };
            // One that nothing it asked for begins like, and that no plan of it used, is not asked about.
            let own = &self.priced[candidate].candidate;
            let is_meant = self.atoms[statement].iter().any(|atom| atom.used.contains(&candidate))
                || self.priced.iter().any(|priced| {
                    priced.candidate.table == own.table
                        && priced.candidate.keys.first() == own.keys.first()
                        && priced.wanted_by.contains(&statement)
                });
            if !is_meant || self.relevant(statement, &[candidate]).is_empty() {
                continue;
            }
            let known = self.known_cost(statement, |i| i == candidate);
            let after = match self.ask(statement, &[candidate]).await {
                Some((after, _)) => after,
                // No more may be asked: what is known already.
                None => known.unwrap_or(before),
            };
            if (after - before).abs() > before * 0.001 {
                effects.push((statement, before, after));
            }
        }
        effects
    }
}

/// A sum, in which no few parts count for more than as many as there are parts: the number of parts times the median of
/// those that are positive, where that is less.
fn without_outliers(parts: impl Iterator<Item = f64>) -> f64 {
    let mut parts: Vec<f64> = parts.filter(|part| *part > 0.0).collect();
    parts.sort_by(f64::total_cmp);
    let median = parts.get(parts.len() / 2).copied().unwrap_or_default();
    parts.iter().sum::<f64>().min(parts.len() as f64 * median)
}

/// Whether every member of one ascending list is in another.
fn is_within(part: &[usize], whole: &[usize]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|i| i == wanted))
}
