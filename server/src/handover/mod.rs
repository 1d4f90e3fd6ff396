//! Changes as migration files of the frameworks that people already use.
//!
//! It only writes text: which statements run, in which order, and which of them cannot run in a
//! transaction is decided before, and the files are run by the framework, never by this program.
//! Every format keeps the same promises: each change is a migration of its own, whose name sorts and says what is in it;
//! `down` undoes it; each statement has its time limits; what was cut off can be run again; and no text of a person or a
//! database ends a comment or a string early.

mod archive;
mod formats;
mod guard;
mod literal;
mod script;
mod sole;
mod step;
mod text;

use optischema::model::{MigrationFile, MigrationFormat};

pub use archive::archive;
pub use guard::drop_leftover;
pub use text::sql_comment;

/// One statement that a migration runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedStatement {
    /// Exactly one statement without a trailing semicolon.
    pub sql: String,
    /// False for what PostgreSQL refuses in a transaction block and in a query of several
    /// statements: `CREATE INDEX CONCURRENTLY`, `VACUUM`, `ALTER SYSTEM`.
    pub in_transaction: bool,
}

/// One approved change with its way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedChange {
    /// What it does, for a person.
    pub title: String,
    /// The recommendation that it comes from.
    pub reference: String,
    /// What else a reader should know, such as verdicts: free text.
    pub notes: Vec<String>,
    /// What it runs, in order.
    pub up: Vec<HandedStatement>,
    /// What undoes it, in order; empty where nothing does.
    pub down: Vec<HandedStatement>,
    /// Why it cannot be undone, or not in full.
    pub no_down: Option<String>,
}

/// What is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration<'a> {
    /// 14 digits, `yyyymmddhhmmss`. The versions of the changes count up from it.
    pub stamp: &'a str,
    /// The changes in the order in which they run; each becomes a migration of its own, named after it.
    pub changes: &'a [HandedChange],
}

/// The files of a migration in the order in which they run.
#[must_use]
pub fn write(format: MigrationFormat, migration: &Migration<'_>) -> Vec<MigrationFile> {
    formats::write(format, migration)
}

/// Changes that the tests of every format share.
#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use samples::{index, migration, settings, vacuum};

    #[test]
    fn every_format_writes_files_for_whatever_it_is_given() {
        for format in MigrationFormat::ALL {
            assert!(write(*format, &migration(&[])).is_empty(), "{format:?}");
            let nothing = HandedChange { up: Vec::new(), title: String::new(), ..vacuum() };
            let odd = Migration { stamp: "now", changes: &[vacuum(), nothing] };
            assert!(!write(*format, &odd).is_empty(), "{format:?}");
        }
    }

    #[test]
    fn file_names_sort_are_unique_and_hold_nothing_that_a_path_or_a_shell_reads() {
        let odd = HandedChange { title: "../Ünï \"x\"; rm -rf /".to_owned(), ..index() };
        let changes = [odd.clone(), settings(), vacuum(), odd];
        for format in MigrationFormat::ALL {
            let files = write(*format, &migration(&changes));
            let mut names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
            for name in &names {
                assert!(
                    name.chars().all(|c| c.is_ascii_alphanumeric() || "_./".contains(c)),
                    "{name}"
                );
                assert!(!name.contains("..") && !name.starts_with('/'), "{name}");
                // Flyway's letter stands before the number.
                let number = name.trim_start_matches(['V', 'U']);
                assert!(number.starts_with(|c: char| c.is_ascii_digit()), "{name}");
            }
            let first = |what: &str| names.iter().position(|name| name.contains(what)).unwrap();
            let [one, two, three] = ["n_x_rm", "correlate", "vacuum"].map(first);
            assert!(one < two && two < three, "{names:?}");
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), files.len(), "{format:?}");
        }
    }

    #[test]
    fn no_title_note_or_reason_leaves_its_comment() {
        let mut change = vacuum();
        change.title = "t\nDROP TABLE a; */ \"\"\" '''\rDROP TABLE b".to_owned();
        change.reference = "r\u{2028}DROP TABLE c".to_owned();
        change.notes = vec!["n\r\nDROP TABLE d\u{85}DROP TABLE e\u{0}\u{202e}".to_owned()];
        change.no_down = Some("w\u{b}DROP TABLE f\u{c}DROP TABLE g".to_owned());
        change.notes.push("--> statement-breakpoint DROP TABLE h".to_owned());
        change.notes.push("----> statement-breakpoint DROP TABLE i".to_owned());
        for format in MigrationFormat::ALL {
            for file in write(*format, &migration(std::slice::from_ref(&change))) {
                let text = file.text.replace("--> statement-breakpoint", "\n");
                for line in text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}']) {
                    let comment = line.trim_start().starts_with(['#', '-', '/']);
                    assert!(comment || !line.contains("DROP TABLE"), "{format:?}: {line}");
                }
                assert!(!file.text.contains(['\u{0}', '\u{202e}']), "{format:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_undone_says_why_in_every_format() {
        for format in MigrationFormat::ALL {
            let files = write(*format, &migration(&[index(), vacuum()]));
            let said = files.iter().any(|file| file.text.contains("dead rows do not come back"));
            assert!(said, "{format:?}");
        }
    }

    #[test]
    fn every_statement_stands_between_limits_of_its_own() {
        for format in MigrationFormat::ALL {
            let files = write(*format, &migration(&[index(), settings()]));
            let text: String = files.iter().map(|file| file.text.as_str()).collect();
            let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{format:?}: {what}"));
            assert!(at("SET lock_timeout = '30min'") < at("CREATE INDEX"), "{format:?}");
            assert!(at("SET LOCAL lock_timeout = '5s'") < at("CREATE STATISTICS"), "{format:?}");
            let (_, after) = text.split_once("CREATE INDEX CONCURRENTLY").unwrap();
            assert!(after.contains("RESET lock_timeout"), "{format:?}");
        }
    }
}
