//! Real values for the parameters of a normalised statement: from a log, or from the statistics of the
//! columns that they meet. Where neither says, a value is assumed, and the binding's label says so.

use std::collections::BTreeMap;

use optischema::model::{
    Binding, BindingKind, Catalog, CatalogColumn, ColumnName, ParameterRole, ParameterUse,
    StatementShape, quote_identifier, quote_literal,
};

use super::members::Members;
use super::values::{array_of, assumed_value, from_statistics};
use crate::sql::{Repair, SqlError, Statement, bind_parameters};

/// Where values come from.
pub(super) struct BindingSource<'a> {
    pub catalog: &'a Catalog,
    pub shape: &'a StatementShape,
    pub repair: &'a Repair,
    /// Types that PostgreSQL inferred, by parameter.
    pub types: &'a BTreeMap<i32, String>,
    /// Rows that one call returned, on average.
    pub raw_rows: Option<i64>,
    /// Sets of values that a log showed, by parameter number less one.
    pub logged: &'a [Vec<Option<String>>],
    /// What the documents in statistics tell.
    pub members: &'a Members,
    /// Calls that had each of them, where they were counted.
    pub logged_calls: &'a [i64],
}

/// What a parameter gets. `text` is absent for NULL.
struct Value {
    text: Option<String>,
    assumed: bool,
}

const PICKS: &[BindingKind] = &[
    BindingKind::Common,
    BindingKind::Median,
    BindingKind::LowQuantile,
    BindingKind::HighQuantile,
    BindingKind::Rare,
    BindingKind::Null,
];

const fn label(kind: BindingKind) -> &'static str {
    match kind {
        BindingKind::AsWritten => "as written",
        BindingKind::Common => "most common values",
        BindingKind::Median => "median values",
        BindingKind::LowQuantile => "values a quarter into the range",
        BindingKind::HighQuantile => "values three quarters into the range",
        BindingKind::Rare => "rare values",
        BindingKind::Null => "NULL",
        BindingKind::Logged => "values from the log",
        BindingKind::Generic => "any values",
    }
}

/// Sets of logged values that a statement is planned with.
const MOST_LOGGED: usize = 5;

/// The statement with its parameters bound, in every way that differs from the ways before it. The first
/// one stands for the whole.
pub(super) fn bind(
    statement: &Statement,
    source: &BindingSource<'_>,
) -> Result<Vec<Binding>, SqlError> {
    if source.repair.numbers.is_empty() {
        return Ok(vec![Binding {
            label: label(BindingKind::AsWritten).to_owned(),
            sql: statement.sql.clone(),
            ..Binding::default()
        }]);
    }
    let mut bindings: Vec<Binding> = Vec::new();
    for (at, logged) in source.logged.iter().enumerate().take(MOST_LOGGED) {
        let value = |number: i32| {
            let at = usize::try_from(number - 1).unwrap_or_default();
            match logged.get(at) {
                Some(text) => Value { text: text.clone(), assumed: false },
                None => source.value(source.repair.canonical(number), BindingKind::Common),
            }
        };
        let binding = source.with_values(statement, BindingKind::Logged, &value)?;
        let calls = source.logged_calls.get(at).copied().filter(|calls| *calls > 0);
        bindings.push(Binding { calls, ..binding });
    }
    for &kind in PICKS {
        if kind == BindingKind::Null && !source.may_be_null() {
            continue;
        }
        let binding = source.with_values(statement, kind, &|number| source.value(number, kind))?;
        if !bindings.iter().any(|known| known.values == binding.values) {
            bindings.push(binding);
        }
    }
    Ok(bindings)
}

