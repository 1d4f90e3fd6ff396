//! Statements without `${`, for tools that take it for a placeholder wherever it stands.

use super::SqlError;
use super::rewrite::{Edit, apply, lexemes};

/// The statement with every literal and name that holds `${` written in another way. In comments it may stay, since nothing
/// depends on them.
///
/// # Errors
/// The text cannot be scanned.
pub fn without_placeholders(sql: &str) -> Result<String, SqlError> {
    if !sql.contains(MARK) {
        return Ok(sql.to_owned());
    }
    let edits = lexemes(sql)?.into_iter().filter_map(|token| {
        let text = sql.get(token.start..token.end)?;
        let text = text.contains(MARK).then(|| escaped(text)).flatten()?;
        Some(Edit { start: token.start, end: token.end, text })
    });
    apply(sql, edits.collect())
}

const MARK: &str = "${";
/// In a literal with backslashes.
const OF_LITERAL: &str = "\\x24{";
/// In a literal or name with Unicode escapes.
const OF_UNICODE: &str = "\\0024{";

/// A token that says the same; absent for a comment, and for what no statement can hold.
fn escaped(token: &str) -> Option<String> {
    let inner = |from: usize| token.get(from..token.len().checked_sub(1)?);
    let slashed = |text: &str| text.replace('\\', "\\\\");
    match token.as_bytes() {
        [b'\'', ..] => Some(format!("E'{}'", slashed(inner(1)?).replace(MARK, OF_LITERAL))),
        [b'E' | b'e', b'\'', ..] => Some(token.replace(MARK, OF_LITERAL)),
        [b'U' | b'u', b'&', ..] => Some(token.replace(MARK, OF_UNICODE)),
        [b'"', ..] => Some(format!("U&\"{}\"", slashed(inner(1)?).replace(MARK, OF_UNICODE))),
        [b'$', ..] => {
            let tag = token.get(1..)?.find('$')? + 2;
            let body = token.get(tag..token.len().checked_sub(tag)?)?;
            let body = slashed(body).replace('\'', "''").replace(MARK, OF_LITERAL);
            Some(format!("E'{body}'"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_names_say_the_same_without_the_mark() {
        for (sql, expected) in [
            ("SELECT 'a ${x} \\ it''s'", r"SELECT E'a \x24{x} \\ it''s'"),
            (r"SELECT E'\t${x}'", r"SELECT E'\t\x24{x}'"),
            ("SELECT \"a ${x}\" FROM t", "SELECT U&\"a \\0024{x}\" FROM t"),
            ("SELECT U&'\\0041${x}'", "SELECT U&'\\0041\\0024{x}'"),
            ("DO $a$ it's ${x} \\ $a$", r"DO E' it''s \x24{x} \\ '"),
            ("SELECT '$', '{', 'plain'", "SELECT '$', '{', 'plain'"),
        ] {
            let written = without_placeholders(sql).unwrap();
            assert_eq!(written, expected);
            assert!(!written.contains(MARK));
            let meaning = |sql: &str| {
                let tree = pg_query::parse(sql, 0).unwrap().protobuf;
                pg_query::deparse(&tree, Default::default()).unwrap()
            };
            assert_eq!(meaning(sql), meaning(&written), "{sql}");
        }
        assert_eq!(without_placeholders("-- ${x}\nSELECT 1").unwrap(), "-- ${x}\nSELECT 1");
    }
}
