//! `make bench`: what copying takes beside `pg_dump | psql`, what a run costs beside `psql -c`, how long benchmarks of
//! the demo's shop take, and how often one that compares a statement with itself calls a winner.
//!
//! Real PostgreSQL, the release build, medians.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on has nothing to report"
)]

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use optischema::benchmark_place::InPlace;
use optischema::model::{BenchmarkResult, PhaseName, RecommendationFilter, TableName, Verdict};
use optischema_server::benchmark::{BenchmarkRequest, Places, run_benchmark, typed_cases};
use optischema_server::config::{Settings, SettingsArgs};
use optischema_server::demo::Shop;
use optischema_server::instance::Instance;
use optischema_server::postgres::{MainSession, connect_writable};
use optischema_server::sandbox::{
    CopyRows, RowChoices, RowSource, ScratchKind, ScratchSchema, Upkeep, create_scratch,
    create_tables, drop_scratch, finish_tables, read_family, vacuum_analyze,
};
use optischema_server::sql::Patch;
use sqlx::{AssertSqlSafe, Connection};

/// What an A/A comparison is made of: each is measured with a change that changes nothing.
const STATEMENTS: [(&str, &str); 8] = [
    ("SELECT count(*) FROM orders WHERE total > 100", "orders"),
    ("SELECT status, count(*) FROM orders GROUP BY status", "orders"),
    ("SELECT id FROM orders WHERE id BETWEEN 1000 AND 3000", "orders"),
    ("SELECT id, total FROM orders ORDER BY total DESC LIMIT 100", "orders"),
    ("SELECT count(*) FROM customers WHERE city LIKE 'A%'", "customers"),
    ("SELECT city, count(*) FROM customers GROUP BY city ORDER BY 2 DESC LIMIT 5", "customers"),
    (
        "SELECT c.city, count(*) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY 1",
        "orders",
    ),
    (
        "SELECT count(*) FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id)",
        "orders",
    ),
];
const AA_RUNS: u64 = 40;
const COPIES: usize = 5;
const COPIED: [&str; 3] = ["orders", "order_items", "customers"];

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn schema() -> ScratchSchema {
    ScratchSchema::new(ScratchKind::Benchmark, uuid::Uuid::new_v4())
}

/// The shop's tables into a scratch schema, with keys, indexes and statistics: seconds.
async fn copy(shop: &Shop) -> f64 {
    let begun = Instant::now();
    let mut main = MainSession::begin(&shop.main_url().parse().unwrap()).await.unwrap();
    main.read_rows_whole().await.unwrap();
    let mut sandbox = connect_writable(&shop.sandbox_url().parse().unwrap(), 600).await.unwrap();
    let names = COPIED.map(|name| TableName::new("public", name));
    let family = read_family(main.connection().await.unwrap(), &names).await.unwrap();
    let scratch = schema();
    let connection = &mut sandbox.connection;
    create_scratch(connection, &scratch).await.unwrap();
    let here = |_: &str| scratch.name.clone();
    sqlx::query("BEGIN").execute(&mut *connection).await.unwrap();
    create_tables(connection, &family, &here, Upkeep::Still, &|_, _| None).await.unwrap();
    sqlx::query("COMMIT").execute(&mut *connection).await.unwrap();
    let choices = RowChoices::default();
    for (top, _) in family.tops() {
        let source = RowSource::of(top);
        let rows = CopyRows {
            source: &source,
            top: &top.table,
            schema: &scratch.name,
            choices: &choices,
            is_frozen: true,
        };
        rows.run(&mut main, connection, &mut |_| {}).await.unwrap();
    }
    let created = finish_tables(connection, &family, &here).await.unwrap();
    assert!(created.missing.is_empty(), "{:?}", created.missing);
    for (top, _) in family.tops() {
        vacuum_analyze(connection, &TableName::new(&scratch.name, &top.table.name)).await.unwrap();
    }
    let seconds = begun.elapsed().as_secs_f64();
    drop_scratch(connection, &scratch).await.unwrap();
    seconds
}

