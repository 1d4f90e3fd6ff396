//! What machines and people do to a server: guesses at the token, a database that hangs, a store that is damaged, copied
//! or held twice.

use std::process::Command;
use std::time::Duration;

use optischema::model::{Job, JobPage, JobStatus, JobType, PhaseName};
use optischema_server::config::Settings;
use optischema_server::instance::{Instance, InstanceError, open_store};
use optischema_server::store::{NewJob, StoreError};
use reqwest::StatusCode;
use serde_json::json;

use crate::connections::exchange;
use crate::fixture::{App, Shop, TOKEN};
use crate::process::Process;

#[tokio::test]
async fn hosts_that_are_named_twice_or_elsewhere_are_refused() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let address = app.address;
    let end = format!("Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n");
    for (head, status) in [
        (format!("GET /api/health HTTP/1.1\r\nHost: {address}\r\n"), "200"),
        (format!("GET /api/health HTTP/1.1\r\nHost: {address}\r\nHost: {address}\r\n"), "403"),
        (format!("GET /api/health HTTP/1.1\r\nHost: {address}\r\nHost: evil.example\r\n"), "403"),
        (format!("GET http://evil.example/api/health HTTP/1.1\r\nHost: {address}\r\n"), "403"),
        ("GET /api/health HTTP/1.1\r\nHost: evil.example\r\n".to_owned(), "403"),
    ] {
        let sent = format!("{head}{end}");
        let (answer, _) =
            tokio::task::spawn_blocking(move || exchange(address, &sent, Duration::from_secs(5)))
                .await
                .unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {answer}");
    }
    app.stop().await;
}

#[tokio::test]
async fn private_answers_are_stored_by_nobody() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    for path in [
        "/api/health",
        "/api/recommendations",
        "/api/recommendations",
        "/dashboard",
        "/api/nothing",
    ] {
        let response = app.get(path).await;
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
    }
    // Neither are answers that say no more than that.
    let elsewhere = app.anonymous("GET", "/dashboard").header("host", "elsewhere");
    for (request, status) in [
        (app.anonymous("GET", "/login"), 200),
        (app.anonymous("GET", "/api/health"), 401),
        (app.anonymous("GET", "/dashboard"), 303),
        (app.anonymous("POST", "/login"), 403),
        (elsewhere, 403),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["cache-control"], "no-store", "{status}");
    }
    app.stop().await;
}

/// The form of the sign-in page.
fn form(request: reqwest::RequestBuilder, token: &str) -> reqwest::RequestBuilder {
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={}", token.replace(' ', "+")))
}

#[tokio::test]
async fn a_session_ends_when_its_owner_signs_out_and_only_then() {
    let shop = Shop::start().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let sign_in = async |app: &App| {
        let request = app.anonymous("POST", "/login").header("sec-fetch-site", "same-origin");
        let response = form(request, TOKEN).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.contains("Max-Age=86400"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    };
    let (one, other) = (sign_in(&app).await, sign_in(&app).await);
    assert_ne!(one, other, "each session has an id of its own");
    let status = async |app: &App, cookie: &str| {
        app.anonymous("GET", "/api/health").header("cookie", cookie).send().await.unwrap().status()
    };
    assert_eq!(status(&app, &one).await, StatusCode::OK);
    let page = app.anonymous("GET", "/dashboard").header("cookie", &one).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("action=\"/logout\""));
    // Another site cannot sign a person out.
    let out = async |site: &'static str| {
        let request = app.anonymous("POST", "/logout").header("cookie", &one);
        request.header("sec-fetch-site", site).send().await.unwrap().status()
    };
    assert_eq!(out("cross-site").await, StatusCode::FORBIDDEN);
    assert_eq!(status(&app, &one).await, StatusCode::OK);
    assert_eq!(out("same-origin").await, StatusCode::SEE_OTHER);
    assert_eq!(status(&app, &one).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&app, &other).await, StatusCode::OK);
    app.stop().await;
    // A session outlives a restart, and not another token.
    let app = App::start(&args).await;
    assert_eq!(status(&app, &other).await, StatusCode::OK);
    app.stop().await;
    let changed = optischema_server::config::SettingsArgs {
        token: Some("another-token-of-the-tests".to_owned().into()),
        ..args
    };
    let app = App::start(&changed).await;
    assert_eq!(status(&app, &other).await, StatusCode::UNAUTHORIZED);
    app.stop().await;
}

