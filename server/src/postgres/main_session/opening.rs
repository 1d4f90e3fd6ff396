//! How main's transaction begins, and what is looked at then.

use optischema::model::quote_literal;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::super::planning::Tracking;
use super::super::statements_view::StatementsView;
use super::super::{PgFailure, query};
use super::execute;

/// Begins the read-only transaction.
pub(super) async fn open(connection: &mut PgConnection) -> Result<(), PgFailure> {
    open_at(connection, None).await
}

/// Begins the read-only transaction, on a snapshot that another session exported.
pub(super) async fn open_at(
    connection: &mut PgConnection,
    snapshot: Option<&str>,
) -> Result<(), PgFailure> {
    execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    if let Some(name) = snapshot {
        let text = format!("SET TRANSACTION SNAPSHOT {}", quote_literal(name));
        query(AssertSqlSafe(text)).execute(&mut *connection).await?;
    }
    for statement in [
        // The first SELECT pins it: from then on PostgreSQL lets nobody make it READ WRITE.
        "SELECT /* optischema */ 1",
        // A plan is made for the values that it is asked with.
        "SET LOCAL plan_cache_mode = force_custom_plan",
        // Nothing runs, and LLVM would take memory for what could.
        "SET LOCAL jit = off",
        BOUNDED_SEARCH,
        UNPINNED,
    ] {
        execute(connection, statement).await?;
    }
    Ok(())
}

/// A database's owner may let the planner search all orders of any join, or a larger sample of them: that takes gigabytes.
/// Within these limits its own settings hold.
const BOUNDED_SEARCH: &str = "
    SELECT /* optischema */ pg_catalog.set_config('geqo', 'on', true),
           pg_catalog.set_config(s.name, LEAST(s.setting::pg_catalog.int4, CASE s.name
               WHEN 'geqo_threshold' THEN 10 WHEN 'geqo_effort' THEN 5 ELSE 12 END)::pg_catalog.text, true)
    FROM pg_catalog.pg_settings s
    WHERE s.name IN ('geqo_threshold', 'geqo_effort', 'join_collapse_limit', 'from_collapse_limit')
    UNION ALL
    SELECT pg_catalog.set_config(s.name, '0', true), ''
    FROM pg_catalog.pg_settings s WHERE s.name IN ('geqo_pool_size', 'geqo_generations')";

/// PostgreSQL 19 lets somebody pin plans by advice: with none, an index that is only thought of can be chosen.
const UNPINNED: &str = "
    SELECT /* optischema */ pg_catalog.set_config(s.name, '', true) FROM pg_catalog.pg_settings s
    WHERE s.name IN ('pg_plan_advice.advice', 'pg_stash_advice.stash_name')";

/// The advice that sessions of this database begin with: names of settings, and their values. With it comes what makes
/// EXPLAIN EXECUTE show it (19rc1).
pub(super) async fn own_advice(
    connection: &mut PgConnection,
) -> Result<Vec<(String, String)>, PgFailure> {
    let rows = query(
        "WITH advice AS (
             SELECT s.name, s.reset_val AS value FROM pg_catalog.pg_settings s
             WHERE s.name IN ('pg_plan_advice.advice', 'pg_stash_advice.stash_name') AND s.reset_val <> '')
         SELECT /* optischema */ name, value FROM advice
         UNION ALL SELECT s.name, 'on' FROM pg_catalog.pg_settings s
         WHERE s.name = 'pg_plan_advice.always_store_advice_details' AND EXISTS (SELECT FROM advice)",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("value")?))).collect()
}

/// Whether a plan was made with advice that fits it.
pub(super) fn follows_advice(plan: &Value) -> bool {
    let supplied = plan.pointer("/0/Supplied Plan Advice").and_then(Value::as_str);
    supplied.is_some_and(|text| {
        text.lines().any(|line| line.contains("matched") && !line.contains("not matched"))
    })
}

/// What `pg_stat_statements` keeps of what this role does.
pub(super) async fn tracking(connection: &mut PgConnection) -> Result<Tracking, PgFailure> {
    let row = query(
        "SELECT /* optischema */ pg_catalog.current_setting('pg_stat_statements.track', true) AS track",
    )
    .fetch_one(connection)
    .await?;
    Ok(match row.try_get::<Option<String>, _>("track")?.as_deref() {
        None | Some("none") => Tracking::None,
        Some("all") => Tracking::All,
        Some(_) => Tracking::Top,
    })
}

/// Entries that `pg_stat_statements` takes before a fifth of it is left. Where that cannot be asked there is no room.
pub(super) async fn room(connection: &mut PgConnection) -> Result<usize, PgFailure> {
    let Ok(view) = StatementsView::find(connection).await else { return Ok(0) };
    let row = query(
        "SELECT /* optischema */ pg_catalog.current_setting('pg_stat_statements.max', true)::pg_catalog.int8 AS most",
    )
    .fetch_one(&mut *connection)
    .await?;
    let most: Option<i64> = row.try_get("most")?;
    let used = view.count(connection).await?;
    let room = most.unwrap_or_default() / 5 * 4 - used;
    Ok(usize::try_from(room).unwrap_or_default())
}
