//! The search for the rows that an UPDATE, a DELETE or an INSERT in a WITH query writes.

use optischema::model::{NotPlanned, ReasonCode};
use pg_query::NodeEnum;
use pg_query::protobuf::{
    self, Alias, ColumnRef, DeleteStmt, InsertStmt, Node, RangeSubselect, RangeVar, ResTarget,
    ReturningClause, SelectStmt, SubLink, UpdateStmt,
};

use super::node;

/// Alias of a query that is put in place; the application has no such name.
const SOURCE: &str = "optischema_source";

/// A SELECT of nothing, with what the parser sets in every one.
pub(super) fn plain() -> SelectStmt {
    SelectStmt {
        limit_option: protobuf::LimitOption::Default as i32,
        op: protobuf::SetOperation::SetopNone as i32,
        ..SelectStmt::default()
    }
}

pub(super) fn no_table() -> NotPlanned {
    NotPlanned::new(ReasonCode::NoQuery, "it names no table")
}

fn text(name: &str) -> Node {
    node(NodeEnum::String(protobuf::String { sval: name.to_owned() }))
}

fn target(value: Node) -> Node {
    node(NodeEnum::ResTarget(Box::new(ResTarget {
        val: Some(Box::new(value)),
        ..ResTarget::default()
    })))
}

fn column(fields: Vec<Node>) -> Node {
    node(NodeEnum::ColumnRef(ColumnRef { fields, ..ColumnRef::default() }))
}

fn star() -> Node {
    column(vec![node(NodeEnum::AStar(protobuf::AStar {}))])
}

/// What a table is called in the statement.
fn called(table: &RangeVar) -> &str {
    table.alias.as_ref().map_or(table.relname.as_str(), |alias| alias.aliasname.as_str())
}

/// Where a row stands: no index holds it, so that the row itself is read, as it must be to be written.
pub(super) fn place_of(table: &RangeVar) -> Node {
    target(column(vec![text(called(table)), text("ctid")]))
}

fn integer(value: i32) -> Node {
    let val = protobuf::a_const::Val::Ival(protobuf::Integer { ival: value });
    node(NodeEnum::AConst(protobuf::AConst { val: Some(val), ..protobuf::AConst::default() }))
}

fn scalar(select: SelectStmt) -> Node {
    let link = SubLink {
        sub_link_type: protobuf::SubLinkType::ExprSublink as i32,
        subselect: Some(Box::new(node(NodeEnum::SelectStmt(Box::new(select))))),
        ..SubLink::default()
    };
    node(NodeEnum::SubLink(Box::new(link)))
}

fn in_from(select: SelectStmt, alias: &str, lateral: bool) -> Node {
    let range = RangeSubselect {
        lateral,
        subquery: Some(Box::new(node(NodeEnum::SelectStmt(Box::new(select))))),
        alias: Some(Alias { aliasname: alias.to_owned(), colnames: Vec::new() }),
    };
    node(NodeEnum::RangeSubselect(Box::new(range)))
}

/// `SELECT * FROM (query)`.
pub(super) fn all_of(query: SelectStmt) -> SelectStmt {
    let from_clause = vec![in_from(query, SOURCE, false)];
    SelectStmt { target_list: vec![target(star())], from_clause, ..plain() }
}

/// `(SELECT count(*) FROM name)`.
pub(super) fn count_of(name: &str) -> Node {
    let count = protobuf::FuncCall {
        funcname: vec![text("pg_catalog"), text("count")],
        agg_star: true,
        funcformat: protobuf::CoercionForm::CoerceExplicitCall as i32,
        ..protobuf::FuncCall::default()
    };
    let from = RangeVar {
        relname: name.to_owned(),
        inh: true,
        relpersistence: "p".to_owned(),
        ..RangeVar::default()
    };
    let select = SelectStmt {
        target_list: vec![target(node(NodeEnum::FuncCall(Box::new(count))))],
        from_clause: vec![node(NodeEnum::RangeVar(from))],
        ..plain()
    };
    target(scalar(select))
}

