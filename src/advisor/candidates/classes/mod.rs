//! Indexes whose operator classes serve what a plan tests rows by: which class of which method serves an operator, the
//! catalogs of the tuned database say. Plain B-trees on columns come from the key orders instead.

mod serving;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::advisor::clause::Clause;
use crate::advisor::index::{IndexCandidate, IndexKey, IndexMethod, KeyTarget};
use crate::model::{Catalog, CatalogColumn, CatalogTable, RejectedCandidate, TableName};

use super::prune::{objection, table_objection};
use serving::{Served, serving};

/// Columns compared with `=` that are taken in beside one that another method searches.
const MOST_BESIDE: usize = 2;
/// Columns that a statement must compare for a Bloom index to tell rows apart.
const FEWEST_OF_ONE: usize = 2;
/// Combinations of columns below which B-trees are fewer and better.
const FEWEST_COMBINATIONS: usize = 3;
/// Columns of one Bloom index; each more makes its signatures say less.
const MOST_OF_BLOOM: usize = 8;
/// Rows of a table for each list of IVFFlat, as its authors advise below a million rows.
const ROWS_OF_A_LIST: f64 = 1000.0;

/// An index that an operator class would serve a statement with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Numbers of the statements, ascending.
    pub statements: Vec<usize>,
    /// Extensions that its operator classes come from; those that the database lacks are marked.
    pub extensions: BTreeMap<String, bool>,
}

/// The candidates of all statements, each given with the clauses of its plan.
#[must_use]
pub fn by_class(
    catalog: &Catalog,
    statements: &[Vec<Clause>],
) -> (BTreeMap<IndexCandidate, Wanted>, Vec<RejectedCandidate>) {
    let mut all: BTreeMap<IndexCandidate, Wanted> = BTreeMap::new();
    for (number, clauses) in statements.iter().enumerate() {
        let tables: BTreeSet<&TableName> = clauses.iter().map(|clause| &clause.table).collect();
        for table in tables.into_iter().filter_map(|name| catalog.tables.get(name)) {
            let of_table: Vec<&Clause> =
                clauses.iter().filter(|clause| clause.table == table.name).collect();
            for (candidate, extensions) in of_statement(catalog, table, &of_table) {
                let wanted = all.entry(candidate).or_default();
                wanted.extensions.extend(extensions);
                if wanted.statements.last() != Some(&number) {
                    wanted.statements.push(number);
                }
            }
        }
    }
    for (candidate, wanted) in blooms(catalog, statements) {
        all.insert(candidate, wanted);
    }
    let mut rejected = Vec::new();
    let mut refused = BTreeSet::new();
    all.retain(|candidate, _| {
        let Some(table) = catalog.tables.get(&candidate.table) else { return false };
        if let Some(reason) = table_objection(table) {
            if refused.insert(candidate.table.clone()) {
                rejected.push(RejectedCandidate::of(candidate, reason));
            }
            return false;
        }
        let reason = match there_already(catalog, table, candidate) {
            Some(name) => Some(format!("the index {name} is this one already")),
            None => objection(table, candidate),
        };
        rejected.extend(reason.clone().map(|reason| RejectedCandidate::of(candidate, reason)));
        reason.is_none()
    });
    (all, rejected)
}

