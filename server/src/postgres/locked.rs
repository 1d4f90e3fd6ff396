//! Which relations somebody else has for himself: whatever is asked of one waits for him.

use optischema::model::TableName;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::{PgFailure, query};

const LOCKED: &str = "
    SELECT /* optischema */ DISTINCT c.oid::pg_catalog.int8 AS oid, c.relkind::pg_catalog.text AS kind,
           n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid()
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())";

/// Relations under an `ACCESS EXCLUSIVE` lock that another session has, or waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Locked {
    /// Tables, views, indexes and all else.
    pub oids: Vec<i64>,
    /// Tables and views by name.
    pub tables: Vec<TableName>,
}

/// Reads them.
pub(super) async fn read_locked(connection: &mut PgConnection) -> Result<Locked, PgFailure> {
    let mut locked = Locked::default();
    for row in query(LOCKED).fetch_all(connection).await? {
        locked.oids.push(row.try_get("oid")?);
        let kind: String = row.try_get("kind")?;
        if matches!(kind.as_str(), "r" | "p" | "m" | "v" | "f") {
            let schema: String = row.try_get("schema")?;
            locked.tables.push(TableName::new(schema, row.try_get::<String, _>("name")?));
        }
    }
    Ok(locked)
}
