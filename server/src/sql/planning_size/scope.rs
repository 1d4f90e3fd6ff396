//! What the names in sight stand for, and how large it is.

use std::collections::BTreeMap;

/// What an expression comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    /// Nodes, with subqueries' expressions put in place.
    pub(super) nodes: f64,
    /// Bytes of its value, where PostgreSQL can fold it; else absent.
    pub(super) constant: Option<f64>,
}

pub(super) const LEAF: Size = Size { nodes: 1.0, constant: None };

/// Names of a FROM list that stand for expressions.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) columns: BTreeMap<String, Size>,
    /// For a column that a subquery hands on without a name of its own.
    pub(super) largest: Option<Size>,
    /// Columns that have only the name that PostgreSQL gives them.
    pub(super) unnamed: Option<Size>,
    /// WITH queries in sight, each with its columns and the nodes of its whole.
    pub(super) queries: BTreeMap<String, (BTreeMap<String, Size>, f64)>,
}

impl Scope {
    pub(super) fn add(&mut self, name: &str, size: Size) {
        let known = self.columns.entry(name.to_owned()).or_insert(size);
        *known = larger(*known, size);
        self.largest = Some(self.largest.map_or(size, |known| larger(known, size)));
    }

    pub(super) fn extend(&mut self, other: &Self) {
        other.columns.iter().for_each(|(name, size)| self.add(name, *size));
        if let Some(size) = other.unnamed {
            self.unnamed = Some(self.unnamed.map_or(size, |known| larger(known, size)));
        }
    }

    pub(super) fn of_columns(columns: &BTreeMap<String, Size>) -> Self {
        let mut scope = Self::default();
        columns.iter().for_each(|(name, size)| scope.add(name, *size));
        scope
    }

    /// A row of all columns.
    pub(super) fn row(&self) -> Size {
        self.columns.values().fold(Size { nodes: 1.0, constant: Some(24.0) }, |row, size| Size {
            nodes: row.nodes + size.nodes,
            constant: row.constant.zip(size.constant).map(|(a, b)| a + b),
        })
    }

    /// What any column could be.
    pub(super) fn any(&self) -> Option<Size> {
        match (self.largest, self.unnamed) {
            (Some(a), Some(b)) => Some(larger(a, b)),
            (one, other) => one.or(other),
        }
    }

    pub(super) fn column(&self, name: &str) -> Size {
        // PostgreSQL may have given the name itself, beside a column that is called so.
        match (self.columns.get(name).copied(), self.unnamed) {
            (Some(named), Some(unnamed)) => larger(named, unnamed),
            (known, other) => known.or(other).unwrap_or(LEAF),
        }
    }
}

pub(super) fn larger(a: Size, b: Size) -> Size {
    Size {
        nodes: a.nodes.max(b.nodes),
        constant: match (a.constant, b.constant) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (one, other) => one.or(other),
        },
    }
}
