//! What the replica is, and what benchmarks use it for.

use optischema::model::{Finding, TargetHealth, TargetKind};

use super::health::{not_configured, with_session};
use super::{
    Dsn, PgFailure, ReplicaKind, SameDatabase, Session, connect_main, connect_writable,
    replica_kind,
};

/// Checks the replica: what it is, and what benchmarks use it for.
pub async fn check_replica(
    dsn: Option<&Dsn>,
    main: Option<&Dsn>,
    allow_same_server: bool,
) -> TargetHealth {
    let kind = TargetKind::Replica;
    let Some(dsn) = dsn else {
        return not_configured(
            kind,
            "No replica is configured: benchmarks run on rows copied into the sandbox.",
            "set OPTISCHEMA_REPLICA_URL to a full-size copy of main",
        );
    };
    with_session(kind, dsn, connect_writable(dsn, 30).await, async |session| {
        let Some(main) = main else { return Ok(Vec::new()) };
        Ok(vec![replica_finding(main, session, allow_same_server).await?])
    })
    .await
}

async fn replica_finding(
    main: &Dsn,
    session: &mut Session,
    allow_same_server: bool,
) -> Result<Finding, PgFailure> {
    let mut main = connect_main(main).await?;
    let kind = replica_kind(&mut main.connection, &mut session.connection, allow_same_server).await;
    Ok(match kind {
        Ok(ReplicaKind::Clone) => Finding::ok(
            "replica_clone",
            "It can be written to and is proven not to be main: benchmarks run there on all rows, in transactions that are rolled back.",
        ),
        Ok(ReplicaKind::Standby) => Finding::ok(
            "replica_standby",
            "It is a standby: rewrites can be measured there on all rows; indexes are measured in the sandbox.",
        ),
        Err(SameDatabase::Unknown(failure)) => return Err(failure),
        Err(same) => Finding::error(
            "replica_is_main",
            format!("Refused: {same}."),
            "set OPTISCHEMA_REPLICA_URL to a copy of main",
        ),
    })
}
