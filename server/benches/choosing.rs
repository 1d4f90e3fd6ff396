//! `make bench`: choosing indexes for two workloads from a fixed seed. One is analytic: a star schema of 24 tables without
//! keys, and 90 statements with common table expressions, set operations, windows and EXISTS. One is wide: 230 tables, and
//! 5,000 statements of an application and some stars.
//!
//! Costs are PostgreSQL's own, with the recommended indexes really built; sizes are real bytes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot go on has nothing to report"
)]

mod shared;

use std::path::Path;
use std::time::{Duration, Instant};

use optischema::model::Rule;
use optischema_server::analysis::analyze_once;
use optischema_server::demo::Cluster;
use optischema_server::sql::Patch;
use optischema_server::workload::{Advice, AdviseLimits};
use shared::{database, planned_costs, run, settings};
use sqlx::Row;
use sqlx::postgres::PgConnection;

const FACTS: usize = 6;
const DIMENSIONS: usize = 18;
const FACT_ROWS: usize = 300_000;
const DIMENSION_ROWS: usize = 3000;
const STAR_STATEMENTS: usize = 90;
const WIDE_TABLES: usize = 230;
const WIDE_ROWS: usize = 2000;
const WIDE_STATEMENTS: usize = 5000;

async fn make_star(connection: &mut PgConnection) {
    for table in 0..DIMENSIONS {
        run(
            connection,
            &format!(
                "CREATE TABLE dim{table} (id int, name text, grp int, region int, since date)"
            ),
        )
        .await;
        run(connection, &format!(
            "INSERT INTO dim{table} SELECT i, 'name ' || i, i % {}, i * 7 % 13, date '2020-01-01' + i % 1500 FROM generate_series(1, {DIMENSION_ROWS}) i",
            20 + 7 * table
        )).await;
    }
    for table in 0..FACTS {
        run(connection, &format!("CREATE TABLE fact{table} (id bigint, d0 int, d1 int, d2 int, d3 int, day date, qty int, price numeric(12, 2), note text)")).await;
        run(connection, &format!(
            "INSERT INTO fact{table} SELECT i, 1 + i * 31 % {DIMENSION_ROWS}, 1 + i * 17 % 900, 1 + i % 130, 1 + (i / 7) % 2500,
                    date '2022-01-01' + (i / {}), i * 13 % 500, (i * 37 % 100000) / 100.0, repeat('x', i % 60)
             FROM generate_series(1, {}) i",
            FACT_ROWS / 900,
            FACT_ROWS / (1 + table % 3)
        )).await;
    }
    run(connection, "VACUUM ANALYZE").await;
}

/// The nth statement of ten kinds.
fn star(number: usize, random: &mut fastrand::Rng) -> String {
    let (f, g) = (random.usize(0..FACTS), random.usize(0..FACTS));
    let (a, b) = (random.usize(0..DIMENSIONS), random.usize(0..DIMENSIONS));
    let (k, l) = (random.usize(0..4), random.usize(0..4));
    let (grp, region, id) = (random.usize(0..20), random.usize(0..13), random.usize(1..900));
    let day = format!("date '2022-01-01' + {}", random.usize(0..800));
    match number % 10 {
        0 => format!(
            "SELECT d.region, sum(f.price) FROM fact{f} f JOIN dim{a} d ON d.id = f.d{k} WHERE d.grp = {grp} GROUP BY d.region"
        ),
        1 => format!(
            "WITH m AS (SELECT d{k} AS k, sum(price) AS total FROM fact{f} WHERE day BETWEEN {day} AND {day} + 20 GROUP BY d{k})
             SELECT d.name, m.total FROM m JOIN dim{a} d ON d.id = m.k WHERE d.region = {region} ORDER BY m.total DESC LIMIT 10"
        ),
        2 => format!(
            "SELECT d{k}, qty FROM fact{f} WHERE d1 = {id} AND qty > 400 UNION ALL SELECT d{l}, qty FROM fact{g} WHERE d1 = {id} AND qty < 20"
        ),
        3 => format!(
            "SELECT * FROM (SELECT d{k}, price, rank() OVER (PARTITION BY d{k} ORDER BY price DESC) AS r FROM fact{f} WHERE day = {day}) x WHERE r < 3"
        ),
        4 => format!(
            "SELECT name FROM dim{a} d WHERE d.grp = {grp} AND EXISTS (SELECT FROM fact{f} f WHERE f.d{k} = d.id AND f.qty > 480)"
        ),
        5 => format!(
            "SELECT count(*) FROM dim{a} d WHERE d.region = {region} AND NOT EXISTS (SELECT FROM fact{f} f WHERE f.d{k} = d.id AND f.day > {day})"
        ),
        6 => format!(
            "SELECT sum(qty) FROM fact{f} WHERE d{k} IN (SELECT id FROM dim{a} WHERE grp = {grp} AND region < 3)"
        ),
        7 => format!("SELECT id, price FROM fact{f} WHERE d1 = {id} AND d2 = {}", 1 + id % 130),
        8 => format!("SELECT id, day, price FROM fact{f} WHERE d3 = {id} ORDER BY day DESC LIMIT 20"),
        _ => format!(
            "SELECT a.region, b.region, count(*) FROM fact{f} f JOIN dim{a} a ON a.id = f.d{k} JOIN dim{b} b ON b.id = f.d{l}
             WHERE a.grp = {grp} AND b.since > date '2023-06-01' AND f.day BETWEEN {day} AND {day} + 90 GROUP BY 1, 2"
        ),
    }
}