/// Statements that each compare some of the same columns with `=`, in many combinations: one index with a signature of
/// all of these columns serves every combination.
fn blooms(catalog: &Catalog, statements: &[Vec<Clause>]) -> Vec<(IndexCandidate, Wanted)> {
    let has_class = |column: &CatalogColumn| {
        catalog
            .operator_classes
            .iter()
            .find(|class| class.method == IndexMethod::Bloom && class.takes(&column.input_types))
    };
    let mut of_tables: BTreeMap<&TableName, Vec<(usize, BTreeSet<&str>)>> = BTreeMap::new();
    for (number, clauses) in statements.iter().enumerate() {
        let tables: BTreeSet<&TableName> = clauses.iter().map(|clause| &clause.table).collect();
        for table in tables.into_iter().filter_map(|name| catalog.tables.get(name)) {
            let of_table: Vec<&Clause> = clauses
                .iter()
                .filter(|clause| clause.table == table.name && !clause.is_served)
                .collect();
            let columns: BTreeSet<&str> = equal_columns(table, &of_table)
                .into_iter()
                .filter(|column| has_class(column).is_some())
                .map(|column| column.name.as_str())
                .collect();
            if columns.len() >= FEWEST_OF_ONE {
                of_tables.entry(&table.name).or_default().push((number, columns));
            }
        }
    }
    let of_table = |(table, statements): (&TableName, Vec<(usize, BTreeSet<&str>)>)| {
        let columns: BTreeSet<&str> =
            statements.iter().flat_map(|(_, columns)| columns.iter().copied()).collect();
        let combinations: BTreeSet<&BTreeSet<&str>> =
            statements.iter().map(|(_, columns)| columns).collect();
        let first = catalog.tables.get(table)?.column(columns.first()?)?;
        let fits = combinations.len() >= FEWEST_COMBINATIONS && columns.len() <= MOST_OF_BLOOM;
        let candidate = IndexCandidate {
            table: table.clone(),
            method: IndexMethod::Bloom,
            keys: columns.iter().map(|column| IndexKey::column(*column)).collect(),
            ..IndexCandidate::default()
        };
        let extension = has_class(first)?.extension.clone();
        let wanted = Wanted {
            statements: statements.iter().map(|(number, _)| *number).collect(),
            extensions: extension.into_iter().map(|name| (name, false)).collect(),
        };
        fits.then_some((candidate, wanted))
    };
    of_tables.into_iter().filter_map(of_table).collect()
}

type Found = Vec<(IndexCandidate, BTreeMap<String, bool>)>;

fn of_statement(catalog: &Catalog, table: &CatalogTable, clauses: &[&Clause]) -> Found {
    let equal = equal_columns(table, clauses);
    let mut served: Vec<Served> = Vec::new();
    for clause in clauses.iter().filter(|clause| !clause.is_served) {
        for one in serving(catalog, table, clause) {
            if !served.contains(&one) {
                served.push(one);
            }
        }
    }
    let mut found = Found::new();
    let mut want = |keys: &[&Served], beside: Option<&Beside>| {
        let Some(first) = keys.first() else { return };
        let mut extensions: BTreeMap<String, bool> =
            keys.iter().filter_map(|served| served.extension.clone()).collect();
        let mut columns: Vec<IndexKey> = Vec::new();
        if let Some(beside) = beside {
            columns.extend(beside.columns.iter().map(IndexKey::column));
            extensions.extend(beside.extension.clone());
        }
        columns.extend(keys.iter().map(|served| served.key.clone()));
        let candidate = IndexCandidate {
            table: table.name.clone(),
            method: first.method,
            keys: columns,
            parameters: parameters(first.method, table),
            ..IndexCandidate::default()
        };
        found.push((candidate, extensions));
    };
    for one in &served {
        want(&[one], None);
        if one.arm_of.is_none()
            && let Some(beside) = beside(catalog, one.method, &equal)
        {
            want(&[one], Some(&beside));
        }
    }
    // One index that holds several searched columns answers all of them, and every arm of an OR.
    for group in groups(&served) {
        want(&group, None);
    }
    found
}

/// Keys of one method that one index can have together: those of conditions that all hold, and those of the arms of each
/// OR, one class for each target.
fn groups(served: &[Served]) -> Vec<Vec<&Served>> {
    let mut groups = Vec::new();
    for method in [IndexMethod::Gin, IndexMethod::Gist] {
        let arms: BTreeSet<Option<usize>> = served.iter().map(|one| one.arm_of).collect();
        for arm_of in arms {
            let mut keys: Vec<&Served> = Vec::new();
            for one in served.iter().filter(|one| one.method == method && one.arm_of == arm_of) {
                if !keys.iter().any(|known| known.key.target == one.key.target) {
                    keys.push(one);
                }
            }
            if keys.len() > 1 {
                groups.push(keys);
            }
        }
    }
    groups
}

