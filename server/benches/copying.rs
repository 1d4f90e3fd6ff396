//! `make bench`: `sandbox init` beside `pg_dump | psql` of the same database: a schema of 500 tables and 1,000 indexes with
//! small rows, and three tables of 500 MB. Takes turns; medians.
//!
//! `cargo bench --bench copying -- PROGRAM`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has nothing to report")]

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use optischema_server::demo::Cluster;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const PASSWORD: &str = "bench";
const SERVER: [&str; 6] = [
    "CREATE ROLE reader LOGIN PASSWORD 'bench'",
    "GRANT pg_read_all_data, pg_read_all_stats TO reader",
    "ALTER ROLE reader SET pg_stat_statements.track = 'none'",
    "CREATE ROLE sandbox LOGIN PASSWORD 'bench'",
    "CREATE DATABASE many",
    "CREATE DATABASE large",
];

struct Server {
    cluster: Cluster,
    program: String,
    data: std::path::PathBuf,
}

impl Server {
    async fn run(&self, database: &str, statements: &[String]) {
        let url = self.cluster.url("postgres", PASSWORD, database);
        let mut connection = PgConnection::connect(&url).await.unwrap();
        for statement in statements {
            sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    }

    async fn empty(&self, name: &str) {
        let statements = [
            format!("DROP DATABASE IF EXISTS {name}"),
            format!("CREATE DATABASE {name} OWNER sandbox"),
            "CHECKPOINT".to_owned(),
        ];
        self.run("postgres", &statements).await;
    }

    async fn dumped(&self, database: &str) -> f64 {
        self.empty("dumped").await;
        let line = format!(
            "{0}/pg_dump --no-owner --no-privileges '{1}' | {0}/psql -q -o /dev/null '{2}' 2>/dev/null",
            self.cluster.programs().display(),
            self.cluster.url("postgres", PASSWORD, database),
            self.cluster.url("postgres", PASSWORD, "dumped")
        );
        let begun = Instant::now();
        assert!(Command::new("bash").args(["-c", &line]).status().unwrap().success());
        begun.elapsed().as_secs_f64()
    }

    async fn copied(&self, database: &str) -> f64 {
        self.empty("copied").await;
        let begun = Instant::now();
        let status = Command::new(&self.program)
            .args(["sandbox", "init"])
            .env("OPTISCHEMA_MAIN_URL", self.cluster.url("reader", PASSWORD, database))
            .env("OPTISCHEMA_SANDBOX_URL", self.cluster.url("sandbox", PASSWORD, "copied"))
            .env("OPTISCHEMA_ALLOW_SAME_SERVER", "true")
            .env("OPTISCHEMA_COPY_LIMIT_MB", "4096")
            .env("OPTISCHEMA_DATA_DIR", &self.data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        begun.elapsed().as_secs_f64()
    }
}

fn many() -> Vec<String> {
    let mut statements = Vec::new();
    for i in 0..500 {
        statements.push(format!(
            "CREATE TABLE t{i} (id bigserial PRIMARY KEY, parent_id bigint, name text NOT NULL DEFAULT 'x', kind text, amount numeric(10, 2), at timestamptz DEFAULT now(), body text)"
        ));
        statements.push(format!(
            "INSERT INTO t{i} (parent_id, name, kind, amount, body) SELECT g, 'name ' || g, 'kind ' || g % 7, g, repeat('b', 40) FROM generate_series(1, 200) g"
        ));
        statements.push(format!("CREATE INDEX ON t{i} (parent_id)"));
        statements.push(format!("CREATE INDEX ON t{i} (kind, at)"));
        if i % 2 == 1 {
            let other = i - 1;
            statements
                .push(format!("ALTER TABLE t{i} ADD FOREIGN KEY (parent_id) REFERENCES t{other}"));
        }
    }
    statements.push("VACUUM ANALYZE".to_owned());
    statements
}

fn large() -> Vec<String> {
    let mut statements = Vec::new();
    for name in ["orders", "items", "events"] {
        statements.push(format!(
            "CREATE TABLE {name} AS SELECT g AS id, g::bigint * 7919 % 1000003 AS ref_id, md5(g::text) AS hash, timestamptz '2026-01-01' + g * interval '1 s' AS at,
                    repeat('x', 60) AS body, (g % 1000)::numeric(10, 2) AS amount FROM generate_series(1, 3300000) g"
        ));
        statements.push(format!("ALTER TABLE {name} ADD PRIMARY KEY (id)"));
        for columns in ["ref_id", "hash", "at, amount"] {
            statements.push(format!("CREATE INDEX ON {name} ({columns})"));
        }
    }
    statements.push("VACUUM ANALYZE".to_owned());
    statements
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() {
    let Some(program) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) else {
        println!("copying: name the program to measure");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let cluster = Cluster::start(&folder.path().join("postgres"), PASSWORD).await.unwrap();
    if !cluster.programs().join("pg_dump").exists() {
        println!("copying: left out, there is no pg_dump beside the server's programs");
        return;
    }
    let server = Server { cluster, program, data: folder.path().join("data") };
    server.run("postgres", &SERVER.map(str::to_owned)).await;
    server.run("many", &many()).await;
    server.run("large", &large()).await;
    for (database, what, rounds) in
        [("many", "500 tables, 1,000 indexes", 7), ("large", "three tables of 500 MB", 3)]
    {
        let (mut dumped, mut copied) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            dumped.push(server.dumped(database).await);
            copied.push(server.copied(database).await);
        }
        let (dumped, copied) = (median(dumped), median(copied));
        println!(
            "{what}: pg_dump | psql {dumped:.2} s, sandbox init {copied:.2} s, ratio {:.2}",
            copied / dumped
        );
    }
    server.cluster.crash().await.unwrap();
}
