//! How large the value of a built-in function of constants could become.

use serde_json::Value;

/// Bytes, at most about; infinite where small arguments can make anything, or take for ever. `bytes` are those of the
/// arguments, and `nodes` those of the whole call.
pub(super) fn value_bytes(name: &str, arguments: &[&Value], bytes: &[f64], nodes: f64) -> f64 {
    let first = bytes.first().copied().unwrap_or_default();
    let total: f64 = bytes.iter().sum();
    let number =
        |at: usize| arguments.get(at).and_then(|a| literal_number(a)).unwrap_or(f64::INFINITY);
    match name {
        "repeat" => first * number(1).max(0.0),
        "lpad" | "rpad" => number(1) * 4.0,
        "array_fill" => dimensions(arguments.get(1).copied()) * (first + 8.0),
        "format" => {
            // A position may be named many times.
            let largest = bytes.iter().copied().fold(0.0, f64::max);
            total + largest_number(arguments.first().copied()) + first * largest
        }
        // The separator stands between all elements of an array too.
        "concat_ws" => total + first * nodes,
        // Doubled by each `**`.
        other if other.starts_with("jsonb_path_") && total > 256.0 => f64::INFINITY,
        "polygon" | "bpchar" | "bit" | "varbit" => {
            let numbers = arguments.iter().filter_map(|a| literal_number(a));
            total * 8.0 + numbers.fold(0.0, |sum, number| sum + number.abs() * 16.0)
        }
        "replace" | "regexp_replace" | "array_to_string" => {
            first * (bytes.iter().skip(1).sum::<f64>() + 1.0)
        }
        // Made to be slow, and not to be interrupted.
        "crypt"
        | "pgp_sym_encrypt"
        | "pgp_sym_encrypt_bytea"
        | "pgp_sym_decrypt"
        | "pgp_sym_decrypt_bytea"
        | "pgp_pub_decrypt"
        | "pgp_pub_decrypt_bytea" => f64::INFINITY,
        "string_to_array" | "regexp_split_to_array" | "regexp_matches" | "regexp_match" => {
            total * 48.0
        }
        "power" | "pow" | "exp" | "factorial" => total + 80_000.0,
        _ => total * 8.0 + 256.0,
    }
}

/// A number that is written out.
pub(super) fn literal_number(value: &Value) -> Option<f64> {
    let mut node = value.get("node").unwrap_or(value);
    while let Some(inner) = node.get("TypeCast").and_then(|cast| cast.get("arg")?.get("node")) {
        node = inner;
    }
    let value = node.get("AConst")?.get("val")?;
    let text = |kind: &str, key: &str| value.get(kind).and_then(|v| v.get(key)?.as_str());
    if let Some(whole) = value.get("Ival").and_then(|v| v.get("ival")?.as_f64()) {
        return Some(whole);
    }
    text("Fval", "fval").or_else(|| text("Sval", "sval"))?.trim().parse().ok()
}

/// The product of `ARRAY[a, b]`.
fn dimensions(value: Option<&Value>) -> f64 {
    let elements = value.and_then(|v| v.get("node")?.get("AArrayExpr")?.get("elements"));
    let Some(elements) = elements.and_then(Value::as_array) else { return f64::INFINITY };
    elements.iter().map(|element| literal_number(element).unwrap_or(f64::INFINITY)).product()
}

/// The widest field of a format string.
fn largest_number(value: Option<&Value>) -> f64 {
    let text = value
        .and_then(|v| v.get("node")?.get("AConst")?.get("val")?.get("Sval")?.get("sval")?.as_str());
    let Some(text) = text else { return f64::INFINITY };
    if text.contains('*') {
        return f64::INFINITY;
    }
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<f64>().ok());
    numbers.sum()
}
