//! `make bench`: what the advisor finds on TPC-H, beside published figures of others, and what choosing
//! takes as a workload grows.
//!
//! Costs are PostgreSQL's own, with the recommended indexes really built; sizes are real bytes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot go on has nothing to report"
)]

mod shared;
#[path = "../tests/it/tpch.rs"]
mod tpch;

use std::path::Path;
use std::time::{Duration, Instant};

use optischema::model::Rule;
use optischema_server::analysis::analyze_once;
use optischema_server::demo::Cluster;
use optischema_server::sql::Patch;
use optischema_server::workload::{AdviseLimits, read_sql};
use shared::{database, planned_costs, run, settings};
use sqlx::Row;

const SCALE: f64 = 0.1;
/// Left out by the published comparison.
const LEFT_OUT: [usize; 3] = [2, 17, 20];

/// Published: advisor, megabytes, cost relative to none.
const OTHERS: &[(&str, f64, f64)] = &[
    ("Extend (width 2)", 8.7, 0.797),
    ("DTA Anytime", 8.8, 0.797),
    ("DB2Advis", 12.6, 0.969),
    ("DTA Anytime", 17.5, 0.703),
    ("Dexter, 50 %", 17.6, 0.681),
    ("Extend (width 2)", 19.5, 0.729),
    ("postgres-mcp", 20.4, 0.672),
    ("DB2Advis", 21.0, 0.747),
    ("Extend (width 2)", 29.8, 0.578),
    ("Dexter, 10 %", 33.1, 0.590),
    ("DB2Advis", 35.0, 0.682),
    ("DTA Anytime", 39.1, 0.642),
    ("Supabase index_advisor", 40.3, 0.541),
    ("Extend (width 2)", 47.4, 0.530),
    ("DB2Advis", 76.0, 0.630),
];

