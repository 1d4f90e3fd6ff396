//! From what was collected to proposals: indexes chosen with a planner, rewrites planned beside their originals,
//! and rules on the catalogs.

mod building;
mod doubt;
mod indexes;
mod kinds;
mod lengths;
mod planned;
mod proposer;
mod rewriting;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use optischema::advisor::rules::{Facts, IndexUsage, check_catalog};
use optischema::model::{
    Binding, BindingKind, ParameterRole, PlannableStatement, Proposal, QueryKind, ReasonCode,
    RecommendationType, RejectedCandidate, Rule, StatementReport, TableName, TrackedStatement,
};

use serde::Serialize;

use super::collector::Collection;
use crate::postgres::{MainSession, PgFailure};
use crate::sql::Patch;

pub(crate) use building::{Built, BuiltEffect, Trial, Workshop};
pub use indexes::best_planner;
pub(crate) use indexes::{as_one, partitions};
pub(crate) use planned::Planned;
pub use planned::PlannerKind;

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
    /// Rules that looked at everything.
    pub complete: BTreeSet<Rule>,
}

/// What choosing indexes took.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Effort {
    /// `EXPLAIN`s that were made to choose and to show the plans; questions of arithmetic where there is no HypoPG.
    pub calls: u64,
    /// Questions that an earlier plan answered.
    pub reused: u64,
    /// Questions that bounds decided.
    pub bounded: u64,
    /// Spent on choosing, and of that on waiting for the planner.
    pub seconds: f64,
    pub planner_seconds: f64,
    /// Whether the time was up before all that was planned to be asked was asked, or looked through.
    pub cut_off: bool,
    /// What the workload takes without and with what is recommended: milliseconds, or planner cost where no time is known.
    pub cost_before: f64,
    pub cost_after: f64,
}

/// Within what to advise.
#[derive(Debug, Clone, PartialEq)]
pub struct AdviseLimits {
    /// Storage for all new indexes, in bytes.
    pub budget: Option<i64>,
    /// How long choosing indexes may take.
    pub deadline: Duration,
    /// Whether that is for reading and planning the statements too.
    pub for_everything: bool,
    /// How indexes were used while they were watched; empty where nobody watched.
    pub usage: BTreeMap<(TableName, String), IndexUsage>,
    /// Days without a scan after which an index counts as unused.
    pub unused_after_days: f64,
}

impl Default for AdviseLimits {
    fn default() -> Self {
        Self {
            budget: None,
            deadline: Duration::from_secs(10),
            for_everything: false,
            usage: BTreeMap::new(),
            unused_after_days: 14.0,
        }
    }
}

/// Another planner that has HypoPG, where main's has not.
#[derive(Debug, Default)]
pub struct OtherPlanners {
    pub replica: Option<MainSession>,
    pub sandbox: Option<MainSession>,
    /// The sandbox is on a server of its own, which may restart without harm to main.
    pub sandbox_is_apart: bool,
    /// Where indexes can be built that no planner can be asked about.
    pub(crate) workshop: Option<Box<dyn Workshop>>,
}

impl OtherPlanners {
    /// Whether what this planner does to its server cannot harm main.
    #[must_use]
    pub fn is_apart(&self, kind: PlannerKind) -> bool {
        kind == PlannerKind::Sandbox && self.sandbox_is_apart
    }
}

/// The share of the time that is kept for the indexes that rewritten statements need.
const FOR_REWRITES: f64 = 0.1;

