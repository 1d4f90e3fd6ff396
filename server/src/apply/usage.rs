//! Whether the statements that a change is for use it: planned in the sandbox before it and after.

use optischema::change_plan::{ChangePlan, Touch};
use optischema::model::{
    PlannableStatement, QueryHash, TrackedStatement, UseCheck, quote_identifier,
};
use optischema::plan::Plan;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::steps::run;
use crate::postgres::{ExplainMode, PgFailure, explain};
use crate::sql;
use crate::workload::costed;

/// Statements that are looked at.
const MOST: usize = 5;

/// One statement's plan, or why there is none.
type PlanResult = Result<Plan, String>;

/// Plans of statements at one moment.
#[derive(Debug, Clone, Default)]
pub struct Plans(Vec<(QueryHash, String, PlanResult)>);

/// Plans the first statements of `hashes` in the sandbox, with the values that the advice was planned with. Nothing is
/// executed, and nothing is kept.
///
/// # Errors
/// The connection is lost.
pub async fn plan_statements(
    connection: &mut PgConnection,
    hashes: &[QueryHash],
    tracked: &[TrackedStatement],
) -> Result<Plans, ApplyError> {
    let mut plans = Plans::default();
    for hash in hashes.iter().take(MOST) {
        let Some(statement) = tracked.iter().find(|known| known.query_hash == *hash) else {
            continue;
        };
        let planned = match &statement.plannable {
            Ok(plannable) => plan_one(connection, plannable).await?,
            Err(reason) => Err(reason.to_string()),
        };
        plans.0.push((hash.clone(), statement.sql.clone(), planned));
    }
    Ok(plans)
}

async fn plan_one(
    connection: &mut PgConnection,
    plannable: &PlannableStatement,
) -> Result<PlanResult, ApplyError> {
    let Some(binding) = costed(plannable).next() else {
        return Ok(Err("no values are known for it".to_owned()));
    };
    let checked = sql::parse_one(&binding.sql).and_then(|statement| {
        sql::check_select(&statement)?;
        Ok(statement.sql)
    });
    let text = match checked {
        Ok(text) => text,
        Err(error) => return Ok(Err(error.to_string())),
    };
    run(connection, "BEGIN READ ONLY").await?;
    let planned = in_transaction(connection, plannable, &text).await;
    run(connection, "ROLLBACK").await?;
    match planned {
        Ok(plan) => Ok(Ok(plan)),
        Err(failure) if failure.is_connection() => Err(failure.into()),
        Err(failure) => Ok(Err(failure.to_string())),
    }
}

async fn in_transaction(
    connection: &mut PgConnection,
    plannable: &PlannableStatement,
    text: &str,
) -> Result<Plan, PgFailure> {
    if !plannable.search_path.is_empty() {
        let path: Vec<String> =
            plannable.search_path.iter().map(|schema| quote_identifier(schema)).collect();
        run(connection, &format!("SET LOCAL search_path = {}", path.join(", "))).await?;
    }
    Ok(explain(connection, ExplainMode::Plan, text).await?.0)
}

/// What a change did to the plans.
#[must_use]
pub fn compare_plans(plan: &ChangePlan, before: &Plans, after: &Plans) -> Vec<UseCheck> {
    let made: Vec<&str> = plan
        .touches
        .iter()
        .filter(|(_, touch)| *touch == Touch::Makes)
        .filter_map(|(object, _)| object.index())
        .map(|index| index.name.as_str())
        .collect();
    let uses = |plan: &Plan| {
        plan.root.walk().any(|node| {
            node.index_name.as_ref().is_some_and(|index| made.contains(&index.as_str()))
        })
    };
    let find = |plans: &Plans, hash: &QueryHash| {
        plans.0.iter().find(|(known, _, _)| known == hash).map(|(_, _, planned)| planned.clone())
    };
    after
        .0
        .iter()
        .map(|(hash, sql, now)| {
            let then = find(before, hash).and_then(Result::ok);
            UseCheck {
                query_hash: hash.clone(),
                sql: sql.clone(),
                cost_before: then.map(|plan| plan.root.total_cost),
                cost_after: now.as_ref().ok().map(|plan| plan.root.total_cost),
                used: now.as_ref().ok().filter(|_| !made.is_empty()).map(uses),
                reason: now.as_ref().err().cloned(),
            }
        })
        .collect()
}
