//! Lists that `pg_stat_statements` of PostgreSQL 18 and later shows as their first element: `IN ($1 /*, ... */)`.

use pg_query::protobuf::Token;

use super::SqlError;
use super::rewrite::{Edit, apply, lexemes};

/// What stands for the rest of a list.
const REST: &str = "/*, ... */";

/// The text with each such list written out, `length` elements long; absent where it has none. New elements have numbers
/// of their own, after all others.
///
/// # Errors
/// The text cannot be scanned.
pub fn written_out(text: &str, length: usize) -> Result<Option<String>, SqlError> {
    if !text.contains(REST) {
        return Ok(None);
    }
    let tokens = lexemes(text)?;
    let number = |at: usize| {
        let token = tokens.get(at).filter(|token| token.token == Token::Param as i32)?;
        text.get(token.start + 1..token.end)?.parse::<i32>().ok()
    };
    let mut next = (0..tokens.len()).filter_map(number).max().unwrap_or_default() + 1;
    let mut edits = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_rest = text.get(token.start..token.end) == Some(REST);
        let follows = at.checked_sub(1).and_then(number).is_some();
        if !(is_rest && follows) {
            continue;
        }
        let mut more = String::new();
        for _ in 1..length {
            more += &format!(", ${next}");
            next += 1;
        }
        edits.push(Edit { start: token.start, end: token.end, text: more });
    }
    if edits.is_empty() { Ok(None) } else { apply(text, edits).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_out_and_nothing_else() {
        let of = |text: &str| written_out(text, 3).unwrap();
        assert_eq!(
            of("SELECT 1 FROM t WHERE a IN ($1 /*, ... */) AND b = $2 AND c IN ($3 /*, ... */)")
                .as_deref(),
            Some("SELECT 1 FROM t WHERE a IN ($1 , $4, $5) AND b = $2 AND c IN ($3 , $6, $7)")
        );
        assert_eq!(of("SELECT '/*, ... */' FROM t WHERE a = $1"), None);
        assert_eq!(of("SELECT 1 FROM t WHERE a IN ($1, $2)"), None);
    }
}
