//! The writes of each table, as the workload's own statements were counted.

use std::collections::BTreeMap;

use optischema::advisor::TableWrites;
use optischema::model::TableName;

use crate::sql::{self, WriteKind};
use crate::workload::Collection;

/// Rows written over the same time that the statements' calls were counted; the share of heap-only updates
/// comes from the table's own counters.
pub(super) fn of(collection: &Collection) -> BTreeMap<TableName, TableWrites> {
    let mut writes: BTreeMap<TableName, TableWrites> = BTreeMap::new();
    for statement in &collection.statements {
        let Some(written) = sql::written(&statement.sql, &collection.catalog) else { continue };
        let rows = statement.rows.max(0) as f64;
        let table = writes.entry(written.table).or_default();
        match written.kind {
            WriteKind::Insert => table.inserts += rows,
            WriteKind::Delete => table.deletes += rows,
            WriteKind::Update => {
                table.updates += rows;
                for column in written.columns {
                    *table.updated_columns.entry(column).or_default() += rows;
                }
            }
        }
    }
    for (name, table) in &mut writes {
        let activity = collection.catalog.tables.get(name).and_then(|t| t.activity.as_ref());
        table.hot_share = activity.and_then(optischema::model::TableActivity::hot_share);
    }
    writes
}
