//! The sandbox as a job uses it: proven not to be main, on a connection that carries the job's name.

use optischema::model::Job;

use super::context::JobContext;
use crate::apply::{ApplyError, ApplyReason};
use crate::postgres::{Dsn, Session};
use crate::sandbox::{hold, proven};

/// Seconds that building an index may take.
const BUILD_TIMEOUT_S: u32 = 24 * 3600;

/// What the server shows as the name of a job's connections, so that they can be found and stopped.
pub(super) fn tag_of(job: &Job) -> String {
    format!("optischema job {}", job.id)
}

/// The sandbox's address.
pub(super) fn address(context: &JobContext) -> Result<&Dsn, ApplyError> {
    let settings = &context.settings;
    match (&settings.sandbox_url, &settings.main_url) {
        (Some(sandbox), Some(_)) => Ok(sandbox),
        _ => Err(ApplyError::error(ApplyReason::NotConfigured)),
    }
}

/// Connects to the sandbox, proves on that very connection that it is not main, and takes the lock of those who change
/// something there.
///
/// # Errors
/// It is main, cannot be reached, or somebody else changes something there.
pub(super) async fn open(context: &JobContext, job: &Job) -> Result<Session, ApplyError> {
    address(context)?;
    let mut session = proven(&context.settings, &tag_of(job), BUILD_TIMEOUT_S).await?;
    hold(&mut session).await?;
    Ok(session)
}
