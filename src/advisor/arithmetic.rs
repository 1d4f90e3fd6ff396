//! Costs without any planner: arithmetic on `pg_stats`, in the planner's units. It knows of scans, not of joins'
//! orders, and serves where HypoPG is nowhere to be had. What it says is labelled as a rule.

use async_trait::async_trait;

use crate::model::{Catalog, CatalogTable, Predicate, PredicateKind, StatementShape};

use super::index::{IndexCandidate, IndexMethod};
use super::selection::{CostError, CostOracle, WhatIf};
use super::size::{index_size, share_of};

/// `random_page_cost`, `cpu_tuple_cost`, `cpu_operator_cost` as PostgreSQL is delivered.
const RANDOM_PAGE: f64 = 4.0;
const TUPLE: f64 = 0.01;
const OPERATOR: f64 = 0.0025;
/// What finding a place in a tree of usual height takes.
const DESCENT: f64 = 0.4;
/// Share of the rows within bounds that nobody knows: the planner's own guess for a range of two bounds.
const RANGE_SHARE: f64 = 0.005;
const LIST_VALUES: f64 = 3.0;

/// Costs statements by arithmetic.
#[derive(Debug)]
pub struct ArithmeticOracle<'a> {
    pub catalog: &'a Catalog,
    pub shapes: &'a [&'a StatementShape],
}

#[async_trait]
impl CostOracle for ArithmeticOracle<'_> {
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<WhatIf, CostError> {
        let shape = self
            .shapes
            .get(statement)
            .ok_or_else(|| CostError::Statement("there is no such statement".into()))?;
        let (mut cost, mut used) = (0.0, Vec::new());
        for name in &shape.tables {
            let Some(table) = self.catalog.tables.get(name) else { continue };
            let mut best = (whole(table), None);
            let existing = table
                .indexes
                .iter()
                .filter(|i| i.valid && i.method == IndexMethod::Btree && i.predicate.is_none());
            for index in existing {
                let columns: Option<Vec<&str>> =
                    index.key_columns.iter().map(Option::as_deref).collect();
                let Some(columns) = columns else { continue };
                let candidate = IndexCandidate {
                    include: index.include.clone(),
                    ..IndexCandidate::btree(name.clone(), &columns)
                };
                if let Some(cost) = by_index(self.catalog, shape, table, &candidate)
                    && cost < best.0
                {
                    best = (cost, None);
                }
            }
            for (position, index) in indexes.iter().enumerate() {
                let is_of_it =
                    index.table == *name || self.catalog.ancestors_of(name).contains(&&index.table);
                if is_of_it
                    && let Some(cost) = by_index(self.catalog, shape, table, index)
                    && cost < best.0
                {
                    best = (cost, Some(position));
                }
            }
            cost += best.0;
            used.extend(best.1);
        }
        Ok(WhatIf { cost, used })
    }
}

/// Reading all of a table.
fn whole(table: &CatalogTable) -> f64 {
    let pages = table.pages.max(table.bytes as f64 / 8192.0);
    pages + table.rows.max(0.0) * (TUPLE + OPERATOR)
}

