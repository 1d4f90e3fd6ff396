//! A SELECT without the clauses that lock rows: which rows are read does not depend on them. Where one stands in a place
//! that is not listed here, the guard refuses the statement.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt};

/// Takes every locking clause away; says whether there was one.
pub(super) fn unlock(select: &mut SelectStmt) -> bool {
    let mut found = !select.locking_clause.is_empty();
    select.locking_clause.clear();
    for cte in select.with_clause.iter_mut().flat_map(|with| &mut with.ctes) {
        if let Some(NodeEnum::CommonTableExpr(cte)) = &mut cte.node {
            found |= one(&mut cte.ctequery);
        }
    }
    for arm in [&mut select.larg, &mut select.rarg].into_iter().flatten() {
        found |= unlock(arm);
    }
    for list in [&mut select.from_clause, &mut select.target_list, &mut select.values_lists] {
        found |= all(list);
    }
    for clause in [&mut select.where_clause, &mut select.having_clause] {
        found |= one(clause);
    }
    found
}

fn all(nodes: &mut [Node]) -> bool {
    let mut found = false;
    for node in nodes {
        found |= inside(node);
    }
    found
}

fn one(node: &mut Option<Box<Node>>) -> bool {
    node.as_mut().is_some_and(|node| inside(node))
}

fn inside(node: &mut Node) -> bool {
    match &mut node.node {
        Some(NodeEnum::SelectStmt(select)) => unlock(select),
        Some(NodeEnum::SubLink(link)) => one(&mut link.subselect) | one(&mut link.testexpr),
        Some(NodeEnum::RangeSubselect(range)) => one(&mut range.subquery),
        Some(NodeEnum::JoinExpr(join)) => {
            one(&mut join.larg) | one(&mut join.rarg) | one(&mut join.quals)
        }
        Some(NodeEnum::ResTarget(target)) => one(&mut target.val),
        Some(NodeEnum::BoolExpr(boolean)) => all(&mut boolean.args),
        Some(NodeEnum::AExpr(operation)) => one(&mut operation.lexpr) | one(&mut operation.rexpr),
        Some(NodeEnum::FuncCall(call)) => all(&mut call.args),
        Some(NodeEnum::CoalesceExpr(coalesce)) => all(&mut coalesce.args),
        Some(NodeEnum::NullTest(test)) => one(&mut test.arg),
        Some(NodeEnum::TypeCast(cast)) => one(&mut cast.arg),
        Some(NodeEnum::List(list)) => all(&mut list.items),
        Some(NodeEnum::RowExpr(row)) => all(&mut row.args),
        Some(NodeEnum::AArrayExpr(array)) => all(&mut array.elements),
        Some(NodeEnum::CaseExpr(case)) => {
            one(&mut case.arg) | all(&mut case.args) | one(&mut case.defresult)
        }
        Some(NodeEnum::CaseWhen(when)) => one(&mut when.expr) | one(&mut when.result),
        _ => false,
    }
}
