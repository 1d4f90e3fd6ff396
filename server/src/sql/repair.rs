//! Making normalised text preparable, and finding out what its parameters must be.
//!
//! `pg_stat_statements` replaces constants by parameters wherever they stand. Some of them then have no type
//! (`$1 - $2`), some stand where PostgreSQL takes no parameter (`extract($1 FROM d)`), and some were one
//! constant and are two now (`date_trunc($1, d) … GROUP BY date_trunc($2, d)`). What can be told from the
//! tree is told here; the rest is found out by preparing (`workload/parameters.rs`).

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{Catalog, ColumnName, StatementShape};
use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExprType, ParseResult, Token};
use serde_json::Value;

use super::keyset::Keyset;
use super::rewrite::lexemes;
use super::selects::each_select;
use super::shape::inner;
use super::{SqlError, Statement, tree};

/// What is known of the parameters before PostgreSQL is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repair {
    /// Every parameter, ascending.
    pub numbers: Vec<i32>,
    /// Parameters that must be written out, as SQL: the grammar takes no parameter there, or the same
    /// constant still stands elsewhere.
    pub literals: BTreeMap<i32, String>,
    /// Those of them that are guessed.
    pub guessed: BTreeSet<i32>,
    /// Values that are valid where anything else would be an error: units of time.
    pub units: BTreeMap<i32, &'static str>,
    /// Types that PostgreSQL would not find by itself.
    pub casts: BTreeMap<i32, String>,
    /// Parameters that were the same constant: each names the first of them.
    pub same_as: BTreeMap<i32, i32>,
    /// Parameters that a cast stands on already.
    pub cast_already: BTreeSet<i32>,
    /// Those of them that are cast to an interval of one unit (`$1::interval day`).
    pub interval_units: BTreeSet<i32>,
    /// Values that are valid for parameters that are cast to an enum: its first label.
    pub labels: BTreeMap<i32, String>,
    /// Elements of arrays whose type is written.
    typed_elements: BTreeSet<i32>,
}

/// The protocol counts parameters in 16 bits.
const MOST_PARAMETERS: i32 = 65_535;

impl Repair {
    /// Reads the tree. `shape` tells which columns the parameters meet.
    ///
    /// # Errors
    /// The tree cannot be walked.
    pub fn of(
        statement: &Statement,
        shape: &StatementShape,
        catalog: &Catalog,
    ) -> Result<Self, SqlError> {
        let json = statement.json()?;
        let mut repair = Self { numbers: tree::parameter_numbers(json), ..Self::default() };
        if repair.numbers.is_empty() {
            return Ok(repair);
        }
        if repair.numbers.last().is_some_and(|last| *last > MOST_PARAMETERS) {
            return Err(SqlError::Refused(format!(
                "it has a parameter above ${MOST_PARAMETERS}, which PostgreSQL does not take"
            )));
        }
        let column = |number: i32| {
            let used = shape.parameters.iter().find(|parameter| parameter.number == number)?;
            type_of(catalog, used.column.as_ref()?)
        };
        tree::walk(json, &mut |kind, object| match kind {
            "FuncCall" => repair.function(object, &column),
            "TypeCast" => {
                repair.type_cast(object);
                repair.label(object, catalog);
            }
            "AExpr" => repair.arithmetic(object, &column),
            "AArrayExpr" => repair.alike(object.get("elements"), &|number| {
                let known = column(number)?;
                // An element of a column that is an array, or one of several values of a column.
                Some(known.strip_suffix("[]").map_or(known.clone(), str::to_owned))
            }),
            "CoalesceExpr" | "MinMaxExpr" => {
                let is_list = has_array(object.get("args"));
                repair.alike(object.get("args"), &|number| {
                    let known = column(number)?;
                    // Beside a list stands a list, whatever its elements are compared with.
                    let is_element = is_list && !known.ends_with("[]");
                    Some(if is_element { format!("{known}[]") } else { known })
                });
            }
            // DEFAULT takes a constant and no parameter; what it is cast to is written elsewhere.
            "on_empty" | "on_error" => {
                if let Some(number) = object.get("expr").and_then(parameter) {
                    repair.literals.insert(number, "'0'".to_owned());
                    repair.guessed.insert(number);
                }
            }
            "SelectStmt" => repair.unify(object),
            _ => {}
        });
        each_select(&mut ParseResult::clone(&statement.tree), &mut |select| {
            repair.page(inner(&select.where_clause));
        });
        Ok(repair)
    }

