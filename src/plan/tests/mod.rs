//! Plans as PostgreSQL 15 gave them for statements on the demo's shop (`recorded/shop/`).

mod properties;
mod versions;

use super::{Plan, PlanTable, extract_tables, parse_plan, relations_outside};

fn recorded(text: &str) -> Plan {
    parse_plan(&serde_json::from_str(text).unwrap()).unwrap()
}

fn tables(plan: &Plan) -> Vec<String> {
    extract_tables(plan).into_iter().map(|table| table.name).collect()
}

fn node_types(plan: &Plan) -> Vec<&str> {
    plan.root.walk().map(|node| node.node_type.as_str()).collect()
}

#[test]
fn a_seq_scan_is_one_node_with_its_filter_and_figures() {
    let plan = recorded(include_str!("../recorded/shop/seq_scan.json"));
    assert_eq!(node_types(&plan), ["Seq Scan"]);
    assert_eq!(tables(&plan), ["reviews"]);
    assert!(plan.root.filter.as_ref().unwrap().contains("~~*"));
    assert_eq!(plan.root.actual_loops, Some(1.0));
    assert!(plan.execution_time_ms.unwrap() > 0.0 && plan.planning_time_ms.unwrap() > 0.0);
    assert!(plan.shared_blocks().unwrap() > 1000);
}

#[test]
fn a_nested_loop_has_two_sides_with_their_indexes() {
    let plan = recorded(include_str!("../recorded/shop/nested_loop.json"));
    assert_eq!(plan.root.node_type, "Nested Loop");
    let sides: Vec<_> =
        plan.root.children.iter().map(|side| side.parent_relationship.as_deref()).collect();
    assert_eq!(sides, [Some("Outer"), Some("Inner")]);
    assert_eq!(tables(&plan), ["products", "reviews"]);
    assert_eq!(plan.indexes(), ["products_sku_key", "reviews_product_id_idx"]);
}

#[test]
fn a_hash_join_is_found_below_its_aggregate() {
    let plan = recorded(include_str!("../recorded/shop/hash_join.json"));
    assert!(node_types(&plan).contains(&"Hash Join"));
    assert!(node_types(&plan).contains(&"Hash"));
    assert_eq!(tables(&plan), ["customers", "orders"]);
}

#[test]
fn subplans_and_initplans_are_read_through() {
    let plan = recorded(include_str!("../recorded/shop/subplan.json"));
    assert_eq!(tables(&plan), ["customers", "orders", "reviews"]);
    let relationships: Vec<_> =
        plan.root.walk().filter_map(|node| node.parent_relationship.as_deref()).collect();
    assert!(relationships.contains(&"SubPlan") && relationships.contains(&"InitPlan"));
}

#[test]
fn a_cte_is_no_table_and_the_tables_inside_it_are() {
    let plan = recorded(include_str!("../recorded/shop/cte.json"));
    assert!(plan.root.walk().any(|node| node.cte_name.as_deref() == Some("recent")));
    assert_eq!(tables(&plan), ["orders"]);
}

#[test]
fn an_append_reads_all_its_members() {
    let plan = recorded(include_str!("../recorded/shop/append.json"));
    assert_eq!(plan.root.node_type, "Append");
    assert_eq!(plan.root.children.len(), 2);
    assert_eq!(tables(&plan), ["products", "reviews"]);
}

#[test]
fn workers_show_as_loops() {
    let plan = recorded(include_str!("../recorded/shop/parallel.json"));
    assert!(node_types(&plan).contains(&"Gather"));
    let scan = plan.root.walk().find(|node| node.table.is_some()).unwrap();
    assert_eq!(scan.actual_loops, Some(3.0), "the leader and two workers");
}

#[test]
fn a_verbose_plan_names_schemas_so_that_strangers_are_found() {
    let plan = recorded(include_str!("../recorded/shop/verbose.json"));
    let schemas: Vec<_> = extract_tables(&plan).into_iter().map(|table| table.schema).collect();
    assert_eq!(schemas, [Some("public".to_owned()), Some("public".to_owned())]);
    assert_eq!(tables(&plan), ["order_items", "orders"], "the view is read through");
    assert_eq!(relations_outside(&plan, "public"), []);
    assert_eq!(relations_outside(&plan, "benchmark_job_1").len(), 2);
    // Without VERBOSE nothing shows where a table lies, so it counts as outside.
    let silent = recorded(include_str!("../recorded/shop/seq_scan.json"));
    let stranger = PlanTable { schema: None, name: "reviews".into() };
    assert_eq!(relations_outside(&silent, "public"), [stranger]);
}

#[test]
fn the_outline_tells_plans_apart_and_ignores_figures() {
    let one = recorded(include_str!("../recorded/shop/seq_scan.json"));
    let mut again = one.clone();
    again.root.actual_total_ms = Some(1e9);
    again.root.total_cost = 1.0;
    assert_eq!(one.outline(), again.outline());
    assert_ne!(one.outline(), recorded(include_str!("../recorded/shop/append.json")).outline());
}
