//! Long lists, before anything parses them: planning a list of 50,000 values takes main's memory and a tree of it
//! takes ours, and an evenly spaced sample of it is planned nearly alike.

use pg_query::protobuf::Token;

use super::SqlError;
use super::rewrite::{Edit, Lexeme, apply, lexemes};

/// Values of one list that are kept.
const LONGEST_LIST: usize = 1000;

/// A text whose long lists are shorter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortened {
    pub sql: String,
    /// Values that the lists had, and that they have now.
    pub values: (usize, usize),
    /// For each parameter of the new text, the number that it had.
    pub parameters: Vec<i32>,
}

/// Samples every list of more than a thousand values, rows or alternatives. Absent where there is none.
///
/// # Errors
/// The text cannot be scanned.
pub fn shortened(sql: &str) -> Result<Option<Shortened>, SqlError> {
    // No list of so many values fits into less.
    if sql.len() < 2 * LONGEST_LIST {
        return Ok(None);
    }
    let lexemes = lexemes(sql)?;
    let mut values = (0, 0);
    let mut edits = Vec::new();
    for list in lists(sql, &lexemes) {
        let step = list.len().div_ceil(LONGEST_LIST);
        // The first and the last always stay.
        values = (values.0 + list.len() + 2, values.1 + 2);
        for (at, member) in list.iter().enumerate() {
            if at % step == 0 {
                values.1 += 1;
            } else {
                edits.push(Edit { start: member.0, end: member.1, text: String::new() });
            }
        }
    }
    if edits.is_empty() {
        return Ok(None);
    }
    let text = apply(sql, edits)?;
    let (sql, parameters) = renumbered(&text)?;
    Ok(Some(Shortened { sql, values, parameters }))
}

/// Parameters numbered anew from 1, without gaps: PostgreSQL wants a type for each number up to the last.
fn renumbered(sql: &str) -> Result<(String, Vec<i32>), SqlError> {
    let mut edits = Vec::new();
    let mut known: Vec<i32> = Vec::new();
    let mut places = Vec::new();
    for lexeme in lexemes(sql)? {
        if lexeme.token == Token::Param as i32
            && let Some(number) = sql.get(lexeme.start + 1..lexeme.end).and_then(|n| n.parse().ok())
        {
            known.push(number);
            places.push((lexeme.start, lexeme.end, number));
        }
    }
    known.sort_unstable();
    known.dedup();
    for (start, end, number) in places {
        let place = known.binary_search(&number).unwrap_or_default() + 1;
        edits.push(Edit { start, end, text: format!("${place}") });
    }
    Ok((apply(sql, edits)?, known))
}

/// One open bracket, and what stands in it so far.
#[derive(Default)]
struct Group {
    /// Ends of the separators that were seen, commas and ORs apart.
    commas: Vec<usize>,
    ors: Vec<usize>,
    /// Whether commas here are between values: in brackets without a clause, and behind VALUES. Columns of a SELECT
    /// are none.
    holds_values: bool,
}

impl Group {
    fn bracket() -> Self {
        Self { holds_values: true, ..Self::default() }
    }
}

/// Members of long lists that may be left out, each with its separator. Neither the first nor the last of a list is
/// among them, so that what is left is still a list.
fn lists(sql: &str, lexemes: &[Lexeme]) -> Vec<Vec<(usize, usize)>> {
    let mut found = Vec::new();
    let mut open = vec![Group::default()];
    let mut close = |group: Group| {
        for ends in [group.commas, group.ors] {
            if ends.len() > LONGEST_LIST {
                found.push(
                    ends.windows(2).filter_map(|w| Some((*w.first()?, *w.last()?))).collect(),
                );
            }
        }
    };
    for lexeme in lexemes {
        let text = sql.get(lexeme.start..lexeme.end).unwrap_or_default();
        match text {
            "(" | "[" => open.push(Group::bracket()),
            ")" | "]" => {
                if let Some(group) = open.pop() {
                    close(group);
                }
                if open.is_empty() {
                    open.push(Group::default());
                }
            }
            "," => {
                if let Some(group) = open.last_mut().filter(|group| group.holds_values) {
                    group.commas.push(lexeme.end);
                }
            }
            _ if lexeme.token == Token::Or as i32 => {
                open.iter_mut().last().into_iter().for_each(|group| group.ors.push(lexeme.end));
            }
            _ if CLAUSES.contains(&lexeme.token) => {
                if let Some(group) = open.last_mut() {
                    // Members before and behind the clause are not of one list.
                    close(std::mem::take(group));
                    group.holds_values = lexeme.token == Token::Values as i32;
                }
            }
            _ => {}
        }
    }
    open.into_iter().for_each(close);
    found
}

