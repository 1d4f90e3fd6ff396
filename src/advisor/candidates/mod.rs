//! Which indexes a statement could use: key orders from equality, then range, then sort columns; joins in
//! both directions; columns carried for index-only scans; partial, expression, hash and BRIN indexes. Pruned
//! against the indexes that exist before any planner is asked.

mod classes;
mod keys;
mod prune;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Catalog, CatalogTable, PredicateKind, RejectedCandidate, StatementShape, TableName,
};

use super::index::{
    IndexCandidate, IndexKey, IndexMethod, IndexPredicate, KeyTarget, PredicateTest,
};
pub use classes::{Wanted, by_class};
use keys::{Compared, compared, key_orders};
use prune::{objection, table_objection};

/// Key columns beyond this make an index wide and rarely help.
const MAX_WIDTH: usize = 3;
/// Carrying more columns than this makes a second table of the index.
const MAX_CARRIED: usize = 6;
/// A carried column may be at most this many bytes wide on average.
const MAX_CARRIED_WIDTH: i32 = 64;
/// A partial index holds at most this share of the rows, 0 to 1.
const MAX_PARTIAL_SHARE: f64 = 0.25;
/// Values wider than this, on average, are where a hash index is much smaller than a B-tree.
const WIDE_VALUE: i32 = 48;
/// BRIN follows the physical order: below this correlation it finds nothing.
const MIN_BRIN_CORRELATION: f64 = 0.9;
/// BRIN pays on tables that are many ranges long.
const MIN_BRIN_BYTES: i64 = 64 * 1024 * 1024;

/// Candidates, with the ones that were dropped and why.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CandidateSet {
    /// Each with the numbers of the statements that asked for it.
    pub candidates: BTreeMap<IndexCandidate, Vec<usize>>,
    pub rejected: Vec<RejectedCandidate>,
}

impl CandidateSet {
    fn want(&mut self, candidate: IndexCandidate, statement: usize) {
        let wanted_by = self.candidates.entry(candidate).or_default();
        if wanted_by.last() != Some(&statement) {
            wanted_by.push(statement);
        }
    }
}

/// The candidates of all statements.
#[must_use]
pub fn generate(catalog: &Catalog, statements: &[&StatementShape]) -> CandidateSet {
    let mut set = CandidateSet::default();
    let mut all_compared: BTreeMap<&TableName, Compared> = BTreeMap::new();
    for shape in statements {
        for table in shape.tables.iter().filter_map(|name| catalog.tables.get(name)) {
            all_compared.entry(&table.name).or_default().insert(compared(table, shape));
        }
    }
    for (number, shape) in statements.iter().enumerate() {
        for name in &shape.tables {
            let Some(table) = catalog.tables.get(name) else { continue };
            let Some(others) = all_compared.get(&table.name) else { continue };
            for candidate in of_table(table, shape, others) {
                set.want(candidate, number);
            }
        }
    }
    let mut all = std::mem::take(&mut set.candidates);
    serve_parts(catalog, &mut all);
    let mut refused: BTreeSet<TableName> = BTreeSet::new();
    for (candidate, wanted_by) in all {
        let Some(table) = catalog.tables.get(&candidate.table) else { continue };
        // One sentence for a table that no index can help, not one for each candidate.
        if let Some(reason) = table_objection(table) {
            if refused.insert(candidate.table.clone()) {
                set.rejected.push(RejectedCandidate::of(&candidate, reason));
            }
            continue;
        }
        match objection(table, &candidate).or_else(|| inlined(catalog, &candidate)) {
            None => {
                set.candidates.insert(candidate, wanted_by);
            }
            Some(reason) => set.rejected.push(RejectedCandidate::of(&candidate, reason)),
        }
    }
    set
}

