//! The REST contract.

use optischema::model::Recommendation;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{App, Shop, TITLE};

const UNKNOWN: &str = "01a2043b-79ff-77c5-989d-5f413acc268a";

async fn problem(response: reqwest::Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status);
    body
}

#[tokio::test]
async fn errors_are_problems_with_stable_codes() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;

    for path in [
        format!("/api/recommendations/{UNKNOWN}"),
        "/api/recommendations/nonsense".to_owned(),
        format!("/api/benchmark/{UNKNOWN}"),
        format!("/api/benchmark/{UNKNOWN}/patch.sql"),
    ] {
        problem(app.get(&path).await, 404, "not_found").await;
    }
    for path in [
        format!("/api/benchmark/{UNKNOWN}"),
        format!("/api/apply/{UNKNOWN}"),
        format!("/api/apply/{UNKNOWN}/rollback"),
        format!("/api/recommendations/{UNKNOWN}/dismiss"),
        format!("/api/benchmark/{UNKNOWN}/cancel"),
    ] {
        problem(app.post(&path).await, 404, "not_found").await;
    }
    for query in ["status=done", "type=magic", "limit=0", "limit=x", "sort=best", "table=a.b.c"] {
        let path = format!("/api/recommendations?{query}");
        problem(app.get(&path).await, 422, "invalid_field").await;
    }
    for query in ["cursor=zzzz".to_owned(), format!("q={}", "a".repeat(60_000))] {
        let path = format!("/api/recommendations?{query}");
        problem(app.get(&path).await, 422, "invalid_field").await;
    }
    problem(app.get("/api/benchmark?status=done").await, 422, "invalid_field").await;
    problem(app.post("/api/health").await, 405, "method_not_allowed").await;
    problem(app.get("/api/nothing").await, 404, "no_such_call").await;

    // Apply needs a completed benchmark; rollback needs an apply.
    let body =
        problem(app.post(&format!("/api/apply/{id}")).await, 409, "illegal_transition").await;
    assert_eq!(body["reason"], "not_benchmarked");
    let path = format!("/api/apply/{id}/rollback");
    let body = problem(app.post(&path).await, 409, "illegal_transition").await;
    assert_eq!(body["reason"], "not_applied");
    problem(
        app.post(&format!("/api/recommendations/{id}/restore")).await,
        409,
        "illegal_transition",
    )
    .await;
    let wrong =
        app.post_json(&format!("/api/recommendations/{id}/dismiss"), &json!({"why": 1})).await;
    problem(wrong, 422, "invalid_field").await;
    let list = app.post_json(&format!("/api/recommendations/{id}/dismiss"), &json!([])).await;
    problem(list, 422, "invalid_field").await;
    app.stop().await;
}

#[tokio::test]
async fn lists_filter_count_and_page() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;

    // The test's server has other things to say, about its settings.
    let all = app.json("/api/recommendations?type=index").await;
    assert_eq!(all["counts"], json!({"pending": 1, "active": 0, "applied": 0, "dismissed": 0}));
    let count = async |query: &str| {
        app.json(&format!("/api/recommendations?{query}")).await["items"].as_array().unwrap().len()
    };
    assert_eq!(count("status=pending&type=index").await, 1);
    assert_eq!(count("status=benchmarked").await, 0);
    assert_eq!(count("type=index&sort=newest").await, 1);
    assert_eq!(count("type=rewrite").await, 0);
    let of_items = app.json("/api/recommendations?table=public.%22Items%22").await;
    let titles = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles(&of_items), [TITLE]);
    assert_eq!(count("table=public.orders").await, 0);
    assert_eq!(count("q=ITEMS%20order_id").await, 1);
    assert_eq!(count("q=%25").await, 0, "a percent sign is no wildcard");
    assert_eq!(count("q='%20OR%201=1--").await, 0);

    let dismissed: Recommendation = app
        .post_json(&format!("/api/recommendations/{id}/dismiss"), &json!({"reason": "not now"}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(dismissed.dismissed_reason.as_deref(), Some("not now"));
    assert_eq!(count("status=dismissed&type=index").await, 1);
    assert_eq!(app.post(&format!("/api/benchmark/{id}")).await.status(), StatusCode::CONFLICT);
    // Advice that is given again stays dismissed.
    app.post("/api/analyze").await;
    assert_eq!(count("status=dismissed&type=index").await, 1);
    assert_eq!(app.post(&format!("/api/recommendations/{id}/restore")).await.status(), 200);
    assert_eq!(count("status=pending&type=index").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_second_job_of_the_same_kind_is_a_conflict_and_the_patch_is_a_file() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let first = app.post(&format!("/api/benchmark/{id}")).await;
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let location = first.headers()["location"].to_str().unwrap().to_owned();
    let accepted: Value = first.json().await.unwrap();
    assert_eq!(location, format!("/api/benchmark/{}", accepted["job_id"].as_str().unwrap()));
    assert_eq!(app.post(&format!("/api/benchmark/{id}")).await.status(), StatusCode::CONFLICT);
    app.ended(&location).await;

    let patch = app.get(&format!("{location}/patch.sql")).await;
    assert_eq!(patch.headers()["content-type"], "application/sql");
    assert!(patch.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let text = patch.text().await.unwrap();
    assert!(
        text.contains("CREATE INDEX CONCURRENTLY \"Items_order_id_idx\" ON \"public\".\"Items\""),
        "{text}"
    );
    assert!(text.contains("SET lock_timeout"));
    let one = app.json(&format!("/api/recommendations/{id}")).await;
    assert_eq!(one["status"], "active");
    assert_eq!(one["latest_benchmark"]["verdict"], "faster");
    assert_eq!(
        app.json("/api/benchmark?status=completed&type=benchmark").await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    app.stop().await;
}

#[test]
fn the_openapi_document_is_the_one_that_was_agreed() {
    let document = serde_json::to_value(optischema_server::http::openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    insta::assert_json_snapshot!("openapi", document);
}
