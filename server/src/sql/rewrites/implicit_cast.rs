//! A cast around a column, written (`id::text = $1`) or made by PostgreSQL (`id = 5.0`): an index on the column
//! cannot be searched. The other side is cast instead.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;

use super::conditions::{Around, Instead, everywhere};
use super::pieces::{
    column, compare, constant_text, expression, inner, is_value, operator, text_of, type_cast_to,
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
    if constant_text(right).is_some_and(|text| !is_canonical(text, &found.data_type)) {
        return None;
    }
    let value = expression(&format!("{}::{}", text_of(right)?, found.data_type))?;
    Some(Instead {
        conditions: vec![compare(bare.clone(), "=", value)],
        why: format!(
            "{} is cast to {to} for every row, so that an index on it cannot be searched.",
            found.name
        ),
        sameness: Sameness::Usual(match found.data_type.as_str() {
            "date" => {
                "The same for dates as PostgreSQL writes them with DateStyle ISO; a value that is no date is an error instead of no row."
            }
            "uuid" => {
                "The same for values as PostgreSQL writes them, in small letters and with dashes; a value that is no UUID is an error instead of no row."
            }
            _ => {
                "The same for values as PostgreSQL writes them; not for '007', and a value that is no such number is an error instead of no row."
            }
        }),
    })
}

/// Whether PostgreSQL writes a value of a type as it stands here: any other text equals none.
fn is_canonical(text: &str, data_type: &str) -> bool {
    let is_written = |dashes: &[usize], is_digit: fn(u8) -> bool| {
        text.bytes().enumerate().all(|(at, byte)| match dashes.contains(&at) {
            true => byte == b'-',
            false => is_digit(byte),
        })
    };
    match data_type {
        "date" => text.len() == 10 && is_written(&[4, 7], |byte| byte.is_ascii_digit()),
        "uuid" => {
            text.len() == 36
                && is_written(&[8, 13, 18, 23], |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        }
        _ => text.parse::<i64>().is_ok_and(|number| number.to_string() == text),
    }
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
    fn a_text_that_postgresql_would_not_write_equals_no_row() {
        let found = by(Rule::ImplicitCast, "SELECT note FROM orders WHERE id::text = '4711'");
        assert_eq!(found.unwrap(), "SELECT note FROM orders WHERE id = '4711'::bigint");
        for text in ["007", " 7", "+7", "7.0", "seven", ""] {
            let sql = format!("SELECT note FROM orders WHERE id::text = '{text}'");
            assert_eq!(by(Rule::ImplicitCast, &sql), None, "{sql}");
        }
        for (text, is_found) in [("2026-03-31", true), ("2026-3-31", false), ("31.03.2026", false)]
        {
            let sql = format!("SELECT id FROM documents WHERE day::text = '{text}'");
            assert_eq!(by(Rule::ImplicitCast, &sql).is_some(), is_found, "{sql}");
        }
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
