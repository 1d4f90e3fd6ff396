//! Prisma Migrate: a folder for each version, with `migration.sql`.
//!
//! Prisma sends a migration as one script, of which PostgreSQL makes a transaction, on one connection: what refuses a
//! transaction is a migration by itself. It knows no way back: `down.sql` beside it is for `prisma db execute`.

use super::super::Migration;
use super::super::sole::{SoleFile, versions};
use super::super::step::GoesOn;
use optischema::model::MigrationFile;

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let mut files = Vec::new();
    for version in versions(migration, GoesOn::WithWhatFailed) {
        let text = |file: &SoleFile<'_>| match file.part {
            None => format!("{}SELECT 1;\n", file.head()),
            Some(_) => file.head() + &file.body(),
        };
        let file =
            |name: &str, text| MigrationFile { name: format!("{}/{name}", version.stem), text };
        files.push(file("migration.sql", text(&version.up)));
        files.push(file("down.sql", text(&version.down)));
    }
    files
}
