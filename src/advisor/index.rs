//! An index that might be worth having: what it is, what it is called, and the SQL that makes it.

use serde::{Deserialize, Serialize};

pub use crate::model::IndexMethod;
use crate::model::{CatalogIndex, CatalogTable, TableName, quote_identifier};

/// What a key is made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyTarget {
    Column(String),
    /// SQL that PostgreSQL's deparser wrote, over the columns of the table.
    Expression(String),
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndexKey {
    pub target: KeyTarget,
    pub descending: bool,
    /// Where it is not the direction's default.
    pub nulls_first: Option<bool>,
    /// By name, where it is not the type's default.
    pub operator_class: Option<String>,
}

impl IndexCandidate {
    /// Whether it has the keys of another one behind further ones, so that it reads in the same order a part of what the
    /// other reads. An index is read backwards just as well.
    #[must_use]
    pub fn narrows(&self, other: &Self) -> bool {
        if other.has_constant_key() {
            return self.is_beside(other) && !self.has_constant_key();
        }
        let Some(first) = self.keys.len().checked_sub(other.keys.len()).filter(|more| *more > 0)
        else {
            return false;
        };
        let alike = |mirrored: bool| {
            self.keys[first..].iter().zip(&other.keys).all(|(own, key)| {
                own.target == key.target
                    && own.operator_class == key.operator_class
                    && (own.descending != key.descending) == mirrored
                    && own.nulls_are_first() == (key.nulls_are_first() != mirrored)
            })
        };
        self.is_beside(other) && (alike(false) || alike(true))
    }

    /// Whether it has the keys of another one, and further ones behind them.
    #[must_use]
    pub fn begins_with(&self, other: &Self) -> bool {
        self.is_beside(other)
            && self.keys.len() > other.keys.len()
            && self.keys.starts_with(&other.keys)
            && other.include.iter().all(|column| {
                self.include.contains(column)
                    || self.keys.iter().any(|key| key.column_name() == Some(column))
            })
    }

    fn is_beside(&self, other: &Self) -> bool {
        self.table == other.table
            && self.method == IndexMethod::Btree
            && other.method == IndexMethod::Btree
            && self.predicate == other.predicate
    }

    /// Whether its only key is the column that its predicate pins to one value.
    fn has_constant_key(&self) -> bool {
        let pinned = self.predicate.as_ref().and_then(|predicate| match predicate.test {
            PredicateTest::Equals(_) | PredicateTest::Null => predicate.column.as_deref(),
            _ => None,
        });
        pinned.is_some() && self.keys.iter().all(|key| key.column_name() == pinned)
    }
}

impl IndexKey {
    /// Where NULLs are, read forwards.
    fn nulls_are_first(&self) -> bool {
        self.nulls_first.unwrap_or(self.descending)
    }

    /// A column, ascending.
    #[must_use]
    pub fn column(name: impl Into<String>) -> Self {
        Self::of(KeyTarget::Column(name.into()))
    }

    /// An expression, ascending.
    #[must_use]
    pub fn expression(sql: impl Into<String>) -> Self {
        Self::of(KeyTarget::Expression(sql.into()))
    }

    const fn of(target: KeyTarget) -> Self {
        Self { target, descending: false, nulls_first: None, operator_class: None }
    }

    /// The column, where it is a plain one.
    #[must_use]
    pub fn column_name(&self) -> Option<&str> {
        match &self.target {
            KeyTarget::Column(name) => Some(name),
            KeyTarget::Expression(_) => None,
        }
    }

    fn modifiers(&self) -> String {
        let mut text = String::new();
        if let Some(class) = &self.operator_class {
            text.push(' ');
            text.push_str(class);
        }
        if self.descending {
            text.push_str(" DESC");
        }
        match self.nulls_first {
            Some(true) if !self.descending => text.push_str(" NULLS FIRST"),
            Some(false) if self.descending => text.push_str(" NULLS LAST"),
            _ => {}
        }
        text
    }

