//! Plain SQL for `psql`: one file up, one file down.
//!
//! psql sends each statement by itself, so that one outside a transaction needs nothing special.
//! The statements of a change that may share a transaction do, between `BEGIN` and `COMMIT`: a
//! change that fails halfway leaves nothing behind, and its locks do not outlast it.

use super::step::{Step, irreversible, outside, steps};
use super::text::{comment, head, no_way_back, slug, terminated, title, version};
use super::{HandedChange, HandedStatement, Migration, MigrationFile};

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let stem = format!("{}_{}", version(migration.stamp, 0), slug(migration.name));
    let up = migration.changes.iter().enumerate();
    let up: String = up.map(|(place, change)| part(place, change, &change.up, None)).collect();
    let down = migration.changes.iter().enumerate().rev();
    let mut down: String = down
        .map(|(place, change)| part(place, change, &change.down, no_way_back(change)))
        .collect();
    if irreversible(migration.changes) {
        down.push_str("\\echo 'Nothing was undone: nothing in this migration can be.'\n");
    }
    vec![file(migration, &stem, "up", &up), file(migration, &stem, "down", &down)]
}

fn file(migration: &Migration<'_>, stem: &str, way: &str, body: &str) -> MigrationFile {
    let name = format!("{stem}.{way}.sql");
    let mut lines = head(migration);
    // A psqlrc may set variables, and psql puts a variable `n` into a slice `[1:n]`.
    lines.extend([String::new(), format!("Run it with: psql -X -v ON_ERROR_STOP=1 -f {name}")]);
    lines
        .push("and without --single-transaction: some statements refuse a transaction.".to_owned());
    let text =
        format!("{}\n\\set ON_ERROR_STOP on\n\\set AUTOCOMMIT on\n\n{body}", comment("--", &lines));
    MigrationFile { name, text }
}

fn part(
    place: usize,
    change: &HandedChange,
    statements: &[HandedStatement],
    remark: Option<String>,
) -> String {
    let mut lines = vec![title(place, change)];
    lines.extend(remark);
    let body: String = steps(statements).iter().map(step).collect();
    format!("{}{body}\n", comment("--", &lines))
}

fn step(step: &Step<'_>) -> String {
    let script: String = step.script().into_iter().map(terminated).collect();
    match step {
        Step::Together(_) => format!("BEGIN;\n{script}COMMIT;\n"),
        Step::Alone(sql) => format!("-- {}\n{script}", outside(sql)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{index, migration, settings, vacuum};
    use super::*;

    #[test]
    fn a_statement_that_refuses_a_transaction_stands_between_blocks_with_its_limits() {
        let files = write(&migration(&[settings(), index()]));
        let (_, up) = files[0].text.split_once("\n\n-- 1. ").unwrap();
        let expected = [
            "Correlate town and postcode\nBEGIN;\nSET LOCAL lock_timeout = '5s';\n",
            "SET LOCAL statement_timeout = '60s';\n",
            "CREATE STATISTICS s (dependencies) ON town, postcode FROM orders;\n",
            "ANALYZE orders;\nCOMMIT;\n\n-- 2. Index orders by status\n-- ",
            outside("CREATE INDEX CONCURRENTLY"),
            "\nSET lock_timeout = '30min';\nSET statement_timeout = 0;\n",
            "CREATE INDEX CONCURRENTLY i ON orders (status);\n",
            "RESET lock_timeout;\nRESET statement_timeout;\n\n",
        ];
        assert_eq!(up, expected.concat());
    }

    #[test]
    fn down_undoes_the_last_change_first() {
        let files = write(&migration(&[settings(), index()]));
        let text = &files[1].text;
        assert!(text.find("DROP INDEX").unwrap() < text.find("DROP STATISTICS").unwrap());
    }

    #[test]
    fn a_down_that_can_undo_nothing_says_so_when_it_runs() {
        let says = |changes: &[HandedChange]| write(&migration(changes))[1].text.contains("\\echo");
        assert!(says(&[vacuum()]));
        assert!(!says(&[vacuum(), index()]));
    }
}
