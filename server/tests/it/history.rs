//! What the store keeps of a month, and how large that is.

use optischema::model::{QueryFilter, QueryRange, Timestamp};
use optischema_server::store::Store;

use crate::month::{simulate, size_of};

#[tokio::test]
async fn thirty_days_of_five_thousand_statements_stay_under_500_mb() {
    const STATEMENTS: i64 = 100;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Store::open(&file).await.unwrap();
    let now: Timestamp = "2026-03-31T12:00:00.000Z".parse().unwrap();
    simulate(&store, "shop", STATEMENTS, now).await;

    // Every range holds what happened in it, and no more.
    let filter = |range| QueryFilter { range: Some(range), ..QueryFilter::default() };
    for (range, least, most) in [
        (QueryRange::Hour, 50, 70),
        (QueryRange::Day, 7 * 22, 7 * 60 + 200),
        (QueryRange::Month, 900, 1200),
        (QueryRange::All, 900, 1200),
    ] {
        let page = store.queries("shop", &filter(range), now).await.unwrap();
        assert_eq!(page.total, STATEMENTS, "{range}");
        let readings = page.items[0].figures.calls / 7;
        assert!((least..most).contains(&readings), "{range}: {readings} readings");
    }
    store.close().await;
    let whole = size_of(&file) * 5000 / u64::try_from(STATEMENTS).unwrap();
    assert!(whole < 500_000_000, "5,000 statements would take {whole} bytes");
    // Were nothing rolled up, 30 days of minutes would be 43,200 rows for each statement.
    assert!(whole > 50_000_000, "and they are all there: {whole}");
}
