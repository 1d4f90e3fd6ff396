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

/// Every relation that is named anywhere. A name that a `WITH` query around it has is that query, and is
/// left out.
pub(super) fn relations(tree: &Value) -> Vec<Relation> {
    let mut found = Vec::new();
    find_relations(tree, &[], &mut found);
    found
}

fn find_relations(value: &Value, ctes: &[String], found: &mut Vec<Relation>) {
    let object = match value {
        Value::Array(items) => {
            items.iter().for_each(|item| find_relations(item, ctes, found));
            return;
        }
        Value::Object(object) => object,
        _ => return,
    };
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    if let (Some(name), Some(_)) = (text("relname"), text("relpersistence")) {
        let schema = text("schemaname").unwrap_or_default().to_owned();
        if !(schema.is_empty() && ctes.iter().any(|cte| cte == name)) {
            let location = object.get("location").and_then(Value::as_u64);
            let location = location.and_then(|at| usize::try_from(at).ok());
            found.push(Relation { schema, name: name.to_owned(), location });
        }
    }
    let Some(with) = object.get("with_clause").filter(|with| with.is_object()) else {
        object.values().for_each(|child| find_relations(child, ctes, found));
        return;
    };
    let mut visible = ctes.to_vec();
    let queries = with.get("ctes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let recursive = with.get("recursive").and_then(Value::as_bool).unwrap_or(false);
    if recursive {
        visible.extend(queries.iter().filter_map(cte_name));
    }
    for query in queries {
        // Without RECURSIVE a query sees those before it, and its own name is still the table's.
        find_relations(query, &visible, found);
        if !recursive {
            visible.extend(cte_name(query));
        }
    }
    for (name, child) in object {
        if name != "with_clause" {
            find_relations(child, &visible, found);
        }
    }
}

fn cte_name(query: &Value) -> Option<String> {
    let mut name = None;
    walk(query, &mut |kind, object| {
        if kind == "CommonTableExpr" && name.is_none() {
            name = object.get("ctename").and_then(Value::as_str).map(str::to_owned);
        }
    });
    name
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

/// The texts of a list of names: `["pg_catalog", "lower"]`. Anything but names is left out.
pub(super) fn names(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(|item| item.get("node")?.get("String")?.get("sval")?.as_str())
        .map(str::to_owned)
        .collect()
}
