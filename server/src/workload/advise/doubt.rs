//! Statements whose planner cost is far off what others cost for their time: the values that they were planned with are
//! not the application's. Others are tried.

use optischema::advisor::{suspicion, weigh};
use optischema::figures;
use optischema::model::BindingKind;
use optischema::plan::parse_plan;

use super::planned::Planned;
use crate::postgres::{MainSession, PgFailure, PlanFailure};
use crate::sql;

/// Statements that are looked at again, those first that took most time.
const MOST: usize = 50;
/// Suspects that are named, and characters of each.
const NAMED: usize = 3;
const SHOWN: usize = 100;

/// Plans suspects with their other sets of values, and takes those whose cost fits their time best. Says of how many none
/// does.
///
/// # Errors
/// Main is out of reach.
pub(super) async fn settle(
    session: &mut MainSession,
    planned: &mut [Planned<'_>],
) -> Result<Option<String>, PgFailure> {
    let costs: Vec<Option<f64>> = planned.iter().map(cost).collect();
    let statements: Vec<_> = planned.iter().map(|p| p.tracked.weight()).collect();
    let unit = weigh(&statements, &costs, 0.0).unit;
    let mut suspects: Vec<(usize, f64)> = (0..planned.len())
        .filter_map(|at| {
            let off = suspicion(unit, costs[at]?, planned[at].tracked.mean_ms())?;
            let is_of_values = planned[at]
                .plannable
                .bindings
                .iter()
                .any(|binding| binding.kind != BindingKind::AsWritten);
            is_of_values.then_some((at, off))
        })
        .collect();
    let time = |at: usize| planned[at].tracked.total_time_ms;
    suspects.sort_by(|a, b| time(b.0).total_cmp(&time(a.0)));
    let mut left = Vec::new();
    for (at, off) in suspects.into_iter().take(MOST) {
        let mean = planned[at].tracked.mean_ms();
        let mut best = (off.ln().abs(), None);
        for binding in &planned[at].plannable.bindings {
            let Ok(statement) = sql::parse_one(&binding.sql) else { continue };
            let cost = match session.plan(&statement).await {
                Ok(plan) => plan.0.root.total_cost,
                Err(PlanFailure::Target(failure)) if failure.is_connection() => {
                    return Err(failure);
                }
                Err(_) => continue,
            };
            let off = (cost * unit / mean).ln().abs();
            if off < best.0 {
                best = (off, Some(statement));
            }
        }
        planned[at].is_suspect = suspicion(1.0, best.0.exp(), 1.0).is_some();
        if planned[at].is_suspect {
            left.push(figures::in_one_line(&planned[at].tracked.sql, SHOWN));
        }
        if let (_, Some(statement)) = best {
            planned[at].bound = vec![statement.sql];
            planned[at].weights.clear();
            planned[at].known_cost = None;
        }
    }
    let sentence = match left.len() {
        0 => return Ok(None),
        1 => "1 statement costs the planner".to_owned(),
        many => format!("{many} statements cost the planner"),
    };
    let named: Vec<String> = left.iter().take(NAMED).map(|text| format!("\n  {text}")).collect();
    let rest = match left.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    Ok(Some(format!(
        "{sentence} more than a hundred times more or less than others do for their time, with every set of values: the application's values are others. Hand in a log (--workload) to have them.{}{rest}",
        named.concat()
    )))
}

/// What one call costs with the values that stand for the whole.
fn cost(planned: &Planned<'_>) -> Option<f64> {
    parse_plan(&planned.plannable.plan).ok().map(|plan| plan.root.total_cost)
}
