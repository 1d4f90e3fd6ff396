//! What a query gives: each output, and the column that it is of.

use pg_query::protobuf::{Alias, ColumnRef, RangeFunction, ResTarget, SelectStmt};
use pg_query::{Node, NodeEnum};

use super::expression::inner;
use super::scope::{Output, Outputs, Scope, Source, of_table};

/// Of one SELECT without arms, whose FROM is in `scope`.
pub(super) fn outputs(select: &SelectStmt, scope: &Scope<'_>) -> Outputs {
    let is_open = select.limit_count.is_none() && select.limit_offset.is_none();
    let mut outputs = Outputs { is_open, ..Outputs::default() };
    for target in &select.target_list {
        let Some(NodeEnum::ResTarget(target)) = &target.node else { continue };
        match inner(&target.val) {
            Some(NodeEnum::ColumnRef(column)) => match star_of(column) {
                Some(qualifier) => add_star(&mut outputs, qualifier, scope),
                None => {
                    let (output, is_open) = scope.output(column).unwrap_or_default();
                    outputs.is_open &= is_open || !matches!(output, Output::Columns(_));
                    outputs.add(&name_of(target, column), output);
                }
            },
            Some(value) => {
                let name = if target.name.is_empty() { made_up(value) } else { &target.name };
                outputs.add(name, listed(value).map_or(Output::Other, Output::List));
            }
            None => outputs.add(&target.name, Output::Other),
        }
    }
    outputs
}

/// `unnest($1) AS t (x)`: the elements of a list.
pub(super) fn of_function(function: &RangeFunction) -> Outputs {
    let mut outputs = Outputs { is_open: true, ..Outputs::default() };
    let mut names = names_of(function.alias.as_ref()).into_iter();
    let calls = function.functions.iter().filter_map(|item| match &item.node {
        // The call, and the columns that it declares.
        Some(NodeEnum::List(pair)) => pair.items.first(),
        _ => None,
    });
    for call in calls {
        let lists = match &call.node {
            Some(NodeEnum::FuncCall(call)) if is_unnest(&call.funcname) => {
                call.args.iter().map(|list| list.node.as_ref().and_then(parameter)).collect()
            }
            _ => vec![None],
        };
        for list in lists {
            let alias = function.alias.as_ref().map_or("", |alias| alias.aliasname.as_str());
            let name = names.next().unwrap_or_else(|| alias.to_owned());
            outputs.add(&name, list.map_or(Output::Other, Output::List));
        }
    }
    outputs
}

/// The names that an alias gives to columns.
pub(super) fn names_of(alias: Option<&Alias>) -> Vec<String> {
    alias.map(|alias| names(&alias.colnames)).unwrap_or_default()
}

pub(super) fn names(nodes: &[Node]) -> Vec<String> {
    nodes
        .iter()
        .filter_map(|name| match &name.node {
            Some(NodeEnum::String(name)) => Some(name.sval.clone()),
            _ => None,
        })
        .collect()
}

fn name_of(target: &ResTarget, column: &ColumnRef) -> String {
    if !target.name.is_empty() {
        return target.name.clone();
    }
    names(&column.fields).pop().unwrap_or_default()
}

/// The qualifier of `t.*`, empty for `*`; absent for anything else.
fn star_of(column: &ColumnRef) -> Option<String> {
    let is_star = matches!(column.fields.last()?.node, Some(NodeEnum::AStar(_)));
    is_star.then(|| names(&column.fields).pop().unwrap_or_default())
}

fn add_star(outputs: &mut Outputs, qualifier: String, scope: &Scope<'_>) {
    for (alias, source) in &scope.relations {
        if !qualifier.is_empty() && *alias != qualifier {
            continue;
        }
        match source {
            Source::Table(table) => {
                for column in &table.columns {
                    let output = Output::Columns(vec![of_table(table, &column.name)]);
                    outputs.add(&column.name, output);
                }
            }
            Source::Query(inside) => {
                outputs.is_open &= inside.is_open;
                outputs.in_order.extend(inside.in_order.iter().cloned());
                for (name, output) in &inside.by_name {
                    outputs.by_name.entry(name.clone()).or_insert_with(|| output.clone());
                }
            }
        }
    }
}

/// `SELECT unnest($1)`.
fn listed(value: &NodeEnum) -> Option<i32> {
    match value {
        NodeEnum::FuncCall(call) if is_unnest(&call.funcname) && call.args.len() == 1 => {
            call.args.first()?.node.as_ref().and_then(parameter)
        }
        _ => None,
    }
}

/// The name that PostgreSQL makes up: a function's.
fn made_up(value: &NodeEnum) -> &str {
    match value {
        NodeEnum::FuncCall(call) => {
            match call.funcname.last().and_then(|name| name.node.as_ref()) {
                Some(NodeEnum::String(name)) => &name.sval,
                _ => "",
            }
        }
        _ => "",
    }
}

fn is_unnest(name: &[Node]) -> bool {
    names(name).last().is_some_and(|name| name == "unnest")
}

/// A parameter behind any casts.
fn parameter(node: &NodeEnum) -> Option<i32> {
    match node {
        NodeEnum::ParamRef(parameter) => Some(parameter.number),
        NodeEnum::TypeCast(cast) => inner(&cast.arg).and_then(parameter),
        _ => None,
    }
}
