//! Objects that OptiSchema itself made anew: a rebuilt index, or one that a rollback brought back, is another object of the
//! same form. Changes that made it know it by its OID, and are told.

use optischema::audit::ChangeMoved;
use optischema::model::{Recommendation, TableName};

use super::context::JobContext;
use super::trail::record;
use crate::apply::{ApplyError, object_now};
use crate::postgres::Session;
use crate::store::ClaimedJob;

/// Tells standing changes on these tables where their objects are now. What was done stands, whether they can be told or
/// not.
pub(super) async fn note_moved(
    context: &JobContext,
    session: &mut Session,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
    tables: &[TableName],
) {
    if let Err(error) = tell(context, session, claimed, recommendation, tables).await {
        tracing::warn!(%error, "failed to update changes whose objects were rebuilt");
    }
}

async fn tell(
    context: &JobContext,
    session: &mut Session,
    claimed: &ClaimedJob,
    recommendation: &Recommendation,
    tables: &[TableName],
) -> Result<(), ApplyError> {
    for change in context.store.standing_changes(&recommendation.database).await? {
        let concerned = change.tables.iter().any(|table| tables.contains(table));
        let (Some(oid), true) = (change.object.oid, concerned) else { continue };
        let Some(now) = object_now(&mut session.connection, &change).await? else { continue };
        if now.oid == Some(oid) || now.definition != change.object.definition {
            continue;
        }
        let moved = ChangeMoved { change_id: change.id, object: now.clone(), was: oid };
        let audit = record(moved, claimed, recommendation);
        context.store.record_made_again(change.id, &now, None, &audit).await?;
    }
    Ok(())
}