impl BindingSource<'_> {
    fn with_values(
        &self,
        statement: &Statement,
        kind: BindingKind,
        value: &dyn Fn(i32) -> Value,
    ) -> Result<Binding, SqlError> {
        let (mut values, mut literals, mut assumed) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=self.repair.numbers.last().copied().unwrap_or_default() {
            if let Some(literal) = self.repair.literals.get(&number) {
                if self.repair.guessed.contains(&number) {
                    assumed.push(number);
                }
                literals.push(literal.clone());
                values.push(Some(literal.trim_matches('\'').to_owned()));
                continue;
            }
            let canonical = self.repair.canonical(number);
            // What was seen counts more than what two places are likely to have in common.
            let chosen = value(if kind == BindingKind::Logged { number } else { canonical });
            if chosen.assumed && self.repair.numbers.contains(&number) {
                assumed.push(number);
            }
            literals.push(self.literal(canonical, chosen.text.as_deref()));
            values.push(chosen.text);
        }
        Ok(Binding {
            label: label(kind).to_owned(),
            // Which member it is, where there are several, is likely and not known.
            assumed: !assumed.is_empty()
                || (kind != BindingKind::Logged && !self.members.remarks.is_empty()),
            kind,
            values,
            sql: bind_parameters(statement, &literals)?,
            literals,
            assumed_parameters: assumed,
            remarks: match kind {
                BindingKind::Logged => Vec::new(),
                _ => self.members.remarks.clone(),
            },
            members: self.members.steps.clone(),
            calls: None,
        })
    }

    fn parameter(&self, number: i32) -> Option<&ParameterUse> {
        self.shape.parameters.iter().find(|parameter| parameter.number == number)
    }

    fn type_name(&self, number: i32) -> &str {
        self.types.get(&number).map_or("TEXT", String::as_str)
    }

    /// A literal that PostgreSQL reads as the parameter's type whatever stands around it.
    fn literal(&self, number: i32, text: Option<&str>) -> String {
        let type_name = cast_name(self.type_name(number));
        let Some(text) = text else { return format!("CAST(NULL AS {type_name})") };
        let role = self.parameter(number).map(|parameter| parameter.role);
        if matches!(role, Some(ParameterRole::Limit | ParameterRole::Offset))
            && text.parse::<i64>().is_ok()
        {
            return text.to_owned();
        }
        // A cast that stands there already says more than ours would: `$1::interval day`.
        if self.repair.cast_already.contains(&number) {
            return quote_literal(text);
        }
        format!("CAST({} AS {type_name})", quote_literal(text))
    }

    fn may_be_null(&self) -> bool {
        self.shape.parameters.iter().any(|parameter| self.takes_null(parameter))
    }

    /// A column with NULLs in it is searched for NULL too, by an application that does not think of it.
    fn takes_null(&self, parameter: &ParameterUse) -> bool {
        let column = parameter.column.as_ref().and_then(|name| column_of(self.catalog, name));
        parameter.role == ParameterRole::Compared
            && column.is_some_and(|column| {
                column.nullable && column.null_share.is_some_and(|share| share > 0.0)
            })
    }

    fn value(&self, number: i32, kind: BindingKind) -> Value {
        let real = |text: String| Value { text: Some(text), assumed: false };
        let type_name = self.type_name(number);
        if let Some(value) = self.members.value(number, kind) {
            return real(value.to_owned());
        }
        if let Some(unit) = self.repair.units.get(&number) {
            return Value { text: Some((*unit).to_owned()), assumed: true };
        }
        if self.repair.interval_units.contains(&number) {
            return Value { text: Some("1".to_owned()), assumed: true };
        }
        let Some(parameter) = self.parameter(number) else {
            return self.assumed(number, type_name);
        };
        match parameter.role {
            ParameterRole::Limit => match self.raw_rows {
                Some(rows) => real(rows.to_string()),
                None => Value { text: Some("10".into()), assumed: true },
            },
            ParameterRole::Offset => Value { text: Some("1000".into()), assumed: true },
            ParameterRole::Other => self.assumed(number, type_name),
            ParameterRole::Listed => self
                .list(parameter, type_name, kind)
                .unwrap_or_else(|| self.assumed(number, type_name)),
            ParameterRole::Compared | ParameterRole::Pattern | ParameterRole::Contained => {
                if kind == BindingKind::Null && self.takes_null(parameter) {
                    return Value { text: None, assumed: false };
                }
                let nth = nth_of_column(parameter, self.shape);
                parameter
                    .column
                    .as_ref()
                    .and_then(|column| column_of(self.catalog, column))
                    .and_then(|column| {
                        from_statistics(column, parameter.role, type_name, kind, nth)
                    })
                    .map_or_else(|| self.assumed(number, type_name), real)
            }
        }
    }
}

impl BindingSource<'_> {
    /// A value that nobody has seen: of an enum its first, for any other would be an error.
    fn assumed(&self, number: i32, type_name: &str) -> Value {
        if type_name.eq_ignore_ascii_case("regconfig")
            && let Some(setting) = self.catalog.server.settings.get("default_text_search_config")
        {
            return Value { text: Some(setting.value.clone()), assumed: true };
        }
        let of_type = self.catalog.first_labels.get(type_name);
        let label = self.repair.labels.get(&number).or(of_type).map(String::as_str);
        let text = label.unwrap_or_else(|| assumed_value(type_name)).to_owned();
        Value { text: Some(text), assumed: true }
    }
}

