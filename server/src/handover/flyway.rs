//! Flyway: versioned scripts `V…`, undo scripts `U…`, each with its script configuration.
//!
//! Flyway runs a script in a transaction as a whole or not at all, so that each step is a version
//! of its own. It sends the statements of a script one by one on one connection: a `SET` beside a
//! statement that refuses a transaction is no hindrance, and a script keeps its limits by itself.
//! The script configuration also turns off placeholders, which would replace `${x}` in a string.

use super::step::{Step, outside, pairs};
use super::text::{about, comment, no_way_back, slug, terminated, title, version};
use super::{Migration, MigrationFile};

/// Flyway's own lock is a transaction by default, and `CREATE INDEX CONCURRENTLY` waits for the end
/// of every transaction: it would wait for Flyway (flyway/flyway issues 3508 and 3682). No script
/// can set this.
const LOCK: &str = "Flyway waits for itself here unless it runs with \
                    flyway.postgresql.transactional.lock=false.";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let slug = slug(migration.name);
    let mut files = Vec::new();
    let mut versions = 0;
    for (place, change) in migration.changes.iter().enumerate() {
        let mut undo = vec![title(place, change)];
        undo.extend(no_way_back(change));
        for (up, down) in pairs(change) {
            let name = format!("{}__{slug}.sql", version(migration.stamp, versions));
            files.extend(script(&format!("V{name}"), &about(place, change), up.as_ref()));
            files.extend(script(&format!("U{name}"), &undo, down.as_ref()));
            versions += 1;
        }
    }
    files
}

fn script(name: &str, head: &[String], step: Option<&Step<'_>>) -> [MigrationFile; 2] {
    let in_transaction = step.is_none_or(Step::together);
    let mut lines = head.to_vec();
    if !in_transaction {
        let statements = step.map(|step| step.statements().concat()).unwrap_or_default();
        lines.extend([outside(&statements).to_owned(), LOCK.to_owned()]);
    }
    let body: String = match step {
        Some(step) => step.script().into_iter().map(terminated).collect(),
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
    use super::super::samples::{index, migration, outside, settings, vacuum};
    use super::*;

    fn named<'a>(files: &'a [MigrationFile], name: &str) -> &'a str {
        files.iter().find(|file| file.name == name).map_or("", |file| &file.text)
    }

    #[test]
    fn each_script_says_whether_it_runs_in_a_transaction_and_has_no_placeholders() {
        let files = write(&migration(&[settings(), index()]));
        for (name, inside) in [("V20260102030405", true), ("U20260102030406", false)] {
            assert_eq!(
                named(&files, &format!("{name}__tune_the_orders.sql.conf")),
                format!("executeInTransaction={inside}\nplaceholderReplacement=false\n")
            );
        }
    }

    #[test]
    fn a_script_outside_transactions_sets_and_puts_back_its_limits() {
        let files = write(&migration(&[index()]));
        let text = named(&files, "V20260102030405__tune_the_orders.sql");
        assert!(text.ends_with(
            "SET lock_timeout = '30min';\nSET statement_timeout = 0;\n\
             CREATE INDEX CONCURRENTLY i ON orders (status);\n\
             RESET lock_timeout;\nRESET statement_timeout;\n"
        ));
        assert!(text.contains("transactional.lock=false"));
    }

    #[test]
    fn undoing_the_last_version_first_runs_down_in_its_order() {
        let mut change = index();
        change.down = vec![outside("DROP INDEX CONCURRENTLY i"), outside("VACUUM orders")];
        let files = write(&migration(&[change]));
        assert!(named(&files, "U20260102030406__tune_the_orders.sql").contains("DROP INDEX"));
        assert!(named(&files, "U20260102030405__tune_the_orders.sql").contains("VACUUM"));
    }

    #[test]
    fn an_undo_without_a_way_back_runs_nothing() {
        let files = write(&migration(&[vacuum()]));
        let text = named(&files, "U20260102030405__tune_the_orders.sql");
        assert!(text.contains("Cannot be undone: dead rows do not come back"));
        assert!(text.lines().all(|line| line.starts_with("--")));
    }
}
