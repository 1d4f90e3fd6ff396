//! What a statement does to its tables, as its syntax tree says.

use serde::{Deserialize, Serialize};

use super::TableName;
use super::text_enum::text_enum;

/// A column of a known table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnName {
    pub table: TableName,
    pub column: String,
}

text_enum! {
    /// How a column is compared.
    pub enum PredicateKind ("predicate kind") {
        /// `=`
        Equality => "equality",
        /// `IN (…)`, `= ANY (…)`
        List => "list",
        /// `<`, `<=`, `>`, `>=`, `BETWEEN`
        Range => "range",
        /// `LIKE 'x%'`, `^@`
        Prefix => "prefix",
        /// `LIKE`, `ILIKE`
        Pattern => "pattern",
        /// `@>`, `?`, `&&`
        Containment => "containment",
        /// `IS NULL`
        Null => "null",
        /// `IS NOT NULL`
        NotNull => "not_null",
    }
}

/// A comparison of a column with something that is not a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Predicate {
    pub column: ColumnName,
    pub kind: PredicateKind,
    /// The operator as written.
    pub operator: String,
    /// The value as text, where it is written out; it must be quoted to stand in SQL.
    #[serde(default)]
    pub constant: Option<String>,
}

/// A comparison of an expression over the columns of one table with something that is no column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExpressionPredicate {
    pub table: TableName,
    /// As PostgreSQL's deparser writes it, its columns without their table.
    pub expression: String,
    pub kind: PredicateKind,
}

/// Two columns that tie two tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Join {
    pub left: ColumnName,
    pub right: ColumnName,
}

/// One key of `ORDER BY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SortKey {
    pub column: ColumnName,
    pub descending: bool,
    /// Where it is not the direction's default.
    pub nulls_first: Option<bool>,
}

text_enum! {
    /// What a parameter stands for.
    pub enum ParameterRole ("parameter role") {
        /// Compared with a column.
        Compared => "compared",
        /// A list, whose elements are compared with a column.
        Listed => "listed",
        /// A pattern of `LIKE`.
        Pattern => "pattern",
        /// An element that a document or array must contain.
        Contained => "contained",
        Limit => "limit",
        Offset => "offset",
        /// Anything else.
        Other => "other",
    }
}

/// Where a parameter stands in a statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ParameterUse {
    /// `n` of `$n`.
    pub number: i32,
    pub role: ParameterRole,
    /// The column that it meets.
    pub column: Option<ColumnName>,
}

/// What a statement reads, compares, joins and sorts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementShape {
    /// Each table once, in order of appearance.
    pub tables: Vec<TableName>,
    pub predicates: Vec<Predicate>,
    pub joins: Vec<Join>,
    /// The keys of the outermost `ORDER BY` that are plain columns of one table; else empty.
    pub sort: Vec<SortKey>,
    pub group: Vec<ColumnName>,
    pub has_limit: bool,
    /// Comparisons of expressions, such as `lower(email) = $1`.
    #[serde(default)]
    pub expressions: Vec<ExpressionPredicate>,
    /// Comparisons that stand under an OR: an index serves one arm each.
    #[serde(default)]
    pub alternatives: Vec<Predicate>,
    /// Arguments of a lone `min` or `max`.
    #[serde(default)]
    pub extremes: Vec<ColumnName>,
    /// Every column that the statement reads, once.
    #[serde(default)]
    pub columns: Vec<ColumnName>,
    /// Tables of which it reads whole rows (`*`).
    #[serde(default)]
    pub whole_rows: Vec<TableName>,
    pub parameters: Vec<ParameterUse>,
}
