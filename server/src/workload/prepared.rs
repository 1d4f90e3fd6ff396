//! Prepared statements of a file: EXECUTE runs what PREPARE of the same name stands for, with the values that it gives.

use std::collections::{BTreeMap, BTreeSet};

use super::raw::RawStatement;
use crate::sql::{PreparedUse, prepared_use};

/// Sets of values that are kept of one prepared statement.
const MOST_VALUES: usize = 5;

/// Counts each EXECUTE with what was prepared before under its name.
pub(super) fn resolve(statements: Vec<RawStatement>) -> Vec<RawStatement> {
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    let mut run = BTreeSet::new();
    let mut found: Vec<RawStatement> = Vec::with_capacity(statements.len());
    for raw in statements {
        match prepared_use(&raw.sql) {
            Some(PreparedUse::Made { name }) => {
                made.insert(name, found.len());
            }
            Some(PreparedUse::Run { name, values }) => {
                if let Some(at) = made.get(&name) {
                    let prepared = &mut found[*at];
                    // PREPARE itself is no call.
                    let before = if run.insert(*at) { 0 } else { prepared.calls };
                    prepared.calls = before.saturating_add(raw.calls);
                    if let Some(values) = values.filter(|set| !set.is_empty()) {
                        prepared.take_values(values, raw.calls);
                    }
                    continue;
                }
            }
            None => {}
        }
        found.push(raw);
    }
    run.into_iter().for_each(|at| found[at].keep_values(MOST_VALUES));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_executed_is_what_was_prepared() {
        let raw = |sql: &str, calls: i64| RawStatement {
            sql: sql.to_owned(),
            calls,
            ..RawStatement::default()
        };
        let of_a = "PREPARE find AS SELECT * FROM a WHERE id = $1";
        let of_b = "PREPARE find AS SELECT * FROM b WHERE id = $1";
        let found = resolve(vec![
            raw("EXECUTE find(1)", 1),
            raw(of_a, 1),
            raw("EXECUTE find(7)", 40),
            raw("EXECUTE find(now())", 2),
            raw("PREPARE unused AS SELECT 1 FROM a", 1),
            raw("DEALLOCATE find", 1),
            raw(of_b, 1),
            raw("EXECUTE find(NULL)", 3),
        ]);
        let seen: Vec<(&str, i64)> =
            found.iter().map(|raw| (raw.sql.as_str(), raw.calls)).collect();
        assert_eq!(
            seen,
            [
                ("EXECUTE find(1)", 1),
                (of_a, 42),
                ("PREPARE unused AS SELECT 1 FROM a", 1),
                ("DEALLOCATE find", 1),
                (of_b, 3)
            ]
        );
        assert_eq!(found[1].logged, [[Some("7".to_owned())]], "a call gives no constant");
        assert_eq!(found[4].logged, [[None]]);
    }
}