/// The same by `pg_dump | psql`, with ANALYZE: seconds.
async fn dump(shop: &Shop) -> f64 {
    let url = shop.superuser_url("bench_dump");
    let mut server =
        sqlx::postgres::PgConnection::connect(&shop.superuser_url("postgres")).await.unwrap();
    for statement in ["DROP DATABASE IF EXISTS bench_dump", "CREATE DATABASE bench_dump"] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut server).await.unwrap();
    }
    let programs = shop.cluster.programs();
    let tables: Vec<String> = COPIED.iter().map(|name| format!("-t public.{name}")).collect();
    let line = format!(
        "{0}/pg_dump --no-owner --no-privileges {1} '{2}' | {0}/psql -q -o /dev/null '{url}' 2>/dev/null && {0}/psql -q -c 'VACUUM ANALYZE' '{url}'",
        programs.display(),
        tables.join(" "),
        shop.superuser_url("shop")
    );
    let begun = Instant::now();
    assert!(Command::new("bash").args(["-c", &line]).status().unwrap().success());
    begun.elapsed().as_secs_f64()
}

struct Timed {
    result: BenchmarkResult,
    seconds: f64,
    /// Milliseconds that a run takes beyond what PostgreSQL says that the statement took.
    overhead_ms: f64,
}

async fn benchmark(shop: &Shop, statement: &str, patch: &str, seed: u64) -> Timed {
    let places = Places {
        main: shop.main_url().parse().unwrap(),
        sandbox: Some(shop.sandbox_url().parse().unwrap()),
        replica: None,
        allow_same_server: true,
        in_place: InPlace::Replica,
    };
    let parsed = Patch::parse(patch).unwrap();
    let cases = typed_cases(&places.main, statement, "the statement").await.unwrap();
    let scratch = schema();
    let request = BenchmarkRequest {
        cases: &cases,
        patch: &parsed,
        patch_text: patch,
        concerned: &[],
        others: &[],
        name: "optischema bench".into(),
        schema: &scratch,
        seed,
        copy_limit_bytes: 512 << 20,
        sample_percent: 1.0,
        only_planned: false,
        with_functions: false,
        budget: Duration::from_secs(30),
        statement_timeout_s: 60,
        rewritten_shape: None,
    };
    let begun = Instant::now();
    let mut pairs: Vec<Instant> = Vec::new();
    let result = run_benchmark(request, &places, &mut |phase, _| {
        if phase.name() == PhaseName::MeasuringPairs {
            pairs.push(Instant::now());
        }
    })
    .await
    .unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let mut sandbox = connect_writable(&shop.sandbox_url().parse().unwrap(), 60).await.unwrap();
    drop_scratch(&mut sandbox.connection, &scratch).await.unwrap();
    let binding = &result.bindings[0];
    let took = |samples: &[f64], batch: u32| -> f64 {
        // A batch has one run more, which is not timed.
        let runs = if batch > 1 { f64::from(batch) + 1.0 } else { 1.0 };
        samples.iter().skip(1).map(|ms| ms * runs).sum()
    };
    let stated = took(&binding.baseline.samples_ms, binding.baseline_batch)
        + took(&binding.patched.samples_ms, binding.batch);
    let wall = (pairs[pairs.len() - 1] - pairs[0]).as_secs_f64() * 1000.0;
    let count = |batch: u32| if batch > 1 { f64::from(batch) + 1.0 } else { 1.0 };
    let runs = (pairs.len() - 1) as f64 * (count(binding.baseline_batch) + count(binding.batch));
    Timed { seconds, overhead_ms: (wall - stated) / runs, result }
}

