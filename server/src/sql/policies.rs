//! A statement as a role with policies runs it: each table that has some is read through their conditions.

use std::collections::BTreeMap;

use optischema::model::{TableName, quote_identifier};
use pg_query::protobuf::Token;
use serde_json::Value;

use super::rewrite::{Edit, apply, lexemes};
use super::{SqlError, Statement, parse_one, tree};

/// The table behind a schema (empty where none is named) and a name, with the condition of its policies; absent where it
/// has none.
pub type ConditionOf<'c> = &'c dyn Fn(&str, &str) -> Option<(TableName, String)>;

/// Puts conditions before the tables that have some. Settings of the application in them (`current_setting('app.tenant')`)
/// become parameters: the session that plans has none of them. Absent where no table has a condition.
///
/// # Errors
/// A table stands where no query can take its place.
pub fn with_policies(
    statement: &Statement,
    condition_of: ConditionOf<'_>,
) -> Result<Option<Statement>, SqlError> {
    let json = statement.json()?;
    let tokens = lexemes(&statement.sql)?;
    let mut next = tree::parameter_numbers(json).last().copied().unwrap_or_default() + 1;
    let mut settings = BTreeMap::new();
    let mut edits = Vec::new();
    for relation in tree::relations(json) {
        let Some((table, condition)) = condition_of(&relation.schema, &relation.name) else {
            continue;
        };
        let found = relation.location.and_then(|at| ranges(json).remove(&at));
        let first = relation.location.and_then(|at| tokens.iter().position(|t| t.start == at));
        let (Some(range), Some(first)) = (found, first) else {
            return Err(SqlError::Refused(format!(
                "{table} has policies, and stands where its rows cannot be filtered"
            )));
        };
        if !range.reads_children {
            return Err(SqlError::Refused(format!("{table} has policies, and is read with ONLY")));
        }
        let is_qualified = tokens.get(first + 1).is_some_and(|t| t.token == Token::Ascii46 as i32);
        let last = if is_qualified { first + 2 } else { first };
        let end = tokens.get(last).map_or(tokens[first].end, |token| token.end);
        let condition = without_settings(&condition, &mut settings, &mut next)?;
        // The place of a row is asked for by writes.
        let mut text = format!("(SELECT *, ctid FROM {} WHERE {condition})", table.quoted());
        if !range.has_alias {
            text += &format!(" AS {}", quote_identifier(&relation.name));
        }
        edits.push(Edit { start: tokens[first].start, end, text });
    }
    if edits.is_empty() {
        return Ok(None);
    }
    parse_one(&apply(&statement.sql, edits)?).map(Some)
}

struct Range {
    has_alias: bool,
    reads_children: bool,
}

/// Relations in FROM, by their place.
fn ranges(json: &Value) -> BTreeMap<usize, Range> {
    let mut found = BTreeMap::new();
    tree::walk(json, &mut |kind, object| {
        if kind != "RangeVar" {
            return;
        }
        let location = object.get("location").and_then(Value::as_u64);
        if let Some(location) = location.and_then(|at| usize::try_from(at).ok()) {
            let has_alias = object.get("alias").is_some_and(Value::is_object);
            let reads_children = object.get("inh").and_then(Value::as_bool).unwrap_or(true);
            found.insert(location, Range { has_alias, reads_children });
        }
    });
    found
}

/// A condition with a parameter in the place of each `current_setting(…)`; the same setting is the same parameter.
fn without_settings(
    condition: &str,
    settings: &mut BTreeMap<String, i32>,
    next: &mut i32,
) -> Result<String, SqlError> {
    let tokens = lexemes(condition)?;
    let text = |at: usize| tokens.get(at).and_then(|t| condition.get(t.start..t.end));
    let mut edits = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_call = text(at) == Some("current_setting") && text(at + 1) == Some("(");
        if !is_call {
            at += 1;
            continue;
        }
        let (mut depth, mut end) = (0, at + 1);
        while let Some(part) = text(end) {
            depth += match part {
                "(" => 1,
                ")" => -1,
                _ => 0,
            };
            if depth == 0 {
                break;
            }
            end += 1;
        }
        let name = text(at + 2).unwrap_or_default().to_owned();
        let number = *settings.entry(name).or_insert_with(|| {
            *next += 1;
            *next - 1
        });
        let stop = tokens.get(end).map_or(condition.len(), |token| token.end);
        edits.push(Edit { start: tokens[at].start, end: stop, text: format!("${number}") });
        at = end + 1;
    }
    apply(condition, edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str, condition: &str) -> String {
        let statement = parse_one(sql).unwrap();
        let condition_of = |_: &str, name: &str| {
            (name == "memo").then(|| (TableName::new("public", "memo"), condition.to_owned()))
        };
        with_policies(&statement, &condition_of).unwrap().map_or_else(String::new, |s| s.sql)
    }

    #[test]
    fn tables_are_read_through_their_conditions() {
        let own = "(author_id = (current_setting('app.author'::text))::integer)";
        for (sql, expected) in [
            (
                "SELECT id FROM memo WHERE folder = $1",
                "SELECT id FROM (SELECT *, ctid FROM public.memo WHERE author_id = $2::int) memo WHERE folder = $1",
            ),
            (
                "SELECT m.id FROM public.memo m JOIN other o USING (id)",
                "SELECT m.id FROM (SELECT *, ctid FROM public.memo WHERE author_id = $1::int) m JOIN other o USING (id)",
            ),
            (
                "SELECT 1 FROM memo a, memo b",
                "SELECT 1 FROM (SELECT *, ctid FROM public.memo WHERE author_id = $1::int) a, (SELECT *, ctid FROM public.memo WHERE author_id = $1::int) b",
            ),
            ("SELECT 1 FROM other", ""),
        ] {
            assert_eq!(of(sql, own), expected);
        }
        let two = "((a = current_setting('x.a', true)) AND (b = current_setting('x.b'::text)))";
        assert!(of("SELECT 1 FROM memo", two).contains("a = $1 AND b = $2"));
    }
}
