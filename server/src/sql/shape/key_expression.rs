//! Expressions that an index may have as a key.

use std::collections::BTreeMap;

use optischema::model::{Catalog, CatalogColumn};
use pg_query::NodeEnum;
use pg_query::protobuf::ColumnRef;

use super::expression::{children, columns_in, inner, operator_name, unqualified};
use super::outputs::names;
use crate::sql::{parse_one, qualify_functions, qualify_types};

/// Reads expressions over the columns of one table.
pub(in crate::sql) struct KeyExpressions<'a> {
    pub catalog: &'a Catalog,
    /// The column that a name means.
    pub column_of: &'a dyn Fn(&ColumnRef) -> Option<&'a CatalogColumn>,
}

impl KeyExpressions<'_> {
    /// The text of an expression that fails for some values: no key, and worth being said.
    pub fn failing(&self, node: &NodeEnum) -> Option<String> {
        if self.may_fail(node) { unqualified(node) } else { None }
    }

    /// The text of an expression as a key; absent where it fails for some values, or is better written otherwise: a whole
    /// number as another number is best compared as what it is.
    pub fn text(&self, node: &NodeEnum) -> Option<String> {
        if self.may_fail(node) || self.is_whole_as_number(node) {
            return None;
        }
        self.in_full(&unqualified(node)?)
    }

    /// An expression with functions and types of the database's own named in full: whoever makes an index may have
    /// another search path.
    fn in_full(&self, expression: &str) -> Option<String> {
        const BEFORE: &str = "SELECT ";
        let schema_of = |of: &BTreeMap<String, Vec<String>>, name: &str| {
            self.catalog.schema_of(name, of).map(str::to_owned)
        };
        let mut selected = parse_one(&format!("{BEFORE}{expression}")).ok()?;
        // `jsonb(x)` is a cast, whatever is called so elsewhere.
        let functions = |name: &str| {
            let is_type = self.catalog.types.contains_key(name) || is_built_in_type(name);
            if is_type { None } else { schema_of(&self.catalog.function_schemas, name) }
        };
        if let Some(text) = qualify_functions(&selected, &functions).ok()? {
            selected = parse_one(&text).ok()?;
        }
        let types = |name: &str| schema_of(&self.catalog.types, name);
        if let Some(text) = qualify_types(&selected, &types).ok()? {
            selected = parse_one(&text).ok()?;
        }
        selected.sql.strip_prefix(BEFORE).map(str::to_owned)
    }

    fn is_whole_as_number(&self, side: &NodeEnum) -> bool {
        let NodeEnum::TypeCast(cast) = side else { return false };
        let Some(NodeEnum::ColumnRef(column)) = inner(&cast.arg) else { return false };
        let known = (self.column_of)(column).map(|column| column.data_type.as_str());
        let target = cast.type_name.as_ref().map(|to| names(&to.names)).unwrap_or_default();
        matches!(known, Some("smallint" | "integer" | "bigint"))
            && target.last().is_some_and(|name| {
                matches!(name.as_str(), "int2" | "int4" | "int8" | "numeric" | "float4" | "float8")
            })
    }

    /// Whether an expression fails for some values: as an index it would keep rows from being written.
    fn may_fail(&self, node: &NodeEnum) -> bool {
        let fails = match node {
            NodeEnum::TypeCast(cast) => {
                let of_text = match inner(&cast.arg) {
                    Some(NodeEnum::ColumnRef(column)) => {
                        (self.column_of)(column).is_some_and(|column| is_text(&column.data_type))
                    }
                    // A number stays one; what else an operator or a function gives may be a text.
                    Some(NodeEnum::AExpr(expr)) => {
                        !matches!(operator_name(expr).as_str(), "+" | "-" | "*")
                    }
                    Some(NodeEnum::FuncCall(call)) => {
                        !names(&call.funcname).last().is_some_and(|f| NUMERIC.contains(&f.as_str()))
                    }
                    Some(NodeEnum::AConst(_)) | None => false,
                    Some(_) => true,
                };
                let names = cast.type_name.as_ref().map(|to| names(&to.names)).unwrap_or_default();
                of_text && !names.last().is_some_and(|name| is_text(name))
            }
            // A cast in the form of a call.
            NodeEnum::FuncCall(call) if call.args.len() == 1 => {
                let called = names(&call.funcname);
                let target = called.last().map(String::as_str).unwrap_or_default();
                let is_type = is_built_in_type(target) || self.catalog.types.contains_key(target);
                is_type && !is_text(target) && !columns_in(node).is_empty()
            }
            NodeEnum::AExpr(expr) => {
                let divides = matches!(operator_name(expr).as_str(), "/" | "%");
                divides && inner(&expr.rexpr).is_some_and(|by| !columns_in(by).is_empty())
            }
            _ => false,
        };
        fails || children(node).into_iter().any(|part| self.may_fail(part))
    }
}

/// Functions that give a number or a moment.
const NUMERIC: &[&str] =
    &["abs", "ceil", "date_trunc", "extract", "floor", "length", "round", "timezone", "trunc"];

fn is_text(data_type: &str) -> bool {
    let base = data_type.split('(').next().unwrap_or_default().trim_end();
    matches!(
        base,
        "text" | "varchar" | "bpchar" | "name" | "citext" | "character varying" | "character"
    )
}

/// Whether a name is that of a type of PostgreSQL's own that a value can be cast to in the form of a call.
fn is_built_in_type(name: &str) -> bool {
    const TYPES: &[&str] = &[
        "bit",
        "bool",
        "box",
        "bpchar",
        "bytea",
        "cidr",
        "circle",
        "date",
        "daterange",
        "float4",
        "float8",
        "inet",
        "int2",
        "int4",
        "int4range",
        "int8",
        "int8range",
        "interval",
        "json",
        "jsonb",
        "jsonpath",
        "line",
        "lseg",
        "macaddr",
        "macaddr8",
        "money",
        "name",
        "numeric",
        "numrange",
        "oid",
        "path",
        "pg_lsn",
        "point",
        "polygon",
        "text",
        "time",
        "timestamp",
        "timestamptz",
        "timetz",
        "tsquery",
        "tsrange",
        "tstzrange",
        "tsvector",
        "uuid",
        "varbit",
        "varchar",
        "xid",
        "xml",
    ];
    TYPES.contains(&name)
}
