//! Several changes together: all of them against none, on the statements that touch their tables; then each left out in
//! turn, to see which carries what.

mod summing;

use std::time::{Duration, Instant};

use optischema::model::{
    ConfidenceInterval, Environment, QueryHash, RecommendationId, SetBenchmark, SetLeft, SetMember,
    TableName, TrackedStatement,
};
use optischema::plan::{PlanChange, diff};
use optischema::statistics::{interquartile_mean, median, signed_rank_interval};

use super::BenchmarkError;
use super::arms::{ArmKind, ArmSpec, Arms};
use super::as_itself;
use super::bound::{Bound, bound as guard_one};
use super::calibration::calibrate;
use super::case::Case;
use super::patching::{Patched, build};
use super::protocol::{PairTimes, Protocol};
use super::request::{BenchmarkRequest, Report};
use super::scratch_site::open_scratch;
use super::site::Site;
use super::survey::Places;
use super::under_policies::{UnderPolicies, under_policies};
use crate::postgres::{MainSession, plan_settings};
use crate::sandbox::ScratchSchema;
use crate::sql::{Patch, PatchKind};
use summing::{Found, summed};

/// Statements that are measured: those that take most time.
const MOST_STATEMENTS: usize = 40;
/// Pairs of runs of each statement, without a look in between.
const PAIRS: usize = 20;
/// Pairs with one change left out.
const PAIRS_LEFT_OUT: usize = 10;
/// Statements that a change is left out for: those of its users that take most time.
const MOST_USERS: usize = 5;
/// The share of the time for measuring all together; the rest is for leaving out.
const FOR_ALL: f64 = 0.7;

/// One of the changes.
#[derive(Debug, Clone, Copy)]
pub struct SetChange<'a> {
    pub recommendation_id: RecommendationId,
    pub title: &'a str,
    pub patch_text: &'a str,
    pub patch: &'a Patch,
    /// Tables that it concerns, where its text does not say.
    pub tables: &'a [TableName],
}

/// What is measured together, and how.
#[derive(Debug)]
pub struct SetQuestion<'a> {
    pub changes: &'a [SetChange<'a>],
    pub tracked: &'a [TrackedStatement],
    pub name: String,
    pub schema: &'a ScratchSchema,
    pub seed: u64,
    pub copy_limit_bytes: i64,
    pub sample_percent: f64,
    pub with_functions: bool,
    /// What all timed runs may take.
    pub budget: Duration,
    pub statement_timeout_s: u32,
}

/// Why a change cannot be measured beside others; absent where it can.
#[must_use]
pub fn objection_in_a_set(patch: &PatchKind) -> Option<&'static str> {
    match patch {
        PatchKind::CreateIndex(_)
        | PatchKind::DropIndex(_)
        | PatchKind::CreateStatistics(_)
        | PatchKind::DropStatistics(_)
        | PatchKind::AlterTable(_)
        | PatchKind::Setting(_) => None,
        PatchKind::Rewrite(_) => Some("it changes the statement itself: measure it alone"),
        PatchKind::Maintenance(_) => {
            Some("it cannot be made and undone around a statement: it is not measured")
        }
    }
}

