//! Versions for frameworks that send a file as one query: sqlx, golang-migrate, dbmate, Prisma.

use optischema::model::MigrationFile;

use super::step::{GoesOn, Sole, pairs, soles, steps};
use super::text::{comment, head, linted, named, no_way_back, script, title, version};
use super::{HandedChange, Migration};

/// One numbered version.
pub(super) struct Version<'a> {
    /// Its number and its name.
    pub stem: String,
    pub up: SoleFile<'a>,
    pub down: SoleFile<'a>,
}

/// One direction of a version.
pub(super) struct SoleFile<'a> {
    change: &'a HandedChange,
    is_up: bool,
    /// What runs; absent where nothing does.
    pub part: Option<Sole>,
}

impl SoleFile<'_> {
    /// The comments that it begins with.
    pub(super) fn head(&self) -> String {
        let mut lines = if self.is_up {
            head(self.change)
        } else {
            std::iter::once(title(self.change)).chain(no_way_back(self.change)).collect()
        };
        match &self.part {
            Some(Sole::One(sql)) => {
                let outside = "Alone in its file, since it refuses a transaction; the versions around it set the time limits.";
                lines.push(outside.to_owned());
                if sql.contains("INDEX CONCURRENTLY") {
                    lines.push(
                        "After a failure, drop the index if it is INVALID (DROP INDEX CONCURRENTLY), and run this again."
                            .to_owned(),
                    );
                }
                lines.push(
                    "squawk-ignore-file prefer-robust-stmts, require-lock-timeout, require-statement-timeout".to_owned(),
                );
            }
            Some(Sole::Several(_)) => {
                lines.push("It runs as one transaction.".to_owned());
                lines.push("squawk-ignore-file prefer-robust-stmts".to_owned());
            }
            None => {}
        }
        comment("--", &lines)
    }

    /// The statements.
    pub(super) fn body(&self) -> String {
        match &self.part {
            Some(Sole::One(sql)) => linted(sql),
            Some(Sole::Several(statements)) => script(statements),
            None => String::new(),
        }
    }
}

/// The versions of all changes, in order.
pub(super) fn versions<'a>(migration: &Migration<'a>, goes_on: GoesOn) -> Vec<Version<'a>> {
    let mut versions = Vec::new();
    for named in named(migration) {
        let change = named.change;
        let (up, down) = (soles(&steps(&change.up), goes_on), soles(&steps(&change.down), goes_on));
        for (up, down) in pairs(&up, &down) {
            versions.push(Version {
                stem: format!("{}_{}", version(migration.stamp, versions.len()), named.slug),
                up: SoleFile { change, is_up: true, part: up },
                down: SoleFile { change, is_up: false, part: down },
            });
        }
    }
    versions
}

/// Each version as a file up and a file down.
pub(super) fn pairs_of_files(
    migration: &Migration<'_>,
    goes_on: GoesOn,
    text: &dyn Fn(&SoleFile<'_>) -> String,
) -> Vec<MigrationFile> {
    let files = versions(migration, goes_on).into_iter().flat_map(|version| {
        let file = |way: &str, file: &SoleFile<'_>| MigrationFile {
            name: format!("{}.{way}.sql", version.stem),
            text: text(file),
        };
        [file("up", &version.up), file("down", &version.down)]
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{index, migration, outside, settings, vacuum};
    use super::*;

    fn whole(file: &SoleFile<'_>) -> String {
        file.head() + &file.body()
    }

    /// What a server would see of a file.
    fn code(file: &MigrationFile) -> Vec<&str> {
        file.text.lines().filter(|line| !line.starts_with("--")).collect()
    }

    #[test]
    fn a_statement_that_refuses_a_transaction_is_alone_in_its_file() {
        let mut change = index();
        change.up.push(outside("VACUUM orders"));
        let changes = [change, settings()];
        let files = pairs_of_files(&migration(&changes), GoesOn::WithWhatFailed, &whole);
        for word in ["CREATE INDEX CONCURRENTLY", "VACUUM", "DROP INDEX CONCURRENTLY"] {
            let holds =
                |file: &&MigrationFile| code(file).iter().any(|line| line.starts_with(word));
            let file = files.iter().find(holds).unwrap_or_else(|| panic!("{word}"));
            assert_eq!(code(file).len(), 1, "{}", file.text);
        }
    }

    #[test]
    fn limits_are_set_before_and_put_back_after_in_both_directions() {
        let changes = [index()];
        let files = pairs_of_files(&migration(&changes), GoesOn::WithWhatFailed, &whole);
        let run: Vec<_> = files.iter().filter(|f| f.name.ends_with(".up.sql")).map(code).collect();
        let mut undo: Vec<_> =
            files.iter().filter(|f| f.name.ends_with(".down.sql")).map(code).collect();
        undo.reverse();
        for direction in [run, undo] {
            assert_eq!(
                direction[0][..2],
                ["SET lock_timeout = '30min';", "SET statement_timeout = 0;"]
            );
            assert!(direction[2].ends_with(&["RESET lock_timeout;", "RESET statement_timeout;"]));
        }
    }

    #[test]
    fn every_version_has_its_down_so_that_none_is_left_as_applied() {
        let changes = [vacuum(), settings()];
        let files = pairs_of_files(&migration(&changes), GoesOn::WithWhatFailed, &whole);
        let count = |end: &str| files.iter().filter(|file| file.name.ends_with(end)).count();
        assert_eq!(count(".up.sql"), count(".down.sql"));
    }
}