/// Elements of a list whose length nobody knows, and of one at most.
const USUAL_LENGTH: usize = 10;
const LONGEST_LIST: usize = 200;

impl BindingSource<'_> {
    /// A list of values of a column, as long as the rows of one call say; else of a usual length, which is assumed.
    fn list(&self, parameter: &ParameterUse, type_name: &str, kind: BindingKind) -> Option<Value> {
        let name = parameter.column.as_ref()?;
        let column = column_of(self.catalog, name)?;
        let element = type_name.strip_suffix("[]").unwrap_or(type_name);
        let known = self.length(name, column);
        let length = known.unwrap_or(USUAL_LENGTH).clamp(1, LONGEST_LIST);
        let mut values: Vec<String> = Vec::new();
        for nth in 0..length {
            // A column of few values gives no more than it has.
            let value = from_statistics(column, ParameterRole::Compared, element, kind, nth);
            values.extend(value.filter(|value| !values.contains(value)));
        }
        if values.is_empty() {
            return None;
        }
        Some(Value { text: Some(array_of(&values)), assumed: known.is_none() })
    }

    /// Rows of one call by rows of one value. Where there are other conditions, or a LIMIT, more were asked for.
    fn length(&self, name: &ColumnName, column: &CatalogColumn) -> Option<usize> {
        let alone = self.shape.predicates.iter().all(|predicate| predicate.column == *name);
        let rows = self.catalog.tables.get(&name.table)?.rows;
        let distinct = column.distinct_values(rows).filter(|distinct| *distinct > 0.0)?;
        let wanted = self.raw_rows.filter(|_| alone && !self.shape.has_limit && rows > 0.0)? as f64;
        Some((wanted * distinct / rows).round().max(1.0) as usize)
    }
}