/// Advises.
///
/// # Errors
/// Main is out of reach.
pub async fn advise(
    session: &mut MainSession,
    mut others: OtherPlanners,
    collection: &Collection,
    limits: &AdviseLimits,
) -> Result<Advice, PgFailure> {
    let mut paging: Vec<Planned<'_>> = Vec::new();
    let mut planned: Vec<Planned<'_>> = collection
        .statements
        .iter()
        .filter_map(|tracked| {
            let plannable = tracked.plannable.as_ref().ok()?;
            // How far a page lies back is not known unless a log says: its cost would be made up.
            let skips = plannable.shape.parameters.iter().any(|p| p.role == ParameterRole::Offset);
            let is_logged = plannable.bindings.iter().any(|b| b.kind == BindingKind::Logged);
            if skips && !is_logged {
                paging.push(Planned::of(tracked, plannable, Vec::new()));
                return None;
            }
            // Texts, not trees: those of a whole workload take gigabytes.
            let bound: Vec<String> = costed(plannable).map(|b| b.sql.clone()).collect();
            let weights = costed(plannable).map(weight).collect();
            if bound.is_empty() {
                return None;
            }
            let known_cost = known_cost(plannable);
            Some(Planned { known_cost, weights, ..Planned::of(tracked, plannable, bound) })
        })
        .collect();
    let mut advice = Advice { statements: reports(collection), ..Advice::default() };
    advice.notes.extend(nothing_planned(collection, planned.is_empty() && paging.is_empty()));
    advice.notes.extend(doubt::settle(session, &mut planned).await?);
    let begun = Instant::now();
    let workshop = others.workshop.take();
    let workshop = workshop.as_deref();
    let for_indexes =
        AdviseLimits { deadline: limits.deadline.mul_f64(1.0 - FOR_REWRITES), ..limits.clone() };
    let untried = indexes::advise(
        session,
        &mut others,
        workshop,
        collection,
        &planned,
        &for_indexes,
        &mut advice,
    )
    .await?;
    session.rest().await?;
    let until = begun + limits.deadline;
    let mut all_rewritten = true;
    for statements in [&planned, &paging] {
        let means = rewriting::Means { others: &mut others, workshop, until };
        all_rewritten &=
            rewriting::advise(session, means, collection, statements, &mut advice).await?;
    }
    let proposed = leading_columns(&advice.proposals);
    let used_by_plans = used_by_plans(planned.iter().chain(&paging));
    let findings = check_catalog(&Facts {
        catalog: &collection.catalog,
        statements: &collection.statements,
        usage: &limits.usage,
        used_by_plans: &used_by_plans,
        unused_after_days: limits.unused_after_days,
        proposed: &proposed,
        untried: &untried,
    });
    advice.proposals.extend(findings.proposals);
    advice.proposals.iter_mut().for_each(note_unmeasured);
    let whole: f64 = collection.statements.iter().map(|statement| statement.total_time_ms).sum();
    advice.proposals.iter_mut().for_each(|proposal| note_share(proposal, whole));
    advice.rejected.extend(findings.rejected);
    let is_complete =
        |rule: &Rule| *rule != Rule::MissingIndex && (all_rewritten || !rule.is_of_statements());
    advice.complete.extend(Rule::ALL.iter().copied().filter(is_complete));
    if !all_rewritten {
        advice.notes.push(
            "The time was up before every statement was written differently: rewrites of the rest are not known. Give more with --deadline-s."
                .to_owned(),
        );
    }
    if let Some(note) = unaffordable(collection) {
        // What was not looked at proves nothing about advice that was given before.
        advice.complete.clear();
        advice.notes.push(note);
    }
    let locked = &collection.catalog.locked;
    if !locked.is_empty() {
        advice.complete.clear();
        let names: Vec<String> = locked.iter().map(ToString::to_string).collect();
        advice.notes.push(format!(
            "Another session had {} for itself (ACCESS EXCLUSIVE): nothing is advised on that, and earlier advice stays. Analyse again once it is done.",
            names.join(", ")
        ));
    }
    for other in [others.replica, others.sandbox].into_iter().flatten() {
        // It has said what it was asked for; a failure to end changes nothing.
        drop(other.end().await);
    }
    Ok(advice)
}

/// Says of a proposal why its change cannot be measured, where that is so.
fn note_unmeasured(proposal: &mut Proposal) {
    let of_change = match Patch::parse(&proposal.patch_sql) {
        Ok(patch) => patch.kind.not_measured(),
        Err(_) => Some("it is no change that can be made and undone around a statement".to_owned()),
    };
    let known = proposal.evidence.not_measured.take();
    proposal.evidence.not_measured = known.or(of_change);
}

/// Says of a proposal for some statements, whose saving nobody planned, what they took of the whole time.
fn note_share(proposal: &mut Proposal, whole_ms: f64) {
    let is_for_statements = matches!(
        proposal.recommendation_type,
        RecommendationType::Index | RecommendationType::Rewrite
    );
    let statements = &proposal.evidence.statements;
    if !is_for_statements || statements.is_empty() || whole_ms <= 0.0 {
        return;
    }
    let time: f64 = statements.iter().map(|statement| statement.total_time_ms).sum();
    if proposal.estimated_improvement_percent.is_none() {
        proposal.evidence.share_percent = Some(100.0 * time / whole_ms);
    }
}

