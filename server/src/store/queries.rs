//! The statements of the workload: lists, one of them, and what reading and planning them gave.

use std::collections::BTreeMap;

use optischema::model::{
    CatalogTable, DEFAULT_PAGE, PlannableStatement, Planned, QueryFilter, QueryHash, QueryKind,
    QueryPage, QueryPeriod, QueryRange, QuerySort, QuerySource, QuerySummary, TableName, Timestamp,
    TrackedStatement,
};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::query_row::{summary, tracked};
use super::row::{
    integer, json as read_json, number, optional_json, optional_parsed, optional_text, parsed,
    to_json,
};
use super::{Store, StoreError};
use crate::clock::now;

/// A statement with what only the store knows.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredQuery {
    pub id: i64,
    pub statement: TrackedStatement,
    pub source: QuerySource,
    pub roles: Vec<String>,
    pub search_path: Option<Vec<String>>,
    /// Sets of values that a log showed.
    pub logged: Vec<Vec<Option<String>>>,
    pub planned_at: Option<Timestamp>,
}

fn stored(row: &SqliteRow) -> Result<StoredQuery, StoreError> {
    Ok(StoredQuery {
        id: integer(row, "id")?,
        statement: tracked(row)?,
        source: parsed(row, "source")?,
        roles: read_json(row, "roles_json")?,
        search_path: optional_json(row, "search_path_json")?,
        logged: optional_json(row, "logged_json")?.unwrap_or_default(),
        planned_at: optional_parsed(row, "planned_at")?,
    })
}

/// Sets of logged values that one statement keeps.
const MOST_LOGGED: usize = 5;

impl Store {
    /// One statement.
    pub async fn query(
        &self,
        database: &str,
        hash: &QueryHash,
    ) -> Result<Option<StoredQuery>, StoreError> {
        let row = sqlx::query("SELECT * FROM queries WHERE database = ?1 AND query_hash = ?2")
            .bind(database)
            .bind(&hash.0)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(stored).transpose()
    }

