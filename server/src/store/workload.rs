//! Readings of main's counters, and what is remembered of them.
//!
//! Thousands of rows change with each reading, so they are written in a handful of statements that take
//! their rows as JSON.

use std::collections::BTreeMap;

use optischema::model::{
    CollectionReport, NotPlanned, QueryHash, QueryKind, QuerySource, Timestamp,
};
use optischema::workload::{
    Counted, Counters, Delta, Deltas, Known, RESOLUTIONS, Snapshot, StatementKey, bucket_start,
    own_times,
};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::pruning::prune;
use super::readings::insert_report;
use super::row::{integer, number, optional_parsed, parsed, to_json};
use super::{Store, StoreError, Write};

/// The reading before.
#[derive(Debug, Clone, PartialEq)]
pub struct LastReading {
    pub at: Timestamp,
    pub reset_at: Option<Timestamp>,
    pub deallocations: Option<i64>,
    /// Every entry, and the query that it belongs to.
    pub known: BTreeMap<StatementKey, Known>,
    pub queries: BTreeMap<StatementKey, i64>,
}

/// An entry that was seen for the first time.
#[derive(Debug, Clone, PartialEq)]
pub struct FreshQuery {
    pub key: StatementKey,
    pub query_hash: QueryHash,
    pub sql: String,
    pub kind: QueryKind,
    /// Why its text could not be read.
    pub unreadable: Option<NotPlanned>,
    pub role: String,
    pub search_path: Option<Vec<String>>,
    /// Whether it calls functions of the database.
    pub calls_functions: bool,
    pub writes: bool,
}

/// A reading to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewReading {
    pub snapshot: Snapshot,
    pub deltas: Deltas,
    pub fresh: Vec<FreshQuery>,
    pub hidden: i64,
    pub main_ms: f64,
    pub here_ms: f64,
}

impl Store {
    /// The reading before; absent at the first one.
    pub async fn last_reading(&self, database: &str) -> Result<Option<LastReading>, StoreError> {
        let last = sqlx::query(
            "SELECT at, reset_at, deallocations_total FROM collections
             WHERE database = ?1 AND error IS NULL ORDER BY id DESC LIMIT 1",
        )
        .bind(database)
        .fetch_optional(&self.readers)
        .await?;
        let Some(last) = last else { return Ok(None) };
        let rows = sqlx::query("SELECT * FROM workload_counters WHERE database = ?1")
            .bind(database)
            .fetch_all(&self.readers)
            .await?;
        let (mut known, mut queries) = (BTreeMap::new(), BTreeMap::new());
        for row in &rows {
            let key = StatementKey {
                dbid: integer(row, "dbid")?,
                userid: integer(row, "userid")?,
                queryid: integer(row, "queryid")?,
                toplevel: integer(row, "toplevel")? == 1,
            };
            let since = optional_parsed(row, "since")?;
            known.insert(key, Known { counters: counters(row)?, since });
            queries.insert(key, integer(row, "query")?);
        }
        Ok(Some(LastReading {
            at: parsed(&last, "at")?,
            reset_at: optional_parsed(&last, "reset_at")?,
            deallocations: last.try_get("deallocations_total")?,
            known,
            queries,
        }))
    }

