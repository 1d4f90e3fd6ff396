//! `make bench`: what reading the workload costs, and what its history and plans take.
//!
//! Real PostgreSQL with 5,000 statements; medians.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot go on has nothing to report"
)]

#[path = "../tests/it/month.rs"]
mod month;

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use optischema::plan::{exclusive, findings, parse_plan_text};
use optischema_server::config::{Settings, SettingsArgs};
use optischema_server::demo::Cluster;
use optischema_server::instance::Instance;
use optischema_server::store::Store;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

const STATEMENTS: usize = 5000;
const TOKEN: &str = "a-token-for-the-bench";

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().expect("a URL of ours");
    let options = options.disable_statement_logging();
    PgConnection::connect_with(&options).await.expect("the cluster answers")
}

async fn run(connection: &mut PgConnection, sql: &str) {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
    query.execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The nth statement: each reads other columns.
fn statement(number: usize) -> String {
    let terms: Vec<String> =
        (0..13).filter(|bit| number >> bit & 1 == 1).map(|bit| format!("c{bit} > 1")).collect();
    format!("SELECT c0 FROM t WHERE c12 < 9 AND {} LIMIT 0", terms.join(" AND "))
}

async fn traffic(app: &mut PgConnection) {
    for number in 1..=STATEMENTS {
        run(app, &statement(number)).await;
    }
}

async fn collector(folder: &std::path::Path, cluster: &Cluster) {
    let mut app = connect(&cluster.url("app", "bench", "shop")).await;
    let data_dir = folder.join("data");
    let settings = Settings::resolve(&SettingsArgs {
        main_url: Some(cluster.url("reader", "bench", "shop").parse().expect("a URL of ours")),
        data_dir: Some(data_dir.clone()),
        token: Some(TOKEN.to_owned().into()),
        collect_seconds: Some(0),
        ..SettingsArgs::default()
    })
    .expect("settings of ours");
    let instance = Instance::start(settings).await.expect("it starts");
    traffic(&mut app).await;
    let first = instance.operations.collect().await.expect("main is read");
    println!(
        "collector, first reading of {} entries: {:.0} ms on main, {:.0} ms here",
        first.statements, first.main_ms, first.here_ms
    );
    let file = data_dir.join("optischema.db");
    let (mut on_main, mut here, mut growth) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..7 {
        traffic(&mut app).await;
        let before = month::size_of(&file);
        let report = instance.operations.collect().await.expect("main is read");
        assert!(report.changed as usize >= STATEMENTS, "all of them ran");
        on_main.push(report.main_ms);
        here.push(report.here_ms);
        growth.push(month::size_of(&file).saturating_sub(before) as f64 / 1024.0);
    }
    println!(
        "collector, each further one, all 5,000 changed (7 runs), medians: {:.0} ms on main, {:.0} ms here, {:.0} KiB more in the store and its log",
        median(on_main),
        median(here),
        median(growth)
    );
    instance.stop().await;
}

async fn pages(folder: &std::path::Path) {
    let data_dir = folder.join("month");
    std::fs::create_dir_all(&data_dir).expect("a folder of ours");
    let file = data_dir.join("optischema.db");
    let store = Store::open(&file).await.expect("a store of ours");
    let now = optischema_server::clock::now();
    let begun = Instant::now();
    month::simulate(&store, "shop", STATEMENTS as i64, now).await;
    store.close().await;
    println!(
        "store, 5,000 statements for 30 days: {:.0} MB ({} readings simulated in {:.0} s, {:.0} ms each)",
        month::size_of(&file) as f64 / 1e6,
        month::moments().len(),
        begun.elapsed().as_secs_f64(),
        begun.elapsed().as_secs_f64() * 1000.0 / month::moments().len() as f64
    );
    let settings = Settings::resolve(&SettingsArgs {
        main_url: Some("postgres://nobody@127.0.0.1:1/shop".parse().expect("a URL of ours")),
        data_dir: Some(data_dir),
        listen: Some("127.0.0.1:0".parse().expect("an address")),
        token: Some(TOKEN.to_owned().into()),
        collect_seconds: Some(0),
        ..SettingsArgs::default()
    })
    .expect("settings of ours");
    let instance = Instance::start(settings).await.expect("it starts");
    let listening = instance.bind().await.expect("a free port");
    let address = listening.address;
    let serving = tokio::spawn(listening.serve(std::future::pending()));
    let client = reqwest::Client::new();
    for path in [
        "/queries",
        "/queries?range=hour",
        "/queries?range=day",
        "/queries?range=week",
        "/queries?range=month",
        "/queries?range=day&q=table_42&sort=mean",
        "/queries/000000000000002a",
        "/queries/000000000000002a?range=hour",
        "/queries/000000000000002a?range=week",
    ] {
        let mut times = Vec::new();
        for _ in 0..15 {
            let begun = Instant::now();
            let request = client.get(format!("http://{address}{path}")).bearer_auth(TOKEN);
            let response =
                request.timeout(Duration::from_secs(30)).send().await.expect("it answers");
            assert!(response.status().is_success(), "{path}: {}", response.status());
            let text = response.text().await.expect("a page");
            assert!(text.contains("table_"), "{path} shows statements");
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        println!("page {path} (15 runs), median: {:.0} ms", median(times));
    }
    serving.abort();
    instance.stop().await;
}

fn parser() {
    let small = include_str!("../../src/plan/recorded/pg15/parallel_hash.json");
    let node = r#"{"Node Type": "Seq Scan", "Parent Relationship": "Member", "Relation Name": "events_2026_01_31",
        "Schema": "public", "Alias": "events_31", "Startup Cost": 0.00, "Total Cost": 1234.56, "Plan Rows": 1000,
        "Plan Width": 32, "Actual Startup Time": 0.01, "Actual Total Time": 1.5, "Actual Rows": 990, "Actual Loops": 1,
        "Filter": "((events_31.kind = 'click'::text) AND (events_31.at > '2026-01-01'::date))",
        "Rows Removed by Filter": 10, "Shared Hit Blocks": 100, "Shared Read Blocks": 3, "Temp Read Blocks": 0,
        "Temp Written Blocks": 0}"#;
    let count = 5_000_000 / node.len() + 1;
    let large = format!(
        r#"[{{"Plan": {{"Node Type": "Append", "Actual Total Time": 9000.0, "Actual Loops": 1, "Actual Rows": 1,
            "Shared Hit Blocks": 9000000, "Shared Read Blocks": 9, "Plans": [{}]}}}}]"#,
        vec![node; count].join(",")
    );
    for (name, text, runs) in [("a recorded one", small, 2000), ("one of 5 MB", large.as_str(), 15)]
    {
        let mut times = Vec::new();
        for _ in 0..runs {
            let begun = Instant::now();
            let plan = parse_plan_text(text).expect("a plan");
            times.push(begun.elapsed().as_secs_f64());
            assert!(plan.root.walk().count() > 3);
        }
        let middle = median(times);
        println!(
            "plan parser, {name} ({} KB, {runs} runs), median: {:.0} plans/s, {:.0} MB/s",
            text.len() / 1000,
            1.0 / middle,
            text.len() as f64 / 1e6 / middle
        );
    }
    let plan = parse_plan_text(&large).expect("a plan");
    let begun = Instant::now();
    let judged = (exclusive(&plan).len(), findings(&plan).len());
    println!(
        "shares and findings of its {} nodes: {:.0} ms",
        judged.0,
        begun.elapsed().as_secs_f64() * 1000.0
    );
}

