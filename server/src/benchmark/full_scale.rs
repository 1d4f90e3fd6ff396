//! What main's own planner, with main's own statistics, says of the change: whether it would use it on all rows, and
//! what becomes of the other statements.

use optischema::advisor::{CostError, CostOracle};
use optischema::model::{PlanPair, PlannableStatement, TrackedStatement, WorkloadEffect};

use super::BenchmarkError;
use super::bound::Bound;
use super::request::BenchmarkRequest;
use super::survey::Places;
use crate::postgres::{HypoOracle, MainSession, has_hypopg};
use crate::sql::{self, PatchKind};
use crate::workload::{costed, partitions};

/// Other statements that are planned, at most.
const MOST_OTHERS: usize = 60;

/// The planner's word.
#[derive(Debug, Clone, Default)]
pub(super) struct FullScale {
    /// Whether the change is used, or the rewrite is cheaper; absent where it cannot be asked.
    pub uses_change: Option<bool>,
    /// Planner cost of the first binding, without and with the change.
    pub costs: Option<(f64, f64)>,
    pub plans: Option<PlanPair>,
    pub workload: Others,
    /// Why the planner could not be asked.
    pub note: Option<String>,
}

/// Other statements of the workload, planned without and with the change.
#[derive(Debug, Clone, Default)]
pub(super) struct Others {
    pub planned: i64,
    pub effects: Vec<WorkloadEffect>,
    pub left: Vec<String>,
}

impl Others {
    /// Takes what one statement costs. Changes below one per cent are none.
    pub(super) fn take(&mut self, statement: &TrackedStatement, before: f64, after: f64) {
        self.planned += 1;
        if (after - before).abs() > 0.01 * before.max(f64::MIN_POSITIVE) {
            self.effects.push(WorkloadEffect {
                query_hash: statement.query_hash.clone(),
                sql: statement.sql.clone(),
                cost_before: before,
                cost_after: after,
            });
        }
    }
}

/// Other tracked statements that read the change's tables, the most time-consuming first.
pub(super) fn others_of<'a>(
    request: &BenchmarkRequest<'a>,
) -> Vec<(&'a TrackedStatement, &'a PlannableStatement)> {
    let tables = request.changed_tables();
    let mut others: Vec<(&TrackedStatement, &PlannableStatement)> = request
        .others
        .iter()
        .filter(|other| !request.cases.iter().any(|case| case.query_hash == other.query_hash))
        .filter_map(|other| Some((other, other.plannable.as_ref().ok()?)))
        .filter(|(_, plannable)| {
            let depends = plannable.dependencies.tables.iter().map(|dependency| &dependency.table);
            let mut read = plannable.shape.tables.iter().chain(depends);
            tables.is_empty() || read.any(|table| tables.contains(table))
        })
        .collect();
    others.sort_by(|(a, _), (b, _)| b.total_time_ms.total_cmp(&a.total_time_ms));
    others.truncate(MOST_OTHERS);
    others
}

/// Asks.
///
/// # Errors
/// Main is lost.
pub(super) async fn ask(
    request: &BenchmarkRequest<'_>,
    places: &Places,
    bound: &[Bound],
) -> Result<FullScale, BenchmarkError> {
    let mut main = MainSession::begin(&places.main).await?;
    let answer = match &request.patch.kind {
        PatchKind::CreateIndex(_) => {
            with_index(request, request.patch_text, &mut main, bound).await
        }
        PatchKind::Rewrite(rewrite) => match &rewrite.index {
            Some(index) => {
                let text = index.sql(&index.table.schema, false)?;
                with_index(request, &text, &mut main, bound).await
            }
            None => rewritten(&mut main, bound).await,
        },
        _ => Ok(FullScale {
            note: Some("Main's planner cannot be asked about this kind of change.".into()),
            ..FullScale::default()
        }),
    };
    let answer = answer?;
    main.end().await?;
    Ok(answer)
}

async fn rewritten(main: &mut MainSession, bound: &[Bound]) -> Result<FullScale, BenchmarkError> {
    let mut answer = FullScale::default();
    let (mut before, mut after) = (0.0, 0.0);
    for one in bound {
        let Some(rewritten) = &one.rewritten else { continue };
        let (plan, json) = main.plan(&one.statement).await?;
        let (other, other_json) = main.plan(rewritten).await?;
        before += plan.root.total_cost;
        after += other.root.total_cost;
        answer.plans.get_or_insert(PlanPair { baseline: json, patched: other_json });
    }
    answer.costs = Some((before, after));
    answer.uses_change = Some(after < before);
    Ok(answer)
}

