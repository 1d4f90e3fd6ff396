//! Drizzle: a custom migration a change, and beside it what no migration of Drizzle can run.
//!
//! Drizzle runs all open migrations in one transaction. An index is therefore built by psql first, concurrently; the
//! migration finds it there. Elsewhere, on an empty database say, the migration builds it itself, in its transaction.

use super::super::step::{LOCAL_LIMITS, RESET_LIMITS, Step, steps};
use super::super::text::{comment, head, linted, named, no_way_back, title, version};
use super::super::{HandedChange, Migration};
use super::sql;
use crate::sql::{robust, within_transaction};
use optischema::model::MigrationFile;

const BREAK: &str = "--> statement-breakpoint\n";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let mut files = Vec::new();
    for named in named(migration) {
        let change = named.change;
        let stem = format!("{}_{}", version(migration.stamp, named.place), named.slug);
        let outside = change.up.iter().any(|statement| !statement.in_transaction);
        let before = format!("{stem}.before.sql");
        if outside {
            let mut lines = head(change);
            lines.push(format!(
                "Run it before the migration: psql -X -v ON_ERROR_STOP=1 -f {before}"
            ));
            let text = format!("{}\n{}", comment("--", &lines), sql::body(&change.up));
            files.push(MigrationFile { name: before.clone(), text });
        }
        let mut lines = head(change);
        lines.push(format!(
            "Make its place with `npx drizzle-kit generate --custom --name={}`, and put this text there.",
            named.slug
        ));
        if outside {
            lines.push(format!("On a database in use, run {before} first: then there is nothing left to wait for here."));
        }
        lines.push("squawk-ignore-file prefer-robust-stmts".to_owned());
        let text = format!("{}{}", comment("--", &lines), body(change));
        files.push(MigrationFile { name: format!("{stem}.sql"), text });
        let down: Vec<_> = std::iter::once(title(change))
            .chain(no_way_back(change))
            .chain(["Drizzle undoes nothing: run it with psql -X -v ON_ERROR_STOP=1.".to_owned()])
            .collect();
        let text = format!("{}\n{}", comment("--", &down), sql::body(&change.down));
        files.push(MigrationFile { name: format!("{stem}.down.sql"), text });
    }
    files
}

/// What runs in Drizzle's transaction.
fn body(change: &HandedChange) -> String {
    let mut statements: Vec<String> = Vec::new();
    for step in steps(&change.up) {
        match &step {
            Step::Together(own) => statements.extend(own.iter().cloned()),
            Step::Alone(alone) => {
                statements.extend(within_transaction(&robust(&alone.sql).sql));
                // A build that was cut off before the migration must not pass for one that is done.
                statements.extend(alone.after.iter().cloned());
            }
        }
    }
    if statements.is_empty() {
        return "-- None of it runs in a transaction.\nSELECT 1;\n".to_owned();
    }
    // Drizzle's transaction goes on with the next migration, which is not to run under these limits.
    let reset = RESET_LIMITS.map(str::to_owned);
    let all = LOCAL_LIMITS.map(str::to_owned).into_iter().chain(statements).chain(reset);
    all.map(|sql| linted(&sql)).collect::<Vec<_>>().join(BREAK)
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{index, migration, settings, vacuum};
    use super::*;

    #[test]
    fn what_refuses_a_transaction_goes_before_and_the_migration_finds_it_done() {
        let files = write(&migration(&[index()]));
        assert!(
            files[0].name.ends_with(".before.sql")
                && files[0].text.contains("CONCURRENTLY IF NOT EXISTS")
        );
        assert!(files[1].text.contains(&format!("{BREAK}-- Writes wait")), "{}", files[1].text);
        assert!(files[1].text.contains("\nCREATE INDEX IF NOT EXISTS i ON orders (status);\n"));
        assert!(files[1].text.contains("RAISE EXCEPTION"), "an invalid leftover is none");
        assert!(files[2].text.contains("DROP INDEX CONCURRENTLY IF EXISTS i;"));
    }

    #[test]
    fn a_migration_within_a_transaction_needs_nothing_before() {
        let files = write(&migration(&[settings()]));
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].text.matches(BREAK).count(), 5);
    }

    #[test]
    fn a_migration_is_never_empty() {
        let files = write(&migration(&[vacuum()]));
        assert!(files[1].text.ends_with("\nSELECT 1;\n"));
    }
}
