use super::*;
use crate::advisor::clause::{ClauseTest, OperatorTest};
use crate::model::{ClassOperator, OperatorClass, RelationKind};

fn operator(name: &str, right: &str) -> ClassOperator {
    ClassOperator {
        schema: "pg_catalog".into(),
        name: name.into(),
        right: right.into(),
        ..ClassOperator::default()
    }
}

fn class(method: &str, name: &str, input: &str, operators: &[ClassOperator]) -> OperatorClass {
    OperatorClass {
        method: method.to_owned().into(),
        schema: "pg_catalog".into(),
        name: name.into(),
        is_default: true,
        input: input.into(),
        extension: None,
        operators: operators.to_vec(),
    }
}

fn column(name: &str, data_type: &str, inputs: &[&str]) -> CatalogColumn {
    CatalogColumn {
        name: name.into(),
        data_type: data_type.into(),
        input_types: inputs.iter().map(|input| (*input).to_owned()).collect(),
        ordered: !matches!(data_type, "point" | "jsonb"),
        ..CatalogColumn::default()
    }
}

fn catalog() -> Catalog {
    let name = TableName::new("public", "t");
    let table = CatalogTable {
        name: name.clone(),
        kind: RelationKind::Table,
        rows: 1e5,
        bytes: 1 << 24,
        columns: vec![
            column("doc", "jsonb", &["jsonb"]),
            column("marks", "integer[]", &["integer[]", "anyarray"]),
            column("tags", "text[]", &["text[]", "anyarray"]),
            column("kind", "integer", &["integer"]),
            column("name", "character varying(9)", &["character varying", "text"]),
            column("code", "text", &["text"]),
            column("place", "point", &["point"]),
        ],
        ..CatalogTable::default()
    };
    let contains =
        |right: &str| ClassOperator { commutator: Some("<@".into()), ..operator("@>", right) };
    let small = OperatorClass {
        is_default: false,
        ..class("gin", "jsonb_path_ops", "jsonb", &[contains("jsonb")])
    };
    let near = ClassOperator { orders: true, ..operator("<->", "point") };
    let mut catalog = Catalog {
        search_path: vec!["public".into()],
        tables: [(name, table)].into(),
        operator_classes: vec![
            class("btree", "int4_ops", "integer", &[operator("=", "integer")]),
            class("gin", "array_ops", "anyarray", &[contains("anyarray")]),
            class("gin", "jsonb_ops", "jsonb", &[contains("jsonb"), operator("?", "text")]),
            small,
            class("gist", "point_ops", "point", &[operator("<@", "box"), near]),
        ],
        ..Catalog::default()
    };
    let code = catalog.tables.values_mut().flat_map(|table| table.columns.iter_mut());
    code.filter(|column| column.name == "code").for_each(|column| column.sorts_by_bytes = true);
    catalog
}

fn clause(column: &str, operator: &str, other: &str) -> Clause {
    let test = OperatorTest {
        name: operator.into(),
        other_type: Some(other.into()),
        ..OperatorTest::default()
    };
    Clause {
        table: TableName::new("public", "t"),
        target: KeyTarget::Column(column.into()),
        test: ClauseTest::Operator(test),
        arm_of: None,
        is_served: false,
    }
}

fn turned(mut clause: Clause, change: impl Fn(&mut OperatorTest)) -> Clause {
    if let ClauseTest::Operator(test) = &mut clause.test {
        change(test);
    }
    clause
}

fn bodies(catalog: &Catalog, clauses: &[Clause]) -> Vec<String> {
    let (found, _) = by_class(catalog, &[clauses.to_vec()]);
    found.keys().map(|candidate| candidate.body_sql().replace('"', "")).collect()
}

#[test]
fn classes_are_those_of_the_catalog() {
    let catalog = catalog();
    assert_eq!(
        bodies(&catalog, &[clause("doc", "@>", "jsonb")]),
        ["USING gin (doc)", "USING gin (doc jsonb_path_ops)"]
    );
    assert_eq!(bodies(&catalog, &[clause("doc", "?", "text")]), ["USING gin (doc)"]);
    assert_eq!(bodies(&catalog, &[clause("place", "<@", "box")]), ["USING gist (place)"]);
    assert!(bodies(&catalog, &[clause("place", "<@", "circle")]).is_empty());
    let from_the_right = turned(clause("doc", "<@", "jsonb"), |test| test.is_turned = true);
    assert_eq!(bodies(&catalog, &[from_the_right]).len(), 2);
    let ordered = turned(clause("place", "<->", "point"), |test| test.orders = true);
    assert_eq!(bodies(&catalog, &[ordered]), ["USING gist (place)"]);
    assert!(bodies(&catalog, &[clause("place", "<->", "point")]).is_empty(), "no order");
}

