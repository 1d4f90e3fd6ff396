//! What the system catalogs say of a database: facts, read once and passed around.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TableName;

/// The tables of one database, with their columns, indexes and statistics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The database's name.
    pub database: String,
    /// `search_path`, in order, as schema names.
    pub search_path: Vec<String>,
    pub tables: BTreeMap<TableName, CatalogTable>,
}

impl Catalog {
    /// A table as a statement names it: by schema, or through the search path.
    #[must_use]
    pub fn resolve(&self, schema: &str, name: &str) -> Option<&CatalogTable> {
        if !schema.is_empty() {
            return self.tables.get(&TableName::new(schema, name));
        }
        self.search_path.iter().find_map(|path| self.tables.get(&TableName::new(path, name)))
    }
}

/// One table, partitioned table or materialised view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogTable {
    pub name: TableName,
    pub kind: RelationKind,
    /// `reltuples`: live rows at the last ANALYZE; negative where there was none.
    pub rows: f64,
    /// `pg_table_size`.
    pub bytes: i64,
    pub columns: Vec<CatalogColumn>,
    pub indexes: Vec<CatalogIndex>,
}

impl CatalogTable {
    /// A column by name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&CatalogColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// `pg_class.relkind`, for what can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RelationKind {
    Table,
    Partitioned,
    MaterializedView,
    View,
    Foreign,
}

/// One column, with what `pg_stats` knows of its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogColumn {
    pub name: String,
    /// As `format_type` gives it.
    pub data_type: String,
    pub nullable: bool,
    /// Distinct values: above zero a count, below zero a share of the rows (pg_stats).
    pub n_distinct: Option<f64>,
    /// Bytes, on average.
    pub average_width: Option<i32>,
    /// -1 to 1: physical order against logical order.
    pub correlation: Option<f64>,
    /// Share of NULLs, from 0 to 1.
    pub null_share: Option<f64>,
    /// Most common values as text, the most common first.
    pub common_values: Vec<String>,
    /// Their shares of all rows, from 0 to 1, in the same order.
    pub common_shares: Vec<f64>,
    /// Histogram bounds as text, ascending.
    pub histogram: Vec<String>,
}

impl CatalogColumn {
    /// Distinct values in a table of `rows` rows, as a count.
    #[must_use]
    pub fn distinct_values(&self, rows: f64) -> Option<f64> {
        self.n_distinct.map(|n| if n < 0.0 { -n * rows.max(0.0) } else { n })
    }
}

/// One index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogIndex {
    pub name: String,
    /// `pg_get_indexdef`.
    pub definition: String,
    /// Access method: `btree`, `gin`, …
    pub method: String,
    /// Key columns in order; an expression is `None`.
    pub key_columns: Vec<Option<String>>,
    pub unique: bool,
    pub primary: bool,
    pub valid: bool,
    /// The predicate of a partial index, as SQL.
    pub predicate: Option<String>,
    pub bytes: i64,
}
