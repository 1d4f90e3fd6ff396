//! One file a format: how it writes a change's steps.

mod alembic;
mod dbmate;
mod django;
mod drizzle;
mod ecto;
mod flyway;
mod golang_migrate;
mod goose;
mod knex;
mod laravel;
mod liquibase;
mod prisma;
mod rails;
mod sql;
mod sqlx;
mod typeorm;

use optischema::model::{MigrationFile, MigrationFormat};

use super::{HandedChange, Migration};
use crate::sql::without_marks;

pub(super) fn write(format: MigrationFormat, migration: &Migration<'_>) -> Vec<MigrationFile> {
    let write = match format {
        MigrationFormat::Sql => sql::write,
        MigrationFormat::Sqlx => sqlx::write,
        MigrationFormat::Flyway => flyway::write,
        MigrationFormat::Liquibase => liquibase::write,
        MigrationFormat::Goose => goose::write,
        MigrationFormat::Dbmate => dbmate::write,
        MigrationFormat::GolangMigrate => golang_migrate::write,
        MigrationFormat::Rails => rails::write,
        MigrationFormat::Django => django::write,
        MigrationFormat::Alembic => alembic::write,
        MigrationFormat::Prisma => prisma::write,
        MigrationFormat::Drizzle => drizzle::write,
        MigrationFormat::Knex => knex::write,
        MigrationFormat::Typeorm => typeorm::write,
        MigrationFormat::Ecto => ecto::write,
        MigrationFormat::Laravel => laravel::write,
    };
    if !reads_comments(format) {
        return write(migration);
    }
    let changes: Vec<_> = migration.changes.iter().map(without_marks_in).collect();
    write(&Migration { changes: &changes, ..*migration })
}

/// Whether its tool takes lines of a file for marks of its own.
const fn reads_comments(format: MigrationFormat) -> bool {
    use MigrationFormat::{Dbmate, Drizzle, Goose, Liquibase};
    matches!(format, Dbmate | Drizzle | Goose | Liquibase)
}

/// The change with statements that hold no line which could be such a mark.
fn without_marks_in(change: &HandedChange) -> HandedChange {
    let mut change = change.clone();
    for statement in change.up.iter_mut().chain(&mut change.down) {
        // It is named, rather than written with what the tool would take for a mark.
        statement.sql = without_marks(&statement.sql).unwrap_or_else(|_| {
            "DO $$ BEGIN RAISE EXCEPTION 'This statement cannot be written for this tool: take it from the plain SQL'; END $$".to_owned()
        });
    }
    change
}