#[test]
fn an_operator_of_exactly_the_type_leaves_classes_of_any_array_out() {
    let mut catalog = catalog();
    let marks = [clause("marks", "@>", "integer[]")];
    assert_eq!(bodies(&catalog, &marks), ["USING gin (marks)"]);
    let own = ClassOperator { schema: "public".into(), ..operator("@>", "integer[]") };
    catalog.operator_classes.push(OperatorClass {
        schema: "ext".into(),
        is_default: false,
        extension: Some("intarray".into()),
        ..class("gin", "gin__int_ops", "integer[]", &[own])
    });
    assert_eq!(bodies(&catalog, &marks), ["USING gin (marks ext.gin__int_ops)"]);
    assert_eq!(bodies(&catalog, &[clause("tags", "@>", "text[]")]), ["USING gin (tags)"]);
    // Written with the schema of the built-in one, that is meant.
    let core = turned(clause("marks", "@>", "integer[]"), |test| {
        test.schema = Some("pg_catalog".into());
    });
    assert_eq!(bodies(&catalog, &[core]), ["USING gin (marks)"]);
}

#[test]
fn a_column_that_is_compared_is_taken_in_where_btree_gin_is_to_be_had() {
    let mut catalog = catalog();
    let clauses = [clause("tags", "@>", "text[]"), clause("kind", "=", "integer")];
    assert_eq!(bodies(&catalog, &clauses), ["USING gin (tags)"]);
    catalog.server.available_extensions.insert("btree_gin".into());
    assert_eq!(bodies(&catalog, &clauses), ["USING gin (kind, tags)", "USING gin (tags)"]);
    let (found, _) = by_class(&catalog, &[clauses.to_vec()]);
    let mixed = found.iter().find(|(candidate, _)| candidate.keys.len() == 2).unwrap().1;
    assert_eq!(mixed.extensions, [("btree_gin".to_owned(), true)].into());
}

#[test]
fn arms_of_an_or_are_in_one_index() {
    let catalog = catalog();
    let arm = |column: &str| Clause { arm_of: Some(1), ..clause(column, "@>", "text[]") };
    let arms = [arm("tags"), Clause { arm_of: Some(1), ..clause("doc", "?", "text") }];
    assert!(bodies(&catalog, &arms).contains(&"USING gin (tags, doc)".to_owned()));
}

#[test]
fn beginnings_need_a_pattern_class_where_the_collation_does_not_compare_bytes() {
    let catalog = catalog();
    let like = |column: &str| [turned(clause(column, "~~", "text"), |test| test.begins = true)];
    assert_eq!(bodies(&catalog, &like("name")), ["USING btree (name text_pattern_ops)"]);
    assert_eq!(bodies(&catalog, &like("code")), ["USING btree (code)"]);
}

#[test]
fn ranges_of_pages_are_summarised_by_spans_or_by_values() {
    let mut catalog = catalog();
    let compared = [operator("=", "integer"), operator("<", "integer")];
    for name in ["int4_minmax_ops", "int4_minmax_multi_ops", "int4_bloom_ops"] {
        let is_default = name == "int4_minmax_ops";
        let operators = if name.contains("bloom") { &compared[..1] } else { &compared };
        catalog
            .operator_classes
            .push(OperatorClass { is_default, ..class("brin", name, "integer", operators) });
    }
    let mut with = |correlation: f64, bytes: i64, operator: &str| {
        let table = catalog.tables.values_mut().next().unwrap();
        table.bytes = bytes;
        let kind = table.columns.iter_mut().find(|column| column.name == "kind").unwrap();
        kind.correlation = Some(correlation);
        kind.n_distinct = Some(20_000.0);
        let value = |test: &mut OperatorTest| test.value = Some("7".into());
        bodies(&catalog, &[turned(clause("kind", operator, "integer"), value)])
    };
    let (spans, values) =
        ("USING brin (kind int4_minmax_multi_ops)", "USING brin (kind int4_bloom_ops)");
    assert_eq!(with(-0.7, 1 << 27, "<"), [spans]);
    assert_eq!(with(0.7, 1 << 27, "="), [values, spans]);
    assert_eq!(with(0.0, 1 << 27, "="), [values], "equal ones may lie together in no order");
    assert!(with(0.0, 1 << 27, "<").is_empty());
    assert!(with(0.95, 1 << 27, "=").is_empty(), "the plainest does");
    assert!(with(0.7, 1 << 24, "<").is_empty(), "few ranges");
}

#[test]
fn combinations_of_equal_columns_are_served_by_one_bloom_index() {
    let mut catalog = catalog();
    catalog.operator_classes.push(OperatorClass {
        extension: Some("bloom".into()),
        ..class("bloom", "int4_ops", "integer", &[operator("=", "integer")])
    });
    let table = catalog.tables.values_mut().next().unwrap();
    table.columns.extend(["a", "b", "c"].map(|name| column(name, "integer", &["integer"])));
    let of = |columns: &[&str]| -> Vec<Clause> {
        columns.iter().map(|column| clause(column, "=", "integer")).collect()
    };
    let statements = [of(&["a", "b"]), of(&["b", "c"]), of(&["a", "c"]), of(&["a"])];
    let (found, _) = by_class(&catalog, &statements);
    let (candidate, wanted) = found.iter().next().unwrap();
    assert_eq!(candidate.body_sql().replace('"', ""), "USING bloom (a, b, c)");
    assert_eq!(wanted.statements, [0, 1, 2]);
    let (few, _) = by_class(&catalog, &statements[..2]);
    assert!(few.is_empty(), "two B-trees do");
}

#[test]
fn what_a_plan_searches_already_needs_no_index() {
    let served = Clause { is_served: true, ..clause("tags", "@>", "text[]") };
    assert!(bodies(&catalog(), &[served]).is_empty());
}
