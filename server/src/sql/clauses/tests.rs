use optischema::model::{CatalogColumn, RelationKind};
use optischema::plan::parse_plan;
use serde_json::{Value, json};

use super::*;

fn catalog() -> Catalog {
    let column = |name: &str, data_type: &str, input: &[&str]| CatalogColumn {
        name: name.into(),
        data_type: data_type.into(),
        input_types: input.iter().map(|name| (*name).to_owned()).collect(),
        ..CatalogColumn::default()
    };
    let table = |name: &str, partition_of: Option<&str>| {
        let name = TableName::new("public", name);
        let table = CatalogTable {
            name: name.clone(),
            kind: RelationKind::Table,
            partition_of: partition_of.map(|of| TableName::new("public", of)),
            columns: vec![
                column("name", "character varying(20)", &["character varying", "text"]),
                column("doc", "jsonb", &["jsonb"]),
                column("during", "tsrange", &["tsrange", "anyrange"]),
            ],
            ..CatalogTable::default()
        };
        (name, table)
    };
    Catalog {
        tables: [table("t", None), table("u", None), table("part", Some("t"))].into(),
        search_path: vec!["public".into()],
        ..Catalog::default()
    }
}

fn of(plan: Value) -> Vec<String> {
    let plan = parse_plan(&json!([{ "Plan": plan }])).unwrap();
    let shown = |clause: &Clause| {
        let target = match &clause.target {
            KeyTarget::Column(name) => name.clone(),
            KeyTarget::Expression(sql) => format!("({sql})"),
        };
        let test = match &clause.test {
            ClauseTest::Function => "in a function".to_owned(),
            ClauseTest::Operator(test) => format!(
                "{}{} {} {}{}",
                if test.orders { "ordered by " } else { "" },
                test.name,
                test.other_type.as_deref().unwrap_or("?"),
                test.value.as_deref().unwrap_or("?"),
                if test.is_turned { " turned" } else { "" },
            ),
        };
        let arm = clause.arm_of.map_or_else(String::new, |group| format!(" arm of {group}"));
        let served = if clause.is_served { " served" } else { "" };
        format!("{}: {target} {test}{arm}{served}", clause.table.name)
    };
    clauses(&plan, &catalog()).found.iter().map(shown).collect()
}

fn scan(filter: &str) -> Value {
    json!({"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "t", "Alias": "a", "Filter": filter})
}

#[test]
fn a_column_read_as_another_type_is_the_column_and_an_expression_stays_as_it_is() {
    assert_eq!(of(scan("((a.name)::text ~~ 'x%'::text)")), ["t: name ~~ text x%"]);
    assert_eq!(
        of(scan("((lower((a.name)::text) ~~ 'x%'::text) AND ((a.doc ->> 'k'::text) = 'v'::text))")),
        ["t: (lower(name::text)) ~~ text x%", "t: (doc ->> 'k'::text) = text v"]
    );
    // As an index it would keep every row from being written whose text is no number.
    assert!(of(scan("((a.name)::integer = 5)")).is_empty());
    let plan = parse_plan(&json!([{ "Plan": scan("((a.name)::integer = 5)") }])).unwrap();
    let failing = clauses(&plan, &catalog()).failing;
    assert_eq!(failing, [(TableName::new("public", "t"), "name::int".to_owned())]);
}

#[test]
fn what_is_no_sql_hides_only_itself() {
    assert_eq!(
        of(scan("((a.doc @> '{}'::jsonb) AND (NOT (hashed SubPlan 1)))")),
        ["t: doc @> jsonb {}"]
    );
}

#[test]
fn the_value_of_a_subquery_is_compared_as_any_other() {
    for value in ["$0", "(InitPlan 1).col1"] {
        assert_eq!(of(scan(&format!("(a.doc @> {value})"))), ["t: doc @> ? ?"]);
        assert_eq!(
            of(scan(&format!("((a.doc)::text ~~ {value})"))),
            ["t: (doc::text) ~~ text ?"],
            "of an expression it has the expression's type"
        );
    }
}

#[test]
fn arms_of_an_or_belong_together_and_sides_may_be_turned() {
    assert_eq!(
        of(scan("(((a.name)::text ~~* '%x%'::text) OR ('{}'::jsonb <@ a.doc))")),
        ["t: name ~~* text %x% arm of 1", "t: doc <@ jsonb {} turned arm of 1"]
    );
}

#[test]
fn a_join_gives_a_clause_for_each_side_and_a_partition_is_the_whole() {
    let part =
        json!({"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "part", "Alias": "p"});
    let other = json!({"Node Type": "Index Scan", "Schema": "public", "Relation Name": "u", "Alias": "u", "Index Cond": "(u.doc @> '{}'::jsonb)"});
    let join = json!({"Node Type": "Nested Loop", "Join Filter": "(p.during && u.during)", "Plans": [part, other]});
    assert_eq!(
        of(join),
        ["t: during && tsrange ?", "u: during && tsrange ? turned", "u: doc @> jsonb {} served"]
    );
}

#[test]
fn an_order_counts_where_its_first_rows_are_asked_for() {
    let sort = |key: &str| {
        let scan = json!({"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "t", "Alias": "t"});
        json!({"Node Type": "Sort", "Sort Key": [key], "Plans": [scan]})
    };
    let limit = json!({"Node Type": "Limit", "Plans": [sort("((t.name)::text <-> 'x'::text)")]});
    assert_eq!(of(limit), ["t: name ordered by <-> text x"]);
    assert!(of(sort("((t.name)::text <-> 'x'::text)")).is_empty());
}
