//! The key orders that serve one table of one statement.

use std::collections::BTreeSet;

use crate::advisor::index::IndexKey;
use crate::model::{CatalogTable, ColumnName, PredicateKind, StatementShape};

use super::MAX_WIDTH;

/// Columns that a statement compares with single values, of each statement on a table.
pub(super) type Compared = BTreeSet<BTreeSet<String>>;

/// The columns of a table that a statement compares with single values.
pub(super) fn compared(table: &CatalogTable, shape: &StatementShape) -> BTreeSet<String> {
    tested(table, shape, &[PredicateKind::Equality, PredicateKind::List, PredicateKind::Null])
}

fn tested(
    table: &CatalogTable,
    shape: &StatementShape,
    kinds: &[PredicateKind],
) -> BTreeSet<String> {
    let predicates = shape.predicates.iter();
    let of_table = predicates.filter(|p| p.column.table == table.name && kinds.contains(&p.kind));
    of_table.map(|predicate| predicate.column.column.clone()).collect()
}

/// Key orders that serve a statement. Columns that are compared with single values may come in any order: `others` are
/// those of all statements on the table, and one that has some of them alone wants these first.
pub(super) fn key_orders(
    table: &CatalogTable,
    shape: &StatementShape,
    others: &Compared,
) -> Vec<Vec<IndexKey>> {
    let here = |column: &ColumnName| column.table == table.name;
    let compared = compared(table, shape);
    // The most selective first: a prefix of the index then serves other statements best.
    let equality = most_selective_first(table, &compared);
    let ranges = tested(table, shape, &[PredicateKind::Range]);
    let sort: Vec<IndexKey> = shape
        .sort
        .iter()
        .take_while(|key| here(&key.column))
        .map(|key| IndexKey {
            descending: key.descending,
            nulls_first: key.nulls_first,
            ..IndexKey::column(&key.column.column)
        })
        .collect();
    let named = |columns: Vec<&ColumnName>| {
        let mut names: Vec<String> = columns
            .into_iter()
            .filter(|column| here(column))
            .map(|column| column.column.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let joins = named(shape.joins.iter().flat_map(|join| [&join.left, &join.right]).collect());
    let alternatives = named(shape.alternatives.iter().map(|p| &p.column).collect());
    let extremes = named(shape.extremes.iter().collect());
    let mut group: Vec<String> = Vec::new();
    for column in shape.group.iter().filter(|column| here(column)) {
        if !group.contains(&column.column) {
            group.push(column.column.clone());
        }
    }

    let mut orders = Orders::default();
    orders.add(&equality, &[]);
    // The first rows are read off an index only where it has the whole order.
    let width = if shape.has_limit { WIDEST } else { MAX_WIDTH };
    orders.add_within(&equality, &sort, width);
    for first in others.iter().filter(|first| !first.is_empty() && compared.is_superset(first)) {
        let rest: BTreeSet<String> = compared.difference(first).cloned().collect();
        let reordered =
            [most_selective_first(table, first), most_selective_first(table, &rest)].concat();
        orders.add(&reordered, &[]);
        orders.add_within(&reordered, &sort, width);
    }
    for range in &ranges {
        orders.add(&equality, &one(range));
        orders.add(std::slice::from_ref(range), &[]);
        // Where the range cannot be searched for first, it may at least be read off the index.
        orders.add(std::slice::from_ref(range), &ascending(&equality));
    }
    for column in &equality {
        orders.add(std::slice::from_ref(column), &[]);
        orders.add(std::slice::from_ref(column), &sort);
        for range in &ranges {
            orders.add(std::slice::from_ref(column), &one(range));
        }
    }
    for join in &joins {
        orders.add(std::slice::from_ref(join), &[]);
        orders.add(std::slice::from_ref(join), &ascending(&equality));
        orders.add(&equality, &one(join));
        for range in &ranges {
            orders.add(std::slice::from_ref(join), &one(range));
            orders.add(std::slice::from_ref(range), &one(join));
        }
        for other in joins.iter().filter(|other| *other != join) {
            orders.add(std::slice::from_ref(join), &one(other));
        }
    }
    for column in &alternatives {
        orders.add(std::slice::from_ref(column), &[]);
    }
    for column in &extremes {
        orders.add(&equality, &one(column));
    }
    if shape.has_limit || shape.predicates.is_empty() {
        orders.add(&[], &sort);
    }
    orders.add(&group, &[]);
    orders.0
}

fn most_selective_first(table: &CatalogTable, columns: &BTreeSet<String>) -> Vec<String> {
    let mut columns: Vec<String> = columns.iter().cloned().collect();
    columns.sort_by(|a, b| distinct(table, b).total_cmp(&distinct(table, a)).then(a.cmp(b)));
    columns
}

fn distinct(table: &CatalogTable, column: &str) -> f64 {
    table.column(column).and_then(|column| column.distinct_values(table.rows)).unwrap_or(0.0)
}

fn ascending(columns: &[String]) -> Vec<IndexKey> {
    columns.iter().map(IndexKey::column).collect()
}

fn one(column: &String) -> Vec<IndexKey> {
    vec![IndexKey::column(column)]
}

/// Keys of an index that gives the first rows of an order.
const WIDEST: usize = 5;

/// Distinct key orders, none wider than [`MAX_WIDTH`], or [`WIDEST`] where one gives first rows.
#[derive(Default)]
struct Orders(Vec<Vec<IndexKey>>);

impl Orders {
    fn add(&mut self, leading: &[String], trailing: &[IndexKey]) {
        self.add_within(leading, trailing, MAX_WIDTH);
    }

    /// The same, at most so wide; where all keys do not fit, as wide as usual.
    fn add_within(&mut self, leading: &[String], trailing: &[IndexKey], width: usize) {
        let mut keys = ascending(leading);
        for key in trailing {
            if !keys.iter().any(|known| known.target == key.target) {
                keys.push(key.clone());
            }
        }
        keys.truncate(if keys.len() <= width { width } else { MAX_WIDTH });
        // One direction throughout reads the same index: write it ascending.
        let usual_nulls = keys.iter().all(|key| key.nulls_first.is_none());
        if usual_nulls && keys.iter().all(|key| key.descending) {
            keys.iter_mut().for_each(|key| key.descending = false);
        }
        if !keys.is_empty() && !self.0.contains(&keys) {
            self.0.push(keys);
        }
    }
}
