//! A cast around a column, written (`id::text = $1`) or made by PostgreSQL (`id = 5.0`): an index on the column
//! cannot be searched. The other side is cast instead.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::SelectStmt;

use super::pieces::{
    all_of, column, compare, conjuncts, expression, inner, is_plain, is_value, operator, relations,
    text_of,
};
use super::{Rewrite, Sameness, written};

const CASTABLE: &[&str] = &["smallint", "integer", "bigint", "uuid", "date"];

pub(super) fn rewrite(select: &SelectStmt, catalog: &Catalog) -> Option<Rewrite> {
    if !is_plain(select) {
        return None;
    }
    let relations = relations(select, catalog)?;
    let mut conditions = conjuncts(select);
    let (at, replaced, why) = conditions.iter().enumerate().find_map(|(at, condition)| {
        let NodeEnum::AExpr(expr) = condition else { return None };
        let (left, right) = (inner(&expr.lexpr)?, inner(&expr.rexpr)?);
        if operator(expr)? != "=" || !is_value(right) {
            return None;
        }
        let NodeEnum::TypeCast(cast) = left else { return None };
        let bare = inner(&cast.arg)?;
        let (_, found) = column(bare, &relations)?;
        let names = &cast.type_name.as_ref()?.names;
        let Some(NodeEnum::String(to)) = &names.last()?.node else { return None };
        let is_text = matches!(to.sval.as_str(), "text" | "varchar");
        if !is_text || !CASTABLE.contains(&found.data_type.as_str()) {
            return None;
        }
        let value = expression(&format!("{}::{}", text_of(right)?, found.data_type))?;
        let why = format!(
            "{} is cast to {} for every row, so that an index on it cannot be searched.",
            found.name, to.sval
        );
        Some((at, compare(bare.clone(), "=", value), why))
    })?;
    conditions[at] = replaced;
    Some(Rewrite {
        rule: Rule::ImplicitCast,
        sql: written(SelectStmt { where_clause: all_of(conditions), ..select.clone() })?,
        why,
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
