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
    fn queries_of_other_tables_stay_and_two_conditions_are_none() {
        let other = "SELECT * FROM (SELECT * FROM job.other WHERE a) AS o";
        assert_eq!(without_policies(other, &tables()).unwrap().sql, other);
        let twice = "SELECT 1 FROM (SELECT * FROM job.memo WHERE a = 1) AS x, (SELECT * FROM job.memo WHERE a = 2) AS y";
        assert!(without_policies(twice, &tables()).is_err());
        let same = twice.replace("a = 2", "a = 1");
        assert_eq!(without_policies(&same, &tables()).unwrap().conditions.len(), 1);
    }
}