fn main() {
    parser();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("a folder of ours");
        let data = folder.path().join("postgres");
        let cluster = Cluster::start(&data, "bench").await.expect("PostgreSQL is installed");
        let mut root = connect(&cluster.url("postgres", "bench", "postgres")).await;
        // The entries of this setting live in shared memory: it needs a restart.
        run(&mut root, "ALTER SYSTEM SET pg_stat_statements.max = 10000").await;
        drop(root);
        cluster.stop().await.expect("it stops");
        let cluster = Cluster::start(&data, "bench").await.expect("it starts again");
        let mut root = connect(&cluster.url("postgres", "bench", "postgres")).await;
        for sql in [
            "CREATE ROLE app LOGIN PASSWORD 'bench'",
            "CREATE ROLE reader LOGIN PASSWORD 'bench'",
            "GRANT pg_read_all_data, pg_read_all_stats TO reader",
            "CREATE DATABASE shop OWNER app",
        ] {
            run(&mut root, sql).await;
        }
        let mut shop = connect(&cluster.url("postgres", "bench", "shop")).await;
        run(&mut shop, "CREATE EXTENSION pg_stat_statements").await;
        let mut app = connect(&cluster.url("app", "bench", "shop")).await;
        let columns: Vec<String> = (0..13).map(|n| format!("c{n} int")).collect();
        run(&mut app, &format!("CREATE TABLE t ({})", columns.join(", "))).await;
        collector(folder.path(), &cluster).await;
        cluster.crash().await.expect("it stops");
        pages(folder.path()).await;
    });
}