/// Statements that take almost all of the planner's cost, and that no index helps.
const OUTLIERS: [&str; 4] = [
    "SELECT count(*) FROM fact0 a JOIN fact3 b ON a.note < b.note AND a.qty < b.qty;",
    "SELECT count(*) FROM fact1 a JOIN fact3 b ON a.price + b.price > 1990;",
    "SELECT count(*) FROM fact0 a, fact4 b WHERE a.d0 <> b.d0 AND a.note <> b.note;",
    "SELECT max(a.price - b.price) FROM fact0 a, fact3 b WHERE a.qty - b.qty = 499;",
];

async fn make_wide(connection: &mut PgConnection) {
    for table in 0..WIDE_TABLES {
        run(connection, &format!("CREATE TABLE w{table} (id int PRIMARY KEY, a int, b int, c int, d int, at timestamp, name text)")).await;
        run(connection, &format!(
            "INSERT INTO w{table} SELECT i, i % 900, i % 70, i * 7919 % {WIDE_ROWS}, i % 5, timestamp '2026-01-01' + i * interval '1 hour', 'n' || i % 400
             FROM generate_series(1, {WIDE_ROWS}) i"
        )).await;
    }
    run(connection, "VACUUM ANALYZE").await;
}

fn wide(number: usize, random: &mut fastrand::Rng) -> String {
    let (t, u) = (random.usize(0..WIDE_TABLES), random.usize(0..WIDE_TABLES));
    let columns = ["a", "b", "c", "d"];
    let (x, y) = (columns[random.usize(0..4)], columns[random.usize(0..4)]);
    let limit = 1 + random.usize(0..400);
    match number % 6 {
        0 => format!("SELECT id, name FROM w{t} WHERE {x} = $1 LIMIT {limit}"),
        1 => {
            format!("SELECT * FROM w{t} WHERE {x} = $1 AND {y} > $2 ORDER BY at DESC LIMIT {limit}")
        }
        2 => format!(
            "SELECT t.id, u.name FROM w{t} t JOIN w{u} u ON u.a = t.id WHERE t.{x} = $1 LIMIT {limit}"
        ),
        3 => format!("SELECT count(*) FROM w{t} WHERE name = $1 AND d = $2 AND id > {limit}"),
        4 => format!("SELECT {y}, count(*) FROM w{t} WHERE at > $1 AND id <> {limit} GROUP BY {y}"),
        _ => format!("SELECT id FROM w{t} WHERE id = $1 OR id = {limit}"),
    }
}

/// Bytes and cost, relative to none, with what is advised really built.
async fn measured(
    connection: &mut PgConnection,
    statements: &[String],
    advice: &Advice,
) -> (i64, f64, f64) {
    let before = planned_costs(connection, statements).await;
    run(connection, "BEGIN").await;
    let mut bytes = 0_i64;
    let chosen = advice.proposals.iter().filter(|p| p.evidence.rule == Some(Rule::MissingIndex));
    for proposal in chosen {
        Patch::parse(&proposal.patch_sql).expect("a patch of ours");
        run(connection, &proposal.patch_sql).await;
        let index = proposal.evidence.index.as_ref().expect("an index");
        let row = sqlx::query("SELECT pg_relation_size(to_regclass($1))::int8")
            .bind(format!("\"{}\"", index.index_name))
            .fetch_one(&mut *connection)
            .await
            .expect("it is there");
        bytes += row.get::<i64, _>(0);
    }
    let after = planned_costs(connection, statements).await;
    run(connection, "ROLLBACK").await;
    let (sum, old): (f64, f64) = (after.iter().sum(), before.iter().sum());
    let ratios: f64 = before.iter().zip(&after).map(|(before, after)| after / before).sum();
    (bytes, sum / old, ratios / before.len() as f64)
}

