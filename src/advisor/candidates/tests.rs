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
fn of_columns_compared_together_those_that_another_statement_has_alone_may_lead() {
    let both = orders(vec![
        predicate("status", PredicateKind::Equality),
        predicate("customer_id", PredicateKind::Equality),
    ]);
    let alone = orders(vec![predicate("status", PredicateKind::Equality)]);
    let only = keys(&generate(&shop(vec![]), &[&both]));
    assert!(!only.contains(&"status, customer_id".to_owned()), "{only:?}");
    let with_another = keys(&generate(&shop(vec![]), &[&both, &alone]));
    for expected in ["status, customer_id", "customer_id, status", "status"] {
        assert!(with_another.contains(&expected.to_owned()), "{with_another:?}");
    }
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
        method: IndexMethod::Btree.into(),
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

/// A table whose columns are made for other kinds of indexes.
fn varied() -> Catalog {
    let mut catalog = shop(vec![]);
    for table in catalog.tables.values_mut() {
        table.bytes = 1 << 30;
        let mut deleted = column("deleted_at", "timestamp with time zone", -0.01);
        deleted.null_share = Some(0.02);
        let mut url = column("url", "text", -1.0);
        (url.average_width, url.type_length) = (Some(90), -1);
        let mut state = column("state", "text", 4.0);
        state.common_values = vec!["done".into(), "open".into()];
        state.common_shares = vec![0.97, 0.01];
        let mut at = column("logged_at", "timestamp with time zone", -1.0);
        at.correlation = Some(0.99);
        table.columns.extend([deleted, url, state, at]);
    }
    catalog
}

fn definitions(shape: &StatementShape) -> Vec<String> {
    let set = generate(&varied(), &[shape]);
    set.candidates.keys().map(IndexCandidate::body_sql).collect()
}

#[test]
fn rows_that_are_few_get_a_partial_index() {
    let shape = orders(vec![
        predicate("customer_id", PredicateKind::Equality),
        predicate("deleted_at", PredicateKind::Null),
    ]);
    let partial = "USING btree (\"customer_id\") WHERE \"deleted_at\" IS NULL".to_owned();
    assert!(definitions(&shape).contains(&partial), "{:?}", definitions(&shape));

    let mut open = predicate("state", PredicateKind::Equality);
    open.constant = Some("open".into());
    let found = definitions(&orders(vec![open.clone()]));
    assert!(
        found.contains(&"USING btree (\"state\") WHERE \"state\" = 'open'".to_owned()),
        "{found:?}"
    );
    // What most rows have is no reason, and what a parameter stands for is not known.
    let done = Predicate { constant: Some("done".into()), ..open.clone() };
    let unknown = Predicate { constant: None, ..open };
    for predicate in [done, unknown] {
        let found = definitions(&orders(vec![predicate]));
        assert!(found.iter().all(|sql| !sql.contains("WHERE")), "{found:?}");
    }
}

#[test]
fn expressions_wide_values_and_ordered_tables_get_their_own_kinds() {
    let mut shape = orders(vec![predicate("url", PredicateKind::Equality)]);
    shape.expressions = vec![crate::model::ExpressionPredicate {
        table: TableName::new("public", "orders"),
        expression: "lower(status)".into(),
        kind: PredicateKind::Equality,
    }];
    let found = definitions(&shape);
    assert!(found.contains(&"USING btree ((lower(status)))".to_owned()), "{found:?}");
    assert!(found.contains(&"USING hash (\"url\")".to_owned()), "{found:?}");
    let found = definitions(&orders(vec![predicate("logged_at", PredicateKind::Range)]));
    assert!(found.contains(&"USING brin (\"logged_at\")".to_owned()), "{found:?}");
    let found = definitions(&orders(vec![predicate("customer_id", PredicateKind::Range)]));
    assert!(found.iter().all(|sql| !sql.contains("brin")), "out of order: {found:?}");
}

#[test]
fn what_a_statement_reads_besides_is_carried_unless_it_reads_everything() {
    let mut shape = orders(vec![predicate("customer_id", PredicateKind::Equality)]);
    shape.columns = vec![at("customer_id"), at("status")];
    let carrying = "USING btree (\"customer_id\") INCLUDE (\"status\")".to_owned();
    assert!(definitions(&shape).contains(&carrying));
    shape.whole_rows = vec![TableName::new("public", "orders")];
    assert!(!definitions(&shape).contains(&carrying));
}

#[test]
fn a_unique_row_needs_no_second_copy_of_its_columns() {
    let primary = CatalogIndex {
        name: "orders_pkey".into(),
        method: IndexMethod::Btree.into(),
        key_columns: vec![Some("id".into())],
        unique: true,
        valid: true,
        ..CatalogIndex::default()
    };
    let mut shape = orders(vec![predicate("id", PredicateKind::Equality)]);
    shape.columns = vec![at("id"), at("status")];
    let set = generate(&shop(vec![primary]), &[&shape]);
    assert!(set.candidates.is_empty(), "{:?}", set.candidates);
    assert!(set.rejected.iter().any(|r| r.reason.contains("finds the one row already")));
}

#[test]
fn two_indexes_that_begin_alike_become_one() {
    let of = |columns: &[&str]| IndexCandidate::btree(TableName::new("public", "t"), columns);
    let carrying = IndexCandidate { include: vec!["c".into()], ..of(&["a"]) };
    let one = merged(&of(&["a", "b"]), &carrying).unwrap();
    assert_eq!(one.label(), "(a, b) INCLUDE (c)");
    assert_eq!(merged(&of(&["a", "b"]), &of(&["a", "c"])).unwrap().label(), "(a, b) INCLUDE (c)");
    assert_eq!(merged(&of(&["a"]), &of(&["b"])), None);
    assert_eq!(merged(&of(&["a"]), &of(&["a", "b"])), None, "the wider one is that already");
}

#[test]
fn an_index_with_its_nulls_at_the_other_end_gives_another_order() {
    let is_covered = |descending: bool, nulls_first: Option<bool>, options: i16| {
        let mut shape = orders(Vec::new());
        shape.has_limit = true;
        shape.sort = vec![SortKey { column: at("created_at"), descending, nulls_first }];
        let index = CatalogIndex {
            name: "existing".into(),
            method: IndexMethod::Btree.into(),
            key_columns: vec![Some("created_at".into())],
            key_options: vec![options],
            valid: true,
            ..CatalogIndex::default()
        };
        generate(&shop(vec![index]), &[&shape]).candidates.is_empty()
    };
    // `indoption`: 1 is descending, 2 is NULLs first.
    for (descending, nulls_first, options) in [
        (false, None, 0),
        (true, None, 0),
        (true, None, 3),
        (true, Some(false), 1),
        (false, Some(true), 1),
    ] {
        assert!(
            is_covered(descending, nulls_first, options),
            "{descending} {nulls_first:?} {options}"
        );
    }
    for (descending, nulls_first, options) in
        [(true, Some(false), 0), (false, Some(true), 0), (true, None, 1), (false, None, 1)]
    {
        assert!(
            !is_covered(descending, nulls_first, options),
            "{descending} {nulls_first:?} {options}"
        );
    }
}
