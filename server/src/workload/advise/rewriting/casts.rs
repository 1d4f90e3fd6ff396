//! Columns that PostgreSQL itself casts, since the value has a wider type.

use optischema::advisor::rules::Draft;
use optischema::model::{
    BindingKind, Proposal, RecommendationType, RiskLevel, Rule, StatementEvidence,
};

use super::Planned;
use crate::sql;
use crate::workload::Collection;

/// Columns that PostgreSQL casts for every row, since the value has a wider type.
pub(super) fn casts(planned: &Planned<'_>, collection: &Collection) -> Option<Proposal> {
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
        RiskLevel::Medium,
        "The statement stays as it is; the application hands over another type. A value that has decimals, or that the type cannot hold, means other rows then, or is an error: such values must keep their type.",
    );
    draft.magnitude = tracked.total_time_ms.max(1.0);
    Some(draft.proposal())
}
