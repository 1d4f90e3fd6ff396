//! The store as a file: imported from an earlier one, backed up and restored while it is used.

use std::process::{Command, Output};

use optischema::model::{JobStatus, JobType};
use optischema::refusal::Refusal;
use optischema_server::store::NewJob;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::fixture::{App, Shop, TOKEN};
use crate::proposing::{applied, propose};

/// The program, told about the shop's data folder.
fn optischema(shop: &Shop, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_optischema"))
        .args(arguments)
        .env("OPTISCHEMA_MAIN_URL", shop.url("reader", "shop"))
        .env("OPTISCHEMA_SANDBOX_URL", shop.url("sandbox", "staging"))
        .env("OPTISCHEMA_DATA_DIR", shop.settings().data_dir.unwrap())
        .env("OPTISCHEMA_TOKEN", TOKEN)
        .env("OPTISCHEMA_ALLOW_SAME_SERVER", "true")
        .env("RUST_LOG", "error")
        .output()
        .unwrap()
}

/// As a Compose file leaves it where nobody sets it.
#[tokio::test]
async fn a_variable_that_is_empty_is_not_set() {
    let shop = Shop::start().await;
    let checked = |variables: &[(&str, &str)]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_optischema"))
            .args(["check", "--format", "json"])
            .env("OPTISCHEMA_MAIN_URL", shop.url("reader", "shop"))
            .env("OPTISCHEMA_DATA_DIR", shop.settings().data_dir.unwrap())
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
    };
    let empty = [
        "OPTISCHEMA_SANDBOX_URL",
        "OPTISCHEMA_REPLICA_URL",
        "OPTISCHEMA_TOKENS",
        "OPTISCHEMA_MAIN_CONNECTIONS",
        "OPTISCHEMA_ALLOW_SAME_SERVER",
        "OPTISCHEMA_LISTEN",
    ];
    let (code, said, error) = checked(&empty.map(|name| (name, "")));
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("\"main\""), "{said}");
    // One that holds something is read.
    let (code, _, error) = checked(&[("OPTISCHEMA_MAIN_CONNECTIONS", "many")]);
    assert_eq!(code, Some(2), "{error}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file as an earlier OptiSchema left it: other columns too, ids that are numbers, made-up results.
async fn old_file(folder: &std::path::Path, status: &'static str) -> String {
    let file = folder.join("earlier.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut raw = options.connect().await.unwrap();
    for statement in [
        "CREATE TABLE recommendations (id TEXT PRIMARY KEY, query_hash TEXT, recommendation_type TEXT, title TEXT,
             description TEXT, sql_fix TEXT, original_sql TEXT, patch_sql TEXT, execution_plan_json TEXT,
             estimated_improvement_percent INTEGER, confidence_score REAL, risk_level TEXT, status TEXT,
             applied BOOLEAN, applied_at TIMESTAMP, created_at TIMESTAMP, something_else TEXT)",
        "CREATE TABLE benchmark_jobs (id TEXT, recommendation_id TEXT, status TEXT, job_type TEXT, created_at TIMESTAMP,
             started_at TIMESTAMP, completed_at TIMESTAMP, result_json TEXT, error_message TEXT)",
        "INSERT INTO recommendations VALUES ('rec-1', 'abc', 'index', 'Add an index', 'd', 'CREATE INDEX i ON public.orders (name)',
             'SELECT 1', 'CREATE INDEX i ON public.orders (name)', NULL, 40, 0.8, 'low', 'pending', 0, NULL, '2025-01-02 03:04:05', 'x')",
        "INSERT INTO benchmark_jobs VALUES ('1', 'rec-1', 'completed', 'benchmark', '2025-01-02 03:05:00', NULL,
             '2025-01-02 03:06:00', '{\"improvement_percent\": 99}', NULL)",
        "INSERT INTO benchmark_jobs VALUES ('2', 'rec-1', 'pending', 'benchmark', '2025-01-02 03:05:00', NULL, NULL, NULL, NULL)",
    ] {
        sqlx::query(statement).execute(&mut raw).await.unwrap();
    }
    sqlx::query("INSERT INTO recommendations (id, recommendation_type, title, status) VALUES ('rec-2', 'rewrite', 'Two', ?1)")
        .bind(status)
        .execute(&mut raw)
        .await
        .unwrap();
    raw.close().await.unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_earlier_file_is_imported_whole_or_not_at_all_and_once() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let wrong = tempfile::tempdir().unwrap();
    let refused = optischema(&shop, &["import", &old_file(wrong.path(), "done").await]);
    assert!(!refused.status.success());
    let said = text(&refused.stderr);
    assert!(said.contains("recommendations, row 2") && said.contains("\"done\""), "{said}");
    let listed = app.json("/api/recommendations").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 0, "nothing is half-imported");

    let right = tempfile::tempdir().unwrap();
    let file = old_file(right.path(), "dismissed").await;
    let taken = optischema(&shop, &["import", &file]);
    assert!(taken.status.success(), "{}", text(&taken.stderr));
    assert!(
        text(&taken.stdout).contains("2 recommendations and 2 jobs"),
        "{}",
        text(&taken.stdout)
    );
    let listed = app.json("/api/recommendations?status=pending").await;
    assert_eq!(listed["items"][0]["title"], "Add an index");
    assert_eq!(listed["items"][0]["created_at"], "2025-01-02T03:04:05.000Z");
    assert_eq!(listed["counts"]["dismissed"], 1);
    // What is not of our form is not shown as if it were, and nothing starts to run by itself.
    let jobs = app.json("/api/benchmark").await;
    for job in jobs["items"].as_array().unwrap() {
        assert_eq!(job["result"], Value::Null);
        assert!(["completed", "cancelled"].contains(&job["status"].as_str().unwrap()));
    }
    let again = optischema(&shop, &["import", &file]);
    assert!(text(&again.stdout).contains("0 recommendations and 0 jobs imported; 4 were there"));
    assert_eq!(app.json("/api/recommendations").await["counts"]["pending"], 1);
    app.stop().await;
}