/// Measures a set in the sandbox. The caller drops the scratch schema, whatever the end.
///
/// # Errors
/// The answer is no, or it could not run.
pub async fn run_set(
    question: &SetQuestion<'_>,
    places: &Places,
    report: Report<'_>,
) -> Result<SetBenchmark, BenchmarkError> {
    report("asking main's planner", 0.0);
    let Some(first) = question.changes.first() else {
        return Err(BenchmarkError::Failed("the set is empty".into()));
    };
    let Chosen { cases, shares, means, mut left } = cases_of(question);
    if cases.is_empty() {
        return Err(BenchmarkError::Failed(
            "no tracked statement that can be measured reads the tables of these changes".into(),
        ));
    }
    let request = BenchmarkRequest {
        cases: &cases,
        patch: first.patch,
        patch_text: first.patch_text,
        concerned: &[],
        others: &[],
        name: question.name.clone(),
        schema: question.schema,
        seed: question.seed,
        copy_limit_bytes: question.copy_limit_bytes,
        sample_percent: question.sample_percent,
        only_planned: false,
        with_functions: question.with_functions,
        budget: question.budget,
        statement_timeout_s: question.statement_timeout_s,
        rewritten_shape: None,
    };
    let mut main = MainSession::begin(&places.main).await?;
    let mut bound = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        // One set of values stands for each statement.
        let guarded = match case.bindings(cases.len()).first() {
            Some(first) => guard_one(&mut main, &request, number, first, None).await,
            None => Err(BenchmarkError::Failed("no values are known for its parameters".into())),
        };
        match guarded {
            Ok(one) => bound.push(one),
            Err(error) => left.push(SetLeft {
                query_hash: case.query_hash.clone(),
                sql: case.statement.sql.clone(),
                reason: error.refusal()?,
            }),
        }
    }
    let settings = plan_settings(main.connection().await?).await?;
    let main_version = main.version().to_owned();
    main.end().await?;
    let mut site = open_scratch(&request, places, report).await.map_err(|error| match error {
        BenchmarkError::Unsuitable(reason) => BenchmarkError::Failed(reason),
        other => other,
    })?;
    let settings_left = site.take_settings(&settings).await?;
    let mut built = Vec::new();
    for (at, change) in question.changes.iter().enumerate() {
        report(&format!("making the change: {}", change.title), 0.4 + 0.01 * at as f64);
        let patched = build(&mut site, &change.patch.kind).await;
        built.push(patched.map_err(|error| named(change, error.of_change()))?);
    }
    report("measuring a change that cannot matter", 0.45);
    // A point query shows differences that are none before anything else does.
    let calibration = calibrate(&mut site, &first.patch.kind, 0.0, question.seed).await?;
    let floor = calibration.floor_percent / 100.0;
    site.limit_statements(question.statement_timeout_s).await?;
    let mut measuring = Measuring {
        request: &request,
        site: &mut site,
        built: &built,
        floor,
        begun: Instant::now(),
        warnings: Vec::new(),
    };
    // What the quick ones leave of their time is for the slow ones.
    bound.sort_by(|a, b| means[a.case].total_cmp(&means[b.case]));
    let mut measured = Vec::new();
    for (number, one) in bound.iter().enumerate() {
        let done = number as f64 / bound.len() as f64;
        report(&format!("measuring statement {} of {}", number + 1, bound.len()), 0.5 + 0.3 * done);
        match measuring.all_against_none(one, bound.len() - number).await {
            Ok(found) => measured.push(found),
            Err(error) => left.push(SetLeft {
                query_hash: cases[one.case].query_hash.clone(),
                sql: one.statement.sql.clone(),
                reason: error.refusal()?,
            }),
        }
    }
    report("leaving out one change at a time", 0.82);
    let members = measuring.members(question.changes, &measured, &shares).await?;
    report("summing up", 0.99);
    let mut warnings = std::mem::take(&mut measuring.warnings);
    let approximate = question.changes.iter().filter(|change| change.patch.kind.is_approximate());
    warnings.extend(approximate.map(|change| {
        format!(
            "{}: the index finds the nearest rows approximately. Its own benchmark says how many of them.",
            change.title
        )
    }));
    let environment = Environment {
        optischema_version: env!("CARGO_PKG_VERSION").to_owned(),
        main_version,
        settings: settings.into_iter().collect(),
        settings_left,
        target: site.address.clone(),
    };
    let found = Found { measured, shares, members, left, warnings, calibration, environment };
    Ok(summed(question, site, found))
}

fn named(change: &SetChange<'_>, error: BenchmarkError) -> BenchmarkError {
    match error.refusal() {
        Ok(reason) => BenchmarkError::Failed(format!("{}: {reason}", change.title)),
        Err(BenchmarkError::Unsuitable(reason)) => {
            BenchmarkError::Failed(format!("{}: {reason}", change.title))
        }
        Err(error) => error,
    }
}

/// What is measured.
struct Chosen {
    cases: Vec<Case>,
    /// Of each the part of the measured time, 0 to 1.
    shares: Vec<f64>,
    /// Of each the milliseconds of one call on main.
    means: Vec<f64>,
    left: Vec<SetLeft>,
}

