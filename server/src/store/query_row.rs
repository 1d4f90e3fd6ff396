//! Rows of statements, as the domain's types.

use optischema::model::{
    NotPlanned, PlannableStatement, QueryFigures, QueryHash, QuerySource, QuerySummary, ReasonCode,
    TrackedStatement,
};
use optischema::workload::Counters;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::StoreError;
use super::row::{integer, number, optional_json, optional_text, parsed, text};

/// The tracked statement of a row with all columns.
pub(super) fn tracked(row: &SqliteRow) -> Result<TrackedStatement, StoreError> {
    let plannable: Option<PlannableStatement> = optional_json(row, "plannable_json")?;
    let reason = reason(row)?;
    Ok(TrackedStatement {
        query_hash: QueryHash(text(row, "query_hash")?),
        sql: text(row, "sql")?,
        kind: parsed(row, "kind")?,
        calls: integer(row, "calls")?,
        total_time_ms: number(row, "total_time_ms")?,
        rows: integer(row, "rows")?,
        temp_blocks: integer(row, "temp_blocks")?,
        plannable: plannable
            .ok_or_else(|| reason.unwrap_or_else(|| NotPlanned::new(ReasonCode::Other, ""))),
    })
}

/// Why it is not planned. A row of an earlier version has a sentence and no code.
fn reason(row: &SqliteRow) -> Result<Option<NotPlanned>, StoreError> {
    let Some(message) = optional_text(row, "reason")? else { return Ok(None) };
    let code = match optional_text(row, "reason_code")? {
        Some(_) => parsed(row, "reason_code")?,
        None => ReasonCode::Other,
    };
    Ok(Some(NotPlanned {
        remedy: optional_text(row, "reason_remedy")?,
        ..NotPlanned::new(code, message)
    }))
}

/// A row of the list. `whole_ms` is the time of all statements of its kind.
pub(super) fn summary(row: &SqliteRow, whole_ms: f64) -> Result<QuerySummary, StoreError> {
    let counters = Counters {
        calls: integer(row, "range_calls")?,
        total_time_ms: number(row, "range_time")?,
        rows: integer(row, "range_rows")?,
        shared_hit: integer(row, "range_hit")?,
        shared_read: integer(row, "range_read")?,
        temp_blocks: integer(row, "range_temp")?,
        ..Counters::default()
    };
    // What a person gave did not take main's time in this range.
    let source: QuerySource = parsed(row, "source")?;
    let figures = QueryFigures {
        calls: counters.calls,
        total_time_ms: counters.total_time_ms,
        mean_ms: counters.mean_ms(),
        rows: counters.rows,
        shared_hit: counters.shared_hit,
        shared_read: counters.shared_read,
        temp_blocks: counters.temp_blocks,
        cache_hit_percent: counters.cache_hit_percent(),
        share_percent: if whole_ms > 0.0 && source == QuerySource::Main {
            100.0 * counters.total_time_ms / whole_ms
        } else {
            0.0
        },
    };
    let planned: Option<i64> = row.try_get("planned")?;
    let reason = reason(row)?;
    let planned_as = match optional_text(row, "planned_as")? {
        Some(_) => Some(parsed(row, "planned_as")?),
        None => None,
    };
    let changed: i64 = row.try_get("plan_changes")?;
    Ok(QuerySummary {
        query_hash: QueryHash(text(row, "query_hash")?),
        sql: text(row, "sql")?,
        kind: parsed(row, "kind")?,
        source,
        warnings: warnings(&figures, reason.as_ref(), changed),
        figures,
        trend: Vec::new(),
        planned: planned.map(|planned| planned == 1),
        planned_as,
        reason,
        first_seen_at: parsed(row, "first_seen_at")?,
        last_seen_at: parsed(row, "last_seen_at")?,
    })
}

/// Half of the blocks from disk, on a thousand of them.
const COLD_PERCENT: f64 = 50.0;
const MANY_BLOCKS: i64 = 1000;

fn warnings(figures: &QueryFigures, reason: Option<&NotPlanned>, plan_changes: i64) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(reason) = reason {
        found.push(format!("Not planned: {reason}"));
    }
    if plan_changes > 0 {
        found.push("Its plan changed in the last 24 hours".to_owned());
    }
    if figures.temp_blocks > 0 {
        let bytes = optischema::figures::bytes(figures.temp_blocks.saturating_mul(8192));
        found.push(format!("Temporary files: {bytes} written and read"));
    }
    let cold = figures.cache_hit_percent.is_some_and(|percent| percent < COLD_PERCENT);
    if cold && figures.shared_read >= MANY_BLOCKS {
        found.push("Most of its blocks are not found in memory".to_owned());
    }
    found
}
