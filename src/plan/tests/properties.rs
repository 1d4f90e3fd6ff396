//! What must hold for every plan there can be, and for everything that only looks like one.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::plan::{Lineage, dependencies, diff, exclusive, findings, parse_plan, parse_plan_text};

fn any_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Seq Scan",
        "Index Only Scan",
        "Hash Join",
        "Nested Loop",
        "Gather",
        "Gather Merge",
        "Sort",
        "CTE Scan",
        "Limit",
        "Append",
        "ModifyTable",
        "Quantum Scan",
        "",
    ])
    .prop_map(str::to_owned)
}

fn figure() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => (0.0..1e6_f64).prop_map(|n| json!(n)),
        1 => Just(json!(0)),
        1 => any::<i64>().prop_map(|n| json!(n)),
        1 => prop_oneof![Just(json!(null)), Just(json!("many")), Just(json!([1])), Just(json!(-1.5))],
    ]
}

fn subplan() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!("CTE a"),
        json!("CTE b"),
        json!("InitPlan 1 (returns $0)"),
        json!("InitPlan 2"),
        json!("SubPlan 1"),
        json!(7),
    ])
}

fn relationship() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!("Outer"),
        json!("Inner"),
        json!("InitPlan"),
        json!("SubPlan"),
        json!("Member"),
        json!(null),
    ])
}

fn condition() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!("(a.id = $0)"),
        json!("(a.x = (InitPlan 2).col1)"),
        json!("(\"é = "),
        json!("('x'' = y'::text = b.\"q\"\"r\")"),
        json!("a.b = c.d"),
        json!(3),
    ])
}

fn leaf() -> impl Strategy<Value = Value> {
    (any_name(), prop::collection::vec(figure(), 12), subplan(), relationship(), condition()).prop_map(
        |(name, f, subplan, relationship, condition)| {
            json!({
                "Node Type": name, "Parent Relationship": relationship, "Subplan Name": subplan,
                "CTE Name": "a", "Alias": "a", "Relation Name": "t", "Filter": condition,
                "Hash Cond": condition, "Plan Rows": f[0], "Total Cost": f[1], "Actual Rows": f[2],
                "Actual Loops": f[3], "Actual Total Time": f[4], "Shared Hit Blocks": f[5],
                "Shared Read Blocks": f[6], "Temp Read Blocks": f[7], "Temp Written Blocks": f[8],
                "Rows Removed by Filter": f[9], "Workers Planned": f[10], "Workers Launched": f[11],
                "Something New": f[0], "Workers": [{"Sort Space Type": "Disk", "Sort Space Used": f[1]}],
            })
        },
    )
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(6, 40, 4, |inner| {
        (leaf(), prop::collection::vec(inner, 0..4)).prop_map(|(mut node, children)| {
            node["Plans"] = json!(children);
            node
        })
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,8}".prop_map(|s| json!(s)),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| json!(items)),
            prop::collection::vec((key(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Plan",
        "Plans",
        "Node Type",
        "Actual Rows",
        "Actual Total Time",
        "JIT",
        "Timing",
        "Total",
        "Triggers",
        "Settings",
        "Workers",
        "Sort Key",
        "Full-sort Groups",
        "Other",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exclusive_shares_sum_to_the_total_and_are_never_negative(root in tree()) {
        let plan = parse_plan(&json!({ "Plan": root })).unwrap();
        let shares = exclusive(&plan);
        prop_assert_eq!(shares.len(), plan.root.walk().count());
        if plan.root.actual_total_ms.is_some() {
            let total = (plan.root.actual_total_ms.unwrap() * plan.root.actual_loops.unwrap_or(1.0)).max(0.0);
            let times: Vec<f64> = shares.iter().map(|share| share.time_ms.unwrap()).collect();
            prop_assert!(times.iter().all(|time| *time >= 0.0));
            let sum: f64 = times.iter().sum();
            prop_assert!((sum - total).abs() <= 1e-6 * total.max(1.0), "{} of {}", sum, total);
        }
        if let Some(total) = plan.root.shared_hit_blocks.zip(plan.root.shared_read_blocks) {
            let total = total.0.saturating_add(total.1).max(0);
            let blocks: Vec<i64> = shares.iter().map(|share| share.shared_blocks.unwrap()).collect();
            prop_assert!(blocks.iter().all(|block| *block >= 0));
            prop_assert_eq!(blocks.iter().sum::<i64>(), total);
        }
    }

    #[test]
    fn whatever_is_read_can_be_judged_mapped_and_compared(a in tree(), b in tree()) {
        let (a, b) = (parse_plan(&json!([{ "Plan": a }])).unwrap(), parse_plan(&json!([{ "Plan": b }])).unwrap());
        let shares = exclusive(&a).len();
        prop_assert!(findings(&a).iter().all(|finding| (finding.node as usize) < shares));
        let map = dependencies(&a, &Lineage::default());
        prop_assert!(map.tables.len() <= shares);
        prop_assert!(diff(&a, &a).changes.is_empty());
        prop_assert_eq!(diff(&a, &b).changes.len(), diff(&b, &a).changes.len());
    }

    #[test]
    fn any_json_is_a_plan_or_an_error(value in any_json()) {
        let _ = parse_plan(&value);
        let _ = parse_plan_text(&value.to_string());
    }

    #[test]
    fn any_text_is_a_plan_or_an_error(text in ".{0,200}") {
        let _ = parse_plan_text(&text);
    }
}
