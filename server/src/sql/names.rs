//! Names that PostgreSQL would cut at another place than the parser here.
//!
//! PostgreSQL cuts a name after 63 bytes in the database's encoding. The parser does the same in UTF-8, so in a
//! database of another encoding the two can read different names in one text.

use pg_query::protobuf::Token;

use super::SqlError;
use super::rewrite::lexemes;

/// Bytes of a name that PostgreSQL keeps: `NAMEDATALEN` less one.
pub const LONGEST_NAME: usize = 63;
/// Bytes that one character beyond ASCII takes at most in an encoding of a server.
const WIDEST: usize = 4;

/// The first name of a text that a database of another encoding than UTF-8 may read as another one.
///
/// # Errors
/// The text cannot be scanned.
pub fn ambiguous_name(sql: &str) -> Result<Option<String>, SqlError> {
    for lexeme in lexemes(sql)? {
        let is_name = [Token::Ident as i32, Token::Uident as i32].contains(&lexeme.token);
        let Some(name) = sql.get(lexeme.start..lexeme.end).filter(|_| is_name) else { continue };
        let beyond = name.chars().filter(|c| !c.is_ascii()).count();
        let plain = name.chars().filter(char::is_ascii).count();
        let is_escaped = lexeme.token == Token::Uident as i32;
        if is_escaped || (beyond > 0 && beyond * WIDEST + plain > LONGEST_NAME) {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

/// A name as PostgreSQL keeps it in a database of UTF-8.
#[must_use]
pub fn cut_name(name: &str) -> &str {
    let mut end = name.len().min(LONGEST_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or(name)
}

/// The name that a token of a text stands for: without its quotes, or in lower case.
pub(super) fn as_identifier(written: &str) -> String {
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => written.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_beyond_ascii_are_told_and_others_are_not() {
        let of = |sql: &str| ambiguous_name(sql).unwrap();
        let long = "é".repeat(16);
        assert_eq!(of(&format!("SELECT \"{long}\" FROM t")), Some(format!("\"{long}\"")));
        assert!(of("SELECT U&\"\\00e9\" FROM t").is_some());
        assert_eq!(of(&format!("SELECT '{}', é, {} FROM t", "é".repeat(99), "a".repeat(63))), None);
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(cut_name(&"a".repeat(70)).len(), 63);
        assert_eq!(cut_name(&"é".repeat(40)), "é".repeat(31));
        assert_eq!(cut_name("short"), "short");
    }
}
