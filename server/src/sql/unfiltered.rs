//! A statement that was put under policies, with its tables in their places again: for where the policies themselves
//! stand before the tables.

use std::collections::BTreeMap;

use optischema::model::TableName;

use super::rewrite::{Edit, Lexeme, apply, lexemes};
use super::{SqlError, cut_name};

/// A statement without what [`super::with_policies`] put before some tables, and the condition of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfiltered {
    pub sql: String,
    pub conditions: BTreeMap<TableName, String>,
}

/// Puts tables back where a query under a condition took their place. Of these tables every mention is such a query, so
/// that none of a person's own can be meant.
///
/// # Errors
/// The text cannot be scanned, or one table is read under several conditions.
pub fn without_policies(sql: &str, tables: &[TableName]) -> Result<Unfiltered, SqlError> {
    let tokens = lexemes(sql)?;
    let mut conditions: BTreeMap<TableName, String> = BTreeMap::new();
    let mut edits = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some(found) = filtered_at(sql, &tokens, at, tables) else {
            at += 1;
            continue;
        };
        let known =
            conditions.entry(found.table.clone()).or_insert_with(|| found.condition.clone());
        if *known != found.condition {
            return Err(SqlError::Refused(format!(
                "{} is read under one condition in one place and under another one in another",
                found.table
            )));
        }
        edits.push(Edit {
            start: tokens[at].start,
            end: tokens[found.last].end,
            text: found.table.quoted(),
        });
        at = found.last + 1;
    }
    Ok(Unfiltered { sql: apply(sql, edits)?, conditions })
}

/// Whether a condition depends on which role runs it, by a word of PostgreSQL's own. What functions of the database ask is
/// not seen.
///
/// # Errors
/// The text cannot be scanned.
pub fn asks_who_runs(condition: &str) -> Result<bool, SqlError> {
    use pg_query::protobuf::Token::{CurrentRole, CurrentUser, SessionUser, User};
    let words = [CurrentRole as i32, CurrentUser as i32, SessionUser as i32, User as i32];
    let is_call = |token: &Lexeme| {
        let text = condition.get(token.start..token.end).unwrap_or_default();
        ["pg_has_role", "row_security_active"].contains(&text.to_ascii_lowercase().as_str())
    };
    Ok(lexemes(condition)?.iter().any(|token| words.contains(&token.token) || is_call(token)))
}

struct Found {
    table: TableName,
    condition: String,
    /// The closing parenthesis.
    last: usize,
}

/// `(SELECT * [, system column …] FROM schema.table WHERE condition)` that begins at a place.
fn filtered_at(sql: &str, tokens: &[Lexeme], at: usize, tables: &[TableName]) -> Option<Found> {
    let text =
        |at: usize| tokens.get(at).and_then(|token| sql.get(token.start..token.end)).unwrap_or("");
    let is = |at: usize, word: &str| text(at).eq_ignore_ascii_case(word);
    if !(is(at, "(") && is(at + 1, "select") && is(at + 2, "*")) {
        return None;
    }
    let mut next = at + 3;
    while is(next, ",") {
        next += 2;
    }
    if !(is(next, "from") && is(next + 2, ".") && is(next + 4, "where")) {
        return None;
    }
    let named = TableName::new(name(text(next + 1)), name(text(next + 3)));
    let table = tables.iter().find(|table| **table == named)?.clone();
    let (first, mut depth, mut last) = (next + 5, 1, next + 5);
    loop {
        match text(last) {
            "(" => depth += 1,
            ")" => depth -= 1,
            "" => return None,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        last += 1;
    }
    let condition = sql.get(tokens.get(first)?.start..tokens.get(last)?.start)?.trim().to_owned();
    Some(Found { table, condition, last })
}

/// A name as PostgreSQL reads it.
fn name(text: &str) -> String {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => cut_name(&quoted.replace("\"\"", "\"")).to_owned(),
        None => cut_name(&text.to_lowercase()).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reading, parse_one, with_policies};
    use super::*;

    fn tables() -> Vec<TableName> {
        vec![TableName::new("job", "memo"), TableName::new("job", "Odd \"t\"")]
    }

    #[test]
    fn a_table_stands_in_its_place_again_and_its_condition_is_known() {
        let sql = "SELECT m.a FROM (SELECT *, ctid FROM job.memo WHERE (tenant = '3' AND f((1)))) AS m JOIN \
                   (SELECT * FROM \"job\".\"Odd \"\"t\"\"\" WHERE true) AS t ON t.a = m.a WHERE m.b IN (SELECT b FROM job.other)";
        let found = without_policies(sql, &tables()).unwrap();
        assert_eq!(
            found.sql,
            "SELECT m.a FROM \"job\".\"memo\" AS m JOIN \"job\".\"Odd \"\"t\"\"\" AS t ON t.a = m.a WHERE m.b IN (SELECT b FROM job.other)"
        );
        assert_eq!(found.conditions[&tables()[0]], "(tenant = '3' AND f((1)))");
        assert_eq!(found.conditions[&tables()[1]], "true");
    }

    #[test]
    fn what_policies_put_in_is_taken_out_again() {
        let sql = "SELECT m.ctid, x.a FROM memo m JOIN \"Odd\" x ON x.id = m.id WHERE m.a IN (SELECT a FROM memo)";
        let reading_of = |_: &str, name: &str, _: bool| match name {
            "memo" => Some(Reading::Rows {
                table: TableName::new("job", "memo"),
                condition: "(tenant = (SELECT t.id FROM team t WHERE (t.name = 'a(b')))".into(),
            }),
            "Odd" => Some(Reading::Rows {
                table: TableName::new("job", "Odd"),
                condition: "true".into(),
            }),
            _ => None,
        };
        let statement = parse_one(sql).unwrap();
        let filtered = with_policies(&statement, &reading_of, &BTreeMap::new()).unwrap().unwrap();
        let tables = [TableName::new("job", "memo"), TableName::new("job", "Odd")];
        let found = without_policies(&filtered.sql, &tables).unwrap();
        let expected = "SELECT m.ctid, x.a FROM job.memo m JOIN job.\"Odd\" x ON x.id = m.id WHERE m.a IN (SELECT a FROM job.memo AS memo)";
        assert_eq!(parse_one(&found.sql).unwrap().sql, parse_one(expected).unwrap().sql);
        assert_eq!(found.conditions.len(), 2);
        assert!(found.conditions[&tables[0]].contains("'a(b'"), "{:?}", found.conditions);
    }

    #[test]
    fn a_condition_that_depends_on_its_role_is_known_by_its_words() {
        for (condition, expected) in [
            ("owner = CURRENT_USER", true),
            ("owner = user", true),
            ("pg_has_role(owner, 'MEMBER')", true),
            ("current_user_id = 3", false),
            ("note = 'current_user'", false),
        ] {
            assert_eq!(asks_who_runs(condition).unwrap(), expected, "{condition}");
        }
    }

    #[test]
    fn queries_of_other_tables_stay_and_two_conditions_are_none() {
        let other = "SELECT * FROM (SELECT * FROM job.other WHERE a) AS o";
        assert_eq!(without_policies(other, &tables()).unwrap().sql, other);
        let twice = "SELECT 1 FROM (SELECT * FROM job.memo WHERE a = 1) AS x, (SELECT * FROM job.memo WHERE a = 2) AS y";
        assert!(without_policies(twice, &tables()).is_err());
        let same = twice.replace("a = 2", "a = 1");
        assert_eq!(without_policies(&same, &tables()).unwrap().conditions.len(), 1);
    }
}
