//! What each reading of main found and cost.

use optischema::model::{CollectionCost, CollectionReport, Timestamp};
use optischema::workload::Snapshot;
use sqlx::sqlite::SqliteRow;

use super::pruning::prune;
use super::row::{integer, number, optional_text, parsed};
use super::{Store, StoreError, Write};

impl Store {
    /// Keeps that a reading failed, and why.
    pub async fn record_failed_reading(
        &self,
        database: &str,
        at: Timestamp,
        error: &str,
    ) -> Result<(), StoreError> {
        let report = CollectionReport {
            at,
            main_ms: 0.0,
            here_ms: 0.0,
            statements: 0,
            changed: 0,
            fresh: 0,
            gone: 0,
            was_reset: false,
            deallocations: 0,
            hidden: 0,
            seen: 0,
            seen_ms: 0.0,
            error: Some(error.to_owned()),
        };
        let mut write = self.write().await?;
        insert_report(&mut write, database, &report, None).await?;
        prune(&mut write, database, at).await?;
        write.commit().await?;
        Ok(())
    }

    /// Adds to what the last reading cost main: planning what it found.
    pub async fn add_reading_cost(&self, database: &str, ms: f64) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "UPDATE collections SET main_ms = main_ms + ?2
             WHERE id = (SELECT max(id) FROM collections WHERE database = ?1)",
        )
        .bind(database)
        .bind(ms)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// The reading made last, whether it failed or not.
    pub async fn last_report(
        &self,
        database: &str,
    ) -> Result<Option<CollectionReport>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM collections WHERE database = ?1 ORDER BY id DESC LIMIT 1")
                .bind(database)
                .fetch_optional(&self.readers)
                .await?;
        row.as_ref().map(report).transpose()
    }

    /// What collecting cost main in the hour before `now`.
    pub async fn collection_cost(
        &self,
        database: &str,
        now: Timestamp,
    ) -> Result<CollectionCost, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) AS readings, COALESCE(sum(main_ms), 0.0) AS main_ms,
                 COALESCE(sum(seen_ms), 0.0) AS seen_ms FROM collections
             WHERE database = ?1 AND at >= ?2 AND error IS NULL",
        )
        .bind(database)
        .bind(Timestamp::from_millisecond(now.as_millisecond() - 3_600_000).to_string())
        .fetch_one(&self.readers)
        .await?;
        Ok(CollectionCost {
            readings: integer(&row, "readings")?,
            main_ms_per_hour: number(&row, "main_ms")?,
            seen_ms_per_hour: number(&row, "seen_ms")?,
        })
    }
}

pub(super) async fn insert_report(
    write: &mut Write,
    database: &str,
    report: &CollectionReport,
    snapshot: Option<&Snapshot>,
) -> Result<(), StoreError> {
    let reset_at = snapshot.and_then(|snapshot| snapshot.reset_at).map(|at| at.to_string());
    sqlx::query(
        "INSERT INTO collections (database, at, main_ms, here_ms, statements, changed, fresh, gone,
             was_reset, deallocations, reset_at, deallocations_total, hidden, error)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )
    .bind(database)
    .bind(report.at.to_string())
    .bind(report.main_ms)
    .bind(report.here_ms)
    .bind(report.statements)
    .bind(report.changed)
    .bind(report.fresh)
    .bind(report.gone)
    .bind(report.was_reset)
    .bind(report.deallocations)
    .bind(reset_at)
    .bind(snapshot.and_then(|snapshot| snapshot.deallocations))
    .bind(report.hidden)
    .bind(&report.error)
    .execute(&mut **write)
    .await?;
    Ok(())
}

fn report(row: &SqliteRow) -> Result<CollectionReport, StoreError> {
    Ok(CollectionReport {
        at: parsed(row, "at")?,
        main_ms: number(row, "main_ms")?,
        here_ms: number(row, "here_ms")?,
        statements: integer(row, "statements")?,
        changed: integer(row, "changed")?,
        fresh: integer(row, "fresh")?,
        gone: integer(row, "gone")?,
        was_reset: integer(row, "was_reset")? == 1,
        deallocations: integer(row, "deallocations")?,
        hidden: integer(row, "hidden")?,
        seen: integer(row, "seen")?,
        seen_ms: number(row, "seen_ms")?,
        error: optional_text(row, "error")?,
    })
}
