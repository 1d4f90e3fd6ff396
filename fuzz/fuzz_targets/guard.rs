//! The guard of main: whatever passes is one SELECT, stays one when it is read again, and holds nothing that
//! writes, by a second look that shares no code with the guard.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_query::NodeEnum;

// The module itself, without the server around it, which would take minutes to build with a sanitizer.
#[allow(dead_code, unused_imports)]
#[path = "../../server/src/hex.rs"]
mod hex;
#[allow(dead_code, unused_imports)]
#[path = "../../server/src/sql/mod.rs"]
mod sql;

fuzz_target!(|text: &str| {
    let _ = sql::highlighted(text);
    let _ = sql::parameter_places(text);
    let Ok(statement) = sql::parse_one(text) else { return };
    let Ok(()) = sql::check_select(&statement) else { return };
    let again = sql::parse_one(&statement.sql).expect("what passed is read again");
    sql::check_select(&again).expect("and passes again");
    let calls = sql::calls(&statement).expect("its calls can be read");

    let parsed = pg_query::parse(&statement.sql, 0).expect("it parses");
    assert_eq!(parsed.protobuf.stmts.len(), 1, "{}", statement.sql);
    let root = parsed.protobuf.stmts[0].stmt.as_ref().and_then(|node| node.node.as_ref());
    assert!(matches!(root, Some(NodeEnum::SelectStmt(_))), "{}", statement.sql);
    assert!(parsed.ddl_tables().is_empty() && parsed.dml_tables().is_empty(), "{}", statement.sql);
    for (node, ..) in parsed.protobuf.nodes() {
        let node = format!("{node:?}");
        let kind = node.split('(').next().unwrap_or_default();
        assert!(!kind.ends_with("Stmt") || kind == "SelectStmt", "{kind} in {}", statement.sql);
    }
    for (name, _) in &parsed.functions {
        let last = name.rsplit('.').next().unwrap_or_default();
        assert!(
            calls.functions.iter().any(|call| call.name == last || call.name.contains('.')),
            "{name} in {} is not among {calls:?}",
            statement.sql
        );
    }
});
