//! Recommendations put into a store as an analysis would, and applied.

use std::collections::BTreeSet;

use optischema::model::{
    Evidence, Job, JobStatus, Proposal, QueryHash, RecommendationId, RecommendationType, RiskLevel,
    TableName,
};
use optischema_server::store::{AdviceTaken, Store};
use serde_json::json;

use crate::fixture::{App, Shop};

/// The store of a shop's data folder; the app may have it open too.
pub async fn store(shop: &Shop) -> Store {
    let folder = shop.settings().data_dir.unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    Store::open(&folder.join("optischema.db")).await.unwrap()
}

pub fn proposal(patch: &str, kind: RecommendationType, tables: &[TableName]) -> Proposal {
    Proposal {
        fingerprint: format!("test:{patch}"),
        query_hash: QueryHash(String::new()),
        recommendation_type: kind,
        title: format!("Try {}", patch.chars().take(80).collect::<String>()),
        description: "For a test.".into(),
        sql_fix: format!("{patch};"),
        original_sql: String::new(),
        patch_sql: patch.into(),
        execution_plan_json: None,
        estimated_improvement_percent: None,
        confidence_score: 0.5,
        risk_level: RiskLevel::Low,
        tables: tables.to_vec(),
        evidence: Evidence { typed: true, ..Evidence::without_figures("a test", "", "") },
        magnitude: 0.0,
    }
}

/// Lists a patch as a recommendation.
pub async fn propose(shop: &Shop, patch: &str, tables: &[TableName]) -> RecommendationId {
    let store = store(shop).await;
    let proposal = proposal(patch, RecommendationType::Index, tables);
    let id = store.add_typed("shop", &proposal).await.unwrap().id;
    store.close().await;
    id
}

/// Lists a patch as advice of an analysis, which is measured with the workload.
pub async fn advise(shop: &Shop, proposal: Proposal) -> RecommendationId {
    let mut proposal = proposal;
    proposal.evidence.typed = false;
    let store = store(shop).await;
    let taken = AdviceTaken { proposals: &[proposal], rejected: &[], complete: &BTreeSet::new() };
    let id = store.take_advice("shop", taken).await.unwrap().remove(0).id;
    store.close().await;
    id
}

/// Applies it with an override, and waits for the end.
pub async fn apply(app: &App, id: RecommendationId) -> Job {
    let body = json!({"override_reason": "for the test"});
    let response = app.post_json(&format!("/api/apply/{id}"), &body).await;
    assert_eq!(response.status(), 202, "{:?}", response.text().await);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    app.ended(&location).await
}

/// Applies it, which must succeed.
pub async fn applied(app: &App, id: RecommendationId) -> Job {
    let job = apply(app, id).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error_message);
    job
}

/// Everything of a database's catalog that a change of any kind could alter, without OIDs.
pub async fn catalog(shop: &Shop, database: &str) -> String {
    shop.text(
        database,
        "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
            SELECT format('class %s.%s %s %s', c.relnamespace::regnamespace, c.relname, c.relkind, ARRAY(SELECT unnest(c.reloptions) ORDER BY 1)) AS line
            FROM pg_class c WHERE c.oid >= 16384 AND c.relnamespace::regnamespace::text !~ '^pg_(toast|temp)'
            UNION ALL SELECT format('toast of %s %s', c.oid::regclass, t.reloptions)
            FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.oid >= 16384
            UNION ALL SELECT format('column %s.%s %s %s %s', a.attrelid::regclass, a.attname, a.attstattarget,
                ARRAY(SELECT o FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg\\_%'), a.attstorage)
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attnum > 0 AND c.oid >= 16384 AND c.relkind <> 't'
            UNION ALL SELECT format('index %s %s %s %s %s %s', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered,
                i.indisreplident, obj_description(i.indexrelid), (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = i.indexrelid))
            FROM pg_index i WHERE i.indexrelid >= 16384 AND i.indrelid NOT IN (SELECT reltoastrelid FROM pg_class)
            UNION ALL SELECT format('statistics %s %s %s', pg_get_statisticsobjdef(s.oid), s.stxstattarget, obj_description(s.oid))
            FROM pg_statistic_ext s
            UNION ALL SELECT format('setting %s %s %s', s.setdatabase, s.setrole, s.setconfig) FROM pg_db_role_setting s
            UNION ALL SELECT format('schema %s', nspname) FROM pg_namespace WHERE nspname !~ '^pg_') s",
    )
    .await
}
