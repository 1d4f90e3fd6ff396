//! The sandbox as a job uses it: proven not to be main, on a connection that carries the job's name.

use std::time::Duration;

use optischema::model::Job;
use sqlx::Row;

use super::worker::Worker;
use crate::apply::{ApplyError, ApplyReason};
use crate::config::Settings;
use crate::postgres::query;
use crate::postgres::{
    Dsn, Session, check_sandbox, connect_main, connect_writable, main_is_refused, prove_not_main,
};

/// Seconds that building an index may take.
const BUILD_TIMEOUT_S: u32 = 24 * 3600;
/// So often it is looked whether somebody else is done there: tidying takes a moment.
const LOOKS: u32 = 50;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// Held in the sandbox by whoever changes something there.
const APPLYING: i64 = 0x6f70_7469_6170_706c;

/// What the server shows as the name of a job's connections, so that they can be found and stopped.
pub(super) fn tag_of(job: &Job) -> String {
    format!("optischema job {}", job.id)
}

/// The sandbox's address.
pub(super) fn address(worker: &Worker) -> Result<&Dsn, ApplyError> {
    let settings = &worker.settings;
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
pub(super) async fn open(worker: &Worker, job: &Job) -> Result<Session, ApplyError> {
    address(worker)?;
    let mut session = proven(&worker.settings, &tag_of(job), BUILD_TIMEOUT_S).await?;
    hold(&mut session).await?;
    Ok(session)
}

/// Connects to the sandbox under a name, and proves on that very connection that it is not main. Nothing is ever changed
/// there on another.
///
/// # Errors
/// It is main, is not configured, or cannot be reached.
pub(crate) async fn proven(
    settings: &Settings,
    name: &str,
    statement_timeout_s: u32,
) -> Result<Session, ApplyError> {
    let main = settings.main_url.as_ref();
    let health =
        check_sandbox(settings.sandbox_url.as_ref(), main, settings.allow_same_server).await;
    if let Some(reason) = main_is_refused(&health) {
        return Err(ApplyError::error(ApplyReason::MainRefused { reason }));
    }
    let (Some(sandbox), Some(main)) = (&settings.sandbox_url, main) else {
        return Err(ApplyError::error(ApplyReason::NotConfigured));
    };
    let mut session = connect_writable(sandbox, statement_timeout_s).await?;
    session.name(name).await?;
    let connection = &mut session.connection;
    let mut main = connect_main(main).await?;
    prove_not_main(&mut main.connection, connection, settings.allow_same_server)
        .await
        .map_err(|error| ApplyError::error(ApplyReason::NotProven { reason: error.to_string() }))?;
    query("SELECT pg_catalog.set_config('lock_timeout', $1, false)")
        .bind(format!("{}s", settings.lock_timeout_s))
        .execute(&mut *connection)
        .await?;
    Ok(session)
}

/// Takes the lock of those who change something in the sandbox, for the life of the session.
///
/// # Errors
/// Somebody else has it.
pub(crate) async fn hold(session: &mut Session) -> Result<(), ApplyError> {
    for _ in 0..LOOKS {
        if is_held(session).await? {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(ApplyError::error(ApplyReason::SandboxBusy))
}

/// Takes the same lock where it is free; whether it was.
///
/// # Errors
/// The sandbox cannot be asked.
pub(crate) async fn is_held(session: &mut Session) -> Result<bool, ApplyError> {
    let row = query("SELECT pg_catalog.pg_try_advisory_lock($1) AS held")
        .bind(APPLYING)
        .fetch_one(&mut session.connection)
        .await?;
    Ok(row.try_get("held")?)
}
