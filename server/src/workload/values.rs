//! One value for one parameter: from the statistics of the column that it meets, or typical of its type.

use optischema::model::{BindingKind, CatalogColumn, ParameterRole};

/// Kinds of values that stand for one another.
#[derive(PartialEq, Eq)]
enum Family {
    Number,
    Moment,
    Text,
    Interval,
    Truth,
}

fn family(type_name: &str) -> Option<Family> {
    let name = type_name.to_ascii_lowercase();
    let base = name.split('(').next().unwrap_or(&name).trim();
    Some(match base {
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "smallint" | "integer"
        | "bigint" | "real" | "double precision" => Family::Number,
        "date" => Family::Moment,
        "text" | "varchar" | "char" | "bpchar" | "character" | "character varying" | "name" => {
            Family::Text
        }
        "interval" => Family::Interval,
        "bool" | "boolean" => Family::Truth,
        other if other.starts_with("timestamp") => Family::Moment,
        _ => return None,
    })
}

/// Whether a type is one of numbers.
pub(super) fn is_number(type_name: &str) -> bool {
    family(type_name) == Some(Family::Number)
}

/// Signs of a beginning that is searched for.
const BEGINNING: usize = 4;

/// A value of a column, as a parameter of that type and role takes it; `nth` tells parameters that meet one column apart.
pub(super) fn from_statistics(
    column: &CatalogColumn,
    role: ParameterRole,
    type_name: &str,
    kind: BindingKind,
    nth: usize,
) -> Option<String> {
    if column.data_type.ends_with("[]") && !type_name.ends_with("[]") {
        // The statistics are of whole arrays, and the parameter is one element.
        let arrays = column.common_values.iter().chain(&column.histogram);
        return arrays.filter_map(|array| first_element(array)).nth(nth);
    }
    if column.data_type.ends_with("[]") {
        let array = pick(column, kind, nth)?;
        return match role {
            ParameterRole::Contained => Some(array_of(&[first_element(&array)?])),
            _ => Some(array),
        };
    }
    if let (Some(wanted), Some(known)) = (family(type_name), family(&column.data_type))
        && wanted != known
        && wanted != Family::Text
    {
        // `d < $1 + $2`: what is added to a date is no date. Any value can be written as text, though.
        return None;
    }
    let value = pick(column, kind, nth)?;
    match role {
        // Whether a beginning is searched for or a part, nobody tells: both are planned.
        ParameterRole::Pattern if kind == BindingKind::Median => {
            let beginning: String = value.chars().take(BEGINNING).collect();
            Some(format!("{}%", beginning.replace(['%', '_', '\\'], "")))
        }
        ParameterRole::Pattern => Some(format!("%{}%", word_of(&value).replace(['%', '_'], ""))),
        ParameterRole::Contained => searched(column, type_name, &value),
        _ if type_name.ends_with("[]") => Some(format!("{{{}}}", array_element(&value))),
        _ if type_name.starts_with("INT") && value.contains('.') => {
            value.parse::<f64>().ok().map(|number| format!("{number:.0}"))
        }
        _ => Some(value),
    }
}

fn pick(column: &CatalogColumn, kind: BindingKind, nth: usize) -> Option<String> {
    let histogram = |share: f64| {
        let last = column.histogram.len().checked_sub(1)?;
        column.histogram.get(((share * last as f64) as usize + nth).min(last)).cloned()
    };
    let common = |at: usize| column.common_values.get(at).cloned();
    let last_common = column.common_values.len().checked_sub(1);
    let middle = || common((column.common_values.len() / 2 + nth).min(last_common?));
    match kind {
        BindingKind::LowQuantile => histogram(0.25).or_else(middle),
        BindingKind::Median => histogram(0.5).or_else(middle),
        BindingKind::HighQuantile => histogram(0.75).or_else(middle),
        // What is in the histogram is rarer than every common value.
        BindingKind::Rare => histogram(0.0).or_else(|| common(last_common?.checked_sub(nth)?)),
        _ => common(nth).or_else(|| histogram(0.9)),
    }
}

/// The first element of an array's text that is no NULL.
fn first_element(array: &str) -> Option<String> {
    let inside = array.strip_prefix('{')?.strip_suffix('}')?;
    let element = match inside.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => inside.split(',').next()?,
    };
    // What is escaped or nested is left.
    let is_plain = !element.is_empty() && element != "NULL" && !element.contains(['\\', '{']);
    is_plain.then(|| element.to_owned())
}