    /// Keeps a reading: new statements, counters, history, and what it cost.
    pub async fn record_reading(
        &self,
        database: &str,
        before: Option<&LastReading>,
        reading: &NewReading,
    ) -> Result<CollectionReport, StoreError> {
        let at = reading.snapshot.at;
        let mut write = self.write().await?;
        let mut queries = before.map(|before| before.queries.clone()).unwrap_or_default();
        for fresh in &reading.fresh {
            let id = upsert_query(&mut write, database, fresh, at).await?;
            queries.insert(fresh.key, id);
        }
        write_counters(&mut write, database, reading, &queries).await?;
        let callers = callers(&mut write, database).await?;
        let knew_nested =
            before.is_none_or(|before| before.queries.keys().any(|key| !key.toplevel));
        let changed = own(&reading.deltas.changed, &callers, &queries, knew_nested);
        let deltas = by_query(&changed, &queries);
        add_totals(&mut write, &deltas, reading, at).await?;
        // The first reading has counted for nobody knows how long: it is no period.
        if let Some(before) = before {
            for resolution in RESOLUTIONS {
                let start = bucket_start(at, resolution.seconds);
                let watched = at.seconds_since(before.at).max(0.0);
                let period =
                    period(&mut write, database, resolution.seconds, start, watched).await?;
                add_deltas(&mut write, period, &deltas).await?;
            }
        }
        prune(&mut write, database, at).await?;
        let report = CollectionReport {
            at,
            main_ms: reading.main_ms,
            here_ms: reading.here_ms,
            statements: count(reading.snapshot.readings.len()),
            changed: count(deltas.len()),
            fresh: count(reading.fresh.len()),
            gone: count(reading.deltas.gone.len()),
            was_reset: reading.deltas.was_reset,
            deallocations: reading.deltas.deallocations,
            hidden: reading.hidden,
            seen: 0,
            seen_ms: 0.0,
            error: None,
        };
        insert_report(&mut write, database, &report, Some(&reading.snapshot)).await?;
        write.commit().await?;
        Ok(report)
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

pub(super) fn counters(row: &SqliteRow) -> Result<Counters, StoreError> {
    Ok(Counters {
        calls: integer(row, "calls")?,
        total_time_ms: number(row, "total_time_ms")?,
        rows: integer(row, "rows")?,
        plan_time_ms: number(row, "plan_time_ms")?,
        shared_hit: integer(row, "shared_hit")?,
        shared_read: integer(row, "shared_read")?,
        temp_blocks: integer(row, "temp_blocks")?,
        read_time_ms: number(row, "read_time_ms")?,
        wal_bytes: integer(row, "wal_bytes")?,
    })
}

fn as_row(id: i64, c: &Counters) -> Value {
    json!([
        id,
        c.calls,
        c.total_time_ms,
        c.rows,
        c.plan_time_ms,
        c.shared_hit,
        c.shared_read,
        c.temp_blocks,
        c.read_time_ms,
        c.wal_bytes
    ])
}

/// Statements that call functions of the database (`true`) or write (`false`), by their ids.
async fn callers(write: &mut Write, database: &str) -> Result<BTreeMap<i64, bool>, StoreError> {
    let rows = sqlx::query("SELECT id, may_run FROM queries WHERE database = ?1 AND may_run > 0")
        .bind(database)
        .fetch_all(&mut **write)
        .await?;
    rows.iter().map(|row| Ok((integer(row, "id")?, integer(row, "may_run")? == CALLS))).collect()
}

/// What `may_run` says of a statement.
const CALLS: i64 = 1;
const WRITES: i64 = 2;

/// What each did itself: the time of statements inside a function is counted with its caller, too. Where none of those was
/// known before, what they have counted is where their counting begins: nobody knows since when.
fn own(
    changed: &[Delta],
    callers: &BTreeMap<i64, bool>,
    queries: &BTreeMap<StatementKey, i64>,
    knew_nested: bool,
) -> Vec<Delta> {
    let mut changed = changed.to_vec();
    changed.retain(|delta| knew_nested || delta.key.toplevel);
    if changed.iter().all(|delta| delta.key.toplevel) {
        return changed;
    }
    let entry = |delta: &Delta| {
        let calls = queries.get(&delta.key).and_then(|query| callers.get(query));
        Counted {
            time_ms: delta.counters.total_time_ms,
            is_nested: !delta.key.toplevel,
            calls_functions: calls == Some(&true),
            writes: calls == Some(&false),
        }
    };
    let mut entries: Vec<Counted> = changed.iter().map(entry).collect();
    own_times(&mut entries);
    for (delta, entry) in changed.iter_mut().zip(entries) {
        delta.counters.total_time_ms = entry.time_ms;
    }
    changed
}

fn by_query(changed: &[Delta], queries: &BTreeMap<StatementKey, i64>) -> BTreeMap<i64, Counters> {
    let mut sums: BTreeMap<i64, Counters> = BTreeMap::new();
    for delta in changed {
        if let Some(query) = queries.get(&delta.key) {
            let sum = sums.entry(*query).or_default();
            *sum = sum.plus(&delta.counters);
        }
    }
    sums
}

async fn upsert_query(
    write: &mut Write,
    database: &str,
    fresh: &FreshQuery,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let search_path =
        fresh.search_path.as_ref().map(|path| to_json("search_path_json", path)).transpose()?;
    let row = sqlx::query(
        "INSERT INTO queries (database, query_hash, kind, source, calls, total_time_ms, rows,
             plan_time_ms, shared_hit, shared_read, temp_blocks, read_time_ms, wal_bytes,
             first_seen_at, last_seen_at, sql, search_path_json, roles_json, reason, planned,
             planned_as, reason_code, reason_remedy, may_run)
         VALUES (?1, ?2, ?3, ?4, 0, 0.0, 0, 0.0, 0, 0, 0, 0.0, 0, ?5, ?5, ?6, ?7, json_array(?8), ?9,
             CASE WHEN ?9 IS NULL THEN NULL ELSE 0 END, CASE WHEN ?9 IS NULL THEN NULL ELSE 'not_planned' END,
             ?10, ?11, ?12)
         ON CONFLICT (database, query_hash) DO UPDATE SET source = excluded.source,
             may_run = excluded.may_run,
             roles_json = CASE WHEN EXISTS (SELECT 1 FROM json_each(roles_json) WHERE value = ?8)
                 THEN roles_json ELSE json_insert(roles_json, '$[#]', ?8) END
         RETURNING id",
    )
    .bind(database)
    .bind(&fresh.query_hash.0)
    .bind(fresh.kind.as_str())
    .bind(QuerySource::Main.as_str())
    .bind(at.to_string())
    .bind(&fresh.sql)
    .bind(search_path)
    .bind(&fresh.role)
    .bind(fresh.unreadable.as_ref().map(|reason| reason.message.as_str()))
    .bind(fresh.unreadable.as_ref().map(|reason| reason.code.as_str()))
    .bind(fresh.unreadable.as_ref().and_then(|reason| reason.remedy.as_deref()))
    .bind(match (fresh.calls_functions, fresh.writes) {
        (true, _) => CALLS,
        (false, true) => WRITES,
        (false, false) => 0,
    })
    .fetch_one(&mut **write)
    .await?;
    integer(&row, "id")
}

async fn write_counters(
    write: &mut Write,
    database: &str,
    reading: &NewReading,
    queries: &BTreeMap<StatementKey, i64>,
) -> Result<(), StoreError> {
    let changed: BTreeMap<&StatementKey, ()> =
        reading.deltas.changed.iter().map(|delta| (&delta.key, ())).collect();
    let rows: Vec<Value> = reading
        .snapshot
        .readings
        .iter()
        .filter(|reading| changed.contains_key(&reading.key))
        .filter_map(|reading| {
            let (key, c) = (&reading.key, &reading.counters);
            let since = reading.since.map(|since| since.to_string());
            let query = queries.get(key)?;
            Some(json!([
                key.dbid,
                key.userid,
                key.queryid,
                i64::from(key.toplevel),
                query,
                c.calls,
                c.total_time_ms,
                c.rows,
                c.plan_time_ms,
                c.shared_hit,
                c.shared_read,
                c.temp_blocks,
                c.read_time_ms,
                c.wal_bytes,
                since
            ]))
        })
        .collect();
    sqlx::query(
        "INSERT INTO workload_counters
         SELECT ?1, value->>0, value->>1, value->>2, value->>3, value->>4, value->>5,
                CAST(value->>6 AS REAL), value->>7, CAST(value->>8 AS REAL), value->>9, value->>10,
                value->>11, CAST(value->>12 AS REAL), value->>13, value->>14
         FROM json_each(?2) WHERE true
         ON CONFLICT DO UPDATE SET query = excluded.query, calls = excluded.calls,
             total_time_ms = excluded.total_time_ms, rows = excluded.rows,
             plan_time_ms = excluded.plan_time_ms, shared_hit = excluded.shared_hit,
             shared_read = excluded.shared_read, temp_blocks = excluded.temp_blocks,
             read_time_ms = excluded.read_time_ms, wal_bytes = excluded.wal_bytes,
             since = excluded.since",
    )
    .bind(database)
    .bind(Value::from(rows).to_string())
    .execute(&mut **write)
    .await?;
    let gone: Vec<Value> = reading
        .deltas
        .gone
        .iter()
        .map(|key| json!([key.dbid, key.userid, key.queryid, i64::from(key.toplevel)]))
        .collect();
    sqlx::query(
        "DELETE FROM workload_counters WHERE database = ?1 AND (dbid, userid, queryid, toplevel) IN
             (SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?2))",
    )
    .bind(database)
    .bind(Value::from(gone).to_string())
    .execute(&mut **write)
    .await?;
    Ok(())
}

