//! String literals of the languages that migrations are written in.

/// How a language writes a string in double quotes.
pub(super) struct Language {
    /// Escapes a character that would end the string or begin something in it.
    escape: fn(char) -> Option<String>,
    /// Escapes what cannot be seen, by its number.
    number: fn(u32) -> String,
    /// Joins the pieces of a string of several lines.
    glue: &'static str,
}

pub(super) const PYTHON: Language =
    Language { escape: |c| backslash(c, "\"\\"), number: |n| format!("\\U{n:08x}"), glue: "" };
pub(super) const JAVASCRIPT: Language =
    Language { escape: |c| backslash(c, "\"\\"), number: |n| format!("\\u{{{n:x}}}"), glue: " +" };
/// PHP takes `$x` and `{$x}` in a string for variables.
pub(super) const PHP: Language =
    Language { escape: |c| backslash(c, "\"\\$"), number: |n| format!("\\u{{{n:x}}}"), glue: " ." };
pub(super) const ELIXIR: Language = Language {
    escape: |c| backslash(c, "\"\\#"),
    number: |n| format!("\\u{{{n:x}}}"),
    glue: " <>",
};

fn backslash(c: char, which: &str) -> Option<String> {
    which.contains(c).then(|| format!("\\{c}"))
}

/// A literal that the language reads as exactly this text, one piece a line of it; several pieces stand in parentheses.
/// `indent` is that of the line on which it begins.
pub(super) fn string(language: &Language, text: &str, indent: usize) -> String {
    let pieces: Vec<_> = text.split_inclusive('\n').map(|line| piece(language, line)).collect();
    match pieces.as_slice() {
        [] => "\"\"".to_owned(),
        [one] => one.clone(),
        several => {
            let (outer, inner) = (" ".repeat(indent), " ".repeat(indent + 4));
            let glue = format!("{}\n{inner}", language.glue);
            format!("(\n{inner}{}\n{outer})", several.join(&glue))
        }
    }
}

fn piece(language: &Language, text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => literal.push_str("\\n"),
            // Escaped too: what only looks like a space or turns the line around.
            c if c.is_control() || (c.is_whitespace() && c != ' ') || is_format(c) => {
                literal.push_str(&(language.number)(u32::from(c)));
            }
            c => match (language.escape)(c) {
                Some(escaped) => literal.push_str(&escaped),
                None => literal.push(c),
            },
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
    fn quotes_and_backslashes_cannot_end_the_string_nor_begin_anything_in_it() {
        assert_eq!(string(&PYTHON, "a\"\"\"\\", 0), r#""a\"\"\"\\""#);
        assert_eq!(string(&JAVASCRIPT, "${a}`\"", 0), r#""${a}`\"""#);
        assert_eq!(string(&PHP, "{$a}$$", 0), r#""{\$a}\$\$""#);
        assert_eq!(string(&ELIXIR, "#{a}", 0), r##""\#{a}""##);
        assert_eq!(string(&PYTHON, "", 0), "\"\"");
    }

    #[test]
    fn a_text_of_several_lines_is_one_string_in_parentheses() {
        assert_eq!(string(&PYTHON, "a\nb", 4), "(\n        \"a\\n\"\n        \"b\"\n    )");
        assert_eq!(string(&PHP, "a\nb", 0), "(\n    \"a\\n\" .\n    \"b\"\n)");
    }

    #[test]
    fn what_cannot_be_seen_is_written_as_its_number() {
        assert_eq!(string(&PYTHON, "\r\u{202e}é", 0), "\"\\U0000000d\\U0000202eé\"");
        assert_eq!(string(&JAVASCRIPT, "\r\u{202e}é", 0), "\"\\u{d}\\u{202e}é\"");
    }
}
