//! Plans as PostgreSQL 13 to 18 gave them for the same statements on the same rows (`recorded/pgNN/`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::TableName;
use crate::plan::{
    Lineage, Plan, PlanFindingKind, PlanNode, Through, dependencies, diff, exclusive, findings,
    parse_plan_text,
};

const VERSIONS: [u32; 6] = [13, 14, 15, 16, 17, 18];

fn folder(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/plan/recorded/pg{version}"))
}

fn plan(version: u32, name: &str) -> Plan {
    let file = folder(version).join(format!("{name}.json"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    parse_plan_text(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn all() -> Vec<(String, Plan)> {
    let mut found = Vec::new();
    for version in VERSIONS {
        for entry in std::fs::read_dir(folder(version)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            found.push((format!("{version} {name}"), plan(version, &name)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn kinds(plan: &Plan) -> Vec<PlanFindingKind> {
    let mut kinds: Vec<_> = findings(plan).into_iter().map(|finding| finding.kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn node<'a>(plan: &'a Plan, node_type: &str) -> &'a PlanNode {
    let found = plan.root.walk().find(|node| node.node_type == node_type);
    found.unwrap_or_else(|| panic!("no {node_type} in {}", plan.outline()))
}

fn share_of(plan: &Plan, wanted: &PlanNode) -> f64 {
    let at = plan.root.walk().position(|node| std::ptr::eq(node, wanted)).unwrap();
    exclusive(plan)[at].time_ms.unwrap()
}

#[test]
fn every_version_gives_the_same_tree_for_the_same_statement() {
    assert!(all().len() > 130, "the recordings are there");
    for name in ["seq_filter", "nested_loop", "hash_spill", "sub_plan", "view", "recursive"] {
        let tables: BTreeSet<Vec<_>> = VERSIONS
            .iter()
            .map(|version| crate::plan::extract_tables(&plan(*version, name)))
            .collect();
        assert_eq!(tables.len(), 1, "{name}: {tables:?}");
    }
}

#[test]
fn exclusive_times_and_blocks_sum_to_the_total_in_every_recorded_plan() {
    for (name, plan) in all() {
        let shares = exclusive(&plan);
        assert_eq!(shares.len(), plan.root.walk().count());
        if let Some(total) = plan.root.actual_total_ms {
            let sum: f64 = shares.iter().map(|share| share.time_ms.unwrap()).sum();
            let total = total * plan.root.actual_loops.unwrap();
            assert!((sum - total).abs() < 1e-6, "{name}: {sum} of {total}");
        }
        if let Some(total) = plan.shared_blocks() {
            let sum: i64 = shares.iter().map(|share| share.shared_blocks.unwrap()).sum();
            assert_eq!(sum, total, "{name}");
        }
    }
}

#[test]
fn a_cte_is_charged_to_the_scan_that_pulls_it() {
    for version in VERSIONS {
        let plan = plan(version, "cte_twice");
        let cte = plan
            .root
            .walk()
            .find(|node| node.subplan_name.as_deref().is_some_and(|name| name.starts_with("CTE")))
            .unwrap();
        let holder = plan
            .root
            .walk()
            .filter(|node| node.node_type == "CTE Scan")
            .max_by(|a, b| a.actual_total_ms.unwrap().total_cmp(&b.actual_total_ms.unwrap()))
            .unwrap();
        let own = share_of(&plan, holder);
        let below = cte.actual_total_ms.unwrap();
        let whole = holder.actual_total_ms.unwrap();
        assert!(
            own <= whole - below + 0.01,
            "PostgreSQL {version}: the scan keeps {own} of {whole}, its CTE took {below}"
        );
    }
}

#[test]
fn an_init_plan_is_charged_to_the_node_that_needs_its_value() {
    for version in VERSIONS {
        let plan = plan(version, "init_plan");
        let initial = plan
            .root
            .walk()
            .find(|node| node.parent_relationship.as_deref() == Some("InitPlan"))
            .unwrap();
        let shares = exclusive(&plan);
        let times: f64 = shares.iter().map(|share| share.time_ms.unwrap()).sum();
        assert!(initial.actual_total_ms.unwrap() <= times);
        assert!(share_of(&plan, initial) > 0.0, "PostgreSQL {version}");
    }
}

#[test]
fn workers_run_side_by_side() {
    for version in VERSIONS {
        let plan = plan(version, "parallel_hash");
        let gather = node(&plan, "Gather");
        let child = &gather.children[0];
        let at = plan.root.walk().position(|node| std::ptr::eq(node, child)).unwrap();
        let below: f64 = exclusive(&plan)[at..at + child.walk().count()]
            .iter()
            .map(|share| share.time_ms.unwrap())
            .sum();
        let elapsed = gather.actual_total_ms.unwrap();
        assert!(below <= elapsed + 1e-9, "PostgreSQL {version}: {below} of {elapsed} ms");
    }
}

#[test]
fn what_the_recordings_were_made_to_show_is_found() {
    use PlanFindingKind::{FilteredRows, HeapFetches, Jit, LossyBitmap, Misestimate, Spill};
    for version in VERSIONS {
        for (name, kind) in [
            ("seq_filter", FilteredRows),
            ("hash_spill", Spill),
            ("sort_spill", Spill),
            ("agg_spill", Spill),
            ("bitmap_lossy", LossyBitmap),
            ("index_only", HeapFetches),
            ("misestimate", Misestimate),
        ] {
            let plan = plan(version, name);
            assert!(kinds(&plan).contains(&kind), "{version} {name}: {:?}", findings(&plan));
        }
        assert!(kinds(&plan(version, "nested_loop")).is_empty(), "nothing is wrong there");
        assert!(kinds(&plan(version, "planned")).is_empty(), "nothing was run");
    }
    assert!(kinds(&plan(15, "jit")).contains(&Jit));
}

#[test]
fn a_node_that_never_ran_has_no_estimate_to_be_judged_by() {
    for version in VERSIONS {
        let plan = plan(version, "never_executed");
        let idle = plan.root.walk().find(|node| node.actual_loops == Some(0.0)).unwrap();
        assert_eq!(idle.misestimate(), None);
        assert_eq!(share_of(&plan, idle), 0.0);
    }
}

#[test]
fn eighteen_says_what_was_switched_off_and_counts_rows_in_fractions() {
    assert!(plan(18, "disabled").root.walk().any(|node| node.disabled));
    assert!(!plan(18, "planned").root.walk().any(|node| node.disabled));
    assert!(plan(18, "seq_filter").root.actual_rows.is_some());
}

fn lineage() -> Lineage {
    let table = |name: &str| TableName::new("public", name);
    Lineage {
        parents: (1..=4)
            .map(|n| (table(&format!("measurements_p{n}")), table("measurements")))
            .collect::<BTreeMap<_, _>>(),
        views: [(table("open_orders"), [table("orders"), table("customers")].into())].into(),
        named: [table("measurements"), table("open_orders")].into(),
    }
}

#[test]
fn dependencies_go_through_views_ctes_subplans_and_partitions() {
    for version in VERSIONS {
        let through_view = dependencies(&plan(version, "view"), &lineage());
        let names: Vec<_> = through_view.tables.iter().map(|d| d.table.name.as_str()).collect();
        assert_eq!(names, ["customers", "orders"]);
        let view = Through::View(TableName::new("public", "open_orders"));
        assert!(through_view.tables.iter().all(|d| d.through == [view.clone()]));
        let join = &through_view.joins[0];
        assert_eq!((join.left_column.as_str(), join.right_column.as_str()), ("id", "customer_id"));

        let cte = dependencies(&plan(version, "cte_twice"), &Lineage::default());
        assert!(
            cte.tables.iter().all(|d| matches!(d.through.first(), Some(Through::Cte(_)))),
            "{cte:?}"
        );
        let sub = dependencies(&plan(version, "sub_plan"), &Lineage::default());
        assert!(sub.tables.iter().any(|d| matches!(d.through.first(), Some(Through::SubPlan(_)))));
        let init = dependencies(&plan(version, "init_plan"), &Lineage::default());
        assert!(
            init.tables.iter().any(|d| matches!(d.through.first(), Some(Through::InitPlan(_))))
        );
    }
}

#[test]
fn a_partition_names_the_table_that_it_belongs_to() {
    for version in VERSIONS {
        let recorded = plan(version, "partitions_all");
        let parents = crate::plan::extract_tables(&recorded)
            .into_iter()
            .map(|table| {
                (TableName::new("public", table.name), TableName::new("public", "measurements"))
            })
            .collect();
        let map = dependencies(&recorded, &Lineage { parents, ..Lineage::default() });
        assert_eq!(map.tables.len(), 4);
        let parent = Through::Parent(TableName::new("public", "measurements"));
        assert!(map.tables.iter().all(|d| d.through == [parent.clone()]), "{map:?}");
    }
}

#[test]
fn a_diff_says_how_a_table_is_read_now() {
    for version in VERSIONS {
        let (before, after) = (plan(version, "hash_spill"), plan(version, "nested_loop"));
        assert!(diff(&before, &before).changes.is_empty());
        let changes = diff(&before, &after).changes;
        assert!(!changes.is_empty());
        let back = diff(&after, &before).changes;
        assert_eq!(changes.len(), back.len(), "the way back has the same steps");
    }
    let read = parse_plan_text(
        r#"{"Plan": {"Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "o", "Total Cost": 400}}"#,
    )
    .unwrap();
    let indexed = parse_plan_text(
        r#"{"Plan": {"Node Type": "Bitmap Heap Scan", "Relation Name": "orders", "Alias": "o",
            "Total Cost": 9, "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "i"}]}}"#,
    )
    .unwrap();
    let found = diff(&read, &indexed);
    assert_eq!(found.changes.len(), 1);
    let change = &found.changes[0];
    assert_eq!(change.step, "read orders o");
    assert_eq!(change.before.as_deref(), Some("Seq Scan"));
    assert_eq!(change.after.as_deref(), Some("Bitmap Heap Scan using i"));
    assert_eq!((change.cost_before, change.cost_after), (Some(400.0), Some(9.0)));
}
