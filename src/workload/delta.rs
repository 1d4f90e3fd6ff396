//! From two readings to what happened between them. Counters only grow, unless someone reset them, the
//! server crashed, or an entry was dropped for room and came back: then they begin again at zero.

use std::collections::BTreeMap;

use super::counters::{Counters, Snapshot, StatementKey};
use crate::model::Timestamp;

/// An entry as it was read last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    pub counters: Counters,
    pub since: Option<Timestamp>,
}

/// How a delta came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The entry went on.
    Continued,
    /// It was not there before.
    New,
    /// It began again at zero; what it counted before that and after the last reading is lost.
    Restarted,
}

/// What one entry did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delta {
    pub key: StatementKey,
    pub counters: Counters,
    pub origin: Origin,
}

/// What happened between two readings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deltas {
    /// Entries that did something.
    pub changed: Vec<Delta>,
    /// Entries that are no longer there: dropped for room, or reset.
    pub gone: Vec<StatementKey>,
    /// Whether everything was reset.
    pub was_reset: bool,
    /// How often room was made meanwhile: what ran only before that is not counted.
    pub deallocations: i64,
}

/// Compares a snapshot with what was known before it.
#[must_use]
pub fn deltas(
    known: &BTreeMap<StatementKey, Known>,
    reset_before: Option<Timestamp>,
    deallocations_before: Option<i64>,
    snapshot: &Snapshot,
) -> Deltas {
    let was_reset = match (reset_before, snapshot.reset_at) {
        (Some(before), Some(now)) => before != now,
        _ => false,
    };
    let mut result = Deltas { was_reset, ..Deltas::default() };
    // A reset sets this back as well.
    if let (Some(before), Some(now), false) =
        (deallocations_before, snapshot.deallocations, was_reset)
    {
        result.deallocations = (now - before).max(0);
    }
    let mut gone: BTreeMap<&StatementKey, ()> = known.keys().map(|key| (key, ())).collect();
    for reading in &snapshot.readings {
        gone.remove(&reading.key);
        let (counters, origin) = match known.get(&reading.key) {
            None => (reading.counters, Origin::New),
            Some(_) if was_reset => (reading.counters, Origin::Restarted),
            Some(before) if restarted(before, &reading.counters, reading.since) => {
                (reading.counters, Origin::Restarted)
            }
            Some(before) => (reading.counters.since(&before.counters), Origin::Continued),
        };
        if counters.calls > 0 {
            result.changed.push(Delta { key: reading.key, counters, origin });
        }
    }
    result.gone = gone.into_keys().copied().collect();
    result
}

fn restarted(before: &Known, now: &Counters, since: Option<Timestamp>) -> bool {
    let entry_is_new = matches!((before.since, since), (Some(a), Some(b)) if a != b);
    let then = &before.counters;
    // None of them ever falls by itself.
    let fell = now.calls < then.calls
        || now.rows < then.rows
        || now.total_time_ms < then.total_time_ms
        || now.plan_time_ms < then.plan_time_ms
        || now.shared_hit < then.shared_hit
        || now.shared_read < then.shared_read
        || now.temp_blocks < then.temp_blocks
        || now.read_time_ms < then.read_time_ms
        || now.wal_bytes < then.wal_bytes;
    entry_is_new || fell
}

#[cfg(test)]
mod tests {
    use super::super::counters::Reading;
    use super::*;

    fn key(queryid: i64) -> StatementKey {
        StatementKey { dbid: 1, userid: 10, queryid, toplevel: true }
    }

    fn counters(calls: i64) -> Counters {
        Counters {
            calls,
            total_time_ms: calls as f64 * 2.0,
            rows: calls * 3,
            ..Counters::default()
        }
    }

    fn snapshot(entries: &[(i64, i64)]) -> Snapshot {
        Snapshot {
            at: Timestamp::from_millisecond(60_000),
            reset_at: Some(Timestamp::from_millisecond(1)),
            deallocations: Some(5),
            readings: entries
                .iter()
                .map(|(id, calls)| Reading {
                    key: key(*id),
                    counters: counters(*calls),
                    since: None,
                })
                .collect(),
        }
    }

