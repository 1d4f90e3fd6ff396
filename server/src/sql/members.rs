//! Members of documents that a normalised statement looks up by a parameter: `doc ->> $1 = $2`, or asks for: `doc ? $1`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::rewrite::comments;
use super::{SqlError, Statement, tree};

/// One lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberUse {
    /// The column of documents, without its table.
    pub column: String,
    /// The parameters that are the steps into it, in order.
    pub steps: Vec<i32>,
    /// The parameters that its value is compared with.
    pub values: Vec<i32>,
    /// Whether it is only asked whether the member is there, whatever its value.
    pub is_existence: bool,
}

/// Every lookup whose steps are all parameters, with what its value is compared with.
///
/// # Errors
/// The tree cannot be walked.
pub fn member_uses(statement: &Statement) -> Result<Vec<MemberUse>, SqlError> {
    let mut found: Vec<MemberUse> = Vec::new();
    let mut asked: Vec<MemberUse> = Vec::new();
    let mut note = |column: String, steps: Vec<i32>, values: Vec<i32>| match found
        .iter_mut()
        .find(|known| known.steps == steps)
    {
        Some(known) if known.values.is_empty() => known.values = values,
        Some(_) => {}
        None => found.push(MemberUse { column, steps, values, is_existence: false }),
    };
    tree::walk(statement.json()?, &mut |kind, object| {
        if kind != "AExpr" {
            return;
        }
        if let Some((column, steps)) = chain(object) {
            note(column, steps, Vec::new());
            return;
        }
        if let Some((column, step)) = step_from_column(object, &["?"]) {
            let steps = vec![step];
            asked.push(MemberUse { column, steps, values: Vec::new(), is_existence: true });
            return;
        }
        let side = |name: &str| object.get(name).and_then(|side| side.get("node"));
        for (one, other) in [("lexpr", "rexpr"), ("rexpr", "lexpr")] {
            let member = side(one).and_then(member_in);
            if let (Some((column, steps)), Some(other)) = (member, side(other)) {
                let mut values = Vec::new();
                parameters(other, &mut values);
                note(column, steps, values);
            }
        }
    });
    // A step of a chain is a lookup by itself, and the chain says more.
    let whole = found.clone();
    found.retain(|one| {
        !whole.iter().any(|more| {
            more.steps.len() > one.steps.len()
                && more.steps.iter().take(one.steps.len()).eq(one.steps.iter())
        })
    });
    found.extend(asked);
    Ok(found)
}

/// Words of a statement's comments, such as those that frameworks put there: `/* filter='email' */`. Escapes as in URLs
/// stay as they are.
#[must_use]
pub fn words_of_comments(sql: &str) -> BTreeSet<String> {
    let comments = comments(sql).unwrap_or_default();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let words = comments.iter().flat_map(|comment| comment.split(|c: char| !is_part(c)));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// `column ? $1`, for one of some operators.
fn step_from_column(expr: &Map<String, Value>, operators: &[&str]) -> Option<(String, i32)> {
    let (column, steps) = chain_of(expr, operators)?;
    let [step] = steps.as_slice() else { return None };
    Some((column, *step))
}

/// A lookup that stands alone, or inside casts and functions of one argument.
fn member_in(node: &Value) -> Option<(String, Vec<i32>)> {
    if let Some(expr) = node.get("AExpr").and_then(Value::as_object) {
        return chain(expr);
    }
    if let Some(cast) = node.get("TypeCast") {
        return member_in(cast.get("arg")?.get("node")?);
    }
    let call = node.get("FuncCall")?.get("args")?.as_array()?;
    let [argument] = call.as_slice() else { return None };
    member_in(argument.get("node")?)
}

/// `column -> $1 ->> $2`.
fn chain(expr: &Map<String, Value>) -> Option<(String, Vec<i32>)> {
    chain_of(expr, &["->", "->>"])
}

fn chain_of(expr: &Map<String, Value>, operators: &[&str]) -> Option<(String, Vec<i32>)> {
    let name = expr.get("name")?.as_array()?.last()?;
    let operator = name.get("node")?.get("String")?.get("sval")?.as_str()?;
    if !operators.contains(&operator) {
        return None;
    }
    let step = expr.get("rexpr")?.get("node")?.get("ParamRef")?.get("number")?.as_i64()?;
    let step = i32::try_from(step).ok()?;
    let of = expr.get("lexpr")?.get("node")?;
    if let Some(column) = of.get("ColumnRef") {
        let last = column.get("fields")?.as_array()?.last()?;
        let name = last.get("node")?.get("String")?.get("sval")?.as_str()?;
        return Some((name.to_owned(), vec![step]));
    }
    let (column, mut steps) = chain_of(of.get("AExpr")?.as_object()?, operators)?;
    steps.push(step);
    Some((column, steps))
}

fn parameters(node: &Value, found: &mut Vec<i32>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| parameters(item, found)),
        Value::Object(object) => {
            if let Some(number) = object.get("ParamRef").and_then(|p| p.get("number")?.as_i64()) {
                found.extend(i32::try_from(number));
                return;
            }
            object.values().for_each(|value| parameters(value, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse_one;

    fn uses(text: &str) -> Vec<(String, Vec<i32>, Vec<i32>)> {
        let statement = parse_one(text).unwrap();
        let uses = member_uses(&statement).unwrap();
        uses.into_iter().map(|one| (one.column, one.steps, one.values)).collect()
    }

    #[test]
    fn words_stand_in_comments_alone() {
        let words = words_of_comments(
            "SELECT 1 /* filter='email',route='/users/:id' */ FROM t -- plan\nWHERE a = '/* no */'",
        );
        assert_eq!(Vec::from_iter(words), ["email", "filter", "id", "plan", "route", "users"]);
    }

    #[test]
    fn a_lookup_is_found_with_what_it_is_compared_with() {
        let doc =
            |steps: &[i32], values: &[i32]| ("doc".to_owned(), steps.to_vec(), values.to_vec());
        assert_eq!(uses("SELECT 1 FROM t WHERE t.doc ->> $1 = $2"), [doc(&[1], &[2])]);
        assert_eq!(
            uses("SELECT 1 FROM t WHERE (doc ->> $1)::int IN ($2, $3)"),
            [doc(&[1], &[2, 3])]
        );
        assert_eq!(
            uses("SELECT 1 FROM t WHERE lower(doc -> $1 ->> $2) = $3"),
            [doc(&[1, 2], &[3])]
        );
        assert_eq!(uses("SELECT doc ->> $1 FROM t"), [doc(&[1], &[])]);
        assert_eq!(uses("SELECT 1 FROM t WHERE doc ->> 'a' = $1"), []);
        let asked = parse_one("SELECT 1 FROM t WHERE doc ? $1 AND doc ->> $2 = $3").unwrap();
        let asked = member_uses(&asked).unwrap();
        assert_eq!(asked.len(), 2);
        assert!(asked[1].is_existence && asked[1].steps == [1] && !asked[0].is_existence);
    }
}
