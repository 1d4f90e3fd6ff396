//! The store as a file: written while it is used, and put back while it is used.

use std::path::Path;

use optischema::model::RestoreReport;
use optischema::refusal::Refusal;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use super::audit::{AuditRecord, append};
use super::events::note_restored;
use super::row::{integer, text};
use super::{Store, StoreError};
use crate::clock::now;

/// Tables that a restore leaves as they are: a trail is never rewritten, numbers of events never used again, and
/// receivers of webhooks are told of what happens here. Who is signed in stays so.
const KEPT: &[&str] = &["audit_log", "events", "sessions", "webhooks", "_sqlx_migrations"];

impl Store {
    /// Writes everything to a file that must not be there yet, as it is at one moment.
    ///
    /// # Errors
    /// The file is there, or cannot be written.
    pub async fn backup(&self, file: &Path) -> Result<(), StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        let failed = |error: std::io::Error| StoreError::File(file.to_owned(), error);
        // Absolute, since SQLite takes some names for more than a file's (`:memory:`, `file:…`).
        let file = &std::path::absolute(file).map_err(failed)?;
        // SQLite writes into an empty file too: so it is private from its first byte.
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(file).map_err(|error| match error
            .kind()
        {
            std::io::ErrorKind::AlreadyExists => {
                Refusal::FileExists(file.display().to_string()).into()
            }
            _ => failed(error),
        })?;
        let mut connection = self.writer.acquire().await?;
        let written = sqlx::query("VACUUM INTO ?1")
            .bind(file.to_string_lossy().into_owned())
            .execute(&mut *connection)
            .await;
        if written.is_err() {
            // Half a backup is none.
            drop(std::fs::remove_file(file));
        }
        written?;
        Ok(())
    }

    /// Puts a backup in the place of what is here. The audit trail goes on: it must begin as the backup's does, or the
    /// other way round.
    ///
    /// # Errors
    /// Jobs are running, the file is no backup, or its trail is another one's.
    pub async fn restore_from(
        &self,
        file: &Path,
        audit: &AuditRecord,
    ) -> Result<RestoreReport, StoreError> {
        if !is_backup(file).await {
            return Err(Refusal::NoBackup.into());
        }
        // Opened once as a store: it is brought up to date, and what is none is refused here.
        let backup = Self::open(file).await.map_err(|error| {
            tracing::warn!(%error, "a file was to be restored that is no backup");
            Refusal::BackupUnknown
        })?;
        let unsound = unsound(&backup).await;
        backup.close().await;
        if let Some(reason) = unsound? {
            return Err(Refusal::BackupDamaged(reason).into());
        }
        let mut connection = self.writer.acquire().await?;
        // One that was cut off may have left its own attached; where there is none this says so, and that is all.
        drop(sqlx::query("DETACH DATABASE backup").execute(&mut *connection).await);
        sqlx::query("ATTACH DATABASE ?1 AS backup")
            .bind(file.to_string_lossy().into_owned())
            .execute(&mut *connection)
            .await?;
        let restored = replace(&mut connection, audit).await;
        sqlx::query("DETACH DATABASE backup").execute(&mut *connection).await?;
        drop(connection);
        self.live.wrote();
        restored
    }
}

/// Why a backup had better not take the store's place.
async fn unsound(backup: &Store) -> Result<Option<String>, StoreError> {
    if let Some(reason) = backup.unsound().await? {
        return Ok(Some(reason));
    }
    let found = backup.verify_audit().await?;
    let broken = found.first_broken.map(|row| format!("its audit trail is broken at row {row}"));
    Ok(broken.or_else(|| found.problems.first().cloned()))
}

/// Whether a file is a store at all: opening makes one of anything that is empty enough.
async fn is_backup(file: &Path) -> bool {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let Ok(mut connection) = options.disable_statement_logging().connect().await else {
        return false;
    };
    let found = sqlx::query(
        "SELECT count(*) AS n FROM sqlite_master WHERE type = 'table'
           AND name IN ('_sqlx_migrations', 'recommendations', 'benchmark_jobs', 'changes', 'audit_log')",
    )
    .fetch_one(&mut connection)
    .await;
    // Where it cannot be closed it is forgotten: nothing was written.
    drop(connection.close().await);
    found.is_ok_and(|row| integer(&row, "n").is_ok_and(|count| count == 5))
}

async fn replace(
    connection: &mut SqliteConnection,
    audit: &AuditRecord,
) -> Result<RestoreReport, StoreError> {
    let mut write = connection.begin_with("BEGIN IMMEDIATE").await?;
    let report = replace_in(&mut write, audit).await?;
    write.commit().await?;
    Ok(report)
}

