//! Texts that sessions ran, with the constants that `pg_stat_statements` hides.

use optischema::model::QueryHash;

use super::row::{integer, optional_json, to_json};
use super::{Store, StoreError};
use crate::postgres::ActiveText;

/// Texts that one statement keeps, those seen most often.
const MOST_TEXTS: usize = 20;
/// A longer text tells no more.
const LONGEST_TEXT: usize = 8192;

impl Store {
    /// Counts texts with the statements that they are of; those of no known statement are passed over. Gives how many were
    /// kept.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn record_seen(
        &self,
        database: &str,
        texts: &[(QueryHash, ActiveText)],
    ) -> Result<i64, StoreError> {
        let mut write = self.write().await?;
        let mut kept = 0;
        let short = texts.iter().filter(|(_, text)| text.sql.len() <= LONGEST_TEXT);
        for (hash, text) in short {
            let row = sqlx::query(
                "SELECT id, seen_json FROM queries WHERE database = ?1 AND query_hash = ?2 AND kind = 'user'",
            )
            .bind(database)
            .bind(&hash.0)
            .fetch_optional(&mut *write)
            .await?;
            let Some(row) = row else { continue };
            let mut known: Vec<(String, i64)> =
                optional_json(&row, "seen_json")?.unwrap_or_default();
            let is_first = known.is_empty();
            match known.iter_mut().find(|(known, _)| *known == text.sql) {
                Some((_, before)) => *before = before.saturating_add(text.sessions),
                None => known.push((text.sql.clone(), text.sessions)),
            }
            known.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
            // The newest has its chance, however often others came.
            if known.len() > MOST_TEXTS {
                known.remove(MOST_TEXTS - 1);
            }
            // What was planned without it is planned again at once.
            sqlx::query(
                "UPDATE queries SET seen_json = ?2, planned_at = iif(?3, NULL, planned_at) WHERE id = ?1",
            )
            .bind(integer(&row, "id")?)
            .bind(to_json("seen_json", &known)?)
            .bind(is_first)
            .execute(&mut *write)
            .await?;
            kept += 1;
        }
        write.commit().await?;
        Ok(kept)
    }

    /// Forgets what sessions ran.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn forget_seen(&self, database: &str) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "UPDATE queries SET seen_json = NULL WHERE database = ?1 AND seen_json IS NOT NULL",
        )
        .bind(database)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Notes what the last reading saw in sessions, and what that cost main, which is a part of the reading's cost.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn note_seen(&self, database: &str, texts: i64, ms: f64) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "UPDATE collections SET seen = ?2, seen_ms = ?3, main_ms = main_ms + ?3
             WHERE id = (SELECT max(id) FROM collections WHERE database = ?1)",
        )
        .bind(database)
        .bind(texts)
        .bind(ms)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }
}
