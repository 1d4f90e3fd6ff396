//! Cursors: their time is counted under FETCH, and belongs to the query that they were declared for.

use std::collections::BTreeMap;

use super::raw::RawStatement;
use crate::sql::{CursorUse, cursor_use};

/// Gives what FETCH took to the declarations of cursors of the same name and role, by their calls. `i64` is the role.
pub(super) fn credit(statements: &mut [(i64, RawStatement)]) {
    let mut fetched: BTreeMap<(i64, String), (f64, i64)> = BTreeMap::new();
    let mut declared: BTreeMap<(i64, String), Vec<usize>> = BTreeMap::new();
    for (at, (role, raw)) in statements.iter().enumerate() {
        match cursor_use(&raw.sql) {
            Some(CursorUse::Fetched(name)) => {
                let sum = fetched.entry((*role, name)).or_default();
                sum.0 += raw.total_time_ms;
                sum.1 = sum.1.saturating_add(raw.rows);
            }
            Some(CursorUse::Declared(name)) => declared.entry((*role, name)).or_default().push(at),
            None => {}
        }
    }
    for (cursor, (time, rows)) in fetched {
        let Some(places) = declared.get(&cursor) else { continue };
        let calls: i64 = places.iter().map(|at| statements[*at].1.calls.max(1)).sum();
        for at in places {
            let raw = &mut statements[*at].1;
            let share = raw.calls.max(1) as f64 / calls.max(1) as f64;
            raw.total_time_ms += time * share;
            raw.rows = raw.rows.saturating_add((rows as f64 * share).round() as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_fetches_is_their_querys() {
        let raw = |role: i64, sql: &str, calls: i64, total_time_ms: f64, rows: i64| {
            let sql = sql.to_owned();
            (role, RawStatement { sql, calls, total_time_ms, rows, ..RawStatement::default() })
        };
        let mut statements = vec![
            raw(1, "DECLARE page NO SCROLL CURSOR FOR SELECT * FROM a", 1, 0.5, 0),
            raw(1, "DECLARE \"page\" CURSOR WITH HOLD FOR SELECT * FROM b", 3, 0.5, 0),
            raw(2, "DECLARE page CURSOR FOR SELECT * FROM c", 1, 0.5, 0),
            raw(1, "FETCH FORWARD 100 FROM page", 8, 80.0, 400),
            raw(1, "FETCH FORWARD $1 FROM page", 1, 0.0, 0),
            raw(1, "FETCH ALL IN other", 1, 5.0, 9),
        ];
        credit(&mut statements);
        let of = |at: usize| (statements[at].1.total_time_ms, statements[at].1.rows);
        assert_eq!((of(0), of(1), of(2)), ((20.5, 100), (60.5, 300), (0.5, 0)));
    }
}
