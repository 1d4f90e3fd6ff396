//! Everything about one statement, put together from the store.

use optischema::model::{
    PlannableStatement, QueryBinding, QueryDetail, QueryHash, QueryIndex, QueryPlan, QueryRange,
    QueryTable, Recommendation, SqlSpan,
};
use optischema::operations::{OperationError, Outcome};
use optischema::plan::parse_plan;

use crate::clock::now;
use crate::sql::highlighted;
use crate::store::Store;

/// Longer texts are shown as they are: formatting them takes longer than a person waits.
const LONGEST_FORMATTED: usize = 64 * 1024;

pub(super) async fn detail(
    store: &Store,
    database: &str,
    hash: &QueryHash,
    range: QueryRange,
) -> Outcome<QueryDetail> {
    let missing = || OperationError::NotFound { what: "query", id: hash.to_string() };
    let at = now();
    let query = store.query(database, hash).await?.ok_or_else(missing)?;
    let summary = store.query_summary(database, hash, range, at).await?;
    let summary = match summary {
        Some(summary) => summary,
        // Nothing happened in the range: its text and kind are known all the same.
        None => {
            let all = store.query_summary(database, hash, QueryRange::All, at).await?;
            let mut all = all.ok_or_else(missing)?;
            all.figures = optischema::model::QueryFigures::default();
            all
        }
    };
    let plans = store.query_plans(query.id).await?;
    let events = store.query_events(database, query.id, &plans).await?;
    let plannable = query.statement.plannable.as_ref().ok();
    Ok(QueryDetail {
        range,
        formatted: formatted(&query.statement.sql),
        roles: query.roles,
        search_path: query.search_path.unwrap_or_default(),
        shape: plannable.map(|plannable| plannable.shape.clone()),
        bindings: plannable.map(bindings).unwrap_or_default(),
        tables: tables(store, database, plannable, &plans).await?,
        dependencies: plannable.map(|p| p.dependencies.clone()).unwrap_or_default(),
        history: store.query_history(database, query.id, range, at).await?,
        plans,
        events,
        recommendations: linked(store, database, hash).await?,
        summary,
    })
}

fn formatted(sql: &str) -> Vec<SqlSpan> {
    if sql.len() > LONGEST_FORMATTED {
        return highlighted(sql);
    }
    let options = sqlformat::FormatOptions {
        dialect: sqlformat::Dialect::PostgreSql,
        ..sqlformat::FormatOptions::default()
    };
    highlighted(&sqlformat::format(sql, &sqlformat::QueryParams::None, &options))
}

fn bindings(plannable: &PlannableStatement) -> Vec<QueryBinding> {
    plannable
        .bindings
        .iter()
        .map(|binding| QueryBinding {
            label: binding.described(),
            assumed: binding.assumed,
            values: binding.values.clone(),
            sql: binding.sql.clone(),
        })
        .collect()
}

async fn tables(
    store: &Store,
    database: &str,
    plannable: Option<&PlannableStatement>,
    plans: &[QueryPlan],
) -> Outcome<Vec<QueryTable>> {
    let Some(plannable) = plannable else { return Ok(Vec::new()) };
    let mut names = plannable.shape.tables.clone();
    names.extend(plannable.dependencies.tables.iter().map(|dependency| dependency.table.clone()));
    let current = plans.iter().find(|plan| plan.current);
    let current = current.and_then(|plan| parse_plan(&plan.plan).ok());
    let used: Vec<&str> = current.iter().flat_map(|plan| plan.indexes()).collect();
    let tables = store.catalog_tables(database, &names).await?;
    Ok(tables
        .into_iter()
        .map(|table| QueryTable {
            name: table.name,
            rows: table.rows,
            bytes: table.bytes,
            indexes: table
                .indexes
                .into_iter()
                .map(|index| QueryIndex {
                    used: used.contains(&index.name.as_str()),
                    name: index.name,
                    definition: index.definition,
                    bytes: index.bytes,
                    valid: index.valid,
                })
                .collect(),
        })
        .collect())
}

/// Recommendations that this statement is evidence for.
async fn linked(store: &Store, database: &str, hash: &QueryHash) -> Outcome<Vec<Recommendation>> {
    Ok(store.recommendations_for(database, hash).await?)
}
