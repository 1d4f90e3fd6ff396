//! What an index costs each write, measured: the same writes with it and without, interleaved.

use optischema::model::{
    MeasuredWriteCost, WriteArm, WriteMeasure, WriteOperation, quote_identifier, quote_literal,
};
use optischema::statistics::{THRESHOLD, compare, median};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use super::arms::{Fence, execute};
use super::patching::TargetIndex;
use super::protocol::{interval_percent, percent};
use super::writing::{FILL_FACTOR, WriteTarget, prepare};
use crate::postgres::PgFailure;
use crate::postgres::query;

/// Pairs of runs, after one of each arm to warm up.
const PAIRS: usize = 10;
/// Windows of rows that runs of one operation write, so that none meets another's leftovers.
const WINDOWS: i64 = 2 * (PAIRS as i64 + 1);
/// Both kinds of updates leave rows behind: the second begins where the first has ended.
const UPDATES: i64 = 2;

/// What one run took.
#[derive(Debug, Clone, Copy)]
struct Written {
    milliseconds: f64,
    wal_bytes: i64,
    wal_records: i64,
    hot_updates: i64,
    /// Of the whole, merging the pending list.
    merge_ms: Option<f64>,
}

/// Measures it. A table that cannot be written to is no failure of the benchmark: the reason is given.
pub(super) async fn measure(
    connection: &mut PgConnection,
    fence: Fence,
    workspace: &str,
    target: &TargetIndex,
    seed: u64,
) -> Result<MeasuredWriteCost, BenchmarkError> {
    let mut cost = MeasuredWriteCost {
        table_rows: 0,
        fill_factor: FILL_FACTOR,
        operations: Vec::new(),
        absent: Vec::new(),
    };
    let prepared = fence
        .attempt(connection, async |connection| {
            prepare(connection, workspace, target, UPDATES * WINDOWS).await
        })
        .await;
    let prepared = fence_errors(prepared)?;
    let place = match prepared.and_then(|prepared| prepared) {
        Ok(place) => place,
        Err(reason) => {
            cost.absent.push(reason);
            return Ok(cost);
        }
    };
    cost.table_rows = place.rows;
    let mut rng = fastrand::Rng::with_seed(seed);
    for operation in WriteOperation::ALL {
        if place.statement(*operation, 0).is_none() {
            let what = match operation {
                WriteOperation::UpdateIndexed => "the index has expressions only",
                _ => "every column is in an index",
            };
            cost.absent.push(format!("{}: {what}.", operation.label()));
            continue;
        }
        match fence_errors(
            one(connection, fence, &place, *operation, target.is_made, &mut rng).await,
        )? {
            Ok(measured) => cost.operations.push(measured),
            Err(reason) => cost.absent.push(format!("{}: {reason}", operation.label())),
        }
    }
    Ok(cost)
}

/// PostgreSQL's refusals are reasons; a lost connection is not.
fn fence_errors<T>(result: Result<T, BenchmarkError>) -> Result<Result<T, String>, BenchmarkError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(error.refusal()?)),
    }
}

async fn one(
    connection: &mut PgConnection,
    fence: Fence,
    place: &WriteTarget,
    operation: WriteOperation,
    is_made: bool,
    rng: &mut fastrand::Rng,
) -> Result<WriteMeasure, BenchmarkError> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let mut window = if operation == WriteOperation::UpdateOther { WINDOWS } else { 0 };
    for pair in 0..=PAIRS {
        let first_with = rng.bool();
        for has_index in [first_with, !first_with] {
            let statement = place.statement(operation, window).unwrap_or_default();
            let written = write(connection, fence, place, has_index, statement).await?;
            window += 1;
            // The first pair after a checkpoint writes whole pages to the log.
            if pair > 0 {
                if has_index { with.push(written) } else { without.push(written) }
            }
        }
    }
    let (baseline, patched) = if is_made { (&without, &with) } else { (&with, &without) };
    let times = |runs: &[Written]| runs.iter().map(|run| run.milliseconds).collect::<Vec<_>>();
    let comparison = compare(&times(baseline), &times(patched), THRESHOLD);
    let column = match operation {
        WriteOperation::UpdateIndexed => place.indexed.clone(),
        WriteOperation::UpdateOther => place.other.clone(),
        WriteOperation::Insert | WriteOperation::Delete => None,
    };
    Ok(WriteMeasure {
        operation,
        rows: place.written,
        column,
        pairs: PAIRS as u32,
        baseline: arm(baseline),
        patched: arm(patched),
        change_percent: comparison.as_ref().map(|found| percent(found.ratio)),
        confidence_interval: comparison.and_then(|found| found.interval).map(interval_percent),
    })
}

