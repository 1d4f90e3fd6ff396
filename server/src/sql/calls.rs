//! Everything in a statement that may make PostgreSQL run a function while it only plans: calls,
//! operators, casts, and the dot that may be a call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{SqlError, Statement, tree};

/// A name, with its schema where the statement gives one (else empty).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub schema: String,
    pub name: String,
}

/// What a statement calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    pub functions: BTreeSet<Name>,
    pub operators: BTreeSet<Name>,
    /// Types that something is cast to.
    pub types: BTreeSet<Name>,
    /// Names after the dot of an expression (`(x).name`): a field, or a function of x.
    pub fields: BTreeSet<String>,
    /// Qualifier and name (`t.name`): a column, or a function of t.
    pub columns: BTreeSet<(String, String)>,
    pub relations: BTreeSet<Name>,
    /// What stands behind each name of FROM.
    pub ranges: BTreeMap<String, Vec<Range>>,
    /// Names of all columns that are named, whatever they are of.
    pub names: BTreeSet<String>,
    /// A row may stand as a whole: `*`, NATURAL JOIN.
    pub has_star: bool,
    /// UNION, INTERSECT or EXCEPT.
    pub has_set_operation: bool,
    /// How often any function is called.
    pub function_calls: usize,
    /// Two constants without types stand beside one another, or one behind an operator: they take on any type.
    pub has_untyped: bool,
    /// A row is written, which may become a value of any composite type.
    pub has_rows: bool,
    /// A function stands in FROM without an alias: it goes by a name that PostgreSQL gives it.
    pub has_unnamed_range: bool,
}

/// What a name of FROM stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    Table(Name),
    /// A subquery or `WITH` query.
    Rows,
    /// A function or join, or something with column names of its own.
    Unknown,
}

/// Operators that stand in a statement without being written: `IN`, `USING`, `BETWEEN`, `CASE x WHEN`,
/// `DISTINCT FROM`, `NULLIF`, `ORDER BY`.
const IMPLIED: &[&str] = &["=", "<>", "<", "<=", ">", ">="];

/// SQL/JSON of later versions: an earlier server reads the same words as calls.
const CALLS_BEFORE: &[(&str, &[&str])] = &[
    ("JsonObjectConstructor", &["json_object"]),
    ("JsonArrayConstructor", &["json_array"]),
    ("JsonArrayQueryConstructor", &["json_array"]),
    ("JsonObjectAgg", &["json_objectagg"]),
    ("JsonArrayAgg", &["json_arrayagg"]),
    ("JsonParseExpr", &["json"]),
    ("JsonScalarExpr", &["json_scalar"]),
    ("JsonSerializeExpr", &["json_serialize"]),
    ("JsonFuncExpr", &["json_exists", "json_query", "json_value"]),
    ("JsonTable", &["json_table"]),
    ("XmlSerialize", &["xmlserialize"]),
];

fn name_of(mut parts: Vec<String>) -> Option<Name> {
    let name = parts.pop()?;
    Some(Name { schema: parts.pop().unwrap_or_default(), name })
}

/// Reads the calls of a statement.
///
/// # Errors
/// Its tree cannot be walked.
pub fn calls(statement: &Statement) -> Result<Calls, SqlError> {
    let json = statement.json()?;
    let mut calls = Calls::default();
    let mut ctes = BTreeSet::new();
    tree::walk(json, &mut |kind, object| {
        let named = |key: &str| name_of(tree::names(object.get(key)));
        // Columns that get other names, of a table or of a join: which ones are read cannot be told by name.
        calls.has_star |=
            object.get("colnames").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
        match kind {
            "FuncCall" => {
                calls.function_calls += 1;
                calls.functions.extend(named("funcname"));
            }
            "SelectStmt" => {
                // Where a node stands directly under this name, there are two sides.
                calls.has_set_operation |= ["larg", "rarg"]
                    .iter()
                    .any(|side| object.get(*side).is_some_and(Value::is_object));
            }
            "AStar" => calls.has_star = true,
            "AExpr" => {
                calls.operators.extend(named("name"));
                calls.has_untyped |= ["lexpr", "rexpr"]
                    .into_iter()
                    .filter_map(|side| object.get(side).filter(|side| !side.is_null()))
                    .all(is_untyped);
            }
            "CaseExpr" => calls.has_untyped |= object.get("arg").is_some_and(is_untyped),
            "RowExpr" => {
                calls.has_rows = true;
                calls.has_untyped |= object.get("args").is_some_and(is_untyped);
            }
            "SubLink" => calls.operators.extend(named("oper_name")),
            "SortBy" => calls.operators.extend(named("use_op")),
            "TypeName" | "type_name" => calls.types.extend(named("names")),
            "AIndirection" => calls.fields.extend(tree::names(object.get("indirection"))),
            "ColumnRef" => {
                let mut names = tree::names(object.get("fields"));
                calls.names.extend(names.last().cloned());
                if let (Some(name), Some(qualifier)) = (names.pop(), names.pop()) {
                    calls.columns.insert((qualifier, name));
                }
            }
            "RangeTableSample" => calls.functions.extend(named("method")),
            "RangeVar" => {
                calls.range_of_table(object);
            }
            "RangeSubselect" => calls.range(alias(object), Range::Rows),
            "RangeFunction" | "RangeTableFunc" | "JsonTable" => {
                let alias = alias(object);
                calls.has_unnamed_range |= alias.is_none();
                calls.range(alias, Range::Unknown);
            }
            "JoinExpr" => {
                calls.range(alias(object), Range::Unknown);
                calls.names.extend(tree::names(object.get("using_clause")));
                calls.has_star |= object.get("is_natural").and_then(Value::as_bool).unwrap_or(true);
                let using = object.get("join_using_alias").and_then(|a| a.get("aliasname"));
                calls.range(using.and_then(Value::as_str).map(str::to_owned), Range::Unknown);
            }
            "CommonTableExpr" => {
                let name = object.get("ctename").and_then(Value::as_str).map(str::to_owned);
                ctes.extend(name.clone());
                calls.range(name, Range::Rows);
            }
            _ => {}
        }
        let earlier = CALLS_BEFORE.iter().filter(|(node, _)| *node == kind);
        for name in earlier.flat_map(|(_, names)| *names) {
            calls.functions.insert(Name { schema: String::new(), name: (*name).to_owned() });
        }
    });
    let implied = IMPLIED.iter().map(|name| Name { schema: String::new(), name: (*name).into() });
    calls.operators.extend(implied);
    calls.relations = relations(json);
    // A name that a WITH query has somewhere may be that query here.
    for range in calls.ranges.values_mut().flatten() {
        if matches!(range, Range::Table(name) if name.schema.is_empty() && ctes.contains(&name.name))
        {
            *range = Range::Rows;
        }
    }
    Ok(calls)
}

