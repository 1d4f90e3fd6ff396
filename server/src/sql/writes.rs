//! Which table a statement writes, and which of its columns.

use optischema::model::{Catalog, TableName};
use pg_query::NodeEnum;
use pg_query::protobuf::RangeVar;
use serde_json::Value;

use super::{SqlError, Statement};

/// What a writing statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    Insert,
    Update,
    Delete,
}

/// A statement that writes one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub table: TableName,
    pub kind: WriteKind,
    /// Columns that an UPDATE sets.
    pub columns: Vec<String>,
}

/// What a text writes; `None` for everything but one INSERT, UPDATE or DELETE on a known table.
#[must_use]
pub fn written(text: &str, catalog: &Catalog) -> Option<Written> {
    let parsed = pg_query::parse(text, 0).ok()?.protobuf;
    let [only] = parsed.stmts.as_slice() else { return None };
    let node = only.stmt.as_ref()?.node.as_ref()?;
    let (relation, kind, targets): (&RangeVar, _, &[pg_query::Node]) = match node {
        NodeEnum::InsertStmt(insert) => (insert.relation.as_ref()?, WriteKind::Insert, &[]),
        NodeEnum::UpdateStmt(update) => {
            (update.relation.as_ref()?, WriteKind::Update, &update.target_list)
        }
        NodeEnum::DeleteStmt(delete) => (delete.relation.as_ref()?, WriteKind::Delete, &[]),
        _ => return None,
    };
    let table = catalog.resolve(&relation.schemaname, &relation.relname)?.name.clone();
    let columns = targets
        .iter()
        .filter_map(|target| match &target.node {
            Some(NodeEnum::ResTarget(target)) => Some(target.name.clone()),
            _ => None,
        })
        .collect();
    Some(Written { table, kind, columns })
}

/// Schemas (empty where none is named) and names of the relations that a statement writes, those in its WITH included.
///
/// # Errors
/// The tree cannot be read.
pub fn written_relations(statement: &Statement) -> Result<Vec<(String, String)>, SqlError> {
    let mut found = Vec::new();
    collect_written(statement.json()?, &mut found);
    Ok(found)
}

fn collect_written(node: &Value, found: &mut Vec<(String, String)>) {
    match node {
        Value::Object(fields) => {
            for (key, inner) in fields {
                if matches!(key.as_str(), "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt")
                {
                    let text = |name: &str| {
                        let value = inner.pointer(&format!("/relation/{name}"));
                        value.and_then(Value::as_str).unwrap_or_default().to_owned()
                    };
                    found.push((text("schemaname"), text("relname")));
                }
                collect_written(inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_written(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use optischema::model::CatalogTable;

    #[test]
    fn every_relation_that_is_written_is_named() {
        let of = |sql: &str| written_relations(&crate::sql::parse_one(sql).unwrap()).unwrap();
        let named = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        assert_eq!(of("UPDATE a.t SET x = 1 FROM u"), [named("a", "t")]);
        assert_eq!(of("MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE"), [named("", "t")]);
        let both =
            of("WITH gone AS (DELETE FROM u RETURNING *) INSERT INTO \"T\" SELECT * FROM gone");
        assert_eq!(both.len(), 2);
        assert!(both.contains(&named("", "u")) && both.contains(&named("", "T")), "{both:?}");
        assert_eq!(of("SELECT 1 FROM t FOR UPDATE"), []);
    }

    #[test]
    fn what_is_written_is_read_from_the_tree() {
        let name = TableName::new("public", "t");
        let table = CatalogTable { name: name.clone(), ..CatalogTable::default() };
        let catalog = Catalog {
            search_path: vec!["public".into()],
            tables: [(name.clone(), table)].into(),
            ..Catalog::default()
        };
        let update = written("UPDATE t SET a = $1, \"B\" = b + $2 WHERE c = $3", &catalog).unwrap();
        assert_eq!(
            (update.kind, update.columns),
            (WriteKind::Update, vec!["a".into(), "B".into()])
        );
        assert_eq!(written("INSERT INTO t VALUES ($1)", &catalog).unwrap().kind, WriteKind::Insert);
        assert_eq!(written("DELETE FROM public.t", &catalog).unwrap().table, name);
        for other in
            ["SELECT 1", "DELETE FROM elsewhere", "DELETE FROM t; DELETE FROM t", "not SQL"]
        {
            assert_eq!(written(other, &catalog), None, "{other}");
        }
    }
}
