//! What a person types in: over REST, and from files on the command line.

use std::process::{Command, Output};

use optischema::model::{JobStatus, RecommendationStatus, Verdict};
use serde_json::{Value, json};

use crate::fixture::{App, Shop};

const STATEMENT: &str = "SELECT id, price FROM \"Items\" WHERE order_id = 77";
const PATCH: &str = "CREATE INDEX items_order_typed ON public.\"Items\" (order_id)";

#[tokio::test]
async fn a_typed_comparison_becomes_a_recommendation_with_a_report_and_stays() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    for (statement, patch, field) in [
        ("", PATCH, "statement"),
        ("UPDATE orders SET name = 'x'", PATCH, "statement"),
        ("SELECT * FROM nowhere", PATCH, "statement"),
        (STATEMENT, "DROP TABLE orders", "patch"),
        (STATEMENT, "SELECT 1; SELECT 2", "patch"),
        // What no benchmark can show is not listed.
        (STATEMENT, "VACUUM public.\"Items\"", "patch"),
        (STATEMENT, "ALTER SYSTEM SET shared_buffers = '1GB'", "patch"),
        (STATEMENT, "ALTER TABLE public.\"Items\" SET (autovacuum_enabled = true)", "patch"),
    ] {
        let response = app
            .post_json("/api/benchmark", &json!({ "statement": statement, "patch": patch }))
            .await;
        assert_eq!(response.status(), 422, "{statement} / {patch}");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().starts_with(field), "{problem}");
    }
    let request = json!({ "statement": STATEMENT, "patch": PATCH });
    let response = app.post_json("/api/benchmark", &request).await;
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let early = app.get(&format!("{location}/report.html")).await;
    assert!(matches!(early.status().as_u16(), 409 | 200), "{}", early.status());
    let job = app.ended(&location).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error_message);
    let result = job.result.as_ref().and_then(|result| result.benchmark()).unwrap();
    assert_eq!(result.verdict, Verdict::Faster);
    assert_eq!((result.statement.as_str(), result.patch.as_str()), (STATEMENT, PATCH));

    let report = app.get(&format!("{location}/report.html")).await;
    assert_eq!(report.headers()["content-type"], "text/html; charset=utf-8");
    assert!(report.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let html = report.text().await.unwrap();
    for part in [
        "<!DOCTYPE html>",
        "▼",
        "<svg",
        "--accent",
        "By parameter values",
        "Pairs over time",
        "Seed",
    ] {
        assert!(html.contains(part), "{part}");
    }
    for outside in ["<script", "<link", "src=\"http", "url(http", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }

    // Analysing anew does not close what no rule has found.
    app.analyzed().await;
    let id = job.recommendation_id.unwrap();
    let typed = app.json(&format!("/api/recommendations/{id}")).await;
    assert_eq!(typed["status"], RecommendationStatus::Active.as_str());
    assert_eq!(typed["evidence"]["typed"], true);
    // The same again is the same recommendation.
    let again = app.post_json("/api/benchmark", &request).await;
    let location = again.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(app.ended(&location).await.recommendation_id, Some(id));
    assert_eq!(
        app.json("/api/recommendations?q=Typed").await["items"].as_array().unwrap().len(),
        1
    );
    app.stop().await;
}

fn optischema(shop: &Shop, arguments: &[&str]) -> Output {
    let folder = shop.folder.path().join("cli");
    Command::new(env!("CARGO_BIN_EXE_optischema"))
        .args(arguments)
        .env("OPTISCHEMA_MAIN_URL", shop.url("reader", "shop"))
        .env("OPTISCHEMA_SANDBOX_URL", shop.url("sandbox", "staging"))
        .env("OPTISCHEMA_ALLOW_SAME_SERVER", "true")
        .env("OPTISCHEMA_BENCHMARK_SECONDS", "60")
        .env("OPTISCHEMA_DATA_DIR", folder)
        .output()
        .unwrap()
}