/// Where the rows go to a person or to another query, what is returned is read; `is_outermost` says that nobody needs it.
fn outputs(returning: Option<&ReturningClause>, table: &RangeVar, is_outermost: bool) -> Vec<Node> {
    match returning.filter(|_| !is_outermost) {
        None => vec![place_of(table)],
        Some(returning) => {
            // RETURNING WITH (OLD AS o, NEW AS n): from PostgreSQL 18 on.
            let mut names = vec!["old".to_owned(), "new".to_owned()];
            names.extend(returning.options.iter().filter_map(|option| match &option.node {
                Some(NodeEnum::ReturningOption(option)) => Some(option.value.clone()),
                _ => None,
            }));
            let mut exprs = returning.exprs.clone();
            for expr in &mut exprs {
                rename(expr, &names, called(table));
            }
            exprs
        }
    }
}

/// `old.x` and `new.x` are columns of the table.
fn rename(output: &mut Node, names: &[String], table: &str) {
    let Some(NodeEnum::ResTarget(output)) = &mut output.node else { return };
    let Some(NodeEnum::ColumnRef(column)) = output.val.as_mut().and_then(|val| val.node.as_mut())
    else {
        return;
    };
    if column.fields.len() < 2 {
        return;
    }
    if let Some(NodeEnum::String(first)) = &mut column.fields[0].node
        && names.contains(&first.sval)
    {
        first.sval = table.to_owned();
    }
}

fn found_by_cursor(condition: Option<&Node>) -> Result<(), NotPlanned> {
    match condition.and_then(|condition| condition.node.as_ref()) {
        Some(NodeEnum::CurrentOfExpr(_)) => Err(NotPlanned::new(
            ReasonCode::RowsGiven,
            "it writes the current row of a cursor: no row is searched for",
        )),
        _ => Ok(()),
    }
}

/// The rows that an UPDATE changes, and what its assignments look up.
pub(super) fn updated(update: &UpdateStmt, is_outermost: bool) -> Result<SelectStmt, NotPlanned> {
    let Some(table) = &update.relation else { return Err(no_table()) };
    found_by_cursor(update.where_clause.as_deref())?;
    let mut target_list = outputs(update.returning_clause.as_ref(), table, is_outermost);
    target_list.extend(update.target_list.iter().filter_map(looked_up));
    let mut from_clause = vec![node(NodeEnum::RangeVar(table.clone()))];
    from_clause.extend(update.from_clause.iter().cloned());
    Ok(SelectStmt {
        target_list,
        from_clause,
        where_clause: update.where_clause.clone(),
        with_clause: update.with_clause.clone(),
        ..plain()
    })
}

/// The query in `column = (SELECT …)`, as an output of its own.
fn looked_up(assignment: &Node) -> Option<Node> {
    let Some(NodeEnum::ResTarget(assignment)) = &assignment.node else { return None };
    let value = assignment.val.as_ref()?;
    match value.node.as_ref()? {
        NodeEnum::MultiAssignRef(several) => {
            // The same query stands at each of its columns.
            let source = several.source.as_ref().filter(|_| several.colno == 1)?;
            match source.node.as_ref()? {
                NodeEnum::SubLink(link) => match link.subselect.as_ref()?.node.as_ref()? {
                    NodeEnum::SelectStmt(select) => {
                        let row = SelectStmt {
                            target_list: vec![target(column(vec![text(SOURCE)]))],
                            from_clause: vec![in_from(SelectStmt::clone(select), SOURCE, false)],
                            ..plain()
                        };
                        Some(target(scalar(row)))
                    }
                    _ => None,
                },
                NodeEnum::RowExpr(_) if holds(source) => Some(target(Node::clone(source))),
                _ => None,
            }
        }
        _ if holds(value) => Some(target(Node::clone(value))),
        _ => None,
    }
}

