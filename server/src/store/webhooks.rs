//! How far each receiver of webhooks has been told.

use optischema::model::Timestamp;

use super::row::{integer, optional_parsed};
use super::{Store, StoreError};
use crate::clock::now;

/// Where one receiver stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Receiver {
    /// The last event that it was told of, or that was given up on.
    pub told: i64,
    /// Attempts at the next one that failed.
    pub failures: i64,
    pub not_before: Option<Timestamp>,
}

impl Store {
    /// Where a receiver stands; a new one is told of what happens from now on.
    pub async fn receiver(&self, key: &str) -> Result<Receiver, StoreError> {
        // Whoever looks is woken by writes: a look that wrote would wake itself for ever.
        let known =
            sqlx::query("SELECT told, failures, not_before FROM webhooks WHERE receiver = ?1")
                .bind(key)
                .fetch_optional(&self.readers)
                .await?;
        if let Some(row) = known {
            return Ok(Receiver {
                told: integer(&row, "told")?,
                failures: integer(&row, "failures")?,
                not_before: optional_parsed(&row, "not_before")?,
            });
        }
        let told = self.last_event().await?;
        let mut write = self.write().await?;
        sqlx::query("INSERT INTO webhooks (receiver, told) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
            .bind(key)
            .bind(told)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(Receiver { told, failures: 0, not_before: None })
    }

    /// It has been told of an event.
    pub async fn told(&self, key: &str, sequence: i64) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "UPDATE webhooks SET told = ?2, failures = 0, not_before = NULL, last_error = NULL,
                 delivered = delivered + 1 WHERE receiver = ?1",
        )
        .bind(key)
        .bind(sequence)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// An attempt failed; the next one waits for `again`, and is for the next event where this one is given up.
    pub async fn not_told(
        &self,
        key: &str,
        sequence: i64,
        again: Option<Timestamp>,
        error: &str,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let given_up = again.is_none();
        sqlx::query(
            "UPDATE webhooks SET failures = CASE WHEN ?3 THEN 0 ELSE failures + 1 END, not_before = ?2,
                 told = CASE WHEN ?3 THEN ?4 ELSE told END, given_up = given_up + ?3, last_error = ?5
             WHERE receiver = ?1",
        )
        .bind(key)
        .bind(again.unwrap_or_else(now).to_string())
        .bind(i64::from(given_up))
        .bind(sequence)
        .bind(error)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// Removes receivers that are no longer configured: events need not be kept for them.
    pub async fn keep_receivers(&self, keys: &[String]) -> Result<(), StoreError> {
        let keys = super::row::to_json("keys", &keys)?;
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM webhooks WHERE receiver NOT IN (SELECT value FROM json_each(?1))")
            .bind(keys)
            .execute(&mut *write)
            .await?;
        write.commit().await
    }
}
