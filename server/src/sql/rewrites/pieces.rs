//! Reading and building pieces of trees.

use optischema::model::{Catalog, CatalogColumn, CatalogTable};
use pg_query::protobuf::{
    AConst, AExpr, AExprKind, BoolExpr, BoolExprType, ColumnRef, ParseResult, RawStmt, SelectStmt,
    SetOperation, a_const::Val,
};
use pg_query::{Node, NodeEnum};

use crate::sql::Statement;

pub(super) fn select(statement: &Statement) -> Option<&SelectStmt> {
    match statement.tree.stmts.first()?.stmt.as_ref()?.node.as_ref()? {
        NodeEnum::SelectStmt(select) => Some(select),
        _ => None,
    }
}

pub(super) fn deparse(node: NodeEnum) -> Option<String> {
    let raw =
        RawStmt { stmt: Some(Box::new(Node { node: Some(node) })), stmt_location: 0, stmt_len: 0 };
    pg_query::deparse(&ParseResult { version: 0, stmts: vec![raw] }, Default::default()).ok()
}

pub(super) fn inner(node: &Option<Box<Node>>) -> Option<&NodeEnum> {
    node.as_ref()?.node.as_ref()
}

pub(super) fn boxed(node: NodeEnum) -> Option<Box<Node>> {
    Some(Box::new(Node { node: Some(node) }))
}

pub(super) fn plain(node: NodeEnum) -> Node {
    Node { node: Some(node) }
}

/// A plain SELECT: no set operation, no `WITH`, no VALUES.
pub(super) fn is_plain(select: &SelectStmt) -> bool {
    select.op == SetOperation::SetopNone as i32
        && select.with_clause.is_none()
        && select.values_lists.is_empty()
        && select.locking_clause.is_empty()
        && select.into_clause.is_none()
}

/// Neither grouped, sorted, limited nor made distinct.
pub(super) fn is_bare(select: &SelectStmt) -> bool {
    is_plain(select)
        && !is_grouped(select)
        && select.sort_clause.is_empty()
        && select.limit_count.is_none()
        && select.limit_offset.is_none()
        && select.distinct_clause.is_empty()
}

pub(super) fn is_grouped(select: &SelectStmt) -> bool {
    !select.group_clause.is_empty()
        || select.having_clause.is_some()
        || !select.window_clause.is_empty()
        || counts_over_rows(select)
}

/// Whether an output depends on the other rows: an aggregate, or a window that is written beside it.
fn counts_over_rows(select: &SelectStmt) -> bool {
    let Ok(outputs) = serde_json::to_value(&select.target_list) else { return true };
    let mut found = false;
    crate::sql::tree::walk(&outputs, &mut |kind, object| {
        found |= kind == "FuncCall" && object.get("over").is_some_and(serde_json::Value::is_object);
    });
    found
}

/// The names of FROM with their tables, in order; `None` where anything but tables and inner joins of them
/// stands there.
pub(super) fn relations<'c>(
    select: &SelectStmt,
    catalog: &'c Catalog,
) -> Option<Vec<(String, &'c CatalogTable)>> {
    fn add<'c>(
        node: &NodeEnum,
        catalog: &'c Catalog,
        found: &mut Vec<(String, &'c CatalogTable)>,
    ) -> Option<()> {
        match node {
            NodeEnum::RangeVar(range) => {
                let table = catalog.resolve(&range.schemaname, &range.relname)?;
                let alias = range.alias.as_ref();
                if alias.is_some_and(|alias| !alias.colnames.is_empty()) {
                    return None;
                }
                let name = alias.map_or_else(|| range.relname.clone(), |a| a.aliasname.clone());
                found.push((name, table));
                Some(())
            }
            NodeEnum::JoinExpr(join)
                if join.jointype == pg_query::protobuf::JoinType::JoinInner as i32
                    && join.alias.is_none() =>
            {
                add(inner(&join.larg)?, catalog, found)?;
                add(inner(&join.rarg)?, catalog, found)
            }
            _ => None,
        }
    }
    let mut found = Vec::new();
    for node in &select.from_clause {
        add(node.node.as_ref()?, catalog, &mut found)?;
    }
    Some(found)
}

/// The only table of FROM, with its name there.
pub(super) fn only_table<'c>(
    select: &SelectStmt,
    catalog: &'c Catalog,
) -> Option<(String, &'c CatalogTable)> {
    let mut relations = relations(select, catalog)?;
    let only = relations.pop()?;
    relations.is_empty().then_some(only)
}

