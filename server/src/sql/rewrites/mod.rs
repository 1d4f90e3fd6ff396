//! Statements written differently: one rule, one file, with its tests. Each takes a tree and gives another, which
//! PostgreSQL's deparser writes. What is not provably the same says so, and is compared on real rows before
//! anybody trusts it.

mod array_element;
mod conditions;
mod correlated_subquery;
mod day_values;
mod function_on_column;
mod implicit_cast;
mod keyset_pagination;
mod moments;
mod not_in;
mod numeric_literal;
mod or_to_union;
mod pieces;
mod row_comparison;
mod select_star;
mod unused_distinct;

use optischema::model::{Catalog, RiskLevel, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::SelectStmt;

use super::Statement;

pub use implicit_cast::casts_in_filter;
pub(super) use pieces::mirrored;

/// A statement, written differently.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    pub rule: Rule,
    /// With the parameters of the original.
    pub sql: String,
    /// What is wrong with the original, in a sentence.
    pub why: String,
    /// Under which conditions both give the same rows.
    pub sameness: Sameness,
}

/// Whether a rewrite gives the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// By the rules of SQL and the constraints of the tables.
    Proven(&'static str),
    /// For the values that are usual; the sentence says for which it is not.
    Usual(&'static str),
    /// It is another statement, and the application changes with it.
    Other(&'static str),
}

impl Sameness {
    /// The sentence.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Proven(reason) | Self::Usual(reason) | Self::Other(reason) => reason,
        }
    }

    /// How much harm it could do.
    #[must_use]
    pub const fn risk(self) -> RiskLevel {
        match self {
            Self::Proven(_) => RiskLevel::Low,
            Self::Usual(_) => RiskLevel::Medium,
            Self::Other(_) => RiskLevel::High,
        }
    }
}

/// Every way that a rule knows to write a statement differently.
#[must_use]
pub fn rewrites(statement: &Statement, catalog: &Catalog) -> Vec<Rewrite> {
    let Some(select) = pieces::select(statement) else { return Vec::new() };
    // Of the statement as a whole.
    let rules: [fn(&SelectStmt, &Catalog) -> Option<Rewrite>; 6] = [
        not_in::rewrite,
        or_to_union::rewrite,
        keyset_pagination::rewrite,
        correlated_subquery::rewrite,
        unused_distinct::rewrite,
        select_star::rewrite,
    ];
    // Of single conditions, wherever they stand.
    let of_conditions: [fn(&Statement, &Catalog) -> Option<Rewrite>; 5] = [
        function_on_column::rewrite,
        implicit_cast::rewrite,
        numeric_literal::rewrite,
        array_element::rewrite,
        row_comparison::rewrite,
    ];
    let whole = rules.iter().filter_map(|rule| rule(select, catalog));
    whole.chain(of_conditions.iter().filter_map(|rule| rule(statement, catalog))).collect()
}

/// A tree as text; `None` where the deparser fails or writes what cannot be read again.
fn written(select: SelectStmt) -> Option<String> {
    let sql = pieces::deparse(NodeEnum::SelectStmt(Box::new(select)))?;
    let same = pg_query::parse(&sql, 0).is_ok();
    same.then_some(sql)
}

#[cfg(test)]
mod testing {
    use super::*;
    use optischema::model::{CatalogColumn, CatalogIndex, CatalogTable, IndexMethod, TableName};

    pub(super) fn catalog() -> Catalog {
        let column = |name: &str, data_type: &str, nullable: bool| CatalogColumn {
            name: name.into(),
            data_type: data_type.into(),
            nullable,
            ordered: data_type != "json",
            average_width: Some(if data_type == "text" { 300 } else { 8 }),
            ..CatalogColumn::default()
        };
        let index = |name: &str, columns: &[&str], unique: bool| CatalogIndex {
            name: name.into(),
            method: IndexMethod::Btree.into(),
            key_columns: columns.iter().map(|c| Some((*c).to_owned())).collect(),
            unique,
            primary: name.ends_with("pkey"),
            valid: true,
            ..CatalogIndex::default()
        };
        let table = |name: &str, columns: Vec<CatalogColumn>, indexes: Vec<CatalogIndex>| {
            let name = TableName::new("public", name);
            (
                name.clone(),
                CatalogTable { name, columns, indexes, rows: 1e6, ..CatalogTable::default() },
            )
        };
        Catalog {
            search_path: vec!["public".into()],
            tables: [
                table(
                    "orders",
                    vec![
                        column("id", "bigint", false),
                        column("customer_id", "bigint", false),
                        column("seller_id", "bigint", true),
                        column("created_at", "timestamp without time zone", false),
                        column("paid_at", "timestamp with time zone", true),
                        column("note", "text", true),
                    ],
                    vec![
                        index("orders_pkey", &["id"], true),
                        index("orders_customer", &["customer_id", "created_at"], false),
                    ],
                ),
                table(
                    "customers",
                    vec![
                        column("id", "bigint", false),
                        column("email", "text", false),
                        column("phone", "text", true),
                    ],
                    vec![index("customers_pkey", &["id"], true)],
                ),
                table(
                    "documents",
                    vec![
                        column("id", "bigint", false),
                        column("note", "text", true),
                        column("tags", "text[]", true),
                        column("labels", "character varying(20)[]", true),
                        column("numbers", "integer[]", true),
                        column("cells", "numeric(10,2)[]", true),
                        column("day", "date", true),
                    ],
                    vec![index("documents_pkey", &["id"], true)],
                ),
                table(
                    "loose",
                    vec![column("a", "bigint", true), column("doc", "json", true)],
                    vec![],
                ),
            ]
            .into(),
            ..Catalog::default()
        }
    }

    /// Every rewrite of a statement.
    pub(super) fn all(sql: &str) -> Vec<Rewrite> {
        rewrites(&crate::sql::parse_one(sql).unwrap(), &catalog())
    }

    /// The rewrite of one rule: statement in, statement out.
    pub(super) fn by(rule: Rule, sql: &str) -> Option<String> {
        Some(all(sql).into_iter().find(|found| found.rule == rule)?.sql)
    }
}
