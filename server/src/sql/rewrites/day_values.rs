//! Values that moments are compared with, and what is known of them.

use pg_query::NodeEnum;
use pg_query::protobuf::SqlValueFunctionOp;

use super::moments::Unit;
use super::pieces::{
    constant_text, function_name, inner, integer, operator, text_of, type_cast_to,
};

/// A value that a date is compared with as a date: as one, in SQL.
pub(super) fn day(node: &NodeEnum) -> Option<String> {
    let text = text_of(node)?;
    if is_date(node) {
        return Some(text);
    }
    // A value without a type takes the date's.
    let is_open = matches!(node, NodeEnum::ParamRef(_)) || constant_text(node).is_some();
    if is_open {
        return Some(format!("{text}::date"));
    }
    // Midnight is the date that it is of.
    is_aligned(node, Unit::Day).then(|| format!("({text})::date"))
}

fn is_date(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::TypeCast(_) => matches!(type_cast_to(node), Some((_, "date"))),
        NodeEnum::SqlvalueFunction(function) => {
            function.op == SqlValueFunctionOp::SvfopCurrentDate as i32
        }
        NodeEnum::FuncCall(call) => {
            matches!(function_name(call), Some("date" | "to_date" | "make_date"))
        }
        NodeEnum::AExpr(expr) => {
            let (Some(left), Some(right)) = (inner(&expr.lexpr), inner(&expr.rexpr)) else {
                return false;
            };
            let is_number = integer(right).is_some()
                || matches!(type_cast_to(right), Some((_, "int4" | "int2")));
            matches!(operator(expr), Some("+" | "-")) && is_date(left) && is_number
        }
        _ => false,
    }
}

/// Whether a value is surely the beginning of a unit.
pub(super) fn is_aligned(node: &NodeEnum, unit: Unit) -> bool {
    if unit <= Unit::Day && is_date(node) {
        return true;
    }
    if let Some(text) = constant_text(node) {
        return begins(text, unit);
    }
    match node {
        NodeEnum::TypeCast(cast) => {
            let is_moment =
                matches!(type_cast_to(node), Some((_, "timestamp" | "timestamptz" | "date")));
            is_moment && inner(&cast.arg).is_some_and(|inside| is_aligned(inside, unit))
        }
        NodeEnum::FuncCall(call) => {
            let argument = call.args.first().and_then(|argument| argument.node.as_ref());
            let cut = argument.and_then(constant_text).and_then(Unit::of);
            function_name(call) == Some("date_trunc") && cut.is_some_and(|cut| cut.holds(unit))
        }
        NodeEnum::AExpr(expr) => {
            let (Some(left), Some(right)) = (inner(&expr.lexpr), inner(&expr.rexpr)) else {
                return false;
            };
            matches!(operator(expr), Some("+" | "-"))
                && is_aligned(left, unit)
                && of_units(right).is_some_and(|step| step.holds(unit))
        }
        _ => false,
    }
}

/// Whether a text is a date, without a time, that begins a unit. Weeks are not reckoned.
fn begins(text: &str, unit: Unit) -> bool {
    let date = text.strip_suffix(" 00:00:00").unwrap_or(text);
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let is_number = |part: &&&str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !(is_number(&year, 4) && is_number(&month, 2) && is_number(&day, 2)) {
        return false;
    }
    match unit {
        Unit::Week => false,
        Unit::Month => *day == "01",
        Unit::Quarter => *day == "01" && matches!(*month, "01" | "04" | "07" | "10"),
        Unit::Year => *day == "01" && *month == "01",
        _ => true,
    }
}

/// The unit of an interval of whole units (`'7 days'::interval`).
fn of_units(node: &NodeEnum) -> Option<Unit> {
    let Some((inside, "interval")) = type_cast_to(node) else { return None };
    let (number, unit) = constant_text(inside)?.trim().split_once(' ')?;
    number.parse::<i64>().ok()?;
    let unit = unit.trim().to_ascii_lowercase();
    Unit::of(unit.strip_suffix('s').unwrap_or(&unit))
}
