use super::{HandedChange, HandedStatement, Migration};

pub(super) fn migration(changes: &[HandedChange]) -> Migration<'_> {
    Migration { stamp: "20260102030405", changes }
}

pub(super) fn within(sql: &str) -> HandedStatement {
    HandedStatement { sql: sql.to_owned(), in_transaction: true }
}

pub(super) fn outside(sql: &str) -> HandedStatement {
    HandedStatement { sql: sql.to_owned(), in_transaction: false }
}

pub(super) fn index() -> HandedChange {
    HandedChange {
        title: "Index orders by status".to_owned(),
        reference: "rec-1".to_owned(),
        notes: vec!["41 ms to 1.3 ms".to_owned()],
        up: vec![outside("CREATE INDEX CONCURRENTLY i ON orders (status)")],
        down: vec![outside("DROP INDEX CONCURRENTLY i")],
        no_down: None,
    }
}

pub(super) fn settings() -> HandedChange {
    HandedChange {
        title: "Correlate town and postcode".to_owned(),
        reference: "rec-2".to_owned(),
        notes: Vec::new(),
        up: vec![
            within("CREATE STATISTICS s (dependencies) ON town, postcode FROM orders"),
            within("ANALYZE orders"),
        ],
        down: vec![within("DROP STATISTICS s")],
        no_down: None,
    }
}

pub(super) fn vacuum() -> HandedChange {
    HandedChange {
        title: "Vacuum orders".to_owned(),
        reference: "rec-3".to_owned(),
        notes: Vec::new(),
        up: vec![outside("VACUUM orders")],
        down: Vec::new(),
        no_down: Some("dead rows do not come back".to_owned()),
    }
}
