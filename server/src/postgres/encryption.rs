//! Whether what goes over a network can be read on the way.

use optischema::model::Finding;
use sqlx::Row;

use super::query;
use super::{Dsn, Session};

/// Whether what goes over a network is encrypted. A server that does not say so is left alone.
pub(super) async fn encryption_finding(dsn: &Dsn, session: &mut Session) -> Option<Finding> {
    let row = query(
        "SELECT /* optischema */ s.ssl AS is_encrypted, s.version AS protocol FROM pg_catalog.pg_stat_ssl s
         WHERE s.pid = pg_catalog.pg_backend_pid()",
    )
    .fetch_optional(&mut session.connection)
    .await
    .ok()??;
    let (encrypted, protocol): (bool, Option<String>) =
        (row.try_get("is_encrypted").ok()?, row.try_get("protocol").ok()?);
    if encrypted {
        let protocol = protocol.unwrap_or_else(|| "TLS".to_owned());
        return Some(Finding::ok(
            "encrypted",
            format!("The connection is encrypted ({protocol})."),
        ));
    }
    (!dsn.is_local()).then(|| {
        Finding::warning(
            "not_encrypted",
            "The connection is not encrypted: statements and rows can be read on the way.",
            "add ?sslmode=verify-full&sslrootcert=/path/to/root.crt to the connection URL (sslcert and sslkey for a certificate of your own)",
        )
    })
}