    fn sql(&self) -> String {
        match &self.target {
            KeyTarget::Column(name) => quote_identifier(name) + &self.modifiers(),
            KeyTarget::Expression(sql) => format!("({sql}){}", self.modifiers()),
        }
    }

    /// As a person writes it.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.target {
            KeyTarget::Column(name) => name.clone() + &self.modifiers(),
            KeyTarget::Expression(sql) => sql.clone() + &self.modifiers(),
        }
    }
}

/// Which rows a partial index holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndexPredicate {
    /// As PostgreSQL's deparser writes it.
    pub sql: String,
    /// The one column that it tests, where it is as simple as that.
    pub column: Option<String>,
    pub test: PredicateTest,
}

/// What a partial index asks of its rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PredicateTest {
    Null,
    NotNull,
    /// The value as text, without quotes.
    Equals(String),
    Other,
}

/// An index that might be worth having.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndexCandidate {
    pub table: TableName,
    pub method: IndexMethod,
    pub keys: Vec<IndexKey>,
    /// Columns that it carries for index-only scans.
    pub include: Vec<String>,
    /// The rows of a partial index.
    pub predicate: Option<IndexPredicate>,
    /// Parameters of the method and their values, such as the lists of IVFFlat.
    #[serde(default)]
    pub parameters: Vec<(String, u32)>,
}

impl IndexCandidate {
    /// A B-tree over plain columns, ascending.
    #[must_use]
    pub fn btree(table: TableName, columns: &[&str]) -> Self {
        let keys = columns.iter().map(|column| IndexKey::column(*column)).collect();
        Self { table, keys, ..Self::default() }
    }

    /// The name that it gets: table, columns, `idx`, cut to PostgreSQL's 63 bytes with a digest of the
    /// whole where it is longer, so that two long names never meet.
    #[must_use]
    pub fn name(&self) -> String {
        self.numbered_name(0)
    }

    /// The same, or the first of `…_idx1`, `…_idx2`, … that is not taken.
    #[must_use]
    pub fn free_name(&self, is_taken: impl Fn(&str) -> bool) -> String {
        let mut number = 0;
        loop {
            let name = self.numbered_name(number);
            if !is_taken(&name) {
                return name;
            }
            number += 1;
        }
    }