#[tokio::test]
async fn json_is_imported_and_what_is_neither_is_refused() {
    let shop = Shop::start().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, contents: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, contents).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let rows = json!({
        "recommendations": [{"id": 7, "recommendation_type": "config", "title": "Seven", "status": "active",
            "sql_fix": "ALTER DATABASE shop SET work_mem = '64MB'", "confidence_score": 0.5}],
        "benchmark_jobs": [{"id": "x", "recommendation_id": 7, "status": "failed", "job_type": "apply"}],
    });
    let taken = optischema(&shop, &["import", &write("good.json", &rows.to_string())]);
    assert!(
        text(&taken.stdout).contains("1 recommendations and 1 jobs"),
        "{}",
        text(&taken.stderr)
    );
    for (name, contents) in [
        ("empty", ""),
        ("number.json", "7"),
        ("list.json", "[1]"),
        ("no-status.json", "[{\"id\": 1, \"title\": \"x\", \"recommendation_type\": \"index\"}]"),
        (
            "confidence.json",
            "[{\"id\": 1, \"title\": \"x\", \"recommendation_type\": \"index\", \"status\": \"pending\", \"confidence_score\": 80}]",
        ),
        (
            "orphan.json",
            "{\"benchmark_jobs\": [{\"id\": 1, \"recommendation_id\": 9, \"status\": \"failed\", \"job_type\": \"apply\"}]}",
        ),
        (
            "twice.json",
            "[{\"id\": 1, \"title\": \"x\", \"recommendation_type\": \"index\", \"status\": \"pending\"},
              {\"id\": 1, \"title\": \"y\", \"recommendation_type\": \"index\", \"status\": \"pending\"}]",
        ),
        ("half.db", "SQLite format 3\u{0}rubbish"),
    ] {
        let refused = optischema(&shop, &["import", &write(name, contents)]);
        assert!(!refused.status.success(), "{name}");
        assert!(
            text(&refused.stderr).starts_with("optischema: "),
            "{name}: {}",
            text(&refused.stderr)
        );
    }
}

