//! sqlx: numbered pairs of `.up.sql` and `.down.sql`.
//!
//! sqlx sends a file as one query, in a transaction unless it begins with `-- no-transaction`; and
//! PostgreSQL wraps a query of several statements in a transaction of its own. So a statement that
//! refuses one needs a file for itself, without even a `SET` beside it. Its limits come from the
//! pairs around it: `sqlx migrate run`, `revert --target-version` and `Migrator` all use one
//! connection, on which a `SET` holds once its file is committed.

use super::super::step::{GoesOn, Sole};
use super::super::text::comment;
use super::super::{
    Migration,
    sole::{SoleFile, pairs_of_files},
};
use optischema::model::MigrationFile;

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    pairs_of_files(migration, GoesOn::WithWhatFailed, &text)
}

fn text(file: &SoleFile<'_>) -> String {
    let head = file.head();
    match file.part {
        // It must be the very first bytes of the file.
        Some(Sole::One(_)) => format!("-- no-transaction\n{head}{}", file.body()),
        // sqlx passes over a version that has no down file, and leaves it as applied.
        None => format!("{head}{}", comment("--", &["Nothing runs here.".to_owned()])),
        Some(Sole::Several(_)) => head + &file.body(),
    }
}
