//! Flyway: versioned scripts `V…`, undo scripts `U…`, each with its script configuration.
//!
//! Flyway runs a script in a transaction as a whole or not at all, so that each step is a version
//! of its own. It sends the statements of a script one by one on one connection: a `SET` beside a
//! statement that refuses a transaction is no hindrance, and a script keeps its limits by itself.
//! The script configuration also turns off placeholders, which would replace `${x}` in a string.

use super::super::Migration;
use super::super::step::{Step, pairs, steps};
use super::super::text::{comment, head, named, no_way_back, script, title, version};
use optischema::model::MigrationFile;

/// Flyway's own lock is a transaction by default, and `CREATE INDEX CONCURRENTLY` waits for the end
/// of every transaction: it would wait for Flyway (flyway/flyway issues 3508 and 3682). No script
/// can set this.
const LOCK: &str = "Outside a transaction. Flyway waits for itself here unless it runs with \
                    flyway.postgresql.transactional.lock=false.";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let mut files = Vec::new();
    let mut versions = 0;
    for named in named(migration) {
        let change = named.change;
        let undo: Vec<_> = std::iter::once(title(change)).chain(no_way_back(change)).collect();
        for (up, down) in pairs(&steps(&change.up), &steps(&change.down)) {
            let name = format!("{}__{}.sql", version(migration.stamp, versions), named.slug);
            files.extend(pair(&format!("V{name}"), head(change), up.as_ref()));
            files.extend(pair(&format!("U{name}"), undo.clone(), down.as_ref()));
            versions += 1;
        }
    }
    files
}

fn pair(name: &str, mut lines: Vec<String>, step: Option<&Step>) -> [MigrationFile; 2] {
    let in_transaction = step.is_none_or(Step::together);
    lines.push(if in_transaction {
        "squawk-ignore-file prefer-robust-stmts".to_owned()
    } else {
        LOCK.to_owned()
    });
    let body = match step {
        Some(step) => script(&step.script()),
        None => "-- Nothing runs here.\n".to_owned(),
    };
    let text = format!("{}{body}", comment("--", &lines));
    // Flyway takes a script for outside a transaction by its keywords; REINDEX TABLE CONCURRENTLY
    // is not among them. Written out, it also allows the SET beside it, which `mixed` would refuse.
    let conf = format!("executeInTransaction={in_transaction}\nplaceholderReplacement=false\n");
    [
        MigrationFile { name: name.to_owned(), text },
        MigrationFile { name: format!("{name}.conf"), text: conf },
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{index, migration, outside, settings, vacuum};
    use super::*;

    fn named<'a>(files: &'a [MigrationFile], name: &str) -> &'a str {
        files.iter().find(|file| file.name == name).map_or("", |file| &file.text)
    }

    #[test]
    fn each_script_says_whether_it_runs_in_a_transaction_and_has_no_placeholders() {
        let files = write(&migration(&[settings(), index()]));
        for (name, inside) in [
            ("V20260102030405__correlate_town_and_postcode", true),
            ("U20260102030406__index_orders_by_status", false),
        ] {
            assert_eq!(
                named(&files, &format!("{name}.sql.conf")),
                format!("executeInTransaction={inside}\nplaceholderReplacement=false\n")
            );
        }
    }

    #[test]
    fn a_script_outside_transactions_sets_and_puts_back_its_limits() {
        let files = write(&migration(&[index()]));
        let text = named(&files, "V20260102030405__index_orders_by_status.sql");
        assert!(text.contains("\nSET lock_timeout = '30min';\nSET statement_timeout = 0;\nDO "));
        assert!(text.ends_with(";\nRESET lock_timeout;\nRESET statement_timeout;\n"));
        assert!(text.contains("transactional.lock=false"));
    }

    #[test]
    fn undoing_the_last_version_first_runs_down_in_its_order() {
        let mut change = index();
        change.down = vec![outside("DROP INDEX CONCURRENTLY i"), outside("VACUUM orders")];
        let files = write(&migration(&[change]));
        assert!(
            named(&files, "U20260102030406__index_orders_by_status.sql").contains("DROP INDEX")
        );
        assert!(named(&files, "U20260102030405__index_orders_by_status.sql").contains("VACUUM"));
    }

    #[test]
    fn an_undo_without_a_way_back_runs_nothing() {
        let files = write(&migration(&[vacuum()]));
        let text = named(&files, "U20260102030405__vacuum_orders.sql");
        assert!(text.contains("No rollback: dead rows do not come back"));
        assert!(text.lines().all(|line| line.starts_with("--")));
    }
}
