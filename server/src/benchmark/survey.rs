//! The places there are, and whether they can be used now.

use optischema::benchmark_place::{InPlace, PlaceState, PlaceStates};

use crate::postgres::{
    Dsn, ReplicaKind, check_sandbox, connect_main, connect_writable, main_is_refused, replica_kind,
};

/// The databases of a benchmark.
#[derive(Debug, Clone)]
pub struct Places {
    pub main: Dsn,
    pub sandbox: Option<Dsn>,
    pub replica: Option<Dsn>,
    pub allow_same_server: bool,
    /// Which database `replica` is.
    pub in_place: InPlace,
}

/// Looks at each.
pub(super) async fn survey(places: &Places) -> PlaceStates {
    let sandbox = match &places.sandbox {
        None => PlaceState::NotConfigured,
        Some(dsn) => {
            let health =
                check_sandbox(Some(dsn), Some(&places.main), places.allow_same_server).await;
            main_is_refused(&health).map_or(PlaceState::Ready, PlaceState::Refused)
        }
    };
    let (clone, standby) = match &places.replica {
        None => (PlaceState::NotConfigured, PlaceState::NotConfigured),
        Some(replica) => match look(places, replica).await {
            Ok(ReplicaKind::Clone) => (PlaceState::Ready, PlaceState::NotConfigured),
            Ok(ReplicaKind::Standby) => (PlaceState::NotConfigured, PlaceState::Ready),
            Err(reason) => (PlaceState::Refused(reason), PlaceState::NotConfigured),
        },
    };
    PlaceStates { clone, sandbox, standby }
}

async fn look(places: &Places, replica: &Dsn) -> Result<ReplicaKind, String> {
    let mut main = connect_main(&places.main).await.map_err(|failure| failure.to_string())?;
    let mut other = connect_writable(replica, 30).await.map_err(|failure| failure.to_string())?;
    replica_kind(&mut main.connection, &mut other.connection, places.allow_same_server)
        .await
        .map_err(|error| error.to_string())
}