/// What a column reference means: the name of its relation, and the column.
pub(super) fn column<'c>(
    node: &NodeEnum,
    relations: &[(String, &'c CatalogTable)],
) -> Option<(String, &'c CatalogColumn)> {
    let NodeEnum::ColumnRef(reference) = node else { return None };
    let names: Vec<&str> = reference
        .fields
        .iter()
        .map(|field| match &field.node {
            Some(NodeEnum::String(name)) => Some(name.sval.as_str()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let (qualifier, name) = match names.as_slice() {
        [name] => (None, *name),
        [qualifier, name] => (Some(*qualifier), *name),
        _ => return None,
    };
    let mut found = relations
        .iter()
        .filter(|(alias, _)| qualifier.is_none_or(|qualifier| qualifier == alias))
        .filter_map(|(alias, table)| Some((alias.clone(), table.column(name)?)));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The conditions that every row must meet.
pub(super) fn conjuncts(select: &SelectStmt) -> Vec<NodeEnum> {
    match inner(&select.where_clause) {
        None => Vec::new(),
        Some(NodeEnum::BoolExpr(expr)) if expr.boolop == BoolExprType::AndExpr as i32 => {
            expr.args.iter().filter_map(|arg| arg.node.clone()).collect()
        }
        Some(other) => vec![other.clone()],
    }
}

pub(super) fn all_of(mut conditions: Vec<NodeEnum>) -> Option<Box<Node>> {
    if conditions.len() < 2 {
        return conditions.pop().and_then(boxed);
    }
    boxed(NodeEnum::BoolExpr(Box::new(BoolExpr {
        boolop: BoolExprType::AndExpr as i32,
        args: conditions.into_iter().map(plain).collect(),
        ..BoolExpr::default()
    })))
}

pub(super) fn operator(expr: &AExpr) -> Option<&str> {
    if expr.kind != AExprKind::AexprOp as i32 || expr.name.len() != 1 {
        return None;
    }
    match &expr.name[0].node {
        Some(NodeEnum::String(name)) => Some(&name.sval),
        _ => None,
    }
}

pub(super) fn compare(left: NodeEnum, operator: &str, right: NodeEnum) -> NodeEnum {
    NodeEnum::AExpr(Box::new(AExpr {
        kind: AExprKind::AexprOp as i32,
        name: vec![string(operator)],
        lexpr: boxed(left),
        rexpr: boxed(right),
        ..AExpr::default()
    }))
}

pub(super) fn string(text: &str) -> Node {
    plain(NodeEnum::String(pg_query::protobuf::String { sval: text.to_owned() }))
}

pub(super) fn column_ref(qualifier: &str, name: &str) -> NodeEnum {
    NodeEnum::ColumnRef(ColumnRef { fields: vec![string(qualifier), string(name)], location: 0 })
}

/// Whether a value is the same for every row: a constant, a parameter, a cast of one.
pub(super) fn is_value(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::AConst(_) | NodeEnum::ParamRef(_) => true,
        NodeEnum::TypeCast(cast) => inner(&cast.arg).is_some_and(is_value),
        _ => false,
    }
}

/// Functions that give one value for all rows of a statement, where their arguments do.
const STEADY: &[&str] = &[
    "now",
    "date",
    "date_trunc",
    "make_date",
    "make_interval",
    "make_timestamp",
    "make_timestamptz",
    "timezone",
    "to_date",
    "to_timestamp",
    "transaction_timestamp",
    "statement_timestamp",
];

/// Whether a value is the same for every row of one run: one that [`is_value`], the present, or arithmetic on such.
pub(super) fn is_steady(node: &NodeEnum) -> bool {
    let side = |side: &Option<Box<Node>>| inner(side).is_some_and(is_steady);
    match node {
        NodeEnum::AConst(_) | NodeEnum::ParamRef(_) | NodeEnum::SqlvalueFunction(_) => true,
        NodeEnum::TypeCast(cast) => side(&cast.arg),
        NodeEnum::FuncCall(call) => {
            function_name(call).is_some_and(|name| STEADY.contains(&name))
                && call.args.iter().all(|argument| argument.node.as_ref().is_some_and(is_steady))
        }
        NodeEnum::AExpr(expr) => {
            matches!(operator(expr), Some("+" | "-" | "*" | "/"))
                && side(&expr.lexpr)
                && side(&expr.rexpr)
        }
        _ => false,
    }
}

/// The comparison with its sides exchanged.
pub(in crate::sql) fn mirrored(sign: &str) -> Option<&'static str> {
    match sign {
        "=" => Some("="),
        "<>" => Some("<>"),
        "<" => Some(">"),
        "<=" => Some(">="),
        ">" => Some("<"),
        ">=" => Some("<="),
        _ => None,
    }
}

/// A text constant.
pub(super) fn constant_text(node: &NodeEnum) -> Option<&str> {
    match node {
        NodeEnum::AConst(AConst { val: Some(Val::Sval(text)), .. }) => Some(&text.sval),
        _ => None,
    }
}

/// The name of a built-in function that is called; absent for one of another schema.
pub(super) fn function_name(call: &pg_query::protobuf::FuncCall) -> Option<&str> {
    let names: Vec<&str> = call.funcname.iter().filter_map(name_of).collect();
    match names.as_slice() {
        [name] | ["pg_catalog", name] => Some(name),
        _ => None,
    }
}

/// What is cast, and the name of the type (`timestamptz`, `int4`), which is no array and has no length.
pub(super) fn type_cast_to(node: &NodeEnum) -> Option<(&NodeEnum, &str)> {
    let NodeEnum::TypeCast(cast) = node else { return None };
    let to = cast.type_name.as_ref()?;
    let name = to.names.last().and_then(name_of)?;
    let is_plain = to.array_bounds.is_empty() && to.typmods.is_empty();
    is_plain.then_some((inner(&cast.arg)?, name))
}

fn name_of(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(name)) => Some(&name.sval),
        _ => None,
    }
}

pub(super) fn integer(node: &NodeEnum) -> Option<i64> {
    match node {
        NodeEnum::AConst(AConst { val: Some(Val::Ival(number)), .. }) => Some(number.ival.into()),
        NodeEnum::AConst(AConst { val: Some(Val::Fval(number)), .. }) => number.fval.parse().ok(),
        _ => None,
    }
}

/// An expression, written as SQL and parsed.
pub(super) fn expression(sql: &str) -> Option<NodeEnum> {
    let parsed = pg_query::parse(&format!("SELECT {sql}"), 0).ok()?.protobuf;
    let node = parsed.stmts.into_iter().next()?.stmt?.node?;
    let NodeEnum::SelectStmt(select) = node else { return None };
    match select.target_list.into_iter().next()?.node? {
        NodeEnum::ResTarget(target) => target.val?.node,
        _ => None,
    }
}

/// An expression as SQL.
pub(super) fn text_of(node: &NodeEnum) -> Option<String> {
    let target = pg_query::protobuf::ResTarget { val: boxed(node.clone()), ..Default::default() };
    let select = SelectStmt {
        target_list: vec![plain(NodeEnum::ResTarget(Box::new(target)))],
        limit_option: pg_query::protobuf::LimitOption::Default as i32,
        op: SetOperation::SetopNone as i32,
        ..SelectStmt::default()
    };
    let sql = deparse(NodeEnum::SelectStmt(Box::new(select)))?;
    Some(sql.strip_prefix("SELECT ")?.to_owned())
}

/// The expressions of the select list.
pub(super) fn targets(select: &SelectStmt) -> Option<Vec<&NodeEnum>> {
    select
        .target_list
        .iter()
        .map(|target| match &target.node {
            Some(NodeEnum::ResTarget(target)) => inner(&target.val),
            _ => None,
        })
        .collect()
}

pub(super) fn is_star(node: &NodeEnum) -> bool {
    matches!(node, NodeEnum::ColumnRef(reference)
        if reference.fields.iter().any(|field| matches!(field.node, Some(NodeEnum::AStar(_)))))
}

/// Whether the select list holds plain columns only, and among them a key of the table that no two rows share.
pub(super) fn holds_a_key(select: &SelectStmt, alias: &str, table: &CatalogTable) -> bool {
    let Some(targets) = targets(select) else { return false };
    let relations = [(alias.to_owned(), table)];
    let mut names = Vec::new();
    for target in targets {
        if is_star(target) {
            names.extend(table.columns.iter().map(|column| column.name.as_str()));
        } else if let Some((_, column)) = column(target, &relations) {
            names.push(column.name.as_str());
        } else {
            return false;
        }
    }
    !table.has_children
        && table.indexes.iter().any(|index| {
            index.unique
            && index.valid
            // What is only checked at the end may be twice before it.
            && !index.deferrable
            && index.predicate.is_none()
            && !index.key_columns.is_empty()
            && index.key_columns.iter().all(|key| {
                key.as_deref().is_some_and(|key| {
                    names.contains(&key) && table.column(key).is_some_and(|column| !column.nullable)
                })
            })
        })
}
