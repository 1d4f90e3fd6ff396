//! Running statements without and with the changes of a set, and with each left out in turn.

use std::time::Instant;

use optischema::model::{ConfidenceInterval, QueryHash, SetMember};
use optischema::plan::{PlanChange, diff};
use optischema::statistics::{interquartile_mean, median, signed_rank_interval};

use super::SetChange;
use crate::benchmark::BenchmarkError;
use crate::benchmark::arms::{ArmKind, ArmSpec, Arms};
use crate::benchmark::as_itself;
use crate::benchmark::bound::Bound;
use crate::benchmark::comparing::compare_rows;
use crate::benchmark::patching::Patched;
use crate::benchmark::protocol::{PairTimes, Protocol};
use crate::benchmark::request::BenchmarkRequest;
use crate::benchmark::site::Site;
use crate::benchmark::under_policies::{UnderPolicies, under_policies};
use crate::sql::PatchKind;

/// Pairs of runs of each statement, without a look in between.
const PAIRS: usize = 20;
/// Pairs with one change left out.
const PAIRS_LEFT_OUT: usize = 10;
/// Statements that a change is left out for: those of its users that take most time.
const MOST_USERS: usize = 5;
/// The share of the time for measuring all together; the rest is for leaving out.
const FOR_ALL: f64 = 0.7;

/// A statement without any and with all changes.
pub(super) struct Together {
    pub case: usize,
    pub query_hash: QueryHash,
    pub sql: String,
    pub specs: [ArmSpec; 2],
    pub writes: bool,
    pub times: PairTimes,
    /// Where it is rewritten and returns other rows, which: then it was not timed.
    pub other_rows: Option<String>,
    pub plan_changes: Vec<PlanChange>,
    /// Numbers of the changes that the plan with all of them uses.
    pub uses: Vec<usize>,
}

impl Together {
    pub(super) fn log_ratios(&self) -> Vec<f64> {
        let PairTimes { baseline_ms, patched_ms, .. } = &self.times;
        baseline_ms.iter().zip(patched_ms).map(|(b, p)| (p / b).ln()).collect()
    }
}

pub(super) struct Measuring<'a, 'r> {
    pub request: &'a BenchmarkRequest<'r>,
    pub site: &'a mut Site,
    pub changes: &'a [SetChange<'r>],
    pub built: &'a [Patched],
    /// A winner needs more than this share.
    pub floor: f64,
    pub begun: Instant,
    pub warnings: Vec<String>,
}

impl Measuring<'_, '_> {
    /// What makes each arm: with the changes of these numbers, and without the others.
    fn setup(&self, has: impl Fn(usize) -> bool) -> Vec<String> {
        let of = |(at, patched): (usize, &Patched)| match has(at) {
            true => patched.patched_setup.clone(),
            false => patched.baseline_setup.clone(),
        };
        self.built.iter().enumerate().flat_map(of).collect()
    }

    pub(super) async fn all_against_none(
        &mut self,
        one: &Bound,
        left: usize,
    ) -> Result<Together, BenchmarkError> {
        let case = &self.request.cases[one.case];
        let sql = self.site.placed(&one.statement, &case.plannable.search_path)?;
        let instead = match &one.rewritten {
            Some(rewritten) => self.site.placed(rewritten, &case.plannable.search_path)?,
            None => sql.clone(),
        };
        let specs = [(self.setup(|_| false), sql), (self.setup(|_| true), instead)]
            .map(|(setup, sql)| ArmSpec { setup, sql, ..ArmSpec::default() });
        let UnderPolicies { specs, are_made, sentence } =
            under_policies(self.site, &case.plannable, specs).await?;
        if let Some(sentence) = sentence
            && !self.warnings.contains(&sentence)
        {
            self.warnings.push(sentence);
        }
        let fence = self.site.fence;
        let mut plans = Vec::new();
        for spec in &specs {
            let (baseline, patched) = (spec.clone(), spec.clone());
            let mut arms = Arms { connection: self.site.connection(), fence, baseline, patched };
            let plan = arms.planned(ArmKind::Baseline).await?;
            self.site.check_reach(&plan)?;
            plans.push(plan);
        }
        let uses = |at: usize| {
            if self.changes[at].instead_of(&case.query_hash).is_some() {
                return true;
            }
            let Some(target) = &self.built[at].target else {
                return !matches!(self.changes[at].patch.kind, PatchKind::Rewrite(_));
            };
            // What is dropped is used by the plan without the changes.
            let plan = &plans[usize::from(target.is_made)];
            plan.indexes().iter().any(|name| target.parts.iter().any(|part| part == name))
        };
        let used: Vec<usize> = (0..self.built.len()).filter(|at| uses(*at)).collect();
        let plan_changes = diff(&plans[0], &plans[1]).changes;
        let other_rows = match one.rewritten {
            Some(_) => {
                let rows = compare_rows(self.site, &specs, one, &case.plannable, false).await?;
                self.warnings.extend(rows.not_added.clone());
                rows.difference.is_some().then(|| rows.sentence())
            }
            None => None,
        };
        let measurable = as_itself::whole(self.site, case, one, (&specs, are_made)).await?;
        if let Some(warning) = measurable.warning
            && !self.warnings.contains(&warning)
        {
            self.warnings.push(warning);
        }
        let specs = measurable.specs;
        let whole = self.request.budget.mul_f64(FOR_ALL).saturating_sub(self.begun.elapsed());
        let deadline = Instant::now() + whole / u32::try_from(left.max(1)).unwrap_or(1);
        let [baseline, patched] = specs.clone();
        let mut arms = Arms { connection: self.site.connection(), fence, baseline, patched };
        let writes = arms.writes();
        let protocol = Protocol {
            seed: self.request.seed.wrapping_add(one.case as u64),
            deadline,
            floor: self.floor,
        };
        let times = match other_rows {
            Some(_) => PairTimes::default(),
            None => protocol.pairs(&mut arms, PAIRS).await?,
        };
        if let Some(sentence) = &other_rows {
            self.warnings.push(format!("{}: {sentence}", case.label));
        }
        Ok(Together {
            case: one.case,
            query_hash: case.query_hash.clone(),
            sql: one.statement.sql.clone(),
            specs,
            writes,
            times,
            other_rows,
            plan_changes,
            uses: used,
        })
    }