/// The statements that touch the tables of the changes, those that took most time first.
fn cases_of(question: &SetQuestion<'_>) -> Chosen {
    let of_patches = question.changes.iter().filter_map(|change| change.patch.kind.table());
    let concerned = question.changes.iter().flat_map(|change| change.tables);
    let tables: Vec<&TableName> = of_patches.chain(concerned).collect();
    let touches = |statement: &&TrackedStatement| match &statement.plannable {
        Ok(plannable) => {
            let below = plannable.dependencies.tables.iter().map(|known| &known.table);
            let mut all = plannable.shape.tables.iter().chain(below).chain(&plannable.writes_to);
            tables.is_empty() || all.any(|table| tables.contains(&table))
        }
        Err(_) => false,
    };
    let mut touching: Vec<&TrackedStatement> = question
        .tracked
        .iter()
        .filter(|statement| statement.kind == optischema::model::QueryKind::User)
        .filter(touches)
        .collect();
    touching.sort_by(|a, b| b.total_time_ms.total_cmp(&a.total_time_ms));
    let mut left: Vec<SetLeft> = Vec::new();
    let mut leave = |statement: &TrackedStatement, reason: String| {
        left.push(SetLeft {
            query_hash: statement.query_hash.clone(),
            sql: statement.sql.clone(),
            reason,
        });
    };
    let (mut cases, mut times, mut means) = (Vec::new(), Vec::new(), Vec::new());
    for statement in touching {
        let Ok(plannable) = &statement.plannable else { continue };
        if cases.len() >= MOST_STATEMENTS {
            leave(statement, format!("the {MOST_STATEMENTS} that take most time are measured"));
            continue;
        }
        match Case::new(statement.query_hash.clone(), &statement.sql, plannable.clone()) {
            Ok(case) => {
                cases.push(case);
                times.push(statement.total_time_ms.max(0.0));
                means.push(statement.mean_ms());
            }
            Err(error) => leave(statement, error.to_string()),
        }
    }
    let whole: f64 = times.iter().sum();
    let count = times.len().max(1) as f64;
    let share = |time: f64| if whole > 0.0 { time / whole } else { 1.0 / count };
    let shares = times.into_iter().map(share).collect();
    Chosen { cases, shares, means, left }
}

/// A statement without any and with all changes.
struct Together {
    case: usize,
    query_hash: QueryHash,
    sql: String,
    specs: [ArmSpec; 2],
    writes: bool,
    times: PairTimes,
    plan_changes: Vec<PlanChange>,
    /// Numbers of the changes that the plan with all of them uses.
    uses: Vec<usize>,
}

impl Together {
    fn log_ratios(&self) -> Vec<f64> {
        let PairTimes { baseline_ms, patched_ms, .. } = &self.times;
        baseline_ms.iter().zip(patched_ms).map(|(b, p)| (p / b).ln()).collect()
    }
}

struct Measuring<'a, 'r> {
    request: &'a BenchmarkRequest<'r>,
    site: &'a mut Site,
    built: &'a [Patched],
    /// A winner needs more than this share.
    floor: f64,
    begun: Instant,
    warnings: Vec<String>,
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

    async fn all_against_none(
        &mut self,
        one: &Bound,
        left: usize,
    ) -> Result<Together, BenchmarkError> {
        let case = &self.request.cases[one.case];
        let sql = self.site.placed(&one.statement, &case.plannable.search_path)?;
        let specs = [self.setup(|_| false), self.setup(|_| true)].map(|setup| ArmSpec {
            setup,
            sql: sql.clone(),
            ..ArmSpec::default()
        });
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
        let uses = |patched: &Patched| {
            let Some(target) = &patched.target else { return true };
            // What is dropped is used by the plan without the changes.
            let plan = &plans[usize::from(target.is_made)];
            plan.indexes().iter().any(|name| target.parts.iter().any(|part| part == name))
        };
        let used: Vec<usize> = (0..self.built.len()).filter(|at| uses(&self.built[*at])).collect();
        let plan_changes = diff(&plans[0], &plans[1]).changes;
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
        let times = protocol.pairs(&mut arms, PAIRS).await?;
        Ok(Together {
            case: one.case,
            query_hash: case.query_hash.clone(),
            sql: one.statement.sql.clone(),
            specs,
            writes,
            times,
            plan_changes,
            uses: used,
        })
    }

    /// What each change carries: all of them against all but this one, on the statements that use it.
    async fn members(
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
            let [_, patched] = one.specs.clone();
            let mut missing = patched.clone();
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
            let of_pair =
                |(without, with): (&f64, &f64)| shares[one.case] * (without - with) / base;
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
