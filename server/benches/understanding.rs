//! `make bench`: what understanding 5,000 statements takes, in time and memory, beside another build of the program.
//!
//! The tables are small, so that no index helps and choosing indexes takes next to nothing: what is left of `analyze` is
//! reading, typing and planning the statements. Programs take turns; medians.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot go on has nothing to report"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use optischema_server::demo::Cluster;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

const STATEMENTS: usize = 5000;
const TABLES: usize = 40;
const COLUMNS: usize = 13;
const RUNS: usize = 3;

async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().expect("a URL of ours");
    PgConnection::connect_with(&options.disable_statement_logging()).await.expect("it answers")
}

async fn run(connection: &mut PgConnection, sql: &str) {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
    query.execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A table's name, without digits: builds that tell statements apart by libpg_query's fingerprint alone leave them out, and
/// aliases hide names from it.
fn table_name(number: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap_or_default());
    format!("t_{}{}", letter(number / 26), letter(number))
}

/// The nth statement; each has other columns or tables.
fn statement(number: usize) -> String {
    let column = |nth: usize| format!("c{}", (number / TABLES + nth * 3) % COLUMNS);
    let one = table_name(number % TABLES);
    let other = table_name((number + 7) % TABLES);
    let read: Vec<String> = (0..COLUMNS)
        .filter(|bit| (number / TABLES) >> (bit % 8) & 1 == 0)
        .map(|bit| format!("{one}.c{bit}"))
        .chain([format!("{one}.id")])
        .collect();
    let read = read.join(", ");
    match number % 3 {
        0 => format!(
            "SELECT {read} FROM {one} WHERE {one}.{} = 5 AND {one}.{} > 7 ORDER BY {one}.{} LIMIT 0",
            column(0),
            column(1),
            column(2)
        ),
        1 => format!(
            "SELECT {read} FROM {one} JOIN {other} ON {other}.id = {one}.{} WHERE {other}.{} IN (1, 2, 3) AND {one}.{} = 4 LIMIT 0",
            column(0),
            column(1),
            column(2)
        ),
        _ => format!(
            "SELECT {read} FROM {one} WHERE EXISTS (SELECT 1 FROM {other} WHERE {other}.{} = {one}.id AND {other}.{} = 3) LIMIT 0",
            column(0),
            column(1)
        ),
    }
}

struct Taken {
    seconds: f64,
    megabytes: f64,
    planned: usize,
}

/// One run of `analyze`: its time, the most memory that the process had, and the statements that were planned.
fn analyze(program: &str, url: &str, folder: &Path) -> Taken {
    let data = folder.join("data");
    drop(std::fs::remove_dir_all(&data));
    let out = std::fs::File::create(folder.join("out.json")).expect("a file of ours");
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(["analyze", "--deadline-s", "600", "--format", "json"])
        .env("OPTISCHEMA_MAIN_URL", url)
        .env("OPTISCHEMA_DATA_DIR", &data)
        .env("OPTISCHEMA_MAIN_PLANNER_CALLS_PER_MINUTE", "10000000")
        .env("OPTISCHEMA_MAIN_TEXTS_PER_HOUR", "1000000")
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program is there");
    let status = format!("/proc/{}/status", child.id());
    let mut kilobytes = 0.0_f64;
    while child.try_wait().expect("it is ours").is_none() {
        let known = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = known.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes = kilobytes.max(peak.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let text = std::fs::read_to_string(folder.join("out.json")).expect("a file of ours");
    let report: serde_json::Value = serde_json::from_str(&text).expect("a report");
    let statements = report["statements"].as_array().expect("statements");
    let planned = statements.iter().filter(|statement| statement["planned"] == true).count();
    Taken { seconds, megabytes: kilobytes / 1000.0, planned }
}

fn middle(runs: &[Taken], of: impl Fn(&Taken) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    // Cargo adds a flag of its own.
    let programs: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("a folder of ours");
    let url = runtime.block_on(async {
        let data = folder.path().join("postgres");
        let cluster = Cluster::start(&data, "bench").await.expect("PostgreSQL is installed");
        let mut root = connect(&cluster.url("postgres", "bench", "postgres")).await;
        run(&mut root, "ALTER SYSTEM SET pg_stat_statements.max = 20000").await;
        drop(root);
        cluster.stop().await.expect("it stops");
        let cluster = Cluster::start(&data, "bench").await.expect("it starts again");
        let mut root = connect(&cluster.url("postgres", "bench", "postgres")).await;
        for sql in [
            "CREATE ROLE reader LOGIN PASSWORD 'bench'",
            "GRANT pg_read_all_data, pg_read_all_stats TO reader",
            "ALTER ROLE reader SET pg_stat_statements.track = 'none'",
            "CREATE DATABASE shop",
        ] {
            run(&mut root, sql).await;
        }
        let mut shop = connect(&cluster.url("postgres", "bench", "shop")).await;
        run(&mut shop, "CREATE EXTENSION pg_stat_statements").await;
        run(&mut shop, "CREATE EXTENSION hypopg").await;
        let columns: Vec<String> = (0..COLUMNS).map(|n| format!("c{n} int")).collect();
        let values: Vec<String> = (0..COLUMNS).map(|n| format!("i % {}", n + 2)).collect();
        for number in 0..TABLES {
            let name = table_name(number);
            run(
                &mut shop,
                &format!("CREATE TABLE {name} (id int PRIMARY KEY, {})", columns.join(", ")),
            )
            .await;
            let fill = format!(
                "INSERT INTO {name} SELECT i, {} FROM generate_series(1, 200) i",
                values.join(", ")
            );
            run(&mut shop, &fill).await;
        }
        run(&mut shop, "ANALYZE").await;
        for number in 0..STATEMENTS {
            run(&mut shop, &statement(number)).await;
        }
        cluster.url("reader", "bench", "shop")
    });
    let mut taken: Vec<Vec<Taken>> = programs.iter().map(|_| Vec::new()).collect();
    for _ in 0..RUNS {
        for (program, runs) in programs.iter().zip(&mut taken) {
            runs.push(analyze(program, &url, folder.path()));
        }
    }
    let first =
        taken.first().map(|runs| (middle(runs, |t| t.seconds), middle(runs, |t| t.megabytes)));
    for (program, runs) in programs.iter().zip(&taken) {
        let (seconds, megabytes) = (middle(runs, |t| t.seconds), middle(runs, |t| t.megabytes));
        let planned = runs.first().map_or(0, |taken| taken.planned);
        let (one, other) = first.unwrap_or((seconds, megabytes));
        println!(
            "understanding {planned} statements ({RUNS} runs), medians: {seconds:.1} s, {megabytes:.0} MB (the first program takes {:.2} of the time and {:.2} of the memory): {program}",
            one / seconds,
            other / megabytes
        );
    }
    runtime.block_on(async {
        let data = folder.path().join("postgres");
        let cluster = Cluster::start(&data, "bench").await.expect("it is there");
        cluster.stop().await.expect("it stops");
    });
}
