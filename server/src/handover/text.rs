//! Names, version numbers and comments: what every format writes in the same words.
//!
//! Strings are left to the formats, since each language escapes in its own way.

use super::{HandedChange, Migration};

/// Longest part of a file name that comes from the migration's name, in bytes.
const SLUG_MAX: usize = 60;

/// A name of lower-case ASCII words joined by single `_`, that begins with a letter.
///
/// It has two words at least: Rails makes it a class, and `Order` would reopen the model.
pub(super) fn slug(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        let room = SLUG_MAX.saturating_sub(slug.len() + 1);
        if room == 0 {
            break;
        }
        if !slug.is_empty() {
            slug.push('_');
        }
        slug.extend(word.chars().take(room));
    }
    let bare = !slug.contains('_') || slug.starts_with(|c: char| c.is_ascii_digit());
    match slug.as_str() {
        "" => "tune_database".to_owned(),
        _ if bare => format!("tune_{slug}"),
        _ => slug,
    }
}

/// The version number of the file at `nth` place: the stamp, counted up.
///
/// It need not be a time of day, only 14 digits that order: sqlx and Flyway read it as a number.
pub(super) fn version(stamp: &str, nth: usize) -> String {
    let digits: String = stamp.chars().filter(char::is_ascii_digit).take(14).collect();
    let first: u64 = digits.parse().unwrap_or(0);
    format!("{:014}", first.saturating_add(nth as u64))
}

/// Text as lines that are safe behind a comment mark of any language.
///
/// Python, Ruby and Java count more than `\n` as the end of a line in one place or another; and
/// the marks of right-to-left text make a line look like another one.
pub(super) fn lines(text: &str) -> Vec<String> {
    let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    let plain = |c: char| match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    let lines = text.split(ends).map(|line| line.chars().map(plain).collect::<String>());
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// A change's title in one line, with its place among the changes.
pub(super) fn title(place: usize, change: &HandedChange) -> String {
    format!("{}. {}", place + 1, lines(&change.title).join(" "))
}

/// What the head of a file says about one change.
pub(super) fn about(place: usize, change: &HandedChange) -> Vec<String> {
    let reference = format!("Recommendation {}", lines(&change.reference).join(" "));
    let notes = change.notes.iter().flat_map(|note| lines(note));
    let rest = std::iter::once(reference).chain(notes).chain(no_way_back(change));
    std::iter::once(title(place, change)).chain(rest.map(|line| format!("   {line}"))).collect()
}

/// What the head of a file says that holds all changes.
pub(super) fn head(migration: &Migration<'_>) -> Vec<String> {
    let mut head =
        vec!["Changes gathered by OptiSchema, to be reviewed before they are run.".to_owned()];
    for (place, change) in migration.changes.iter().enumerate() {
        head.push(String::new());
        head.extend(about(place, change));
    }
    head
}

/// That and why a change is not undone, if so.
pub(super) fn no_way_back(change: &HandedChange) -> Option<String> {
    let why = change.no_down.as_deref().map(|why| lines(why).join(" "));
    match (change.down.is_empty(), why) {
        (true, Some(why)) if why.contains("cannot be undone") => Some(format!("{why}.")),
        (true, Some(why)) => Some(format!("Cannot be undone: {why}")),
        (true, None) => Some("Cannot be undone: no statement takes it back".to_owned()),
        (false, Some(why)) => Some(format!("Not undone in full: {why}")),
        (false, None) => None,
    }
}

/// Lines as comments behind a mark such as `--`.
pub(super) fn comment(mark: &str, lines: &[String]) -> String {
    let line = |line: &String| format!("{} {line}", mark).trim_end().to_owned() + "\n";
    lines.iter().map(line).collect()
}

/// A text as comments of an SQL file, which none of its letters ends early.
#[must_use]
pub fn sql_comment(text: &str) -> String {
    comment("--", &lines(text))
}

/// A statement of an SQL file with its semicolon, on a line of its own if the last one may end in
/// a `--` comment, which would swallow it.
pub(super) fn terminated(sql: &str) -> String {
    let last = sql.rsplit(['\n', '\r']).next().unwrap_or(sql);
    format!("{sql}{};\n", if last.contains("--") { "\n" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{index, vacuum};
    use super::*;

    #[test]
    fn no_letter_of_a_text_ends_its_comment() {
        let text = sql_comment("Index a\rALTER ROLE bob SUPERUSER;\u{2028}x\n\\! rm");
        assert!(text.lines().all(|line| line.starts_with("-- ")), "{text:?}");
        assert!(!text.contains(['\r', '\u{2028}']), "{text:?}");
    }

    #[test]
    fn a_name_becomes_words_of_a_class_and_of_a_file() {
        assert_eq!(slug("Add index: orders(status)"), "add_index_orders_status");
        assert_eq!(slug("Order"), "tune_order");
        assert_eq!(slug("2 indexes"), "tune_2_indexes");
        assert_eq!(slug("…/ü"), "tune_database");
        assert!(slug(&"long ".repeat(99)).len() <= SLUG_MAX);
        assert!(slug(&format!("index {}", "x".repeat(99))).len() <= SLUG_MAX);
        assert!(!slug(&"long ".repeat(99)).ends_with('_'));
    }

    #[test]
    fn versions_are_ordered_digits_whatever_the_stamp() {
        assert_eq!(version("20261231235959", 2), "20261231235961");
        assert_eq!(version("now", 3), "00000000000003");
        assert_eq!(version("2026-01-02 03:04:05", 0), "20260102030405");
        assert!(version("99999999999999999999", 0).parse::<i64>().is_ok());
    }

    #[test]
    fn a_reason_is_given_only_where_something_stays() {
        assert_eq!(no_way_back(&index()), None);
        let mut change = vacuum();
        assert!(no_way_back(&change).is_some_and(|line| line.ends_with("do not come back")));
        change.no_down = None;
        assert!(no_way_back(&change).is_some_and(|line| line.starts_with("Cannot")));
    }

    #[test]
    fn a_closing_comment_does_not_swallow_the_semicolon() {
        assert_eq!(terminated("SELECT 1 -- one"), "SELECT 1 -- one\n;\n");
        assert_eq!(terminated("SELECT 1 -- one\n+ 1"), "SELECT 1 -- one\n+ 1;\n");
    }
}
