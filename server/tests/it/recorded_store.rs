//! A store as the build before version 1 of the audit details wrote it: `recorded/store-version-11.sql` is the dump of one
//! whose demo applied and rolled back changes of several kinds, and whose process was killed in the middle of an apply.

use std::path::Path;

use optischema::audit::AuditAction;
use optischema::model::{CatalogObject, ChangeStatus, StepLock};
use optischema_server::store::Store;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

const RECORDED: &str = include_str!("recorded/store-version-11.sql");
/// The job that was killed after it wrote its intent.
const KILLED: &str = "01a22df5-0276-73b5-ad71-01cad233acc8";

#[expect(clippy::disallowed_methods, reason = "the dump is a constant of this folder, in SQLite")]
async fn recorded(folder: &Path) -> Store {
    let file = folder.join("optischema.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut raw = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(RECORDED)).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    Store::open(&file).await.unwrap()
}

#[tokio::test]
async fn rows_of_an_earlier_build_are_read_by_the_types_that_write_them_now() {
    let folder = tempfile::tempdir().unwrap();
    let store = recorded(folder.path()).await;
    assert!(store.verify_audit().await.unwrap().is_sound());
    let trail = store.whole_trail().await.unwrap();
    let mut actions = Vec::new();
    for row in &trail {
        let event = row.event().unwrap_or_else(|error| panic!("row {}: {error}", row.sequence));
        // Nothing is lost on the way: written again, it has the same fields.
        let mut again = event.detail().unwrap();
        again.as_object_mut().unwrap().remove("version");
        let mut before = row.detail.clone();
        before.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        for (field, value) in before.as_object().unwrap() {
            let is_words = field == "plan";
            assert!(is_words || again[field] == *value, "row {}: {field}", row.sequence);
        }
        actions.push(event.action());
    }
    for action in [
        AuditAction::ApplyIntent,
        AuditAction::ApplyOutcome,
        AuditAction::ApplyRefused,
        AuditAction::RollbackIntent,
        AuditAction::RollbackOutcome,
        AuditAction::WatchOutcome,
        AuditAction::RecommendationDismissed,
        AuditAction::RecommendationRestored,
        AuditAction::JobCancelled,
        AuditAction::SandboxFunctions,
        AuditAction::SandboxCleaned,
    ] {
        assert!(actions.contains(&action), "{action} was not recorded");
    }
    store.close().await;
}

#[tokio::test]
async fn an_open_intent_and_applied_changes_of_an_earlier_build_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = recorded(folder.path()).await;
    let job = store.job(KILLED.parse().unwrap()).await.unwrap();
    let intent = store.unmade_intent(job.recommendation_id.unwrap()).await.unwrap().unwrap();
    let objects = intent.plan.objects();
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].index().unwrap().to_string(), "public.events_payload_gin_idx");
    assert_eq!(intent.plan.steps[0].lock, StepLock::ShareUpdateExclusive);
    assert!(intent.plan.before.0.keys().all(|object| object.index().is_some()));

    let changes = store.standing_changes("shop").await.unwrap();
    assert!(changes.iter().all(|change| change.status == ChangeStatus::Applied));
    let effects = changes.iter().filter_map(|change| change.detail.as_ref());
    let objects: Vec<&CatalogObject> =
        effects.flat_map(|detail| &detail.effect).map(|change| &change.object).collect();
    let is = |object: &CatalogObject| objects.contains(&object);
    assert!(
        is(&"statistics public.customers_city_postal_code_stat".parse().unwrap()),
        "{objects:?}"
    );
    assert!(is(&"table public.sessions".parse().unwrap()), "{objects:?}");
    store.close().await;
}
