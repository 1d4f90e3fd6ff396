//! What sessions run now or ran last, with the constants that `pg_stat_statements` hides.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::PgFailure;
use super::query;

/// Texts that one look keeps.
const MOST_TEXTS: i64 = 500;

/// A text, by whom, and in how many sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveText {
    /// The OID of the role.
    pub role: i64,
    pub sql: String,
    pub sessions: i64,
}

/// The texts of other sessions of the connected database. The role sees its own and, with `pg_read_all_stats`, all.
///
/// # Errors
/// The connection is lost.
pub async fn active_texts(connection: &mut PgConnection) -> Result<Vec<ActiveText>, PgFailure> {
    let rows = query(
        "SELECT /* optischema */ a.usesysid::pg_catalog.int8 AS role, a.query AS sql, pg_catalog.count(*) AS sessions
         FROM pg_catalog.pg_stat_activity a
         WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
           AND a.usesysid IS NOT NULL AND a.query <> '' AND a.query <> '<insufficient privilege>'
         GROUP BY 1, 2 ORDER BY 3 DESC LIMIT $1",
    )
    .bind(MOST_TEXTS)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(ActiveText {
                role: row.try_get("role")?,
                sql: row.try_get("sql")?,
                sessions: row.try_get("sessions")?,
            })
        })
        .collect()
}