    /// The parameter that stands for this one.
    #[must_use]
    pub fn canonical(&self, number: i32) -> i32 {
        self.same_as.get(&number).copied().unwrap_or(number)
    }

    /// Parameters that PostgreSQL is asked about, in the order of their numbers in the prepared text.
    #[must_use]
    pub fn asked(&self) -> Vec<i32> {
        let is_asked = |number: &i32| {
            !self.literals.contains_key(number) && self.canonical(*number) == *number
        };
        self.numbers.iter().copied().filter(is_asked).collect()
    }

    /// The text to be prepared: parameters numbered anew, with casts where they need one.
    ///
    /// # Errors
    /// The text and its tokens do not fit.
    pub fn prepared_text(&self, statement: &Statement) -> Result<String, SqlError> {
        let asked = self.asked();
        let mut literals = Vec::new();
        for number in 1..=self.numbers.last().copied().unwrap_or_default() {
            let canonical = self.canonical(number);
            let place = asked.iter().position(|asked| *asked == canonical).unwrap_or_default() + 1;
            literals.push(match (self.literals.get(&number), self.casts.get(&canonical)) {
                (Some(literal), _) => literal.clone(),
                (None, Some(cast)) => format!("CAST(${place} AS {cast})"),
                (None, None) => format!("${place}"),
            });
        }
        super::bind_parameters(statement, &literals)
    }

    /// Parameters that stand beside one another have no type, and PostgreSQL would take text.
    fn alike(&mut self, parts: Option<&Value>, column: &dyn Fn(i32) -> Option<String>) {
        let parts = parts.and_then(Value::as_array).into_iter().flatten();
        for number in parts.filter_map(parameter) {
            if let (Some(known), false) = (column(number), self.typed_elements.contains(&number)) {
                self.casts.entry(number).or_insert(known);
            }
        }
    }

    fn function(
        &mut self,
        call: &serde_json::Map<String, Value>,
        column: &dyn Fn(i32) -> Option<String>,
    ) {
        let name = tree::names(call.get("funcname")).pop().unwrap_or_default();
        let arguments: Vec<&Value> =
            call.get("args").and_then(Value::as_array).into_iter().flatten().collect();
        match name.as_str() {
            "extract" => {
                if let Some(number) = arguments.first().and_then(|node| parameter(node)) {
                    self.literals.insert(number, "'year'".to_owned());
                    self.guessed.insert(number);
                }
            }
            "unnest" => {
                for number in arguments.iter().filter_map(|list| parameter(list)) {
                    if let Some(element) = column(number) {
                        self.casts.insert(number, format!("{element}[]"));
                    }
                }
            }
            // They take anything, so that a parameter has no type; a constant was a text.
            "json_build_object" | "jsonb_build_object" | "json_build_array"
            | "jsonb_build_array" | "concat" | "concat_ws" | "format" | "num_nulls"
            | "num_nonnulls" => {
                for number in arguments.iter().filter_map(|argument| parameter(argument)) {
                    self.casts.entry(number).or_insert_with(|| "text".to_owned());
                }
            }
            "date_part" | "date_trunc" => {
                if let Some(number) = arguments.first().and_then(|node| parameter(node)) {
                    self.units.insert(number, "day");
                }
            }
            // `substring(x FROM $1 FOR $2)`: without a type it would be taken for the regular expression.
            "substring" => {
                for number in arguments.iter().skip(1).filter_map(|node| parameter(node)) {
                    self.casts.insert(number, "integer".to_owned());
                }
            }
            // `sum(CASE WHEN … THEN $1 ELSE $2 END)`: two unknowns would become text.
            "sum" | "avg" => {
                let results = arguments.first().map(|node| case_results(node)).unwrap_or_default();
                if let Some(Some(first)) = results.first()
                    && results.iter().all(Option::is_some)
                {
                    self.casts.insert(*first, "numeric".to_owned());
                }
            }
            _ => {}
        }
    }

    /// A parameter in a cast to an enum, other casts in between or not.
    fn label(&mut self, cast: &serde_json::Map<String, Value>, catalog: &Catalog) {
        let names = cast.get("type_name").map(|name| tree::names(name.get("names")));
        let Some(name) = names.as_ref().and_then(|names| names.last()) else { return };
        let is_it = |known: &str| known.replace('"', "").rsplit('.').next() == Some(name.as_str());
        let Some((_, label)) = catalog.first_labels.iter().find(|(known, _)| is_it(known)) else {
            return;
        };
        let mut inner = cast.get("arg");
        while let Some(value) = inner {
            if let Some(number) = parameter(value) {
                self.labels.insert(number, label.clone());
            }
            inner = value.get("node").and_then(|node| node.get("TypeCast")?.get("arg"));
        }
    }

