//! How large the value of a built-in function of constants could become.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

/// Names of functions and what is known of their results: `fixed` length, `linear` in the length of their arguments, or
/// a `set`, an aggregate or a window function, which the planner does not compute. Read from PostgreSQL 13, 15 and 18 by
/// `scripts/function-growth.sql`.
static KINDS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    include_str!("functions.tsv").lines().filter_map(|line| line.split_once('\t')).collect()
});

/// Types without a function of their name that are called like one.
const CASTS: &[&str] = &[
    "bytea",
    "citext",
    "geography",
    "geometry",
    "hstore",
    "inet",
    "json",
    "jsonb",
    "jsonpath",
    "ltree",
    "macaddr",
    "money",
    "name",
    "point",
    "tsquery",
    "tsvector",
    "uuid",
    "vector",
    "xml",
];

/// Functions whose result is a number.
const NUMERIC: &[&str] = &[
    "abs",
    "ceil",
    "ceiling",
    "div",
    "floor",
    "gcd",
    "lcm",
    "ln",
    "log",
    "log10",
    "mod",
    "round",
    "sign",
    "sqrt",
    "to_number",
    "trim_scale",
    "trunc",
];

/// Functions whose result is hardly longer than what they are given.
const SHORT: &[&str] = &[
    "btrim",
    "initcap",
    "left",
    "lower",
    "ltrim",
    "reverse",
    "right",
    "rtrim",
    "split_part",
    "st_geogfromtext",
    "st_geomfromtext",
    "st_makepoint",
    "st_point",
    "st_setsrid",
    "substr",
    "substring",
    "unaccent",
    "upper",
];

/// Functions of PostGIS (without `st_`) that cut lines at every place where they cross: their memory grows with the
/// square of what they are given, whatever they give back.
const CROSSING: &[&str] = &[
    "3ddwithin",
    "3dintersects",
    "buildarea",
    "cleangeometry",
    "clusterintersecting",
    "clusterwithin",
    "contains",
    "containsproperly",
    "coveredby",
    "covers",
    "crosses",
    "dfullywithin",
    "difference",
    "disjoint",
    "equals",
    "frechetdistance",
    "hausdorffdistance",
    "intersection",
    "intersects",
    "isring",
    "issimple",
    "isvalid",
    "isvaliddetail",
    "isvalidreason",
    "linemerge",
    "makevalid",
    "maximuminscribedcircle",
    "minimumclearance",
    "minimumclearanceline",
    "node",
    "overlaps",
    "polygonize",
    "reduceprecision",
    "relate",
    "sharedpaths",
    "simplifypolygonhull",
    "simplifypreservetopology",
    "snap",
    "split",
    "symdifference",
    "touches",
    "unaryunion",
    "union",
    "within",
];

/// Functions that give what somebody keeps in the database.
const KEPT: &[&str] = &[
    "obj_description",
    "col_description",
    "shobj_description",
    "current_setting",
    "current_query",
];

/// Built-in functions of which small arguments make anything.
const GROWING: &[&str] = &[
    "repeat",
    "lpad",
    "rpad",
    "array_fill",
    "format",
    "xml",
    "polygon",
    "bpchar",
    "bit",
    "varbit",
];

/// Of these a third argument says into how many parts each line is cut.
const DENSIFYING: &[&str] = &["st_frechetdistance", "st_hausdorffdistance"];

/// Bytes of a numeric at most: 131,072 digits before the point and 16,383 after it.
pub(super) const LONGEST_NUMERIC: f64 = 147_455.0;

