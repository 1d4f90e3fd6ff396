//! A file of statements. A comment of its own before a statement weighs it (`-- weight: 40`), and
//! `SET search_path` holds for what follows.

use std::borrow::Cow;

use pg_query::NodeEnum;
use pg_query::protobuf::Token;

use super::raw::RawStatement;
use crate::sql::SqlError;

/// The largest weight: sums of them stay far from the ends of the numbers.
const HEAVIEST: i64 = 1_000_000_000;

/// Semicolons that are tried from the end, where a quote is never closed.
const MOST_TRIES: usize = 500;

/// Reads the statements of a text, in order.
///
/// # Errors
/// It cannot be split into statements.
pub fn read_sql(text: &str) -> Result<Vec<RawStatement>, SqlError> {
    let mut found = Vec::new();
    let mut search_path = None;
    let text = without_commands_of_psql(text);
    for part in split(&text)? {
        let (weight, sql) = weighed(part);
        if sql.is_empty() {
            continue;
        }
        if let Some(path) = set_search_path(sql) {
            search_path = Some(path);
            continue;
        }
        found.push(RawStatement {
            sql: sql.to_owned(),
            calls: weight,
            search_path: search_path.clone(),
            ..RawStatement::default()
        });
    }
    Ok(found)
}

/// Lines that are for psql (`\timing`, `\set`) stand between statements, and end with the line.
fn without_commands_of_psql(text: &str) -> Cow<'_, str> {
    if !text.lines().any(|line| line.trim_start().starts_with('\\')) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    // Within a statement a line may begin so: in a literal of several lines.
    let mut open = String::new();
    for line in text.split_inclusive('\n') {
        let is_between = open.trim().is_empty();
        if is_between && line.trim_start().starts_with('\\') {
            continue;
        }
        open.push_str(line);
        kept.push_str(line);
        if is_ended(&open) {
            open.clear();
        }
    }
    Cow::Owned(kept)
}

/// Whether a text ends with a statement: its last token but comments is a semicolon, or it has none.
fn is_ended(text: &str) -> bool {
    let Ok(scanned) = pg_query::scan(text) else { return false };
    let is_comment =
        |token: i32| token == Token::SqlComment as i32 || token == Token::CComment as i32;
    let last = scanned.tokens.iter().rev().find(|token| !is_comment(token.token));
    last.is_none_or(|token| token.token == Token::Ascii59 as i32)
}

/// The parts between semicolons, comments included. The scanner knows what is quoted, and a statement that
/// cannot be parsed does not hide the others.
fn split(text: &str) -> Result<Vec<&str>, SqlError> {
    let error = match pg_query::scan(text) {
        Ok(scanned) => return Ok(split_at(text, &scanned.tokens)),
        Err(error) => error,
    };
    // A quote that is never closed spoils what follows it, and not what stands before.
    let ends = text.rmatch_indices(';').map(|(at, _)| at + 1).take(MOST_TRIES);
    for end in ends {
        let (whole, rest) = text.split_at(end);
        if let Ok(scanned) = pg_query::scan(whole) {
            let mut parts = split_at(whole, &scanned.tokens);
            parts.push(rest);
            return Ok(parts);
        }
    }
    if text.trim().is_empty() { Err(error.into()) } else { Ok(vec![text]) }
}

fn split_at<'a>(text: &'a str, tokens: &[pg_query::protobuf::ScanToken]) -> Vec<&'a str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for token in tokens {
        if token.token == Token::Ascii59 as i32 {
            let end = usize::try_from(token.start).unwrap_or_default();
            parts.extend(text.get(start..end));
            start = end + 1;
        }
    }
    parts.extend(text.get(start..));
    parts
}

/// The weight that the comments before a statement give it (1 where none does), and the statement without
/// them.
fn weighed(part: &str) -> (i64, &str) {
    let Ok(scanned) = pg_query::scan(part) else { return (1, part.trim()) };
    let mut weight = 1;
    let place = |at: i32| usize::try_from(at).unwrap_or_default();
    for token in &scanned.tokens {
        let is_comment =
            token.token == Token::SqlComment as i32 || token.token == Token::CComment as i32;
        if !is_comment {
            let start = place(token.start);
            return (weight, part.get(start..).unwrap_or(part).trim().trim_end_matches(';'));
        }
        let comment = part.get(place(token.start)..place(token.end)).unwrap_or_default();
        let words =
            comment.trim_start_matches("--").trim_start_matches("/*").trim_end_matches("*/");
        if let Some(given) = words.trim().strip_prefix("weight:")
            && let Ok(given) = given.trim().parse::<i64>()
        {
            weight = given.clamp(1, HEAVIEST);
        }
    }
    (weight, "")
}

/// The schemas that `SET search_path = …` names.
fn set_search_path(sql: &str) -> Option<Vec<String>> {
    if !sql.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("set")) {
        return None;
    }
    let parsed = pg_query::parse(sql, 0).ok()?;
    let statement = parsed.protobuf.stmts.first()?.stmt.as_ref()?.node.as_ref()?;
    let NodeEnum::VariableSetStmt(set) = statement else { return None };
    if set.name != "search_path" {
        return None;
    }
    let names = set.args.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::AConst(value) => match value.val.as_ref()? {
            pg_query::protobuf::a_const::Val::Sval(text) => Some(text.sval.clone()),
            _ => None,
        },
        _ => None,
    });
    Some(names.filter(|name| name != "$user").collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_search_paths_hold_for_what_follows_them() {
        let found = read_sql(
            "-- The front page\n-- weight: 40\nSELECT 1 FROM a; SELECT '-- weight: 9' FROM b;
             SET search_path = \"My Shop\", public;
             /* weight: 3 */ SELECT 2 FROM c -- trailing\n;\n-- the end\n",
        )
        .unwrap();
        let seen: Vec<(i64, &str)> =
            found.iter().map(|raw| (raw.calls, raw.sql.as_str())).collect();
        assert_eq!(
            seen,
            [
                (40, "SELECT 1 FROM a"),
                (1, "SELECT '-- weight: 9' FROM b"),
                (3, "SELECT 2 FROM c -- trailing\n")
            ]
            .map(|(weight, sql)| (weight, sql.trim()))
        );
        assert_eq!(found[0].search_path, None);
        assert_eq!(
            found[2].search_path.as_deref(),
            Some(&["My Shop".to_owned(), "public".to_owned()][..])
        );
    }

    #[test]
    fn lines_for_psql_are_no_statements() {
        let found = read_sql(
            "\\set VERBOSITY terse\nSELECT 1 FROM a;\n-- weight: 3\n\\timing on\nSELECT '\n\\d\n' FROM b; -- c\n\\q\n",
        )
        .unwrap();
        let seen: Vec<(i64, &str)> =
            found.iter().map(|raw| (raw.calls, raw.sql.as_str())).collect();
        assert_eq!(seen, [(1, "SELECT 1 FROM a"), (3, "SELECT '\n\\d\n' FROM b")]);
    }

    #[test]
    fn a_statement_that_cannot_be_parsed_does_not_hide_the_others() {
        let found = read_sql("SELECT 1 FROM a; SELEC 2; SELECT 3 FROM c;").unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[1].sql, "SELEC 2");
        let unclosed = read_sql("SELECT 1 FROM a; SELECT 'x;y' FROM b; SELECT 'open").unwrap();
        assert_eq!(unclosed.len(), 3);
        assert_eq!(unclosed[2].sql, "SELECT 'open");
        let heavy = read_sql("-- weight: 9223372036854775807\nSELECT 1 FROM a").unwrap();
        assert_eq!(heavy[0].calls, HEAVIEST);
    }
}