async fn add_totals(
    write: &mut Write,
    deltas: &BTreeMap<i64, Counters>,
    reading: &NewReading,
    at: Timestamp,
) -> Result<(), StoreError> {
    let rows: Vec<Value> = deltas.iter().map(|(id, counters)| as_row(*id, counters)).collect();
    sqlx::query(
        "UPDATE queries SET calls = queries.calls + (d.value->>1),
             total_time_ms = queries.total_time_ms + (d.value->>2), rows = queries.rows + (d.value->>3),
             plan_time_ms = queries.plan_time_ms + (d.value->>4),
             shared_hit = queries.shared_hit + (d.value->>5),
             shared_read = queries.shared_read + (d.value->>6),
             temp_blocks = queries.temp_blocks + (d.value->>7),
             read_time_ms = queries.read_time_ms + (d.value->>8),
             wal_bytes = queries.wal_bytes + (d.value->>9), last_seen_at = ?2,
             counted_since = COALESCE(queries.counted_since, ?3)
         FROM json_each(?1) d WHERE queries.id = d.value->>0",
    )
    .bind(Value::from(rows).to_string())
    .bind(at.to_string())
    .bind(reading.snapshot.reset_at.map(|at| at.to_string()))
    .execute(&mut **write)
    .await?;
    Ok(())
}