/// Bytes, at most about; infinite where small arguments can make anything, or take for ever, and of functions that nobody
/// has looked at. `bytes` are those of the arguments, and `nodes` those of the whole call.
pub(super) fn value_bytes(name: &str, arguments: &[&Value], bytes: &[f64], nodes: f64) -> f64 {
    let first = bytes.first().copied().unwrap_or_default();
    let total: f64 = bytes.iter().sum();
    let largest = bytes.iter().copied().fold(0.0, f64::max);
    let number =
        |at: usize| arguments.get(at).and_then(|a| literal_number(a)).unwrap_or(f64::INFINITY);
    let estimate = match name {
        "repeat" => first * number(1).max(0.0),
        "lpad" | "rpad" => number(1) * 4.0,
        "array_fill" => dimensions(arguments.get(1).copied()) * (first + 8.0),
        // A position may be named many times.
        "format" => total + largest_number(arguments.first().copied()) + first * largest,
        // The separator stands between all elements of an array too.
        "concat_ws" => total + (first + 1.0) * (total - first + nodes),
        other if other.starts_with("jsonb_path_") => {
            let is_written = arguments
                .get(1)
                .is_some_and(|path| literal_text(path).is_some() || is_parameter(path));
            let path = if is_written { paths_of(arguments) } else { f64::INFINITY };
            total * (total + 16.0) + path
        }
        "xml"
            if arguments.iter().any(|text| literal_text(text).is_none_or(|t| t.contains("<!"))) =>
        {
            f64::INFINITY
        }
        "polygon" if arguments.len() > 1 => total * 8.0 + number(0).abs() * 16.0,
        "bpchar" | "bit" | "varbit" if arguments.len() > 1 => total * 8.0 + number(1).abs() * 4.0,
        // Each of the one stands for each of the other.
        "replace" | "regexp_replace" | "array_to_string" | "array_replace" => {
            (first + 1.0) * (bytes.iter().skip(1).sum::<f64>() + 1.0)
        }
        // The configuration may come first.
        "ts_headline" => (largest + 1.0) * (total + 1.0),
        // What somebody keeps in the catalogs, however short the name of it is.
        kept if KEPT.contains(&kept) || kept.starts_with("pg_get_") => {
            super::LARGEST_CONSTANT / 8.0
        }
        // A path within a path counts all of one for each of the other, and nobody can stop it.
        "xpath" | "xpath_exists" | "xmlexists" if path_depth(arguments.first()) > 1 => {
            f64::INFINITY
        }
        // Each level is indented further; each node is written with all that is in it.
        "jsonb_pretty" | "xpath" => total * (total + 8.0),
        "string_to_array" | "regexp_split_to_array" | "regexp_match" => total * 48.0,
        "power" | "pow" | "exp" | "numeric_power" | "numeric_exp" => LONGEST_NUMERIC,
        // Rounding to more digits adds them.
        numeric if NUMERIC.contains(&numeric) => (total * 2.0 + 16_500.0).min(LONGEST_NUMERIC),
        short if SHORT.contains(&short) => total * 2.0 + 64.0,
        // A circle of 33 points around each point.
        "st_buffer" if arguments.len() == 2 => total * 600.0 + 2048.0,
        densifying if DENSIFYING.contains(&densifying) && arguments.len() > 2 => f64::INFINITY,
        // Four bytes of text are a point, and each line may cross each other.
        crossing if crossing.strip_prefix("st_").is_some_and(|name| CROSSING.contains(&name)) => {
            total * 8.0 + total * total * 4.0 + 256.0
        }
        // Its time grows with the square of its argument.
        "factorial" | "numeric_fac" if number(0) <= 2000.0 => 8192.0,
        // Without arguments, or without any that is a constant, nothing grows.
        _ if bytes.is_empty() => 256.0,
        other => match KINDS.get(other).copied() {
            Some("fixed") => 64.0,
            Some(_) => total * 8.0 + 256.0,
            // A cast that is written as a call.
            None if CASTS.contains(&other) => total * 8.0 + 256.0,
            None => f64::INFINITY,
        },
    };
    // Nothing times everything is no number.
    if estimate.is_nan() { f64::INFINITY } else { estimate }
}

/// Whether a function of this name gives values hardly longer than its arguments.
#[must_use]
pub fn is_short(name: &str) -> bool {
    SHORT.contains(&name) || KINDS.get(name).copied() == Some("fixed")
}

