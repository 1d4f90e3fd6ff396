//! Which operator classes serve a condition.

use crate::advisor::candidates::{MIN_BRIN_BYTES, MIN_BRIN_CORRELATION};
use crate::advisor::clause::{Clause, ClauseTest, OperatorTest};
use crate::advisor::index::{IndexKey, IndexMethod, KeyTarget};
use crate::model::{Catalog, CatalogColumn, CatalogTable, OperatorClass, quote_identifier};

/// What B-trees compare by: other methods have classes for these only to take a column in beside another.
const SCALAR: [&str; 6] = ["=", "<", "<=", ">", ">=", "<>"];
/// Classes of one method that are tried for one condition.
const MOST_CLASSES: usize = 2;

/// Below this correlation of a column with the order of its rows, a range of pages holds values from everywhere, outliers or
/// not.
const MIN_MULTI_CORRELATION: f64 = 0.5;

/// Fewer values than these are in nearly every range of pages.
const MIN_BLOOM_DISTINCT: f64 = 10_000.0;

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

/// A key that one clause asks for, with the method that searches it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Served {
    pub method: IndexMethod,
    pub key: IndexKey,
    pub extension: Option<(String, bool)>,
    pub arm_of: Option<usize>,
}

/// What one clause could be searched with.
pub(super) fn serving(catalog: &Catalog, table: &CatalogTable, clause: &Clause) -> Vec<Served> {
    let column = match &clause.target {
        KeyTarget::Column(name) => match table.column(name) {
            Some(column) => Some(column),
            None => return Vec::new(),
        },
        KeyTarget::Expression(_) => None,
    };
    let mut served = match &clause.test {
        ClauseTest::Function => by_type(catalog, column),
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
            served.extend(of_ranges(catalog, table, column, test));
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
            class.method != IndexMethod::Btree
                && class.method != IndexMethod::Hash
                && class.method != IndexMethod::Brin
                && serves(catalog, class, column, test)
        })
        .collect();
    // An operator for exactly this type is the one that the name means, and classes for any such type have another.
    let has_own = fitting.iter().any(|class| !class.is_polymorphic());
    let mut found: Vec<Class> = Vec::new();
    for class in fitting {
        let Some(method) = class.method.known() else { continue };
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
    // Of two that find most of the nearest rows, HNSW finds more in the same time, and learns nothing from rows that must
    // be there before it is made.
    if found.iter().any(|(method, ..)| *method == IndexMethod::Hnsw) {
        found.retain(|(method, ..)| *method != IndexMethod::Ivfflat);
    }
    found
}

/// Classes that summarise ranges of pages otherwise than by their least and greatest value: by several spans, where most
/// values follow the order of the rows and some lie apart, and by which values there are, where equal ones lie together in
/// no order. That the latter do, no statistics say: a build does.
fn of_ranges(
    catalog: &Catalog,
    table: &CatalogTable,
    column: Option<&CatalogColumn>,
    test: &OperatorTest,
) -> Vec<Class> {
    // What a join compares with is everywhere.
    let is_sought = table.bytes >= MIN_BRIN_BYTES && !test.orders && test.value.is_some();
    let Some(column) = column.filter(|_| is_sought) else { return Vec::new() };
    let follows = column.correlation.map_or(0.0, f64::abs);
    let distinct = column.distinct_values(table.rows).unwrap_or(0.0);
    let is_identifier =
        follows < MIN_BRIN_CORRELATION && test.name == "=" && distinct >= MIN_BLOOM_DISTINCT;
    let has_spans = (MIN_MULTI_CORRELATION..MIN_BRIN_CORRELATION).contains(&follows);
    let is_wanted = |name: &str| {
        has_spans && name.ends_with("_minmax_multi_ops")
            || is_identifier && name.ends_with("_bloom_ops")
    };
    let classes = catalog.operator_classes.iter().filter(|class| {
        class.method == IndexMethod::Brin
            && is_wanted(&class.name)
            && serves(catalog, class, Some(column), test)
    });
    classes
        .map(|class| {
            let extension = class.extension.clone().map(|extension| (extension, false));
            (IndexMethod::Brin, Some(name_of(catalog, class)), extension)
        })
        .collect()
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
            && matches!(
                class.method.known(),
                Some(IndexMethod::Gist | IndexMethod::Spgist | IndexMethod::Gin)
            )
            && class.takes(&column.input_types)
    });
    classes
        .filter_map(|class| {
            let extension = class.extension.clone().map(|extension| (extension, false));
            Some((class.method.known()?, None, extension))
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