    fn type_cast(&mut self, cast: &serde_json::Map<String, Value>) {
        self.typed_elements.extend(elements(cast.get("arg")));
        let Some(number) = cast.get("arg").and_then(parameter) else { return };
        self.cast_already.insert(number);
        let type_name = cast.get("type_name");
        let is_interval = type_name
            .and_then(|name| tree::names(name.get("names")).pop())
            .is_some_and(|name| name == "interval");
        let has_unit = type_name
            .and_then(|name| name.get("typmods")?.as_array().map(|mods| !mods.is_empty()))
            .unwrap_or(false);
        if is_interval && has_unit {
            self.interval_units.insert(number);
        }
    }

    /// `$1 - $2` has no type of its own; what it is compared with tells.
    fn arithmetic(
        &mut self,
        expression: &serde_json::Map<String, Value>,
        column: &dyn Fn(i32) -> Option<String>,
    ) {
        let operator = tree::names(expression.get("name")).pop().unwrap_or_default();
        // Keys of a document are texts, whatever the document is.
        if matches!(operator.as_str(), "?|" | "?&") {
            for number in elements(expression.get("rexpr")) {
                self.casts.insert(number, "text".to_owned());
            }
        }
        let side = |key: &str| expression.get(key).and_then(parameter);
        let (Some(left), Some(right)) = (side("lexpr"), side("rexpr")) else { return };
        // Of a document its fields are asked for.
        let field = match operator.as_str() {
            "->" | "->>" => Some("text"),
            "#>" | "#>>" => Some("text[]"),
            _ => None,
        };
        if let Some(field) = field {
            self.casts.insert(left, "jsonb".to_owned());
            self.casts.insert(right, field.to_owned());
            return;
        }
        if !matches!(operator.as_str(), "+" | "-" | "*" | "/" | "%") {
            // Two parameters compared with one another: any type does that fits what they meet.
            let known = column(left).or_else(|| column(right));
            self.casts.entry(left).or_insert_with(|| known.unwrap_or_else(|| "text".to_owned()));
            return;
        }
        let known = column(left).or_else(|| column(right)).unwrap_or_else(|| "numeric".to_owned());
        let moment = known.starts_with("date") || known.starts_with("timestamp");
        self.casts.insert(left, known.clone());
        self.casts.insert(right, if moment { "interval".to_owned() } else { known });
    }

    /// Expressions of GROUP BY that also stand elsewhere were written with the same constants.
    fn unify(&mut self, select: &serde_json::Map<String, Value>) {
        let items = |key: &str| select.get(key).and_then(Value::as_array).into_iter().flatten();
        let elsewhere: Vec<&Value> = items("target_list")
            .chain(items("sort_clause"))
            .chain(select.get("having_clause"))
            .collect();
        // With DISTINCT the outputs are what is grouped by.
        let is_distinct = items("distinct_clause").next().is_some();
        let outputs = items("target_list").filter(|_| is_distinct);
        let outputs = outputs.filter_map(|output| output.get("node")?.get("ResTarget")?.get("val"));
        let mut grouped = Vec::new();
        items("group_clause").for_each(|item| sets(item, &mut grouped));
        for grouped in grouped.into_iter().chain(items("distinct_clause")).chain(outputs) {
            let wanted = Masked::of(grouped);
            // A bare constant is a place in the target list: GROUP BY 1.
            if wanted.slots.is_empty() || wanted.is_bare() {
                continue;
            }
            for place in &elsewhere {
                self.unify_inside(place, &wanted);
            }
        }
    }

    /// The keys of a page's last row stand there several times: `a > $1 OR (a = $2 AND b > $3)`.
    fn page(&mut self, condition: Option<&NodeEnum>) {
        let Some(condition) = condition else { return };
        match (Keyset::of(condition), condition) {
            (Some(keyset), _) => {
                for (later, first) in keyset.same {
                    let first = self.canonical(first);
                    self.same_as.insert(later, first);
                }
            }
            (None, NodeEnum::BoolExpr(expr)) if expr.boolop == BoolExprType::AndExpr as i32 => {
                expr.args.iter().for_each(|part| self.page(part.node.as_ref()));
            }
            _ => {}
        }
    }

