//! Advice that a benchmark refutes is closed with the reason, and stays closed until there is far more to gain.

use std::collections::BTreeSet;

use optischema::advisor::{WriteCost, WritesWithCalls, costs_more_than_it_saves};
use optischema::model::{
    JobStatus, Proposal, QueryHash, Recommendation, RecommendationStatus, RecommendationType,
    StatementEvidence, TableName, Verdict,
};
use optischema_server::store::{AdviceTaken, Store};

use crate::fixture::{App, SLOW, Shop};
use crate::proposing::{proposal, store};

fn advice(patch: &str, kind: RecommendationType, table: &str) -> Proposal {
    let mut proposal = proposal(patch, kind, &[TableName::new("public", table)]);
    proposal.evidence.typed = false;
    proposal.magnitude = 10.0;
    proposal
}

async fn take(store: &Store, proposal: &Proposal) -> Recommendation {
    let proposals = std::slice::from_ref(proposal);
    let taken = AdviceTaken { proposals, rejected: &[], complete: &BTreeSet::new() };
    store.take_advice("shop", taken).await.unwrap().remove(0)
}

#[tokio::test]
async fn advice_that_is_measured_slower_is_closed_until_there_is_far_more_to_gain() {
    let shop = Shop::start().await;
    shop.run("app", "shop", &["CREATE INDEX items_order ON \"Items\" (order_id)"]).await;
    let app = App::start(&shop.settings()).await;
    assert_eq!(app.post("/api/analyze").await.status(), 200);
    let store = store(&shop).await;
    let drop = advice("DROP INDEX public.items_order", RecommendationType::IndexDrop, "Items");
    let id = take(&store, &drop).await.id;
    let job = app.job(&format!("/api/benchmark/{id}")).await;
    let result = job.result.as_ref().and_then(|result| result.benchmark()).unwrap();
    assert_eq!(result.verdict, Verdict::Slower, "{result:?}");
    let closed = store.recommendation(id).await.unwrap();
    assert_eq!(closed.status, RecommendationStatus::Dismissed);
    assert!(closed.latest_benchmark.is_some() && closed.dismissed_reason.is_some(), "{closed:?}");
    // The same evidence brings nothing back, and far more does.
    assert_eq!(take(&store, &drop).await.status, RecommendationStatus::Dismissed);
    let more = Proposal { magnitude: 25.0, ..drop.clone() };
    assert_eq!(take(&store, &more).await.status, RecommendationStatus::Active);
    app.stop().await;
}

#[tokio::test]
async fn a_covering_index_that_costs_more_than_it_saves_is_closed() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    assert_eq!(app.post("/api/analyze").await.status(), 200);
    let store = store(&shop).await;
    let statement = StatementEvidence {
        query_hash: QueryHash("q".into()),
        sql: SLOW.into(),
        calls: 10,
        total_time_ms: 50.0,
        cost_before: Some(100.0),
        cost_after: Some(10.0),
    };
    for (name, inserts) in [("written", 1e12), ("read", 0.0)] {
        let patch = format!("CREATE INDEX {name} ON public.\"Items\" (order_id) INCLUDE (price)");
        let mut covering = advice(&patch, RecommendationType::Index, "Items");
        covering.evidence.statements = vec![statement.clone()];
        let writes = WritesWithCalls { inserts, ..WritesWithCalls::default() };
        covering.evidence.write_cost =
            Some(WriteCost { with_calls: Some(writes), ..WriteCost::default() });
        let id = take(&store, &covering).await.id;
        let job = app.job(&format!("/api/benchmark/{id}")).await;
        let result = job.result.as_ref().and_then(|result| result.benchmark()).unwrap();
        assert_eq!(result.verdict, Verdict::Faster, "{result:?}");
        // Whether a write was measured to take more is this machine's to say; what follows from it is not.
        let (change, writes) = (result.change_percent, result.write_cost.as_ref());
        let reason = costs_more_than_it_saves(&covering.evidence, change, writes);
        assert!(inserts > 0.0 || reason.is_none(), "{reason:?}");
        let kept = store.recommendation(id).await.unwrap();
        assert_eq!(kept.status == RecommendationStatus::Dismissed, reason.is_some(), "{kept:?}");
        assert_eq!(kept.dismissed_reason, reason);
    }
    app.stop().await;
}

#[tokio::test]
async fn advice_that_cannot_be_made_is_closed_and_a_persons_idea_is_not() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE TABLE papers (id int PRIMARY KEY, body text)",
        "INSERT INTO papers SELECT i, (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 200) j) FROM generate_series(1, 300) i",
        "ANALYZE papers",
    ];
    shop.run("app", "shop", &setup).await;
    let mut traffic = shop.connect("app", "shop").await;
    for _ in 0..5 {
        sqlx::query("SELECT id FROM papers WHERE body = $1")
            .bind("x")
            .fetch_all(&mut traffic)
            .await
            .unwrap();
    }
    let app = App::start(&shop.settings()).await;
    assert_eq!(app.post("/api/analyze").await.status(), 200);
    let store = store(&shop).await;
    let patch = "CREATE INDEX long ON public.papers (body)";
    let id = take(&store, &advice(patch, RecommendationType::Index, "papers")).await.id;
    let job = app.job(&format!("/api/benchmark/{id}")).await;
    assert_eq!(job.status, JobStatus::Failed, "{job:?}");
    let closed = store.recommendation(id).await.unwrap();
    assert_eq!(closed.status, RecommendationStatus::Dismissed, "{job:?}");
    assert_eq!(closed.dismissed_reason, job.error_message);
    let mut own = advice(patch, RecommendationType::Index, "papers");
    (own.evidence.typed, own.fingerprint) = (true, "typed:long".into());
    let id = store.add_typed("shop", &own).await.unwrap().id;
    let job = app.job(&format!("/api/benchmark/{id}")).await;
    assert_eq!(job.status, JobStatus::Failed, "{job:?}");
    assert_eq!(store.recommendation(id).await.unwrap().status, RecommendationStatus::Pending);
    app.stop().await;
}
