//! `EXPLAIN (FORMAT JSON)`, always through the prepared protocol, which takes exactly one statement.

use optischema::plan::{Plan, parse_plan};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::PgFailure;
use super::query;
use crate::sql::OWN_MARK;

/// How a statement is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainMode {
    /// Planned only.
    Plan,
    /// Planned only, with schemas named.
    Verbose,
    /// Executed and timed as a whole, with buffers: what a benchmark's runs use.
    Timed,
    /// The same with what it wrote to the log.
    Written,
    /// Executed, with the time of every node.
    Analyzed,
}

impl ExplainMode {
    const fn options(self) -> &'static str {
        match self {
            Self::Plan => "FORMAT JSON",
            Self::Verbose => "VERBOSE, FORMAT JSON",
            Self::Timed => "ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON",
            Self::Written => "ANALYZE, TIMING OFF, BUFFERS, WAL, FORMAT JSON",
            Self::Analyzed => "ANALYZE, BUFFERS, FORMAT JSON",
        }
    }
}

/// Explains one statement that the guard has passed.
pub async fn explain(
    connection: &mut PgConnection,
    mode: ExplainMode,
    sql: &str,
) -> Result<(Plan, Value), PgFailure> {
    // Where it cannot be prepared it is counted as it stands, and must not come up as the application's.
    let text = format!("EXPLAIN {OWN_MARK} ({}) {sql}", mode.options());
    let row = query(AssertSqlSafe(text)).fetch_one(connection).await?;
    let json: Value = row.try_get(0)?;
    let plan = parse_plan(&json).map_err(|error| PgFailure::Unexpected(error.to_string()))?;
    Ok((plan, json))
}