async fn period(
    write: &mut Write,
    database: &str,
    seconds: i64,
    start: Timestamp,
    watched: f64,
) -> Result<i64, StoreError> {
    let row = sqlx::query(
        "INSERT INTO workload_periods (database, seconds, started_at, watched_seconds)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (database, seconds, started_at)
             DO UPDATE SET watched_seconds = watched_seconds + excluded.watched_seconds
         RETURNING id",
    )
    .bind(database)
    .bind(seconds)
    .bind(start.to_string())
    .bind(watched)
    .fetch_one(&mut **write)
    .await?;
    integer(&row, "id")
}

async fn add_deltas(
    write: &mut Write,
    period: i64,
    deltas: &BTreeMap<i64, Counters>,
) -> Result<(), StoreError> {
    let rows: Vec<Value> = deltas.iter().map(|(id, counters)| as_row(*id, counters)).collect();
    sqlx::query(
        "INSERT INTO workload_deltas
         SELECT ?1, value->>0, value->>1, CAST(value->>2 AS REAL), value->>3, value->>5, value->>6,
                value->>7
         FROM json_each(?2) WHERE true
         ON CONFLICT (period, query) DO UPDATE SET calls = calls + excluded.calls,
             total_time_ms = total_time_ms + excluded.total_time_ms, rows = rows + excluded.rows,
             shared_hit = shared_hit + excluded.shared_hit,
             shared_read = shared_read + excluded.shared_read,
             temp_blocks = temp_blocks + excluded.temp_blocks",
    )
    .bind(period)
    .bind(Value::from(rows).to_string())
    .execute(&mut **write)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use optischema::workload::Origin;

    use super::*;

    #[test]
    fn what_ran_inside_counts_from_when_it_is_known() {
        let key = |queryid, toplevel| StatementKey { dbid: 1, userid: 1, queryid, toplevel };
        let delta = |queryid, toplevel, total_time_ms| Delta {
            key: key(queryid, toplevel),
            counters: Counters { calls: 1, total_time_ms, ..Counters::default() },
            origin: Origin::New,
        };
        let changed = [delta(1, true, 100.0), delta(2, false, 75.0)];
        let queries = [(key(1, true), 1), (key(2, false), 2)].into();
        let times = |knew_nested| -> Vec<f64> {
            let own = own(&changed, &[(1, true)].into(), &queries, knew_nested);
            own.iter().map(|delta| delta.counters.total_time_ms).collect()
        };
        assert_eq!(times(true), [25.0, 75.0]);
        assert_eq!(times(false), [100.0]);
    }
}