/// A type by its name in the catalogs, as a cast names it. In quotes these are the types of that name; bare ones would be
/// of one letter or bit, and cut the value.
fn cast_name(type_name: &str) -> String {
    match type_name {
        "char" | "bit" => quote_identifier(type_name),
        other => other.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{analyze, parse_one};
    use optischema::model::{CatalogTable, RelationKind, TableName};

    fn catalog() -> Catalog {
        let column = |name: &str, common: &[&str], histogram: &[&str]| CatalogColumn {
            name: name.into(),
            data_type: "whatever".into(),
            nullable: true,
            null_share: (name == "status").then_some(0.2),
            common_values: common.iter().map(|v| (*v).into()).collect(),
            histogram: histogram.iter().map(|v| (*v).into()).collect(),
            ..CatalogColumn::default()
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
                CatalogColumn {
                    data_type: "text[]".into(),
                    ..column("tags", &["{a,\"b c\"}"], &[])
                },
            ],
            ..CatalogTable::default()
        };
        Catalog {
            database: "d".into(),
            search_path: vec!["public".into()],
            tables: [(name, table)].into(),
            ..Catalog::default()
        }
    }

    fn bound(sql: &str, types: &[&str]) -> Vec<Binding> {
        bound_with(sql, types, &[])
    }

    fn bound_with(sql: &str, types: &[&str], logged: &[Vec<Option<String>>]) -> Vec<Binding> {
        let catalog = catalog();
        let statement = parse_one(sql).unwrap();
        let shape = analyze(&statement, &catalog).unwrap();
        let repair = Repair::of(&statement, &shape, &catalog).unwrap();
        let types = (1..).zip(types.iter().map(|t| (*t).to_owned())).collect();
        let source = BindingSource {
            catalog: &catalog,
            shape: &shape,
            repair: &repair,
            types: &types,
            raw_rows: Some(20),
            logged,
            members: &Members::default(),
            logged_calls: &[],
        };
        bind(&statement, &source).unwrap()
    }

    fn texts(binding: &Binding) -> Vec<&str> {
        binding.values.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect()
    }

    #[test]
    fn common_quantiles_rare_and_null_are_all_bound() {
        let bindings = bound("SELECT * FROM t WHERE status = $1 AND at > $2", &["TEXT", "DATE"]);
        let kinds: Vec<BindingKind> = bindings.iter().map(|binding| binding.kind).collect();
        assert_eq!(
            kinds,
            [BindingKind::Common, BindingKind::Median, BindingKind::LowQuantile, BindingKind::Null],
            "what does not differ is left out"
        );
        let null = bindings.last().unwrap();
        assert_eq!(texts(null), ["NULL", "2026-02-01"], "only what may be NULL is");
        assert!(null.sql.contains("CAST(NULL AS TEXT)"), "{}", null.sql);
    }

    #[test]
    fn values_of_a_log_come_first() {
        let logged = [vec![Some("it's so".to_owned()), None]];
        let bindings =
            bound_with("SELECT * FROM t WHERE status = $1 AND at > $2", &["TEXT", "DATE"], &logged);
        assert_eq!(bindings[0].kind, BindingKind::Logged);
        assert_eq!(texts(&bindings[0]), ["it's so", "NULL"]);
        assert!(!bindings[0].assumed);
    }

    #[test]
    fn the_key_of_a_page_is_one_value_where_no_log_says_otherwise() {
        let page = "SELECT * FROM t WHERE at > $1 OR (at = $2 AND body > $3)";
        let types = ["DATE", "DATE", "TEXT"];
        for binding in bound(page, &types) {
            assert_eq!(binding.values[0], binding.values[1], "{}", binding.sql);
        }
        let seen = ["2026-01-05", "2026-01-09", "b"].map(|value| Some(value.to_owned()));
        let logged = bound_with(page, &types, &[seen.to_vec()]);
        assert_eq!(texts(&logged[0]), ["2026-01-05", "2026-01-09", "b"]);
    }

    #[test]
    fn a_cast_that_is_there_is_left_alone() {
        let bindings =
            bound("SELECT * FROM t WHERE at < $1::date - $2::interval day", &["DATE", "INTERVAL"]);
        assert!(bindings[0].sql.contains("- '1'::interval day"), "{}", bindings[0].sql);
        assert!(bindings[0].sql.contains("'2026-02-01'::date"), "{}", bindings[0].sql);
    }

    #[test]
    fn values_come_from_the_columns_that_parameters_meet() {
        let bindings = bound(
            "SELECT * FROM t WHERE status = $1 AND at > $2 LIMIT $3",
            &["TEXT", "DATE", "INT8"],
        );
        assert_eq!(texts(&bindings[0]), ["it's new", "2026-02-01", "20"]);
        assert_eq!(texts(&bindings[1]), ["done", "2026-02-01", "20"]);
        assert!(bindings[0].sql.contains("'it''s new'"), "{}", bindings[0].sql);
        assert!(!bindings[0].described().contains("assumed"));
    }

    #[test]
    fn a_list_gets_different_values() {
        let bindings = bound("SELECT * FROM t WHERE status IN ($1, $2)", &["TEXT", "TEXT"]);
        assert_eq!(texts(&bindings[0]), ["it's new", "done"]);
    }

    #[test]
    fn patterns_and_documents_are_made_from_real_values() {
        let pattern = bound("SELECT * FROM t WHERE body ILIKE $1", &["TEXT"]);
        assert_eq!(texts(&pattern[0]), ["%product%"]);
        let document = bound("SELECT * FROM t WHERE doc @> $1", &["JSONB"]);
        assert_eq!(texts(&document[0]), ["{\"kind\":\"click\"}"]);
    }

    #[test]
    fn arrays_are_whole_where_the_column_is_one_and_of_one_element_where_they_are_contained() {
        let whole = bound("SELECT * FROM t WHERE tags = $1", &["text[]"]);
        assert_eq!(texts(&whole[0]), ["{a,\"b c\"}"]);
        assert!(whole[0].sql.contains("AS text[])"), "{}", whole[0].sql);
        let contained = bound("SELECT * FROM t WHERE tags @> $1", &["text[]"]);
        assert_eq!(texts(&contained[0]), ["{\"a\"}"]);
        let element = bound("SELECT * FROM t WHERE $1 = ANY (tags)", &["text"]);
        assert_eq!(texts(&element[0]), ["a"]);
    }

    #[test]
    fn what_is_assumed_is_said() {
        let bindings = bound("SELECT * FROM t WHERE unknown = $1", &["INT4"]);
        assert_eq!(bindings.len(), 1);
        let described = bindings[0].described();
        assert!(described.contains("assumed: $1"), "{described}");
    }
}