/// Whether a built-in function of this name grows in a way of its own.
#[must_use]
pub fn has_known_growth(name: &str) -> bool {
    !value_bytes(name, &[], &[1.0], 1.0).is_infinite() || GROWING.contains(&name)
}

/// What a path through a document adds: one that descends to every depth more than once finds the same again and again.
pub(super) fn paths_of(parts: &[&Value]) -> f64 {
    // Lists of subscripts and lists of keys multiply, like depths; a comparison holds all of one side against all of the
    // other.
    let steps = |text: &str| {
        let lists = text.split('[').skip(1).filter(|rest| {
            rest.split(']').next().is_some_and(|subscripts| {
                subscripts.contains([',', '*']) || subscripts.contains("to")
            })
        });
        text.matches(".*").count() + text.matches("keyvalue").count() + lists.count()
    };
    let is_wild = |part: &&Value| literal_text(part).is_some_and(|text| steps(text) > 1);
    // The first is the document.
    if parts.iter().skip(1).any(is_wild) { f64::INFINITY } else { 0.0 }
}

/// A text that is written out, behind any casts.
pub(super) fn literal_text(value: &Value) -> Option<&str> {
    let mut node = value.get("node").unwrap_or(value);
    while let Some(inner) = node.get("TypeCast").and_then(|cast| cast.get("arg")?.get("node")) {
        node = inner;
    }
    match node.get("AConst")?.get("val") {
        Some(value) => value.get("Sval").map_or(Some(""), |v| v.get("sval")?.as_str()),
        None => Some(""),
    }
}

const NUMBERS: &[&str] = &["int2", "int4", "int8", "numeric", "float4", "float8"];

/// Bytes of a number that is written out: its digits, those that its exponent stands for among them.
pub(super) fn digits(text: &str) -> f64 {
    let text = text.to_ascii_lowercase().replace('_', "");
    let exponent = text.rsplit_once('e').and_then(|(_, e)| e.parse().ok());
    text.len() as f64 + exponent.unwrap_or(0.0_f64).abs()
}

/// Digits that the exponents in a text stand for: of `1e9`, nine.
pub(super) fn exponents(text: &str) -> f64 {
    let bytes = text.as_bytes();
    let mut digits = 0.0;
    for (at, _) in text.match_indices(['e', 'E']) {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        if before.is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_')) {
            let rest = text.get(at + 1..).unwrap_or_default().trim_start_matches(['+', '-']);
            let is_part = |c: &char| c.is_ascii_digit() || *c == '_';
            let part = rest.chars().take_while(is_part).filter(char::is_ascii_digit);
            let number: String = part.take(7).collect();
            digits += number.parse::<f64>().unwrap_or(0.0).min(LONGEST_NUMERIC);
        }
    }
    digits
}

/// How often a path goes down to any depth within its conditions and outside of them.
fn path_depth(path: Option<&&Value>) -> usize {
    let text = path.and_then(|path| literal_text(path));
    text.map_or(2, |text| text.matches("//").count() + text.matches("::").count())
}

/// A number that is written out.
pub(super) fn literal_number(value: &Value) -> Option<f64> {
    let mut node = value.get("node").unwrap_or(value);
    while let Some(cast) = node.get("TypeCast") {
        // Other types' casts change the value.
        let mut names = super::tree::names(cast.get("type_name")?.get("names"));
        let to = names.pop()?;
        let is_own = names.first().is_some_and(|schema| schema != "pg_catalog");
        if is_own || !NUMBERS.contains(&to.as_str()) {
            return None;
        }
        node = cast.get("arg")?.get("node")?;
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

pub(super) fn is_parameter(value: &Value) -> bool {
    let mut node = value.get("node").unwrap_or(value);
    while let Some(inner) = node.get("TypeCast").and_then(|cast| cast.get("arg")?.get("node")) {
        node = inner;
    }
    node.get("ParamRef").is_some()
}