/// Words at which a list of the same bracket ends.
const CLAUSES: &[i32] = &[
    Token::Select as i32,
    Token::From as i32,
    Token::Where as i32,
    Token::GroupP as i32,
    Token::Having as i32,
    Token::Order as i32,
    Token::Limit as i32,
    Token::Union as i32,
    Token::Intersect as i32,
    Token::Except as i32,
    Token::On as i32,
    Token::Join as i32,
    Token::Values as i32,
    Token::When as i32,
    Token::Then as i32,
    Token::Else as i32,
    Token::EndP as i32,
    Token::And as i32,
    Token::Not as i32,
    Token::Window as i32,
    Token::Returning as i32,
    Token::Set as i32,
    Token::With as i32,
    Token::As as i32,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse_one;

    fn numbers(count: usize) -> String {
        (1..=count).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_long_list_becomes_a_sample_of_itself() {
        for (before, after) in [
            ("SELECT * FROM t WHERE a IN (", ") AND b = 1"),
            ("SELECT * FROM t WHERE a = ANY (ARRAY[", "]) ORDER BY b"),
        ] {
            let short = shortened(&format!("{before}{}{after}", numbers(5000))).unwrap().unwrap();
            assert!(short.sql.starts_with(before) && short.sql.ends_with(after), "{}", short.sql);
            assert!((900..=1100).contains(&short.values.1) && short.values.0 > 4900);
            parse_one(&short.sql).unwrap();
        }
        let rows = vec!["(1, 'a')"; 3000].join(", ");
        let short = shortened(&format!("SELECT * FROM (VALUES {rows}) v(a, b)")).unwrap().unwrap();
        assert!(parse_one(&short.sql).is_ok() && short.sql.len() < rows.len() / 2);
        let arms = vec!["(a = 1 AND b = 2)"; 3000].join(" OR ");
        let short = shortened(&format!("SELECT * FROM t WHERE {arms} LIMIT 3")).unwrap().unwrap();
        assert!(parse_one(&short.sql).is_ok() && short.sql.len() < arms.len() / 2);
    }

    #[test]
    fn short_lists_and_other_commas_stay() {
        assert_eq!(
            shortened(&format!("SELECT * FROM t WHERE a IN ({})", numbers(900))).unwrap(),
            None
        );
        let columns = format!("SELECT {} FROM t", vec!["a"; 1500].join(", "));
        assert_eq!(shortened(&columns).unwrap(), None);
        assert_eq!(shortened(&format!("SELECT * FROM ({columns}) s")).unwrap(), None);
        let many = vec!["SELECT a, b FROM t WHERE c IN (1, 2, 3)"; 400].join(" UNION ALL ");
        assert_eq!(shortened(&many).unwrap(), None);
    }

    #[test]
    fn parameters_are_numbered_without_gaps() {
        let list = (2..=2500).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT * FROM t WHERE b = $1 AND a IN ({list}) AND c = $2501");
        let short = shortened(&sql).unwrap().unwrap();
        let last = short.parameters.len();
        assert!(short.sql.contains("b = $1") && short.sql.ends_with(&format!("c = ${last}")));
        assert_eq!((short.parameters[0], short.parameters[last - 1]), (1, 2501));
    }
}
