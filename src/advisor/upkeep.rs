//! What keeping an index up to date costs: the writes of its table, as they were counted.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::CatalogTable;

use super::index::{IndexCandidate, IndexMethod};
use super::size::{IndexSize, index_size};

/// Planner cost units of one new entry: finding its place costs 50 `cpu_operator_cost` (0.0025) for each of
/// some three levels, as the planner itself reckons a descent; writing it costs its share of a page, in the
/// table and in the log.
const DESCENT: f64 = 0.375;
const PAGE: f64 = 8192.0;

/// Rows of one table that were written, over some time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableWrites {
    pub inserts: f64,
    pub updates: f64,
    pub deletes: f64,
    /// Share of updates that touched no index, 0 to 1; absent where nobody counted.
    pub hot_share: Option<f64>,
    /// Rows whose column was set, by column.
    pub updated_columns: std::collections::BTreeMap<String, f64>,
}

impl TableWrites {
    /// What the table's own counters say, since they were reset. Which columns were set they do not.
    #[must_use]
    pub fn since_reset(table: &CatalogTable) -> Self {
        let Some(activity) = &table.activity else { return Self::default() };
        Self {
            inserts: activity.inserts as f64,
            updates: activity.updates as f64,
            deletes: activity.deletes as f64,
            hot_share: activity.hot_share(),
            updated_columns: std::collections::BTreeMap::new(),
        }
    }
}

/// What an index adds to the writes of its table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WriteCost {
    /// Index entries written in the time counted.
    pub entries: f64,
    /// Bytes of these entries; the log takes about as many again.
    pub bytes: f64,
    /// Rows inserted, updated and deleted in that time.
    pub inserts: f64,
    pub updates: f64,
    pub deletes: f64,
    /// Share of updates that touch no index now, 0 to 1.
    pub hot_share: Option<f64>,
    /// Updates that would no longer leave all indexes alone, since they set one of its columns.
    pub hot_lost: f64,
    /// Bytes that it adds to what each row's write takes in table and indexes now, in percent.
    pub relative_percent: Option<f64>,
    /// Planner cost units of all that.
    pub cost_units: f64,
    /// The writes in the time in which the statements' calls were counted, where that is known: the table's own counters
    /// may cover more.
    #[serde(default)]
    pub with_calls: Option<WritesWithCalls>,
}

/// Rows of a table that were written in the time of the statements' calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WritesWithCalls {
    pub inserts: f64,
    pub updates: f64,
    pub deletes: f64,
    /// Updates that set a column of the index, and touch no index now.
    pub hot_lost: f64,
}

impl WriteCost {
    /// Its writes, where they were counted in the time of the calls.
    #[must_use]
    pub const fn writes(&self) -> WritesWithCalls {
        WritesWithCalls {
            inserts: self.inserts,
            updates: self.updates,
            deletes: self.deletes,
            hot_lost: self.hot_lost,
        }
    }
}

/// The write cost of a candidate, from counted writes; `None` where its size is not known,
/// as of a GIN index.
#[must_use]
pub fn write_cost(
    table: &CatalogTable,
    candidate: &IndexCandidate,
    writes: &TableWrites,
) -> Option<WriteCost> {
    Some(upkeep_of(table, candidate, index_size(table, candidate)?, writes))
}

/// The same of an index whose size is known.
#[must_use]
pub fn upkeep_of(
    table: &CatalogTable,
    candidate: &IndexCandidate,
    size: IndexSize,
    writes: &TableWrites,
) -> WriteCost {
    let entry_bytes = size.entry_bytes;
    let share = if table.rows > 0.0 { size.rows / table.rows } else { 1.0 };
    let hot = writes.hot_share.unwrap_or_default() * writes.updates;
    let touched: f64 = columns_of(candidate)
        .filter_map(|column| writes.updated_columns.get(column))
        .fold(0.0, |most, rows| most.max(*rows));
    let hot_lost =
        if writes.updates > 0.0 { hot * (touched / writes.updates).min(1.0) } else { 0.0 };
    let entries = share * (writes.inserts + (writes.updates - hot) + hot_lost);
    let now: f64 = {
        let index_bytes: i64 = table.indexes.iter().map(|index| index.bytes).sum();
        (table.bytes + index_bytes) as f64 / table.rows.max(1.0)
    };
    let cost_units = match candidate.method {
        // One entry in 128 pages: a write hardly ever changes it.
        IndexMethod::Brin => entries * 0.01,
        _ => entries * (DESCENT + 2.0 * entry_bytes / PAGE),
    };
    WriteCost {
        entries,
        bytes: entries * entry_bytes,
        inserts: writes.inserts,
        updates: writes.updates,
        deletes: writes.deletes,
        hot_share: writes.hot_share,
        hot_lost,
        relative_percent: (table.rows > 0.0 && now > 0.0)
            .then(|| 100.0 * share * entry_bytes / now),
        cost_units,
        with_calls: None,
    }
}

fn columns_of(candidate: &IndexCandidate) -> impl Iterator<Item = &str> {
    let keys = candidate.keys.iter().filter_map(|key| key.column_name());
    let predicate = candidate.predicate.iter().filter_map(|p| p.column.as_deref());
    keys.chain(candidate.include.iter().map(String::as_str)).chain(predicate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CatalogColumn, TableName};

    fn table() -> CatalogTable {
        let column = |name: &str| CatalogColumn {
            name: name.into(),
            type_length: 8,
            type_align: 8,
            ordered: true,
            equal_image: true,
            n_distinct: Some(-1.0),
            average_width: Some(8),
            ..CatalogColumn::default()
        };
        CatalogTable {
            name: TableName::new("public", "t"),
            rows: 1000.0,
            bytes: 80_000,
            columns: vec![column("a"), column("b")],
            ..CatalogTable::default()
        }
    }

    fn cost(columns: &[&str], writes: &TableWrites) -> WriteCost {
        let index = IndexCandidate::btree(TableName::new("public", "t"), columns);
        write_cost(&table(), &index, writes).unwrap()
    }

    #[test]
    fn hot_updates_write_no_entry_until_the_index_holds_what_they_set() {
        let writes = TableWrites {
            inserts: 100.0,
            updates: 1000.0,
            hot_share: Some(0.9),
            updated_columns: [("b".to_owned(), 1000.0)].into(),
            ..TableWrites::default()
        };
        let untouched = cost(&["a"], &writes);
        assert_eq!((untouched.entries, untouched.hot_lost), (200.0, 0.0));
        let touched = cost(&["a", "b"], &writes);
        assert_eq!((touched.entries, touched.hot_lost), (1100.0, 900.0));
        assert!(touched.cost_units > 5.0 * untouched.cost_units);
    }

    #[test]
    fn a_table_that_nobody_writes_costs_nothing_and_says_what_a_row_would() {
        let cost = cost(&["a"], &TableWrites::default());
        assert_eq!((cost.entries, cost.bytes, cost.cost_units), (0.0, 0.0, 0.0));
        // 16 bytes and a line pointer, beside 80 in the table.
        assert!((cost.relative_percent.unwrap() - 25.0).abs() < 0.1);
    }
}