#[tokio::test]
async fn every_row_that_cannot_be_imported_is_named_once() {
    let shop = Shop::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.json");
    let rows = json!({
        "recommendations": [
            {"id": 1, "recommendation_type": "index", "title": "One", "status": "done"},
            {"id": 2, "recommendation_type": "index", "title": "Two", "status": "pending"},
            {"id": 2, "recommendation_type": "index", "title": "Two again", "status": "pending"},
        ],
        "benchmark_jobs": [
            {"id": 1, "recommendation_id": 1, "status": "failed", "job_type": "apply"},
            {"id": 2, "recommendation_id": 2, "status": "lost", "job_type": "apply"},
            {"id": 3, "recommendation_id": 9, "status": "failed", "job_type": "apply"},
            {"id": 1, "recommendation_id": 2, "status": "failed", "job_type": "apply"},
        ],
    });
    std::fs::write(&file, rows.to_string()).unwrap();
    let refused = optischema(&shop, &["import", file.to_str().unwrap()]);
    let said = text(&refused.stderr);
    let named: Vec<&str> = said.lines().skip(1).filter_map(|l| l.split(": ").next()).collect();
    assert_eq!(
        named,
        [
            "recommendations, row 1",
            "recommendations, row 3",
            "benchmark_jobs, row 2",
            "benchmark_jobs, row 3",
            "benchmark_jobs, row 4"
        ],
        "{said}"
    );
}

