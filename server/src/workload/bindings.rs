//! Real values for the parameters of a normalised statement, from the statistics of the columns that they
//! meet. Where no statistics say, a value is assumed, and the binding's label says so.

use optischema::model::{
    Binding, Catalog, CatalogColumn, ColumnName, ParameterRole, ParameterUse, StatementShape,
    quote_literal,
};

use crate::sql::{SqlError, Statement, bind_parameters};

/// Where values come from.
pub(super) struct BindingSource<'a> {
    pub catalog: &'a Catalog,
    pub shape: &'a StatementShape,
    /// Types that PostgreSQL inferred, by parameter number less one.
    pub types: &'a [String],
    /// Rows that one call returned, on average.
    pub raw_rows: Option<i64>,
}

/// Which of a column's values is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pick {
    Common,
    Median,
}

impl Pick {
    const fn label(self) -> &'static str {
        match self {
            Self::Common => "most common values",
            Self::Median => "median values",
        }
    }
}

struct Value {
    text: String,
    assumed: bool,
}

/// The statement with its parameters bound: with common values, and with median ones where they differ.
pub(super) fn bind(
    statement: &Statement,
    source: &BindingSource<'_>,
) -> Result<Vec<Binding>, SqlError> {
    if source.shape.parameters.is_empty() {
        let label = "as written".to_owned();
        let sql = statement.sql.clone();
        return Ok(vec![Binding { label, assumed: false, values: Vec::new(), sql }]);
    }
    let mut bindings: Vec<Binding> = Vec::new();
    for pick in [Pick::Common, Pick::Median] {
        let binding = bind_with(statement, source, pick)?;
        if !bindings.iter().any(|known| known.values == binding.values) {
            bindings.push(binding);
        }
    }
    Ok(bindings)
}

fn bind_with(
    statement: &Statement,
    source: &BindingSource<'_>,
    pick: Pick,
) -> Result<Binding, SqlError> {
    let count = source.shape.parameters.iter().map(|p| p.number).max().unwrap_or(0);
    let (mut values, mut literals, mut assumed) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=count {
        let at = usize::try_from(number - 1).unwrap_or_default();
        let type_name = source.types.get(at).map_or("TEXT", String::as_str);
        let parameter = source.shape.parameters.iter().find(|p| p.number == number);
        let value = value_of(parameter, type_name, source, pick);
        if value.assumed {
            assumed.push(format!("${number}"));
        }
        literals.push(literal(parameter, type_name, &value.text));
        values.push(value.text);
    }
    let mut label = pick.label().to_owned();
    if !assumed.is_empty() {
        label = format!("{label}; assumed: {}", assumed.join(", "));
    }
    Ok(Binding {
        label,
        assumed: !assumed.is_empty(),
        sql: bind_parameters(statement, &literals)?,
        values,
    })
}

/// A literal that PostgreSQL reads as the parameter's type whatever stands around it.
fn literal(parameter: Option<&ParameterUse>, type_name: &str, text: &str) -> String {
    match parameter.map(|p| p.role) {
        Some(ParameterRole::Limit | ParameterRole::Offset) => text.to_owned(),
        _ => format!("CAST({} AS {})", quote_literal(text), cast_name(type_name)),
    }
}

/// sqlx names built-in types in capitals; PostgreSQL's grammar takes them in any case, but for `CHAR`,
/// which would mean `character(1)`.
fn cast_name(type_name: &str) -> String {
    match type_name {
        "\"CHAR\"" => "\"char\"".to_owned(),
        other if other.chars().all(|c| c.is_ascii_alphanumeric() || "_[]() ".contains(c)) => {
            other.to_owned()
        }
        other => optischema::model::quote_identifier(other),
    }
}

fn value_of(
    parameter: Option<&ParameterUse>,
    type_name: &str,
    source: &BindingSource<'_>,
    pick: Pick,
) -> Value {
    let real = |text: String| Value { text, assumed: false };
    let Some(parameter) = parameter else { return assumed_value(type_name) };
    match parameter.role {
        ParameterRole::Limit => match source.raw_rows {
            Some(rows) => real(rows.to_string()),
            None => Value { text: "10".into(), assumed: true },
        },
        ParameterRole::Offset => Value { text: "1000".into(), assumed: true },
        ParameterRole::Other => assumed_value(type_name),
        ParameterRole::Compared | ParameterRole::Pattern | ParameterRole::Contained => {
            let nth = nth_of_column(parameter, source.shape);
            parameter
                .column
                .as_ref()
                .and_then(|column| column_of(source.catalog, column))
                .and_then(|column| from_statistics(column, parameter.role, type_name, pick, nth))
                .map_or_else(|| assumed_value(type_name), real)
        }
    }
}

fn column_of<'a>(catalog: &'a Catalog, name: &ColumnName) -> Option<&'a CatalogColumn> {
    catalog.tables.get(&name.table)?.column(&name.column)
}

/// Several parameters that meet one column (`IN ($1, $2)`, `BETWEEN $1 AND $2`) get different values.
fn nth_of_column(parameter: &ParameterUse, shape: &StatementShape) -> usize {
    shape
        .parameters
        .iter()
        .filter(|other| other.column == parameter.column && other.number < parameter.number)
        .count()
}

