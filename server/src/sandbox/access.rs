//! The sandbox as those use it who change something there: proven not to be main, one at a time, and left without
//! connections or schemas of a job that is over.

use std::time::Duration;

use sqlx::Row;

use super::{SandboxError, ScratchSchema, drop_scratch};
use crate::config::Settings;
use crate::postgres::query;
use crate::postgres::{
    Dsn, PgFailure, Session, check_sandbox, connect_main, connect_writable, main_is_refused,
    prove_not_main,
};

/// So often it is looked whether somebody else is done there: tidying takes a moment.
const LOOKS: u32 = 50;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// Held in the sandbox by whoever changes something there.
const APPLYING: i64 = 0x6f70_7469_6170_706c;
/// Seconds that dropping a scratch schema may take.
const DROPPING_S: u32 = 300;

/// Connects to the sandbox under a name, and proves on that very connection that it is not main. Nothing is ever changed
/// there on another.
///
/// # Errors
/// It is main, is not configured, or cannot be reached.
pub(crate) async fn proven(
    settings: &Settings,
    name: &str,
    statement_timeout_s: u32,
) -> Result<Session, SandboxError> {
    let main = settings.main_url.as_ref();
    let health =
        check_sandbox(settings.sandbox_url.as_ref(), main, settings.allow_same_server).await;
    if let Some(reason) = main_is_refused(&health) {
        return Err(SandboxError::MainRefused(reason));
    }
    let (Some(sandbox), Some(main)) = (&settings.sandbox_url, main) else {
        return Err(SandboxError::NotConfigured);
    };
    let mut session = connect_writable(sandbox, statement_timeout_s).await?;
    session.name(name).await?;
    let connection = &mut session.connection;
    let mut main = connect_main(main).await?;
    prove_not_main(&mut main.connection, connection, settings.allow_same_server).await?;
    query("SELECT pg_catalog.set_config('lock_timeout', $1, false)")
        .bind(format!("{}s", settings.lock_timeout_s))
        .execute(&mut *connection)
        .await
        .map_err(PgFailure::from)?;
    Ok(session)
}

/// Takes the lock of those who change something in the sandbox, for the life of the session.
///
/// # Errors
/// Somebody else has it.
pub(crate) async fn hold(session: &mut Session) -> Result<(), SandboxError> {
    for _ in 0..LOOKS {
        if is_held(session).await? {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(SandboxError::Busy)
}

/// Takes the same lock where it is free; whether it was.
///
/// # Errors
/// The sandbox cannot be asked.
pub(crate) async fn is_held(session: &mut Session) -> Result<bool, SandboxError> {
    let row = query("SELECT pg_catalog.pg_try_advisory_lock($1) AS held")
        .bind(APPLYING)
        .fetch_one(&mut session.connection)
        .await
        .map_err(PgFailure::from)?;
    Ok(row.try_get("held").map_err(PgFailure::from)?)
}

/// Drops a scratch schema.
pub(crate) async fn drop_schema_in(dsn: &Dsn, schema: &ScratchSchema) -> Result<(), SandboxError> {
    let mut session = connect_writable(dsn, DROPPING_S).await?;
    drop_scratch(&mut session.connection, schema).await
}

/// Cancels what connections of that name are doing, on every target, and waits for them to go.
pub(crate) async fn stop_named(settings: &Settings, name: &str) {
    for dsn in [&settings.sandbox_url, &settings.replica_url].into_iter().flatten() {
        stop_on(connect_writable(dsn, 30).await, name).await;
    }
    if let Some(dsn) = &settings.main_url {
        stop_on(connect_main(dsn).await, name).await;
    }
}

async fn stop_on(session: Result<Session, PgFailure>, tag: &str) {
    let stopped = async {
        let mut session = session?;
        for attempt in 0..50 {
            // First a cancel, which lets a statement end in order; then the end of the connection.
            let text = if attempt < 5 {
                "SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity WHERE application_name = $1
                     AND usename = current_user"
            } else {
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE application_name = $1
                     AND usename = current_user"
            };
            let found = query(text).bind(tag).fetch_all(&mut session.connection).await?;
            if found.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok::<(), PgFailure>(())
    };
    if let Err(failure) = stopped.await {
        tracing::warn!(%failure, "the job's connections could not be stopped");
    }
}