#[tokio::test]
async fn a_backup_is_a_file_whatever_its_name_and_copies_of_cut_off_restores_go() {
    let shop = Shop::start().await;
    crate::proposing::store(&shop).await.close().await;
    let folder = tempfile::tempdir().unwrap();
    for name in [":memory:", "file:x.db?mode=memory"] {
        let taken = Command::new(env!("CARGO_BIN_EXE_optischema"))
            .args(["backup", name])
            .current_dir(folder.path())
            .env("OPTISCHEMA_DATA_DIR", shop.settings().data_dir.unwrap())
            .output()
            .unwrap();
        assert!(taken.status.success(), "{name}: {}", text(&taken.stderr));
        let size = std::fs::metadata(folder.path().join(name)).unwrap().len();
        assert!(size > 4096, "{name} has {size} bytes");
    }
    let nowhere = folder.path().join("nowhere");
    let verified = Command::new(env!("CARGO_BIN_EXE_optischema"))
        .args(["audit", "verify", "--data-dir", nowhere.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!verified.status.success() && !nowhere.exists(), "no empty trail that verifies");
    let data = shop.settings().data_dir.unwrap();
    std::fs::write(data.join("restore-0.db"), "half a copy").unwrap();
    App::start(&shop.settings()).await.stop().await;
    assert!(!data.join("restore-0.db").exists());
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_changes_nothing() {
    let shop = Shop::start().await;
    let store = crate::proposing::store(&shop).await;
    store.close().await;
    let id = propose(&shop, "CREATE INDEX one ON public.orders (name)", &[]).await;
    let folder = tempfile::tempdir().unwrap();
    for (number, (damage, said)) in [
        ("UPDATE recommendations SET evidence_json = '{'", "no JSON"),
        ("UPDATE recommendations SET evidence_json = '7'", "evidence_json cannot be read"),
        ("UPDATE recommendations SET id = 'x'", "cannot be read"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = folder.path().join(format!("{number}.db"));
        let path = file.to_str().unwrap();
        assert!(optischema(&shop, &["backup", path]).status.success());
        let mut raw = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
        sqlx::query(damage).execute(&mut raw).await.unwrap();
        raw.close().await.unwrap();
        let refused = optischema(&shop, &["restore", path]);
        assert!(!refused.status.success(), "{damage}");
        let stderr = text(&refused.stderr);
        assert!(stderr.contains("damaged") && stderr.contains(said), "{damage}: {stderr}");
        let store = crate::proposing::store(&shop).await;
        assert_eq!(store.recommendation(id).await.unwrap().status.as_str(), "pending", "{damage}");
        store.close().await;
    }
}

// The command waits for the server of this very process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_taken_and_restored_while_the_server_runs() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    let file = file.to_str().unwrap();
    let taken = optischema(&shop, &["backup", file]);
    assert!(taken.status.success(), "{}", text(&taken.stderr));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!optischema(&shop, &["backup", file]).status.success(), "nothing is overwritten");
    // The server was given its token: it stands in no file.
    for (token, said) in
        [(None, "give it as --token"), (Some("0123456789wrong0"), "none of the server's")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_optischema"));
        command
            .args(["restore", file])
            .env("OPTISCHEMA_DATA_DIR", shop.settings().data_dir.unwrap());
        command.envs(token.map(|token| ("OPTISCHEMA_TOKEN", token)));
        let refused = command.output().unwrap();
        assert!(text(&refused.stderr).contains(said), "{}", text(&refused.stderr));
    }
    // What comes after it is gone with the restore, but for the trail, and what stands in the sandbox is said.
    let late = propose(&shop, "CREATE INDEX late ON public.orders (name)", &[]).await;
    applied(&app, late).await;
    let rows = app.json("/api/audit/verify").await["entries"].as_i64().unwrap();
    let restored = optischema(&shop, &["restore", file]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    assert!(
        text(&restored.stderr).contains("CREATE INDEX CONCURRENTLY late"),
        "{}",
        text(&restored.stderr)
    );
    assert_eq!(app.get(&format!("/api/recommendations/{late}")).await.status(), 404);
    assert_eq!(app.json(&format!("/api/recommendations/{id}")).await["status"], "pending");
    let verified = app.json("/api/audit/verify").await;
    assert_eq!(verified["first_broken"], Value::Null);
    assert_eq!(verified["entries"].as_i64().unwrap(), rows + 1, "the trail goes on");
    // The server works on: a job runs, and its end is heard.
    assert_eq!(app.completed(&format!("/api/benchmark/{id}")).await.status, JobStatus::Completed);
    let left = std::fs::read_dir(shop.settings().data_dir.unwrap())
        .unwrap()
        .filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("restore-")
        })
        .count();
    assert_eq!(left, 0, "no copy is left");
    // What is no backup is refused, and nothing is changed by it.
    let rubbish = folder.path().join("rubbish.db");
    std::fs::write(&rubbish, "rubbish").unwrap();
    let refused = optischema(&shop, &["restore", rubbish.to_str().unwrap()]);
    assert!(!refused.status.success());
    assert_eq!(app.json(&format!("/api/recommendations/{id}")).await["status"], "active");
    for (name, statement) in [("empty.db", None), ("foreign.sqlite", Some("CREATE TABLE x (a)"))] {
        let file = folder.path().join(name);
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut raw = options.connect().await.unwrap();
        if let Some(statement) = statement {
            sqlx::query(statement).execute(&mut raw).await.unwrap();
        }
        raw.close().await.unwrap();
        let refused = optischema(&shop, &["restore", file.to_str().unwrap()]);
        let reason = Refusal::NoBackup.to_string();
        assert!(text(&refused.stderr).contains(&reason), "{name}: {}", text(&refused.stderr));
        assert_eq!(app.json(&format!("/api/recommendations/{id}")).await["status"], "active");
    }
    for name in ["../optischema.db", "optischema.db", "restore-x.db", "/etc/passwd"] {
        let response = app.post_json("/api/store/restore", &json!({"file": name})).await;
        assert_eq!(response.status(), 422, "{name}");
    }
    app.stop().await;
    // What was approved before a backup is not done after its restore: it may have been done since.
    let waiting = {
        let store = crate::proposing::store(&shop).await;
        let job = NewJob { override_reason: Some("x"), ..NewJob::new(JobType::Apply, id, "test") };
        let job = store.enqueue(&job).await.unwrap();
        store.close().await;
        job.id
    };
    let queued = folder.path().join("queued.db");
    assert!(optischema(&shop, &["backup", queued.to_str().unwrap()]).status.success());
    assert!(optischema(&shop, &["restore", queued.to_str().unwrap()]).status.success());
    let store = crate::proposing::store(&shop).await;
    assert_eq!(store.job(waiting).await.unwrap().status, JobStatus::Cancelled);
    store.close().await;
    // Of another instance, its trail is another's.
    let other = Shop::of_its_own().await;
    other.stage().await;
    let app = App::start(&other.settings()).await;
    let id = propose(&other, "CREATE INDEX other ON public.orders (name)", &[]).await;
    applied(&app, id).await;
    app.stop().await;
    let foreign = folder.path().join("foreign.db");
    assert!(optischema(&other, &["backup", foreign.to_str().unwrap()]).status.success());
    let refused = optischema(&shop, &["restore", foreign.to_str().unwrap()]);
    let reason = Refusal::BackupOfAnother.to_string();
    assert!(text(&refused.stderr).contains(&reason), "{}", text(&refused.stderr));
}