/// The longest word of a text: what a person would search for.
fn word_of(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric()).max_by_key(|word| word.len()).unwrap_or(text)
}

/// What a value of a column is searched by, as the parameter's type takes it.
fn searched(column: &CatalogColumn, type_name: &str, value: &str) -> Option<String> {
    let plain = |name: &str| {
        let name = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        name.split('(').next().unwrap_or_default().to_owned()
    };
    let (of_column, of_parameter) = (plain(&column.data_type), plain(type_name));
    match (of_column.as_str(), of_parameter.as_str()) {
        // A document may be sent as a text, and cast.
        (_, "jsonb") | ("jsonb", "text") => contained(value),
        ("hstore", "text") => value.split('"').nth(1).map(str::to_owned),
        // A place inside a range, and its own kind as it is.
        (range, other) if range.ends_with("range") && !other.ends_with("range") => {
            let lower = value.trim_start_matches(['[', '(']).split(',').next()?;
            let lower = lower.trim_matches('"');
            (!lower.is_empty() && lower != "empty").then(|| lower.to_owned())
        }
        ("ltree", "lquery" | "ltree") => Some(value.to_owned()),
        (one, other) if one == other => Some(value.to_owned()),
        ("character varying" | "varchar", "text") | ("text", "varchar") => Some(value.to_owned()),
        _ => None,
    }
}

/// One scalar entry of a document, as a document.
fn contained(document: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(document).ok()?;
    let entry =
        value.as_object()?.iter().find(|(_, value)| value.is_string() || value.is_number())?;
    let single = serde_json::Map::from_iter([(entry.0.clone(), entry.1.clone())]);
    serde_json::to_string(&single).ok()
}

/// An array of these elements, as text.
pub(crate) fn array_of(elements: &[String]) -> String {
    let quoted: Vec<String> = elements.iter().map(|element| array_element(element)).collect();
    format!("{{{}}}", quoted.join(","))
}

/// Elements of an array of [`array_of`]; of one that somebody else wrote, as many as it has elements in quotes or between
/// commas.
pub(crate) fn length_of(array: &str) -> usize {
    let (mut commas, mut is_quoted, mut escaped) = (0, false, false);
    let inside = array.trim().trim_start_matches('{').trim_end_matches('}');
    for character in inside.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => commas += 1,
            _ => {}
        }
    }
    if inside.is_empty() { 0 } else { commas + 1 }
}

fn array_element(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A value where no statistics say: typical of its type; the caller marks it as assumed.
pub(super) fn assumed_value(type_name: &str) -> &'static str {
    let upper = type_name.to_ascii_uppercase();
    match upper.rsplit('.').next().unwrap_or(&upper) {
        "REGCONFIG" => "simple",
        "REGCLASS" => "pg_class",
        "INET" | "CIDR" => "127.0.0.1",
        "MACADDR" => "00:00:00:00:00:00",
        "TID" => "(0,1)",
        "JSONPATH" => "$",
        "XML" => "<a/>",
        "TIME" | "TIMETZ" => "12:00",
        "BYTEA" | "BIT" | "VARBIT" => "",
        other if other.ends_with("RANGE") => "empty",
        "BOOL" => "true",
        "INT2" | "INT4" | "INT8" | "NUMERIC" | "FLOAT4" | "FLOAT8" | "OID" => "1",
        "DATE" | "TIMESTAMP" | "TIMESTAMPTZ" => "now",
        "INTERVAL" => "30 days",
        "UUID" => "00000000-0000-0000-0000-000000000000",
        "JSON" | "JSONB" => "{}",
        other if other.ends_with("[]") => "{}",
        "POINT" => "(0,0)",
        "BOX" | "LSEG" => "(0,0),(1,1)",
        "LINE" => "{1,-1,0}",
        "PATH" | "POLYGON" => "((0,0),(1,1))",
        "CIRCLE" => "<(0,0),1>",
        "MACADDR8" => "00:00:00:00:00:00:00:00",
        "PG_LSN" => "0/0",
        "HSTORE" => "a=>1",
        "CUBE" | "SEG" => "0",
        "GEOMETRY" | "GEOGRAPHY" => "POINT(0 0)",
        "MONEY" => "1",
        _ => "a",
    }
}
