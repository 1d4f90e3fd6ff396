//! Proving that a database to be written in is not main.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use thiserror::Error;

use super::PgFailure;
use super::query;

/// Why a target may not be written in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SameDatabase {
    #[error("the sandbox is main itself: point sandbox_url at another database")]
    Same,
    #[error("the sandbox is a database on main's own server, which was not allowed")]
    SameServer,
    #[error("the replica is main itself: point replica_url at a copy of it")]
    ReplicaIsMain,
    #[error(
        "main is itself a standby, and the replica may be the server that it follows: nothing is written there"
    )]
    MainIsStandby,
    #[error("the replica is a standby of another server than main's")]
    OfAnotherServer,
    #[error(transparent)]
    Unknown(#[from] PgFailure),
}

/// What a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaKind {
    /// It follows main, and cannot be written to.
    Standby,
    /// It can be written to, and is proven not to be main.
    Clone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct DatabaseIdentity {
    /// Made by initdb; a physical standby shares it.
    system: i64,
    database_oid: i64,
    standby: bool,
}

async fn identity(connection: &mut PgConnection) -> Result<DatabaseIdentity, PgFailure> {
    let row = query(
        "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()) AS system,
                (SELECT oid::pg_catalog.int8 FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AS database,
                pg_catalog.pg_is_in_recovery() AS standby",
    )
    .fetch_one(connection)
    .await?;
    Ok(DatabaseIdentity {
        system: row.try_get("system")?,
        database_oid: row.try_get("database")?,
        standby: row.try_get("standby")?,
    })
}

/// What tells one database from every other, whatever its address is: `system identifier/OID`.
///
/// # Errors
/// It cannot be asked.
pub async fn database_id(connection: &mut PgConnection) -> Result<String, PgFailure> {
    let DatabaseIdentity { system, database_oid, .. } = identity(connection).await?;
    Ok(format!("{system}/{database_oid}"))
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
    if main.system == target.system && main.database_oid == target.database_oid {
        return Err(SameDatabase::Same);
    }
    if main.system == target.system && !allow_same_server {
        return Err(SameDatabase::SameServer);
    }
    Ok(())
}

/// What a replica is. A physical copy that was promoted shares main's system identifier and OIDs, so it is told from main
/// by a lock: what one server holds, the other does not see.
///
/// # Errors
/// It is main, or it cannot be told.
pub async fn replica_kind(
    main: &mut PgConnection,
    replica: &mut PgConnection,
    allow_same_server: bool,
) -> Result<ReplicaKind, SameDatabase> {
    let (of_main, of_replica) = (identity(main).await?, identity(replica).await?);
    if of_replica.standby {
        if of_main.system != of_replica.system {
            return Err(SameDatabase::OfAnotherServer);
        }
        // Where main is a standby too, the two may be one.
        if of_main.standby && sees_lock(main, replica).await? {
            return Err(SameDatabase::ReplicaIsMain);
        }
        return Ok(ReplicaKind::Standby);
    }
    if of_main.system != of_replica.system {
        return Ok(ReplicaKind::Clone);
    }
    if of_main.standby {
        return Err(SameDatabase::MainIsStandby);
    }
    match (sees_lock(main, replica).await?, of_main.database_oid == of_replica.database_oid) {
        (false, _) => Ok(ReplicaKind::Clone),
        (true, true) => Err(SameDatabase::ReplicaIsMain),
        (true, false) if allow_same_server => Ok(ReplicaKind::Clone),
        (true, false) => Err(SameDatabase::SameServer),
    }
}

/// Whether main sees a lock that the replica holds: `pg_locks` shows those of the whole server.
async fn sees_lock(main: &mut PgConnection, replica: &mut PgConnection) -> Result<bool, PgFailure> {
    let (_, random) = crate::clock::new_id().as_u64_pair();
    let key = i64::from_ne_bytes(random.to_ne_bytes());
    query("SELECT pg_catalog.pg_advisory_lock($1)").bind(key).execute(&mut *replica).await?;
    let seen = query(
        "SELECT /* optischema */ EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1
             AND ((l.classid::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) l.objid::pg_catalog.int8) = $1) AS seen",
    )
    .bind(key)
    .fetch_one(main)
    .await;
    query("SELECT pg_catalog.pg_advisory_unlock($1)").bind(key).execute(replica).await?;
    Ok(seen?.try_get("seen")?)
}
