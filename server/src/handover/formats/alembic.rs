//! Alembic: one revision with `upgrade` and `downgrade`.
//!
//! `op.execute` makes a string a `text()`, which takes `:name` for a parameter. `DDL` does not: it
//! only formats with `%`, so that doubling each `%` makes any statement arrive as it stands. Only
//! Alembic's own offline mode (`--sql`) makes four spaces of each tab, whatever it is given.

use super::super::literal::{PYTHON, string};
use super::super::step::{RESET_LIMITS, Step, steps};
use super::super::text::{comment, head, named, no_way_back, title, version};
use super::super::{HandedStatement, Migration};
use optischema::model::MigrationFile;

const RUN: &str = "def run(sql: str) -> None:\n    \
    \"\"\"Run one statement unchanged: text() would take :name for a parameter.\"\"\"\n    \
    op.execute(DDL(sql.replace(\"%\", \"%%\")))\n";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files = named(migration).into_iter().map(|named| {
        let change = named.change;
        let revision = version(migration.stamp, named.place);
        let follows = match named.place.checked_sub(1) {
            Some(before) => format!("down_revision = \"{}\"", version(migration.stamp, before)),
            None => "# Fill in: the revision that this one follows, as `alembic heads` names it.\n\
                     down_revision = None"
                .to_owned(),
        };
        let undo: Vec<_> = std::iter::once(title(change)).chain(no_way_back(change)).collect();
        let down = if change.down.is_empty() && named.refuses {
            "    raise NotImplementedError(\"It cannot be undone.\")\n".to_owned()
        } else {
            function(&change.down)
        };
        let up = function(&change.up);
        // The first line of the docstring is what `alembic history` shows. Python takes an encoding
        // from a comment in the first two lines: they are not free text.
        let text = format!(
            "\"\"\"{}\"\"\"\n\n{}\nfrom alembic import op\nfrom sqlalchemy import DDL\n\n\
             revision = \"{revision}\"\n{follows}\nbranch_labels = None\ndepends_on = None\n\n\n{RUN}\n\n\
             def upgrade() -> None:\n{up}\n\ndef downgrade() -> None:\n{}{down}",
            named.slug.replace('_', " "),
            comment("#", &head(change)),
            comment("    #", &undo),
        );
        MigrationFile { name: format!("{revision}_{}.py", named.slug), text }
    });
    files.collect()
}

/// A function of comments alone is none: `pass` stands in for statements.
fn function(statements: &[HandedStatement]) -> String {
    if statements.is_empty() {
        return "    pass\n".to_owned();
    }
    steps(statements).iter().map(written).collect()
}

fn written(step: &Step) -> String {
    let run = |indent: usize, sql: &str| {
        format!("{}run({})\n", " ".repeat(indent), string(&PYTHON, &closed(sql), indent))
    };
    if step.together() {
        // Alembic may run all migrations in one transaction, in which SET LOCAL lasts.
        let reset = RESET_LIMITS.map(str::to_owned);
        step.script().iter().chain(&reset).map(|sql| run(4, sql)).collect()
    } else {
        // The block commits the transaction before it, and begins a new one after it.
        let script: String = step.script().iter().map(|sql| run(8, sql)).collect();
        format!("    with op.get_context().autocommit_block():\n{script}")
    }
}

/// The statement, its last `--` comment closed: offline, Alembic strips the end and appends a `;`.
fn closed(sql: &str) -> String {
    let last = sql.rsplit(['\n', '\r']).next().unwrap_or(sql);
    format!("{sql}{}", if last.contains("--") { "\n/**/" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::super::super::HandedChange;
    use super::super::super::samples::{index, migration, settings, vacuum};
    use super::*;

    fn texts(changes: &[HandedChange]) -> Vec<String> {
        write(&migration(changes)).into_iter().map(|file| file.text).collect()
    }

    #[test]
    fn no_statement_reaches_op_execute_as_a_string() {
        for text in texts(&[settings(), index()]) {
            assert_eq!(text.matches("op.execute(").count(), 1);
            assert!(text.contains("op.execute(DDL(sql.replace(\"%\", \"%%\")))"));
        }
    }

    #[test]
    fn only_what_refuses_a_transaction_is_in_an_autocommit_block() {
        let texts = texts(&[settings(), index()]);
        assert!(!texts[0].contains("autocommit_block"));
        assert!(
            texts[0].contains("\n    run(\"ANALYZE orders\")\n    run(\"RESET lock_timeout\")\n")
        );
        assert_eq!(texts[1].matches("autocommit_block").count(), 2);
        assert!(texts[1].contains(
            "\n        run(\"CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON orders (status)\")\n"
        ));
    }

    #[test]
    fn revisions_follow_each_other_and_the_first_is_to_be_filled_in() {
        let texts = texts(&[settings(), index()]);
        assert!(texts[0].contains("\n# Fill in") && texts[0].contains("\ndown_revision = None\n"));
        assert!(texts[1].contains("\ndown_revision = \"20260102030405\"\n"));
    }

    #[test]
    fn it_raises_only_where_nothing_can_be_undone() {
        let raises =
            |changes: &[HandedChange]| texts(changes)[0].contains("raise NotImplementedError");
        assert!(raises(&[vacuum()]) && !raises(&[vacuum(), index()]));
    }

    #[test]
    fn a_closing_comment_does_not_swallow_what_alembic_appends() {
        assert_eq!(closed("SELECT 1 -- one"), "SELECT 1 -- one\n/**/");
        assert_eq!(closed("SELECT 1"), "SELECT 1");
    }

    #[test]
    fn a_function_without_statements_is_still_one() {
        let mut change = index();
        change.up.clear();
        assert_eq!(texts(&[change])[0].matches("    pass\n").count(), 1);
    }
}
