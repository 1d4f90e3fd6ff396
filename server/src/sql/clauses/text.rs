//! What EXPLAIN prints, as syntax trees.

use pg_query::NodeEnum;
use pg_query::protobuf::{TypeCast, TypeName, a_const::Val};

use crate::sql::parse_one;

/// The tree of a condition or a key that EXPLAIN printed; absent where it prints what is no SQL, such as a subplan.
pub(super) fn expression(text: &str) -> Option<NodeEnum> {
    let parsed = parse_one(&format!("SELECT {text}")).ok()?;
    let [statement] = parsed.tree.stmts.as_slice() else { return None };
    let NodeEnum::SelectStmt(select) = statement.stmt.as_ref()?.node.as_ref()? else { return None };
    let [target] = select.target_list.as_slice() else { return None };
    let NodeEnum::ResTarget(target) = target.node.as_ref()? else { return None };
    // `AS name`, FROM and the like are no part of a condition.
    let is_alone = target.name.is_empty()
        && select.from_clause.is_empty()
        && select.where_clause.is_none()
        && select.sort_clause.is_empty();
    target.val.as_ref()?.node.clone().filter(|_| is_alone)
}

/// The conditions of `((a) AND (b))`, each as EXPLAIN prints it; one that holds no AND at its top is itself.
pub(super) fn conjuncts(text: &str) -> Vec<&str> {
    let Some(inside) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return vec![text];
    };
    let (mut parts, mut depth, mut begun, mut quote) = (Vec::new(), 0_usize, 0, None);
    for (at, sign) in inside.char_indices() {
        match (quote, sign) {
            (Some(open), _) if sign == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(sign),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => match depth.checked_sub(1) {
                Some(less) => depth = less,
                // The first parenthesis does not belong to the last one.
                None => return vec![text],
            },
            (None, ' ') if depth == 0 && inside[at..].starts_with(" AND ") => {
                parts.push(&inside[begun..at]);
                begun = at + " AND ".len();
            }
            _ => {}
        }
    }
    if parts.is_empty() {
        return vec![text];
    }
    parts.push(&inside[begun..]);
    parts
}

/// The type of a value that is written out, as `format_type` names it.
pub(super) fn type_of(value: &NodeEnum) -> Option<String> {
    match value {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            Val::Ival(_) => Some("integer".to_owned()),
            Val::Fval(_) => Some("numeric".to_owned()),
            Val::Boolval(_) => Some("boolean".to_owned()),
            Val::Sval(_) | Val::Bsval(_) => None,
        },
        NodeEnum::TypeCast(cast) => cast_to(cast),
        NodeEnum::CollateClause(collate) => type_of(collate.arg.as_ref()?.node.as_ref()?),
        _ => None,
    }
}

/// The type of a cast, as `format_type` names it, without its modifier.
pub(super) fn cast_to(cast: &TypeCast) -> Option<String> {
    named(cast.type_name.as_ref()?)
}

fn named(name: &TypeName) -> Option<String> {
    let parts: Vec<&str> = name
        .names
        .iter()
        .filter_map(|part| match part.node.as_ref()? {
            NodeEnum::String(text) => Some(text.sval.as_str()),
            _ => None,
        })
        .collect();
    let plain = match parts.as_slice() {
        ["pg_catalog", own] => in_full(own).to_owned(),
        // A schema is what a name was looked up in, and format_type leaves it out where it is on the path.
        [.., own] => in_full(own).to_owned(),
        [] => return None,
    };
    Some(if name.array_bounds.is_empty() { plain } else { plain + "[]" })
}

/// Types that SQL has a longer name for.
fn in_full(name: &str) -> &str {
    match name {
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "bool" => "boolean",
        "varchar" => "character varying",
        "bpchar" => "character",
        "varbit" => "bit varying",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        "time" => "time without time zone",
        "timetz" => "time with time zone",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_parted_at_their_own_and() {
        assert_eq!(conjuncts("((a = 1) AND (b = 2))"), ["(a = 1)", "(b = 2)"]);
        assert_eq!(conjuncts("(a = ' AND )'::text)"), ["(a = ' AND )'::text)"]);
        assert_eq!(
            conjuncts("((t.\"x AND (\" = 1) AND (ANY (t.b = (hashed SubPlan 1).col1)))"),
            ["(t.\"x AND (\" = 1)", "(ANY (t.b = (hashed SubPlan 1).col1))"]
        );
        assert_eq!(conjuncts("(a = 1) AND (b = 2)"), ["(a = 1) AND (b = 2)"]);
        assert_eq!(conjuncts("((a = 1) OR (b = 2))"), ["((a = 1) OR (b = 2))"]);
    }

    #[test]
    fn types_have_the_names_that_format_type_gives() {
        let of = |text: &str| expression(text).and_then(|node| type_of(&node));
        for (text, name) in [
            ("5", "integer"),
            ("'5'::bigint", "bigint"),
            ("'a'::character varying", "character varying"),
            ("'{a}'::text[]", "text[]"),
            ("'2026-01-01'::timestamp with time zone", "timestamp with time zone"),
            ("'[1,2]'::public.vector", "vector"),
            ("'a'::text COLLATE \"C\"", "text"),
        ] {
            assert_eq!(of(text).as_deref(), Some(name), "{text}");
        }
        assert_eq!(expression("(hashed SubPlan 1)"), None);
        assert_eq!(expression("a AS b"), None);
    }
}
