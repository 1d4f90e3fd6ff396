//! Python strings, for the two frameworks that are written in it.

/// A string literal that Python reads as exactly this text, one piece a line of it; several pieces
/// stand in parentheses, which join them. `indent` is that of the line on which it begins.
pub(super) fn string(text: &str, indent: usize) -> String {
    let pieces: Vec<_> = text.split_inclusive('\n').map(piece).collect();
    match pieces.as_slice() {
        [] => "\"\"".to_owned(),
        [one] => one.clone(),
        several => {
            let (outer, inner) = (" ".repeat(indent), " ".repeat(indent + 4));
            let lines: String = several.iter().map(|piece| format!("{inner}{piece}\n")).collect();
            format!("(\n{lines}{outer})")
        }
    }
}

fn piece(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            // Escaped too: what only looks like a space or turns the line around.
            c if c.is_control() || (c.is_whitespace() && c != ' ') || is_format(c) => {
                literal.push_str(&format!("\\U{:08x}", u32::from(c)));
            }
            c => literal.push(c),
        }
    }
    literal + "\""
}

fn is_format(c: char) -> bool {
    let ranges = ['\u{200b}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2060}'..='\u{2069}'];
    c == '\u{feff}' || ranges.iter().any(|range| range.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_cannot_end_the_string() {
        assert_eq!(string("a\"\"\"\\", 0), r#""a\"\"\"\\""#);
        assert_eq!(string("", 0), "\"\"");
    }

    #[test]
    fn a_text_of_several_lines_is_one_string_in_parentheses() {
        assert_eq!(string("a\nb", 4), "(\n        \"a\\n\"\n        \"b\"\n    )");
    }

    #[test]
    fn what_cannot_be_seen_is_written_as_its_number() {
        assert_eq!(string("\r\u{202e}é", 0), "\"\\U0000000d\\U0000202eé\"");
    }
}
