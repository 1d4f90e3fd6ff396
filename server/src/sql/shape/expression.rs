//! Reading expressions: operators, what they compare, and what stands inside.

use optischema::model::PredicateKind;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{AConst, AExpr, AExprKind};
use pg_query::{Node, NodeEnum};

pub(super) fn inner(node: &Option<Box<Node>>) -> Option<&NodeEnum> {
    node.as_ref().and_then(|node| node.node.as_ref())
}

pub(super) fn operator_name(expr: &AExpr) -> String {
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
            "@>" | "<@" | "?" | "?|" | "?&" | "&&" | "@@" => Some(PredicateKind::Containment),
            _ => None,
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

/// Whether a pattern is written out and begins with plain letters: then a B-tree can be searched for them.
pub(super) fn is_prefix(pattern: &NodeEnum) -> bool {
    match pattern {
        NodeEnum::AConst(AConst { val: Some(Val::Sval(text)), .. }) => {
            !text.sval.starts_with(['%', '_', '\\']) && !text.sval.is_empty()
        }
        NodeEnum::TypeCast(cast) => inner(&cast.arg).is_some_and(is_prefix),
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
        NodeEnum::FuncCall(call) => of(&call.args).collect(),
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