/// Columns that every row has to equal a value in, the most selective first.
fn equal_columns<'t>(table: &'t CatalogTable, clauses: &[&Clause]) -> Vec<&'t CatalogColumn> {
    let mut columns: Vec<&CatalogColumn> = Vec::new();
    for clause in clauses.iter().filter(|clause| clause.arm_of.is_none()) {
        let is_equal = clause.operator().is_some_and(|test| test.name == "=" && !test.orders);
        if let (true, KeyTarget::Column(name)) = (is_equal, &clause.target)
            && let Some(column) = table.column(name).filter(|column| column.ordered)
            && !columns.iter().any(|known| known.name == column.name)
        {
            columns.push(column);
        }
    }
    let distinct = |column: &CatalogColumn| column.distinct_values(table.rows).unwrap_or(0.0);
    columns.sort_by(|a, b| distinct(b).total_cmp(&distinct(a)).then(a.name.cmp(&b.name)));
    columns
}

/// Columns that another method takes in beside what it searches.
struct Beside {
    columns: Vec<String>,
    extension: Option<(String, bool)>,
}

fn beside(catalog: &Catalog, method: IndexMethod, equal: &[&CatalogColumn]) -> Option<Beside> {
    let mixing = match method {
        IndexMethod::Btree => {
            let columns = names(equal, MOST_BESIDE);
            return (!columns.is_empty()).then_some(Beside { columns, extension: None });
        }
        IndexMethod::Gin => "btree_gin",
        IndexMethod::Gist => "btree_gist",
        _ => return None,
    };
    let extension = if catalog.server.extensions.contains(mixing) {
        (mixing.to_owned(), false)
    } else if catalog.server.available_extensions.contains(mixing) {
        (mixing.to_owned(), true)
    } else {
        return None;
    };
    // Of one that is there, the catalogs say which types it takes.
    let takes = |column: &CatalogColumn| {
        extension.1
            || catalog.operator_classes.iter().any(|class| {
                class.method == method && class.is_default && class.takes(&column.input_types)
            })
    };
    let taken: Vec<&CatalogColumn> = equal.iter().copied().filter(|column| takes(column)).collect();
    let columns = names(&taken, MOST_BESIDE);
    (!columns.is_empty()).then_some(Beside { columns, extension: Some(extension) })
}

fn names(columns: &[&CatalogColumn], most: usize) -> Vec<String> {
    columns.iter().take(most).map(|column| column.name.clone()).collect()
}

fn parameters(method: IndexMethod, table: &CatalogTable) -> Vec<(String, u32)> {
    if method != IndexMethod::Ivfflat {
        return Vec::new();
    }
    let rows = table.rows.max(0.0);
    let lists = if rows <= 1e6 { rows / ROWS_OF_A_LIST } else { rows.sqrt() };
    vec![("lists".to_owned(), lists.clamp(1.0, 32_768.0) as u32)]
}

/// An index of the table with the same method, columns and classes. Those on expressions are told apart by their text.
fn there_already<'t>(
    catalog: &Catalog,
    table: &'t CatalogTable,
    candidate: &IndexCandidate,
) -> Option<&'t str> {
    let is_same = |index: &&crate::model::CatalogIndex| {
        index.valid
            && index.method == candidate.method
            && index.predicate.is_none()
            && index.key_columns.len() >= candidate.keys.len()
            && candidate.keys.iter().enumerate().all(|(at, key)| {
                let of_class = index.key_classes.get(at).and_then(|text| text.split(' ').next());
                let wanted = key.operator_class.as_deref();
                let wanted = wanted.map(|name| name.rsplit('.').next().unwrap_or(name));
                let column = index.key_columns.get(at).and_then(Option::as_deref);
                let is_default = |name: &str| {
                    catalog.operator_classes.iter().any(|class| {
                        class.name == name && class.method == index.method && class.is_default
                    })
                };
                column.is_some()
                    && column == key.column_name()
                    && match (wanted, of_class) {
                        (Some(wanted), of_class) => of_class == Some(wanted),
                        (None, Some(class)) => is_default(class),
                        (None, None) => true,
                    }
            })
    };
    table.indexes.iter().find(is_same).map(|index| index.name.as_str())
}