    fn unify_slots(&mut self, pair: (&Slot, &Slot)) {
        match pair {
            (Slot::Parameter(one), Slot::Parameter(other)) if one != other => {
                let (first, second) = (*one.min(other), *one.max(other));
                let first = self.canonical(first);
                self.same_as.insert(second, first);
            }
            (Slot::Parameter(number), Slot::Constant(constant))
            | (Slot::Constant(constant), Slot::Parameter(number)) => {
                self.literals.insert(*number, constant.clone());
                self.guessed.remove(number);
            }
            _ => {}
        }
    }

    fn unify_inside(&mut self, value: &Value, wanted: &Masked) {
        if value.get("node").is_some() {
            let masked = Masked::of(value);
            if masked.form == wanted.form && masked.agrees(wanted) {
                for pair in masked.slots.iter().zip(&wanted.slots) {
                    self.unify_slots(pair);
                }
                return;
            }
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.unify_inside(item, wanted)),
            Value::Object(object) => {
                object.values().for_each(|child| self.unify_inside(child, wanted));
            }
            _ => {}
        }
    }
}

/// What stands inside ROLLUP, CUBE and GROUPING SETS; anything else is itself.
fn sets<'v>(item: &'v Value, found: &mut Vec<&'v Value>) {
    let content = item.get("node").and_then(|node| node.get("GroupingSet")?.get("content"));
    match content.and_then(Value::as_array) {
        Some(inside) => inside.iter().for_each(|item| sets(item, found)),
        None => found.push(item),
    }
}

/// Whether an array is written among some expressions.
fn has_array(parts: Option<&Value>) -> bool {
    let mut parts = parts.and_then(Value::as_array).into_iter().flatten();
    parts.any(|part| part.get("node").is_some_and(|node| node.get("AArrayExpr").is_some()))
}

/// Parameters that are elements of an array that is written out.
fn elements(value: Option<&Value>) -> Vec<i32> {
    let array = value.and_then(|value| value.get("node")?.get("AArrayExpr")?.get("elements"));
    array.and_then(Value::as_array).into_iter().flatten().filter_map(parameter).collect()
}

/// A place in an expression where a constant stands, or stood.
#[derive(PartialEq)]
enum Slot {
    Parameter(i32),
    /// As SQL.
    Constant(String),
}

/// An expression without places, parameter numbers and constants.
struct Masked {
    form: Value,
    slots: Vec<Slot>,
}

impl Masked {
    fn of(value: &Value) -> Self {
        let mut slots = Vec::new();
        let form = mask(value, &mut slots);
        Self { form, slots }
    }

    /// Whether it is a constant and nothing else.
    fn is_bare(&self) -> bool {
        self.form.get("node").is_some_and(|node| node.get("constant").is_some())
    }

    /// Two different constants make two different expressions.
    fn agrees(&self, other: &Self) -> bool {
        self.slots.iter().zip(&other.slots).all(|pair| match pair {
            (Slot::Constant(one), Slot::Constant(other)) => one == other,
            _ => true,
        })
    }
}

/// A constant as SQL.
fn constant(node: &Value) -> Option<String> {
    let value = node.get("val")?;
    let text = |kind: &str, field: &str| value.get(kind)?.get(field)?.as_str().map(str::to_owned);
    text("Sval", "sval")
        .map(|text| optischema::model::quote_literal(&text))
        .or_else(|| text("Fval", "fval"))
        .or_else(|| Some(value.get("Ival")?.get("ival")?.as_i64()?.to_string()))
        .or_else(|| Some(value.get("Boolval")?.get("boolval")?.as_bool()?.to_string()))
}

