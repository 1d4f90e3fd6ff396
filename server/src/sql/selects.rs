//! Every SELECT of a tree, to be changed where it stands: the statement's own, arms of set operations, `WITH` queries,
//! subqueries in FROM and in expressions.

use pg_query::protobuf::{ParseResult, SelectStmt};
use pg_query::{Node, NodeEnum};

/// Deeper than this nothing is looked for.
const MAX_DEPTH: usize = 200;

/// Calls `visit` with each, those inside first.
pub(super) fn each_select(tree: &mut ParseResult, visit: &mut dyn FnMut(&mut SelectStmt)) {
    for raw in &mut tree.stmts {
        boxed(&mut raw.stmt, visit, 0);
    }
}

fn boxed(node: &mut Option<Box<Node>>, visit: &mut dyn FnMut(&mut SelectStmt), depth: usize) {
    if let Some(node) = node.as_mut().and_then(|node| node.node.as_mut())
        && depth < MAX_DEPTH
    {
        inside(node, visit, depth + 1);
    }
}

fn all(nodes: &mut [Node], visit: &mut dyn FnMut(&mut SelectStmt), depth: usize) {
    for node in nodes.iter_mut().filter_map(|node| node.node.as_mut()) {
        if depth < MAX_DEPTH {
            inside(node, visit, depth + 1);
        }
    }
}

fn select(select: &mut SelectStmt, visit: &mut dyn FnMut(&mut SelectStmt), depth: usize) {
    if depth >= MAX_DEPTH {
        return;
    }
    for side in [&mut select.larg, &mut select.rarg].into_iter().flatten() {
        self::select(side, visit, depth + 1);
    }
    if let Some(with) = &mut select.with_clause {
        all(&mut with.ctes, visit, depth);
    }
    for nodes in [
        &mut select.from_clause,
        &mut select.target_list,
        &mut select.group_clause,
        &mut select.sort_clause,
        &mut select.distinct_clause,
        &mut select.values_lists,
    ] {
        all(nodes, visit, depth);
    }
    boxed(&mut select.where_clause, visit, depth);
    boxed(&mut select.having_clause, visit, depth);
    visit(select);
}

fn inside(node: &mut NodeEnum, visit: &mut dyn FnMut(&mut SelectStmt), depth: usize) {
    match node {
        NodeEnum::SelectStmt(own) => select(own, visit, depth),
        NodeEnum::CommonTableExpr(query) => boxed(&mut query.ctequery, visit, depth),
        NodeEnum::RangeSubselect(range) => boxed(&mut range.subquery, visit, depth),
        NodeEnum::RangeFunction(range) => all(&mut range.functions, visit, depth),
        NodeEnum::JoinExpr(join) => {
            boxed(&mut join.larg, visit, depth);
            boxed(&mut join.rarg, visit, depth);
            boxed(&mut join.quals, visit, depth);
        }
        NodeEnum::SubLink(link) => {
            boxed(&mut link.testexpr, visit, depth);
            boxed(&mut link.subselect, visit, depth);
        }
        NodeEnum::ResTarget(target) => boxed(&mut target.val, visit, depth),
        NodeEnum::SortBy(sort) => boxed(&mut sort.node, visit, depth),
        NodeEnum::BoolExpr(expr) => all(&mut expr.args, visit, depth),
        NodeEnum::AExpr(expr) => {
            boxed(&mut expr.lexpr, visit, depth);
            boxed(&mut expr.rexpr, visit, depth);
        }
        NodeEnum::FuncCall(call) => {
            all(&mut call.args, visit, depth);
            boxed(&mut call.agg_filter, visit, depth);
        }
        NodeEnum::CoalesceExpr(expr) => all(&mut expr.args, visit, depth),
        NodeEnum::MinMaxExpr(expr) => all(&mut expr.args, visit, depth),
        NodeEnum::RowExpr(row) => all(&mut row.args, visit, depth),
        NodeEnum::AArrayExpr(array) => all(&mut array.elements, visit, depth),
        NodeEnum::List(list) => all(&mut list.items, visit, depth),
        NodeEnum::TypeCast(cast) => boxed(&mut cast.arg, visit, depth),
        NodeEnum::CollateClause(collate) => boxed(&mut collate.arg, visit, depth),
        NodeEnum::NullTest(test) => boxed(&mut test.arg, visit, depth),
        NodeEnum::BooleanTest(test) => boxed(&mut test.arg, visit, depth),
        NodeEnum::AIndirection(indirection) => boxed(&mut indirection.arg, visit, depth),
        NodeEnum::CaseExpr(case) => {
            boxed(&mut case.arg, visit, depth);
            all(&mut case.args, visit, depth);
            boxed(&mut case.defresult, visit, depth);
        }
        NodeEnum::CaseWhen(when) => {
            boxed(&mut when.expr, visit, depth);
            boxed(&mut when.result, visit, depth);
        }
        _ => {}
    }
}
