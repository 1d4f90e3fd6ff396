//! Alembic: one revision with `upgrade` and `downgrade`.
//!
//! `op.execute` makes a string a `text()`, which takes `:name` for a parameter. `DDL` does not: it
//! only formats with `%`, so that doubling each `%` makes any statement arrive as it stands. Only
//! Alembic's own offline mode (`--sql`) makes four spaces of each tab, whatever it is given.

use super::python::string;
use super::step::{RESET_LIMITS, Step, irreversible, outside, steps};
use super::text::{comment, head, no_way_back, slug, title, version};
use super::{HandedChange, HandedStatement, Migration, MigrationFile};

const RUN: &str = "def run(sql: str) -> None:\n    \
    \"\"\"Run one statement as it stands: text() would take :name for a parameter.\"\"\"\n    \
    op.execute(DDL(sql.replace(\"%\", \"%%\")))\n";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let (slug, revision) = (slug(migration.name), version(migration.stamp, 0));
    let changes = migration.changes.iter().enumerate();
    let up: String =
        changes.clone().map(|(place, change)| part(place, change, &change.up)).collect();
    let mut down: String =
        changes.rev().map(|(place, change)| part(place, change, &change.down)).collect();
    if irreversible(migration.changes) {
        down.push_str("    raise NotImplementedError(\"Nothing of it can be undone.\")\n");
    }
    // A function of comments alone is none: `pass` stands in for statements.
    let pass = |body: &str| {
        if body.lines().all(|line| line.starts_with("    #")) { "    pass\n" } else { "" }
    };
    // The first line of the docstring is what `alembic history` shows. Python takes an encoding
    // from a comment in the first two lines: they are not free text.
    let text = format!(
        "\"\"\"{}\"\"\"\n\n{}\nfrom alembic import op\nfrom sqlalchemy import DDL\n\n\
         revision = \"{revision}\"\n\
         # Fill in: the revision that this one follows, as `alembic heads` names it.\n\
         down_revision = None\nbranch_labels = None\ndepends_on = None\n\n\n{RUN}\n\n\
         def upgrade() -> None:\n{up}{}\n\ndef downgrade() -> None:\n{down}{}",
        slug.replace('_', " "),
        comment("#", &head(migration)),
        pass(&up),
        pass(&down),
    );
    vec![MigrationFile { name: format!("{revision}_{slug}.py"), text }]
}

fn part(place: usize, change: &HandedChange, statements: &[HandedStatement]) -> String {
    let mut lines = vec![title(place, change)];
    if statements.is_empty() {
        lines.extend(no_way_back(change));
    }
    let body: String = steps(statements).iter().map(written).collect();
    comment("    #", &lines) + &body
}

fn written(step: &Step<'_>) -> String {
    let run = |indent: usize, sql: &str| {
        format!("{}run({})\n", " ".repeat(indent), string(&closed(sql), indent))
    };
    match step {
        // Alembic may run all migrations in one transaction, in which SET LOCAL lasts.
        Step::Together(_) => {
            step.script().into_iter().chain(RESET_LIMITS).map(|sql| run(4, sql)).collect()
        }
        // The block commits the transaction before it, and begins a new one after it.
        Step::Alone(sql) => {
            let remark = outside(sql);
            let script: String = step.script().into_iter().map(|sql| run(8, sql)).collect();
            format!("    # {remark}\n    with op.get_context().autocommit_block():\n{script}")
        }
    }
}

/// The statement, its last `--` comment closed: offline, Alembic strips the end and appends a `;`.
fn closed(sql: &str) -> String {
    let last = sql.rsplit(['\n', '\r']).next().unwrap_or(sql);
    format!("{sql}{}", if last.contains("--") { "\n/**/" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{index, migration, settings, vacuum};
    use super::*;

    fn text(changes: &[HandedChange]) -> String {
        write(&migration(changes))[0].text.clone()
    }

    #[test]
    fn no_statement_reaches_op_execute_as_a_string() {
        let text = text(&[settings(), index()]);
        assert_eq!(text.matches("op.execute(").count(), 1);
        assert!(text.contains("op.execute(DDL(sql.replace(\"%\", \"%%\")))"));
    }

    #[test]
    fn only_what_refuses_a_transaction_is_in_an_autocommit_block() {
        let text = text(&[settings(), index()]);
        assert_eq!(text.matches("autocommit_block").count(), 2);
        assert!(
            text.contains("\n        run(\"CREATE INDEX CONCURRENTLY i ON orders (status)\")\n")
        );
        assert!(text.contains("\n    run(\"ANALYZE orders\")\n    run(\"RESET lock_timeout\")\n"));
    }

    #[test]
    fn it_raises_only_where_nothing_can_be_undone() {
        assert!(
            text(&[vacuum()])
                .ends_with("raise NotImplementedError(\"Nothing of it can be undone.\")\n")
        );
        assert!(!text(&[vacuum(), index()]).contains("raise "));
    }

    #[test]
    fn a_closing_comment_does_not_swallow_what_alembic_appends() {
        assert_eq!(closed("SELECT 1 -- one"), "SELECT 1 -- one\n/**/");
        assert_eq!(closed("SELECT 1"), "SELECT 1");
    }

    #[test]
    fn a_function_without_statements_is_still_one() {
        assert_eq!(text(&[]).matches("    pass\n").count(), 2);
    }
}