fn mask(value: &Value, slots: &mut Vec<Slot>) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| mask(item, slots)).collect(),
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter(|(key, _)| key.as_str() != "location")
                .map(|(key, child)| {
                    let number = child.get("number").and_then(Value::as_i64);
                    let number = number.and_then(|number| i32::try_from(number).ok());
                    let slot = match key.as_str() {
                        "ParamRef" => number.map(Slot::Parameter),
                        "AConst" => constant(child).map(Slot::Constant),
                        _ => None,
                    };
                    if let Some(slot) = slot {
                        slots.push(slot);
                        return ("constant".to_owned(), Value::Null);
                    }
                    (key.clone(), mask(child, slots))
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The number of a node that is a parameter and nothing else.
fn parameter(node: &Value) -> Option<i32> {
    let number = node.get("node")?.get("ParamRef")?.get("number")?.as_i64()?;
    i32::try_from(number).ok()
}

/// The parameters among a CASE's results; a result that is something else is `None`.
fn case_results(node: &Value) -> Vec<Option<i32>> {
    let Some(case) = node.get("node").and_then(|node| node.get("CaseExpr")) else {
        return Vec::new();
    };
    let branches = case.get("args").and_then(Value::as_array).into_iter().flatten();
    let results = branches.filter_map(|branch| branch.get("node")?.get("CaseWhen")?.get("result"));
    let otherwise = case.get("defresult").filter(|value| !value.is_null());
    results.chain(otherwise).map(parameter).collect()
}

/// Where columns stand in a statement, in bytes, and their names without their tables.
///
/// # Errors
/// The tree cannot be walked.
pub fn column_places(statement: &Statement) -> Result<Vec<(usize, String)>, SqlError> {
    let json = statement.json()?;
    let mut found = Vec::new();
    tree::walk(json, &mut |kind, object| {
        if kind == "ColumnRef"
            && let Some(place) = object.get("location").and_then(Value::as_u64)
            && let Some(name) = tree::names(object.get("fields")).pop()
        {
            found.push((usize::try_from(place).unwrap_or_default(), name));
        }
    });
    Ok(found)
}

/// A column's type as SQL writes it, without its modifier.
fn type_of(catalog: &Catalog, column: &ColumnName) -> Option<String> {
    let known = catalog.tables.get(&column.table)?.column(&column.column)?;
    let base = match known.data_type.split_once('(') {
        Some((name, rest)) => {
            format!("{name}{}", rest.split_once(')').map_or("", |(_, after)| after))
        }
        None => known.data_type.clone(),
    };
    Some(base)
}

/// The place of each parameter in a text, in bytes.
///
/// # Errors
/// The text cannot be split into tokens.
pub fn parameter_places(sql: &str) -> Result<Vec<(usize, i32)>, SqlError> {
    let found = lexemes(sql)?.into_iter().filter(|lexeme| lexeme.token == Token::Param as i32);
    Ok(found
        .filter_map(|lexeme| {
            Some((lexeme.start, sql.get(lexeme.start + 1..lexeme.end)?.parse().ok()?))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{analyze, parse_one};
    use optischema::model::{CatalogColumn, CatalogTable, RelationKind, TableName};

    #[test]
    fn constants_of_distinct_outputs_and_of_grouping_sets_are_the_same_again() {
        assert_eq!(
            prepared("SELECT DISTINCT lower(repeat(s, $1)) FROM t ORDER BY lower(repeat(s, $2))"),
            "SELECT DISTINCT lower(repeat(s, $1)) FROM t ORDER BY lower(repeat(s, $1))"
        );
        assert_eq!(
            prepared("SELECT repeat(s, $1), count(*) FROM t GROUP BY ROLLUP (repeat(s, $2), n)"),
            "SELECT repeat(s, $1), count(*) FROM t GROUP BY ROLLUP (repeat(s, $1), n)"
        );
    }

    #[test]
    fn fields_of_documents_and_defaults_of_json_are_known() {
        assert_eq!(
            prepared("SELECT 1 FROM t WHERE s = $1 ->> $2 AND s = $3 #>> $4"),
            "SELECT 1 FROM t WHERE s = CAST($1 AS jsonb) ->> CAST($2 AS text) AND s = CAST($3 AS jsonb) #>> CAST($4 AS text[])"
        );
        assert_eq!(
            prepared("SELECT JSON_VALUE(s::jsonb, '$.a' DEFAULT $1 ON EMPTY) FROM t WHERE n = $2"),
            "SELECT JSON_VALUE(s::jsonb , '$.a' DEFAULT '0' ON EMPTY) FROM t WHERE n = $1"
        );
    }

    #[test]
    fn what_stands_beside_a_list_is_one() {
        assert_eq!(
            prepared("SELECT 1 FROM t WHERE n = ANY (COALESCE($1, ARRAY[$2]))"),
            "SELECT 1 FROM t WHERE n = ANY(COALESCE(CAST($1 AS numeric[]), ARRAY[CAST($2 AS numeric)]))"
        );
    }

    #[test]
    fn elements_take_the_type_that_is_written_or_that_of_keys() {
        assert_eq!(
            prepared("SELECT 1 FROM t WHERE s = ANY (ARRAY[$1, $2]::varchar[])"),
            "SELECT 1 FROM t WHERE s = ANY(ARRAY[$1, $2]::varchar[])"
        );
        assert_eq!(
            prepared("SELECT 1 FROM t WHERE s::jsonb ?| ARRAY[$1]"),
            "SELECT 1 FROM t WHERE s::jsonb ?| ARRAY[CAST($1 AS text)]"
        );
    }

    fn prepared(sql: &str) -> String {
        let name = TableName::new("public", "t");
        let column = |name: &str, data_type: &str| CatalogColumn {
            name: name.into(),
            data_type: data_type.into(),
            nullable: true,
            ..CatalogColumn::default()
        };
        let table = CatalogTable {
            name: name.clone(),
            kind: RelationKind::Table,
            rows: 1.0,
            bytes: 1,
            columns: vec![column("d", "date"), column("n", "numeric(12,2)"), column("s", "text")],
            ..CatalogTable::default()
        };
        let catalog = Catalog {
            database: "d".into(),
            search_path: vec!["public".into()],
            tables: [(name, table)].into(),
            ..Catalog::default()
        };
        let statement = parse_one(sql).unwrap();
        let shape = analyze(&statement, &catalog).unwrap();
        Repair::of(&statement, &shape, &catalog).unwrap().prepared_text(&statement).unwrap()
    }

    #[test]
    fn arithmetic_on_parameters_gets_the_type_of_what_it_meets() {
        assert_eq!(
            prepared("SELECT 1 FROM t WHERE n BETWEEN $1 - $2 AND $3 + $4"),
            "SELECT 1 FROM t WHERE n BETWEEN CAST($1 AS numeric) - CAST($2 AS numeric) AND CAST($3 AS numeric) + CAST($4 AS numeric)"
        );
        assert_eq!(
            prepared("SELECT 1 FROM t WHERE d < $1 - $2"),
            "SELECT 1 FROM t WHERE d < CAST($1 AS date) - CAST($2 AS interval)"
        );
    }

    #[test]
    fn a_parameter_where_the_grammar_takes_none_is_written_out_and_the_rest_is_renumbered() {
        assert_eq!(
            prepared("SELECT extract($1 FROM d) FROM t WHERE s = $2"),
            "SELECT extract ('year' FROM d) FROM t WHERE s = $1"
        );
    }

    #[test]
    fn the_keys_of_a_page_are_one_value_each() {
        assert_eq!(
            prepared("SELECT 1 FROM t WHERE n > 3 AND (d > $1 OR (d = $2 AND s > $3))"),
            "SELECT 1 FROM t WHERE n > 3 AND (d > $1 OR (d = $1 AND s > $2))"
        );
        assert_eq!(
            prepared("SELECT 1 FROM t WHERE d > $1 OR (d < $2 AND s > $3)"),
            "SELECT 1 FROM t WHERE d > $1 OR (d < $2 AND s > $3)"
        );
    }

    #[test]
    fn one_constant_that_became_two_is_one_again() {
        assert_eq!(
            prepared(
                "SELECT date_trunc($1, d), count(*) + $2 FROM t GROUP BY date_trunc($3, d) ORDER BY date_trunc($4, d)"
            ),
            "SELECT date_trunc($1, d), count(*) + $2 FROM t GROUP BY date_trunc($1, d) ORDER BY date_trunc($1, d)"
        );
        let by_place = "SELECT date_trunc($1, d), count(*) FROM t GROUP BY 1 ORDER BY 1";
        assert_eq!(prepared(by_place), by_place);
        // From PostgreSQL 15 on only the target list lost its constant.
        assert_eq!(
            prepared(
                "SELECT date_trunc($1, d), n + $2 FROM t GROUP BY date_trunc('month', d), n + 3"
            ),
            "SELECT date_trunc('month', d), n + 3 FROM t GROUP BY date_trunc('month', d), n + 3"
        );
        assert_eq!(
            prepared("SELECT n + $1 FROM t GROUP BY n - $2"),
            "SELECT n + $1 FROM t GROUP BY n - $2",
            "different expressions stay apart"
        );
    }

    #[test]
    fn sums_of_cases_and_substrings_get_their_types() {
        assert_eq!(
            prepared("SELECT sum(CASE WHEN s = $1 THEN $2 ELSE $3 END) FROM t"),
            "SELECT sum(CASE WHEN s = $1 THEN CAST($2 AS numeric) ELSE $3 END) FROM t"
        );
        let text = prepared("SELECT substring(s from $1 for $2) FROM t");
        assert!(
            text.contains("CAST($1 AS integer)") && text.contains("CAST($2 AS integer)"),
            "{text}"
        );
    }
}