fn arm(runs: &[Written]) -> WriteArm {
    let middle = |of: fn(&Written) -> f64| {
        median(&runs.iter().map(of).collect::<Vec<_>>()).unwrap_or_default()
    };
    WriteArm {
        median_ms: middle(|run| run.milliseconds),
        wal_bytes: middle(|run| run.wal_bytes as f64) as i64,
        wal_records: middle(|run| run.wal_records as f64) as i64,
        hot_updates: middle(|run| run.hot_updates as f64) as i64,
        merge_ms: runs
            .iter()
            .any(|run| run.merge_ms.is_some())
            .then(|| middle(|run| run.merge_ms.unwrap_or_default())),
    }
}

async fn write(
    connection: &mut PgConnection,
    fence: Fence,
    place: &WriteTarget,
    has_index: bool,
    statement: String,
) -> Result<Written, BenchmarkError> {
    let drop = format!(
        "DROP INDEX {}.{}",
        quote_identifier(&place.index.schema),
        quote_identifier(&place.index.name)
    );
    // What is put off is work of the write all the same.
    let merge = format!(
        "SELECT pg_catalog.gin_clean_pending_list({}::pg_catalog.regclass)",
        quote_literal(&place.index.quoted())
    );
    fence
        .around(connection, async |connection| {
            if !has_index {
                execute(connection, drop).await?;
            }
            let before = hot_updates(connection, place).await?;
            let mut written = explained(connection, &statement).await?;
            written.hot_updates = hot_updates(connection, place).await? - before;
            if has_index && place.has_pending_list {
                let merged = explained(connection, &merge).await?;
                written.milliseconds += merged.milliseconds;
                written.wal_bytes += merged.wal_bytes;
                written.wal_records += merged.wal_records;
                written.merge_ms = Some(merged.milliseconds);
            }
            Ok(written)
        })
        .await
}

async fn explained(
    connection: &mut PgConnection,
    statement: &str,
) -> Result<Written, BenchmarkError> {
    let text = format!("EXPLAIN (ANALYZE, WAL, TIMING OFF, SUMMARY ON, FORMAT JSON) {statement}");
    let row = query(AssertSqlSafe(text)).fetch_one(connection).await?;
    read(&row.try_get(0)?)
}

fn read(json: &Value) -> Result<Written, BenchmarkError> {
    let root = json.get(0);
    let plan = root.and_then(|root| root.get("Plan"));
    let number = |name: &str| plan.and_then(|plan| plan.get(name)).and_then(Value::as_i64);
    let time = root.and_then(|root| root.get("Execution Time")).and_then(Value::as_f64);
    let (Some(milliseconds), Some(wal_bytes), Some(wal_records)) =
        (time, number("WAL Bytes"), number("WAL Records"))
    else {
        return Err(PgFailure::Unexpected("EXPLAIN (WAL) gave no figures".into()).into());
    };
    Ok(Written {
        milliseconds: milliseconds.max(0.0005),
        wal_bytes,
        wal_records,
        hot_updates: 0,
        merge_ms: None,
    })
}

/// Heap-only updates of the table in this transaction so far.
async fn hot_updates(
    connection: &mut PgConnection,
    place: &WriteTarget,
) -> Result<i64, BenchmarkError> {
    let row = query(
        "SELECT COALESCE((SELECT n_tup_hot_upd FROM pg_catalog.pg_stat_xact_user_tables
                          WHERE schemaname = $1 AND relname = $2), 0)::pg_catalog.int8 AS hot",
    )
    .bind(&place.table.schema)
    .bind(&place.table.name)
    .fetch_one(connection)
    .await?;
    Ok(row.try_get("hot")?)
}