#[tokio::test]
async fn a_refreshed_sandbox_has_the_changes_that_are_applied() {
    let shop = Shop::start().await;
    let months = [
        "CREATE TABLE readings (at date NOT NULL, value int) PARTITION BY RANGE (at)",
        "CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
        "CREATE TABLE readings_2 PARTITION OF readings FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
        "INSERT INTO readings SELECT date '2026-01-01' + i % 58, i FROM generate_series(1, 1000) i",
    ];
    shop.run("app", "shop", &months).await;
    let init = optischema(&shop, &["sandbox", "init"]);
    assert!(init.status.success(), "{}", text(&init.stderr));
    let app = App::start(&shop.settings()).await;
    let index = propose(&shop, "CREATE INDEX kept ON public.orders (name)", &[]).await;
    applied(&app, index).await;
    let fill = propose(&shop, "ALTER TABLE public.orders SET (fillfactor = 71)", &[]).await;
    applied(&app, fill).await;
    let gone = propose(&shop, "CREATE INDEX gone ON public.orders (name, id)", &[]).await;
    applied(&app, gone).await;
    let patch = "CREATE INDEX readings_value ON public.readings (value)";
    let partitioned = propose(&shop, patch, &[]).await;
    applied(&app, partitioned).await;
    // Main moves on, and takes one of the names for something else.
    shop.run(
        "app",
        "shop",
        &["INSERT INTO orders (name) VALUES ('new')", "CREATE INDEX gone ON orders (id)",
            "DROP TABLE readings_1",
            "CREATE TABLE readings_3 PARTITION OF readings FOR VALUES FROM ('2026-03-01') TO ('2026-04-01')",
        ],
    )
    .await;
    shop.run("sandbox", "staging", &["CREATE TABLE mine (a int)"]).await;
    let refreshed = optischema(&shop, &["sandbox", "refresh"]);
    assert_eq!(refreshed.status.code(), Some(1), "one is lost: {}", text(&refreshed.stderr));
    let rows = shop.text("staging", "SELECT count(*)::text FROM orders").await;
    assert_eq!(rows, "5001", "the rows are main's as they are now");
    let state = shop
        .text(
            "staging",
            "SELECT concat(to_regclass('public.kept'), ' ', (SELECT reloptions FROM pg_class WHERE relname = 'orders'), ' ',
                to_regclass('public.mine'))",
        )
        .await;
    assert_eq!(
        state, "kept {fillfactor=71} mine",
        "changes stand again, and what is a person's stays"
    );
    // Of a partitioned table whose partitions are others on main by now, too.
    let parts = |name: &str| {
        format!("SELECT concat(count(*), ' ', bool_and(i.indisvalid)) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                 WHERE c.relname LIKE '{name}%'")
    };
    assert_eq!(shop.text("staging", &parts("readings")).await, "3 t");
    app.completed(&format!("/api/apply/{partitioned}/rollback")).await;
    assert_eq!(shop.text("staging", &parts("readings")).await, "0 ");
    // They can still be undone, and the one that could not be made again is said to have drifted.
    app.completed(&format!("/api/apply/{index}/rollback")).await;
    let drifted = app.json("/api/apply/changes?status=drifted").await;
    assert_eq!(drifted[0]["recommendation_id"], json!(gone));
    assert_eq!(app.json("/api/audit/verify").await["first_broken"], Value::Null);
    app.stop().await;
}

#[tokio::test]
async fn a_copy_that_failed_half_way_is_made_anew_by_a_refresh() {
    let mut shop = Shop::start().await;
    let more = "INSERT INTO \"Items\" (order_id, kind, price, at) SELECT i, 'toy', 1, now() FROM generate_series(1, 5000) i, generate_series(1, 60)";
    shop.run("app", "shop", &[more]).await;
    shop.restart_with_files_of_at_most(20_480).await;
    let failed = optischema(&shop, &["sandbox", "init"]);
    assert!(!failed.status.success(), "{}", text(&failed.stdout));
    shop.restart().await;
    let refreshed = optischema(&shop, &["sandbox", "refresh"]);
    assert!(refreshed.status.success(), "{}", text(&refreshed.stderr));
    let count = "SELECT count(*)::text FROM \"Items\"";
    assert_eq!(shop.text("staging", count).await, shop.text("shop", count).await);
    let keys = "SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint
        WHERE contype = 'p' AND connamespace = 'public'::regnamespace";
    assert_eq!(shop.text("staging", keys).await, shop.text("shop", keys).await);
}