/// An index of a partitioned table is one of each of its parts: statements on a part want that one, where there is such.
fn serve_parts(catalog: &Catalog, all: &mut BTreeMap<IndexCandidate, Vec<usize>>) {
    let of_parts: Vec<(IndexCandidate, IndexCandidate)> = all
        .keys()
        .filter_map(|candidate| {
            let mut whole = catalog
                .ancestors_of(&candidate.table)
                .into_iter()
                .map(|table| IndexCandidate { table: table.clone(), ..candidate.clone() });
            let whole = whole.rfind(|whole| all.contains_key(whole))?;
            Some((candidate.clone(), whole))
        })
        .collect();
    for (part, whole) in of_parts {
        let wanted_by = all.remove(&part).unwrap_or_default();
        if let Some(known) = all.get_mut(&whole) {
            known.extend(wanted_by);
            known.sort_unstable();
            known.dedup();
        }
    }
}

/// Why an index on an expression with a function in SQL cannot be costed.
fn inlined(catalog: &Catalog, candidate: &IndexCandidate) -> Option<String> {
    let expressions = candidate.keys.iter().filter_map(|key| match &key.target {
        KeyTarget::Expression(sql) => Some(sql.as_str()),
        KeyTarget::Column(_) => None,
    });
    let called = expressions.flat_map(|sql| {
        let names = catalog.inlined_functions.iter();
        names.filter(move |name| sql.contains(&format!("{name}(")))
    });
    let name = called.into_iter().next()?;
    Some(format!(
        "{name} is in SQL, and PostgreSQL puts its body in the place of a call: HypoPG does not, so the planner cannot be asked. Measure it as a change of your own"
    ))
}

/// Two indexes of one table that begin alike, as one that serves the statements of both.
#[must_use]
pub fn merged(a: &IndexCandidate, b: &IndexCandidate) -> Option<IndexCandidate> {
    if a == b
        || a.table != b.table
        || a.method != IndexMethod::Btree
        || b.method != IndexMethod::Btree
        || a.predicate != b.predicate
    {
        return None;
    }
    let (long, short) = if a.keys.len() >= b.keys.len() { (a, b) } else { (b, a) };
    let leads = short.keys.iter().zip(&long.keys).all(|(s, l)| s == l);
    // Where only the first keys are the same, the keys of one lead and those of the other are carried.
    let (long, short) = if leads { (long, short) } else { (a, b) };
    if long.keys.first() != short.keys.first() {
        return None;
    }
    let rest: Option<Vec<String>> =
        short.keys.iter().map(|key| key.column_name().map(str::to_owned)).collect();
    let mut one = long.clone();
    for column in rest?.iter().chain(&short.include) {
        let is_key = one.keys.iter().any(|key| key.column_name() == Some(column));
        if !is_key && !one.include.contains(column) {
            one.include.push(column.clone());
        }
    }
    one.include.sort();
    (one.include.len() <= MAX_CARRIED && one != *a && one != *b).then_some(one)
}

/// What one statement could use on one of its tables.
fn of_table(
    table: &CatalogTable,
    shape: &StatementShape,
    compared: &Compared,
) -> Vec<IndexCandidate> {
    let mut candidates = Vec::new();
    let orders = key_orders(table, shape, compared);
    let carried = carried(table, shape);
    let partial = partial_predicates(table, shape);
    for keys in &orders {
        let plain = IndexCandidate {
            table: table.name.clone(),
            keys: keys.clone(),
            ..IndexCandidate::default()
        };
        if let Some(columns) = &carried {
            let include: Vec<String> = columns
                .iter()
                .filter(|column| !keys.iter().any(|key| key.column_name() == Some(column)))
                .cloned()
                .collect();
            if !include.is_empty() && include.len() <= MAX_CARRIED {
                candidates.push(IndexCandidate { include, ..plain.clone() });
            }
        }
        for predicate in &partial {
            // The column that the predicate pins needs no key of its own.
            let keys: Vec<IndexKey> = keys
                .iter()
                .filter(|key| {
                    matches!(predicate.test, PredicateTest::NotNull)
                        || key.column_name() != predicate.column.as_deref()
                })
                .cloned()
                .collect();
            let keys = if keys.is_empty() {
                predicate.column.iter().map(IndexKey::column).collect()
            } else {
                keys
            };
            candidates.push(IndexCandidate {
                keys,
                predicate: Some(predicate.clone()),
                ..plain.clone()
            });
        }
        candidates.push(plain);
    }
    candidates.extend(others(table, shape));
    candidates
}

