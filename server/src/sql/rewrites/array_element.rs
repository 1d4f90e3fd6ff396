//! `$1 = ANY (tags)`: a value is looked for in the array of each row, and no index serves that. `tags @> ARRAY[$1]` asks
//! the same, and GIN does.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, SubLinkType};

use super::conditions::{Around, Instead, everywhere};
use super::pieces::{column, expression, function_name, inner, integer, text_of, type_cast_to};
use super::{Rewrite, Sameness};
use crate::sql::Statement;

/// The extension whose own operators take the place of the arrays' among whole numbers, and which fail where an array has
/// a NULL.
const INTARRAY: &str = "intarray";

pub(super) fn rewrite(statement: &Statement, catalog: &Catalog) -> Option<Rewrite> {
    let has_own_operators = catalog.server.extensions.contains(INTARRAY);
    everywhere(
        statement,
        catalog,
        Rule::ArrayElement,
        if has_own_operators { named_in_full } else { plain },
    )
}

fn plain(condition: &NodeEnum, around: &Around<'_>) -> Option<Instead> {
    instead(condition, around, "@>")
}

fn named_in_full(condition: &NodeEnum, around: &Around<'_>) -> Option<Instead> {
    instead(condition, around, "OPERATOR(pg_catalog.@>)")
}

fn instead(condition: &NodeEnum, around: &Around<'_>, operator: &str) -> Option<Instead> {
    let (value, array) = looked_for(condition)?;
    let (_, found) = column(array, around)?;
    let element = element(&found.data_type)?;
    if !is_of(value, element) {
        return None;
    }
    let (array, value) = (text_of(array)?, text_of(value)?);
    let name = &found.name;
    Some(Instead {
        conditions: vec![expression(&format!("{array} {operator} ARRAY[{value}]::{element}[]"))?],
        why: format!(
            "A value is looked for in {name} of every row: no index serves = ANY, and GIN serves @>."
        ),
        sameness: Sameness::Proven(
            "An array contains an array of one value where that value equals one of its elements; where either is NULL, neither gives the row.",
        ),
    })
}

/// The value, and the array that it is looked for in.
fn looked_for(condition: &NodeEnum) -> Option<(&NodeEnum, &NodeEnum)> {
    match condition {
        NodeEnum::AExpr(expr) if expr.kind == AExprKind::AexprOpAny as i32 => {
            let is_equal = matches!(&expr.name.first()?.node, Some(NodeEnum::String(name)) if name.sval == "=");
            let sides = (inner(&expr.lexpr)?, inner(&expr.rexpr)?);
            (is_equal && expr.name.len() == 1).then_some(sides)
        }
        // `$1 IN (SELECT unnest(tags))`.
        NodeEnum::SubLink(link) if link.sub_link_type == SubLinkType::AnySublink as i32 => {
            let is_in = link.oper_name.is_empty()
                || matches!(&link.oper_name.first()?.node, Some(NodeEnum::String(name)) if name.sval == "=");
            let NodeEnum::SelectStmt(select) = inner(&link.subselect)? else { return None };
            let is_bare = super::pieces::is_bare(select)
                && select.from_clause.is_empty()
                && select.where_clause.is_none();
            let [target] = super::pieces::targets(select).filter(|_| is_in && is_bare)?[..] else {
                return None;
            };
            let NodeEnum::FuncCall(call) = target else { return None };
            let [array] = call.args.as_slice() else { return None };
            (function_name(call) == Some("unnest"))
                .then_some((inner(&link.testexpr)?, array.node.as_ref()?))
        }
        _ => None,
    }
}

/// The type of an array's elements, without a length that a cast would cut to.
fn element(array: &str) -> Option<&str> {
    let element = array.strip_suffix("[]")?;
    let is_nested = element.ends_with(']');
    // Of one that is cut where it is cast, and of an array of them, the plain type's name.
    let plain = element.split('(').next().unwrap_or(element).trim_end();
    let is_known = matches!(
        plain,
        "text" | "character varying" | "uuid" | "smallint" | "integer" | "bigint" | "date"
    );
    (is_known && !is_nested).then_some(plain)
}

/// Whether a value is one of that type, or takes it where it has none.
fn is_of(value: &NodeEnum, element: &str) -> bool {
    let is_text = matches!(element, "text" | "character varying");
    match value {
        NodeEnum::ParamRef(_) => true,
        NodeEnum::AConst(constant) => match integer(value) {
            Some(number) => match element {
                "smallint" => i16::try_from(number).is_ok(),
                "integer" => i32::try_from(number).is_ok(),
                "bigint" => true,
                _ => false,
            },
            None => matches!(constant.val, Some(pg_query::protobuf::a_const::Val::Sval(_))),
        },
        NodeEnum::TypeCast(_) => match type_cast_to(value) {
            Some((inside, to)) => {
                let is_plain = matches!(inside, NodeEnum::ParamRef(_) | NodeEnum::AConst(_));
                let is_same = match to {
                    "text" | "varchar" => is_text,
                    "int2" => element == "smallint",
                    "int4" => element == "integer",
                    "int8" => element == "bigint",
                    other => other == element,
                };
                is_plain && is_same
            }
            None => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    #[test]
    fn a_value_that_is_looked_for_in_an_array_is_contained_in_it() {
        for (condition, same) in [
            ("$1 = ANY (tags)", "tags @> ARRAY[$1]::text[]"),
            ("'a' = ANY (d.tags)", "d.tags @> ARRAY['a']::text[]"),
            ("$1::text = ANY (tags)", "tags @> ARRAY[$1::text]::text[]"),
            ("$1 = SOME (labels)", "labels @> ARRAY[$1]::varchar[]"),
            ("$1 IN (SELECT unnest(tags))", "tags @> ARRAY[$1]::text[]"),
            ("7 = ANY (numbers)", "numbers @> ARRAY[7]::int[]"),
        ] {
            let sql = format!("SELECT id FROM documents d WHERE id > 3 AND {condition}");
            let expected = format!("SELECT id FROM documents d WHERE id > 3 AND {same}");
            assert_eq!(by(Rule::ArrayElement, &sql), Some(expected), "{condition}");
        }
    }

    #[test]
    fn other_comparisons_and_values_of_other_types_stay() {
        for condition in [
            "$1 <> ANY (tags)",
            "$1 = ALL (tags)",
            "$1 LIKE ANY (tags)",
            "id = ANY ($1)",
            "note = ANY (tags)",
            "3000000000 = ANY (numbers)",
            "1.5 = ANY (numbers)",
            "$1::bigint = ANY (numbers)",
            "$1 = ANY (cells)",
            "NOT $1 = ANY (tags)",
            "$1 = ANY (tags) OR id = 3",
            "$1 = ANY (tags || ARRAY['a'])",
            "$1 IN (SELECT unnest(tags) LIMIT 3)",
        ] {
            let sql = format!("SELECT id FROM documents d WHERE {condition}");
            assert_eq!(by(Rule::ArrayElement, &sql), None, "{condition}");
        }
    }
}
