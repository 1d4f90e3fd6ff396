//! Index scans on a standby. Statistics are each server's own: an index that only reports on the standby use has no scan
//! on main.

use std::collections::HashMap;

use optischema::model::Catalog;
use sqlx::Row;

use super::{Dsn, PgFailure, connect_main, query};

const SCANS: &str = "
    SELECT /* optischema */ s.schemaname::pg_catalog.text AS schema, s.indexrelname::pg_catalog.text AS name, s.idx_scan AS scans
    FROM pg_catalog.pg_stat_all_indexes s WHERE s.idx_scan > 0 AND pg_catalog.pg_is_in_recovery()";

/// Adds the scans of a standby to those of main. A replica that can be written is measured on by OptiSchema itself, so that
/// its scans say nothing.
///
/// # Errors
/// The replica cannot be asked: then nobody knows which index is unused.
pub async fn add_scans_of_replica(
    replica: Option<&Dsn>,
    catalog: &mut Catalog,
) -> Result<(), PgFailure> {
    let Some(replica) = replica else { return Ok(()) };
    let mut session = connect_main(replica).await?;
    let mut scans: HashMap<(String, String), i64> = HashMap::new();
    for row in query(SCANS).fetch_all(&mut session.connection).await? {
        let name = (row.try_get("schema")?, row.try_get("name")?);
        scans.insert(name, row.try_get("scans")?);
    }
    for table in catalog.tables.values_mut() {
        for index in &mut table.indexes {
            let key = (table.name.schema.clone(), index.name.clone());
            index.scans += scans.get(&key).copied().unwrap_or_default();
        }
    }
    Ok(())
}
