//! Names, version numbers and comments: what every format writes in the same words.
//!
//! Strings are left to the formats, since each language escapes in its own way.

use std::collections::HashSet;

use super::{HandedChange, Migration};
use crate::sql::squawk_rules;

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

/// A change with its place and its name, which no other change of the migration has.
pub(super) struct Named<'a> {
    pub place: usize,
    pub slug: String,
    pub change: &'a HandedChange,
    /// Whether undoing it is an error: beside changes that can be undone, one that cannot must not stop them.
    pub refuses: bool,
}

/// The changes with their names: frameworks refuse two migrations of one class.
pub(super) fn named<'a>(migration: &Migration<'a>) -> Vec<Named<'a>> {
    let mut names: Vec<Named<'a>> = Vec::with_capacity(migration.changes.len());
    let mut taken = HashSet::new();
    let refuses = migration.changes.iter().all(|change| change.down.is_empty());
    for (place, change) in migration.changes.iter().enumerate() {
        let first = slug(&change.title);
        let others = (2..).map(|n| format!("{first}_{n}"));
        let slug = std::iter::once(first.clone()).chain(others).find(|name| !taken.contains(name));
        let slug = slug.unwrap_or(first);
        taken.insert(slug.clone());
        names.push(Named { place, slug, change, refuses });
    }
    names
}

/// The version number of the file at `nth` place: the stamp, counted up.
///
/// It need not be a time of day, only 14 digits that order: sqlx and Flyway read it as a number.
pub(super) fn version(stamp: &str, nth: usize) -> String {
    let digits: String = stamp.chars().filter(char::is_ascii_digit).take(14).collect();
    let first: u64 = digits.parse().unwrap_or(0);
    format!("{:014}", first.saturating_add(nth as u64))
}

/// The same as milliseconds since 1970, in 13 digits, by which TypeORM orders.
pub(super) fn milliseconds(stamp: &str, nth: usize) -> i64 {
    let first = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", stamp)
        .ok()
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map_or(1_000_000_000_000, |time| time.timestamp().as_millisecond());
    first.saturating_add(i64::try_from(nth).unwrap_or_default())
}

/// A name of words as a class is called.
pub(super) fn camel(slug: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(usize::from(!word.is_empty()));
        first.to_ascii_uppercase() + rest
    };
    slug.split('_').map(word).collect()
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
    // Drizzle splits a file at its mark wherever it stands, and PHP ends inside a comment, too.
    let without_marks = |line: String| line.replace("->", "- >").replace("?>", "? >");
    lines
        .map(|line| without_marks(line).trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// A change's title in one line. Each line of free text stands behind a word of ours, so that no tool takes it for a
/// mark (`--rollback`, `-- +goose Down`).
pub(super) fn title(change: &HandedChange) -> String {
    format!("Change: {}", lines(&change.title).join(" "))
}

/// What the head of a file says about its change.
pub(super) fn head(change: &HandedChange) -> Vec<String> {
    let reference = format!("Recommendation: {}", lines(&change.reference).join(" "));
    let notes =
        change.notes.iter().flat_map(|note| lines(note)).map(|line| format!("Note: {line}"));
    let rest = std::iter::once(reference).chain(notes).chain(no_way_back(change));
    let first =
        [title(change), "Gathered by OptiSchema, to be reviewed before it is run.".to_owned()];
    first.into_iter().chain(rest).collect()
}

/// That and why a change is not undone, if so.
pub(super) fn no_way_back(change: &HandedChange) -> Option<String> {
    let why = change.no_down.as_deref().map(|why| lines(why).join(" "));
    match (change.down.is_empty(), why) {
        (true, Some(why)) => Some(format!("No rollback: {why}")),
        (true, None) => Some("No rollback: no statement undoes it".to_owned()),
        (false, Some(why)) => Some(format!("Incomplete rollback: {why}")),
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

/// A statement of an SQL file with its semicolon, and with what the linter squawk is told about it.
pub(super) fn linted(sql: &str) -> String {
    let remark: String = squawk_rules(sql)
        .iter()
        .map(|(rule, why)| format!("-- {why}\n-- squawk-ignore {rule}\n"))
        .collect();
    remark + &terminated(sql)
}

/// Statements one under the other.
pub(super) fn script(statements: &[String]) -> String {
    statements.iter().map(|sql| linted(sql)).collect()
}

/// A statement of an SQL file with its semicolon, on a line of its own if the last one may end in
/// a `--` comment, which would swallow it.
pub(super) fn terminated(sql: &str) -> String {
    let last = sql.rsplit(['\n', '\r']).next().unwrap_or(sql);
    format!("{sql}{};\n", if last.contains("--") { "\n" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{index, migration, vacuum};
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
    fn milliseconds_have_thirteen_digits_and_count_up() {
        assert_eq!(milliseconds("20260102030405", 2), 1_767_323_045_002);
        assert_eq!(milliseconds("now", 1).to_string().len(), 13);
    }

    #[test]
    fn a_class_is_called_by_its_words() {
        assert_eq!(camel("add_2_x"), "Add2X");
    }

    #[test]
    fn no_two_changes_have_one_name() {
        let changes = [index(), index(), vacuum()];
        let names: Vec<_> =
            named(&migration(&changes)).into_iter().map(|named| named.slug).collect();
        assert_eq!(names, ["index_orders_by_status", "index_orders_by_status_2", "vacuum_orders"]);
    }

    #[test]
    fn free_text_is_never_the_first_word_of_a_line() {
        let mut change = index();
        change.notes = vec!["rollback x\n+goose Down\n--> statement-breakpoint ?>".to_owned()];
        let head = head(&change);
        assert!(head.iter().all(|line| !line.starts_with(['+', '-', 'r'])), "{head:?}");
        assert!(head.iter().all(|line| !line.contains("-->") && !line.contains("?>")));
    }

    #[test]
    fn a_reason_is_given_only_where_something_stays() {
        assert_eq!(no_way_back(&index()), None);
        let mut change = vacuum();
        assert!(no_way_back(&change).is_some_and(|line| line.ends_with("do not come back")));
        change.no_down = None;
        assert!(no_way_back(&change).is_some_and(|line| line.starts_with("No rollback")));
    }

    #[test]
    fn a_closing_comment_does_not_swallow_the_semicolon() {
        assert_eq!(terminated("SELECT 1 -- one"), "SELECT 1 -- one\n;\n");
        assert_eq!(terminated("SELECT 1 -- one\n+ 1"), "SELECT 1 -- one\n+ 1;\n");
    }
}
