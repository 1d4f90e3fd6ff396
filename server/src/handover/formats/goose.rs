//! goose: one file a change, with `-- +goose Up` and `-- +goose Down`.
//!
//! goose sends each statement by itself, and splits at a `;` at the end of a line unless the statement stands between
//! `StatementBegin` and `StatementEnd`. A file is in one transaction or in none: there, statements that belong together
//! are sent as one query, of which PostgreSQL makes a transaction.

use super::super::step::{Step, any_alone, steps};
use super::super::text::{comment, head, named, no_way_back, script, title, version};
use super::super::{HandedStatement, Migration};
use optischema::model::MigrationFile;

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files = named(migration).into_iter().map(|named| {
        let change = named.change;
        let alone = any_alone(change);
        let mark = if alone { "-- +goose NO TRANSACTION\n" } else { "" };
        let mut lines = head(change);
        if alone {
            lines.push(
                "Some statements refuse a transaction; the others have their own.".to_owned(),
            );
        }
        lines.push("squawk-ignore-file prefer-robust-stmts".to_owned());
        let down: Vec<_> = std::iter::once(title(change)).chain(no_way_back(change)).collect();
        let text = format!(
            "{mark}{}-- +goose Up\n{}\n-- +goose Down\n{}{}",
            comment("--", &lines),
            body(&change.up),
            comment("--", &down),
            body(&change.down)
        );
        MigrationFile {
            name: format!("{}_{}.sql", version(migration.stamp, named.place), named.slug),
            text,
        }
    });
    files.collect()
}

fn body(statements: &[HandedStatement]) -> String {
    let between = |text: &str| format!("-- +goose StatementBegin\n{text}-- +goose StatementEnd\n");
    let step = |step: &Step| match step {
        Step::Together(_) => between(&script(&step.script())),
        Step::Alone(_) => {
            step.script().iter().map(|sql| between(&script(std::slice::from_ref(sql)))).collect()
        }
    };
    steps(statements).iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{index, migration, settings};
    use super::*;

    #[test]
    fn a_file_is_without_transaction_only_if_a_statement_refuses_it() {
        let files = write(&migration(&[settings(), index()]));
        assert!(!files[0].text.contains("NO TRANSACTION"));
        assert!(files[1].text.starts_with("-- +goose NO TRANSACTION\n"));
    }

    #[test]
    fn statements_of_a_transaction_are_one_query_and_the_others_one_each() {
        let files = write(&migration(&[settings(), index()]));
        assert_eq!(files[0].text.matches("StatementBegin").count(), 2);
        assert_eq!(files[1].text.matches("StatementBegin").count(), 7 + 5);
    }
}
