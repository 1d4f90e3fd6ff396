//! Which statements may be planned on main and run in the sandbox: one SELECT that changes nothing.
//!
//! Everything that may stand in its tree is listed here by name. What is not listed is refused, so that a
//! node type of a later PostgreSQL is refused before anyone has thought about it. Which functions it may
//! call depends on the database: `postgres/suspects.rs` decides that.

use super::{SqlError, Statement, tree};

/// Node types of a SELECT, as the parser names them.
const NODES: &[&str] = &[
    // Statement, clauses and what they read.
    "SelectStmt",
    "ResTarget",
    "RangeVar",
    "RangeSubselect",
    "RangeFunction",
    "RangeTableSample",
    "RangeTableFunc",
    "RangeTableFuncCol",
    "ColumnDef",
    "JoinExpr",
    "SortBy",
    "WindowDef",
    "GroupingSet",
    "CommonTableExpr",
    "List",
    // Names, values and types.
    "ColumnRef",
    "AStar",
    "ParamRef",
    "AConst",
    "TypeCast",
    "TypeName",
    "CollateClause",
    "String",
    "Integer",
    "Float",
    "Boolean",
    "BitString",
    "Sval",
    "Ival",
    "Fval",
    "Boolval",
    "Bsval",
    // Expressions.
    "AExpr",
    "BoolExpr",
    "SubLink",
    "FuncCall",
    "NamedArgExpr",
    "CaseExpr",
    "CaseWhen",
    "CoalesceExpr",
    "MinMaxExpr",
    "NullTest",
    "BooleanTest",
    "AArrayExpr",
    "AIndirection",
    "AIndices",
    "RowExpr",
    "GroupingFunc",
    "SqlvalueFunction",
    "XmlExpr",
    "XmlSerialize",
    // SQL/JSON.
    "JsonObjectConstructor",
    "JsonArrayConstructor",
    "JsonArrayQueryConstructor",
    "JsonObjectAgg",
    "JsonArrayAgg",
    "JsonKeyValue",
    "JsonValueExpr",
    "JsonIsPredicate",
    "JsonParseExpr",
    "JsonScalarExpr",
    "JsonSerializeExpr",
    "JsonFuncExpr",
    "JsonTable",
    "JsonTableColumn",
    "JsonArgument",
];

/// Fields that hold a typed part rather than a node.
const PARTS: &[&str] = &[
    "node",
    "stmt",
    "arg",
    "val",
    "larg",
    "rarg",
    "with_clause",
    "alias",
    "join_using_alias",
    "type_name",
    "over",
    "search_clause",
    "cycle_clause",
    "format",
    "returning",
    "output",
    "value",
    "constructor",
    "context_item",
    "pathspec",
    "on_empty",
    "on_error",
    "func",
    "expr",
    "query",
];

/// What may stand in a statement that writes or locks, besides.
const WRITING_NODES: &[&str] = &[
    "UpdateStmt",
    "DeleteStmt",
    "InsertStmt",
    "MergeStmt",
    "MergeWhenClause",
    "MultiAssignRef",
    "SetToDefault",
    "LockingClause",
    "IndexElem",
    "ReturningOption",
    "MergeSupportFunc",
];
const WRITING_PARTS: &[&str] =
    &["relation", "on_conflict_clause", "infer", "returning_clause", "returning_list"];

/// Checks that a statement is a query, an UPDATE, a DELETE, a MERGE or an INSERT, locks or none, with nothing inside that is
/// not known to be harmless: what may run where it is rolled back, on rows that nobody needs.
///
/// # Errors
/// The sentence that says what it is instead.
pub fn check_runnable(statement: &Statement) -> Result<(), SqlError> {
    let is_allowed = |name: &str| {
        let is_node = name.starts_with(|c: char| c.is_ascii_uppercase());
        let more = if is_node { WRITING_NODES } else { WRITING_PARTS };
        more.contains(&name)
    };
    let root = check(statement, &is_allowed)?;
    match root.as_deref() {
        Some("SelectStmt" | "UpdateStmt" | "DeleteStmt" | "InsertStmt" | "MergeStmt") => Ok(()),
        _ => Err(SqlError::Refused("it neither reads nor writes rows".into())),
    }
}

