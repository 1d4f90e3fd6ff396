//! What a benchmark measures beside run times: writes, the environment, and rows that differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;
use super::{ConfidenceInterval, Verdict};

text_enum! {
    /// What is done to a table's rows.
    pub enum WriteOperation ("write operation") {
        Insert => "insert",
        /// A column that the change's index has.
        UpdateIndexed => "update_indexed",
        /// A column that no index has.
        UpdateOther => "update_other",
        Delete => "delete",
    }
}

impl WriteOperation {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::UpdateIndexed => "UPDATE of an indexed column",
            Self::UpdateOther => "UPDATE of another column",
            Self::Delete => "DELETE",
        }
    }
}

/// What one statement that writes took, on one arm: medians over its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WriteArm {
    /// Milliseconds of the whole statement.
    pub median_ms: f64,
    /// Bytes of WAL of the whole statement, from `EXPLAIN (WAL)`.
    pub wal_bytes: i64,
    pub wal_records: i64,
    /// Updates that touched no index (heap-only tuples).
    pub hot_updates: i64,
    /// Milliseconds, of the whole, of merging new entries out of a GIN index's pending list into it; absent where the index
    /// keeps none. PostgreSQL puts that off until the list is full or VACUUM comes.
    #[serde(default)]
    pub merge_ms: Option<f64>,
}

/// What a statement wrote that was measured as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WrittenRows {
    /// Rows that one execution inserted, changed or removed.
    pub rows: i64,
    pub baseline: WriteArm,
    pub patched: WriteArm,
}

/// One kind of write without and with the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WriteMeasure {
    pub operation: WriteOperation,
    /// Rows that each run wrote.
    pub rows: i64,
    /// The column that was set, for an update.
    pub column: Option<String>,
    /// Runs of each arm.
    pub pairs: u32,
    pub baseline: WriteArm,
    pub patched: WriteArm,
    /// Hodges-Lehmann ratio of the times as a change in percent; positive is dearer.
    pub change_percent: Option<f64>,
    pub confidence_interval: Option<ConfidenceInterval>,
}

impl WriteMeasure {
    /// Heap-only updates that the change costs, of `rows`.
    #[must_use]
    pub const fn lost_hot_updates(&self) -> i64 {
        self.baseline.hot_updates - self.patched.hot_updates
    }

    /// Bytes of WAL that one written row costs more.
    #[must_use]
    pub fn extra_wal_bytes_per_row(&self) -> f64 {
        (self.patched.wal_bytes - self.baseline.wal_bytes) as f64 / self.rows.max(1) as f64
    }
}

/// What each write costs more, measured on a table of its own with some of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeasuredWriteCost {
    /// Rows in the table that was written to.
    pub table_rows: i64,
    /// `fillfactor` of that table: pages have room, so that heap-only updates can be seen.
    pub fill_factor: i32,
    pub operations: Vec<WriteMeasure>,
    /// What could not be measured, and why.
    pub absent: Vec<String>,
}

/// One statement under a change of the same kind that cannot touch it: what this place calls different, though nothing
/// is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Calibration {
    pub verdict: Verdict,
    pub change_percent: f64,
    pub confidence_interval: Option<ConfidenceInterval>,
    pub pairs: u32,
    /// Median run time of the statement.
    pub median_ms: f64,
    /// No change up to this much, in percent, is called faster or slower: what the interval leaves open, and 5 at least.
    #[serde(default = "usual_floor")]
    pub floor_percent: f64,
}

/// What earlier versions used.
const fn usual_floor() -> f64 {
    5.0
}

/// A row that the arms return a different number of times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowDifference {
    /// The row as PostgreSQL writes it; absent where only the order differs.
    pub row: Option<String>,
    /// How often each arm returns it.
    pub in_baseline: i64,
    pub in_patched: i64,
    /// What differs, in a sentence.
    pub what: String,
}

/// Whether both arms return the same rows: what was compared, never a proof.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowComparison {
    /// Rows that the baseline returned.
    pub rows: i64,
    /// Whether their order was compared too.
    pub ordered: bool,
    /// Rows with NULLs and duplicates that were put into the tables for a second comparison, which is then rolled
    /// back; zero where there was none.
    pub rows_added: i64,
    /// Where NULLs or duplicates could not be put, and why.
    pub not_added: Vec<String>,
    pub difference: Option<RowDifference>,
    /// Ties that an ORDER BY or LIMIT leaves open, and that the arms resolve differently.
    pub ties: Option<String>,
    /// Of the baseline's rows, those that came with the change as well; absent where all did.
    #[serde(default)]
    pub in_common: Option<i64>,
}

impl RowComparison {
    /// The sentence that a person reads.
    #[must_use]
    pub fn sentence(&self) -> String {
        if let Some(difference) = &self.difference {
            return difference.what.clone();
        }
        if let Some(in_common) = self.in_common {
            return format!("{in_common} of {} rows came with the change as well.", self.rows);
        }
        let order = if self.ordered { ", order included" } else { "" };
        let mut text = format!("No difference found in {} rows{order}.", self.rows);
        if self.rows_added > 0 {
            text.push_str(&format!(
                " Compared again with {} rows added that hold NULLs and duplicates: no difference either.",
                self.rows_added
            ));
        }
        text
    }
}

/// Everything else that a repetition needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Environment {
    pub optischema_version: String,
    /// `server_version` of main.
    pub main_version: String,
    /// `host:port/database` of where it ran.
    pub target: String,
    /// Settings of main that shape plans, as both arms ran with them.
    pub settings: BTreeMap<String, String>,
    /// Settings of main that could not be set there, and why.
    pub settings_left: Vec<String>,
}
