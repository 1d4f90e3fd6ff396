//! What happened, in order. Rows are written by triggers (`migrations/0004_changes.sql`); here they are read, and
//! removed when they are old.

use optischema::model::Event;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::row::{integer, json, parsed, text};
use super::{Store, StoreError};
use crate::clock::{in_seconds, now};

/// Events of one answer.
const BATCH: i64 = 500;
/// Days that events are kept for who comes back.
const KEPT_DAYS: i64 = 7;
/// Days that they are kept at the very most, for a receiver that takes none.
const KEPT_DAYS_AT_MOST: i64 = 30;

/// Events after a number that a follower had seen.
#[derive(Debug, Clone, PartialEq)]
pub struct EventBatch {
    pub events: Vec<Event>,
    /// Whether some of those in between are no longer kept.
    pub gap: bool,
}

impl Store {
    /// The last event's number; 0 before the first.
    pub async fn last_event(&self) -> Result<i64, StoreError> {
        last_event(&mut *self.readers.acquire().await?).await
    }

    /// Events after `sequence`, the oldest first; at most some hundred at once.
    pub async fn events_since(&self, sequence: i64) -> Result<EventBatch, StoreError> {
        // Both looks see the same moment: an event that came between them would be taken for a gap.
        let mut read = self.readers.begin().await?;
        let rows =
            sqlx::query("SELECT * FROM events WHERE sequence > ?1 ORDER BY sequence LIMIT ?2")
                .bind(sequence)
                .bind(BATCH)
                .fetch_all(&mut *read)
                .await?;
        let events = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
        let next = match events.first() {
            Some(first) => first.sequence,
            None => last_event(&mut read).await? + 1,
        };
        // One that names a number of the future was told by another store.
        Ok(EventBatch { events, gap: sequence.checked_add(1) != Some(next) })
    }

    /// Removes events that nobody comes back for.
    pub async fn remove_old_events(&self) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "DELETE FROM events WHERE at < ?2 OR (at < ?1
               AND sequence <= (SELECT coalesce(min(told), 9223372036854775807) FROM webhooks))",
        )
        .bind(in_seconds(-KEPT_DAYS * 86_400).to_string())
        .bind(in_seconds(-KEPT_DAYS_AT_MOST * 86_400).to_string())
        .execute(&mut *write)
        .await?;
        write.commit().await
    }
}

async fn last_event(read: &mut SqliteConnection) -> Result<i64, StoreError> {
    // Of the sequence itself: rows may all have been removed.
    let row = sqlx::query(
        "SELECT coalesce(max(seq), 0) AS last FROM sqlite_sequence WHERE name = 'events'",
    )
    .fetch_one(read)
    .await?;
    integer(&row, "last")
}

/// Notes that the store as a whole has become another.
pub(super) async fn note_restored(write: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO events (at, database, event_type, subject_id, status, body_json)
         VALUES (?1, '', 'store', '', 'restored', '{}')",
    )
    .bind(now().to_string())
    .execute(write)
    .await?;
    Ok(())
}

fn from_row(row: &SqliteRow) -> Result<Event, StoreError> {
    Ok(Event {
        sequence: integer(row, "sequence")?,
        at: parsed(row, "at")?,
        database: text(row, "database")?,
        event_type: parsed(row, "event_type")?,
        id: text(row, "subject_id")?,
        status: text(row, "status")?,
        body: json(row, "body_json")?,
    })
}