/// Checks that a statement is a SELECT without locks, without INTO, and without anything inside that is
/// not known to be harmless.
///
/// # Errors
/// The sentence that says what it is instead.
pub fn check_select(statement: &Statement) -> Result<(), SqlError> {
    match check(statement, &|_| false)?.as_deref() {
        Some("SelectStmt") => Ok(()),
        _ => Err(SqlError::Refused("it is not a SELECT".into())),
    }
}

/// Looks at every part; gives the name of the outermost one.
fn check(
    statement: &Statement,
    is_allowed: &dyn Fn(&str) -> bool,
) -> Result<Option<String>, SqlError> {
    let json = statement.json()?;
    let mut objection = None;
    let mut root = None;
    tree::walk(json, &mut |name, object| {
        if root.is_none() && name.starts_with(|c: char| c.is_ascii_uppercase()) {
            root = Some(name.to_owned());
        }
        // A field that holds a node is judged by that node's own name.
        let wraps_node = object.len() == 1 && object.contains_key("node");
        if !wraps_node
            && !is_allowed(name)
            && let Some(reason) = objection_to(name)
        {
            objection.get_or_insert(reason);
        }
    });
    match objection {
        Some(reason) => Err(SqlError::Refused(reason)),
        None => Ok(root),
    }
}

