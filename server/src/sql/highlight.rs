//! SQL in coloured pieces, by PostgreSQL's own scanner.

use optischema::model::{SqlClass, SqlSpan};
use pg_query::protobuf::{KeywordKind, Token};

/// The text in pieces; together they are the text.
#[must_use]
pub fn highlighted(sql: &str) -> Vec<SqlSpan> {
    let mut spans: Vec<SqlSpan> = Vec::new();
    let mut push = |class: SqlClass, text: &str| match spans.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.class == class => last.text.push_str(text),
        _ => spans.push(SqlSpan { class, text: text.to_owned() }),
    };
    let mut at = 0;
    if let Ok(scanned) = pg_query::scan(sql) {
        for token in &scanned.tokens {
            let place = |at: i32| usize::try_from(at).unwrap_or_default();
            let (start, end) = (place(token.start), place(token.end));
            let (Some(before), Some(text)) = (sql.get(at..start), sql.get(start..end)) else {
                break;
            };
            push(SqlClass::Plain, before);
            push(class_of(token.token, token.keyword_kind), text);
            at = end;
        }
    }
    push(SqlClass::Plain, sql.get(at..).unwrap_or_default());
    spans
}

fn class_of(token: i32, keyword: i32) -> SqlClass {
    const LITERALS: &[Token] = &[
        Token::Sconst,
        Token::Usconst,
        Token::Fconst,
        Token::Iconst,
        Token::Bconst,
        Token::Xconst,
    ];
    if token == Token::Param as i32 {
        SqlClass::Parameter
    } else if token == Token::SqlComment as i32 || token == Token::CComment as i32 {
        SqlClass::Comment
    } else if LITERALS.iter().any(|literal| *literal as i32 == token) {
        SqlClass::Literal
    } else if token == Token::By as i32 {
        // Unreserved, and yet never a name where it matters.
        SqlClass::Keyword
    } else if keyword == KeywordKind::NoKeyword as i32
        || keyword == KeywordKind::UnreservedKeyword as i32
    {
        SqlClass::Plain
    } else {
        SqlClass::Keyword
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_the_text_and_know_what_they_are() {
        for sql in ["SELECT 'é''x', $1 -- end\nFROM \"T\" t WHERE a > 1.5", "not \"closed", ""] {
            let text: String = highlighted(sql).into_iter().map(|span| span.text).collect();
            assert_eq!(text, sql);
        }
        let spans = highlighted("SELECT 'a', $1 FROM t /* c */");
        let of = |class| {
            spans.iter().filter(|s| s.class == class).map(|s| s.text.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of(SqlClass::Keyword), ["SELECT", "FROM"]);
        assert_eq!(of(SqlClass::Literal), ["'a'"]);
        assert_eq!(of(SqlClass::Parameter), ["$1"]);
        assert_eq!(of(SqlClass::Comment), ["/* c */"]);
    }
}
