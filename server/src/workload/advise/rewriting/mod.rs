//! Rewrites of the workload's statements, each planned beside its original with the same values, and with the index that
//! it needs where it needs one.

mod casts;
mod helped;

use std::time::Instant;

use optischema::advisor::rules::Draft;
use optischema::model::{
    Binding, PlannedAs, Proposal, Provenance, RecommendationType, RejectedCandidate, Rule,
    StatementEvidence, TrackedStatement, quote_literal,
};
use serde_json::Value;

use self::casts::casts;
use self::helped::{Helped, Search, helped};
use super::{Advice, OtherPlanners, Planned, Workshop, costed};
use crate::postgres::{MainSession, PgFailure, PlanFailure};
use crate::sql::{self, Rewrite, Sameness};
use crate::workload::Collection;

/// What is provably the same is only proposed where the planner finds it cheaper by this share.
const MIN_GAIN: f64 = 0.10;
/// Milliseconds a call: advice that changes the application is for statements that take time.
const MIN_TIME: f64 = 2.0;
/// An index stands beside a rewrite where it takes this share off the cost that the rewrite has without.
const INDEX_GAIN: f64 = 0.30;

/// Where indexes for rewrites may be looked for, and until when.
pub(super) struct Means<'a> {
    pub others: &'a mut OtherPlanners,
    pub workshop: Option<&'a dyn Workshop>,
    pub until: Instant,
}

/// A statement, written differently and planned.
struct Attempt<'a> {
    one: &'a Planned<'a>,
    rewrite: Rewrite,
    /// With each set of values.
    bound: Vec<String>,
    /// Mean costs of the original and of the rewrite, as the database is.
    before: f64,
    after: f64,
    /// Plans of both with the first set of values.
    plans: (Value, Value),
}

/// Advises; says whether every statement was looked at before the time was up.
///
/// # Errors
/// Main is lost.
pub(super) async fn advise(
    session: &mut MainSession,
    means: Means<'_>,
    collection: &Collection,
    planned: &[Planned<'_>],
    advice: &mut Advice,
) -> Result<bool, PgFailure> {
    let mut attempts = Vec::new();
    let mut is_complete = true;
    for one in planned {
        if Instant::now() >= means.until {
            is_complete = false;
            break;
        }
        for rewrite in rewrites_of(one, collection) {
            if matches!(rewrite.sameness, Sameness::Other(_)) {
                // The same statement in other words is proposed for its cost, which nobody knows here.
                match propose(one.tracked, &rewrite, None) {
                    Some(proposal) => advice.proposals.push(proposal),
                    None => advice.rejected.extend(rejected(one, &rewrite, None)),
                }
                continue;
            }
            match attempt(session, one, rewrite).await {
                Ok(attempt) => attempts.extend(attempt),
                Err(PlanFailure::Target(failure)) if failure.is_connection() => {
                    return Err(failure);
                }
                // One that cannot be planned is none.
                Err(_) => {}
            }
        }
    }
    let search = Search { collection, attempts: &attempts };
    let mut helped = helped(session, means, &search, advice).await?;
    helped.resize_with(attempts.len(), || None);
    let mut mended = Vec::new();
    for (attempt, helped) in attempts.iter().zip(helped) {
        let is_worth_it = |helped: &Helped| helped.cost < attempt.after * (1.0 - INDEX_GAIN);
        let helped = helped.filter(is_worth_it);
        let after = helped.as_ref().map_or(attempt.after, |helped| helped.cost);
        let costs = Some((attempt.before, after));
        let tracked = attempt.one.tracked;
        match propose(tracked, &attempt.rewrite, costs) {
            Some(mut proposal) => {
                let (before, after) = &attempt.plans;
                proposal.execution_plan_json =
                    Some(serde_json::json!({ "before": before, "after": after }));
                if let Some(helped) = helped {
                    helped.join(&mut proposal, &attempt.rewrite, collection, advice);
                }
                if proposal.evidence.rule == Some(Rule::ImplicitCast) {
                    mended.push(&tracked.query_hash);
                }
                advice.proposals.push(proposal);
            }
            None => advice.rejected.extend(rejected(attempt.one, &attempt.rewrite, costs)),
        }
    }
    let open = planned.iter().filter(|one| !mended.contains(&&one.tracked.query_hash));
    advice.proposals.extend(open.filter_map(|one| casts(one, collection)));
    Ok(is_complete)
}

fn rewrites_of(one: &Planned<'_>, collection: &Collection) -> Vec<Rewrite> {
    // Its names would be looked for where another role's are: constraints of another table prove nothing.
    let path = &one.plannable.search_path;
    if !path.is_empty() && *path != collection.catalog.search_path {
        return Vec::new();
    }
    // What is written differently is the statement, and not a part of it.
    if one.plannable.planned_as != PlannedAs::Itself {
        return Vec::new();
    }
    let Ok(original) = sql::parse_one(&one.tracked.sql) else { return Vec::new() };
    sql::rewrites(&original, &collection.catalog)
}

/// Plans a statement and its rewrite with the values that stand for the whole. `None` where there are none.
async fn attempt<'a>(
    session: &mut MainSession,
    one: &'a Planned<'a>,
    rewrite: Rewrite,
) -> Result<Option<Attempt<'a>>, PlanFailure> {
    let (mut before, mut after, mut count) = (0.0, 0.0, 0.0);
    let (mut all, mut plans) = (Vec::new(), None);
    for (binding, original) in costed(one.plannable).zip(&one.bound) {
        let rewritten = sql::parse_one(&bound(&rewrite, binding)?)?;
        let weight = super::weight(binding);
        let (old, old_json) = session.plan_text(original).await?;
        let (new, new_json) = session.plan_verbose(&rewritten).await?;
        before += weight * old.root.total_cost;
        after += weight * new.root.total_cost;
        count += weight;
        all.push(rewritten.sql);
        plans.get_or_insert((old_json, new_json));
    }
    let (Some(plans), true) = (plans, count > 0.0) else { return Ok(None) };
    let (before, after) = (before / count, after / count);
    Ok(Some(Attempt { one, rewrite, bound: all, before, after, plans }))
}

