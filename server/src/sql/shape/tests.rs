//! Statement in, shape out.

use super::*;
use crate::sql::parse_one;
use optischema::model::{CatalogColumn, CatalogTable, RelationKind, TableName};

fn catalog() -> Catalog {
    let table = |name: &str, columns: &[&str]| {
        let name = TableName::new("public", name);
        let columns = columns
            .iter()
            .map(|column| CatalogColumn {
                name: (*column).into(),
                data_type: "bigint".into(),
                nullable: false,
                ..CatalogColumn::default()
            })
            .collect();
        let table = CatalogTable {
            name: name.clone(),
            kind: RelationKind::Table,
            rows: 1.0,
            bytes: 1,
            columns,
            ..CatalogTable::default()
        };
        (name, table)
    };
    Catalog {
        database: "shop".into(),
        search_path: vec!["public".into()],
        tables: [
            table("orders", &["id", "customer_id", "status", "created_at"]),
            table("items", &["id", "order_id", "price"]),
        ]
        .into(),
        ..Catalog::default()
    }
}

fn shape(sql: &str) -> StatementShape {
    analyze(&parse_one(sql).unwrap(), &catalog()).unwrap()
}

fn predicates(shape: &StatementShape) -> Vec<String> {
    shape
        .predicates
        .iter()
        .map(|p| format!("{}.{} {}", p.column.table.name, p.column.column, p.kind))
        .collect()
}

#[test]
fn conjuncts_are_predicates_and_disjuncts_are_not() {
    let shape = shape(
        "SELECT * FROM orders o WHERE o.customer_id = $1 AND created_at >= now() - $2::interval
         AND (status = $3 OR id = $4) AND status IN ($5, $6) ORDER BY created_at DESC LIMIT $7",
    );
    assert_eq!(
        predicates(&shape),
        ["orders.customer_id equality", "orders.created_at range", "orders.status list"]
    );
    assert!(shape.has_limit);
    assert!(shape.sort[0].descending);
    let roles: Vec<String> = shape
        .parameters
        .iter()
        .map(|p| format!("{} {}", p.role, p.column.as_ref().map_or("-", |c| &c.column)))
        .collect();
    assert_eq!(
        roles,
        [
            "compared customer_id",
            "compared created_at",
            "compared status",
            "compared id",
            "compared status",
            "compared status",
            "limit -"
        ]
    );
}

#[test]
fn joins_are_found_in_on_using_where_and_in() {
    for sql in [
        "SELECT 1 FROM orders o JOIN items i ON i.order_id = o.id",
        "SELECT 1 FROM orders o, items i WHERE i.order_id = o.id",
        "SELECT 1 FROM items WHERE order_id IN (SELECT id FROM orders)",
        "SELECT 1 FROM orders o WHERE EXISTS (SELECT 1 FROM items i WHERE i.order_id = o.id)",
    ] {
        let shape = shape(sql);
        assert_eq!(shape.joins.len(), 1, "{sql}");
        let mut sides =
            [&shape.joins[0].left.column, &shape.joins[0].right.column].map(String::as_str);
        sides.sort_unstable();
        assert_eq!(sides, ["id", "order_id"], "{sql}");
    }
    assert_eq!(shape("SELECT 1 FROM orders JOIN items USING (id)").joins.len(), 1);
}

#[test]
fn subqueries_and_ctes_are_read() {
    let shape = shape(
        "WITH recent AS (SELECT * FROM orders WHERE created_at > $1)
         SELECT (SELECT max(price) FROM items WHERE order_id = r.id) FROM recent r
         WHERE r.status = $2 UNION SELECT price FROM items WHERE price < $3",
    );
    assert_eq!(shape.tables.len(), 2);
    assert_eq!(predicates(&shape), ["orders.created_at range", "items.price range"]);
}

#[test]
fn a_comparison_with_another_column_is_no_search() {
    assert!(shape("SELECT 1 FROM orders WHERE created_at > id + $1").predicates.is_empty());
    assert!(shape("SELECT 1 FROM orders WHERE status::text = $1").predicates.is_empty());
}

#[test]
fn a_with_query_with_a_tables_name_is_told_from_the_table() {
    let shape = shape(
        "WITH orders AS (SELECT * FROM orders WHERE id = 7) SELECT * FROM orders WHERE status = $1",
    );
    assert_eq!(shape.tables, [TableName::new("public", "orders")]);
    assert_eq!(
        predicates(&shape),
        ["orders.id equality"],
        "the outer one is the query's, not the table's"
    );
}

#[test]
fn a_pattern_that_begins_with_letters_is_a_prefix() {
    assert_eq!(
        predicates(&shape("SELECT 1 FROM orders WHERE status LIKE 'pen%'")),
        ["orders.status prefix"]
    );
    assert_eq!(
        predicates(&shape("SELECT 1 FROM orders WHERE status ^@ $1")),
        ["orders.status prefix"]
    );
    for pattern in ["'%pen'", "$1", "'_x'"] {
        let sql = format!("SELECT 1 FROM orders WHERE status LIKE {pattern}");
        assert_eq!(predicates(&shape(&sql)), ["orders.status pattern"], "{pattern}");
    }
}

#[test]
fn an_unknown_relation_is_named() {
    for sql in ["SELECT * FROM secrets", "SELECT * FROM pg_catalog.pg_class"] {
        let error = analyze(&parse_one(sql).unwrap(), &catalog()).unwrap_err();
        assert!(error.to_string().contains("not a user's table"), "{error}");
    }
}