/// Every column that the statement reads of the table, where an index could carry them all.
fn carried(table: &CatalogTable, shape: &StatementShape) -> Option<Vec<String>> {
    if shape.whole_rows.contains(&table.name) {
        return None;
    }
    let mut columns: Vec<String> = shape
        .columns
        .iter()
        .filter(|column| column.table == table.name)
        .map(|column| column.column.clone())
        .collect();
    columns.sort();
    columns.dedup();
    let fits = columns.iter().all(|name| {
        table.column(name).is_some_and(|c| c.average_width.unwrap_or(0) <= MAX_CARRIED_WIDTH)
    });
    (!columns.is_empty() && columns.len() <= MAX_CARRIED + MAX_WIDTH && fits).then_some(columns)
}

/// Conditions on constants that few rows meet.
fn partial_predicates(table: &CatalogTable, shape: &StatementShape) -> Vec<IndexPredicate> {
    let mut predicates = Vec::new();
    for predicate in &shape.predicates {
        if predicate.column.table != table.name {
            continue;
        }
        let Some(column) = table.column(&predicate.column.column) else { continue };
        let name = crate::model::quote_identifier(&column.name);
        let nulls = column.null_share.unwrap_or_default();
        let (sql, test, share) = match (&predicate.kind, &predicate.constant) {
            (PredicateKind::Null, _) => (format!("{name} IS NULL"), PredicateTest::Null, nulls),
            (PredicateKind::NotNull, _) => {
                (format!("{name} IS NOT NULL"), PredicateTest::NotNull, 1.0 - nulls)
            }
            (PredicateKind::Equality, Some(value)) => {
                let share = super::size::share_of(table, column, value);
                let literal = crate::model::quote_literal(value);
                (format!("{name} = {literal}"), PredicateTest::Equals(value.clone()), share)
            }
            _ => continue,
        };
        // A key value that hardly any row has is a lookup, which a whole index serves as well.
        let is_lookup = matches!(test, PredicateTest::Equals(_))
            && column.distinct_values(table.rows).is_none_or(|values| values > 100.0);
        if share <= MAX_PARTIAL_SHARE && !is_lookup {
            predicates.push(IndexPredicate { sql, column: Some(column.name.clone()), test });
        }
    }
    predicates
}

/// Expression, hash and BRIN indexes.
fn others(table: &CatalogTable, shape: &StatementShape) -> Vec<IndexCandidate> {
    let mut candidates = Vec::new();
    let base = IndexCandidate { table: table.name.clone(), ..IndexCandidate::default() };
    for expression in &shape.expressions {
        if expression.table == table.name
            && matches!(
                expression.kind,
                PredicateKind::Equality | PredicateKind::List | PredicateKind::Range
            )
        {
            let keys = vec![IndexKey::expression(&expression.expression)];
            candidates.push(IndexCandidate { keys, ..base.clone() });
        }
    }
    for predicate in &shape.predicates {
        if predicate.column.table != table.name {
            continue;
        }
        let Some(column) = table.column(&predicate.column.column) else { continue };
        let keys = vec![IndexKey::column(&column.name)];
        let is_equality = matches!(predicate.kind, PredicateKind::Equality | PredicateKind::List);
        if is_equality && column.average_width.is_some_and(|width| width >= WIDE_VALUE) {
            let method = IndexMethod::Hash;
            candidates.push(IndexCandidate { method, keys: keys.clone(), ..base.clone() });
        }
        let follows = column.correlation.is_some_and(|c| c.abs() >= MIN_BRIN_CORRELATION);
        if predicate.kind == PredicateKind::Range && follows && table.bytes >= MIN_BRIN_BYTES {
            let method = IndexMethod::Brin;
            candidates.push(IndexCandidate { method, keys, ..base.clone() });
        }
    }
    candidates
}
