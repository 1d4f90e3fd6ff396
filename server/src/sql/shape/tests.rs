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
    assert_eq!(
        predicates(&shape),
        ["orders.created_at range", "orders.status equality", "items.price range"]
    );
}

#[test]
fn columns_are_found_through_names() {
    let with_view = || {
        let mut catalog = catalog();
        let name = |name: &str| TableName::new("public", name);
        let view = CatalogTable {
            kind: RelationKind::View,
            columns: ["n", "state"]
                .map(|column| CatalogColumn { name: column.into(), ..CatalogColumn::default() })
                .to_vec(),
            ..CatalogTable { name: name("open_orders"), ..CatalogTable::default() }
        };
        catalog.tables.insert(name("open_orders"), view);
        let text =
            "SELECT o.id AS n, o.status AS state FROM public.orders o WHERE o.created_at > 5";
        catalog.views.insert(name("open_orders"), text.into());
        catalog
    };
    let status = "orders.status equality";
    for sql in [
        "SELECT * FROM (SELECT id, status AS s FROM orders) q WHERE q.s = $1",
        "SELECT * FROM (SELECT * FROM orders) q (a, b, c, d) WHERE c = $1",
        "WITH q AS (SELECT status AS s FROM orders), r AS (SELECT s AS t FROM q) SELECT 1 FROM r WHERE t = $1",
        "WITH q (s) AS (SELECT status FROM orders) SELECT 1 FROM q WHERE s = $1",
        "SELECT 1 FROM items i CROSS JOIN LATERAL (SELECT status AS s FROM orders WHERE id = i.order_id) q WHERE s = $1",
        "SELECT n FROM open_orders WHERE state = $1",
        "SELECT v.n FROM open_orders AS v (n, s) WHERE v.s = $1",
        "SELECT 1 FROM (SELECT status, count(*) FROM orders GROUP BY 1) q WHERE status = $1",
    ] {
        let shape = analyze(&parse_one(sql).unwrap(), &with_view()).unwrap();
        assert!(predicates(&shape).contains(&status.to_owned()), "{sql}: {:?}", predicates(&shape));
        let column = shape.parameters[0].column.as_ref().map(|column| column.column.as_str());
        assert_eq!(column, Some("status"), "{sql}");
    }
    // Behind a LIMIT a condition is no search; what the parameter meets is known all the same.
    let limited = shape("SELECT * FROM (SELECT status FROM orders LIMIT 5) q WHERE status = $1");
    assert!(predicates(&limited).is_empty());
    assert!(limited.parameters[0].column.is_some());
    let arms = shape(
        "SELECT 1 FROM (SELECT id AS x FROM orders UNION ALL SELECT order_id FROM items) u WHERE x = $1",
    );
    assert_eq!(predicates(&arms), ["orders.id equality", "items.order_id equality"]);
    assert_eq!(shape("SELECT 1 FROM orders NATURAL JOIN items").joins.len(), 1);
    assert_eq!(
        shape("SELECT 1 FROM (SELECT id AS order_id FROM orders) o JOIN items USING (order_id)")
            .joins
            .len(),
        1
    );
}

