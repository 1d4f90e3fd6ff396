//! What PostgreSQL says of a running change from a second connection: how far a build is, and who holds it up.

use optischema::model::{Blocker, LockWait};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use crate::postgres::PgFailure;
use crate::postgres::query;

/// How far a session's statement is, in words and as a share (0 to 1) where PostgreSQL tells.
#[derive(Debug, Clone, PartialEq)]
pub struct StepProgress {
    pub words: String,
    pub share: Option<f64>,
}

/// Looks at the session with this backend process: its progress, and its wait where it waits.
pub async fn look(
    connection: &mut PgConnection,
    pid: i32,
) -> Result<(Option<StepProgress>, Option<LockWait>), PgFailure> {
    let waits = lock_waits(connection, Some(pid)).await?.into_iter().next();
    let row = query(
        "SELECT p.phase, p.blocks_done, p.blocks_total, p.tuples_done, p.tuples_total
         FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid = $1",
    )
    .bind(pid)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok((None, waits)) };
    let phase: Option<String> = row.try_get("phase")?;
    let share = |done: &str, total: &str| -> Result<Option<f64>, PgFailure> {
        let done: Option<i64> = row.try_get(done)?;
        let total: Option<i64> = row.try_get(total)?;
        // Blocks and rows of a table are exact in a double.
        Ok(done.zip(total).filter(|(_, total)| *total > 0).map(|(d, t)| d as f64 / t as f64))
    };
    let share = match share("tuples_done", "tuples_total")? {
        Some(share) if share > 0.0 => Some(share),
        _ => share("blocks_done", "blocks_total")?,
    };
    let words = match (&phase, share) {
        (Some(phase), Some(share)) => format!("{phase}, {:.0} %", 100.0 * share.min(1.0)),
        (Some(phase), None) => phase.clone(),
        (None, _) => "building".to_owned(),
    };
    Ok((Some(StepProgress { words, share }), waits))
}

/// Sessions of this database that wait for a lock, and whom they wait for; of one session, where it is named.
pub async fn lock_waits(
    connection: &mut PgConnection,
    pid: Option<i32>,
) -> Result<Vec<LockWait>, PgFailure> {
    // Building concurrently waits for transactions to end: pg_blocking_pids knows that too, since it is a lock on each.
    let rows = query(
        "SELECT a.pid, coalesce(a.application_name, '') AS application, pg_catalog.left(coalesce(a.query, ''), 200) AS statement,
                coalesce(extract(epoch FROM pg_catalog.now() OPERATOR(pg_catalog.-) a.query_start), 0)::pg_catalog.int8 AS seconds, pg_catalog.pg_blocking_pids(a.pid) AS blockers
         FROM pg_catalog.pg_stat_activity a
         WHERE a.datname = pg_catalog.current_database() AND a.wait_event_type = 'Lock' AND ($1::pg_catalog.int4 IS NULL OR a.pid = $1)
         ORDER BY a.query_start",
    )
    .bind(pid)
    .fetch_all(&mut *connection)
    .await?;
    let mut waits = Vec::with_capacity(rows.len());
    for row in &rows {
        let pids: Vec<i32> = row.try_get("blockers")?;
        waits.push(LockWait {
            pid: row.try_get("pid")?,
            application: row.try_get("application")?,
            statement: row.try_get("statement")?,
            waits_seconds: row.try_get("seconds")?,
            blocked_by: blockers(connection, &pids).await?,
        });
    }
    Ok(waits)
}

/// What is known of these sessions.
async fn blockers(connection: &mut PgConnection, pids: &[i32]) -> Result<Vec<Blocker>, PgFailure> {
    let rows = query(
        "SELECT pid, coalesce(usename::pg_catalog.text, '') AS role, coalesce(application_name, '') AS application,
                coalesce(state, 'state not known') AS state,
                extract(epoch FROM pg_catalog.now() OPERATOR(pg_catalog.-) xact_start)::pg_catalog.int8 AS seconds, pg_catalog.left(coalesce(query, ''), 200) AS statement
         FROM pg_catalog.pg_stat_activity WHERE pid = ANY ($1) ORDER BY xact_start",
    )
    .bind(pids)
    .fetch_all(connection)
    .await?;
    rows.iter().map(blocker).collect()
}

fn blocker(row: &PgRow) -> Result<Blocker, PgFailure> {
    Ok(Blocker {
        pid: row.try_get("pid")?,
        role: row.try_get("role")?,
        application: row.try_get("application")?,
        state: row.try_get("state")?,
        transaction_seconds: row.try_get("seconds")?,
        statement: row.try_get("statement")?,
    })
}

/// Transactions of this database that are older than some seconds: what is built concurrently waits for them.
pub async fn old_transactions(
    connection: &mut PgConnection,
    seconds: i64,
) -> Result<Vec<Blocker>, PgFailure> {
    let rows = query(
        "SELECT pid, coalesce(usename::pg_catalog.text, '') AS role, coalesce(application_name, '') AS application,
                coalesce(state, 'state not known') AS state,
                extract(epoch FROM pg_catalog.now() OPERATOR(pg_catalog.-) xact_start)::pg_catalog.int8 AS seconds, pg_catalog.left(coalesce(query, ''), 200) AS statement
         FROM pg_catalog.pg_stat_activity
         WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND backend_type = 'client backend'
           AND xact_start < pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => $1::pg_catalog.int8)
         ORDER BY xact_start",
    )
    .bind(seconds)
    .fetch_all(connection)
    .await?;
    rows.iter().map(blocker).collect()
}