    /// The application's statements, the dearest first.
    pub async fn user_queries(&self, database: &str) -> Result<Vec<StoredQuery>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM queries WHERE database = ?1 AND kind = 'user'
             ORDER BY total_time_ms DESC, query_hash",
        )
        .bind(database)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(stored).collect()
    }

    /// Those that ran since they were planned last, or never were, the dearest first.
    pub async fn queries_to_plan(
        &self,
        database: &str,
        planned_before: Timestamp,
        most: i64,
    ) -> Result<Vec<StoredQuery>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM queries WHERE database = ?1 AND kind = 'user'
                 AND (planned_at IS NULL OR (planned_at < ?2 AND last_seen_at > planned_at))
             ORDER BY planned_at IS NOT NULL, total_time_ms DESC LIMIT ?3",
        )
        .bind(database)
        .bind(planned_before.to_string())
        .bind(most)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(stored).collect()
    }

    /// Keeps what planning gave.
    pub async fn set_plannable(
        &self,
        results: &[(i64, Result<PlannableStatement, String>)],
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let at = now().to_string();
        for (id, result) in results {
            let (plannable, reason) = match result {
                Ok(plannable) => (Some(to_json("plannable_json", plannable)?), None),
                Err(reason) => (None, Some(reason.as_str())),
            };
            sqlx::query(
                "UPDATE queries SET planned = ?2, plannable_json = ?3, reason = ?4, planned_at = ?5
                 WHERE id = ?1",
            )
            .bind(id)
            .bind(i64::from(result.is_ok()))
            .bind(plannable)
            .bind(reason)
            .bind(&at)
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// Takes a statement that a person gave; one that is known gets its calls and values on top.
    #[expect(clippy::too_many_arguments, reason = "the parts of one row, each named once")]
    pub async fn add_query(
        &self,
        database: &str,
        hash: &QueryHash,
        sql: &str,
        source: QuerySource,
        figures: (i64, f64),
        search_path: Option<&[String]>,
        logged: &[Vec<Option<String>>],
    ) -> Result<i64, StoreError> {
        let mut values = self.query(database, hash).await?.map(|q| q.logged).unwrap_or_default();
        for set in logged {
            if !values.contains(set) {
                values.insert(0, set.clone());
            }
        }
        values.truncate(MOST_LOGGED);
        let search_path = search_path.map(|path| to_json("search_path_json", &path)).transpose()?;
        let mut write = self.write().await?;
        let row = sqlx::query(
            "INSERT INTO queries (database, query_hash, kind, source, calls, total_time_ms, rows,
                 plan_time_ms, shared_hit, shared_read, temp_blocks, read_time_ms, wal_bytes,
                 first_seen_at, last_seen_at, sql, search_path_json, logged_json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0.0, 0, 0, 0, 0.0, 0, ?7, ?7, ?8, ?9, ?10)
             ON CONFLICT (database, query_hash) DO UPDATE SET logged_json = excluded.logged_json,
                 calls = CASE WHEN source = 'main' THEN calls ELSE calls + excluded.calls END,
                 total_time_ms = CASE WHEN source = 'main' THEN total_time_ms
                     ELSE total_time_ms + excluded.total_time_ms END,
                 last_seen_at = excluded.last_seen_at, planned_at = NULL
             RETURNING id",
        )
        .bind(database)
        .bind(&hash.0)
        .bind(QueryKind::User.as_str())
        .bind(source.as_str())
        .bind(figures.0)
        .bind(figures.1)
        .bind(now().to_string())
        .bind(sql)
        .bind(search_path)
        .bind((!values.is_empty()).then(|| to_json("logged_json", &values)).transpose()?)
        .fetch_one(&mut *write)
        .await?;
        write.commit().await?;
        integer(&row, "id")
    }

    /// Forgets a statement that a person gave. One that main counts stays.
    pub async fn remove_query(&self, database: &str, hash: &QueryHash) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let removed = sqlx::query(
            "DELETE FROM queries WHERE database = ?1 AND query_hash = ?2 AND source <> 'main'",
        )
        .bind(database)
        .bind(&hash.0)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(removed.rows_affected() > 0)
    }

    /// When the workload was read last, how many statements the application has, and how many of them can
    /// be planned.
    pub async fn statement_counts(
        &self,
        database: &str,
    ) -> Result<(Option<String>, i64, i64), StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT max(planned_at) FROM queries WHERE database = ?1) AS seen_at,
                    count(*) AS total, COALESCE(sum(planned), 0) AS planned
             FROM queries WHERE database = ?1 AND kind = 'user'",
        )
        .bind(database)
        .fetch_one(&self.readers)
        .await?;
        Ok((optional_text(&row, "seen_at")?, integer(&row, "total")?, integer(&row, "planned")?))
    }

    /// One page of statements, with their figures in a time range.
    pub async fn queries(
        &self,
        database: &str,
        filter: &QueryFilter,
        at: Timestamp,
    ) -> Result<QueryPage, StoreError> {
        let range = filter.range.unwrap_or(QueryRange::All);
        let kind = filter.kind.unwrap_or(QueryKind::User);
        let limit = filter.limit.unwrap_or(DEFAULT_PAGE);
        let offset = filter.cursor.unwrap_or_default();
        let whole_ms = self.whole_time(database, range, kind, at).await?;
        let mut query = sums(database, range, at);
        push_list(&mut query, database, filter, kind, at);
        query.push(match filter.sort.unwrap_or(QuerySort::Time) {
            QuerySort::Time => " ORDER BY range_time DESC",
            QuerySort::Calls => " ORDER BY range_calls DESC",
            QuerySort::Mean => " ORDER BY range_time / max(range_calls, 1) DESC",
            QuerySort::Rows => " ORDER BY range_rows DESC",
            QuerySort::Cache => {
                " ORDER BY range_hit + range_read = 0,
                    range_hit * 1.0 / max(range_hit + range_read, 1), range_read DESC"
            }
            QuerySort::Recent => " ORDER BY last_seen_at DESC",
        });
        query.push(", query_hash LIMIT ").push_bind(i64::from(limit));
        query.push(" OFFSET ").push_bind(i64::from(offset));
        let rows = query.build().fetch_all(&self.readers).await?;
        let total = match rows.first() {
            Some(row) => integer(row, "total")?,
            None => 0,
        };
        let ids = rows.iter().map(|row| integer(row, "id")).collect::<Result<Vec<_>, _>>()?;
        let mut trends = self.trends(database, range, &ids, at).await?;
        let mut items = Vec::new();
        for (row, id) in rows.iter().zip(&ids) {
            let trend = trends.remove(id).unwrap_or_default();
            items.push(QuerySummary { trend, ..summary(row, whole_ms)? });
        }
        let shown = i64::from(offset) + i64::try_from(items.len()).unwrap_or(i64::MAX);
        let counts = sqlx::query(
            "SELECT COALESCE(sum(kind = 'user' AND planned = 1), 0) AS planned,
                    COALESCE(sum(kind = 'user' AND planned = 0), 0) AS unplanned,
                    COALESCE(sum(kind = 'user' AND planned IS NULL), 0) AS untried,
                    COALESCE(sum(kind = 'system'), 0) AS system, COALESCE(sum(kind = 'own'), 0) AS own
             FROM queries WHERE database = ?1",
        )
        .bind(database)
        .fetch_one(&self.readers)
        .await?;
        Ok(QueryPage {
            items,
            next_cursor: (shown < total).then(|| shown.to_string()),
            total,
            planned: integer(&counts, "planned")?,
            unplanned: integer(&counts, "unplanned")?,
            untried: integer(&counts, "untried")?,
            system: integer(&counts, "system")?,
            own: integer(&counts, "own")?,
            total_time_ms: whole_ms,
            since: self.figures_since(database, range, at).await?,
            last_collection: self.last_report(database).await?,
            cost: self.collection_cost(database, at).await?,
        })
    }

    /// One statement as the list shows it.
    pub async fn query_summary(
        &self,
        database: &str,
        hash: &QueryHash,
        range: QueryRange,
        at: Timestamp,
    ) -> Result<Option<QuerySummary>, StoreError> {
        let Some(known) = self.query(database, hash).await? else { return Ok(None) };
        let kind = known.statement.kind;
        let whole_ms = self.whole_time(database, range, kind, at).await?;
        let mut query = sums(database, range, at);
        push_list(&mut query, database, &QueryFilter::default(), kind, at);
        query.push(" AND q.id = ").push_bind(known.id);
        let row = query.build().fetch_optional(&self.readers).await?;
        row.as_ref().map(|row| summary(row, whole_ms)).transpose()
    }

    async fn whole_time(
        &self,
        database: &str,
        range: QueryRange,
        kind: QueryKind,
        at: Timestamp,
    ) -> Result<f64, StoreError> {
        let mut query = sums(database, range, at);
        query.push(
            "SELECT COALESCE(sum(s.total_time_ms), 0.0) AS whole FROM sums s
             JOIN queries q ON q.id = s.id WHERE q.source = 'main' AND q.kind = ",
        );
        query.push_bind(kind.as_str());
        number(&query.build().fetch_one(&self.readers).await?, "whole")
    }

    async fn figures_since(
        &self,
        database: &str,
        range: QueryRange,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = match range.seconds() {
            None => {
                sqlx::query("SELECT min(counted_since) AS since FROM queries WHERE database = ?1")
                    .bind(database)
                    .fetch_one(&self.readers)
                    .await?
            }
            Some(seconds) => {
                sqlx::query(
                    "SELECT min(started_at) AS since FROM workload_periods
                     WHERE database = ?1 AND seconds = ?2 AND started_at >= ?3",
                )
                .bind(database)
                .bind(range.sum_resolution())
                .bind(first_period(at, seconds, range.sum_resolution()))
                .fetch_one(&self.readers)
                .await?
            }
        };
        optional_parsed(&row, "since")
    }

    /// Milliseconds per watched second, period by period, of some statements.
    async fn trends(
        &self,
        database: &str,
        range: QueryRange,
        ids: &[i64],
        at: Timestamp,
    ) -> Result<BTreeMap<i64, Vec<Option<f64>>>, StoreError> {
        let seconds = range.seconds().unwrap_or(30 * 86_400);
        let resolution = self.resolution(database, range.sum_resolution(), at).await?;
        let rows = sqlx::query(
            "SELECT p.id AS period, p.watched_seconds, w.value AS query, d.total_time_ms
             FROM workload_periods p, json_each(?4) w
             LEFT JOIN workload_deltas d ON d.period = p.id AND d.query = w.value
             WHERE p.database = ?1 AND p.seconds = ?2 AND p.started_at >= ?3 ORDER BY p.started_at",
        )
        .bind(database)
        .bind(resolution)
        .bind(first_period(at, seconds, resolution))
        .bind(json!(ids).to_string())
        .fetch_all(&self.readers)
        .await?;
        let mut trends: BTreeMap<i64, Vec<Option<f64>>> = BTreeMap::new();
        for row in &rows {
            let watched = number(row, "watched_seconds")?;
            let time: Option<f64> = row.try_get("total_time_ms")?;
            let rate = (watched > 0.0).then(|| time.unwrap_or_default() / watched);
            trends.entry(integer(row, "query")?).or_default().push(rate);
        }
        Ok(trends)
    }

    /// The finest periods that still hold all of the history, and are at most `coarsest` seconds long: a
    /// young history in days would be a single point.
    async fn resolution(
        &self,
        database: &str,
        coarsest: i64,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT min(at) AS first FROM collections WHERE database = ?1")
            .bind(database)
            .fetch_one(&self.readers)
            .await?;
        let days = sqlx::query(
            "SELECT min(started_at) AS first FROM workload_periods WHERE database = ?1 AND seconds = 3600",
        )
        .bind(database)
        .fetch_one(&self.readers)
        .await?;
        let first: [Option<Timestamp>; 2] =
            [optional_parsed(&row, "first")?, optional_parsed(&days, "first")?];
        let age = first.into_iter().flatten().min().map_or(0.0, |first| at.seconds_since(first));
        let holds = |resolution: &&optischema::workload::Resolution| resolution.kept as f64 >= age;
        let finest = optischema::workload::RESOLUTIONS.iter().find(holds);
        Ok(finest.map_or(coarsest, |finest| finest.seconds.min(coarsest)))
    }

    /// One statement's history, period by period, the oldest first.
    pub async fn query_history(
        &self,
        database: &str,
        query: i64,
        range: QueryRange,
        at: Timestamp,
    ) -> Result<Vec<QueryPeriod>, StoreError> {
        let seconds = range.seconds().unwrap_or(30 * 86_400);
        let resolution = self.resolution(database, range.chart_resolution(), at).await?;
        let rows = sqlx::query(
            "SELECT p.started_at, p.watched_seconds, COALESCE(d.calls, 0) AS calls,
                    COALESCE(d.total_time_ms, 0.0) AS total_time_ms, COALESCE(d.rows, 0) AS rows,
                    COALESCE(d.shared_hit, 0) AS shared_hit, COALESCE(d.shared_read, 0) AS shared_read
             FROM workload_periods p LEFT JOIN workload_deltas d ON d.period = p.id AND d.query = ?2
             WHERE p.database = ?1 AND p.seconds = ?3 AND p.started_at >= ?4 ORDER BY p.started_at",
        )
        .bind(database)
        .bind(query)
        .bind(resolution)
        .bind(first_period(at, seconds, resolution))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(QueryPeriod {
                    started_at: parsed(row, "started_at")?,
                    seconds: resolution,
                    watched_seconds: number(row, "watched_seconds")?,
                    calls: integer(row, "calls")?,
                    total_time_ms: number(row, "total_time_ms")?,
                    rows: integer(row, "rows")?,
                    shared_hit: integer(row, "shared_hit")?,
                    shared_read: integer(row, "shared_read")?,
                })
            })
            .collect()
    }

    /// Keeps the catalog's tables, for pages.
    pub async fn replace_catalog(
        &self,
        database: &str,
        tables: &BTreeMap<TableName, CatalogTable>,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM catalog_tables WHERE database = ?1")
            .bind(database)
            .execute(&mut *write)
            .await?;
        let rows: Vec<Value> = tables
            .values()
            .map(|table| {
                // Their columns' values may be personal, and no page needs them.
                let table = CatalogTable { columns: Vec::new(), ..table.clone() };
                Ok(json!([table.name.to_string(), to_json("facts_json", &table)?]))
            })
            .collect::<Result<_, StoreError>>()?;
        sqlx::query(
            "INSERT INTO catalog_tables SELECT ?1, value->>0, value->>1 FROM json_each(?2)",
        )
        .bind(database)
        .bind(Value::from(rows).to_string())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Some tables as the catalog of the last analysis had them, without their columns.
    pub async fn catalog_tables(
        &self,
        database: &str,
        names: &[TableName],
    ) -> Result<Vec<CatalogTable>, StoreError> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let rows = sqlx::query(
            "SELECT facts_json FROM catalog_tables
             WHERE database = ?1 AND name IN (SELECT value FROM json_each(?2)) ORDER BY name",
        )
        .bind(database)
        .bind(json!(names).to_string())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| read_json(row, "facts_json")).collect()
    }
}