fn bound(rewrite: &Rewrite, binding: &Binding) -> Result<String, sql::SqlError> {
    let literals: Vec<String> = binding
        .values
        .iter()
        .map(|value| value.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal))
        .collect();
    sql::bind_parameters(&sql::parse_one(&rewrite.sql)?, &literals)
}

/// What was looked at and left, with the reason.
fn rejected(
    one: &Planned<'_>,
    rewrite: &Rewrite,
    costs: Option<(f64, f64)>,
) -> Option<RejectedCandidate> {
    let reason = match costs {
        Some((before, after)) => format!(
            "{}: the planner finds it no cheaper, {before:.0} before and {after:.0} after",
            rewrite.rule.title()
        ),
        None => format!("{}: the statement takes less than {MIN_TIME} ms", rewrite.rule.title()),
    };
    Some(RejectedCandidate {
        table: one.plannable.shape.tables.first()?.clone(),
        definition: rewrite.sql.clone(),
        reason,
        estimated_bytes: None,
        alone_percent: None,
    })
}

fn propose(
    tracked: &TrackedStatement,
    rewrite: &Rewrite,
    costs: Option<(f64, f64)>,
) -> Option<Proposal> {
    let mean = tracked.total_time_ms / tracked.calls.max(1) as f64;
    let worth_it = match costs {
        Some((before, after)) => after < before * (1.0 - MIN_GAIN),
        // A statement that nobody ran has no time: it may be as slow as any.
        None => mean >= MIN_TIME || tracked.total_time_ms <= 0.0,
    };
    if !worth_it {
        return None;
    }
    let key = tracked.query_hash.0.clone();
    let mut draft = Draft::new(rewrite.rule, RecommendationType::Rewrite, key)
        .sql(rewrite.sql.clone())
        .fact("The same rows", rewrite.sameness.reason());
    let tables = tracked.plannable.as_ref().map(|p| p.shape.tables.clone()).unwrap_or_default();
    let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
    draft.title = format!("{}: {}", rewrite.rule.title(), names.join(", "));
    draft.description = rewrite.why.clone();
    draft.tables = tables;
    draft.statements = vec![StatementEvidence {
        cost_before: costs.map(|(before, _)| before),
        cost_after: costs.map(|(_, after)| after),
        ..StatementEvidence::unplanned(tracked)
    }];
    draft.confidence = match rewrite.sameness {
        Sameness::Proven(_) => {
            (0.7, "Planned with the same values, and provably the same rows; not measured.")
        }
        Sameness::Usual(_) => {
            (0.5, "Planned with the same values; the rows are the same for usual values only.")
        }
        Sameness::Other(_) => (0.4, "Not planned: the application changes with it."),
    };
    draft.risk = (rewrite.sameness.risk(), rewrite.sameness.reason());
    draft.magnitude = tracked.total_time_ms.max(1.0);
    let mut proposal = draft.proposal();
    if costs.is_some() {
        proposal.evidence.provenance = Provenance::Planned;
        proposal.evidence.method =
            "main's planner, with main's statistics, for both statements with the same values"
                .to_owned();
    }
    Some(proposal)
}