async fn replace_in(
    write: &mut SqliteConnection,
    audit: &AuditRecord,
) -> Result<RestoreReport, StoreError> {
    let running =
        count(write, "SELECT count(*) AS n FROM main.benchmark_jobs WHERE status = 'running'");
    if running.await? > 0 {
        return Err(Refusal::JobsRunning.into());
    }
    let mut report = RestoreReport { notes: unknown_changes(write).await?, ..Default::default() };
    carry_trail(write).await?;
    // Triggers keep quiet meanwhile: followers are told once that everything is another.
    for statement in [
        "INSERT OR REPLACE INTO main.settings (key, value) VALUES ('restoring', '1')",
        "PRAGMA defer_foreign_keys = ON",
    ] {
        sqlx::query(statement).execute(&mut *write).await?;
    }
    let tables = sqlx::query(
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
           AND name IN (SELECT name FROM backup.sqlite_master WHERE type = 'table')",
    )
    .fetch_all(&mut *write)
    .await?;
    for row in &tables {
        let name = text(row, "name")?;
        if KEPT.contains(&name.as_str()) {
            continue;
        }
        // Names of our own migrations, so they need no quotes; they have them all the same.
        let keep = if name == "settings" { " WHERE key <> 'restoring'" } else { "" };
        for statement in [
            format!("DELETE FROM main.\"{name}\"{keep}"),
            format!("INSERT OR IGNORE INTO main.\"{name}\" SELECT * FROM backup.\"{name}\""),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *write).await?;
        }
    }
    // What was approved then is not done now: it may have been done, and undone, since.
    sqlx::query(
        "UPDATE main.benchmark_jobs SET status = 'cancelled', completed_at = ?1, phase = NULL,
             error_message = 'it was queued when the backup was made: ask for it again',
             error_code = 'queued_in_backup'
         WHERE status = 'pending' AND job_type IN ('apply', 'rollback')",
    )
    .bind(now().to_string())
    .execute(&mut *write)
    .await?;
    append(write, audit).await?;
    note_restored(write).await?;
    sqlx::query("DELETE FROM main.settings WHERE key = 'restoring'").execute(&mut *write).await?;
    report.recommendations = count(write, "SELECT count(*) AS n FROM main.recommendations").await?;
    report.jobs = count(write, "SELECT count(*) AS n FROM main.benchmark_jobs").await?;
    report.changes = count(write, "SELECT count(*) AS n FROM main.changes").await?;
    report.audit_rows = count(write, "SELECT count(*) AS n FROM main.audit_log").await?;
    Ok(report)
}

async fn count(write: &mut SqliteConnection, statement: &'static str) -> Result<i64, StoreError> {
    integer(&sqlx::query(statement).fetch_one(write).await?, "n")
}

/// The longer of two trails of which one begins as the other is.
async fn carry_trail(write: &mut SqliteConnection) -> Result<(), StoreError> {
    let differing = count(
        write,
        "SELECT count(*) AS n FROM main.audit_log m JOIN backup.audit_log b USING (sequence)
         WHERE m.hash <> b.hash",
    );
    if differing.await? > 0 {
        return Err(Refusal::BackupOfAnother.into());
    }
    sqlx::query(
        "INSERT INTO main.audit_log SELECT * FROM backup.audit_log
         WHERE sequence > (SELECT coalesce(max(sequence), 0) FROM main.audit_log) ORDER BY sequence",
    )
    .execute(write)
    .await?;
    Ok(())
}

/// Changes that stand in the sandbox, and that the backup does not know as standing.
async fn unknown_changes(write: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT c.sql, c.rollback_sql FROM main.changes c WHERE c.status = 'applied'
           AND NOT EXISTS (SELECT 1 FROM backup.changes b WHERE b.id = c.id AND b.status = 'applied')
         ORDER BY c.applied_at DESC",
    )
    .fetch_all(&mut *write)
    .await?;
    let mut notes = missing_changes(write).await?;
    let note = |row: &sqlx::sqlite::SqliteRow| {
        Ok::<String, StoreError>(format!(
            "The sandbox has a change that the backup does not know: {}. What undoes it: {}",
            text(row, "sql")?,
            text(row, "rollback_sql")?
        ))
    };
    for row in &rows {
        notes.push(note(row)?);
    }
    Ok(notes)
}

/// Changes that the backup takes for standing, and that were undone or lost here since.
async fn missing_changes(write: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT b.sql FROM backup.changes b WHERE b.status = 'applied'
           AND NOT EXISTS (SELECT 1 FROM main.changes c WHERE c.id = b.id AND c.status = 'applied')
         ORDER BY b.applied_at DESC",
    )
    .fetch_all(write)
    .await?;
    let note = |row: &sqlx::sqlite::SqliteRow| {
        let sql = text(row, "sql")?;
        Ok(format!(
            "The backup takes this for applied, and it no longer is: {sql}. Rolling it back will say that it has drifted."
        ))
    };
    rows.iter().map(note).collect()
}