/// Why nothing is advised on statements.
fn nothing_planned(collection: &Collection, is_empty: bool) -> Option<String> {
    let of_application = || collection.statements.iter().filter(|s| s.kind == QueryKind::User);
    let could = of_application().filter(|statement| statement.plannable.is_ok()).count();
    match (is_empty, of_application().count(), could) {
        (false, ..) => None,
        (true, 0, _) => Some(
            "The workload has no statement that reads a table of this database, so nothing is advised on statements."
                .to_owned(),
        ),
        (true, _, 0) => {
            Some("No statement could be planned, so nothing is advised on statements.".to_owned())
        }
        (true, ..) => Some(
            "No values are known for the parameters of any statement, so nothing is advised on statements."
                .to_owned(),
        ),
    }
}

/// How many statements were left out because what may be taken from main is taken.
fn unaffordable(collection: &Collection) -> Option<String> {
    let mut reasons = collection
        .statements
        .iter()
        .filter_map(|statement| statement.plannable.as_ref().err())
        .filter(|reason| reason.code == ReasonCode::Budget);
    let first = reasons.next()?;
    let count = 1 + reasons.count();
    let statements = if count == 1 { "statement was" } else { "statements were" };
    Some(format!("{count} {statements} not planned: {first}."))
}

/// The sets of values that costs are taken from: those that stand for the whole, and the least common one
/// known. An application asks for few values of a column like a status, and rarely for the commonest.
///
/// Where a source showed sets of values, those are what the application asks for, and not what a column holds.
pub(crate) fn costed(plannable: &PlannableStatement) -> impl Iterator<Item = &Binding> {
    let is_counted = |binding: &Binding| binding.calls.is_some_and(|calls| calls > 0);
    let has_counted = plannable.bindings.iter().any(is_counted);
    let has_logged = plannable.bindings.iter().any(|b| b.kind == BindingKind::Logged);
    plannable.bindings.iter().filter(move |binding| match (has_counted, has_logged) {
        (true, _) => is_counted(binding),
        (false, true) => binding.kind == BindingKind::Logged,
        (false, false) => binding.kind.is_representative() || binding.kind == BindingKind::Rare,
    })
}

/// How much a set of values counts beside the statement's others.
pub(crate) fn weight(binding: &Binding) -> f64 {
    binding.calls.map_or(1.0, |calls| calls as f64)
}

/// What the first set of values that costs are taken from was planned to cost.
fn known_cost(plannable: &PlannableStatement) -> Option<f64> {
    let is_first = costed(plannable).next() == plannable.bindings.first();
    let plan = optischema::plan::parse_plan(&plannable.plan).ok().filter(|_| is_first);
    plan.map(|plan| plan.root.total_cost)
}

fn leading_columns(proposals: &[Proposal]) -> BTreeMap<TableName, Vec<Vec<String>>> {
    let mut proposed: BTreeMap<TableName, Vec<Vec<String>>> = BTreeMap::new();
    for proposal in proposals {
        if let (RecommendationType::Index, Some(index)) =
            (proposal.recommendation_type, &proposal.evidence.index)
        {
            proposed.entry(index.table.clone()).or_default().push(index.columns.clone());
        }
    }
    proposed
}

/// Names of indexes in the plans that were made when statements were understood.
fn used_by_plans<'a>(planned: impl Iterator<Item = &'a Planned<'a>>) -> BTreeSet<String> {
    let plans =
        planned.filter_map(|planned| optischema::plan::parse_plan(&planned.plannable.plan).ok());
    plans
        .flat_map(|plan| {
            plan.root.walk().filter_map(|node| node.index_name.clone()).collect::<Vec<_>>()
        })
        .collect()
}

fn reports(collection: &Collection) -> Vec<StatementReport> {
    collection
        .statements
        .iter()
        .map(|tracked: &TrackedStatement| StatementReport {
            query_hash: tracked.query_hash.clone(),
            sql: tracked.sql.clone(),
            planned: tracked.plannable.is_ok(),
            planned_as: tracked.planned_as(),
            reason: tracked.plannable.as_ref().err().cloned(),
        })
        .collect()
}
