//! Prepared statements of a file: EXECUTE runs what PREPARE of the same name stands for, with the values that it gives.

use std::collections::{BTreeMap, BTreeSet};

use super::raw::RawStatement;
use crate::sql::{PreparedUse, prepared_use};

/// Puts what was prepared before in the place of each EXECUTE. A PREPARE that is run is no call of its own.
pub(super) fn resolve(statements: Vec<RawStatement>) -> Vec<RawStatement> {
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    let mut run = BTreeSet::new();
    let mut found: Vec<RawStatement> = Vec::with_capacity(statements.len());
    for mut raw in statements {
        match prepared_use(&raw.sql) {
            Some(PreparedUse::Made { name }) => {
                made.insert(name, found.len());
            }
            Some(PreparedUse::Run { name, values }) => {
                if let Some(at) = made.get(&name) {
                    run.insert(*at);
                    raw.sql = found[*at].sql.clone();
                    raw.search_path = found[*at].search_path.clone();
                    raw.logged = values.into_iter().filter(|set| !set.is_empty()).collect();
                }
            }
            None => {}
        }
        found.push(raw);
    }
    let each = found.into_iter().enumerate();
    each.filter(|(at, _)| !run.contains(at)).map(|(_, raw)| raw).collect()
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
                (of_a, 40),
                (of_a, 2),
                ("PREPARE unused AS SELECT 1 FROM a", 1),
                ("DEALLOCATE find", 1),
                (of_b, 3)
            ]
        );
        assert_eq!(found[1].logged, [[Some("7".to_owned())]]);
        assert!(found[2].logged.is_empty(), "a call gives no constant");
        assert_eq!(found[5].logged, [[None]]);
    }
}
