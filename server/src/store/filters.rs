//! Conditions that several lists have in common.

use optischema::model::TableFilter;
use sqlx::{QueryBuilder, Sqlite};

/// Adds the condition that a JSON list of tables holds one that the filter means. `list` is `json_each`'s arguments:
/// fixed text, never a person's.
pub(super) fn push_table(
    query: &mut QueryBuilder<Sqlite>,
    list: &'static str,
    filter: Option<TableFilter>,
) {
    let Some(filter) = filter else { return };
    query.push(format_args!(" AND EXISTS (SELECT 1 FROM json_each({list}) t WHERE "));
    let text = filter.to_string();
    match filter {
        TableFilter::One(_) => query.push("t.value = ").push_bind(text),
        TableFilter::Named(_) => {
            query.push("substr(t.value, -length(").push_bind(text.clone());
            query.push(")) = ").push_bind(text)
        }
    };
    query.push(")");
}
