//! Rewrites of the workload's statements, each planned beside its original with the same values.

use optischema::advisor::rules::Draft;
use optischema::model::{
    Binding, BindingKind, PlannableStatement, PlannedAs, Proposal, Provenance, RecommendationType,
    RejectedCandidate, Rule, StatementEvidence, TrackedStatement, quote_literal,
};

use super::{Advice, Planned, costed};
use crate::postgres::{MainSession, PgFailure, PlanFailure};
use crate::sql::{self, Rewrite, Sameness};
use crate::workload::Collection;

/// What is provably the same is only proposed where the planner finds it cheaper by this share.
const MIN_GAIN: f64 = 0.10;
/// Milliseconds a call: advice that changes the application is for statements that take time.
const MIN_TIME: f64 = 2.0;

pub(super) async fn advise(
    session: &mut MainSession,
    collection: &Collection,
    planned: &[Planned<'_>],
    advice: &mut Advice,
) -> Result<(), PgFailure> {
    for one in planned {
        let known = advice.proposals.len();
        rewrite_one(session, collection, one, advice).await?;
        let is_mended = |proposal: &Proposal| proposal.evidence.rule == Some(Rule::ImplicitCast);
        if !advice.proposals.iter().skip(known).any(is_mended) {
            advice.proposals.extend(casts(one, collection));
        }
    }
    Ok(())
}

async fn rewrite_one(
    session: &mut MainSession,
    collection: &Collection,
    one: &Planned<'_>,
    advice: &mut Advice,
) -> Result<(), PgFailure> {
    // Its names would be looked for where another role's are: constraints of another table prove nothing.
    let path = &one.plannable.search_path;
    if !path.is_empty() && *path != collection.catalog.search_path {
        return Ok(());
    }
    // What is written differently is the statement, and not a part of it.
    if one.plannable.planned_as != PlannedAs::Itself {
        return Ok(());
    }
    let Ok(original) = sql::parse_one(&one.tracked.sql) else { return Ok(()) };
    for rewrite in sql::rewrites(&original, &collection.catalog) {
        let costs = match costs(session, one, &rewrite).await {
            Ok(costs) => costs,
            Err(PlanFailure::Target(failure)) if failure.is_connection() => {
                return Err(failure);
            }
            // One that cannot be planned is none.
            Err(_) => continue,
        };
        // The same statement in other words is proposed for its cost, which nobody knows here.
        if costs.is_none() && !matches!(rewrite.sameness, Sameness::Other(_)) {
            continue;
        }
        match propose(one.tracked, &rewrite, costs) {
            Some(proposal) => advice.proposals.push(proposal),
            None => advice.rejected.extend(rejected(one.plannable, &rewrite, costs)),
        }
    }
    Ok(())
}

/// The mean cost of both, over the values that stand for the whole. `None` where the rewrite takes other values.
async fn costs(
    session: &mut MainSession,
    planned: &Planned<'_>,
    rewrite: &Rewrite,
) -> Result<Option<(f64, f64)>, PlanFailure> {
    if matches!(rewrite.sameness, Sameness::Other(_)) {
        return Ok(None);
    }
    let (mut before, mut after, mut count) = (0.0, 0.0, 0.0);
    for (binding, original) in costed(planned.plannable).zip(&planned.bound) {
        let rewritten = sql::parse_one(&bound(rewrite, binding)?)?;
        let weight = super::weight(binding);
        before += weight * session.plan_text(original).await?.0.root.total_cost;
        after += weight * session.plan(&rewritten).await?.0.root.total_cost;
        count += weight;
    }
    Ok((count > 0.0).then(|| (before / count, after / count)))
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
    plannable: &PlannableStatement,
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
        table: plannable.shape.tables.first()?.clone(),
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

/// Columns that PostgreSQL casts for every row, since the value has a wider type.
fn casts(planned: &Planned<'_>, collection: &Collection) -> Option<Proposal> {
    // Of parameters nobody knows the type that the application sends, unless the text has it: the cast may be of
    // OptiSchema's own making.
    let is_written =
        planned.plannable.bindings.first().is_some_and(|b| b.kind == BindingKind::AsWritten);
    let written = sql::parse_one(&planned.tracked.sql).ok()?;
    let cast_to = sql::left_out_of_fingerprints(&written);
    let is_known = |to: &str| is_written || cast_to.iter().any(|cast| *cast == format!("as {to}"));
    let plan = optischema::plan::parse_plan(&planned.plannable.plan).ok()?;
    let filters = plan.root.walk().filter_map(|node| node.filter.clone()).collect::<Vec<_>>();
    let all = filters.iter().flat_map(|filter| sql::casts_in_filter(filter));
    let found = all.filter(|(_, to)| is_known(to)).find_map(|(column, to)| {
        let tables = planned.plannable.shape.tables.iter();
        let table =
            tables.filter_map(|name| collection.catalog.tables.get(name)).find(|table| {
                table.column(&column).is_some_and(|c| {
                    matches!(c.data_type.as_str(), "smallint" | "integer" | "bigint")
                })
            })?;
        let is_indexed = table.indexes.iter().any(|index| {
            index.key_columns.first().and_then(Option::as_deref) == Some(column.as_str())
        });
        is_indexed.then(|| (table.name.clone(), column, to))
    })?;
    let (table, column, to) = found;
    let tracked = planned.tracked;
    let mut draft = Draft::new(
        Rule::ImplicitCast,
        RecommendationType::Rewrite,
        format!("{}:{table}:{column}", tracked.query_hash),
    )
    .sql(tracked.sql.clone())
    .fact("Cast for every row", format!("{table}.{column} to {to}"));
    draft.title = format!("{column} is cast to {to} for every row");
    draft.description = format!(
        "The value compared with {table}.{column} has the type {to}, so PostgreSQL casts the column instead, and no \
         index on it can be searched. Hand the value over as the column's own type, unless it has decimals or is \
         beyond what that type holds: such values must keep their type."
    );
    draft.tables = vec![table];
    draft.statements = vec![StatementEvidence::unplanned(tracked)];
    draft.confidence = (0.6, "PostgreSQL's own plan shows the cast.");
    draft.risk = (
        optischema::model::RiskLevel::Medium,
        "The statement stays as it is; the application hands over another type. A value that has decimals, or that the type cannot hold, means other rows then, or is an error: such values must keep their type.",
    );
    draft.magnitude = tracked.total_time_ms.max(1.0);
    Some(draft.proposal())
}
