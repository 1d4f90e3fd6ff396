//! What of the workload's history is kept, and for how long.

use optischema::model::Timestamp;
use optischema::workload::RESOLUTIONS;

use super::StoreError;
use super::Write;

/// Readings are kept for two days: what came of them is in the periods.
const READINGS_KEPT_SECONDS: i64 = 2 * 86_400;

/// Drops what is older than its resolution is kept.
pub(super) async fn prune(
    write: &mut Write,
    database: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let before = |seconds: i64| {
        Timestamp::from_millisecond(at.as_millisecond() - seconds * 1000).to_string()
    };
    for resolution in RESOLUTIONS {
        sqlx::query(
            "DELETE FROM workload_periods WHERE database = ?1 AND seconds = ?2 AND started_at < ?3",
        )
        .bind(database)
        .bind(resolution.seconds)
        .bind(before(resolution.kept))
        .execute(&mut **write)
        .await?;
    }
    sqlx::query("DELETE FROM collections WHERE database = ?1 AND at < ?2")
        .bind(database)
        .bind(before(READINGS_KEPT_SECONDS))
        .execute(&mut **write)
        .await?;
    Ok(())
}
