//! golang-migrate: numbered pairs of `.up.sql` and `.down.sql`.
//!
//! Its PostgreSQL drivers send a file as one query (only `x-multi-statement=true` splits it, at every semicolon), and
//! PostgreSQL makes a transaction of several statements: what refuses one stands in a file alone. All files run on one
//! connection. A file that failed leaves the database marked as dirty, until `migrate force` names the version before.

use super::super::step::{GoesOn, Sole};
use super::super::{
    Migration,
    sole::{SoleFile, pairs_of_files},
};
use optischema::model::MigrationFile;

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    pairs_of_files(migration, GoesOn::FromTheStart, &text)
}

fn text(file: &SoleFile<'_>) -> String {
    match file.part {
        // An empty query is none, so that a file of comments would fail.
        None => format!("{}SELECT 1;\n", file.head()),
        Some(Sole::One(_) | Sole::Several(_)) => file.head() + &file.body(),
    }
}
