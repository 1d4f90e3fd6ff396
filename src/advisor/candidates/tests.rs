//! Statements in, candidates out.

use super::*;
use crate::model::{
    CatalogColumn, CatalogIndex, ColumnName, Join, Predicate, RelationKind, SortKey,
};

fn column(name: &str, data_type: &str, n_distinct: f64) -> CatalogColumn {
    CatalogColumn {
        name: name.into(),
        data_type: data_type.into(),
        nullable: true,
        n_distinct: Some(n_distinct),
        average_width: Some(8),
        ordered: data_type != "jsonb",
        type_length: 8,
        type_align: 8,
        equal_image: true,
        ..CatalogColumn::default()
    }
}

fn shop(indexes: Vec<CatalogIndex>) -> Catalog {
    let name = TableName::new("public", "orders");
    let table = CatalogTable {
        name: name.clone(),
        kind: RelationKind::Table,
        rows: 200_000.0,
        bytes: 20_000_000,
        columns: vec![
            column("id", "bigint", -1.0),
            column("customer_id", "bigint", 20_000.0),
            column("status", "text", 5.0),
            column("created_at", "timestamp with time zone", -0.9),
            column("detail", "jsonb", -0.5),
        ],
        indexes,
        ..CatalogTable::default()
    };
    Catalog {
        database: "shop".into(),
        search_path: vec!["public".into()],
        tables: [(name, table)].into(),
        ..Catalog::default()
    }
}

fn at(column: &str) -> ColumnName {
    ColumnName { table: TableName::new("public", "orders"), column: column.into() }
}

fn predicate(column: &str, kind: PredicateKind) -> Predicate {
    Predicate { column: at(column), kind, operator: "=".into(), constant: None }
}

fn orders(predicates: Vec<Predicate>) -> StatementShape {
    StatementShape {
        tables: vec![TableName::new("public", "orders")],
        predicates,
        ..StatementShape::default()
    }
}

fn keys(set: &CandidateSet) -> Vec<String> {
    set.candidates.keys().map(|candidate| candidate.columns().join(", ")).collect()
}

#[test]
fn equality_comes_before_range_and_before_sort() {
    let mut shape = orders(vec![
        predicate("status", PredicateKind::Equality),
        predicate("customer_id", PredicateKind::Equality),
    ]);
    shape.sort = vec![SortKey { column: at("created_at"), descending: true, nulls_first: None }];
    let found = keys(&generate(&shop(vec![]), &[&shape]));
    assert!(found.contains(&"customer_id, status, created_at DESC".to_owned()), "{found:?}");
    assert!(!found.iter().any(|keys| keys.starts_with("created_at")), "{found:?}");
}

#[test]
fn a_descending_sort_alone_is_an_ascending_index() {
    let mut shape = orders(vec![]);
    shape.has_limit = true;
    shape.sort = vec![SortKey { column: at("created_at"), descending: true, nulls_first: None }];
    assert_eq!(keys(&generate(&shop(vec![]), &[&shape])), ["created_at"]);
}

#[test]
fn a_join_column_is_a_candidate() {
    let mut shape = orders(vec![]);
    shape.joins = vec![Join {
        left: at("customer_id"),
        right: ColumnName { table: TableName::new("public", "customers"), column: "id".into() },
    }];
    assert_eq!(keys(&generate(&shop(vec![]), &[&shape])), ["customer_id"]);
}

#[test]
fn what_an_index_serves_already_is_rejected_with_its_name() {
    let existing = CatalogIndex {
        name: "orders_customer".into(),
        definition: String::new(),
        method: "btree".into(),
        key_columns: vec![Some("customer_id".into()), Some("status".into())],
        valid: true,
        ..CatalogIndex::default()
    };
    let shape = orders(vec![predicate("customer_id", PredicateKind::Equality)]);
    let set = generate(&shop(vec![existing.clone()]), &[&shape]);
    assert!(set.candidates.is_empty());
    assert!(set.rejected[0].reason.contains("orders_customer"), "{:?}", set.rejected);

    let invalid = CatalogIndex { valid: false, ..existing };
    assert_eq!(generate(&shop(vec![invalid]), &[&shape]).candidates.len(), 1);
}

#[test]
fn what_a_b_tree_cannot_order_is_rejected() {
    let shape = orders(vec![predicate("detail", PredicateKind::Equality)]);
    let set = generate(&shop(vec![]), &[&shape]);
    assert!(set.candidates.is_empty());
    assert!(set.rejected[0].reason.contains("jsonb"));
}

#[test]
fn a_small_table_needs_no_index() {
    let mut catalog = shop(vec![]);
    for table in catalog.tables.values_mut() {
        table.bytes = 8192;
    }
    let shape = orders(vec![predicate("customer_id", PredicateKind::Equality)]);
    let set = generate(&catalog, &[&shape]);
    assert!(set.candidates.is_empty());
    assert!(set.rejected[0].reason.contains("8 kB"));
}

#[test]
fn a_taken_name_gets_a_number() {
    let candidate = IndexCandidate::btree(TableName::new("public", "t"), &["b"]);
    assert_eq!(candidate.free_name(|_| false), "t_b_idx");
    assert_eq!(candidate.free_name(|name| name == "t_b_idx"), "t_b_idx1");
}

#[test]
fn names_and_identifiers_are_quoted_and_long_names_stay_apart() {
    let of = |tail: &str| {
        let column = format!("{}{tail}", "x".repeat(62));
        IndexCandidate::btree(TableName::new("My Schema", "a\"b"), &[&column])
    };
    let (one, two) = (of("1"), of("2"));
    assert_ne!(one.name(), two.name());
    assert!(one.name().len() <= 63);
    assert!(one.create_sql(true).contains("\"My Schema\".\"a\"\"b\""));
}