/// The rows that a DELETE removes.
pub(super) fn deleted(delete: &DeleteStmt, is_outermost: bool) -> Result<SelectStmt, NotPlanned> {
    let Some(table) = &delete.relation else { return Err(no_table()) };
    found_by_cursor(delete.where_clause.as_deref())?;
    let mut from_clause = vec![node(NodeEnum::RangeVar(table.clone()))];
    from_clause.extend(delete.using_clause.iter().cloned());
    Ok(SelectStmt {
        target_list: outputs(delete.returning_clause.as_ref(), table, is_outermost),
        from_clause,
        where_clause: delete.where_clause.clone(),
        with_clause: delete.with_clause.clone(),
        ..plain()
    })
}

/// An INSERT in a WITH query: what it reads, and rows of the form that it returns.
pub(super) fn returned(insert: &InsertStmt) -> Result<SelectStmt, NotPlanned> {
    let Some(table) = &insert.relation else { return Err(no_table()) };
    let mut source = match insert.select_stmt.as_ref().and_then(|source| source.node.as_ref()) {
        Some(NodeEnum::SelectStmt(source)) => SelectStmt::clone(source),
        _ => SelectStmt { target_list: vec![target(integer(1))], ..plain() },
    };
    without_defaults(&mut source);
    let row = SelectStmt {
        target_list: outputs(insert.returning_clause.as_ref(), table, false),
        from_clause: vec![node(NodeEnum::RangeVar(table.clone()))],
        limit_count: Some(Box::new(integer(1))),
        limit_option: protobuf::LimitOption::Count as i32,
        ..plain()
    };
    let form = "optischema_row";
    Ok(SelectStmt {
        target_list: vec![target(column(vec![
            text(form),
            node(NodeEnum::AStar(protobuf::AStar {})),
        ]))],
        from_clause: vec![in_from(source, SOURCE, false), in_from(row, form, true)],
        with_clause: insert.with_clause.clone(),
        ..plain()
    })
}

/// DEFAULT stands in the rows of an INSERT only.
pub(super) fn without_defaults(values: &mut SelectStmt) {
    for row in &mut values.values_lists {
        let Some(NodeEnum::List(row)) = &mut row.node else { continue };
        for item in &mut row.items {
            if matches!(item.node, Some(NodeEnum::SetToDefault(_))) {
                let null = protobuf::AConst { isnull: true, ..protobuf::AConst::default() };
                item.node = Some(NodeEnum::AConst(null));
            }
        }
    }
}

/// Whether there is a query in rows that are named.
pub(super) fn holds_query(values: &SelectStmt) -> bool {
    values.values_lists.iter().any(holds)
}

/// Whether there is a query in an expression.
fn holds(expression: &Node) -> bool {
    let Some(node) = &expression.node else { return false };
    let mut found = matches!(node, NodeEnum::SubLink(_));
    let any = |nodes: &[Node]| nodes.iter().any(holds);
    let one = |node: &Option<Box<Node>>| node.as_deref().is_some_and(holds);
    found |= match node {
        NodeEnum::List(list) => any(&list.items),
        NodeEnum::RowExpr(row) => any(&row.args),
        NodeEnum::FuncCall(call) => any(&call.args),
        NodeEnum::CoalesceExpr(coalesce) => any(&coalesce.args),
        NodeEnum::MinMaxExpr(extreme) => any(&extreme.args),
        NodeEnum::BoolExpr(boolean) => any(&boolean.args),
        NodeEnum::AArrayExpr(array) => any(&array.elements),
        NodeEnum::AExpr(operation) => one(&operation.lexpr) || one(&operation.rexpr),
        NodeEnum::TypeCast(cast) => one(&cast.arg),
        NodeEnum::NullTest(test) => one(&test.arg),
        NodeEnum::CaseExpr(case) => any(&case.args) || one(&case.arg) || one(&case.defresult),
        NodeEnum::CaseWhen(when) => one(&when.expr) || one(&when.result),
        _ => false,
    };
    found
}
