//! A month of history, simulated; for the test of the store's size, and for the bench.

use std::collections::BTreeMap;
use std::path::Path;

use optischema::model::{QueryHash, QueryKind, Timestamp};
use optischema::workload::{
    Counters, Delta, Deltas, Known, Origin, Reading, Snapshot, StatementKey,
};
use optischema_server::store::{FreshQuery, LastReading, NewReading, Store};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Thirty days in which every statement runs all the time. Readings stand an hour apart until the last two
/// days, ten minutes apart until the last two hours, and a minute apart from then on: rolled up they leave
/// the same rows as readings of every minute, in a fortieth of the time.
pub fn moments() -> Vec<i64> {
    let (end, mut at, mut moments) = (30 * DAY, 0, Vec::new());
    while at < end {
        moments.push(at);
        at += match end - at {
            left if left > 2 * DAY => HOUR,
            left if left > 2 * HOUR => 10 * MINUTE,
            _ => MINUTE,
        };
    }
    moments
}

fn key(number: i64) -> StatementKey {
    StatementKey { dbid: 5, userid: 10, queryid: -number - 1, toplevel: true }
}

/// Writes the history of `statements` statements that ends at `now`.
pub async fn simulate(store: &Store, database: &str, statements: i64, now: Timestamp) {
    let begin = now.as_millisecond() - 30 * DAY * 1000;
    let each = Counters {
        calls: 7,
        total_time_ms: 31.415_926,
        rows: 70,
        shared_hit: 1234,
        shared_read: 56,
        ..Counters::default()
    };
    let mut last: Option<LastReading> = None;
    for (number, moment) in moments().into_iter().enumerate() {
        let at = Timestamp::from_millisecond(begin + moment * 1000);
        let turn = i64::try_from(number).unwrap() + 1;
        let counters = |_: i64| Counters {
            calls: each.calls * turn,
            total_time_ms: each.total_time_ms * turn as f64,
            rows: each.rows * turn,
            shared_hit: each.shared_hit * turn,
            shared_read: each.shared_read * turn,
            ..each
        };
        let readings: Vec<Reading> = (0..statements)
            .map(|n| Reading { key: key(n), counters: counters(n), since: None })
            .collect();
        let changed = (0..statements)
            .map(|n| Delta { key: key(n), counters: each, origin: Origin::Continued })
            .collect();
        let fresh = if last.is_some() { 0 } else { statements };
        let reading = NewReading {
            snapshot: Snapshot { at, reset_at: None, deallocations: Some(0), readings },
            deltas: Deltas { changed, ..Deltas::default() },
            fresh: (0..fresh)
                .map(|n| FreshQuery {
                    key: key(n),
                    query_hash: QueryHash(format!("{n:016x}")),
                    sql: format!("SELECT a, b, c FROM table_{n} WHERE tenant = $1 AND created_at > $2 ORDER BY created_at DESC LIMIT $3"),
                    kind: QueryKind::User,
                    unreadable: None,
                    role: "app".into(),
                    search_path: None,
                    calls_functions: false,
                    writes: false,
                })
                .collect(),
            hidden: 0,
            main_ms: 1.0,
            here_ms: 1.0,
        };
        store.record_reading(database, last.as_ref(), &reading).await.unwrap();
        // What the next reading compares with; the ids are given out in order.
        let queries: BTreeMap<StatementKey, i64> =
            (0..statements).map(|n| (key(n), n + 1)).collect();
        let known = (0..statements)
            .map(|n| (key(n), Known { counters: counters(n), since: None }))
            .collect();
        last = Some(LastReading { at, reset_at: None, deallocations: Some(0), known, queries });
    }
}

/// Bytes of the store's file and its log.
pub fn size_of(file: &Path) -> u64 {
    ["", "-wal"]
        .iter()
        .filter_map(|end| std::fs::metadata(format!("{}{end}", file.display())).ok())
        .map(|metadata| metadata.len())
        .sum()
}