/// The start of the first period that reaches into the last `seconds`.
fn first_period(at: Timestamp, seconds: i64, resolution: i64) -> String {
    let from = at.as_millisecond() - (seconds - resolution.min(seconds)) * 1000;
    let start = optischema::workload::bucket_start(Timestamp::from_millisecond(from), resolution);
    start.to_string()
}

/// `WITH sums AS (…)`: the figures of every statement in a range, by id.
fn sums(database: &str, range: QueryRange, at: Timestamp) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("WITH sums AS ");
    match range.seconds() {
        None => {
            query.push(
                "(SELECT id, calls, total_time_ms, rows, shared_hit, shared_read, temp_blocks
                  FROM queries WHERE database = ",
            );
            query.push_bind(database.to_owned()).push(")");
        }
        Some(seconds) => {
            query.push(
                "MATERIALIZED (SELECT d.query AS id, sum(d.calls) AS calls,
                     sum(d.total_time_ms) AS total_time_ms, sum(d.rows) AS rows,
                     sum(d.shared_hit) AS shared_hit, sum(d.shared_read) AS shared_read,
                     sum(d.temp_blocks) AS temp_blocks
                 FROM workload_deltas d WHERE d.period IN (SELECT id FROM workload_periods
                     WHERE database = ",
            );
            query.push_bind(database.to_owned());
            query.push(" AND seconds = ").push_bind(range.sum_resolution());
            query.push(" AND started_at >= ");
            query.push_bind(first_period(at, seconds, range.sum_resolution()));
            query.push(") GROUP BY d.query)");
        }
    }
    query.push(" ");
    query
}

