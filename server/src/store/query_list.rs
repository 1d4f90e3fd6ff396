//! Lists of statements and their figures over time.

use std::collections::BTreeMap;

use optischema::model::{
    DEFAULT_PAGE, PlannedFilter, QueryFilter, QueryHash, QueryKind, QueryPage, QueryPeriod,
    QueryRange, QuerySort, QuerySummary, TableFilter, Timestamp,
};
use serde_json::json;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::filters::push_table;
use super::query_row::summary;
use super::row::{integer, number, optional_parsed, parsed};
use super::{Store, StoreError};

impl Store {
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
        // The list brings the sum of all statements along; a list without rows brings nothing.
        let whole_ms = match rows.first() {
            Some(row) => number(row, "whole")?,
            None => self.whole_time(database, range, kind, at).await?,
        };
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
            usage: None,
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
        query.push("SELECT ");
        push_whole(&mut query, kind);
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

/// Milliseconds of all statements of a kind, as `whole`.
fn push_whole(query: &mut QueryBuilder<Sqlite>, kind: QueryKind) {
    query.push(
        "(SELECT COALESCE(sum(w.total_time_ms), 0.0) FROM sums w JOIN queries k ON k.id = w.id
          WHERE k.source = 'main' AND k.kind = ",
    );
    query.push_bind(kind.as_str()).push(") AS whole");
}

fn push_list(
    query: &mut QueryBuilder<Sqlite>,
    database: &str,
    filter: &QueryFilter,
    kind: QueryKind,
    at: Timestamp,
) {
    let yesterday = Timestamp::from_millisecond(at.as_millisecond() - 86_400_000).to_string();
    query.push("SELECT ");
    push_whole(query, kind);
    query.push(
        ", q.id, q.query_hash, substr(q.sql, 1, 2000) AS sql, q.kind, q.source, q.planned,
                q.reason, q.reason_code, q.reason_remedy, q.planned_as, q.first_seen_at, q.last_seen_at, s.calls AS range_calls,
                s.total_time_ms AS range_time, s.rows AS range_rows, s.shared_hit AS range_hit,
                s.shared_read AS range_read, s.temp_blocks AS range_temp, count(*) OVER () AS total,
                (SELECT count(*) FROM query_events e WHERE e.query = q.id AND e.at >= ",
    );
    query.push_bind(yesterday);
    query.push(") AS plan_changes FROM sums s JOIN queries q ON q.id = s.id WHERE q.database = ");
    query.push_bind(database.to_owned());
    query.push(" AND q.kind = ").push_bind(kind.as_str());
    if let Some(planned) = filter.planned {
        query.push(" AND q.planned = ").push_bind(i64::from(planned == PlannedFilter::Yes));
    }
    for word in filter.search.iter().flat_map(|search| search.split_whitespace()) {
        query.push(" AND instr(lower(q.sql), ").push_bind(word.to_lowercase()).push(") > 0");
    }
    let table = filter.table.clone().map(TableFilter::One);
    push_table(query, "q.plannable_json, '$.shape.tables'", table);
}
