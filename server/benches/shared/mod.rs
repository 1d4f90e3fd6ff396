//! What the benches of the advisor have in common: a server of their own, and what is advised really built.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use optischema_server::config::{Settings, SettingsArgs};
use optischema_server::demo::Cluster;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

/// A running server that is kept between runs: filling takes longer than advising. PostgreSQL does not run as root, and
/// must reach its folder all the same.
pub async fn cluster(name: &str) -> (Cluster, PathBuf) {
    let folder = std::env::temp_dir().join(format!("optischema-bench-{name}"));
    std::fs::create_dir_all(&folder).expect("a folder of ours");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&folder, open).expect("a folder of ours");
    let cluster = Cluster::start(&folder.join("postgres"), "bench").await;
    let cluster = cluster.expect("PostgreSQL is installed");
    let mut root = connect(&cluster.url("postgres", "bench", "postgres")).await;
    let known = sqlx::query("SELECT FROM pg_roles WHERE rolname = 'reader'")
        .fetch_optional(&mut root)
        .await
        .expect("it answers");
    if known.is_none() {
        run(&mut root, "CREATE ROLE reader LOGIN PASSWORD 'bench'").await;
        run(&mut root, "GRANT pg_read_all_data, pg_read_all_stats TO reader").await;
    }
    (cluster, folder)
}

pub async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().expect("a URL of ours");
    PgConnection::connect_with(&options.disable_statement_logging()).await.expect("it answers")
}

pub async fn run(connection: &mut PgConnection, sql: &str) {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
    query.execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The database of a name, and whether it is there already.
pub async fn database(cluster: &Cluster, name: &str) -> (PgConnection, bool) {
    let mut root = connect(&cluster.url("postgres", "bench", "postgres")).await;
    let known = sqlx::query("SELECT FROM pg_database WHERE datname = $1")
        .bind(name)
        .fetch_optional(&mut root)
        .await
        .expect("it answers");
    if known.is_some() {
        return (connect(&cluster.url("postgres", "bench", name)).await, true);
    }
    run(&mut root, &format!("CREATE DATABASE {name}")).await;
    let mut superuser = connect(&cluster.url("postgres", "bench", name)).await;
    run(&mut superuser, "CREATE EXTENSION hypopg").await;
    run(&mut superuser, "CREATE EXTENSION pg_stat_statements").await;
    (superuser, false)
}

pub fn settings(cluster: &Cluster, name: &str, folder: &Path) -> Settings {
    Settings::resolve(&SettingsArgs {
        main_url: Some(cluster.url("reader", "bench", name).parse().expect("a URL of ours")),
        data_dir: Some(folder.join("data")),
        ..SettingsArgs::default()
    })
    .expect("settings of ours")
}

/// What the planner says of each statement.
pub async fn planned_costs(connection: &mut PgConnection, statements: &[String]) -> Vec<f64> {
    let mut costs = Vec::new();
    for statement in statements {
        let query = sqlx::query(AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) {statement}")));
        let row = query.persistent(false).fetch_one(&mut *connection).await.expect("it plans");
        let plan: serde_json::Value = row.get(0);
        costs.push(plan[0]["Plan"]["Total Cost"].as_f64().expect("a cost"));
    }
    costs
}