#[tokio::test]
async fn guesses_at_the_token_wait_ever_longer() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let guess = async |token: &str| {
        let request = app.anonymous("POST", "/login").header("sec-fetch-site", "same-origin");
        form(request, token).send().await.unwrap()
    };
    // Any page can make a browser follow a link: that counts for nothing.
    for _ in 0..10 {
        let link = app.anonymous("GET", "/login?code=none").send().await.unwrap();
        assert_eq!(link.status(), StatusCode::FORBIDDEN);
    }
    for _ in 0..5 {
        assert_eq!(guess("a wrong guess").await.status(), StatusCode::FORBIDDEN);
    }
    let refused = guess(TOKEN).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "the right one waits too");
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(wait >= 1);
    tokio::time::sleep(Duration::from_secs(wait + 1)).await;
    assert_eq!(guess(TOKEN).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        guess("another wrong guess").await.status(),
        StatusCode::FORBIDDEN,
        "it begins anew"
    );
    app.stop().await;
}

fn refusal_of(error: InstanceError) -> String {
    assert!(matches!(error, InstanceError::Store(_)), "{error:?}");
    error.to_string()
}

/// Each is one sentence with what to do; the file stays as it is.
#[tokio::test]
async fn a_store_that_cannot_be_used_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("optischema.db");
    open_store(folder.path()).await.unwrap().close().await;
    let good = std::fs::read(&file).unwrap();

    let mut damaged = good.clone();
    let pages = damaged.len() / 4096;
    for page in 1..pages {
        damaged[page * 4096..page * 4096 + 100].fill(0xAB);
    }
    std::fs::write(&file, &damaged).unwrap();
    let said = refusal_of(open_store(folder.path()).await.err().unwrap());
    assert!(said.contains("is damaged") && said.contains("optischema restore"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), damaged);

    std::fs::write(&file, "this is no database, and it is longer than a header of one").unwrap();
    let said = refusal_of(open_store(folder.path()).await.err().unwrap());
    assert!(said.contains("is damaged (file is not a database)"), "{said}");

    std::fs::write(&file, "").unwrap();
    open_store(folder.path()).await.unwrap().close().await;
    std::fs::write(&file, "").unwrap();
    std::fs::write(folder.path().join("token"), "a token of sixteen").unwrap();
    let error = open_store(folder.path()).await.err().unwrap();
    assert!(matches!(&error, InstanceError::Store(StoreError::Emptied(_))), "{error:?}");
    assert!(refusal_of(error).contains("restore a backup"));

    std::fs::remove_file(&file).unwrap();
    let foreign = optischema_server_sqlite(&file, &["CREATE TABLE cookies (a TEXT)"]).await;
    drop(foreign);
    let said = refusal_of(open_store(folder.path()).await.err().unwrap());
    assert!(said.contains("another program"), "{said}");

    std::fs::write(&file, &good).unwrap();
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'later', 1, x'00', 0)";
    drop(optischema_server_sqlite(&file, &[later]).await);
    let said = refusal_of(open_store(folder.path()).await.err().unwrap());
    assert!(said.contains("later OptiSchema (migration 999"), "{said}");
}

async fn optischema_server_sqlite(
    file: &std::path::Path,
    statements: &[&str],
) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe((*statement).to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    sqlx::Connection::close(connection).await.unwrap();
    sqlx::sqlite::SqliteConnectOptions::new().filename(":memory:").connect().await.unwrap()
}

