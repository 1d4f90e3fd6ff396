//! Statements that policies filter are measured under policies: the planner may not let an index call a function that
//! could tell of hidden rows before the policy has spoken.

use optischema::model::{BenchmarkResult, Job, QueryHash, RecommendationType, TableName, Verdict};

use crate::fixture::{App, Shop};
use crate::proposing::{advise, proposal};

const SETUP: &[&str] = &[
    "CREATE ROLE web LOGIN",
    "CREATE TABLE notes (id int PRIMARY KEY, tenant int NOT NULL, kind int NOT NULL, body jsonb NOT NULL)",
    "INSERT INTO notes SELECT g, g % 10, g % 5000, jsonb_build_object('k', g) FROM generate_series(1, 60000) g",
    "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY own ON notes TO web USING (tenant = current_setting('app.tenant')::int)",
    "GRANT SELECT, UPDATE ON notes TO web",
    "ALTER ROLE reader BYPASSRLS",
    "ANALYZE notes",
];

const SEARCH: &str = "SELECT id FROM notes WHERE body @> '{\"k\": 77}'";
const BY_KIND: &str = "SELECT id, body FROM notes WHERE kind = 77";
const WRITE: &str = "UPDATE notes SET body = '{}' WHERE kind = 78";

async fn served(shop: &Shop) -> App {
    shop.run("postgres", "shop", SETUP).await;
    for statement in [SEARCH, BY_KIND, WRITE] {
        let traffic = ["SET ROLE web", "SET app.tenant = '7'", statement, statement, statement];
        shop.run("postgres", "shop", &traffic).await;
    }
    let app = App::start(&shop.settings()).await;
    assert_eq!(app.post("/api/analyze").await.status(), 200);
    app
}

/// A benchmark of an index with the statement whose text begins so.
async fn measured(shop: &Shop, app: &App, patch: &str, text: &str) -> (Job, BenchmarkResult) {
    let queries = app.json("/api/queries?limit=200").await;
    let query = queries["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|query| query["sql"].as_str().is_some_and(|sql| sql.starts_with(text)));
    let hash = query.unwrap_or_else(|| panic!("{text}: {queries}"))["query_hash"].as_str().unwrap();
    let table = TableName::new("public", "notes");
    let mut proposal = proposal(patch, RecommendationType::Index, &[table]);
    proposal.query_hash = QueryHash(hash.to_owned());
    let id = advise(shop, proposal).await;
    let job = app.job(&format!("/api/benchmark/{id}")).await;
    let result = job.result.as_ref().and_then(|result| result.benchmark()).cloned();
    (job.clone(), result.unwrap_or_else(|| panic!("{job:?}")))
}

fn says(result: &BenchmarkResult, words: &str) -> bool {
    result.warnings.iter().any(|warning| warning.contains(words))
}

#[tokio::test]
async fn an_index_that_a_policy_bars_is_not_measured_as_faster() {
    let shop = Shop::start().await;
    let app = served(&shop).await;
    let gin = "CREATE INDEX notes_body ON public.notes USING gin (body)";
    let (_, result) = measured(&shop, &app, gin, "SELECT id FROM notes WHERE body").await;
    assert!(says(&result, "under the policies of public.notes"), "{:?}", result.warnings);
    assert_ne!(result.verdict, Verdict::Faster, "jsonb's @> is not leakproof: {result:?}");
    let btree = "CREATE INDEX notes_kind ON public.notes (kind)";
    let (_, result) = measured(&shop, &app, btree, "SELECT id, body FROM notes WHERE kind").await;
    assert!(says(&result, "under the policies of public.notes"), "{:?}", result.warnings);
    assert_eq!(result.verdict, Verdict::Faster, "integers' = is leakproof: {result:?}");
    let ran = &result.bindings[0];
    assert!(!ran.sql.contains("tenant"), "the statement is the role's own: {}", ran.sql);
    let plan = result.plans.unwrap().patched.to_string();
    assert!(plan.contains("tenant"), "and the policy is in its plan: {plan}");
    app.stop().await;
}

#[tokio::test]
async fn writes_are_measured_on_the_rows_that_a_policy_leaves() {
    let shop = Shop::start().await;
    let app = served(&shop).await;
    let btree = "CREATE INDEX notes_kind ON public.notes (kind)";
    let (_, result) = measured(&shop, &app, btree, "UPDATE notes").await;
    assert!(says(&result, "Measured as it is"), "{:?}", result.warnings);
    assert!(says(&result, "under the policies of public.notes"), "{:?}", result.warnings);
    assert_eq!(result.verdict, Verdict::Faster, "{result:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_sandbox_role_that_no_policy_holds_for_measures_as_another_and_leaves_none() {
    let shop = Shop::start().await;
    let app = served(&shop).await;
    shop.run("postgres", "postgres", &["ALTER ROLE sandbox SUPERUSER"]).await;
    let btree = "CREATE INDEX notes_kind ON public.notes (kind)";
    let (_, result) = measured(&shop, &app, btree, "SELECT id, body FROM notes WHERE kind").await;
    assert!(says(&result, "Measured as web under the policies"), "{:?}", result.warnings);
    assert_eq!(result.verdict, Verdict::Faster, "{result:?}");
    let left = "SELECT count(*)::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE polname = 'optischema'";
    assert_eq!(shop.text("staging", left).await, "0");
    app.stop().await;
}
