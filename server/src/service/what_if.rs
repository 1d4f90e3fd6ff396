//! What an index that a person thinks of would do: planned across the workload, at once.

use optischema::advisor::{CostError, CostOracle, TableWrites, index_size, weigh, write_cost};
use optischema::model::{
    RelationKind, StatementEvidence, TableName, WhatIfReport, WhatIfRequest, quote_identifier,
};
use optischema::operations::{OperationError, Outcome};

use crate::analysis::{checked_main, other_planners};
use crate::config::Settings;
use crate::postgres::{HypoOracle, MainSession, has_hypopg, relation_exists};
use crate::sql;
use crate::store::Store;
use crate::workload::{PlannerKind, as_one, best_planner, costed, partitions, weight};

/// Seconds that the planner may be asked.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(15);

pub(super) async fn what_if(
    settings: &Settings,
    store: &Store,
    request: &WhatIfRequest,
) -> Outcome<WhatIfReport> {
    let text = definition(request)?;
    let mut main = MainSession::begin(checked_main(settings).await?).await?;
    main.wait_until(std::time::Instant::now() + DEADLINE);
    let catalog = main.catalog().await?;
    let candidate =
        sql::typed_index(&text, &catalog).map_err(|error| invalid(error.to_string()))?;
    let Some(table) = as_one(&catalog, &candidate.table) else {
        return Err(invalid(format!("there is no table {}", candidate.table)));
    };
    if matches!(table.kind, RelationKind::View | RelationKind::Foreign) {
        return Err(invalid(format!("{} is no table that could have an index", table.name)));
    }
    let queries = store.user_queries(&catalog.database).await?;
    let mut considered = Vec::new();
    for query in &queries {
        let Ok(plannable) = &query.statement.plannable else { continue };
        let bound: Vec<String> = costed(plannable).map(|binding| binding.sql.clone()).collect();
        if !bound.is_empty() {
            let weights: Vec<f64> = costed(plannable).map(weight).collect();
            considered.push((
                &query.statement,
                plannable.shape.tables.contains(&candidate.table),
                bound,
                weights,
            ));
        }
    }
    let bound: Vec<Vec<String>> = considered.iter().map(|(_, _, bound, _)| bound.clone()).collect();
    let mut others = other_planners(settings, &mut main).await;
    let wants_sandbox = candidate
        .predicate
        .as_ref()
        .is_some_and(|p| !sql::is_plain_predicate(&p.sql, &candidate.table.name));
    let sandbox_can = wants_sandbox
        && others.sandbox_is_apart
        && match others.sandbox.as_mut() {
            // A sandbox that has no copy of the table can say nothing of it.
            Some(sandbox) => {
                has_hypopg(sandbox).await.unwrap_or(false)
                    && relation_exists(sandbox.connection().await?, &candidate.table)
                        .await
                        .unwrap_or(false)
            }
            None => false,
        };
    let is_apart = others.sandbox_is_apart;
    let (session, kind) = if sandbox_can {
        (others.sandbox.as_mut(), PlannerKind::Sandbox)
    } else {
        best_planner(&mut main, &mut others).await?
    };
    let Some(session) = session else {
        return Err(OperationError::Unavailable(
            "HypoPG is installed neither on main, nor on a replica, nor in the sandbox, so no planner can be asked: CREATE EXTENSION hypopg;".into(),
        ));
    };
    if let Some(evaluated) = sql::evaluated_by(&candidate) {
        let statement = sql::parse_one(&evaluated).map_err(|error| invalid(error.to_string()))?;
        session.plan(&statement).await.map_err(|error| invalid(error.to_string()))?;
    }
    let mut report = WhatIfReport {
        table: candidate.table.clone(),
        definition: candidate.create_sql(false),
        estimated_bytes: index_size(&table, &candidate).map(|size| size.bytes),
        write_cost: write_cost(&table, &candidate, &TableWrites::since_reset(&table)),
        method: kind.method().to_owned(),
        statements: Vec::new(),
        used_by: Vec::new(),
        saved_percent: None,
        covered_by: candidate.covered_by(&table).map(|index| index.name.clone()),
        skipped: Vec::new(),
        notes: Vec::new(),
    };
    let mut oracle = HypoOracle::new(session, &bound)
        .with_partitions(partitions(&catalog))
        .weighing(considered.iter().map(|(.., weights)| weights.clone()).collect())
        .on_sandbox(is_apart && kind == PlannerKind::Sandbox)
        .until(std::time::Instant::now() + DEADLINE);
    let mut costs = Vec::new();
    for (number, (statement, ..)) in considered.iter().enumerate() {
        costs.push(match oracle.cost(number, &[]).await {
            Ok(before) => Some(before.cost),
            Err(error) => {
                report.skipped.push(format!("{}: {error}", statement.query_hash));
                None
            }
        });
    }
    let weighted: Vec<_> = considered.iter().map(|(statement, ..)| statement.weight()).collect();
    let all: f64 = queries.iter().map(|query| query.statement.total_time_ms).sum();
    let here: f64 = considered.iter().map(|(statement, ..)| statement.total_time_ms).sum();
    let weights = weigh(&weighted, &costs, (all - here).max(0.0));
    let mut saved = 0.0;
    for (number, (statement, reads, ..)) in considered.iter().enumerate() {
        let Some(before) = costs[number].filter(|_| *reads) else { continue };
        let weight = weights.by_statement[number];
        match oracle.cost(number, &[&candidate]).await {
            Ok(after) => {
                saved += (before - after.cost) * weight;
                if !after.used.is_empty() {
                    report.used_by.push(statement.query_hash.clone());
                }
                report.statements.push(StatementEvidence {
                    cost_before: Some(before),
                    cost_after: Some(after.cost),
                    ..StatementEvidence::unplanned(statement)
                });
            }
            Err(CostError::Candidate { reason, .. }) => {
                oracle.reset().await?;
                return Err(invalid(format!("the index cannot be made: {reason}")));
            }
            Err(error) => report.skipped.push(format!("{}: {error}", statement.query_hash)),
        }
    }
    report.notes = oracle.notes();
    oracle.reset().await?;
    main.end().await?;
    let change = |s: &StatementEvidence| {
        let (before, after) = (s.cost_before.unwrap_or_default(), s.cost_after.unwrap_or_default());
        (before - after).abs() * s.calls.max(1) as f64
    };
    report.statements.sort_by(|a, b| change(b).total_cmp(&change(a)));
    report.saved_percent = (weights.whole > 0.0).then(|| 100.0 * saved / weights.whole);
    Ok(report)
}

