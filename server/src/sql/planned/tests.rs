use optischema::model::{PlannedAs, ReasonCode, RowAccess};

use super::{planned, row_access};
use crate::sql::{check_select, parse_one};

fn of(sql: &str) -> (PlannedAs, String) {
    let planned = planned(&parse_one(sql).unwrap()).unwrap_or_else(|why| panic!("{sql}: {why}"));
    assert_eq!(check_select(&planned.statement), Ok(()), "{}", planned.statement.sql);
    (planned.how, planned.statement.sql)
}

#[test]
fn what_only_reads_is_planned_itself() {
    let sql = "SELECT a FROM t WHERE b = $1";
    assert_eq!(of(sql), (PlannedAs::Itself, sql.to_owned()));
}

#[test]
fn writes_are_planned_through_their_row_search() {
    for (sql, search) in [
        ("UPDATE t SET a = $1 WHERE b = $2", "SELECT t.ctid FROM t WHERE b = $2"),
        (
            "DELETE FROM ONLY s.t AS x WHERE x.b < $1",
            "SELECT x.ctid FROM ONLY s.t x WHERE x.b < $1",
        ),
        (
            "UPDATE t SET a = u.a FROM u JOIN v USING (id) WHERE u.id = t.id RETURNING *",
            "SELECT t.ctid FROM t, u JOIN v USING (id) WHERE u.id = t.id",
        ),
        (
            "DELETE FROM t USING u WHERE u.id = t.id RETURNING t.id",
            "SELECT t.ctid FROM t, u WHERE u.id = t.id",
        ),
        (
            "UPDATE t SET n = (SELECT count(*) FROM u WHERE u.t = t.id), m = 1 WHERE id = $1",
            "SELECT t.ctid, (SELECT count(*) FROM u WHERE u.t = t.id) FROM t WHERE id = $1",
        ),
        (
            "UPDATE t SET (a, b) = (SELECT x, y FROM u WHERE u.t = t.id)",
            "SELECT t.ctid, (SELECT optischema_source FROM (SELECT x, y FROM u WHERE u.t = t.id) optischema_source) FROM t",
        ),
        (
            "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.id)",
            "SELECT t.ctid FROM s LEFT JOIN t ON t.id = s.id",
        ),
        (
            "MERGE INTO t AS x USING (SELECT 1 AS id) s ON x.id = s.id WHEN MATCHED THEN DELETE",
            "SELECT x.ctid FROM (SELECT 1 AS id) s JOIN t x ON x.id = s.id",
        ),
        (
            "INSERT INTO t (a) SELECT b FROM u WHERE c = $1 ON CONFLICT DO NOTHING",
            "SELECT b FROM u WHERE c = $1",
        ),
        (
            "WITH w AS (SELECT 1 AS b) INSERT INTO t SELECT b FROM w",
            "WITH w AS (SELECT 1 AS b) SELECT b FROM w",
        ),
        (
            "WITH w AS (SELECT 1 AS b) INSERT INTO t WITH v AS (SELECT b FROM w) SELECT b FROM v",
            "WITH w AS (SELECT 1 AS b) SELECT * FROM (WITH v AS (SELECT b FROM w) SELECT b FROM v) optischema_source",
        ),
        (
            "INSERT INTO t VALUES (DEFAULT, (SELECT max(a) FROM u))",
            "VALUES (NULL, (SELECT max(a) FROM u))",
        ),
    ] {
        assert_eq!(of(sql), (PlannedAs::RowSearch, search.to_owned()));
    }
}

#[test]
fn writes_in_with_queries_are_read_there() {
    for (sql, search) in [
        (
            "WITH gone AS (DELETE FROM t WHERE a < $1 RETURNING id, b AS c) INSERT INTO u SELECT * FROM gone",
            "WITH gone AS (SELECT id, b AS c FROM t WHERE a < $1) SELECT * FROM gone",
        ),
        (
            "WITH x AS (UPDATE t SET a = 1 WHERE b = 2 RETURNING old.a, new.b) SELECT * FROM x",
            "WITH x AS (SELECT t.a, t.b FROM t WHERE b = 2) SELECT * FROM x",
        ),
        (
            "WITH x AS (UPDATE t SET a = 1 WHERE b = 2) DELETE FROM u WHERE c = 3",
            "WITH x AS (SELECT t.ctid FROM t WHERE b = 2) SELECT u.ctid, (SELECT pg_catalog.count(*) FROM x) FROM u WHERE c = 3",
        ),
        (
            "WITH i AS (INSERT INTO t (a) VALUES (DEFAULT) RETURNING id) SELECT id FROM i",
            "WITH i AS (SELECT optischema_row.* FROM (VALUES (NULL)) optischema_source, LATERAL (SELECT id FROM t LIMIT 1) optischema_row) SELECT id FROM i",
        ),
    ] {
        assert_eq!(of(sql), (PlannedAs::RowSearch, search.to_owned()));
    }
}