fn from_statistics(
    column: &CatalogColumn,
    role: ParameterRole,
    type_name: &str,
    pick: Pick,
    nth: usize,
) -> Option<String> {
    if column.data_type.ends_with("[]") && !type_name.ends_with("[]") {
        // The statistics are of whole arrays, and the parameter is one element.
        return None;
    }
    let histogram = |share: f64| {
        let last = column.histogram.len().checked_sub(1)?;
        column.histogram.get(((share * last as f64) as usize + nth).min(last)).cloned()
    };
    let common = || column.common_values.get(nth).cloned();
    let value = match pick {
        Pick::Common => common().or_else(|| histogram(0.9)),
        Pick::Median => histogram(0.5).or_else(|| {
            column
                .common_values
                .get(
                    (column.common_values.len() / 2 + nth)
                        .min(column.common_values.len().checked_sub(1)?),
                )
                .cloned()
        }),
    }?;
    match role {
        ParameterRole::Pattern => Some(format!("%{}%", word_of(&value).replace(['%', '_'], ""))),
        ParameterRole::Contained => contained(&value),
        _ if type_name.ends_with("[]") => Some(format!("{{{}}}", array_element(&value))),
        _ => Some(value),
    }
}

/// The longest word of a text: what a person would search for.
fn word_of(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric()).max_by_key(|word| word.len()).unwrap_or(text)
}

/// One scalar entry of a document, as a document.
fn contained(document: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(document).ok()?;
    let entry =
        value.as_object()?.iter().find(|(_, value)| value.is_string() || value.is_number())?;
    let single = serde_json::Map::from_iter([(entry.0.clone(), entry.1.clone())]);
    serde_json::to_string(&single).ok()
}

fn array_element(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A value where no statistics say: typical of its type, and marked as assumed.
fn assumed_value(type_name: &str) -> Value {
    let text = match type_name {
        "BOOL" => "true",
        "INT2" | "INT4" | "INT8" | "NUMERIC" | "FLOAT4" | "FLOAT8" | "OID" => "1",
        "DATE" | "TIMESTAMP" | "TIMESTAMPTZ" => "now",
        "INTERVAL" => "30 days",
        "UUID" => "00000000-0000-0000-0000-000000000000",
        "JSON" | "JSONB" => "{}",
        other if other.ends_with("[]") => "{}",
        _ => "a",
    };
    Value { text: text.to_owned(), assumed: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{analyze, parse_one};
    use optischema::model::{CatalogTable, RelationKind, TableName};

    fn catalog() -> Catalog {
        let column = |name: &str, common: &[&str], histogram: &[&str]| CatalogColumn {
            name: name.into(),
            data_type: "text".into(),
            nullable: false,
            n_distinct: None,
            average_width: None,
            correlation: None,
            common_values: common.iter().map(|v| (*v).into()).collect(),
            histogram: histogram.iter().map(|v| (*v).into()).collect(),
        };
        let name = TableName::new("public", "t");
        let table = CatalogTable {
            name: name.clone(),
            kind: RelationKind::Table,
            rows: 1.0,
            bytes: 1,
            columns: vec![
                column("status", &["it's new", "done"], &[]),
                column("at", &[], &["2026-01-01", "2026-02-01", "2026-03-01"]),
                column("body", &["a fine product_x"], &[]),
                column("doc", &["{\"n\": [1], \"kind\": \"click\"}"], &[]),
                column("unknown", &[], &[]),
            ],
            indexes: vec![],
        };
        Catalog {
            database: "d".into(),
            search_path: vec!["public".into()],
            tables: [(name, table)].into(),
        }
    }

    fn bound(sql: &str, types: &[&str]) -> Vec<Binding> {
        let catalog = catalog();
        let statement = parse_one(sql).unwrap();
        let shape = analyze(&statement, &catalog).unwrap();
        let types: Vec<String> = types.iter().map(|t| (*t).to_owned()).collect();
        let source =
            BindingSource { catalog: &catalog, shape: &shape, types: &types, raw_rows: Some(20) };
        bind(&statement, &source).unwrap()
    }

    #[test]
    fn values_come_from_the_columns_that_parameters_meet() {
        let bindings = bound(
            "SELECT * FROM t WHERE status = $1 AND at > $2 LIMIT $3",
            &["TEXT", "DATE", "INT8"],
        );
        assert_eq!(bindings[0].values, ["it's new", "2026-02-01", "20"]);
        assert_eq!(bindings[1].values, ["done", "2026-02-01", "20"]);
        assert!(bindings[0].sql.contains("'it''s new'"), "{}", bindings[0].sql);
        assert!(!bindings[0].label.contains("assumed"));
    }

    #[test]
    fn a_list_gets_different_values() {
        let bindings = bound("SELECT * FROM t WHERE status IN ($1, $2)", &["TEXT", "TEXT"]);
        assert_eq!(bindings[0].values, ["it's new", "done"]);
    }

    #[test]
    fn patterns_and_documents_are_made_from_real_values() {
        assert_eq!(
            bound("SELECT * FROM t WHERE body ILIKE $1", &["TEXT"])[0].values,
            ["%product%"]
        );
        let document = bound("SELECT * FROM t WHERE doc @> $1", &["JSONB"]);
        assert_eq!(document[0].values, ["{\"kind\":\"click\"}"]);
    }

    #[test]
    fn what_is_assumed_is_said() {
        let bindings = bound("SELECT * FROM t WHERE unknown = $1", &["INT4"]);
        assert_eq!(bindings.len(), 1);
        assert!(bindings[0].label.contains("assumed: $1"), "{}", bindings[0].label);
    }
}