#[test]
fn orders_are_found_through_names() {
    let sort = |sql: &str| {
        let shape = shape(sql);
        shape.sort.iter().map(|key| key.column.column.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        sort("SELECT id, created_at AS at FROM orders ORDER BY at DESC, id"),
        ["created_at", "id"]
    );
    assert_eq!(sort("SELECT id, created_at FROM orders ORDER BY 2"), ["created_at"]);
    assert_eq!(
        sort("SELECT id, lower(status) AS created_at FROM orders ORDER BY created_at"),
        [""; 0]
    );
    assert_eq!(
        sort("SELECT q.at FROM (SELECT created_at AS at FROM orders) q ORDER BY q.at"),
        ["created_at"]
    );
    assert_eq!(
        sort(
            "SELECT 1 FROM orders WHERE id = (SELECT id FROM orders WHERE status = $1 ORDER BY created_at LIMIT 1)"
        ),
        ["created_at"],
        "of the query inside that takes the first"
    );
    assert_eq!(shape("SELECT status, count(*) FROM orders GROUP BY 1").group[0].column, "status");
}

#[test]
fn an_expression_that_fails_for_some_values_is_no_key() {
    let mut catalog = catalog();
    let orders = catalog.tables.get_mut(&TableName::new("public", "orders")).unwrap();
    orders.columns.push(CatalogColumn {
        name: "code".into(),
        data_type: "character varying(20)".into(),
        ..CatalogColumn::default()
    });
    let expressions = |condition: &str| {
        let sql = format!("SELECT 1 FROM orders WHERE {condition}");
        let shape = analyze(&parse_one(&sql).unwrap(), &catalog).unwrap();
        shape.expressions.into_iter().map(|expression| expression.expression).collect::<Vec<_>>()
    };
    assert_eq!(expressions("code::int = 5"), [""; 0]);
    assert_eq!(expressions("(code || '1')::int = 5"), [""; 0]);
    assert_eq!(expressions("(customer_id + 1)::numeric = 5").len(), 1);
    assert_eq!(expressions("100 / customer_id = 5"), [""; 0]);
    assert_eq!(expressions("customer_id / 100 = 5"), ["customer_id / 100"]);
    assert_eq!(expressions("lower(code::text) = 'a'").len(), 1);
    assert_eq!(expressions("id::text = '5'").len(), 1);
    // Its column has an index that serves once the cast is gone.
    assert_eq!(expressions("uuid(code) = 'a'"), [""; 0]);
    assert_eq!(expressions("lower(text(id)) = 'a'").len(), 1);
    assert_eq!(expressions("id::numeric = 5.0"), [""; 0]);
    assert_eq!(expressions("id::double precision = 5"), [""; 0]);
}

#[test]
fn own_functions_and_types_of_an_expression_are_named_in_full() {
    let mut catalog = catalog();
    let known = |names: &[(&str, &str)]| {
        names.iter().map(|(name, schema)| ((*name).into(), vec![(*schema).into()])).collect()
    };
    catalog.search_path = vec!["public".into(), "tools".into(), "Tools".into()];
    catalog.function_schemas =
        known(&[("plain", "tools"), ("strip", "public"), ("jsonb", "tools"), ("far", "away")]);
    catalog.types = known(&[("money_of", "Tools")]);
    let expression = |condition: &str| {
        let sql = format!("SELECT 1 FROM orders WHERE {condition}");
        let shape = analyze(&parse_one(&sql).unwrap(), &catalog).unwrap();
        shape.expressions[0].expression.clone()
    };
    assert_eq!(expression("lower(plain(status)) = 'a'"), "lower(tools.plain(status))");
    assert_eq!(expression("strip(plain(status)) = 'a'"), "public.strip(tools.plain(status))");
    assert_eq!(expression("other.plain(status) = 'a'"), "other.plain(status)");
    // A cast in the form of a call, and what no path leads to, stay as they are.
    assert_eq!(expression("lower(jsonb('{}')->>status) = 'a'"), "lower(jsonb('{}') ->> status)");
    assert_eq!(expression("far(status) = 'a'"), "far(status)");
    let typed = expression("plain(orders.id::money_of) = 'a'");
    assert_eq!(typed, r#"tools.plain(id::"Tools".money_of)"#);
}

#[test]
fn lists_and_rows_meet_their_columns() {
    let used = |sql: &str| {
        let shape = shape(sql);
        let used = shape.parameters.iter().map(|p| {
            format!("{} {}", p.role, p.column.as_ref().map_or("-", |column| &column.column))
        });
        (used.collect::<Vec<_>>().join(", "), predicates(&shape).join(", "))
    };
    for (sql, parameters, searched) in [
        ("SELECT 1 FROM items WHERE order_id = ANY($1)", "listed order_id", "items.order_id list"),
        (
            "SELECT 1 FROM items WHERE order_id = ANY($1::bigint[])",
            "listed order_id",
            "items.order_id list",
        ),
        ("SELECT 1 FROM items WHERE order_id <> ALL($1)", "listed order_id", ""),
        (
            "SELECT 1 FROM items WHERE (ARRAY[$1, $2])[$3] = order_id",
            "compared order_id, compared order_id, other -",
            "items.order_id equality",
        ),
        (
            "SELECT 1 FROM items WHERE order_id = ANY(ARRAY[$1, $2])",
            "compared order_id, compared order_id",
            "items.order_id list",
        ),
        (
            "SELECT 1 FROM items WHERE order_id IN (SELECT unnest($1))",
            "listed order_id",
            "items.order_id list",
        ),
        (
            "SELECT 1 FROM unnest($1) AS w(id) JOIN items i ON i.order_id = w.id",
            "listed order_id",
            "items.order_id list",
        ),
        (
            "SELECT 1 FROM items i WHERE EXISTS (SELECT 1 FROM unnest($1, $2) AS w(a, b) WHERE w.b = i.order_id)",
            "other -, listed order_id",
            "items.order_id list",
        ),
        (
            "SELECT 1 FROM items, unnest($1) WITH ORDINALITY w(id, n) WHERE items.order_id = w.id",
            "listed order_id",
            "items.order_id list",
        ),
        (
            "SELECT 1 FROM items i JOIN (SELECT unnest($1) AS id) w ON w.id = i.order_id",
            "listed order_id",
            "items.order_id list",
        ),
        (
            "SELECT 1 FROM items WHERE (order_id, price) = ($1, $2)",
            "compared order_id, compared price",
            "items.order_id equality, items.price equality",
        ),
        (
            "SELECT 1 FROM items WHERE (order_id, price) > ($1, $2)",
            "compared order_id, compared price",
            "items.order_id range",
        ),
        (
            "SELECT 1 FROM items WHERE (order_id, price) IN (($1, $2), ($3, $4))",
            "compared order_id, compared price, compared order_id, compared price",
            "items.order_id list, items.price list",
        ),
        (
            "SELECT 1 FROM items WHERE order_id = COALESCE($1, $2)",
            "compared order_id, compared order_id",
            "items.order_id equality",
        ),
        (
            "SELECT 1 FROM items WHERE order_id = CASE WHEN $1 THEN $2 ELSE $3 END",
            "other -, compared order_id, compared order_id",
            "items.order_id equality",
        ),
        ("SELECT 1 FROM items WHERE order_id <> $1", "compared order_id", ""),
        ("SELECT 1 FROM items WHERE $1 = ANY(price)", "contained price", ""),
    ] {
        assert_eq!(used(sql), (parameters.to_owned(), searched.to_owned()), "{sql}");
    }
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
        ["orders.id equality", "orders.status equality"],
        "the outer one is the query's, whose column is the table's"
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
    for pattern in [r"LIKE '\%pen'", "LIKE 'pen'", "ILIKE '7%'", "ILIKE '-pen%'"] {
        let sql = format!("SELECT 1 FROM orders WHERE status {pattern}");
        assert_eq!(predicates(&shape(&sql)), ["orders.status prefix"], "{pattern}");
    }
    for pattern in
        ["LIKE '%pen'", "LIKE $1", "LIKE '_x'", "LIKE ''", r"LIKE '\'", "ILIKE 'pen%'", "ILIKE 'é'"]
    {
        let sql = format!("SELECT 1 FROM orders WHERE status {pattern}");
        assert_eq!(predicates(&shape(&sql)), ["orders.status pattern"], "{pattern}");
    }
}

#[test]
fn an_unknown_relation_is_named() {
    let beside = shape("SELECT c.relname FROM pg_class c JOIN orders o ON o.tableoid = c.oid");
    assert_eq!(beside.tables, [TableName::new("public", "orders")]);
    for sql in ["SELECT * FROM secrets", "SELECT * FROM information_schema.tables"] {
        let error = analyze(&parse_one(sql).unwrap(), &catalog()).unwrap_err();
        assert!(error.to_string().contains("not a user's table"), "{error}");
    }
}
