//! Proving that a database to be written in is not main.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use thiserror::Error;

use super::PgFailure;

/// Why a target may not be written in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SameDatabase {
    #[error("the sandbox is main itself: point sandbox_url at another database")]
    Same,
    #[error("the sandbox is a database on main's own server, which was not allowed")]
    SameServer,
    #[error(transparent)]
    Unknown(#[from] PgFailure),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    /// Made by initdb; a physical standby shares it.
    system: i64,
    database_oid: i64,
}

async fn identity(connection: &mut PgConnection) -> Result<Identity, PgFailure> {
    let row = sqlx::query(
        "SELECT (SELECT system_identifier FROM pg_control_system()) AS system,
                (SELECT oid::int8 FROM pg_database WHERE datname = current_database()) AS database",
    )
    .fetch_one(connection)
    .await?;
    Ok(Identity { system: row.try_get("system")?, database_oid: row.try_get("database")? })
}

/// Compares the two by system identifier and database OID.
///
/// # Errors
/// They are one, or on one server without leave, or it cannot be told.
pub async fn prove_not_main(
    main: &mut PgConnection,
    target: &mut PgConnection,
    allow_same_server: bool,
) -> Result<(), SameDatabase> {
    let (main, target) = (identity(main).await?, identity(target).await?);
    if main == target {
        return Err(SameDatabase::Same);
    }
    if main.system == target.system && !allow_same_server {
        return Err(SameDatabase::SameServer);
    }
    Ok(())
}
