//! Reading `pg_stat_statements` and making each statement plannable. A statement that cannot be planned
//! is kept, with its reason.

use std::collections::BTreeMap;

use optischema::model::{Catalog, PlannableStatement, QueryHash, TrackedStatement};
use sqlx::{AssertSqlSafe, Row};
use thiserror::Error;

use super::bindings::{BindingSource, bind};
use crate::postgres::{MainSession, PgFailure, read_catalog};
use crate::sql;

/// What was collected.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    pub catalog: Catalog,
    /// The dearest first.
    pub statements: Vec<TrackedStatement>,
}

/// Why nothing was collected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CollectError {
    #[error(transparent)]
    Target(#[from] PgFailure),
}

/// One statement as a source has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RawStatement {
    pub sql: String,
    pub calls: i64,
    pub total_time_ms: f64,
    pub rows: i64,
}

/// Reads the statements that main runs and the catalog that they run on.
///
/// # Errors
/// Main is out of reach, or its statements cannot be read.
pub async fn collect(session: &mut MainSession) -> Result<Collection, CollectError> {
    let catalog = read_catalog(session.connection()).await?;
    let raw = read_statements(session).await?;
    understand(session, catalog, raw).await
}

/// The statements of a text, one call each; for a workload file.
///
/// # Errors
/// The text cannot be parsed.
pub async fn statements_from_text(
    session: &mut MainSession,
    text: &str,
) -> Result<Result<Collection, sql::SqlError>, CollectError> {
    let parts = match pg_query::split_with_parser(text) {
        Ok(parts) => parts,
        Err(error) => return Ok(Err(error.into())),
    };
    let raw = parts
        .iter()
        .map(|part| RawStatement {
            sql: part.trim().to_owned(),
            calls: 1,
            total_time_ms: 0.0,
            rows: 0,
        })
        .filter(|raw| !raw.sql.is_empty())
        .collect();
    let catalog = read_catalog(session.connection()).await?;
    Ok(Ok(understand(session, catalog, raw).await?))
}

async fn read_statements(session: &mut MainSession) -> Result<Vec<RawStatement>, PgFailure> {
    // The view may stand in any schema; top-level statements were told apart from PostgreSQL 14 on.
    let schema = sqlx::query(
        "SELECT quote_ident(n.nspname) AS schema FROM pg_extension e
         JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'",
    )
    .fetch_optional(session.connection())
    .await?
    .ok_or_else(|| {
        PgFailure::Unexpected(
            "pg_stat_statements is not installed in main: CREATE EXTENSION pg_stat_statements"
                .into(),
        )
    })?;
    let schema: String = schema.try_get("schema")?;
    let top_level = if session.version_number() >= 140_000 { "AND s.toplevel" } else { "" };
    let text = format!(
        "SELECT s.query AS sql, sum(s.calls)::int8 AS calls, sum(s.total_exec_time)::float8 AS total,
                sum(s.rows)::int8 AS rows
         FROM {schema}.pg_stat_statements s
         WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND s.userid <> (SELECT oid FROM pg_roles WHERE rolname = current_user) {top_level}
         GROUP BY s.query ORDER BY 3 DESC"
    );
    let rows =
        sqlx::query(AssertSqlSafe(text)).persistent(false).fetch_all(session.connection()).await?;
    rows.iter()
        .map(|row| {
            Ok(RawStatement {
                sql: row.try_get::<Option<String>, _>("sql")?.unwrap_or_default(),
                calls: row.try_get("calls")?,
                total_time_ms: row.try_get("total")?,
                rows: row.try_get("rows")?,
            })
        })
        .collect()
}

async fn understand(
    session: &mut MainSession,
    catalog: Catalog,
    raw: Vec<RawStatement>,
) -> Result<Collection, CollectError> {
    let mut by_hash: BTreeMap<QueryHash, TrackedStatement> = BTreeMap::new();
    for raw in raw {
        let hash = sql::fingerprint(&raw.sql).unwrap_or_else(|_| unparsed_hash(&raw.sql));
        if let Some(known) = by_hash.get_mut(&hash) {
            known.calls += raw.calls;
            known.total_time_ms += raw.total_time_ms;
            known.rows += raw.rows;
            continue;
        }
        let plannable = match make_plannable(session, &catalog, &raw).await {
            Err(Unplannable::Target(failure)) => return Err(failure.into()),
            Err(Unplannable::Reason(reason)) => Err(reason),
            Ok(plannable) => Ok(plannable),
        };
        by_hash.insert(
            hash.clone(),
            TrackedStatement {
                query_hash: hash,
                sql: shown_text(raw.sql, plannable.is_ok()),
                calls: raw.calls,
                total_time_ms: raw.total_time_ms,
                rows: raw.rows,
                plannable,
            },
        );
    }
    let mut statements: Vec<TrackedStatement> = by_hash.into_values().collect();
    statements.sort_by(|a, b| b.total_time_ms.total_cmp(&a.total_time_ms));
    Ok(Collection { catalog, statements })
}

/// The text that is kept and shown. PostgreSQL does not normalise utility statements, and one of them may
/// hold a password: their constants are replaced, and what no parser reads is cut to its first word.
fn shown_text(text: String, plannable: bool) -> String {
    if plannable {
        return text;
    }
    match pg_query::normalize(&text) {
        Ok(normalised) => normalised,
        Err(_) => format!("{} …", text.split_whitespace().next().unwrap_or_default()),
    }
}

/// A text that no parser reads still needs a name of its own.
fn unparsed_hash(text: &str) -> QueryHash {
    use sha2::{Digest, Sha256};
    QueryHash(crate::hex::hex(&Sha256::digest(text.as_bytes())[..8]))
}

enum Unplannable {
    /// Main itself is gone.
    Target(PgFailure),
    Reason(String),
}

impl<E: ToString> From<E> for Unplannable {
    fn from(error: E) -> Self {
        Self::Reason(error.to_string())
    }
}

async fn make_plannable(
    session: &mut MainSession,
    catalog: &Catalog,
    raw: &RawStatement,
) -> Result<PlannableStatement, Unplannable> {
    if raw.sql == "<insufficient privilege>" {
        return Err("the role may not see its text: GRANT pg_read_all_stats".into());
    }
    let statement = sql::parse_one(&raw.sql)?;
    sql::check_select(&statement)?;
    let shape = sql::analyze(&statement, catalog)?;
    if shape.tables.is_empty() {
        return Err("it reads no user table".into());
    }
    let types = target_or_reason(session.parameter_types(&statement).await)?;
    let source =
        BindingSource { catalog, shape: &shape, types: &types, raw_rows: rows_per_call(raw) };
    let bindings = bind(&statement, &source)?;
    let first = bindings.first().ok_or("no values could be bound to its parameters")?;
    let bound = sql::parse_one(&first.sql)?;
    target_or_reason(session.plan(&bound).await)?;
    Ok(PlannableStatement { shape, bindings })
}

fn target_or_reason<T>(result: Result<T, crate::postgres::PlanFailure>) -> Result<T, Unplannable> {
    use crate::postgres::PlanFailure;
    match result {
        Ok(value) => Ok(value),
        Err(PlanFailure::Target(failure)) if failure.is_connection() => {
            Err(Unplannable::Target(failure))
        }
        Err(other) => Err(Unplannable::Reason(other.to_string())),
    }
}

fn rows_per_call(raw: &RawStatement) -> Option<i64> {
    (raw.calls > 0 && raw.rows > 0).then(|| (raw.rows / raw.calls).max(1))
}
