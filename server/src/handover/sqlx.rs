//! sqlx: numbered pairs of `.up.sql` and `.down.sql`.
//!
//! sqlx sends a file as one query, in a transaction unless it begins with `-- no-transaction`; and
//! PostgreSQL wraps a query of several statements in a transaction of its own. So a statement that
//! refuses one needs a file for itself, without even a `SET` beside it. Its limits come from the
//! pairs around it: `sqlx migrate run`, `revert --target-version` and `Migrator` all use one
//! connection, on which a `SET` holds once its file is committed.

use super::step::{RESET_LIMITS, Step, outside, pairs};
use super::text::{about, comment, no_way_back, slug, terminated, title, version};
use super::{HandedChange, Migration, MigrationFile};

/// The texts of one version: up, down.
type Pair = (String, String);

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let changes = migration.changes.iter().enumerate();
    let steps = changes.flat_map(|(place, change)| written(place, change));
    let mut versions: Vec<Pair> = Vec::new();
    // The connection's limits on the way up and on the way down; a step within a transaction takes them as they are.
    let (mut up, mut down) = (None, None);
    for version in steps {
        let (next_up, next_down) = (version.up.or(up), version.down.or(down));
        if (next_up, next_down) != (up, down) {
            versions.push((limits(next_up), limits(down)));
        }
        (up, down) = (next_up, next_down);
        versions.push(version.texts);
    }
    if (up, down) != (None, None) {
        versions.push((limits(None), limits(down)));
    }
    let slug = slug(migration.name);
    let files = versions.into_iter().enumerate().flat_map(|(nth, (up, down))| {
        let stem = format!("{}_{slug}", version(migration.stamp, nth));
        let file = |way: &str, text| MigrationFile { name: format!("{stem}.{way}.sql"), text };
        [file("up", up), file("down", down)]
    });
    files.collect()
}

/// One version, and the limits that its statements need in either direction.
struct Version {
    texts: Pair,
    up: Limits,
    down: Limits,
}

/// Absent for a step that sets its own.
type Limits = Option<[&'static str; 2]>;

fn written(place: usize, change: &HandedChange) -> Vec<Version> {
    let mut down_head = vec![title(place, change)];
    down_head.extend(no_way_back(change));
    let version = |(up, down): (Option<Step<'_>>, Option<Step<'_>>)| Version {
        texts: (text(&about(place, change), up.as_ref()), text(&down_head, down.as_ref())),
        up: up.as_ref().and_then(Step::limits),
        down: down.as_ref().and_then(Step::limits),
    };
    pairs(change).into_iter().map(version).collect()
}

fn text(head: &[String], step: Option<&Step<'_>>) -> String {
    let head = comment("--", head);
    match step {
        // It must be the very first bytes of the file.
        Some(Step::Alone(sql)) => {
            format!("-- no-transaction\n{head}-- {}\n{}", outside(sql), terminated(sql))
        }
        Some(step) => {
            format!("{head}{}", step.script().into_iter().map(terminated).collect::<String>())
        }
        // sqlx passes over a version that has no down file, and leaves it as applied.
        None => format!("{head}-- Nothing runs here.\n"),
    }
}

/// A file that sets limits, or puts them back.
fn limits(limits: Limits) -> String {
    let lines = [
        "Time limits of the steps outside a transaction. They hold for the connection that runs",
        "this file. After a failure, sqlx goes on at the failed step without them: revert with",
        "`sqlx migrate revert --target-version <the one before this migration>` and run it again,",
        "or set PGOPTIONS='-c lock_timeout=30min -c statement_timeout=0' for an index, and",
        "PGOPTIONS='-c lock_timeout=5s -c statement_timeout=0' for anything else.",
    ];
    let statements = limits.unwrap_or(RESET_LIMITS);
    let statements: String = statements.iter().map(|sql| terminated(sql)).collect();
    format!("{}{statements}", comment("--", &lines.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{index, migration, outside, settings, vacuum};
    use super::*;

    /// What a server would see of a file.
    fn code(file: &MigrationFile) -> Vec<&str> {
        file.text.lines().filter(|line| !line.starts_with("--")).collect()
    }

    #[test]
    fn a_statement_that_refuses_a_transaction_is_alone_in_a_file_marked_for_it() {
        let mut change = index();
        change.up.push(outside("VACUUM orders"));
        let files = write(&migration(&[change, settings()]));
        let marked: Vec<_> =
            files.iter().filter(|file| file.text.starts_with("-- no-transaction\n")).collect();
        assert_eq!(marked.len(), 3);
        assert!(marked.iter().all(|file| code(file).len() == 1));
    }

    #[test]
    fn limits_are_set_before_and_put_back_after_in_both_directions() {
        let files = write(&migration(&[index()]));
        let run: Vec<_> = files.iter().filter(|f| f.name.ends_with(".up.sql")).map(code).collect();
        let mut undo: Vec<_> =
            files.iter().filter(|f| f.name.ends_with(".down.sql")).map(code).collect();
        undo.reverse();
        for direction in [run, undo] {
            assert_eq!(direction[0], ["SET lock_timeout = '30min';", "SET statement_timeout = 0;"]);
            assert_eq!(direction[2], ["RESET lock_timeout;", "RESET statement_timeout;"]);
        }
    }

    #[test]
    fn what_holds_others_up_waits_for_a_short_time_only() {
        let mut partitioned = index();
        partitioned.up.insert(0, outside("CREATE INDEX i ON ONLY orders (status)"));
        partitioned.up.push(outside("ALTER INDEX i ATTACH PARTITION j"));
        partitioned.down = vec![outside("DROP INDEX i")];
        let files = write(&migration(&[partitioned]));
        for way in [".up.sql", ".down.sql"] {
            let mut files: Vec<_> = files.iter().filter(|file| file.name.ends_with(way)).collect();
            if way == ".down.sql" {
                files.reverse();
            }
            let mut timeout = "";
            let mut ran = 0;
            for line in files.into_iter().flat_map(code) {
                match line.strip_prefix("SET lock_timeout = ") {
                    Some(set) => timeout = set,
                    None if line == "RESET lock_timeout;" => timeout = "",
                    None if line.contains("statement_timeout") => {}
                    None => {
                        let long = line.contains("CONCURRENTLY");
                        assert_eq!(timeout, if long { "'30min';" } else { "'5s';" }, "{line}");
                        ran += 1;
                    }
                }
            }
            assert_eq!((ran, timeout), (if way == ".up.sql" { 3 } else { 1 }, ""), "put back");
        }
    }

    #[test]
    fn a_migration_within_transactions_is_one_pair_a_change() {
        let files = write(&migration(&[settings()]));
        assert_eq!(
            files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(),
            ["20260102030405_tune_the_orders.up.sql", "20260102030405_tune_the_orders.down.sql"]
        );
        assert_eq!(
            code(&files[0])[..2],
            super::super::step::LOCAL_LIMITS.map(|l| l.to_owned() + ";")
        );
    }

    #[test]
    fn every_version_has_its_down_so_that_none_is_left_as_applied() {
        let files = write(&migration(&[vacuum(), settings()]));
        let count = |end: &str| files.iter().filter(|file| file.name.ends_with(end)).count();
        assert_eq!(count(".up.sql"), count(".down.sql"));
        assert!(code(&files[3]).is_empty(), "{}", files[3].text);
    }
}