/// A constant or parameter that no cast gives a type, or a list that has one.
fn is_untyped(value: &Value) -> bool {
    if let Value::Array(items) = value {
        return items.iter().any(is_untyped);
    }
    let Some(node) = value.get("node") else { return false };
    let constant = node.get("AConst");
    let is_text = constant.is_some_and(|constant| {
        constant.get("val").is_none_or(|v| v.is_null() || v.get("Sval").is_some())
    });
    let list = node.get("List").and_then(|list| list.get("items"));
    is_text || node.get("ParamRef").is_some() || list.is_some_and(is_untyped)
}

fn alias(range: &serde_json::Map<String, Value>) -> Option<String> {
    Some(range.get("alias")?.get("aliasname")?.as_str()?.to_owned())
}

impl Calls {
    fn range(&mut self, name: Option<String>, range: Range) {
        self.ranges.entry(name.unwrap_or_default()).or_default().push(range);
    }

    fn range_of_table(&mut self, range: &serde_json::Map<String, Value>) {
        let text =
            |key: &str| range.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let table = Name { schema: text("schemaname"), name: text("relname") };
        let renamed = range.get("alias").and_then(|alias| alias.get("colnames")?.as_array());
        let alias = alias(range).unwrap_or_else(|| table.name.clone());
        let has_names = renamed.is_some_and(|names| !names.is_empty());
        self.range(Some(alias), if has_names { Range::Rows } else { Range::Table(table) });
    }
}

fn relations(json: &Value) -> BTreeSet<Name> {
    let found = tree::relations(json).into_iter();
    found.map(|relation| Name { schema: relation.schema, name: relation.name }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse_one;

    fn of(sql: &str) -> Calls {
        calls(&parse_one(sql).unwrap()).unwrap()
    }

    fn has(names: &BTreeSet<Name>, schema: &str, name: &str) -> bool {
        names.contains(&Name { schema: schema.into(), name: name.into() })
    }

    #[test]
    fn calls_are_found_wherever_they_hide() {
        let calls = of(
            "WITH c AS (SELECT U&\"\\006eextval\"('s')) SELECT (f(1)).g, t.h, a OPERATOR(x.###) b,
             '1'::my.\"Type\" FROM pg_read_file('/etc/passwd') r, t WHERE a = ANY (SELECT k(2))
             ORDER BY evil(3) USING <<<",
        );
        assert!(has(&calls.functions, "", "nextval"), "{calls:?}");
        for name in ["f", "pg_read_file", "k", "evil"] {
            assert!(has(&calls.functions, "", name), "{name}: {calls:?}");
        }
        assert!(has(&calls.operators, "x", "###") && has(&calls.operators, "", "<<<"));
        assert!(has(&calls.types, "my", "Type"));
        assert!(
            calls.fields.contains("g") && calls.columns.contains(&("t".to_owned(), "h".to_owned()))
        );
        assert!(has(&calls.relations, "", "t") && !has(&calls.relations, "", "c"));
    }

    #[test]
    fn a_with_query_hides_a_table_only_where_it_is_in_sight() {
        let tables = |sql: &str| of(sql).relations.into_iter().map(|n| n.name).collect::<Vec<_>>();
        assert_eq!(tables("WITH o AS (SELECT * FROM o) SELECT * FROM o"), ["o"]);
        assert_eq!(
            tables("WITH RECURSIVE o AS (SELECT 1 UNION ALL SELECT * FROM o) SELECT * FROM o"),
            [""; 0]
        );
        assert_eq!(tables("SELECT * FROM (WITH o AS (SELECT 1) SELECT * FROM o) s, o"), ["o"]);
        assert_eq!(
            tables("WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM b"),
            ["b"]
        );
        assert_eq!(tables("WITH o AS (SELECT 1) SELECT * FROM public.o"), ["o"]);
    }
}
