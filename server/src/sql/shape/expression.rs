//! Reading expressions: operators, what they compare, and what stands inside.

use optischema::model::PredicateKind;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{
    AConst, AExpr, AExprKind, ColumnRef, LimitOption, ParseResult, RawStmt, ResTarget, SelectStmt,
    SetOperation,
};
use pg_query::{Node, NodeEnum};

pub(in crate::sql) fn inner(node: &Option<Box<Node>>) -> Option<&NodeEnum> {
    node.as_ref().and_then(|node| node.node.as_ref())
}

pub(in crate::sql) fn operator_name(expr: &AExpr) -> String {
    expr.name
        .iter()
        .rev()
        .find_map(|node| match &node.node {
            Some(NodeEnum::String(name)) => Some(name.sval.clone()),
            _ => None,
        })
        .unwrap_or_default()
}

pub(super) fn predicate_kind(kind: i32, operator: &str) -> Option<PredicateKind> {
    match AExprKind::try_from(kind).ok()? {
        AExprKind::AexprOp => match operator {
            "=" => Some(PredicateKind::Equality),
            "<" | "<=" | ">" | ">=" => Some(PredicateKind::Range),
            "~~" | "~~*" => Some(PredicateKind::Pattern),
            "^@" => Some(PredicateKind::Prefix),
            "<>" | "!=" | "~" | "~*" => None,
            // What is not that is mostly none that an index is searched by.
            other if other.starts_with('!') => None,
            // `@>`, `?`, `&&`, `<<`, `%`, …: whatever else gives true or false.
            _ => Some(PredicateKind::Containment),
        },
        AExprKind::AexprOpAny if operator == "=" => Some(PredicateKind::List),
        AExprKind::AexprIn if operator == "=" => Some(PredicateKind::List),
        AExprKind::AexprLike | AExprKind::AexprIlike if !operator.starts_with('!') => {
            Some(PredicateKind::Pattern)
        }
        AExprKind::AexprBetween => Some(PredicateKind::Range),
        _ => None,
    }
}

/// Whether a pattern of LIKE is written out and begins with what it finds as it is: then a B-tree can be searched for that.
/// ILIKE finds letters in either case, so that only other signs are.
pub(in crate::sql) fn is_prefix(pattern: &NodeEnum, ignores_case: bool) -> bool {
    match pattern {
        NodeEnum::AConst(AConst { val: Some(Val::Sval(text)), .. }) => {
            let mut signs = text.sval.chars();
            let first = match signs.next() {
                // What follows stands for itself.
                Some('\\') => signs.next(),
                first => first.filter(|sign| !['%', '_'].contains(sign)),
            };
            first.is_some_and(|sign| !(ignores_case && sign.is_alphabetic()))
        }
        NodeEnum::TypeCast(cast) => {
            inner(&cast.arg).is_some_and(|pattern| is_prefix(pattern, ignores_case))
        }
        _ => false,
    }
}

pub(super) fn list_items(node: &NodeEnum) -> Vec<&NodeEnum> {
    match node {
        NodeEnum::List(list) => list.items.iter().filter_map(|item| item.node.as_ref()).collect(),
        other => vec![other],
    }
}

/// Whether a value does not depend on the row, so that an index can be searched for it.
pub(super) fn is_free_of_columns(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::ColumnRef(_) | NodeEnum::SubLink(_) => false,
        other => children(other).into_iter().all(is_free_of_columns),
    }
}

/// The expressions directly inside an expression.
pub(super) fn children(node: &NodeEnum) -> Vec<&NodeEnum> {
    fn of(nodes: &[Node]) -> impl Iterator<Item = &NodeEnum> {
        nodes.iter().filter_map(|node| node.node.as_ref())
    }
    match node {
        NodeEnum::AExpr(expr) => inner(&expr.lexpr).into_iter().chain(inner(&expr.rexpr)).collect(),
        NodeEnum::BoolExpr(expr) => of(&expr.args).collect(),
        NodeEnum::FuncCall(call) => of(&call.args)
            .chain(of(&call.agg_order))
            .chain(inner(&call.agg_filter))
            .chain(
                call.over
                    .iter()
                    .flat_map(|over| of(&over.partition_clause).chain(of(&over.order_clause))),
            )
            .collect(),
        NodeEnum::SortBy(sort) => inner(&sort.node).into_iter().collect(),
        NodeEnum::GroupingSet(set) => of(&set.content).collect(),
        NodeEnum::CoalesceExpr(expr) => of(&expr.args).collect(),
        NodeEnum::MinMaxExpr(expr) => of(&expr.args).collect(),
        NodeEnum::RowExpr(row) => of(&row.args).collect(),
        NodeEnum::AArrayExpr(array) => of(&array.elements).collect(),
        NodeEnum::List(list) => of(&list.items).collect(),
        NodeEnum::TypeCast(cast) => inner(&cast.arg).into_iter().collect(),
        NodeEnum::CollateClause(collate) => inner(&collate.arg).into_iter().collect(),
        NodeEnum::NullTest(test) => inner(&test.arg).into_iter().collect(),
        NodeEnum::BooleanTest(test) => inner(&test.arg).into_iter().collect(),
        NodeEnum::AIndirection(indirection) => inner(&indirection.arg).into_iter().collect(),
        NodeEnum::CaseExpr(case) => {
            of(&case.args).chain(inner(&case.arg)).chain(inner(&case.defresult)).collect()
        }
        NodeEnum::CaseWhen(when) => {
            inner(&when.expr).into_iter().chain(inner(&when.result)).collect()
        }
        _ => Vec::new(),
    }
}

