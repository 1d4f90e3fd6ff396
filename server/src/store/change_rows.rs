//! Rows of changes, inside a transaction or out of it.

use optischema::model::RecommendationId;
use sqlx::SqliteConnection;

use super::StoreError;
use super::row::integer;

/// Whether nothing that stands for a recommendation can be rolled back.
pub(super) async fn stands_for_good(
    connection: &mut SqliteConnection,
    id: RecommendationId,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT count(*) AS undoable FROM changes
         WHERE recommendation_id = ?1 AND status = 'applied' AND no_rollback IS NULL",
    )
    .bind(id.to_string())
    .fetch_one(connection)
    .await?;
    Ok(integer(&row, "undoable")? == 0)
}