fn objection_to(name: &str) -> Option<String> {
    let is_node = name.starts_with(|c: char| c.is_ascii_uppercase());
    let allowed = if is_node { NODES } else { PARTS };
    if allowed.contains(&name) {
        return None;
    }
    Some(match name {
        "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" => {
            "it modifies data where only queries are allowed".to_owned()
        }
        "IntoClause" | "into_clause" => "SELECT INTO makes a table".to_owned(),
        "LockingClause" => "it locks rows (FOR UPDATE, FOR SHARE)".to_owned(),
        other if other.ends_with("Stmt") => {
            format!("{} is not a SELECT", other.trim_end_matches("Stmt"))
        }
        other => format!("it holds a part that is not known to be harmless ({other})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse_one;

    fn verdict(sql: &str) -> Result<(), SqlError> {
        check_select(&parse_one(sql)?)
    }

    #[test]
    fn selects_of_every_form_pass() {
        for sql in [
            "SELECT 1",
            "SELECT * FROM a JOIN b USING (id) WHERE a.x IN (SELECT y FROM c)",
            "WITH x AS (SELECT 1) SELECT * FROM x UNION ALL SELECT 2",
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SEARCH DEPTH FIRST BY n SET o
             CYCLE n SET c USING p SELECT * FROM t",
            "VALUES (1), (2)",
            "TABLE t",
            "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC NULLS LAST LIMIT 3 OFFSET 4",
            "SELECT a, sum(b) FILTER (WHERE c) OVER (PARTITION BY d ORDER BY e ROWS 3 PRECEDING) FROM t",
            "SELECT sum(x) OVER w FROM t WINDOW w AS (PARTITION BY y)",
            "SELECT a, GROUPING(a) FROM t GROUP BY GROUPING SETS ((a), ()), CUBE (b)",
            "SELECT CASE a WHEN 1 THEN 'x' ELSE NULL END, COALESCE(a, b), NULLIF(a, 1), GREATEST(a, 2)",
            "SELECT (ARRAY[1, 2])[1], (x).y, ROW(1, 2), b'101', 1.5, true, current_date, localtime(2) FROM t",
            "SELECT * FROM t TABLESAMPLE SYSTEM (1) REPEATABLE (2), generate_series(1, 3) WITH ORDINALITY g(i, o)",
            "SELECT * FROM ROWS FROM (unnest(a), unnest(b)) AS r(x int, y text)",
            "SELECT * FROM xmltable('/a' PASSING x COLUMNS i int PATH 'b') t",
            "SELECT x IS JSON, x IS NOT TRUE, x COLLATE \"C\", x AT TIME ZONE 'UTC', x::numeric(10, 2)[] FROM t",
            "SELECT json_object('a': 1), json_array(1, 2), json_arrayagg(x), json_objectagg(a: b) FROM t",
            "SELECT json_query(a, '$.b' PASSING 1 AS c RETURNING text WITH WRAPPER NULL ON EMPTY ERROR ON ERROR),
             json_value(a, '$'), json_exists(a, '$'), json_serialize(a), json_scalar(1), json(a), json_array(SELECT 1)
             FROM t, json_table(a, '$' COLUMNS (id int PATH '$.id', NESTED PATH '$.x' COLUMNS (y int))) j",
            "SELECT xmlserialize(content x AS text), xmlelement(name a, 'b'), f(a => 1, VARIADIC b) FROM t",
            "SELECT string_agg(a, ',' ORDER BY b), percentile_cont(0.5) WITHIN GROUP (ORDER BY c) FROM t",
            "SELECT * FROM a LEFT JOIN LATERAL (SELECT * FROM b WHERE b.x = a.x) s ON true",
            "SELECT * FROM a JOIN b USING (id) AS j WHERE (a, b) IN ((1, 2)) AND a = ANY (ARRAY[1]) AND b LIKE 'x' ESCAPE '!'",
        ] {
            assert_eq!(verdict(sql), Ok(()), "{sql}");
        }
    }

    #[test]
    fn what_writes_or_locks_is_refused_wherever_it_stands() {
        for sql in [
            "DROP TABLE t",
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            "SELECT * FROM (WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x) s",
            "SELECT * INTO copy FROM t",
            "SELECT * INTO TEMP copy FROM t UNION SELECT 1",
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM t FOR NO KEY UPDATE OF t SKIP LOCKED",
            "SELECT * FROM (SELECT * FROM t FOR SHARE) s",
            "EXPLAIN ANALYZE SELECT 1",
            "DO $$ BEGIN DROP TABLE t; END $$",
            "COPY t TO PROGRAM 'sh'",
            "COPY (SELECT 1) TO STDOUT",
            "CREATE TABLE x AS SELECT 1",
            "CREATE VIEW x AS SELECT 1",
            "PREPARE p AS SELECT 1",
            "EXECUTE p",
            "DECLARE c CURSOR FOR SELECT 1",
            "BEGIN",
            "COMMIT",
            "SET search_path = x",
            "SET TRANSACTION READ WRITE",
            "RESET ALL",
            "LISTEN x",
            "NOTIFY x",
            "LOAD 'x'",
            "LOCK TABLE t",
            "REFRESH MATERIALIZED VIEW x",
            "VACUUM",
            "CALL p()",
        ] {
            assert!(matches!(verdict(sql), Err(SqlError::Refused(_))), "{sql}: {:?}", verdict(sql));
        }
        assert_eq!(verdict("SELECT 1; COMMIT; DROP TABLE t"), Err(SqlError::NotOne(3)));
    }

    #[test]
    fn what_writes_rows_may_run_where_it_is_rolled_back_and_nothing_else() {
        let verdict = |sql: &str| check_runnable(&parse_one(sql).unwrap());
        for sql in [
            "SELECT * FROM t FOR NO KEY UPDATE OF t SKIP LOCKED",
            "UPDATE t SET a = 1, (b, c) = (SELECT 1, 2), d[1] = 3, e = DEFAULT FROM s WHERE t.x = s.x RETURNING *",
            "DELETE FROM t USING s WHERE t.x = s.x RETURNING t.a AS b",
            "INSERT INTO t (a) SELECT b FROM s ON CONFLICT (a) WHERE c DO UPDATE SET a = excluded.a WHERE t.b > 1 RETURNING a",
            "INSERT INTO t VALUES (1, DEFAULT) ON CONFLICT ON CONSTRAINT k DO NOTHING",
            "INSERT INTO t DEFAULT VALUES",
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED AND s.b THEN UPDATE SET a = s.c WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a) WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action()",
            "WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO s SELECT * FROM gone",
        ] {
            assert_eq!(verdict(sql), Ok(()), "{sql}");
        }
        for sql in [
            "DROP TABLE t",
            "SELECT * INTO x FROM t",
            "COPY t FROM PROGRAM 'sh'",
            "EXPLAIN ANALYZE DELETE FROM t",
            "TRUNCATE t",
            "UPDATE t SET a = 1 WHERE CURRENT OF c",
            "PREPARE p AS DELETE FROM t",
            "LOCK TABLE t",
            "CALL p()",
            "SET role = x",
        ] {
            assert!(verdict(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn what_is_not_listed_is_refused() {
        for name in ["QuantumExpr", "CurrentOfExpr", "MultiAssignRef", "quantum_clause"] {
            assert!(objection_to(name).is_some(), "{name}");
        }
    }
}
