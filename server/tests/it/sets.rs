//! Several changes measured together.

use optischema::model::{
    JobStatus, Proposal, Recommendation, RecommendationType, SetBenchmark, SetStatement, Verdict,
};
use reqwest::StatusCode;
use serde_json::json;

use crate::fixture::{App, Shop};
use crate::proposing::{advise, proposal};

/// Statements of the shop that two different indexes serve, and one that an index of main serves.
const STATEMENTS: [&str; 3] = [
    "SELECT id, price FROM \"Items\" WHERE order_id = 77",
    "SELECT id, note FROM \"Items\" WHERE at = '2026-02-03 04:05'",
    "SELECT id FROM orders WHERE name = 'order 4711'",
];

async fn worked(shop: &Shop) {
    shop.run("app", "shop", &["CREATE INDEX orders_name ON orders (name)", "ANALYZE orders"]).await;
    let mut app = shop.connect("app", "shop").await;
    for statement in STATEMENTS {
        for _ in 0..20 {
            sqlx::query(statement).persistent(false).fetch_all(&mut app).await.unwrap();
        }
    }
}

async fn recommended(app: &App) -> Vec<Recommendation> {
    assert_eq!(app.post("/api/analyze").await.status(), StatusCode::OK);
    let page = app.json("/api/recommendations?limit=100").await;
    serde_json::from_value(page["items"].clone()).unwrap()
}

fn id_of(list: &[Recommendation], part: &str) -> String {
    let one = list.iter().find(|one| one.patch_sql.contains(part));
    let titles: Vec<&str> = list.iter().map(|one| one.patch_sql.as_str()).collect();
    one.unwrap_or_else(|| panic!("{part} is not in {titles:#?}")).id.to_string()
}

async fn measured(app: &App, ids: &[&str]) -> SetBenchmark {
    let response = app.post_json("/api/benchmark/set", &json!({ "recommendation_ids": ids })).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let job = app.ended(&location).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error_message);
    job.result.unwrap().set().cloned().unwrap()
}

#[tokio::test]
async fn a_set_is_measured_as_a_whole_and_each_change_says_what_it_carries() {
    let shop = Shop::start().await;
    worked(&shop).await;
    let app = App::start(&shop.settings()).await;
    let list = recommended(&app).await;
    let (orders, at) = (id_of(&list, "(\"order_id\""), id_of(&list, "(\"at\""));
    let set = measured(&app, &[&orders, &at]).await;
    assert_eq!(set.verdict, Verdict::Faster, "{set:#?}");
    assert!(set.change_percent.is_some_and(|change| change < -50.0), "{:?}", set.change_percent);
    let carries: Vec<f64> =
        set.members.iter().filter_map(|member| member.carries_percent).collect();
    assert_eq!(carries.len(), 2);
    assert!(carries.iter().all(|percent| *percent > 5.0), "{carries:?}");
    assert_eq!(set.slower().count(), 0);
    // Each index is used by its own statement.
    assert!(set.members.iter().all(|member| member.used_by.len() == 1), "{:#?}", set.members);
    assert_eq!(shop.scratch_schemas().await, "");
    let page = app.get("/recommendations").await.text().await.unwrap();
    assert!(page.contains("Benchmark the selected"));
}

#[tokio::test]
async fn a_set_that_makes_one_statement_slower_is_not_called_faster_and_names_it() {
    let shop = Shop::start().await;
    worked(&shop).await;
    let app = App::start(&shop.settings()).await;
    let list = recommended(&app).await;
    let orders = id_of(&list, "(\"order_id\"");
    let typed = json!({ "statement": STATEMENTS[2], "patch": "DROP INDEX public.orders_name" });
    let response = app.post_json("/api/benchmark", &typed).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    app.ended(&location).await;
    let page = app.json("/api/recommendations?limit=100").await;
    let list: Vec<Recommendation> = serde_json::from_value(page["items"].clone()).unwrap();
    let drop = id_of(&list, "DROP INDEX");
    let set = measured(&app, &[&orders, &drop]).await;
    assert_eq!(set.verdict, Verdict::Slower, "{set:#?}");
    let slower: Vec<&str> = set.slower().map(|statement| statement.sql.as_str()).collect();
    assert!(slower.len() == 1 && slower[0].contains("name"), "{slower:?}");
    assert!(!set.slower().next().unwrap().plan_changes.is_empty());
}

#[tokio::test]
async fn a_rewrite_is_measured_beside_other_changes_and_must_return_the_same_rows() {
    let shop = Shop::start().await;
    worked(&shop).await;
    let by_day = "SELECT id, note FROM \"Items\" WHERE at::date = '2026-02-03'";
    let mut session = shop.connect("app", "shop").await;
    for _ in 0..20 {
        sqlx::query(by_day).persistent(false).fetch_all(&mut session).await.unwrap();
    }
    let app = App::start(&shop.settings()).await;
    let list = recommended(&app).await;
    let orders = id_of(&list, "(\"order_id\"");
    let rewrite = list.iter().find(|one| {
        one.recommendation_type == RecommendationType::Rewrite && one.patch_sql.contains("note")
    });
    let rewrite = rewrite.unwrap_or_else(|| panic!("{list:#?}"));
    let set = measured(&app, &[&orders, &rewrite.id.to_string()]).await;
    assert_eq!(set.verdict, Verdict::Faster, "{set:#?}");
    let member = |id: &str| set.members.iter().find(|m| m.recommendation_id.to_string() == id);
    let own = member(&rewrite.id.to_string()).unwrap();
    // Its index serves another statement, too.
    assert!(own.used_by.contains(&rewrite.query_hash) && own.used_by.len() == 2, "{own:?}");
    assert!(own.carries_percent.is_some_and(|percent| percent > 5.0), "{own:?}");
    let of_it = set.statements.iter().find(|one| one.query_hash == rewrite.query_hash).unwrap();
    assert_eq!(of_it.verdict, Verdict::Faster, "{of_it:?}");

    // One that leaves rows out is no faster statement, whatever the others gain.
    let of_orders = list.iter().find(|one| one.id.to_string() == orders).unwrap();
    let fewer = "SELECT id, price FROM public.\"Items\" WHERE order_id = $1 AND id % 2 = 0";
    let fewer = Proposal {
        query_hash: of_orders.query_hash.clone(),
        ..proposal(fewer, RecommendationType::Rewrite, &of_orders.tables)
    };
    let fewer = advise(&shop, fewer).await.to_string();
    let set = measured(&app, &[&orders, &fewer]).await;
    assert_eq!(set.verdict, Verdict::NotEquivalent, "{set:#?}");
    let differs = |one: &&SetStatement| one.verdict == Verdict::NotEquivalent;
    assert_eq!(set.statements.iter().filter(differs).count(), 1);
    assert!(set.warnings.iter().any(|warning| warning.contains("comes")), "{:?}", set.warnings);
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_measured_together_is_refused_with_its_reason() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let of = async |ids: serde_json::Value| {
        let body = json!({ "recommendation_ids": ids });
        app.post_json("/api/benchmark/set", &body).await.status()
    };
    assert_eq!(of(json!([])).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(of(json!(["nonsense"])).await, StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = "01900000-0000-7000-8000-000000000000";
    assert_eq!(of(json!([unknown])).await, StatusCode::NOT_FOUND);
}
