//! Indexes whose operator classes serve what a plan tests rows by: which class of which method serves an operator, the
//! catalogs of the tuned database say. Plain B-trees on columns come from the key orders instead.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::advisor::clause::{Clause, ClauseTest, OperatorTest};
use crate::advisor::index::{IndexCandidate, IndexKey, IndexMethod, KeyTarget};
use crate::model::{
    Catalog, CatalogColumn, CatalogTable, OperatorClass, RejectedCandidate, TableName,
    quote_identifier,
};

use super::prune::{objection, table_objection};

/// What B-trees compare by: other methods have classes for these only to take a column in beside another.
const SCALAR: [&str; 6] = ["=", "<", "<=", ">", ">=", "<>"];
/// Columns compared with `=` that are taken in beside one that another method searches.
const MOST_BESIDE: usize = 2;
/// Classes of one method that are tried for one condition.
const MOST_CLASSES: usize = 2;
/// Rows of a table for each list of IVFFlat, as its authors advise below a million rows.
const ROWS_OF_A_LIST: f64 = 1000.0;

/// Classes of extensions that ship with PostgreSQL, offered where the extension is there to be created: for which operators
/// of which types.
const OFFERED: [Offered; 1] = [Offered {
    extension: "pg_trgm",
    method: IndexMethod::Gin,
    class: "gin_trgm_ops",
    input: "text",
    operators: &["~~", "~~*", "~", "~*"],
}];

struct Offered {
    extension: &'static str,
    method: IndexMethod,
    class: &'static str,
    input: &'static str,
    operators: &'static [&'static str],
}

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
        let reason = match there_already(table, candidate) {
            Some(name) => Some(format!("the index {name} is this one already")),
            None => objection(table, candidate),
        };
        rejected.extend(reason.clone().map(|reason| RejectedCandidate::of(candidate, reason)));
        reason.is_none()
    });
    (all, rejected)
}

/// A key that one clause asks for, with the method that searches it.
#[derive(Debug, Clone, PartialEq)]
struct Served {
    method: IndexMethod,
    key: IndexKey,
    extension: Option<(String, bool)>,
    arm_of: Option<usize>,
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
                class.method == method.as_str()
                    && class.is_default
                    && class.takes(&column.input_types)
            })
    };
    let taken: Vec<&CatalogColumn> = equal.iter().copied().filter(|column| takes(column)).collect();
    let columns = names(&taken, MOST_BESIDE);
    (!columns.is_empty()).then_some(Beside { columns, extension: Some(extension) })
}

fn names(columns: &[&CatalogColumn], most: usize) -> Vec<String> {
    columns.iter().take(most).map(|column| column.name.clone()).collect()
}

/// What one clause could be searched with.
fn serving(catalog: &Catalog, table: &CatalogTable, clause: &Clause) -> Vec<Served> {
    let column = match &clause.target {
        KeyTarget::Column(name) => match table.column(name) {
            Some(column) => Some(column),
            None => return Vec::new(),
        },
        KeyTarget::Expression(_) => None,
    };
    let mut served = match &clause.test {
        ClauseTest::Function(_) => by_type(catalog, column),
        ClauseTest::Operator(test) => {
            // What begins with a text a B-tree finds in fewer steps than its trigrams do, and is smaller.
            let is_beginning = test.begins && test.name == "~~";
            let mut served =
                if is_beginning { Vec::new() } else { by_operator(catalog, column, test) };
            // Values that the statement's own text hides stand in its plan.
            if column.is_none() && !test.orders && SCALAR[..5].contains(&test.name.as_str()) {
                served.push((IndexMethod::Btree, None, None));
            }
            if !is_beginning {
                served.extend(offered(catalog, column, test));
            }
            // A pattern whose text the statement hides may begin with what it finds.
            let may_begin = test.begins || test.name == "~~";
            if may_begin && let Some(class) = pattern_class(column, test) {
                served.push((IndexMethod::Btree, class, None));
            }
            served
        }
    };
    served.dedup();
    served
        .into_iter()
        .map(|(method, operator_class, extension)| {
            let key = match &clause.target {
                KeyTarget::Column(name) => IndexKey::column(name),
                KeyTarget::Expression(sql) => IndexKey::expression(sql),
            };
            let key = IndexKey { operator_class, ..key };
            Served { method, key, extension, arm_of: clause.arm_of }
        })
        .collect()
}

type Class = (IndexMethod, Option<String>, Option<(String, bool)>);

/// Classes whose operators the catalogs name.
fn by_operator(
    catalog: &Catalog,
    column: Option<&CatalogColumn>,
    test: &OperatorTest,
) -> Vec<Class> {
    // A scalar comparison is a B-tree's, where the type has one.
    let is_scalar = !test.orders && SCALAR.contains(&test.name.as_str());
    if test.is_list || (is_scalar && column.is_none_or(|column| column.ordered)) {
        return Vec::new();
    }
    let fitting: Vec<&OperatorClass> = catalog
        .operator_classes
        .iter()
        .filter(|class| {
            class.method != "btree"
                && class.method != "hash"
                && class.method != "brin"
                && serves(catalog, class, column, test)
        })
        .collect();
    // An operator for exactly this type is the one that the name means, and classes for any such type have another.
    let has_own = fitting.iter().any(|class| !class.is_polymorphic());
    let mut found: Vec<Class> = Vec::new();
    for class in fitting {
        let Some(method) = IndexMethod::named(&class.method) else { continue };
        if has_own && class.is_polymorphic() {
            continue;
        }
        let is_lossy_for_words = method == IndexMethod::Gist
            && matches!(class.name.as_str(), "tsvector_ops" | "gist_trgm_ops")
            && !test.orders
            && matches!(test.name.as_str(), "@@" | "~~" | "~~*" | "~" | "~*");
        // GIN answers these, and is not asked which rows it only guessed.
        if is_lossy_for_words {
            continue;
        }
        let name = (!class.is_default).then(|| name_of(catalog, class));
        let extension = class.extension.clone().map(|extension| (extension, false));
        if found.iter().filter(|(known, ..)| *known == method).count() < MOST_CLASSES {
            found.push((method, name, extension));
        }
    }
    found
}