#[test]
fn locks_are_left_out_wherever_they_stand() {
    for (sql, search) in [
        (
            "SELECT * FROM jobs WHERE state = $1 ORDER BY at LIMIT 1 FOR UPDATE SKIP LOCKED",
            "SELECT * FROM jobs WHERE state = $1 ORDER BY at LIMIT 1",
        ),
        (
            "UPDATE jobs SET state = 'x' WHERE id IN (SELECT id FROM jobs WHERE state = 'y' LIMIT 1 FOR NO KEY UPDATE) RETURNING *",
            "SELECT jobs.ctid FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 'y' LIMIT 1)",
        ),
        (
            "WITH n AS (SELECT id FROM jobs LIMIT 5 FOR UPDATE OF jobs NOWAIT) DELETE FROM jobs USING n WHERE n.id = jobs.id",
            "WITH n AS (SELECT id FROM jobs LIMIT 5) SELECT jobs.ctid FROM jobs, n WHERE n.id = jobs.id",
        ),
        (
            "SELECT * FROM (SELECT a FROM t FOR SHARE) s WHERE EXISTS (SELECT 1 FROM u FOR KEY SHARE)",
            "SELECT * FROM (SELECT a FROM t) s WHERE EXISTS (SELECT 1 FROM u)",
        ),
    ] {
        assert_eq!(of(sql), (PlannedAs::RowSearch, search.to_owned()));
    }
}

#[test]
fn what_is_carried_is_planned() {
    let query = "SELECT a FROM t WHERE b = 1";
    for sql in [
        "DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT a FROM t WHERE b = 1",
        "PREPARE p (int) AS SELECT a FROM t WHERE b = 1",
        "COPY (SELECT a FROM t WHERE b = 1) TO STDOUT WITH (FORMAT csv)",
        "CREATE TEMP TABLE x AS SELECT a FROM t WHERE b = 1",
        "CREATE MATERIALIZED VIEW x AS SELECT a FROM t WHERE b = 1 WITH NO DATA",
        "SELECT a INTO TEMP x FROM t WHERE b = 1",
        "EXPLAIN (ANALYZE) SELECT a FROM t WHERE b = 1",
        "EXPLAIN DECLARE c CURSOR FOR SELECT a FROM t WHERE b = 1 FOR UPDATE",
    ] {
        assert_eq!(of(sql), (PlannedAs::InnerQuery, query.to_owned()), "{sql}");
    }
    assert_eq!(
        of("PREPARE p AS UPDATE t SET a = $1 WHERE b = $2"),
        (PlannedAs::InnerQuery, "SELECT t.ctid FROM t WHERE b = $2".to_owned())
    );
    assert_eq!(
        of("SELECT a INTO x FROM t UNION ALL SELECT b FROM u"),
        (PlannedAs::InnerQuery, "SELECT a FROM t UNION ALL SELECT b FROM u".to_owned())
    );
}

#[test]
fn what_searches_nothing_says_why() {
    for (sql, code) in [
        ("INSERT INTO t VALUES (1, $1), (2, DEFAULT)", ReasonCode::RowsGiven),
        (
            "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = 1",
            ReasonCode::RowsGiven,
        ),
        ("INSERT INTO t DEFAULT VALUES", ReasonCode::RowsGiven),
        ("DELETE FROM t WHERE CURRENT OF c", ReasonCode::RowsGiven),
        ("EXECUTE p(1)", ReasonCode::PreparedElsewhere),
        ("FETCH 100 FROM c", ReasonCode::NoQuery),
        ("COPY t TO STDOUT", ReasonCode::NoQuery),
        ("COPY t FROM STDIN", ReasonCode::NoQuery),
        ("VACUUM t", ReasonCode::NoQuery),
        ("EXPLAIN EXECUTE p", ReasonCode::PreparedElsewhere),
    ] {
        let found = planned(&parse_one(sql).unwrap()).unwrap_err();
        assert_eq!(found.code, code, "{sql}: {found}");
    }
}

#[test]
fn what_policies_for_writing_filter_is_told() {
    let of = |sql: &str| {
        let statement = parse_one(sql).unwrap();
        let (access, tables) = row_access(&statement)?;
        let tables: Vec<String> = tables.into_iter().map(|(_, name)| name).collect();
        Some((access, tables.join(" ")))
    };
    let update = |tables: &str| Some((RowAccess::Update, tables.to_owned()));
    assert_eq!(of("UPDATE t SET a = 1 FROM u WHERE u.id = t.id"), update("t"));
    assert_eq!(of("DELETE FROM t"), Some((RowAccess::Delete, "t".to_owned())));
    assert_eq!(of("SELECT 1 FROM t JOIN u USING (id) FOR UPDATE OF u"), update("u"));
    assert_eq!(of("SELECT 1 FROM t x WHERE id IN (SELECT id FROM u) FOR UPDATE OF x"), update("t"));
    assert_eq!(of("SELECT 1 FROM t WHERE id IN (SELECT id FROM u) FOR SHARE"), update("t"));
    assert_eq!(of("SELECT 1 FROM t"), None);
    let merge = "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE";
    assert_eq!(of(merge), None, "it checks them row by row");
}
