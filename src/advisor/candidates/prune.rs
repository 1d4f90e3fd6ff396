//! Why a candidate is not worth asking the planner about.

use crate::advisor::index::{IndexCandidate, IndexMethod};
use crate::model::{CatalogTable, RelationKind};

/// A table below this many bytes is read whole faster than any index could be.
const MIN_TABLE_BYTES: i64 = 64 * 1024;
/// More indexes than this on one table are not added to: PostgreSQL takes all of them into account in
/// every plan.
const MAX_INDEXES: usize = 60;

/// Why no index on the table is worth asking about.
pub(super) fn table_objection(table: &CatalogTable) -> Option<String> {
    match table.kind {
        RelationKind::Table | RelationKind::MaterializedView | RelationKind::Partitioned => {}
        RelationKind::View => return Some("a view cannot have an index".into()),
        RelationKind::Foreign => {
            return Some("a foreign table cannot have an index here".into());
        }
    }
    if table.has_children && table.bytes < MIN_TABLE_BYTES {
        return Some(
            "it is read with the tables that inherit from it, of which each has indexes of its own: those are not looked for yet".into(),
        );
    }
    if table.kind != RelationKind::Partitioned && table.bytes < MIN_TABLE_BYTES {
        return Some(format!(
            "the table has {} kB: reading it whole is as fast as any index",
            table.bytes / 1024
        ));
    }
    (table.indexes.len() >= MAX_INDEXES)
        .then(|| format!("the table has {} indexes already", table.indexes.len()))
}

/// Why one candidate is not.
pub(super) fn objection(table: &CatalogTable, candidate: &IndexCandidate) -> Option<String> {
    let own = candidate.keys.iter().filter_map(|key| key.column_name());
    let pinned = candidate.predicate.iter().filter_map(|predicate| predicate.column.as_deref());
    let mut all = own.chain(candidate.include.iter().map(String::as_str)).chain(pinned);
    if let Some(name) = all.find(|name| table.column(name).is_some_and(|c| c.is_virtual)) {
        return Some(format!("{name} is computed when it is read, and no index can hold it"));
    }
    for name in candidate.keys.iter().filter_map(|key| key.column_name()) {
        let Some(column) = table.column(name) else {
            return Some(format!("the table has no column {name}"));
        };
        let orders =
            matches!(candidate.method, IndexMethod::Btree | IndexMethod::Hash | IndexMethod::Brin);
        if orders && !column.ordered {
            return Some(format!(
                "{name} has type {}, which a B-tree cannot order",
                column.data_type
            ));
        }
        if candidate.method == IndexMethod::Btree
            && column.average_width.is_some_and(|width| width > 1000)
        {
            return Some(format!(
                "values of {name} are too long for a B-tree, whose entries end at 2,704 bytes"
            ));
        }
    }
    // One row is found already: carrying its columns saves a page, and keeps all of them twice.
    let finds_one = table.indexes.iter().find(|index| {
        index.unique
            && index.valid
            && index.predicate.is_none()
            && !index.key_columns.is_empty()
            && candidate.keys.len() >= index.key_columns.len()
            && candidate.keys.iter().take(index.key_columns.len()).all(|key| {
                index
                    .key_columns
                    .iter()
                    .any(|column| column.is_some() && column.as_deref() == key.column_name())
            })
    });
    if let (Some(unique), false) = (finds_one, candidate.include.is_empty()) {
        return Some(format!("the unique index {} finds the one row already", unique.name));
    }
    candidate
        .covered_by(table)
        .map(|existing| format!("the index {} begins with these columns already", existing.name))
}
