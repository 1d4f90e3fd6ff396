//! Which cursor a statement declares or reads.

use pg_query::protobuf::Token;

use super::names::as_identifier;
use super::rewrite::lexemes;

/// What a statement does with a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CursorUse {
    Declared(String),
    Fetched(String),
}

/// The cursor of DECLARE and FETCH, read from the words: later versions of PostgreSQL show `FETCH $1 FROM c`, which no
/// parser reads.
#[must_use]
pub fn cursor_use(text: &str) -> Option<CursorUse> {
    // Most statements are neither, and need not be scanned.
    let first = text.trim_start().get(..7)?.to_ascii_lowercase();
    if !first.starts_with("fetch") && first != "declare" {
        return None;
    }
    let tokens = lexemes(text).ok()?;
    let name = |at: usize| {
        let token = tokens.get(at)?;
        text.get(token.start..token.end).map(as_identifier)
    };
    match tokens.first()?.token {
        token if token == Token::Declare as i32 => Some(CursorUse::Declared(name(1)?)),
        token if token == Token::Fetch as i32 => {
            let is_end = tokens.last()?.token == Token::Ascii59 as i32;
            let last = tokens.len().checked_sub(if is_end { 2 } else { 1 })?;
            Some(CursorUse::Fetched(name(last)?))
        }
        _ => None,
    }
}
