//! Walking a whole syntax tree without naming every node type: what must not be missed is found wherever
//! it stands.

use pg_query::protobuf::ParseResult;
use serde_json::{Map, Value};

use super::SqlError;

/// The tree as JSON: objects named after node types.
pub(super) fn as_json(tree: &ParseResult) -> Result<Value, SqlError> {
    serde_json::to_value(tree).map_err(|error| SqlError::Parse(error.to_string()))
}

/// Calls `visit` with every object of the tree and the name that it stands under.
pub(super) fn walk<'a>(value: &'a Value, visit: &mut dyn FnMut(&str, &'a Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(object) => {
            for (name, child) in object {
                if let Value::Object(inner) = child {
                    visit(name, inner);
                }
                walk(child, visit);
            }
        }
        _ => {}
    }
}

/// A relation as the statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub schema: String,
    pub name: String,
    /// Byte offset in the text; absent where the tree has none.
    pub location: Option<usize>,
}

/// Every relation that is named anywhere, common table expressions included.
pub(super) fn relations(tree: &Value) -> Vec<Relation> {
    let mut found = Vec::new();
    walk(tree, &mut |_, object| {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        if let (Some(name), Some(_)) = (text("relname"), text("relpersistence")) {
            found.push(Relation {
                schema: text("schemaname").unwrap_or_default().to_owned(),
                name: name.to_owned(),
                location: object
                    .get("location")
                    .and_then(Value::as_u64)
                    .and_then(|at| usize::try_from(at).ok()),
            });
        }
    });
    found
}

/// The names of all common table expressions.
pub(super) fn cte_names(tree: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(tree, &mut |_, object| {
        if let Some(name) = object.get("ctename").and_then(Value::as_str) {
            found.push(name.to_owned());
        }
    });
    found
}

/// The numbers of all parameters, each once, ascending.
pub(super) fn parameter_numbers(tree: &Value) -> Vec<i32> {
    let mut found = Vec::new();
    walk(tree, &mut |name, object| {
        let number = object.get("number").and_then(Value::as_i64);
        if let ("ParamRef", Some(number)) = (name, number) {
            found.extend(i32::try_from(number));
        }
    });
    found.sort_unstable();
    found.dedup();
    found
}
