//! Reading main's catalogs, which change while they are read.

use std::time::Duration;

use optischema::model::Catalog;
use optischema::plan::Lineage;
use sqlx::postgres::PgConnection;

use super::super::PgFailure;
use super::super::catalog::read_catalog;
use super::super::lineage::read_lineage;
use super::super::locked::{OutOfReach, read_out_of_reach};
use super::{MainSession, execute};

/// A transaction younger than this is kept while something is worked out here.
const RESTED: Duration = Duration::from_millis(500);
/// How often a reading is begun anew before main is said to change too fast.
const MOST_READINGS: usize = 5;

impl MainSession {
    /// Every user table of main, as [`read_catalog`] reads it.
    ///
    /// # Errors
    /// Main is lost, or changes faster than it can be read.
    pub async fn catalog(&mut self) -> Result<Catalog, PgFailure> {
        self.steadily(async |connection| read_catalog(connection).await).await
    }

    /// What lies behind views, as [`read_lineage`] reads it.
    ///
    /// # Errors
    /// Main is lost, or changes faster than it can be read.
    pub async fn lineage(&mut self) -> Result<Lineage, PgFailure> {
        self.steadily(async |connection| read_lineage(connection).await).await
    }

    /// What cannot be written out now, since another session has it locked.
    ///
    /// # Errors
    /// Main is lost.
    pub async fn out_of_reach(&mut self) -> Result<OutOfReach, PgFailure> {
        read_out_of_reach(self.connection().await?).await
    }

    /// Reads in a transaction of its own, and anew where something was dropped meanwhile: PostgreSQL writes definitions
    /// out from the present, which the snapshot is not. What it locked to do so is free again afterwards.
    async fn steadily<T>(
        &mut self,
        read: impl AsyncFn(&mut PgConnection) -> Result<T, PgFailure>,
    ) -> Result<T, PgFailure> {
        for _ in 1..MOST_READINGS {
            let found = read(self.connection().await?).await;
            self.begin_transaction().await?;
            match found {
                Err(failure) if failure.is_about_a_moment() => {
                    tracing::info!(%failure, "main changed while its catalogs were read: reading again");
                }
                found => return found,
            }
        }
        let found = read(self.connection().await?).await;
        self.begin_transaction().await?;
        found
    }

    /// While something is worked out here, main is not kept waiting: what was locked to plan is free again.
    ///
    /// # Errors
    /// Main is lost.
    pub async fn rest(&mut self) -> Result<(), PgFailure> {
        if self.begun.elapsed() < RESTED {
            return Ok(());
        }
        self.begin_transaction().await
    }

    /// Ends the transaction, failed or not, and begins another.
    pub(super) async fn begin_transaction(&mut self) -> Result<(), PgFailure> {
        // Until it has begun anew, nothing else is sent in it.
        self.is_spoilt = true;
        execute(&mut self.session.connection, "ROLLBACK").await?;
        self.planner.forget(&mut self.session.connection).await?;
        self.begin_anew().await
    }
}
