//! A file of statements. A comment of its own before a statement weighs it (`-- weight: 40`), and
//! `SET search_path` holds for what follows.

use std::borrow::Cow;
use std::num::IntErrorKind;

use pg_query::NodeEnum;
use pg_query::protobuf::Token;

use super::prepared;
use super::raw::RawStatement;
use crate::sql::SqlError;

/// The largest weight: sums of them stay far from the ends of the numbers.
const HEAVIEST: i64 = 1_000_000_000;

/// Semicolons that are tried from the end, where a quote is never closed.
const MOST_TRIES: usize = 500;

/// Reads the statements of a text, in order; for EXECUTE what was prepared under its name.
///
/// # Errors
/// It cannot be split into statements.
pub fn read_sql(text: &str) -> Result<Vec<RawStatement>, SqlError> {
    read_sql_noting(text).map(|(statements, _)| statements)
}

/// The same, with a sentence for each weight that is none.
///
/// # Errors
/// As of [`read_sql`].
pub fn read_sql_noting(text: &str) -> Result<(Vec<RawStatement>, Vec<String>), SqlError> {
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    let (mut search_path, mut role) = (None, None);
    let text = without_commands_of_psql(text);
    for part in split(&text)? {
        let (weight, sql) = weighed(part, &mut notes);
        if sql.is_empty() {
            continue;
        }
        if let Some(path) = set_search_path(sql) {
            search_path = Some(path).filter(|path| !path.is_empty());
            continue;
        }
        if let Some(set) = set_role(sql) {
            role = set;
            continue;
        }
        found.push(RawStatement {
            sql: sql.to_owned(),
            calls: weight,
            search_path: search_path.clone(),
            role: role.clone(),
            ..RawStatement::default()
        });
    }
    Ok((prepared::resolve(found), notes))
}

/// Lines that are for psql (`\timing`, `\set`) stand between statements, and end with the line.
fn without_commands_of_psql(text: &str) -> Cow<'_, str> {
    if !text.lines().any(|line| line.trim_start().starts_with('\\')) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    // Within a statement a line may begin so: in a literal of several lines.
    let mut open = String::new();
    let mut in_rows = false;
    for line in text.split_inclusive('\n') {
        if in_rows {
            in_rows = line.trim_end() != "\\.";
            continue;
        }
        let is_between = open.trim().is_empty();
        if is_between && line.trim_start().starts_with('\\') {
            continue;
        }
        open.push_str(line);
        kept.push_str(line);
        // A statement ends on a line with a semicolon. A longer one is not looked through again for each of them.
        let may_end = line.contains(';') || is_between;
        if may_end && (open.len() > LONGEST_OPEN || is_ended(&open)) {
            in_rows = is_followed_by_rows(&open);
            open.clear();
        }
    }
    Cow::Owned(kept)
}

/// Bytes of a statement of several lines whose end is looked for.
const LONGEST_OPEN: usize = 64 << 10;

/// Whether the lines after a statement are rows rather than SQL, as in a dump: up to `\.`.
fn is_followed_by_rows(statement: &str) -> bool {
    let text = statement.trim().to_ascii_lowercase();
    text.contains("copy ") && text.trim_end_matches(';').trim_end().ends_with("from stdin")
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
fn weighed<'a>(part: &'a str, notes: &mut Vec<String>) -> (i64, &'a str) {
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
        let Some(given) = words.trim().strip_prefix("weight:") else { continue };
        match given.trim().parse::<i64>() {
            Ok(given @ 1..) => weight = given.min(HEAVIEST),
            // One that is too large for a number is a large one.
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => weight = HEAVIEST,
            Ok(_) | Err(_) => notes.push(format!(
                "The weight \"{}\" is no number of calls: the statement after it counts as one call.",
                given.trim().chars().take(40).collect::<String>()
            )),
        }
    }
    (weight, "")
}

/// The role that `SET ROLE` and `SET SESSION AUTHORIZATION` name; `Some(None)` where the session's own is taken again.
fn set_role(sql: &str) -> Option<Option<String>> {
    let values = set_values(sql, &["role", "session_authorization"])?;
    Some(values.into_iter().next().filter(|name| name != "none"))
}

/// The schemas that `SET search_path = …` names; none where the session's own path is taken again.
fn set_search_path(sql: &str) -> Option<Vec<String>> {
    let values = set_values(sql, &["search_path"])?;
    Some(values.into_iter().filter(|name| name != "$user").collect())
}

/// The texts that SET gives one of these settings; none for RESET. Absent for any other statement.
fn set_values(sql: &str, names: &[&str]) -> Option<Vec<String>> {
    let first = sql.get(..3)?;
    // Most statements are neither, and need not be parsed.
    if !first.eq_ignore_ascii_case("set") && !first.eq_ignore_ascii_case("res") {
        return None;
    }
    let parsed = pg_query::parse(sql, 0).ok()?;
    let statement = parsed.protobuf.stmts.first()?.stmt.as_ref()?.node.as_ref()?;
    let NodeEnum::VariableSetStmt(set) = statement else { return None };
    let values = set.args.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::AConst(value) => match value.val.as_ref()? {
            pg_query::protobuf::a_const::Val::Sval(text) => Some(text.sval.clone()),
            _ => None,
        },
        _ => None,
    });
    names.contains(&set.name.as_str()).then(|| values.collect())
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
    fn roles_hold_for_what_follows_them() {
        let text = "SELECT 1 FROM a; SET ROLE web_user; SELECT 2 FROM a; RESET ROLE; SELECT 3 FROM a;
                    SET SESSION AUTHORIZATION \"App\"; SELECT 4 FROM a; SET ROLE NONE; SELECT 5 FROM a";
        let roles: Vec<Option<String>> =
            read_sql(text).unwrap().into_iter().map(|raw| raw.role).collect();
        let role = |name: &str| Some(name.to_owned());
        let paths =
            read_sql("SET search_path = a; SELECT 1 FROM t; RESET search_path; SELECT 2 FROM t")
                .unwrap();
        assert_eq!(
            paths.iter().map(|raw| raw.search_path.is_some()).collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(roles, [None, role("web_user"), None, role("App"), None]);
    }

    #[test]
    fn rows_of_a_dump_are_no_statements() {
        let rows = "1\tit's; a \\N row\n".repeat(20_000);
        let text =
            format!("SELECT 1 FROM a;\nCOPY t (a, b) FROM stdin;\n{rows}\\.\nSELECT 2 FROM b;\n");
        let found = read_sql(&text).unwrap();
        let seen: Vec<&str> = found.iter().map(|raw| raw.sql.as_str()).collect();
        assert_eq!(seen, ["SELECT 1 FROM a", "COPY t (a, b) FROM stdin", "SELECT 2 FROM b"]);
    }

    #[test]
    fn a_weight_that_is_no_number_of_calls_is_noted() {
        let text = "-- weight: 0\nSELECT 1 FROM a;\n-- weight: many\nSELECT 2 FROM a;\n-- weight: 2\nSELECT 3 FROM a";
        let (found, notes) = read_sql_noting(text).unwrap();
        let weights: Vec<i64> = found.iter().map(|raw| raw.calls).collect();
        assert_eq!(weights, [1, 1, 2]);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[1].contains("\"many\""), "{notes:?}");
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
