//! The counters of `pg_stat_statements`, as PostgreSQL 13 to 18 have them in common.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// What `pg_stat_statements` keeps one entry for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StatementKey {
    /// OID of the database.
    pub dbid: i64,
    /// OID of the role.
    pub userid: i64,
    pub queryid: i64,
    /// False for a statement inside a function (PostgreSQL 14 and later tell them apart).
    pub toplevel: bool,
}

/// Sums over calls. Times in milliseconds, blocks of 8 KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    pub calls: i64,
    pub total_time_ms: f64,
    pub rows: i64,
    /// Zero unless `pg_stat_statements.track_planning` is on.
    pub plan_time_ms: f64,
    pub shared_hit: i64,
    pub shared_read: i64,
    /// Temporary blocks, read and written.
    pub temp_blocks: i64,
    /// Zero unless `track_io_timing` is on.
    pub read_time_ms: f64,
    pub wal_bytes: i64,
}

impl Counters {
    /// What came on top of `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            calls: self.calls - earlier.calls,
            total_time_ms: (self.total_time_ms - earlier.total_time_ms).max(0.0),
            rows: self.rows - earlier.rows,
            plan_time_ms: (self.plan_time_ms - earlier.plan_time_ms).max(0.0),
            shared_hit: self.shared_hit - earlier.shared_hit,
            shared_read: self.shared_read - earlier.shared_read,
            temp_blocks: self.temp_blocks - earlier.temp_blocks,
            read_time_ms: (self.read_time_ms - earlier.read_time_ms).max(0.0),
            wal_bytes: self.wal_bytes - earlier.wal_bytes,
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            total_time_ms: self.total_time_ms + other.total_time_ms,
            rows: self.rows.saturating_add(other.rows),
            plan_time_ms: self.plan_time_ms + other.plan_time_ms,
            shared_hit: self.shared_hit.saturating_add(other.shared_hit),
            shared_read: self.shared_read.saturating_add(other.shared_read),
            temp_blocks: self.temp_blocks.saturating_add(other.temp_blocks),
            read_time_ms: self.read_time_ms + other.read_time_ms,
            wal_bytes: self.wal_bytes.saturating_add(other.wal_bytes),
        }
    }

    /// Milliseconds of one call, on average.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.total_time_ms / self.calls as f64)
    }

    /// Blocks found in shared buffers, in percent of those wanted.
    #[must_use]
    pub fn cache_hit_percent(&self) -> Option<f64> {
        let wanted = self.shared_hit.saturating_add(self.shared_read);
        (wanted > 0).then(|| 100.0 * self.shared_hit as f64 / wanted as f64)
    }
}

/// One entry at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    pub key: StatementKey,
    pub counters: Counters,
    /// When the entry was made (PostgreSQL 17 and later).
    pub since: Option<Timestamp>,
}

/// Every entry at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    pub at: Timestamp,
    /// When everything was reset last (PostgreSQL 14 and later).
    pub reset_at: Option<Timestamp>,
    /// How often room was made by dropping the least used entries (PostgreSQL 14 and later).
    pub deallocations: Option<i64>,
    pub readings: Vec<Reading>,
}
