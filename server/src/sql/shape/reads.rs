//! What the walk notes: columns, comparisons, parameters and sort keys.

use optischema::model::{
    ColumnName, ExpressionPredicate, ParameterRole, ParameterUse, Predicate, PredicateKind, SortKey,
};
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{ColumnRef, SelectStmt, SortByDir, SortByNulls};
use pg_query::{Node, NodeEnum};

use std::collections::BTreeMap;

use super::Walker;
use super::expression::{children, columns_in, has_parameter, inner, operator_name, unqualified};
use super::outputs::names;
use super::scope::Scope;
use crate::sql::{parse_one, qualify_functions, qualify_types};

impl Walker<'_> {
    /// Notes that a column is read; `*` reads whole rows.
    pub(super) fn column(&mut self, column: &ColumnRef, scope: &Scope<'_>) {
        if let Some(column) = scope.resolve(column) {
            self.read(column);
        } else if column.fields.iter().any(|f| matches!(f.node, Some(NodeEnum::AStar(_)))) {
            let qualifier = match column.fields.first().map(|field| &field.node) {
                Some(Some(NodeEnum::String(name))) => Some(name.sval.as_str()),
                _ => None,
            };
            for (alias, table) in scope.tables() {
                if qualifier.is_none_or(|q| q == alias)
                    && !self.shape.whole_rows.contains(&table.name)
                {
                    self.shape.whole_rows.push(table.name.clone());
                }
            }
        } else if let [Node { node: Some(NodeEnum::String(name)) }] = column.fields.as_slice() {
            // `SELECT t FROM t`: the row as a value.
            if let Some((_, table)) = scope.tables().find(|(alias, _)| *alias == name.sval)
                && !self.shape.whole_rows.contains(&table.name)
            {
                self.shape.whole_rows.push(table.name.clone());
            }
        }
    }

    pub(super) fn read(&mut self, column: ColumnName) {
        if !self.shape.columns.contains(&column) {
            self.shape.columns.push(column);
        }
    }

    /// A comparison of an expression over columns of one table.
    pub(super) fn expression_predicate(
        &mut self,
        side: &NodeEnum,
        kind: PredicateKind,
        scope: &Scope<'_>,
    ) {
        let columns = columns_in(side);
        let resolved: Option<Vec<ColumnName>> =
            columns.iter().map(|column| scope.resolve(column)).collect();
        let Some(resolved) = resolved else { return };
        let Some(table) = resolved.first().map(|column| column.table.clone()) else { return };
        if resolved.iter().any(|column| column.table != table) || has_parameter(side) {
            return;
        }
        // A whole number as another number is best compared as what it is: that is a rewrite.
        if self.may_fail(side, scope) || self.is_whole_as_number(side, scope) {
            return;
        }
        let Some(expression) = unqualified(side).and_then(|text| self.in_full(&text)) else {
            return;
        };
        let predicate = ExpressionPredicate { table, expression, kind };
        if !self.shape.expressions.contains(&predicate) {
            self.shape.expressions.push(predicate);
        }
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

    fn is_whole_as_number(&self, side: &NodeEnum, scope: &Scope<'_>) -> bool {
        let NodeEnum::TypeCast(cast) = side else { return false };
        let Some(NodeEnum::ColumnRef(column)) = inner(&cast.arg) else { return false };
        let known = scope.resolve(column).and_then(|name| {
            self.catalog.tables.get(&name.table)?.column(&name.column).map(|c| c.data_type.as_str())
        });
        let target = cast.type_name.as_ref().map(|to| names(&to.names)).unwrap_or_default();
        matches!(known, Some("smallint" | "integer" | "bigint"))
            && target.last().is_some_and(|name| {
                matches!(name.as_str(), "int2" | "int4" | "int8" | "numeric" | "float4" | "float8")
            })
    }

    /// Whether an expression fails for some values: as an index it would keep rows from being written.
    fn may_fail(&self, node: &NodeEnum, scope: &Scope<'_>) -> bool {
        let fails = match node {
            NodeEnum::TypeCast(cast) => {
                let of_text = match inner(&cast.arg) {
                    Some(NodeEnum::ColumnRef(column)) => {
                        scope.resolve(column).is_some_and(|name| {
                            let table = self.catalog.tables.get(&name.table);
                            let column = table.and_then(|table| table.column(&name.column));
                            column.is_some_and(|column| is_text(&column.data_type))
                        })
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
        fails || children(node).into_iter().any(|part| self.may_fail(part, scope))
    }

    pub(super) fn predicate(
        &mut self,
        columns: Vec<ColumnName>,
        kind: PredicateKind,
        operator: &str,
        constant: Option<String>,
        conjunct: bool,
    ) {
        for column in columns {
            self.read(column.clone());
            let (operator, constant) = (operator.to_owned(), constant.clone());
            let predicate = Predicate { column, kind, operator, constant };
            let list =
                if conjunct { &mut self.shape.predicates } else { &mut self.shape.alternatives };
            if !list.contains(&predicate) {
                list.push(predicate);
            }
        }
    }

    pub(super) fn parameter(
        &mut self,
        node: &NodeEnum,
        role: ParameterRole,
        column: Option<&ColumnName>,
    ) {
        match node {
            NodeEnum::ParamRef(parameter) => {
                self.parameters.entry(parameter.number).or_insert_with(|| ParameterUse {
                    number: parameter.number,
                    role,
                    column: column.cloned(),
                });
            }
            NodeEnum::TypeCast(cast) => {
                if let Some(node) = inner(&cast.arg) {
                    self.parameter(node, role, column);
                }
            }
            // `price BETWEEN $1 - $2 AND …`: parts of a value are of its kind, mostly. What stands for one another is.
            NodeEnum::AExpr(_)
            | NodeEnum::CoalesceExpr(_)
            | NodeEnum::MinMaxExpr(_)
            | NodeEnum::AArrayExpr(_)
                if column.is_some() =>
            {
                for part in children(node) {
                    self.parameter(part, role, column);
                }
            }
            // `(ARRAY[$1, $2])[$3] = status`: one of the elements is compared; the place of it is not.
            NodeEnum::AIndirection(chosen) if column.is_some() => {
                if let Some(array) = inner(&chosen.arg) {
                    self.parameter(array, role, column);
                }
            }
            NodeEnum::CaseExpr(case) if column.is_some() => {
                let results = case.args.iter().filter_map(|arm| match &arm.node {
                    Some(NodeEnum::CaseWhen(when)) => inner(&when.result),
                    _ => None,
                });
                for result in results.chain(inner(&case.defresult)) {
                    self.parameter(result, role, column);
                }
            }
            _ => {}
        }
    }
}

/// Functions that give a number or a moment.
const NUMERIC: &[&str] =
    &["abs", "ceil", "date_trunc", "extract", "floor", "length", "round", "trunc"];

fn is_text(data_type: &str) -> bool {
    let base = data_type.split('(').next().unwrap_or_default().trim_end();
    matches!(
        base,
        "text" | "varchar" | "bpchar" | "name" | "citext" | "character varying" | "character"
    )
}

/// What a key of ORDER BY or GROUP BY names: an output by its place, or by its name. In ORDER BY an output's name comes
/// before a column's, in GROUP BY after it.
pub(super) fn named_output<'n>(
    select: &'n SelectStmt,
    key: &'n Node,
    outputs_first: bool,
) -> Option<&'n NodeEnum> {
    let key = key.node.as_ref()?;
    let outputs = || {
        select.target_list.iter().filter_map(|target| match &target.node {
            Some(NodeEnum::ResTarget(target)) => Some(target),
            _ => None,
        })
    };
    match key {
        NodeEnum::AConst(constant) => {
            let Some(Val::Ival(place)) = &constant.val else { return Some(key) };
            let place = usize::try_from(place.ival).ok()?.checked_sub(1)?;
            inner(&outputs().nth(place)?.val)
        }
        NodeEnum::ColumnRef(column) if outputs_first => {
            let [Node { node: Some(NodeEnum::String(name)) }] = column.fields.as_slice() else {
                return Some(key);
            };
            let named = outputs().find(|target| target.name == name.sval);
            named.map_or(Some(key), |target| inner(&target.val))
        }
        _ => Some(key),
    }
}

/// The keys of ORDER BY where all of them are columns that an index could give in that order; else none.
pub(super) fn sort_keys(select: &SelectStmt, scope: &Scope<'_>) -> Vec<SortKey> {
    // Grouped rows are sorted after they are made: an index on the keys cannot serve that.
    if !select.group_clause.is_empty() || !select.distinct_clause.is_empty() {
        return Vec::new();
    }
    let key = |node: &Node| {
        let Some(NodeEnum::SortBy(sort)) = &node.node else { return None };
        let Some(NodeEnum::ColumnRef(column)) = named_output(select, sort.node.as_ref()?, true)
        else {
            return None;
        };
        let column = scope.searched(column).into_iter().next()?;
        Some(SortKey {
            column,
            descending: sort.sortby_dir == SortByDir::SortbyDesc as i32,
            nulls_first: match sort.sortby_nulls {
                nulls if nulls == SortByNulls::SortbyNullsFirst as i32 => Some(true),
                nulls if nulls == SortByNulls::SortbyNullsLast as i32 => Some(false),
                _ => None,
            },
        })
    };
    select.sort_clause.iter().map(key).collect::<Option<Vec<_>>>().unwrap_or_default()
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