async fn on_tpch(cluster: &Cluster, folder: &Path) {
    let (mut connection, is_there) = database(cluster, "tpch").await;
    if !is_there {
        for statement in tpch::SCHEMA.split(';').map(str::trim).filter(|s| !s.is_empty()) {
            run(&mut connection, statement).await;
        }
        tpch::fill(&mut connection, SCALE).await;
        run(&mut connection, "VACUUM ANALYZE").await;
    }
    // Index-only scans are as cheap as the map of visible pages says.
    run(&mut connection, "VACUUM ANALYZE").await;
    let statements: Vec<String> = read_sql(tpch::QUERIES)
        .expect("statements of ours")
        .into_iter()
        .enumerate()
        .filter(|(at, _)| !LEFT_OUT.contains(&(at + 1)))
        .map(|(_, raw)| raw.sql)
        .collect();
    assert_eq!(statements.len(), 19);
    let workload = format!("{};", statements.join(";\n"));
    let before = planned_costs(&mut connection, &statements).await.iter().sum::<f64>();
    println!(
        "TPC-H, scale {SCALE}, {} statements, no keys; cost {before:.0} without indexes",
        statements.len()
    );
    println!(
        "| others' MB | advisor | their cost | our MB | our cost | thought | time | of it planner | calls | reused | bounded | indexes |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let settings = settings(cluster, "tpch", folder);
    let show = std::env::args().any(|argument| argument == "--show");
    for (advisor, megabytes, theirs) in OTHERS.iter().copied().chain([("(no budget)", 0.0, 1.0)]) {
        let budget = (megabytes > 0.0).then_some((megabytes * 1e6) as i64);
        let limits =
            AdviseLimits { budget, deadline: Duration::from_secs(10), ..AdviseLimits::default() };
        let (_, advice) =
            analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.expect("advice");
        run(&mut connection, "BEGIN").await;
        let mut bytes = 0_i64;
        let mut names = Vec::new();
        let chosen =
            advice.proposals.iter().filter(|p| p.evidence.rule == Some(Rule::MissingIndex));
        for proposal in chosen {
            Patch::parse(&proposal.patch_sql).expect("a patch of ours");
            run(&mut connection, &proposal.patch_sql).await;
            let index = proposal.evidence.index.as_ref().expect("an index");
            let row = sqlx::query("SELECT pg_relation_size(to_regclass($1))::int8")
                .bind(format!("\"{}\"", index.index_name))
                .fetch_one(&mut connection)
                .await
                .expect("it is there");
            let real: i64 = row.get(0);
            bytes += real;
            names.push(format!(
                "{} {:.1}/{:.1}",
                proposal.title,
                index.estimated_bytes.unwrap_or_default() as f64 / 1e6,
                real as f64 / 1e6
            ));
        }
        let after = planned_costs(&mut connection, &statements).await.iter().sum::<f64>();
        run(&mut connection, "ROLLBACK").await;
        println!(
            "| {megabytes} | {advisor} | {theirs:.3} | {:.1} | **{:.3}** | {:.3} | {:.2} s | {:.2} s | {} | {} | {} | {} |{}",
            bytes as f64 / 1e6,
            after / before,
            advice.effort.cost_after / advice.effort.cost_before,
            advice.effort.seconds,
            advice.effort.planner_seconds,
            advice.effort.calls,
            advice.effort.reused,
            advice.effort.bounded,
            names.len(),
            if after / before < theirs { "" } else { " NOT BELOW" }
        );
        if show {
            println!("    {}", names.join("\n    "));
        }
    }
}

/// Tables of the growing workload, and rows of each.
const TABLES: usize = 200;
const ROWS: usize = 4000;

/// The nth statement of five kinds, over tables from a fixed seed.
fn statement(number: usize, random: &mut fastrand::Rng) -> String {
    let (one, two) = (random.usize(0..TABLES), random.usize(0..TABLES));
    let (a, b, value) = (random.usize(1..6), random.usize(1..6), random.usize(0..ROWS));
    match number % 5 {
        0 => format!("SELECT c0, c{b} FROM t{one} WHERE c{a} = {value}"),
        1 => format!("SELECT * FROM t{one} WHERE c{a} = {value} AND c{b} > {value} ORDER BY c0"),
        2 => format!(
            "SELECT x.c0, y.c{b} FROM t{one} x JOIN t{two} y ON y.c1 = x.c0 WHERE x.c{a} = {value}"
        ),
        3 => format!("SELECT c0 FROM t{one} WHERE c{a} < {value} ORDER BY c{b} DESC LIMIT 10"),
        _ => format!(
            "SELECT c{b}, count(*) FROM t{one} WHERE c{a} BETWEEN {value} AND {value} + 50 GROUP BY c{b}"
        ),
    }
}

/// How choosing grows with the workload.
async fn growing(cluster: &Cluster, folder: &Path) {
    let (mut connection, is_there) = database(cluster, "growing").await;
    if !is_there {
        for table in 0..TABLES {
            run(&mut connection, &format!("CREATE TABLE t{table} (c0 int PRIMARY KEY, c1 int, c2 int, c3 int, c4 int, c5 int)")).await;
            run(
                &mut connection,
                &format!("INSERT INTO t{table} SELECT i, i % 2000, i % 700, i * 7919 % {ROWS}, i % 50, (i * 31) % 997 FROM generate_series(0, {ROWS} - 1) i"),
            )
            .await;
        }
        run(&mut connection, "VACUUM ANALYZE").await;
    }
    let settings = settings(cluster, "growing", folder);
    println!(
        "{TABLES} tables of {ROWS} rows, statements of five kinds, no budget, a minute at most"
    );
    println!(
        "| statements | time | of it planner | calls | answered by earlier plans | decided by bounds | indexes | cost |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for count in [50, 100, 200, 500] {
        let mut random = fastrand::Rng::with_seed(7);
        let statements: Vec<String> =
            (0..count).map(|number| statement(number, &mut random)).collect();
        let workload = format!("{};", statements.join(";\n"));
        let limits = AdviseLimits { deadline: Duration::from_secs(60), ..AdviseLimits::default() };
        let (_, advice) =
            analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.expect("advice");
        let effort = &advice.effort;
        let asked = (effort.calls + effort.reused + effort.bounded) as f64;
        println!(
            "| {count} | {:.2} s | {:.2} s | {} | {:.0} % | {:.0} % | {} | {:.3} |",
            effort.seconds,
            effort.planner_seconds,
            effort.calls,
            100.0 * effort.reused as f64 / asked,
            100.0 * effort.bounded as f64 / asked,
            advice.proposals.iter().filter(|p| p.evidence.rule == Some(Rule::MissingIndex)).count(),
            effort.cost_after / effort.cost_before
        );
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (cluster, folder) = shared::cluster("advisor").await;
        let begun = Instant::now();
        on_tpch(&cluster, &folder).await;
        growing(&cluster, &folder).await;
        println!("({:.0} s in all)", begun.elapsed().as_secs_f64());
        cluster.stop().await.expect("it stops");
    });
}
