//! What names mean: aliases, columns of queries and views, and the query levels around them.

use std::collections::BTreeMap;

use optischema::model::{CatalogTable, ColumnName};
use pg_query::NodeEnum;
use pg_query::protobuf::ColumnRef;

/// What stands behind an output of a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Output {
    /// A column of a table; of a UNION, each arm's.
    Columns(Vec<ColumnName>),
    /// The elements of a list that is given as a parameter.
    List(i32),
    /// Something that is computed.
    #[default]
    Other,
}

/// The outputs of a query.
#[derive(Debug, Clone, Default)]
pub(super) struct Outputs {
    pub by_name: BTreeMap<String, Output>,
    /// In the order of the target list; as long as it is known.
    pub in_order: Vec<Output>,
    /// Whether a condition on them can be searched for inside: not behind a LIMIT.
    pub is_open: bool,
}

/// What a name in FROM stands for.
#[derive(Debug, Clone)]
pub(super) enum Source<'a> {
    Table(&'a CatalogTable),
    Query(Outputs),
}

/// What a name can mean inside one query level.
#[derive(Default)]
pub(super) struct Scope<'a> {
    /// Alias, and what is behind it.
    pub relations: Vec<(String, Source<'a>)>,
    /// WITH queries of this level, by name.
    pub queries: BTreeMap<String, Outputs>,
    pub outer: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    /// The tables of this level.
    pub(super) fn tables(&self) -> impl DoubleEndedIterator<Item = (&str, &'a CatalogTable)> {
        self.relations.iter().filter_map(|(alias, source)| match source {
            Source::Table(table) => Some((alias.as_str(), *table)),
            Source::Query(_) => None,
        })
    }

    /// A WITH query of this level or one around it.
    pub(super) fn query(&self, name: &str) -> Option<&Outputs> {
        self.queries.get(name).or_else(|| self.outer.and_then(|outer| outer.query(name)))
    }

    /// The column that is behind a name: of a UNION, the first arm's.
    pub(super) fn resolve(&self, column: &ColumnRef) -> Option<ColumnName> {
        self.columns(column).into_iter().next()
    }

    /// Every column that is behind a name.
    pub(super) fn columns(&self, column: &ColumnRef) -> Vec<ColumnName> {
        match self.output(column) {
            Some((Output::Columns(columns), _)) => columns,
            _ => Vec::new(),
        }
    }

    /// The columns that a condition on a name can be searched for with.
    pub(super) fn searched(&self, column: &ColumnRef) -> Vec<ColumnName> {
        match self.output(column) {
            Some((Output::Columns(columns), true)) => columns,
            _ => Vec::new(),
        }
    }

    /// What is behind a name, and whether a condition on it can be searched for.
    pub(super) fn output(&self, column: &ColumnRef) -> Option<(Output, bool)> {
        let parts: Vec<&str> = column
            .fields
            .iter()
            .map(|field| match &field.node {
                Some(NodeEnum::String(part)) => Some(part.sval.as_str()),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let (qualifier, name) = match parts.as_slice() {
            [name] => (None, *name),
            [table, name] | [_, table, name] => (Some(*table), *name),
            _ => return None,
        };
        self.find(qualifier, name)
    }

    fn find(&self, qualifier: Option<&str>, name: &str) -> Option<(Output, bool)> {
        for (alias, source) in &self.relations {
            if qualifier.is_some_and(|qualifier| qualifier != alias) {
                continue;
            }
            match source {
                Source::Table(table) if table.column(name).is_some() => {
                    return Some((Output::Columns(vec![of_table(table, name)]), true));
                }
                Source::Table(_) => {}
                Source::Query(outputs) => {
                    if let Some(output) = outputs.by_name.get(name) {
                        return Some((output.clone(), outputs.is_open));
                    }
                }
            }
        }
        // A name that something unknown of this level may define is not looked for further out.
        let is_hidden = self.relations.iter().any(|(alias, source)| {
            let fits = qualifier.is_none_or(|qualifier| qualifier == alias);
            fits && matches!(source, Source::Query(outputs) if outputs.by_name.is_empty())
        });
        if is_hidden { None } else { self.outer.and_then(|outer| outer.find(qualifier, name)) }
    }
}

pub(super) fn of_table(table: &CatalogTable, column: &str) -> ColumnName {
    ColumnName { table: table.name.clone(), column: column.to_owned() }
}

impl Outputs {
    pub(super) fn add(&mut self, name: &str, output: Output) {
        self.in_order.push(output.clone());
        if !name.is_empty() {
            self.by_name.entry(name.to_owned()).or_insert(output);
        }
    }

    /// Under the names that an alias gives: `s (a, b)`.
    pub(super) fn renamed(mut self, names: &[String]) -> Self {
        for (name, output) in names.iter().zip(self.in_order.clone()) {
            self.by_name.insert(name.clone(), output);
        }
        self
    }

    /// Beside those of another arm of a UNION.
    pub(super) fn beside(mut self, other: &Self) -> Self {
        let names: Vec<(String, usize)> = self
            .by_name
            .iter()
            .filter_map(|(name, output)| {
                let at = self.in_order.iter().position(|known| known == output)?;
                Some((name.clone(), at))
            })
            .collect();
        for (mine, theirs) in self.in_order.iter_mut().zip(&other.in_order) {
            if let (Output::Columns(mine), Output::Columns(theirs)) = (mine, theirs) {
                mine.extend(theirs.iter().cloned());
            }
        }
        for (name, at) in names {
            if let Some(output) = self.in_order.get(at) {
                self.by_name.insert(name, output.clone());
            }
        }
        self.is_open &= other.is_open;
        self
    }
}

impl Source<'_> {
    /// The column behind a name.
    pub(super) fn column(&self, name: &str) -> Option<ColumnName> {
        match self {
            Self::Table(table) => table.column(name).map(|_| of_table(table, name)),
            Self::Query(outputs) => match outputs.by_name.get(name)? {
                Output::Columns(columns) => columns.first().cloned(),
                Output::List(_) | Output::Other => None,
            },
        }
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Table(table) => table.columns.iter().map(|column| column.name.as_str()).collect(),
            Self::Query(outputs) => outputs.by_name.keys().map(String::as_str).collect(),
        }
    }
}

/// The columns that both sides of a NATURAL JOIN have.
pub(super) fn common_columns(
    left: &[(String, Source<'_>)],
    right: &[(String, Source<'_>)],
) -> Vec<String> {
    let of_left: Vec<&str> = left.iter().flat_map(|(_, source)| source.names()).collect();
    let of_right = right.iter().flat_map(|(_, source)| source.names());
    of_right.filter(|name| of_left.contains(name)).map(str::to_owned).collect()
}