    fn known(entries: &[(i64, i64)]) -> BTreeMap<StatementKey, Known> {
        entries
            .iter()
            .map(|(id, calls)| (key(*id), Known { counters: counters(*calls), since: None }))
            .collect()
    }

    fn reset() -> Option<Timestamp> {
        Some(Timestamp::from_millisecond(1))
    }

    #[test]
    fn an_entry_that_goes_on_gives_what_came_on_top() {
        let found =
            deltas(&known(&[(1, 10), (2, 4)]), reset(), Some(5), &snapshot(&[(1, 15), (2, 4)]));
        assert_eq!(found.changed.len(), 1, "nothing happened to the second");
        assert_eq!(found.changed[0].counters, counters(5));
        assert_eq!(found.changed[0].origin, Origin::Continued);
        assert_eq!((found.was_reset, found.deallocations, found.gone.len()), (false, 0, 0));
    }

    #[test]
    fn a_new_entry_counts_whole_and_one_that_left_is_named() {
        let found = deltas(&known(&[(1, 10)]), reset(), Some(3), &snapshot(&[(2, 7)]));
        assert_eq!(found.changed[0].counters, counters(7));
        assert_eq!(found.changed[0].origin, Origin::New);
        assert_eq!(found.gone, [key(1)]);
        assert_eq!(found.deallocations, 2);
    }

    #[test]
    fn after_a_reset_everything_counts_from_zero_even_where_it_has_grown() {
        let earlier = Some(Timestamp::from_millisecond(0));
        let found = deltas(&known(&[(1, 10)]), earlier, Some(9), &snapshot(&[(1, 12)]));
        assert!(found.was_reset);
        assert_eq!(found.changed[0].counters, counters(12));
        assert_eq!(found.deallocations, 0);
    }

    #[test]
    fn an_entry_that_was_dropped_and_came_back_counts_from_zero() {
        let found = deltas(&known(&[(1, 10)]), reset(), Some(5), &snapshot(&[(1, 3)]));
        assert_eq!(found.changed[0].counters, counters(3));
        assert_eq!(found.changed[0].origin, Origin::Restarted);
    }

    #[test]
    fn one_that_came_back_with_more_calls_is_known_by_any_counter_that_fell() {
        let mut now = snapshot(&[(1, 11)]);
        now.readings[0].counters.rows = 30;
        now.readings[0].counters.total_time_ms = 0.2;
        let mut before = known(&[(1, 10)]);
        before.values_mut().for_each(|k| k.counters.shared_hit = 5310);
        let found = deltas(&before, reset(), Some(5), &now);
        assert_eq!(found.changed[0].origin, Origin::Restarted);
        assert_eq!(found.changed[0].counters.calls, 11);
    }

    #[test]
    fn from_17_on_the_entrys_own_age_tells_even_when_it_has_grown() {
        let mut now = snapshot(&[(1, 30)]);
        now.readings[0].since = Some(Timestamp::from_millisecond(500));
        let mut before = known(&[(1, 10)]);
        before.values_mut().for_each(|k| k.since = Some(Timestamp::from_millisecond(2)));
        let found = deltas(&before, reset(), Some(5), &now);
        assert_eq!(found.changed[0].counters, counters(30));
    }

    #[test]
    fn on_13_a_reset_shows_in_each_counter() {
        let mut now = snapshot(&[(1, 2), (2, 50)]);
        (now.reset_at, now.deallocations) = (None, None);
        let found = deltas(&known(&[(1, 10), (2, 40)]), None, None, &now);
        assert_eq!(found.changed[0].counters, counters(2));
        assert_eq!(found.changed[1].counters, counters(10));
    }

    #[test]
    fn the_same_query_of_another_role_or_database_is_another_entry() {
        let mut now = snapshot(&[(1, 8)]);
        now.readings[0].key.userid = 11;
        let found = deltas(&known(&[(1, 10)]), reset(), Some(5), &now);
        assert_eq!(found.changed[0].origin, Origin::New);
        now.readings[0].key = StatementKey { dbid: 2, ..key(1) };
        let found = deltas(&known(&[(1, 10)]), reset(), Some(5), &now);
        assert_eq!(found.changed[0].origin, Origin::New);
    }
}