/// A value that is written out, as text.
pub(in crate::sql) fn constant(node: &NodeEnum) -> Option<String> {
    match node {
        NodeEnum::AConst(AConst { val: Some(value), .. }) => match value {
            Val::Sval(text) => Some(text.sval.clone()),
            Val::Ival(number) => Some(number.ival.to_string()),
            Val::Fval(number) => Some(number.fval.clone()),
            Val::Boolval(value) => Some(if value.boolval { "t" } else { "f" }.to_owned()),
            Val::Bsval(_) => None,
        },
        NodeEnum::TypeCast(cast) => inner(&cast.arg).and_then(constant),
        _ => None,
    }
}

/// Every column that an expression names; a subquery inside is not looked into.
pub(in crate::sql) fn columns_in(node: &NodeEnum) -> Vec<&ColumnRef> {
    match node {
        NodeEnum::ColumnRef(column) => vec![column],
        other => children(other).into_iter().flat_map(columns_in).collect(),
    }
}

pub(super) fn has_parameter(node: &NodeEnum) -> bool {
    matches!(node, NodeEnum::ParamRef(_) | NodeEnum::SubLink(_))
        || children(node).into_iter().any(has_parameter)
}

/// An expression as SQL, its columns without their table.
pub(in crate::sql) fn unqualified(node: &NodeEnum) -> Option<String> {
    let mut node = node.clone();
    if !drop_qualifiers(&mut node) {
        return None;
    }
    let target =
        ResTarget { val: Some(Box::new(Node { node: Some(node) })), ..ResTarget::default() };
    let select = SelectStmt {
        target_list: vec![Node { node: Some(NodeEnum::ResTarget(Box::new(target))) }],
        limit_option: LimitOption::Default as i32,
        op: SetOperation::SetopNone as i32,
        ..SelectStmt::default()
    };
    let raw = RawStmt {
        stmt: Some(Box::new(Node { node: Some(NodeEnum::SelectStmt(Box::new(select))) })),
        stmt_location: 0,
        stmt_len: 0,
    };
    let tree = ParseResult { version: 0, stmts: vec![raw] };
    let sql = pg_query::deparse(&tree, Default::default()).ok()?;
    Some(sql.strip_prefix("SELECT ")?.to_owned())
}

/// `false` where something stands inside that no index expression is made of.
fn drop_qualifiers(node: &mut NodeEnum) -> bool {
    fn boxed(node: &mut Option<Box<Node>>) -> bool {
        node.as_mut().and_then(|node| node.node.as_mut()).is_none_or(drop_qualifiers)
    }
    fn all(nodes: &mut [Node]) -> bool {
        nodes.iter_mut().filter_map(|node| node.node.as_mut()).all(drop_qualifiers)
    }
    fn constants(nodes: &[Node]) -> bool {
        nodes.iter().all(|node| node.node.as_ref().is_some_and(|node| constant(node).is_some()))
    }
    match node {
        NodeEnum::ColumnRef(column) => {
            let last = column.fields.len().saturating_sub(1);
            column.fields.drain(..last);
            true
        }
        NodeEnum::AConst(_) => true,
        NodeEnum::AExpr(expr) => boxed(&mut expr.lexpr) && boxed(&mut expr.rexpr),
        NodeEnum::FuncCall(call) => {
            call.over.is_none()
                && !call.agg_star
                && call.agg_order.is_empty()
                && all(&mut call.args)
        }
        NodeEnum::CoalesceExpr(expr) => all(&mut expr.args),
        NodeEnum::MinMaxExpr(expr) => all(&mut expr.args),
        NodeEnum::AIndirection(indirection) => boxed(&mut indirection.arg),
        NodeEnum::CaseExpr(case) => {
            boxed(&mut case.arg) && all(&mut case.args) && boxed(&mut case.defresult)
        }
        NodeEnum::CaseWhen(when) => boxed(&mut when.expr) && boxed(&mut when.result),
        NodeEnum::TypeCast(cast) => boxed(&mut cast.arg),
        NodeEnum::CollateClause(collate) => boxed(&mut collate.arg),
        NodeEnum::NullTest(test) => boxed(&mut test.arg),
        NodeEnum::BooleanTest(test) => boxed(&mut test.arg),
        NodeEnum::BoolExpr(expr) => all(&mut expr.args),
        // Of IN and BETWEEN, and of = ANY: values that are written out.
        NodeEnum::List(list) => constants(&list.items),
        NodeEnum::AArrayExpr(array) => all(&mut array.elements),
        _ => false,
    }
}
