//! A cast around a column, written (`id::text = $1`) or made by PostgreSQL (`id = 5.0`): an index on the column
//! cannot be searched. The other side is cast instead.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;

use super::conditions::{Around, Instead, everywhere};
use super::pieces::{
    column, compare, expression, inner, is_value, operator, text_of, type_cast_to,
};
use super::{Rewrite, Sameness};
use crate::sql::Statement;

const CASTABLE: &[&str] = &["smallint", "integer", "bigint", "uuid", "date"];

pub(super) fn rewrite(statement: &Statement, catalog: &Catalog) -> Option<Rewrite> {
    everywhere(statement, catalog, Rule::ImplicitCast, instead)
}

fn instead(condition: &NodeEnum, around: &Around<'_>) -> Option<Instead> {
    let NodeEnum::AExpr(expr) = condition else { return None };
    let (left, right) = (inner(&expr.lexpr)?, inner(&expr.rexpr)?);
    if operator(expr)? != "=" || !is_value(right) {
        return None;
    }
    let (bare, to) = type_cast_to(left)?;
    let (_, found) = column(bare, around)?;
    if !matches!(to, "text" | "varchar") || !CASTABLE.contains(&found.data_type.as_str()) {
        return None;
    }
    let value = expression(&format!("{}::{}", text_of(right)?, found.data_type))?;
    Some(Instead {
        conditions: vec![compare(bare.clone(), "=", value)],
        why: format!(
            "{} is cast to {to} for every row, so that an index on it cannot be searched.",
            found.name
        ),
        sameness: Sameness::Usual(
            "The same for values as PostgreSQL writes them; not for '007', and a value that is no such number is an error instead of no row.",
        ),
    })
}

/// Columns that a plan's filter casts to a wider type: PostgreSQL's own doing, since the value has that type.
/// The filter is text that PostgreSQL wrote. Gives column and type.
#[must_use]
pub fn casts_in_filter(filter: &str) -> Vec<(String, String)> {
    let Some(node) = expression(filter) else { return Vec::new() };
    let mut found = Vec::new();
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        match node {
            NodeEnum::BoolExpr(expr) => {
                waiting.extend(expr.args.into_iter().filter_map(|a| a.node))
            }
            NodeEnum::AExpr(expr) => {
                for side in [inner(&expr.lexpr), inner(&expr.rexpr)].into_iter().flatten() {
                    let NodeEnum::TypeCast(cast) = side else { continue };
                    let Some(NodeEnum::ColumnRef(column)) = inner(&cast.arg) else { continue };
                    let last = |nodes: &[pg_query::Node]| match nodes.last().map(|n| n.node.clone())
                    {
                        Some(Some(NodeEnum::String(name))) => Some(name.sval),
                        _ => None,
                    };
                    let to = cast.type_name.as_ref().and_then(|name| last(&name.names));
                    if let (Some(column), Some(to)) = (last(&column.fields), to)
                        && matches!(to.as_str(), "numeric" | "float8")
                    {
                        found.push((column, to));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use super::casts_in_filter;
    use optischema::model::Rule;

    #[test]
    fn the_value_is_cast_instead_of_the_column() {
        assert_eq!(
            by(Rule::ImplicitCast, "SELECT note FROM orders WHERE id::text = $1").unwrap(),
            "SELECT note FROM orders WHERE id = $1::bigint"
        );
    }

    #[test]
    fn casts_that_lose_something_and_casts_of_values_stay() {
        for sql in [
            "SELECT 1 FROM orders WHERE created_at::text = $1",
            "SELECT 1 FROM orders WHERE id = $1::bigint",
            "SELECT 1 FROM orders WHERE id::text LIKE $1",
            "SELECT id::text FROM orders",
        ] {
            assert_eq!(by(Rule::ImplicitCast, sql), None, "{sql}");
        }
    }

    #[test]
    fn casts_that_postgresql_made_are_seen_in_its_filters() {
        assert_eq!(
            casts_in_filter("(((id)::numeric = 5.0) AND (note = 'x'::text))"),
            [("id".to_owned(), "numeric".to_owned())]
        );
        assert!(casts_in_filter("(id = 5)").is_empty());
        assert!(casts_in_filter("not SQL at all (").is_empty());
    }
}