/// What a person typed, or picked.
fn definition(request: &WhatIfRequest) -> Outcome<String> {
    let given = |text: &Option<String>| {
        text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if let Some(definition) = given(&request.definition) {
        return Ok(definition);
    }
    let (Some(table), Some(columns)) = (given(&request.table), given(&request.columns)) else {
        return Err(invalid("type an index, or a table and its columns".into()));
    };
    let table: TableName =
        table.parse().map_err(|_| invalid(format!("{table} is not schema.table")))?;
    let columns: Vec<String> = columns
        .split(',')
        .map(str::trim)
        .filter(|column| !column.is_empty())
        .map(|column| match column.rsplit_once(' ') {
            Some((name, direction)) if direction.eq_ignore_ascii_case("desc") => {
                format!("{} DESC", quote_identifier(name.trim()))
            }
            _ => quote_identifier(column),
        })
        .collect();
    if columns.is_empty() {
        return Err(invalid("name at least one column".into()));
    }
    Ok(format!("CREATE INDEX ON {} ({})", table.quoted(), columns.join(", ")))
}

fn invalid(message: String) -> OperationError {
    OperationError::Invalid { field: "index".into(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_quoted_and_directions_kept() {
        let request = WhatIfRequest {
            table: Some("public.orders".into()),
            columns: Some(" customer_id, created_at desc ,odd \"name".into()),
            ..WhatIfRequest::default()
        };
        assert_eq!(
            definition(&request).unwrap(),
            "CREATE INDEX ON \"public\".\"orders\" (\"customer_id\", \"created_at\" DESC, \"odd \"\"name\")"
        );
        assert!(definition(&WhatIfRequest::default()).is_err());
        let empty = WhatIfRequest { columns: Some(" , ".into()), ..request };
        assert!(definition(&empty).is_err());
    }
}