fn serves(
    catalog: &Catalog,
    class: &OperatorClass,
    column: Option<&CatalogColumn>,
    test: &OperatorTest,
) -> bool {
    if let Some(column) = column
        && !class.takes(&column.input_types)
    {
        return false;
    }
    class.operators.iter().any(|operator| {
        let name = if test.is_turned { operator.commutator.as_ref() } else { Some(&operator.name) };
        let is_meant = match &test.schema {
            Some(schema) => *schema == operator.schema,
            None => {
                operator.schema == "pg_catalog" || catalog.search_path.contains(&operator.schema)
            }
        };
        // What an expression gives is not known: the other side tells, which then must be known.
        let fits = match (&test.other_type, column) {
            (Some(other), _) => takes_other(&operator.right, other),
            (None, Some(_)) => true,
            (None, None) => false,
        };
        operator.orders == test.orders && name == Some(&test.name) && is_meant && fits
    })
}

/// Whether a type stands on the right of an operator, as it is or as what it is read as.
fn takes_other(right: &str, other: &str) -> bool {
    let plain = other.split('(').next().unwrap_or(other).trim_end();
    match right {
        "anyarray" => plain.ends_with("[]"),
        // Names of ranges are many: that it is one, the operator itself asks for.
        "anyrange" | "anymultirange" | "anyenum" | "anyelement" | "any" => true,
        "text" => matches!(plain, "text" | "character varying" | "character" | "name"),
        "inet" => matches!(plain, "inet" | "cidr"),
        right => right == plain || right.ends_with(&format!(".{plain}")),
    }
}

/// The default classes for a type that functions give conditions for: of methods that search places and ranges.
fn by_type(catalog: &Catalog, column: Option<&CatalogColumn>) -> Vec<Class> {
    let Some(column) = column.filter(|column| !column.ordered) else { return Vec::new() };
    let classes = catalog.operator_classes.iter().filter(|class| {
        class.is_default
            && matches!(class.method.as_str(), "gist" | "spgist" | "gin")
            && class.takes(&column.input_types)
    });
    classes
        .filter_map(|class| {
            let extension = class.extension.clone().map(|extension| (extension, false));
            Some((IndexMethod::named(&class.method)?, None, extension))
        })
        .collect()
}

/// Classes of extensions that are there to be created.
fn offered(catalog: &Catalog, column: Option<&CatalogColumn>, test: &OperatorTest) -> Vec<Class> {
    let fits = |offered: &&Offered| {
        let extensions = &catalog.server.extensions;
        let is_lacking = !extensions.contains(offered.extension)
            && catalog.server.available_extensions.contains(offered.extension);
        let is_of_type = match column {
            Some(column) => column.input_types.iter().any(|name| name == offered.input),
            None => test.other_type.as_deref() == Some(offered.input),
        };
        is_lacking
            && is_of_type
            && !test.is_turned
            && !test.orders
            && offered.operators.contains(&test.name.as_str())
    };
    OFFERED
        .iter()
        .filter(fits)
        .map(|offered| {
            let extension = (offered.extension.to_owned(), true);
            (offered.method, Some(offered.class.to_owned()), Some(extension))
        })
        .collect()
}

/// What a B-tree needs to find what begins with a text: nothing where its collation compares bytes.
fn pattern_class(column: Option<&CatalogColumn>, test: &OperatorTest) -> Option<Option<String>> {
    let Some(column) = column else {
        let is_text = test.other_type.as_deref() == Some("text");
        return is_text.then(|| Some("text_pattern_ops".to_owned()));
    };
    let takes = |name: &str| column.input_types.iter().any(|known| known == name);
    let is_padded = column.data_type == "character" || column.data_type.starts_with("character(");
    let class = if is_padded {
        "bpchar_pattern_ops"
    } else if takes("text") {
        "text_pattern_ops"
    } else {
        return None;
    };
    Some((!column.sorts_by_bytes).then(|| class.to_owned()))
}

/// A class as SQL names it: with its schema where the search path does not find it.
fn name_of(catalog: &Catalog, class: &OperatorClass) -> String {
    let name = quoted_where_needed(&class.name);
    match class.schema == "pg_catalog" || catalog.search_path.contains(&class.schema) {
        true => name,
        false => format!("{}.{name}", quoted_where_needed(&class.schema)),
    }
}

fn quoted_where_needed(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { name.to_owned() } else { quote_identifier(name) }
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
fn there_already<'t>(table: &'t CatalogTable, candidate: &IndexCandidate) -> Option<&'t str> {
    let is_same = |index: &&crate::model::CatalogIndex| {
        index.valid
            && index.method == candidate.method.as_str()
            && index.predicate.is_none()
            && index.key_columns.len() >= candidate.keys.len()
            && candidate.keys.iter().enumerate().all(|(at, key)| {
                let of_class = index.key_classes.get(at).and_then(|text| text.split(' ').next());
                let wanted = key.operator_class.as_deref();
                let wanted = wanted.map(|name| name.rsplit('.').next().unwrap_or(name));
                let column = index.key_columns.get(at).and_then(Option::as_deref);
                let is_default =
                    |class: &str| !class.contains("_path_ops") && !class.contains("trgm");
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