    /// What each change carries: all of them against all but this one, on the statements that use it.
    pub(super) async fn members(
        &mut self,
        changes: &[SetChange<'_>],
        measured: &[Together],
        shares: &[f64],
    ) -> Result<Vec<SetMember>, BenchmarkError> {
        let mut members = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            let mut users: Vec<&Together> =
                measured.iter().filter(|one| one.uses.contains(&at)).collect();
            users.sort_by(|a, b| shares[b.case].total_cmp(&shares[a.case]));
            let used_by: Vec<QueryHash> = users.iter().map(|one| one.query_hash.clone()).collect();
            let carries = match changes.len() {
                // Without the only one there is none of them: that was measured.
                0 | 1 => None,
                count => self.carried(at, count - at, &users, shares).await?,
            };
            let index = self.built[at].index.as_ref();
            members.push(SetMember {
                recommendation_id: change.recommendation_id,
                title: change.title.to_owned(),
                patch: change.patch_text.to_owned(),
                carries_percent: carries.map(|(percent, _)| percent),
                carries_interval: carries.and_then(|(_, interval)| interval),
                used_by,
                bytes: index.map(|index| index.bytes),
                build_ms: index.map(|index| index.build_ms),
            });
        }
        Ok(members)
    }

    /// What the whole loses without a change, in percent of what it takes without any, from its users.
    async fn carried(
        &mut self,
        at: usize,
        left: usize,
        users: &[&Together],
        shares: &[f64],
    ) -> Result<Option<(f64, Option<ConfidenceInterval>)>, BenchmarkError> {
        let users = users.get(..users.len().min(MOST_USERS)).unwrap_or_default();
        let fence = self.site.fence;
        // By pair, the sum over the users of what they lose.
        let mut lost: Vec<f64> = Vec::new();
        for (nth, one) in users.iter().enumerate() {
            let without = self.setup(|other| other != at);
            let all = self.setup(|_| true);
            // Behind what makes the change, a role may be taken for a policy.
            let [original, patched] = one.specs.clone();
            let mut missing = patched.clone();
            if self.changes[at].instead_of(&one.query_hash).is_some() {
                missing.sql = original.sql;
            }
            missing.setup =
                without.into_iter().chain(patched.setup.iter().skip(all.len()).cloned()).collect();
            let rest = self.request.budget.saturating_sub(self.begun.elapsed());
            let share = (left * users.len()).saturating_sub(nth).max(1);
            let deadline = Instant::now() + rest / u32::try_from(share).unwrap_or(1);
            let mut arms =
                Arms { connection: self.site.connection(), fence, baseline: missing, patched };
            let seed = self.request.seed.wrapping_add(1000 + one.case as u64);
            let protocol = Protocol { seed, deadline, floor: self.floor };
            let times = protocol.pairs(&mut arms, PAIRS_LEFT_OUT).await?;
            let (without, with) = (&times.baseline_ms, &times.patched_ms);
            let base = interquartile_mean(&one.times.baseline_ms).unwrap_or(f64::MAX);
            // The base was measured before, when the machine may have been quicker: of its own pair each loses at most all,
            // and of the base no more than what the others leave of it.
            let left = (median(without).unwrap_or(base) / base).min(1.0);
            let of_pair =
                |(without, with): (&f64, &f64)| shares[one.case] * left * (1.0 - with / without);
            let losses: Vec<f64> = without.iter().zip(with).map(of_pair).collect();
            // Pairs that every user has.
            lost = match nth {
                0 => losses,
                _ => lost.iter().zip(&losses).map(|(sum, loss)| sum + loss).collect(),
            };
        }
        let interval = signed_rank_interval(&lost, 0.95);
        let interval = interval.map(|interval| ConfidenceInterval {
            low_percent: 100.0 * interval.low,
            high_percent: 100.0 * interval.high,
            level: 0.95,
        });
        Ok(median(&lost).map(|loss| (100.0 * loss, interval)))
    }
}
