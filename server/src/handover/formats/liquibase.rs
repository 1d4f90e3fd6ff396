//! Liquibase: a formatted SQL changelog a change, a changeset a step.
//!
//! A changeset runs in a transaction or, with `runInTransaction:false`, without any. It is split at the delimiter that
//! it names, and what undoes it stands in its `--rollback` lines, under the same kind of transaction.

use super::super::step::{Step, pairs, steps};
use super::super::text::{comment, head, linted, named, version};
use super::super::{HandedChange, Migration};
use optischema::model::MigrationFile;

/// It stands on a line of its own, which no statement has.
const END: &str = "--;;";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files = named(migration).into_iter().map(|named| {
        let stem = format!("{}_{}", version(migration.stamp, named.place), named.slug);
        let sets: String = sets(named.change)
            .into_iter()
            .enumerate()
            .map(|(nth, (up, down))| set(&stem, nth + 1, up.as_ref(), down.as_ref()))
            .collect();
        let mut lines = head(named.change);
        lines.push("squawk-ignore-file prefer-robust-stmts".to_owned());
        // A comment before the first changeset belongs to none.
        let text = format!("--liquibase formatted sql\n\n{}\n{sets}", comment("--", &lines));
        MigrationFile { name: format!("{stem}.sql"), text }
    });
    files.collect()
}

/// The changesets of a change: what undoes one must run under its kind of transaction.
fn sets(change: &HandedChange) -> Vec<(Option<Step>, Option<Step>)> {
    let mut sets = Vec::new();
    for (up, down) in pairs(&steps(&change.up), &steps(&change.down)) {
        match (&up, &down) {
            (Some(one), Some(other)) if one.together() != other.together() => {
                sets.extend([(up, None), (None, down)]);
            }
            _ => sets.push((up, down)),
        }
    }
    sets
}

fn set(stem: &str, nth: usize, up: Option<&Step>, down: Option<&Step>) -> String {
    let in_transaction = up.or(down).is_none_or(Step::together);
    let body = match up {
        Some(up) => statements(up),
        None => format!("SELECT 1;\n{END}\n"),
    };
    let undo = match down {
        Some(down) => {
            let lines = statements(down);
            lines.lines().map(|line| format!("--rollback {line}\n")).collect()
        }
        None => "--rollback empty\n".to_owned(),
    };
    format!(
        "--changeset optischema:{stem}_{nth} runInTransaction:{in_transaction} endDelimiter:\\n{END} rollbackEndDelimiter:\\n{END} stripComments:false\n\
         {body}{undo}\n"
    )
}

fn statements(step: &Step) -> String {
    step.script().iter().map(|sql| format!("{}{END}\n", linted(sql))).collect()
}
