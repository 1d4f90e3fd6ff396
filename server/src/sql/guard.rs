//! Which statements may be planned on main and run in the sandbox: one SELECT that changes nothing.

use super::{SqlError, Statement, tree};

/// Checks that a statement is a SELECT without locks, without INTO, and without a data-modifying part
/// anywhere inside.
///
/// # Errors
/// The sentence that says what it is instead.
pub fn check_select(statement: &Statement) -> Result<(), SqlError> {
    let json = tree::as_json(&statement.tree)?;
    let mut objection = None;
    tree::walk(&json, &mut |name, _| {
        let reason = match name {
            // `stmt` holds the statement itself; the node inside it is judged by its own name.
            "SelectStmt" | "RawStmt" | "stmt" => return,
            "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" => {
                "it modifies data; only SELECT statements are planned and measured so far"
                    .to_owned()
            }
            "IntoClause" | "into_clause" => "SELECT INTO makes a table".to_owned(),
            "LockingClause" => "it locks rows (FOR UPDATE, FOR SHARE)".to_owned(),
            other if other.ends_with("Stmt") => {
                format!("{} is not a SELECT", other.trim_end_matches("Stmt"))
            }
            _ => return,
        };
        objection.get_or_insert(reason);
    });
    match objection {
        Some(reason) => Err(SqlError::Refused(reason)),
        None => Ok(()),
    }
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
            "VALUES (1), (2)",
            "TABLE t",
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
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            "SELECT * FROM (WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x) s",
            "SELECT * INTO copy FROM t",
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM (SELECT * FROM t FOR SHARE) s",
            "EXPLAIN ANALYZE SELECT 1",
            "DO $$ BEGIN DROP TABLE t; END $$",
            "COPY t TO PROGRAM 'sh'",
            "CREATE TABLE x AS SELECT 1",
            "PREPARE p AS SELECT 1",
            "EXECUTE p",
            "BEGIN",
            "COMMIT",
            "SET search_path = x",
            "VACUUM",
            "CALL p()",
        ] {
            assert!(matches!(verdict(sql), Err(SqlError::Refused(_))), "{sql}: {:?}", verdict(sql));
        }
        assert_eq!(verdict("SELECT 1; COMMIT; DROP TABLE t"), Err(SqlError::NotOne(3)));
    }
}
