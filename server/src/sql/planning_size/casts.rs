//! How large a constant becomes by a cast.

use serde_json::Value;

use super::growth::{
    LONGEST_NUMERIC, digits, exponents, is_parameter, literal_number, literal_text,
};
use super::{list, tree};

/// Bytes of the cast's value, at most about; infinite where they may be any. `bytes` are those of what is cast.
pub(super) fn cast_bytes(cast: &Value, bytes: f64) -> f64 {
    let (argument, name) = (cast.get("arg"), cast.get("type_name"));
    let part = |key: &str| name.and_then(|name| name.get(key));
    // char(n) and bit(n) are filled up, and so is each element of an array of them.
    let width = list(part("typmods")).filter_map(literal_number).fold(0.0, f64::max);
    let is_array = list(part("array_bounds")).next().is_some();
    let elements = if is_array { bytes / 2.0 + 1.0 } else { 1.0 };
    let text = argument.and_then(literal_text);
    let written =
        argument.and_then(|argument| argument.get("node")?.get("AConst")?.get("val")?.get("Sval"));
    let least = match tree::names(part("names")).pop().as_deref() {
        // A text that is written out stays what it is.
        Some("text") if written.is_some() && !is_array => return bytes,
        Some("numeric") if !is_array && !argument.is_some_and(is_number) => LONGEST_NUMERIC,
        // Of a list each element is one.
        Some("numeric") if is_array => match text {
            Some(text) => 64.0 * elements + exponents(text),
            None => LONGEST_NUMERIC * elements,
        },
        // A number that is written out has as many digits as it says.
        Some("numeric") => 64.0 + text.map_or(0.0, digits),
        // Entities stand for texts of any length.
        Some("xml") if text.is_none_or(|text| text.contains("<!")) => f64::INFINITY,
        // A path that is computed may be any; a parameter's value is looked at when it is bound.
        Some("jsonpath") if text.is_none() && !argument.is_some_and(is_parameter) => f64::INFINITY,
        _ => 64.0,
    };
    (bytes * 4.0 + least).max(width * elements)
}

/// Whether it is a number as long as it is written: a literal, a parameter, or arithmetic.
fn is_number(value: &Value) -> bool {
    is_parameter(value) || is_arithmetic(value) || literal_number(value).is_some()
}

/// Whether an expression is a sum, difference, product or quotient: a number as long as its parts are.
fn is_arithmetic(value: &Value) -> bool {
    let operator = value.get("node").and_then(|node| node.get("AExpr")?.get("name"));
    let name = tree::names(operator).pop();
    name.is_some_and(|name| matches!(name.as_str(), "+" | "-" | "*" | "/" | "%"))
}