#[tokio::test]
async fn two_servers_on_one_folder_are_refused_even_without_the_lock_file() {
    let shop = Shop::start().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    std::fs::remove_file(args.data_dir.clone().unwrap().join("lock")).unwrap();
    let second = Instance::start(Settings::resolve(&args).unwrap()).await.err().unwrap();
    assert!(matches!(second, InstanceError::Locked(_)), "{second:?}");
    app.stop().await;
    let again = Instance::start(Settings::resolve(&args).unwrap()).await.unwrap();
    again.stop().await;
}

/// A start that was killed inside its recovery has queued the job again, and not yet dropped its schema.
#[tokio::test]
async fn a_kill_inside_recovery_leaves_no_schema_beyond_the_next_start() {
    let shop = Shop::start().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    let job = app.completed(&format!("/api/benchmark/{id}")).await;
    app.stop().await;
    let schema = format!("benchmark_job_{}", job.id.0.simple());
    let unknown = "benchmark_job_00000000000000000000000000000001";
    let comment = json!({"optischema_job": job.id, "expires_at": "2999-01-01T00:00:00.000Z"});
    for name in [schema.as_str(), unknown] {
        shop.run(
            "sandbox",
            "staging",
            &[
                &format!("CREATE SCHEMA {name}"),
                &format!("COMMENT ON SCHEMA {name} IS '{comment}'"),
            ],
        )
        .await;
    }
    let app = App::start(&args).await;
    let mut left = String::new();
    for _ in 0..80 {
        left = shop.scratch_schemas().await;
        if left == unknown {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(left, unknown, "another store's job is not this one's to judge");
    app.stop().await;
}

/// The copy of a store knows jobs that the original still runs.
#[tokio::test]
async fn a_copied_store_leaves_the_originals_jobs_alone() {
    let shop = Shop::start().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    app.stop().await;
    let original = Process::start(&shop, Some(PhaseName::Patching), &[]);
    let path = format!("/api/benchmark/{id}");
    let started = original.post(&path, json!({})).await.unwrap();
    assert!(original.paused().await);
    let schemas = shop.scratch_schemas().await;
    assert!(schemas.contains("benchmark_job_"), "{schemas}");
    let copy = shop.folder.path().join("copy");
    std::fs::create_dir_all(&copy).unwrap();
    for entry in std::fs::read_dir(args.data_dir.clone().unwrap()).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("optischema.db") {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let elsewhere =
        optischema_server::config::SettingsArgs { data_dir: Some(copy), ..args.clone() };
    let second = App::start(&elsewhere).await;
    let mut seen = None;
    for _ in 0..100 {
        let page: JobPage = second.get("/api/benchmark").await.json().await.unwrap();
        let job = page.items.into_iter().find(|job| job.status != JobStatus::Completed);
        if let Some(job) = job.filter(|job| job.status.is_final()) {
            seen = Some(job);
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seen = seen.expect("the copy ends what is not its own");
    assert_eq!(seen.status, JobStatus::Error);
    assert_eq!(seen.error_code.as_deref(), Some("cut_off"));
    // The original stands still at its phase, so its store is asked.
    use sqlx::{ConnectOptions, Row};
    let store = args.data_dir.clone().unwrap().join("optischema.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(store).read_only(true);
    let row = sqlx::query("SELECT status FROM benchmark_jobs WHERE id = ?1")
        .bind(&started)
        .fetch_one(&mut options.connect().await.unwrap())
        .await
        .unwrap();
    assert_eq!(row.get::<String, _>("status"), "running", "the original goes on");
    assert_eq!(shop.scratch_schemas().await, schemas);
    second.stop().await;
    original.kill();
}

/// A server that hangs is no answer: the job is tried again.
#[tokio::test]
async fn a_sandbox_that_hangs_leaves_the_job_to_be_tried_again() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    // The job is in the middle of its change for as long as this test needs.
    shop.run(
        "postgres",
        "staging",
        &[
            "CREATE FUNCTION dawdle() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(600); END'",
            "CREATE EVENT TRIGGER dawdle ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION dawdle()",
        ],
    )
    .await;
    let queued = app.post(&format!("/api/benchmark/{id}")).await;
    let location = queued.headers()["location"].to_str().unwrap().to_owned();
    let job = async || app.get(&location).await.json::<Job>().await.unwrap();
    let sleeping = "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    for _ in 0..400 {
        if shop.text("staging", sleeping).await == "1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(shop.text("staging", sleeping).await, "1", "{:?}", job().await);
    let pids = std::fs::read_to_string(shop.folder.path().join("postgres/postmaster.pid")).unwrap();
    let leader = pids.lines().next().unwrap().to_owned();
    let signal = |name: &str| {
        let kill = format!("kill -{name} {leader} $(pgrep -P {leader})");
        // A server process may have ended meanwhile.
        drop(Command::new("bash").args(["-c", &kill]).status());
    };
    signal("STOP");
    let mut seen = job().await;
    for _ in 0..300 {
        if seen.status != JobStatus::Running {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        seen = job().await;
    }
    signal("CONT");
    assert!(
        matches!(seen.status, JobStatus::Pending | JobStatus::Error),
        "{:?}: {:?}",
        seen.status,
        seen.error_message
    );
    app.stop().await;
}

/// Lists are read by index: the plan of each says so.
#[tokio::test]
async fn lists_are_read_in_the_order_of_an_index() {
    let folder = tempfile::tempdir().unwrap();
    open_store(folder.path()).await.unwrap().close().await;
    use sqlx::{ConnectOptions, Row};
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("optischema.db"));
    let mut connection = options.connect().await.unwrap();
    for (sql, index) in [
        (
            "SELECT id FROM recommendations WHERE database = 'a' ORDER BY coalesce(estimated_improvement_percent, -1e9) DESC, id DESC LIMIT 51",
            "recommendations_by_impact",
        ),
        (
            "SELECT id FROM recommendations WHERE database = 'a' AND status = 'pending' ORDER BY coalesce(estimated_improvement_percent, -1e9) DESC, id DESC LIMIT 51",
            "recommendations_by_status_and_impact",
        ),
        (
            "SELECT id FROM recommendations WHERE database = 'a' ORDER BY created_at DESC, id DESC LIMIT 51",
            "recommendations_by_time",
        ),
        (
            "SELECT id FROM benchmark_jobs WHERE database = 'a' ORDER BY created_at DESC, id DESC LIMIT 51",
            "benchmark_jobs_by_time",
        ),
        (
            "SELECT id FROM benchmark_jobs WHERE database = 'a' AND status = 'completed' ORDER BY created_at DESC, id DESC LIMIT 51",
            "benchmark_jobs_by_status",
        ),
        (
            "SELECT id FROM benchmark_jobs WHERE database = 'a' AND job_type = 'apply' ORDER BY created_at DESC, id DESC LIMIT 51",
            "benchmark_jobs_by_type",
        ),
    ] {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(plan[0].contains(index), "{sql}: {plan:?}");
        assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{sql}: {plan:?}");
    }
}

/// A job that nobody has claimed stays as it is, whoever copies the store.
#[tokio::test]
async fn queued_jobs_of_a_copied_store_stay_queued() {
    let shop = Shop::start().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    app.stop().await;
    let store = open_store(args.data_dir.as_deref().unwrap()).await.unwrap();
    let job = store.enqueue(&NewJob::new(JobType::Benchmark, id, "test")).await.unwrap();
    assert_eq!(store.end_jobs_of_another("a boot").await.unwrap(), 0);
    assert_eq!(store.job(job.id).await.unwrap().status, JobStatus::Pending);
    store.close().await;
}
