//! A SELECT that is one expression and nothing else: what the body of a function may be.

use std::collections::BTreeMap;

use pg_query::NodeEnum;
use pg_query::protobuf::SetOperation;
use serde_json::Value;

use super::{Statement, parse_one, tree};

/// An expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoneExpression {
    /// Times that it names an argument, by number or by name.
    pub arguments: usize,
    /// Times that it names the same one, at most.
    pub repeated: usize,
}

/// The expression of a SELECT that reads nothing, filters nothing and holds no query; absent for any other statement.
#[must_use]
pub fn lone_expression(statement: &Statement) -> Option<LoneExpression> {
    let root = statement.tree.stmts.first()?.stmt.as_ref()?.node.as_ref()?;
    let NodeEnum::SelectStmt(select) = root else { return None };
    let is_bare = select.target_list.len() == 1
        && select.from_clause.is_empty()
        && select.where_clause.is_none()
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.window_clause.is_empty()
        && select.values_lists.is_empty()
        && select.sort_clause.is_empty()
        && select.distinct_clause.is_empty()
        && select.limit_count.is_none()
        && select.limit_offset.is_none()
        && select.with_clause.is_none()
        && select.into_clause.is_none()
        && select.locking_clause.is_empty()
        && select.op <= SetOperation::SetopNone as i32;
    if !is_bare {
        return None;
    }
    let json = statement.json().ok()?;
    let mut selects = 0;
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    tree::walk(json, &mut |kind, object| match kind {
        "ParamRef" => {
            let number = object.get("number").map(Value::to_string);
            *named.entry(number.unwrap_or_default()).or_default() += 1;
        }
        "ColumnRef" => *named.entry(tree::names(object.get("fields")).join(".")).or_default() += 1,
        "SelectStmt" => selects += 1,
        _ => {}
    });
    let (arguments, repeated) = (named.values().sum(), named.values().copied().max());
    let repeated = repeated.unwrap_or_default();
    (selects == 1).then_some(LoneExpression { arguments, repeated })
}

/// Whether every call of functions of a name, in a list of expressions over one table, has one of its columns as an
/// argument, casts around it or not. What cannot be read is no such list.
#[must_use]
pub fn is_called_over_columns(expressions: &str, name: &str) -> bool {
    let Ok(statement) = parse_one(&format!("SELECT {expressions}")) else { return false };
    let Ok(json) = statement.json() else { return false };
    let (mut is_so, mut is_seen) = (true, false);
    tree::walk(json, &mut |kind, object| {
        let called = || tree::names(object.get("funcname")).pop();
        if kind == "FuncCall" && called().as_deref() == Some(name) {
            is_seen = true;
            let arguments = object.get("args").and_then(Value::as_array);
            is_so &= arguments.is_some_and(|arguments| arguments.iter().any(is_column));
        }
    });
    // A cast is no call in the text.
    is_so && is_seen
}

fn is_column(argument: &Value) -> bool {
    let Some(node) = argument.get("node") else { return false };
    node.get("ColumnRef").is_some()
        || node.get("TypeCast").and_then(|cast| cast.get("arg")).is_some_and(is_column)
}

#[cfg(test)]
mod tests {
    use super::super::parse_one;
    use super::*;

    #[test]
    fn a_call_without_a_column_is_told() {
        let of = |text: &str| is_called_over_columns(text, "f");
        assert!(of("f(a), lower(b)") && of("app.f('x', (a)::text)") && of("lower(f(a))"));
        assert!(!of("f('x')") && !of("f(lower(a))") && !of("f(a) || f(1)") && !of("f()"));
        assert!(!of("f(a") && !of("lower(a)"), "what is not seen may be anywhere");
    }

    #[test]
    fn only_an_expression_is_one() {
        let of = |sql: &str| lone_expression(&parse_one(sql).unwrap()).map(|e| e.arguments);
        assert_eq!(of("SELECT unaccent('unaccent', $1)"), Some(1));
        assert_eq!(of("SELECT lower(value) || lower(value)"), Some(2));
        let repeated = |sql: &str| lone_expression(&parse_one(sql).unwrap()).map(|e| e.repeated);
        assert_eq!(repeated("SELECT lower(value) || lower(value)"), Some(2));
        assert_eq!(repeated("SELECT COALESCE($1, $2, $1, $1)"), Some(3));
        assert_eq!(repeated("SELECT now()"), Some(0));
        for sql in [
            "SELECT 1 FROM t",
            "SELECT (SELECT 1)",
            "SELECT 1 WHERE true",
            "SELECT 1, 2",
            "SELECT 1 UNION SELECT 2",
            "SELECT 1 LIMIT 1",
            "WITH a AS (SELECT 1) SELECT 2",
            "VALUES (1)",
            "INSERT INTO t VALUES (1)",
        ] {
            assert_eq!(of(sql), None, "{sql}");
        }
    }
}
