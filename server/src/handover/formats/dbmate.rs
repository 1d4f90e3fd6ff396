//! dbmate: one file a version, with `-- migrate:up` and `-- migrate:down`.
//!
//! dbmate sends each part of a file as one query, in a transaction unless the mark says `transaction:false`; PostgreSQL
//! makes a transaction of several statements, so that what refuses one is a version by itself.

use super::super::step::{GoesOn, Sole};
use super::super::{
    Migration,
    sole::{SoleFile, versions},
};
use optischema::model::MigrationFile;

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files =
        versions(migration, GoesOn::WithWhatFailed).into_iter().map(|version| MigrationFile {
            name: format!("{}.sql", version.stem),
            text: format!("{}\n{}", part("up", &version.up), part("down", &version.down)),
        });
    files.collect()
}

fn part(way: &str, file: &SoleFile<'_>) -> String {
    let mark = match file.part {
        Some(Sole::One(_)) => " transaction:false",
        Some(Sole::Several(_)) | None => "",
    };
    format!("-- migrate:{way}{mark}\n{}{}", file.head(), file.body())
}
