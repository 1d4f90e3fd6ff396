//! The state that outlives the process: SQLite through sqlx. SQL on this state stands here only.
//!
//! One writer connection and a pool of readers; every write is `BEGIN IMMEDIATE`, and no network call is
//! made inside one. The domain's types come out; row layouts stay in.

mod advice;
mod audit;
mod backup;
mod change_rows;
mod changes;
mod events;
mod filters;
mod import;
mod job_rows;
mod jobs;
mod kept;
mod live;
mod orphans;
mod plans;
mod predictions;
mod pruning;
mod queries;
mod query_list;
mod query_row;
mod queue;
mod readings;
mod recommendation_rows;
mod recommendations;
mod row;
mod scores;
mod seen;
mod sessions;
mod soundness;
mod watches;
mod webhooks;
mod workload;

use std::path::Path;
use std::time::Duration;

use optischema::refusal::Refusal;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, SqlSafeStr, Sqlite, SqliteConnection, Transaction};
use thiserror::Error;

use crate::file_error::in_words;

pub use advice::AdviceTaken;
pub use audit::AuditRecord;
pub use changes::{NewChange, Recorded};
pub use events::EventBatch;
pub use import::{ImportError, Imported, read_import};
pub use job_rows::{ClaimedJob, JobEnd, JobFailure, Lease, NewJob};
pub(crate) use kept::{Kept, Known};
pub use live::Live;
pub use plans::SeenPlan;
pub use queries::StoredQuery;
pub use sessions::SignIn;
pub use webhooks::Receiver;
pub use workload::{FreshQuery, LastReading, NewReading};

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("there is no {what} with the id {id}")]
    NotFound { what: &'static str, id: String },
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another worker holds the job, or it was cancelled: whoever asks must stop.
    #[error("the lease on the job is lost")]
    LeaseLost,
    #[error("failed to read {column} of the store: {reason}")]
    Corrupt { column: &'static str, reason: String },
    #[error("failed to use {}: {}", .0.display(), in_words(.1))]
    File(std::path::PathBuf, std::io::Error),
    #[error(
        "the store {} is damaged ({reason}): move the file away, start OptiSchema, and restore a backup with `optischema restore FILE`", .file.display()
    )]
    Damaged { file: std::path::PathBuf, reason: String },
    #[error(
        "the store {} is empty, though it was used before: restore a backup of the file, or delete it to begin with an empty store", .0.display()
    )]
    Emptied(std::path::PathBuf),
    #[error(
        "{} is no store of OptiSchema: it holds tables of another program; choose another folder with --data-dir", .0.display()
    )]
    Foreign(std::path::PathBuf),
    #[error(
        "the store {} was written by a later OptiSchema (migration {version}, and this one knows {known}): install that version, or restore an earlier backup", .file.display()
    )]
    Newer { file: std::path::PathBuf, version: i64, known: i64 },
    #[error("failed to use the store: {0}")]
    Sqlx(#[from] sqlx::Error),
    #[error("failed to bring the store up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl StoreError {
    /// Whether the store cannot be written now, for a reason that is none of the caller's: the disk is full, the file is
    /// locked or read-only.
    #[must_use]
    pub fn is_unwritable(&self) -> bool {
        let Self::Sqlx(sqlx::Error::Database(error)) = self else { return false };
        // SQLITE_BUSY, SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL; what is above the low byte says more of them.
        let code = error.code().and_then(|code| code.parse::<i32>().ok());
        code.is_some_and(|code| matches!(code & 0xff, 5 | 8 | 10 | 13))
    }
}

/// A write transaction. Once it is committed, whoever follows is told.
struct Write {
    transaction: Transaction<'static, Sqlite>,
    live: Live,
}

impl Write {
    async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await?;
        self.live.wrote();
        Ok(())
    }
}

impl std::ops::Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &Self::Target {
        &self.transaction
    }
}

impl std::ops::DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.transaction
    }
}

/// The store of one data folder.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    /// One connection that only asks whether others have written.
    watcher: SqlitePool,
    live: Live,
}

/// How often the store was written, as one process sees it. Equal ones mean that nothing was written between.
pub type Written = (u64, i64);

impl Store {
    /// Opens the store in a file, makes it where it is missing, and brings it up to date.
    ///
    /// # Errors
    /// The file cannot be opened or is of a later version.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        soundness::check_file(file, LAST_MIGRATION).await?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_millis(5000))
            .foreign_keys(true);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            // Where the disk was full SQLite rolls back by itself, and the connection takes itself for one that is still in
            // the transaction: it is not used again.
            .before_acquire(|connection, _| {
                let is_fit = !connection.is_in_transaction();
                Box::pin(async move { Ok(is_fit) })
            })
            .connect_with(options.clone())
            .await?;
        migrator().run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.clone().read_only(true))
            .await?;
        let watcher = SqlitePoolOptions::new()
            .max_connections(1)
            // Its numbers compare only with its own.
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { writer, readers, watcher, live: Live::default() })
    }

    /// What changes with every write, of other processes too: an import runs beside a server.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn written(&self) -> Result<Written, StoreError> {
        let row = sqlx::query("PRAGMA data_version").fetch_one(&self.watcher).await?;
        Ok((*self.live.written().borrow(), sqlx::Row::try_get(&row, 0)?))
    }

    async fn write(&self) -> Result<Write, StoreError> {
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Write { transaction, live: self.live.clone() })
    }

    /// Who follows what happens.
    #[must_use]
    pub const fn live(&self) -> &Live {
        &self.live
    }

    /// One setting of the instance's own.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT value FROM settings WHERE key = ?1")
            .bind(key)
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| row::text(&row, "value")).transpose()
    }

    /// Sets one of them.
    pub async fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO settings (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Writes everything out and closes; later calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.watcher.close().await;
        self.writer.close().await;
    }
}

/// The number of the last migration.
const LAST_MIGRATION: i64 = 12;

/// The migrations, embedded.
fn migrator() -> Migrator {
    let migration = |version, name: &'static str, text: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        migration(1, "initial", include_str!("../../migrations/0001_initial.sql")),
        migration(2, "workload", include_str!("../../migrations/0002_workload.sql")),
        migration(3, "advice", include_str!("../../migrations/0003_advice.sql")),
        migration(4, "changes", include_str!("../../migrations/0004_changes.sql")),
        migration(5, "verdict", include_str!("../../migrations/0005_verdict.sql")),
        migration(6, "lists", include_str!("../../migrations/0006_lists.sql")),
        migration(7, "reasons", include_str!("../../migrations/0007_reasons.sql")),
        migration(8, "own time", include_str!("../../migrations/0008_own_time.sql")),
        migration(9, "closed by", include_str!("../../migrations/0009_closed_by.sql")),
        migration(10, "sets", include_str!("../../migrations/0010_sets.sql")),
        migration(11, "seen", include_str!("../../migrations/0011_seen.sql")),
        migration(12, "error_code", include_str!("../../migrations/0012_error_code.sql")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_that_was_left_inside_a_transaction_is_not_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
        // As a full disk does it: SQLite rolls back by itself, and the connection does not hear of it.
        let mut write = store.write().await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *write).await.unwrap();
        let failed = write.commit().await.unwrap_err();
        assert!(matches!(failed, StoreError::Sqlx(_)), "{failed}");
        store.set_setting("a", "b").await.unwrap();
        assert_eq!(store.setting("a").await.unwrap().as_deref(), Some("b"));
    }
}
