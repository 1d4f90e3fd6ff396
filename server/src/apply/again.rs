//! A standing change made once more, in a sandbox whose tables were made anew.

use optischema::model::{Change, ChangedObject, TableName};
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::execute::{detail_of, made_object, run_steps, scope_of};
use super::state::read_state;

/// Makes it again, where it does not stand already, and returns its object as it is now.
///
/// # Errors
/// It cannot be made there any more; the sentence says why.
pub async fn make_again(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<ChangedObject, ApplyError> {
    let detail = detail_of(change);
    let scope = scope_of(change, &detail);
    let stands = |state: &optischema::model::CatalogState| {
        detail.effect.iter().all(|line| state.0.get(&line.key) == line.after.as_ref())
    };
    if !stands(&read_state(connection, &scope).await?) {
        run_steps(connection, &detail.steps, &mut |_, _, _| {}).await?;
        if !stands(&read_state(connection, &scope).await?) {
            return Err(ApplyError::Drifted(
                "it was made again, and the catalog is not what it was with it before".into(),
            ));
        }
    }
    Ok(object_now(connection, change).await?.unwrap_or_else(|| change.object.clone()))
}

/// The object that a change made, as the catalog has it now.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn object_now(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<Option<ChangedObject>, ApplyError> {
    let name = TableName::new(&change.object.schema, &change.object.name);
    made_object(connection, change.kind, &name).await
}
