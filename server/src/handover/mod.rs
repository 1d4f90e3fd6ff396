//! Changes as migration files of the frameworks that people already use.
//!
//! It only writes text: which statements run, in which order, and which of them cannot run in a
//! transaction is decided before, and the files are run by the framework, never by this program.
//! Every format keeps the same promises: `up` runs the changes in order, `down` undoes the last one
//! first, each change has its time limits, and no text of a person or a database ends a comment or
//! a string early.

mod alembic;
mod django;
mod flyway;
mod python;
mod rails;
mod sql;
mod sqlx;
mod step;
mod text;

use optischema::model::{MigrationFile, MigrationFormat};

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
    /// Free text, made into a part of the file name and of the class name.
    pub name: &'a str,
    /// 14 digits, `yyyymmddhhmmss`. Formats of several files count up from it.
    pub stamp: &'a str,
    /// The changes in the order in which they run.
    pub changes: &'a [HandedChange],
}

/// The files of a migration in the order in which they run.
#[must_use]
pub fn write(format: MigrationFormat, migration: &Migration<'_>) -> Vec<MigrationFile> {
    match format {
        MigrationFormat::Sql => sql::write(migration),
        MigrationFormat::Sqlx => sqlx::write(migration),
        MigrationFormat::Flyway => flyway::write(migration),
        MigrationFormat::Rails => rails::write(migration),
        MigrationFormat::Django => django::write(migration),
        MigrationFormat::Alembic => alembic::write(migration),
    }
}

/// Changes that the tests of every format share.
#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use samples::{index, migration, settings, vacuum};

    const FORMATS: [MigrationFormat; 6] = [
        MigrationFormat::Sql,
        MigrationFormat::Sqlx,
        MigrationFormat::Flyway,
        MigrationFormat::Rails,
        MigrationFormat::Django,
        MigrationFormat::Alembic,
    ];

    #[test]
    fn every_format_writes_files_for_no_changes_at_all() {
        for format in FORMATS {
            let _ = write(format, &migration(&[]));
            let odd = Migration { name: "", stamp: "now", changes: &[vacuum()] };
            assert!(!write(format, &odd).is_empty(), "{format:?}");
        }
    }

    #[test]
    fn file_names_are_unique_and_hold_nothing_that_a_path_or_a_shell_reads() {
        let changes = [index(), settings(), vacuum()];
        for format in FORMATS {
            let odd = Migration { name: "../Ünï \"x\"; rm -rf /", ..migration(&changes) };
            let files = write(format, &odd);
            let mut names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
            for name in &names {
                assert!(
                    name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)),
                    "{name}"
                );
                assert!(!name.contains(".."), "{name}");
            }
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
        for format in FORMATS {
            for file in write(format, &migration(std::slice::from_ref(&change))) {
                for line in file.text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}']) {
                    let comment = line.trim_start().starts_with(['#', '-']);
                    assert!(comment || !line.contains("DROP TABLE"), "{format:?}: {line}");
                }
                assert!(!file.text.contains(['\u{0}', '\u{202e}']), "{format:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_undone_says_why_in_every_format() {
        for format in FORMATS {
            let files = write(format, &migration(&[index(), vacuum()]));
            let said = files.iter().any(|file| file.text.contains("dead rows do not come back"));
            assert!(said, "{format:?}");
        }
    }
}
