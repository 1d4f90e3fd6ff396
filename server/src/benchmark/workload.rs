//! Other statements of the workload, planned without and with the change where it stands.

use optischema::model::{BenchmarkResult, WorkloadEffect};

use super::BenchmarkError;
use super::arms::{ArmKind, ArmSpec, Arms};
use super::full_scale::{Others, others_of};
use super::patching::Patched;
use super::request::BenchmarkRequest;
use super::site::Site;
use crate::postgres::{ExplainMode, explain};
use crate::sql;
use crate::workload::costed;

/// Plans them on the site.
///
/// # Errors
/// The connection is lost.
pub(super) async fn plan_here(
    request: &BenchmarkRequest<'_>,
    site: &mut Site,
    patched: &Patched,
) -> Result<Others, BenchmarkError> {
    let mut found = Others::default();
    for (statement, plannable) in others_of(request) {
        let reads = plannable.shape.tables.iter();
        if let Some(missing) = reads.clone().find(|table| site.family.get(table).is_none()) {
            found.left.push(format!("{}: {missing} is not in the copy", statement.query_hash));
            continue;
        }
        let Some(binding) = costed(plannable).next() else { continue };
        let placed = sql::parse_one(&binding.sql)
            .map_err(BenchmarkError::from)
            .and_then(|bound| site.placed(&bound, &plannable.search_path));
        let placed = match placed {
            Ok(placed) => placed,
            Err(error) => {
                found.left.push(format!("{}: {error}", statement.query_hash));
                continue;
            }
        };
        let fence = site.fence;
        let spec = |setup: &[String]| ArmSpec {
            setup: setup.to_vec(),
            sql: placed.clone(),
            ..ArmSpec::default()
        };
        let mut arms = Arms {
            connection: site.connection(),
            fence,
            baseline: spec(&patched.baseline_setup),
            patched: spec(&patched.patched_setup),
        };
        let mut costs = Vec::new();
        for arm in ArmKind::BOTH {
            let cost = arms
                .within(arm, async |connection, sql| {
                    Ok(explain(connection, ExplainMode::Plan, sql).await?.0.root.total_cost)
                })
                .await;
            match cost {
                Ok(cost) => costs.push(cost),
                Err(error) => {
                    let reason = error.refusal()?;
                    found.left.push(format!("{}: {reason}", statement.query_hash));
                    break;
                }
            }
        }
        if let [before, after] = costs[..] {
            found.take(statement, before, after);
        }
    }
    Ok(found)
}

/// Puts them into the result, with a warning for each that becomes dearer.
pub(super) fn take(result: &mut BenchmarkResult, others: Others) {
    result.workload_planned = others.planned;
    result.workload_left = others.left;
    for effect in &others.effects {
        if effect.is_dearer() {
            result.warnings.push(dearer(effect));
        }
    }
    result.workload = others.effects;
}

fn dearer(effect: &WorkloadEffect) -> String {
    let sql: String = effect.sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = sql.chars().take(80).collect();
    format!(
        "Another statement of the workload becomes {} dearer by plan ({}): {short}",
        optischema::figures::percent(effect.change_percent()),
        effect.query_hash
    )
}
