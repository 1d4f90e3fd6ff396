//! What EXPLAIN prints, as syntax trees.

use std::borrow::Cow;

use pg_query::NodeEnum;
use pg_query::protobuf::{TypeCast, TypeName, a_const::Val};

use crate::sql::parse_one;

/// The tree of a condition or a key that EXPLAIN printed; absent where it prints what is no SQL, such as a subplan.
pub(super) fn expression(text: &str) -> Option<NodeEnum> {
    let parsed = parse_one(&format!("SELECT {}", with_parameters(text))).ok()?;
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

/// A condition with the value of a subquery that runs once as a parameter, as EXPLAIN writes it before PostgreSQL 17:
/// `$0`, and since `(InitPlan 1).col1`.
fn with_parameters(text: &str) -> Cow<'_, str> {
    const BEGIN: &str = "(InitPlan ";
    if !text.contains(BEGIN) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len());
    let (mut rest, mut quote) = (text, None);
    while let Some(sign) = rest.chars().next() {
        match quote {
            Some(open) if sign == open => quote = None,
            None if matches!(sign, '\'' | '"') => quote = Some(sign),
            None => {
                if let Some((number, after)) = rest.strip_prefix(BEGIN).and_then(numbered) {
                    written.push_str(&format!("${number}"));
                    rest = after;
                    continue;
                }
            }
            Some(_) => {}
        }
        written.push(sign);
        rest = &rest[sign.len_utf8()..];
    }
    Cow::Owned(written)
}

/// The number of a parameter for `1).col1 …`, which differs where the subquery or its column does, and what follows.
fn numbered(text: &str) -> Option<(u32, &str)> {
    let (plan, rest) = text.split_once(").col")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (column, rest) = rest.split_at(end);
    let number = plan.parse::<u32>().ok()?.checked_mul(1000)?;
    Some((number.checked_add(column.parse().ok()?)?, rest))
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
    fn the_value_of_a_subquery_is_a_parameter_and_a_text_that_looks_like_one_is_a_text() {
        for (text, written) in [
            ("(a @> (InitPlan 1).col1)", "(a @> $1001)"),
            ("(a @> (InitPlan 12).col2 || (InitPlan 1).col1)", "(a @> $12002 || $1001)"),
            ("(a = '(InitPlan 1).col1'::text)", "(a = '(InitPlan 1).col1'::text)"),
            ("(\"(InitPlan 1).col1\" = 5)", "(\"(InitPlan 1).col1\" = 5)"),
            ("(a = (SubPlan 1).col1)", "(a = (SubPlan 1).col1)"),
            ("(a = (InitPlan x).col1)", "(a = (InitPlan x).col1)"),
        ] {
            assert_eq!(with_parameters(text), written);
        }
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