fn push_list(
    query: &mut QueryBuilder<Sqlite>,
    database: &str,
    filter: &QueryFilter,
    kind: QueryKind,
    at: Timestamp,
) {
    let yesterday = Timestamp::from_millisecond(at.as_millisecond() - 86_400_000).to_string();
    query.push(
        "SELECT q.id, q.query_hash, substr(q.sql, 1, 2000) AS sql, q.kind, q.source, q.planned,
                q.reason, q.first_seen_at, q.last_seen_at, s.calls AS range_calls,
                s.total_time_ms AS range_time, s.rows AS range_rows, s.shared_hit AS range_hit,
                s.shared_read AS range_read, s.temp_blocks AS range_temp, count(*) OVER () AS total,
                (SELECT count(*) FROM query_events e WHERE e.query = q.id AND e.at >= ",
    );
    query.push_bind(yesterday);
    query.push(") AS plan_changes FROM sums s JOIN queries q ON q.id = s.id WHERE q.database = ");
    query.push_bind(database.to_owned());
    query.push(" AND q.kind = ").push_bind(kind.as_str());
    if let Some(planned) = filter.planned {
        query.push(" AND q.planned = ").push_bind(i64::from(planned == Planned::Yes));
    }
    for word in filter.search.iter().flat_map(|search| search.split_whitespace()) {
        query.push(" AND instr(lower(q.sql), ").push_bind(word.to_lowercase()).push(") > 0");
    }
    if let Some(table) = &filter.table {
        query.push(
            " AND EXISTS (SELECT 1 FROM json_each(q.plannable_json, '$.shape.tables') t WHERE t.value = ",
        );
        query.push_bind(table.to_string()).push(")");
    }
}