    fn numbered_name(&self, number: u32) -> String {
        let words: Vec<String> = self
            .keys
            .iter()
            .map(|key| match &key.target {
                KeyTarget::Column(name) => name.clone(),
                KeyTarget::Expression(sql) => words_of(sql),
            })
            .collect();
        let mut end = match self.method {
            IndexMethod::Btree => "idx".to_owned(),
            other => format!("{}_idx", other.as_str()),
        };
        if self.predicate.is_some() {
            end = format!("part_{end}");
        }
        if !self.include.is_empty() {
            end = format!("incl_{end}");
        }
        let number = if number == 0 { String::new() } else { number.to_string() };
        let full = format!("{}_{}_{end}{number}", self.table.name, words.join("_"));
        if full.len() <= 63 {
            return full;
        }
        let digest = full.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut end = 63 - 13;
        while !full.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}_{:08x}_idx", &full[..end], digest & 0xffff_ffff)
    }

    /// `CREATE INDEX … ON … USING … (…)`, with every identifier quoted.
    #[must_use]
    pub fn create_sql(&self, concurrently: bool) -> String {
        self.create_sql_named(&self.name(), concurrently)
    }

    /// The same, under a name that the caller knows to be free.
    #[must_use]
    pub fn create_sql_named(&self, name: &str, concurrently: bool) -> String {
        format!(
            "CREATE INDEX {}{} ON {} {}",
            if concurrently { "CONCURRENTLY " } else { "" },
            quote_identifier(name),
            self.table.quoted(),
            self.body_sql()
        )
    }

    /// `USING … (…) INCLUDE (…) WHERE …`
    #[must_use]
    pub fn body_sql(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(IndexKey::sql).collect();
        let mut sql = format!("USING {} ({})", self.method.as_str(), keys.join(", "));
        if !self.include.is_empty() {
            let columns: Vec<String> =
                self.include.iter().map(|column| quote_identifier(column)).collect();
            sql.push_str(&format!(" INCLUDE ({})", columns.join(", ")));
        }
        if !self.parameters.is_empty() {
            let parameters: Vec<String> = self
                .parameters
                .iter()
                .map(|(name, value)| format!("{} = {value}", quote_identifier(name)))
                .collect();
            sql.push_str(&format!(" WITH ({})", parameters.join(", ")));
        }
        if let Some(predicate) = &self.predicate {
            sql.push_str(&format!(" WHERE {}", predicate.sql));
        }
        sql
    }

    /// The keys as a person writes them.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        self.keys.iter().map(IndexKey::label).collect()
    }

    /// Keys, carried columns and predicate as a person writes them: `(a, b DESC) INCLUDE (c) WHERE d`.
    #[must_use]
    pub fn label(&self) -> String {
        let mut label = format!("({})", self.columns().join(", "));
        if !self.include.is_empty() {
            label.push_str(&format!(" INCLUDE ({})", self.include.join(", ")));
        }
        if let Some(predicate) = &self.predicate {
            label.push_str(&format!(" WHERE {}", predicate.sql));
        }
        label
    }

    /// An existing index that does all that this one would.
    #[must_use]
    pub fn covered_by<'a>(&self, table: &'a CatalogTable) -> Option<&'a CatalogIndex> {
        table.indexes.iter().find(|index| self.is_served_by(index))
    }

    fn is_served_by(&self, index: &CatalogIndex) -> bool {
        let is_of_columns =
            matches!(self.method, IndexMethod::Btree | IndexMethod::Hash | IndexMethod::Brin);
        if !index.valid
            || !is_of_columns
            || index.method != self.method
            || index.predicate.is_some()
            || index.key_classes.iter().any(|class| class.contains("pattern_ops"))
            || index.key_columns.len() < self.keys.len()
            || !index.keys_collated_alike.iter().take(self.keys.len()).all(|alike| *alike)
            || self.keys.iter().any(|key| key.operator_class.is_some())
        {
            return false;
        }
        let same_columns =
            index.key_columns.iter().zip(&self.keys).all(|(column, key)| {
                column.as_deref().is_some_and(|c| key.column_name() == Some(c))
            });
        // Direction and end of the NULLs of each key; a B-tree is read in both directions, and then all of them turn.
        let existing = index.key_options.iter().chain(std::iter::repeat(&0)).take(self.keys.len());
        let existing: Vec<(bool, bool)> =
            existing.map(|options| (options & 1 == 1, options & 2 == 2)).collect();
        let wanted: Vec<(bool, bool)> = self
            .keys
            .iter()
            .map(|key| (key.descending, key.nulls_first.unwrap_or(key.descending)))
            .collect();
        let mirrored = wanted.iter().map(|(descending, first)| (!descending, !first));
        let same_order = existing == wanted || existing.iter().copied().eq(mirrored);
        let carried = self.include.iter().all(|column| {
            index.include.contains(column)
                || index.key_columns.iter().flatten().any(|key| key == column)
        });
        same_columns && same_order && carried
    }

    /// Whether whatever uses `other` can use this one: the same keys first, and all that it carries.
    #[must_use]
    pub fn subsumes(&self, other: &Self) -> bool {
        self.table == other.table
            && self.method == other.method
            && self.predicate == other.predicate
            && self.keys.len() >= other.keys.len()
            && self.keys.iter().zip(&other.keys).all(|(mine, theirs)| mine == theirs)
            && other.include.iter().all(|column| {
                self.include.contains(column)
                    || self.keys.iter().any(|key| key.column_name() == Some(column))
            })
    }
}

/// The letters and digits of an expression, as a part of a name.
fn words_of(sql: &str) -> String {
    let words: Vec<&str> =
        sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
    words.join("_")
}