async fn with_index(
    request: &BenchmarkRequest<'_>,
    index: &str,
    main: &mut MainSession,
    bound: &[Bound],
) -> Result<FullScale, BenchmarkError> {
    let mut answer = FullScale::default();
    if !has_hypopg(main).await? {
        answer.note = Some("HypoPG is not installed on main, so its planner cannot be asked whether it would use the index on all rows.".into());
        return Ok(answer);
    }
    let catalog = main.catalog().await?;
    let candidate = match sql::typed_index(index, &catalog) {
        Ok(candidate) => candidate,
        Err(error) => {
            answer.note = Some(format!("Main's planner cannot be asked about this index: {error}"));
            return Ok(answer);
        }
    };
    if let Some(evaluated) = sql::evaluated_by(&candidate) {
        main.plan(&sql::parse_one(&evaluated)?).await?;
    }
    let others = others_of(request);
    let mut statements: Vec<Vec<String>> =
        bound.iter().map(|one| vec![one.statement.sql.clone()]).collect();
    // Beside the index stands what takes its place, where the change is that, too.
    let is_rewritten = bound.iter().any(|one| one.rewritten.is_some());
    let patched = if is_rewritten { bound.len() } else { 0 };
    statements
        .extend(bound.iter().filter_map(|one| Some(vec![one.rewritten.as_ref()?.sql.clone()])));
    let cases = Cases { count: bound.len(), patched };
    for (_, plannable) in &others {
        let bindings =
            costed(plannable).filter_map(|binding| Some(sql::parse_one(&binding.sql).ok()?.sql));
        statements.push(bindings.collect());
    }
    let mut oracle = HypoOracle::new(main, &statements).with_partitions(partitions(&catalog));
    let asked = ask_oracle(&mut oracle, &candidate, &cases, &others, &mut answer).await;
    if let [note, ..] = oracle.notes().as_slice() {
        // Without its predicate it may be used where it would not be with it; the other way round it cannot be.
        answer.uses_change = answer.uses_change.filter(|uses| !uses);
        answer.note = Some(note.clone());
    }
    oracle.reset().await?;
    if let Err(reason) = asked {
        answer.note = Some(format!("Main's planner cannot be asked about this index: {reason}"));
    }
    Ok(answer)
}

/// Numbers of statements that the planner is asked about.
struct Cases {
    count: usize,
    /// How far behind each stands the one that takes its place; 0 where it stays.
    patched: usize,
}

async fn ask_oracle(
    oracle: &mut HypoOracle<'_>,
    candidate: &optischema::advisor::IndexCandidate,
    cases: &Cases,
    others: &[(&TrackedStatement, &PlannableStatement)],
    answer: &mut FullScale,
) -> Result<(), CostError> {
    let mut used = false;
    let mut totals = (0.0, 0.0);
    for number in 0..cases.count {
        let patched = number + cases.patched;
        let before = oracle.cost(number, &[]).await?;
        let after = oracle.cost(patched, &[candidate]).await?;
        used |= !after.used.is_empty();
        totals = (totals.0 + before.cost, totals.1 + after.cost);
        if number == 0 {
            answer.costs = Some((before.cost, after.cost));
            answer.plans = Some(PlanPair {
                baseline: oracle.plan(number, &[]).await?,
                patched: oracle.plan(patched, &[candidate]).await?,
            });
        }
    }
    // Of a rewrite it is asked whether it is cheaper.
    let uses_change = if cases.patched > 0 { totals.1 < totals.0 } else { used };
    answer.uses_change = (cases.count > 0).then_some(uses_change);
    for (at, (statement, _)) in others.iter().enumerate() {
        let number = cases.count + cases.patched + at;
        let costs = match oracle.cost(number, &[]).await {
            Ok(before) => oracle.cost(number, &[candidate]).await.map(|after| (before, after)),
            Err(error) => Err(error),
        };
        match costs {
            Ok((before, after)) => answer.workload.take(statement, before.cost, after.cost),
            Err(error) => answer.workload.left.push(format!("{}: {error}", statement.query_hash)),
        }
    }
    Ok(())
}
