//! Parameters of a statement that writes which no search for rows has: what is assigned.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{SqlError, Statement, tree};

/// A column of the table of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    pub table: String,
    pub column: String,
}

/// Parameters that are assigned to a column as they are, casts around them or not (`SET price = $1`), by number.
///
/// # Errors
/// The tree cannot be walked.
pub fn assigned_parameters(statement: &Statement) -> Result<BTreeMap<i32, Assigned>, SqlError> {
    let json = statement.json()?;
    let mut found = BTreeMap::new();
    let mut take = |table: &str, targets: Option<&Value>| {
        for target in targets.and_then(Value::as_array).into_iter().flatten() {
            let target = target.get("node").and_then(|node| node.get("ResTarget"));
            let name = target.and_then(|target| target.get("name")?.as_str());
            let value = target.and_then(|target| target.get("val"));
            if let (Some(name), Some(number)) = (name, value.and_then(number_of)) {
                found.insert(number, Assigned { table: table.to_owned(), column: name.to_owned() });
            }
        }
    };
    tree::walk(json, &mut |kind, object| {
        let table = object.get("relation").and_then(|relation| relation.get("relname")?.as_str());
        let table = table.unwrap_or_default();
        match kind {
            "UpdateStmt" => take(table, object.get("target_list")),
            "InsertStmt" => {
                take(table, object.get("on_conflict_clause").and_then(|c| c.get("target_list")));
            }
            "MergeStmt" => {
                let clauses = object.get("merge_when_clauses").and_then(Value::as_array);
                for clause in clauses.into_iter().flatten() {
                    let clause = clause.get("node").and_then(|node| node.get("MergeWhenClause"));
                    take(table, clause.and_then(|clause| clause.get("target_list")));
                }
            }
            _ => {}
        }
    });
    Ok(found)
}

fn number_of(value: &Value) -> Option<i32> {
    let node = value.get("node")?;
    if let Some(cast) = node.get("TypeCast") {
        return number_of(cast.get("arg")?);
    }
    node.get("ParamRef")?.get("number")?.as_i64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::parse_one;
    use super::*;

    #[test]
    fn what_is_assigned_is_told_from_what_is_searched_for() {
        let of = |sql: &str| {
            let found = assigned_parameters(&parse_one(sql).unwrap()).unwrap();
            let one =
                |(number, to): (i32, Assigned)| format!("{number}:{}.{}", to.table, to.column);
            found.into_iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(
            of("UPDATE t SET a = $1, b = $2::text, c = c + $3 WHERE id = $4"),
            ["1:t.a", "2:t.b"]
        );
        assert_eq!(
            of("INSERT INTO t (a) SELECT $1 FROM s ON CONFLICT (a) DO UPDATE SET b = $2"),
            ["2:t.b"]
        );
        assert_eq!(
            of("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = $1"),
            ["1:t.b"]
        );
        assert!(of("SELECT $1 FROM t WHERE a = $2 FOR UPDATE").is_empty());
    }
}