/// Milliseconds of `psql -c "EXPLAIN ANALYZE …"` beyond what PostgreSQL says that the statement took.
fn psql_overhead(shop: &Shop, statement: &str) -> f64 {
    let text = format!("EXPLAIN (ANALYZE, TIMING OFF, BUFFERS) {statement}");
    let psql = shop.cluster.programs().join("psql");
    let run = || {
        let begun = Instant::now();
        let output =
            Command::new(&psql).args(["-c", &text, &shop.superuser_url("shop")]).output().unwrap();
        let wall = begun.elapsed().as_secs_f64() * 1000.0;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let stated = said.split("Execution Time: ").nth(1).and_then(|rest| rest.split(' ').next());
        wall - stated.and_then(|ms| ms.parse::<f64>().ok()).expect("an execution time")
    };
    median((0..20).map(|_| run()).collect())
}

async fn recommendations(shop: &Shop, folder: &std::path::Path) {
    let args = SettingsArgs {
        main_url: Some(shop.main_url().parse().unwrap()),
        sandbox_url: Some(shop.sandbox_url().parse().unwrap()),
        allow_same_server: Some(true),
        data_dir: Some(folder.join("instance")),
        listen: Some("127.0.0.1:0".parse().unwrap()),
        collect_seconds: Some(0),
        unused_after_days: Some(0.0),
        ..SettingsArgs::default()
    };
    let instance = Instance::start(Settings::resolve(&args).unwrap()).await.unwrap();
    instance.operations.analyze().await.unwrap();
    let filter = RecommendationFilter { limit: Some(200), ..RecommendationFilter::default() };
    let found = instance.operations.recommendations(filter).await.unwrap().items;
    let mut longest: f64 = 0.0;
    println!("\n| recommendation of the demo | seconds | outcome |\n|---|---|---|");
    for recommendation in found {
        let begun = Instant::now();
        let accepted = instance.operations.start_benchmark(recommendation.id).await.unwrap();
        let job = loop {
            let job = instance.operations.job(accepted.job_id).await.unwrap();
            if job.status.is_final() {
                break job;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let seconds = begun.elapsed().as_secs_f64();
        longest = longest.max(seconds);
        let outcome = job.result.as_ref().and_then(|result| result.benchmark()).map_or_else(
            || format!("{}: {}", job.status, job.error_message.clone().unwrap_or_default()),
            |result| format!("{} ({})", result.verdict.label(), result.source_tag()),
        );
        println!("| {} | {seconds:.1} | {outcome} |", recommendation.title);
    }
    println!("longest: {longest:.1} s");
    instance.stop().await;
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let shop = Shop::open(folder.path(), &mut |_| {}).await.unwrap();

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..COPIES {
        ours.push(copy(&shop).await);
        theirs.push(dump(&shop).await);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "copy of {}, keys, indexes and statistics included (medians of {COPIES}):",
        COPIED.join(", ")
    );
    println!("  ours {ours:.2} s, pg_dump | psql {theirs:.2} s: {:.2} of its time", ours / theirs);

    let statement = STATEMENTS[0].0;
    let psql = psql_overhead(&shop, statement);
    let index = "CREATE INDEX bench_total ON public.orders (status)";
    let timed = benchmark(&shop, statement, index, 1).await;
    println!(
        "overhead of one run: ours {:.2} ms (with DROP INDEX and ROLLBACK on the baseline), psql -c {psql:.2} ms",
        timed.overhead_ms
    );

    let mut counts = std::collections::BTreeMap::new();
    let mut seconds = Vec::new();
    for run in 0..AA_RUNS {
        let (statement, table) = STATEMENTS[run as usize % STATEMENTS.len()];
        let nothing = format!("ALTER TABLE public.{table} SET (fillfactor = 100)");
        let timed = benchmark(&shop, statement, &nothing, 1000 + run).await;
        *counts.entry(timed.result.verdict.label()).or_insert(0) += 1;
        seconds.push(timed.seconds);
        if matches!(timed.result.verdict, Verdict::Faster | Verdict::Slower) {
            println!("  false: {statement}: {:?}", timed.result.confidence_interval);
        }
    }
    println!("{AA_RUNS} A/A benchmarks, median {:.1} s each: {counts:?}", median(seconds));

    recommendations(&shop, folder.path()).await;
    Shop::stop(folder.path()).await;
}