async fn on_star(cluster: &Cluster, folder: &Path) {
    let (mut connection, is_there) = database(cluster, "star").await;
    if !is_there {
        make_star(&mut connection).await;
    }
    run(&mut connection, "VACUUM ANALYZE").await;
    let mut random = fastrand::Rng::with_seed(11);
    let statements: Vec<String> = (0..STAR_STATEMENTS).map(|n| star(n, &mut random)).collect();
    let workload = format!("{};", statements.join(";\n"));
    let settings = settings(cluster, "star", folder);
    println!(
        "A star schema of {} tables, {STAR_STATEMENTS} statements, no keys",
        FACTS + DIMENSIONS
    );
    println!(
        "| budget MB | deadline | MB | cost | mean of ratios | whole | choosing | of it planner | calls | indexes |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let outliers = format!("{workload}\n{}", OUTLIERS.join("\n"));
    for (megabytes, seconds, workload) in [
        (20, 10, &workload),
        (40, 10, &workload),
        (80, 3, &workload),
        (80, 10, &workload),
        (80, 60, &workload),
        (0, 10, &workload),
        (80, 10, &outliers),
    ] {
        let budget = (megabytes > 0).then_some(megabytes * 1_000_000);
        let limits = AdviseLimits {
            budget,
            deadline: Duration::from_secs(seconds),
            ..AdviseLimits::default()
        };
        let begun = Instant::now();
        let (_, advice) =
            analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.expect("advice");
        let whole = begun.elapsed().as_secs_f64();
        let (bytes, cost, mean) = measured(&mut connection, &statements, &advice).await;
        let effort = &advice.effort;
        println!(
            "| {megabytes} | {seconds} s | {:.1} | **{cost:.3}** | {mean:.3} | {whole:.2} s | {:.2} s | {:.2} s | {} | {} |",
            bytes as f64 / 1e6,
            effort.seconds,
            effort.planner_seconds,
            effort.calls,
            advice.proposals.iter().filter(|p| p.evidence.rule == Some(Rule::MissingIndex)).count(),
        );
    }
}

async fn on_wide(cluster: &Cluster, folder: &Path) {
    let (mut connection, is_there) = database(cluster, "wide").await;
    if !is_there {
        make_wide(&mut connection).await;
    }
    let mut random = fastrand::Rng::with_seed(12);
    let statements: Vec<String> = (0..WIDE_STATEMENTS).map(|n| wide(n, &mut random)).collect();
    let workload = format!("{};", statements.join(";\n"));
    let settings = settings(cluster, "wide", folder);
    println!("{WIDE_TABLES} tables, {WIDE_STATEMENTS} statements");
    println!(
        "| deadline | whole | choosing | of it planner | calls | cost | indexes | memory MB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for seconds in [30_u64, 300] {
        let limits = AdviseLimits {
            deadline: Duration::from_secs(seconds),
            for_everything: true,
            ..AdviseLimits::default()
        };
        let begun = Instant::now();
        let (_, advice) =
            analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.expect("advice");
        let effort = &advice.effort;
        println!(
            "| {seconds} s | {:.2} s | {:.2} s | {:.2} s | {} | {:.4} | {} | {} |",
            begun.elapsed().as_secs_f64(),
            effort.seconds,
            effort.planner_seconds,
            effort.calls,
            effort.cost_after / effort.cost_before,
            advice.proposals.iter().filter(|p| p.evidence.rule == Some(Rule::MissingIndex)).count(),
            peak_memory(),
        );
    }
}

/// The most that this process took, in megabytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}

fn main() {
    let wanted = |name: &str| {
        let mut named =
            std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).peekable();
        named.peek().is_none() || named.any(|argument| argument == name)
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (cluster, folder) = shared::cluster("choosing").await;
        if wanted("star") {
            on_star(&cluster, &folder).await;
        }
        if wanted("wide") {
            on_wide(&cluster, &folder).await;
        }
        cluster.stop().await.expect("it stops");
    });
}