#[tokio::test]
async fn files_are_measured_from_the_command_line_and_the_exit_code_is_the_verdict() {
    let shop = Shop::start().await;
    // Beside a running server, whose folder is not needed.
    let app = App::start(&shop.settings()).await;
    let file = |name: &str, text: &str| {
        let path = shop.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let query = file("query.sql", STATEMENT);
    let index = file("index.sql", &format!("-- what is to be made\n{PATCH};\n"));
    let slow = file(
        "slow.sql",
        "SELECT id, price FROM \"Items\" WHERE order_id + 0 = 77 AND (SELECT sum(length(md5(id::text))) FROM \"Items\") > 0",
    );
    let fast = file("fast.sql", "SELECT id, price FROM \"Items\" WHERE order_id = 77");
    let other = file("other.sql", "SELECT id, price FROM \"Items\" WHERE order_id = 78");
    let drop = file("drop.sql", "DROP TABLE orders");
    let broken = file("broken.sql", "SELECT nothing FROM \"Items\"");
    let code = |output: &Output| output.status.code().unwrap();
    let said = |output: &Output| {
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };

    let faster =
        optischema(&shop, &["benchmark", "--query", &query, "--patch", &index, "--format", "json"]);
    assert_eq!(code(&faster), 0, "{}", said(&faster));
    let result: Value = serde_json::from_slice(&faster.stdout).unwrap();
    assert_eq!(result["verdict"], "faster");
    assert!(result["baseline"]["samples_ms"].as_array().unwrap().len() >= 10);
    for key in [
        "seed",
        "server_version",
        "environment",
        "statement",
        "patch",
        "write_cost",
        "workload",
        "calibration",
    ] {
        assert!(!result[key].is_null(), "{key}");
    }
    let slower = optischema(&shop, &["benchmark", "--before", &fast, "--after", &slow]);
    assert_eq!(code(&slower), 1, "{}", said(&slower));
    assert!(said(&slower).contains("No difference found in 20 rows"), "{}", said(&slower));
    let different = optischema(&shop, &["benchmark", "--before", &fast, "--after", &other]);
    assert_eq!(code(&different), 1, "{}", said(&different));
    assert!(said(&different).contains("Different rows"), "{}", said(&different));
    let setting = file("setting.sql", "ALTER SYSTEM SET shared_buffers = '1GB'");
    let unmeasured = optischema(&shop, &["benchmark", "--query", &query, "--patch", &setting]);
    assert_eq!(code(&unmeasured), 2, "{}", said(&unmeasured));
    for arguments in [
        ["benchmark", "--query", &query, "--patch", &drop],
        ["benchmark", "--query", &broken, "--patch", &index],
        ["benchmark", "--before", &fast, "--after", &index],
    ] {
        let failed = optischema(&shop, &arguments);
        assert_eq!(code(&failed), 3, "{arguments:?}: {}", said(&failed));
        assert!(failed.stdout.is_empty() && !failed.stderr.is_empty());
    }
    for misused in
        [vec!["benchmark"], vec!["benchmark", "--query", &query], vec!["benchmark", "--odd"]]
    {
        assert_eq!(code(&optischema(&shop, &misused)), 4, "{misused:?}");
    }
    let missing = optischema(&shop, &["benchmark", "--query", "nowhere.sql", "--patch", &index]);
    assert_eq!(code(&missing), 4, "{}", said(&missing));
    let down = optischema(
        &shop,
        &[
            "benchmark",
            "--query",
            &query,
            "--patch",
            &index,
            "--main-url",
            "postgres://a:b@127.0.0.1:1/c",
        ],
    );
    assert_eq!(code(&down), 4, "{}", said(&down));
    assert_eq!(shop.scratch_schemas().await, "", "nothing is left");
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_measured_says_so_and_is_not_queued() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    app.analyzed().await;
    let listed = app.json("/api/recommendations?limit=200").await;
    // The server of the tests runs without.
    let of = |title: &str| {
        let items = listed["items"].as_array().unwrap();
        items.iter().find(|item| item["title"] == title).unwrap().clone()
    };
    let fsync = of("Switch fsync on");
    let reason = fsync["evidence"]["not_measured"].as_str().unwrap();
    assert!(reason.contains("whole server"), "{reason}");
    let id = fsync["id"].as_str().unwrap();
    let response = app.post(&format!("/api/benchmark/{id}")).await;
    assert_eq!(response.status(), 409);
    let page = app.get(&format!("/recommendations/{id}")).await.text().await.unwrap();
    assert!(page.contains("Not measured: ") && !page.contains("Run benchmark"));
    assert!(of(crate::fixture::TITLE)["evidence"]["not_measured"].is_null());
}