/// Reading what an index finds; `None` where it finds nothing.
fn by_index(
    catalog: &Catalog,
    shape: &StatementShape,
    table: &CatalogTable,
    index: &IndexCandidate,
) -> Option<f64> {
    if index.method != IndexMethod::Btree || index.predicate.is_some() {
        return None;
    }
    let rows = table.rows.max(1.0);
    let (mut share, mut loops, mut matched) = (1.0, 1.0, 0);
    for key in &index.keys {
        let column = key.column_name()?;
        let predicate = shape
            .predicates
            .iter()
            .find(|p| p.column.table == table.name && p.column.column == column);
        let tie = shape.joins.iter().find_map(|join| {
            let is =
                |side: &crate::model::ColumnName| side.table == table.name && side.column == column;
            if is(&join.left) { Some(&join.right) } else { is(&join.right).then_some(&join.left) }
        });
        if let Some(found) = predicate {
            share *= share_met(table, found);
            matched += 1;
            // After a range the next key is only a filter.
            if !matches!(
                found.kind,
                PredicateKind::Equality | PredicateKind::List | PredicateKind::Null
            ) {
                break;
            }
        } else if let (Some(other), true) = (tie, loops <= 1.0) {
            // Once for each row that the other table gives.
            let other = catalog.tables.get(&other.table)?;
            loops = given(other, shape)?;
            share *= 1.0 / table.column(column)?.distinct_values(rows).unwrap_or(200.0).max(1.0);
            matched += 1;
        } else {
            break;
        }
    }
    if matched == 0 {
        return None;
    }
    let found = (share * rows).max(1.0);
    let carried = |column: &str| {
        index.include.iter().any(|c| c == column)
            || index.keys.iter().any(|k| k.column_name() == Some(column))
    };
    let only_index = !shape.whole_rows.contains(&table.name)
        && shape.columns.iter().filter(|c| c.table == table.name).all(|c| carried(&c.column))
        && table.all_visible_pages > 0.5 * table.pages;
    let entry = index_size(table, index).map_or(20.0, |size| size.entry_bytes);
    let leaves = found * entry / 8192.0;
    let pages = table.pages.max(1.0);
    // How many pages so many rows at random touch (Mackert and Lohman, without a cache).
    let touched = pages * (1.0 - (1.0 - 1.0 / pages).powf(found));
    let correlation =
        index.keys.first().and_then(|key| table.column(key.column_name()?)?.correlation);
    let in_order = (share * pages).ceil();
    let follows = correlation.unwrap_or_default().powi(2);
    let heap = if only_index {
        0.0
    } else {
        RANDOM_PAGE * (touched * (1.0 - follows)) + in_order * follows
    };
    Some(loops * (DESCENT + leaves + heap + found * (TUPLE + OPERATOR)))
}

/// The share of rows that meet a condition.
fn share_met(table: &CatalogTable, predicate: &Predicate) -> f64 {
    let Some(column) = table.column(&predicate.column.column) else { return 1.0 };
    let one = match &predicate.constant {
        Some(value) => share_of(table, column, value),
        None => 1.0 / column.distinct_values(table.rows).unwrap_or(200.0).max(1.0),
    };
    match predicate.kind {
        PredicateKind::Equality => one,
        PredicateKind::List => (LIST_VALUES * one).min(1.0),
        PredicateKind::Null => column.null_share.unwrap_or_default(),
        PredicateKind::NotNull => 1.0 - column.null_share.unwrap_or_default(),
        _ => RANGE_SHARE,
    }
}

/// Rows that a table gives to a join, where its own conditions leave few of them.
fn given(table: &CatalogTable, shape: &StatementShape) -> Option<f64> {
    let own = shape.predicates.iter().filter(|predicate| predicate.column.table == table.name);
    let share: f64 = own.map(|predicate| share_met(table, predicate)).product();
    (share < 1.0).then(|| (share * table.rows).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CatalogColumn, ColumnName, TableName};
    use std::task::{Context, Poll, Waker};

    fn cost(indexes: &[&IndexCandidate], constant: Option<&str>) -> WhatIf {
        let name = TableName::new("public", "t");
        let column = CatalogColumn {
            name: "a".into(),
            type_length: 8,
            type_align: 8,
            n_distinct: Some(10_000.0),
            common_values: vec!["7".into()],
            common_shares: vec![0.9],
            average_width: Some(8),
            ordered: true,
            equal_image: true,
            ..CatalogColumn::default()
        };
        let table = CatalogTable {
            name: name.clone(),
            rows: 1e6,
            pages: 10_000.0,
            bytes: 81_920_000,
            columns: vec![column],
            ..CatalogTable::default()
        };
        let catalog = Catalog { tables: [(name.clone(), table)].into(), ..Catalog::default() };
        let shape = StatementShape {
            tables: vec![name.clone()],
            predicates: vec![Predicate {
                column: ColumnName { table: name, column: "a".into() },
                kind: PredicateKind::Equality,
                operator: "=".into(),
                constant: constant.map(str::to_owned),
            }],
            ..StatementShape::default()
        };
        let mut oracle = ArithmeticOracle { catalog: &catalog, shapes: &[&shape] };
        let future = std::pin::pin!(oracle.cost(0, indexes));
        match { future }.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer.unwrap(),
            Poll::Pending => panic!("arithmetic waited"),
        }
    }

    #[test]
    fn an_index_pays_for_few_rows_and_not_for_most() {
        let index = IndexCandidate::btree(TableName::new("public", "t"), &["a"]);
        let (without, with) = (cost(&[], None), cost(&[&index], None));
        assert!(with.cost < without.cost / 10.0, "{with:?} {without:?}");
        assert_eq!(with.used, [0]);
        let common = cost(&[&index], Some("7"));
        assert!(common.used.is_empty(), "nine rows of ten: {common:?}");
    }
}
