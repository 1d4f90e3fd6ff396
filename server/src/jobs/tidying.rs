//! What jobs that are over have left in the sandbox is dropped: scratch schemas, and invalid indexes.

use crate::apply::{ApplyError, drop_leftovers};
use crate::config::Settings;
use crate::sandbox::{Due, sweep};
use crate::store::Store;

use crate::sandbox::{is_held, proven};

/// Drops scratch schemas that are due, and invalid leftovers where nobody changes something now. Returns their names.
///
/// # Errors
/// The sandbox is main or cannot be used, or the store cannot.
pub(crate) async fn tidy(
    settings: &Settings,
    store: &Store,
    due: Due<'_>,
) -> Result<Vec<String>, ApplyError> {
    let mut session =
        proven(settings, "optischema tidies the sandbox", settings.statement_timeout_s).await?;
    let mut dropped = sweep(&mut session.connection, due).await?;
    // Of a change that is being made everything is half made.
    if is_held(&mut session).await? {
        let database = settings.main_url.as_ref().map_or("", |dsn| dsn.database());
        dropped.extend(drop_leftovers(&mut session, store, database).await?);
    }
    Ok(dropped)
}
