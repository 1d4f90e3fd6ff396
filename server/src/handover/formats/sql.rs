//! Plain SQL for `psql`: one file up, one file down.
//!
//! psql sends each statement by itself, so that one outside a transaction needs nothing special.
//! The statements of a change that may share a transaction do, between `BEGIN` and `COMMIT`: a
//! change that fails halfway leaves nothing behind, and its locks do not outlast it.

use super::super::step::{Step, steps};
use super::super::text::{comment, head, named, no_way_back, script, title, version};
use super::super::{HandedChange, HandedStatement, Migration};
use optischema::model::MigrationFile;

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files = named(migration).into_iter().flat_map(|named| {
        let stem = format!("{}_{}", version(migration.stamp, named.place), named.slug);
        let change = named.change;
        let down = vec![title(change)].into_iter().chain(no_way_back(change)).collect();
        [
            file(&stem, "up", head(change), &body(&change.up)),
            file(&stem, "down", down, &undo(change)),
        ]
    });
    files.collect()
}

fn file(stem: &str, way: &str, mut lines: Vec<String>, body: &str) -> MigrationFile {
    let name = format!("{stem}.{way}.sql");
    // A psqlrc may set variables, and psql puts a variable `n` into a slice `[1:n]`.
    lines.extend([String::new(), format!("Run it with: psql -X -v ON_ERROR_STOP=1 -f {name}")]);
    lines
        .push("and without --single-transaction: some statements refuse a transaction.".to_owned());
    MigrationFile { name, text: format!("{}\n{body}", comment("--", &lines)) }
}

fn undo(change: &HandedChange) -> String {
    if change.down.is_empty() {
        return "DO $$ BEGIN RAISE WARNING 'Nothing was undone: it cannot be.'; END $$;\n"
            .to_owned();
    }
    body(&change.down)
}

/// Statements as psql runs them.
pub(super) fn body(statements: &[HandedStatement]) -> String {
    steps(statements).iter().map(step).collect()
}

fn step(step: &Step) -> String {
    let body = script(&step.script());
    if step.together() { format!("BEGIN;\n{body}COMMIT;\n") } else { body }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{index, migration, settings, vacuum};
    use super::*;

    #[test]
    fn what_may_share_a_transaction_does_and_the_rest_stands_with_its_limits() {
        let files = write(&migration(&[settings(), index()]));
        assert!(files[0].text.ends_with(
            "\nBEGIN;\nSET LOCAL lock_timeout = '5s';\nSET LOCAL statement_timeout = '60s';\n\
             CREATE STATISTICS IF NOT EXISTS s (dependencies) ON town, postcode FROM orders;\n\
             ANALYZE orders;\nCOMMIT;\n"
        ));
        let up = &files[2].text;
        let at = |text: &str| up.find(text).unwrap_or_else(|| panic!("{text}: {up}"));
        assert!(at("SET lock_timeout = '30min'") < at("DROP INDEX IF EXISTS '"));
        assert!(at("DROP INDEX IF EXISTS '") < at("CREATE INDEX CONCURRENTLY IF NOT EXISTS"));
        assert!(at("RAISE EXCEPTION") < at("RESET lock_timeout"));
    }

    #[test]
    fn each_change_has_its_files_and_a_down_that_can_undo_nothing_says_so() {
        let files = write(&migration(&[vacuum(), index(), index()]));
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "20260102030405_vacuum_orders.up.sql",
                "20260102030405_vacuum_orders.down.sql",
                "20260102030406_index_orders_by_status.up.sql",
                "20260102030406_index_orders_by_status.down.sql",
                "20260102030407_index_orders_by_status_2.up.sql",
                "20260102030407_index_orders_by_status_2.down.sql",
            ]
        );
        assert!(files[1].text.contains("RAISE WARNING") && !files[3].text.contains("WARNING"));
    }
}
