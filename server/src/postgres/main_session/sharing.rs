//! Several sessions of main that see the same rows.

use sqlx::Row;

use super::super::{Dsn, PgFailure, query};
use super::opening::open_at;
use super::{MainSession, execute};

/// A snapshot that other sessions and `pg_dump` can import while the transaction that exported it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(String);

impl Snapshot {
    /// The name that `SET TRANSACTION SNAPSHOT` and `pg_dump --snapshot` take.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl MainSession {
    /// Begins a transaction and exports its snapshot. Steps behind a savepoint keep the transaction; planning may not.
    ///
    /// # Errors
    /// Main is lost.
    pub async fn export_snapshot(&mut self) -> Result<Snapshot, PgFailure> {
        self.begin_transaction().await?;
        let row = query("SELECT /* optischema */ pg_catalog.pg_export_snapshot() AS name")
            .fetch_one(&mut self.session.connection)
            .await?;
        Ok(Snapshot(row.try_get("name")?))
    }

    /// A second session that sees exactly the rows of a snapshot, at once or not at all.
    ///
    /// # Errors
    /// Main is out of reach, no connection is free, or the snapshot is gone.
    pub async fn another_at(&self, snapshot: &Snapshot) -> Result<Self, PgFailure> {
        let mut other = self.another().await?;
        execute(&mut other.session.connection, "ROLLBACK").await?;
        open_at(&mut other.session.connection, Some(snapshot.name())).await?;
        if self.asked.rows_whole {
            other.read_rows_whole().await?;
        }
        Ok(other)
    }

    /// The address of main, with its budget.
    #[must_use]
    pub const fn dsn(&self) -> &Dsn {
        &self.dsn
    }
}
