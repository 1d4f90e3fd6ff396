//! A statement without its constants: each becomes a parameter that is bound. PostgreSQL plans for the values all the
//! same, and the text that `pg_stat_statements` keeps does not vary with them.

use std::collections::BTreeMap;

use optischema::model::quote_identifier;
use serde_json::{Map, Value};

use super::rewrite::{Edit, Lexeme, apply, lexemes};
use super::{SqlError, Statement, tree};

/// A statement and what it was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameterised {
    /// With `$1`, `$2`, … in the places of its constants.
    pub sql: String,
    /// One for each parameter, in order.
    pub constants: Vec<Constant>,
    /// Whether it still has constants: `pg_stat_statements` keeps an entry for it, though the view may hide it.
    pub has_constants: bool,
}

/// One constant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Constant {
    /// As SQL takes it; absent where PostgreSQL infers it, as it does for a bare string.
    pub type_name: Option<String>,
    /// As the type's input function reads it.
    pub text: String,
}

/// Takes the constants out. Some stay: positions (`ORDER BY 1`), modifiers of types, words of the grammar
/// (`extract(epoch FROM …)`), and what stands in SQL/JSON and XML, where PostgreSQL wants a constant.
///
/// # Errors
/// The statement has parameters of its own, or cannot be scanned.
pub fn parameterised(statement: &Statement) -> Result<Parameterised, SqlError> {
    let json = statement.json()?;
    if !tree::parameter_numbers(json).is_empty() {
        return Err(SqlError::Refused("it has parameters without values".into()));
    }
    let lexemes = lexemes(&statement.sql)?;
    let mut taken =
        Taken { sql: &statement.sql, lexemes: &lexemes, found: Vec::new(), left: false };
    taken.visit(json);
    let groups = groups(json);
    let mut numbers: BTreeMap<Constant, usize> = BTreeMap::new();
    let mut constants = Vec::new();
    let mut edits = Vec::new();
    for (start, end, constant) in taken.found {
        // GROUP BY compares expressions: there the same constant is the same parameter. Elsewhere a bare string has the
        // type that its own place gives it, and the same string may be a date here and a timestamp there.
        let number = if groups || constant.type_name.is_some() {
            *numbers.entry(constant.clone()).or_insert_with(|| {
                constants.push(constant);
                constants.len()
            })
        } else {
            constants.push(constant);
            constants.len()
        };
        edits.push(Edit { start, end, text: format!("${number}") });
    }
    let sql = apply(&statement.sql, edits)?;
    Ok(Parameterised { sql, constants, has_constants: taken.left })
}

/// What `pg_stat_statements` keeps of a text that is prepared and never run: an entry that its view does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// Where it has no constant: only parameters.
    WithParameters,
    WithConstants,
}

/// What of a statement makes `pg_stat_statements` keep its text.
///
/// # Errors
/// It cannot be scanned.
pub fn left_by(statement: &Statement) -> Result<Left, SqlError> {
    let json = statement.json()?;
    let lexemes = lexemes(&statement.sql)?;
    let mut taken =
        Taken { sql: &statement.sql, lexemes: &lexemes, found: Vec::new(), left: false };
    taken.visit(json);
    Ok(if taken.left || !taken.found.is_empty() {
        Left::WithConstants
    } else if tree::parameter_numbers(json).is_empty() {
        Left::Nothing
    } else {
        Left::WithParameters
    })
}

struct Taken<'a> {
    sql: &'a str,
    lexemes: &'a [Lexeme],
    /// Bytes from and to, and what stands there.
    found: Vec<(usize, usize, Constant)>,
    /// A constant stayed where it is.
    left: bool,
}

/// Nodes whose constants are part of the grammar.
const LEFT_ALONE: &[&str] = &["RangeTableSample", "RangeTableFunc", "XmlExpr", "XmlSerialize"];

/// Lists whose bare constants are positions.
const POSITIONS: &[&str] = &["sort_clause", "group_clause", "distinct_clause", "order_clause"];

impl Taken<'_> {
    fn visit(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.visit(item)),
            Value::Object(object) => {
                for (name, child) in object {
                    self.visit_named(name, child);
                }
            }
            _ => {}
        }
    }

    fn visit_named(&mut self, name: &str, child: &Value) {
        let Value::Object(inner) = child else {
            if POSITIONS.contains(&name) {
                self.visit_positions(child);
            } else if name != "typmods" {
                self.visit(child);
            }
            return;
        };
        match name {
            "AConst" => self.take(inner, None),
            "TypeCast" => self.take_cast(inner),
            "FuncCall" if is_extract(inner) => {
                self.left = true;
                let rest = inner.get("args").and_then(Value::as_array);
                rest.into_iter().flatten().skip(1).for_each(|argument| self.visit(argument));
            }
            other if LEFT_ALONE.contains(&other) || other.starts_with("Json") => self.left = true,
            _ => self.visit(child),
        }
    }

    fn visit_positions(&mut self, list: &Value) {
        for item in list.as_array().into_iter().flatten() {
            let node = item.get("node").unwrap_or(item);
            let sorted = node.get("SortBy").and_then(|by| by.get("node")?.get("node"));
            if let Some(set) = node.get("GroupingSet").and_then(|set| set.get("content")) {
                self.visit_positions(set);
            } else if sorted.unwrap_or(node).get("AConst").is_none() {
                self.visit(item);
            }
        }
    }

    /// `'5'::int4`: the cast stays, and tells the parameter's type.
    fn take_cast(&mut self, cast: &Map<String, Value>) {
        let constant = cast.get("arg").and_then(|arg| arg.get("node")?.get("AConst")?.as_object());
        let (Some(constant), Some(named)) = (constant, cast.get("type_name")) else {
            cast.get("arg").into_iter().for_each(|argument| self.visit(argument));
            return;
        };
        let place = |object: Option<&Value>| object.and_then(|o| o.get("location")?.as_i64());
        // `date '2026-01-01'` takes a string and nothing else.
        let is_prefix = place(Some(named)) < constant.get("location").and_then(Value::as_i64);
        let is_plain = named.get("typmods").and_then(Value::as_array).is_some_and(Vec::is_empty);
        if is_prefix || !is_plain {
            self.left = true;
            return;
        }
        let names: Vec<String> = tree::names(named.get("names"));
        let bounds = named.get("array_bounds").and_then(Value::as_array).map_or(0, Vec::len);
        let quoted: Vec<String> = names.iter().map(|name| quote_identifier(name)).collect();
        self.take(constant, Some(format!("{}{}", quoted.join("."), "[]".repeat(bounds))));
    }

    fn take(&mut self, constant: &Map<String, Value>, cast: Option<String>) {
        let Some(value) = constant.get("val").filter(|value| value.is_object()) else {
            // NULL.
            self.left = true;
            return;
        };
        let text_of =
            |kind: &str, key: &str| value.get(kind)?.get(key)?.as_str().map(str::to_owned);
        let whole = value.get("Ival").and_then(|v| v.get("ival")?.as_i64());
        let truth = value.get("Boolval").map(|v| v.get("boolval").and_then(Value::as_bool));
        let (own_type, text) = if let Some(truth) = truth {
            (Some("pg_catalog.bool"), truth.unwrap_or_default().to_string())
        } else if let Some(text) = text_of("Sval", "sval") {
            (None, text)
        } else if let Some(number) = whole {
            (Some("pg_catalog.int4"), number.to_string())
        } else if let Some(text) = text_of("Fval", "fval") {
            // A whole number beyond 32 bits is scanned as one of these.
            let is_int8 = text.parse::<i64>().is_ok();
            (Some(if is_int8 { "pg_catalog.int8" } else { "pg_catalog.numeric" }), text)
        } else {
            self.left = true;
            return;
        };
        let location = constant.get("location").and_then(Value::as_u64);
        let Some((start, end)) = location.and_then(|at| self.token(usize::try_from(at).ok()?))
        else {
            self.left = true;
            return;
        };
        // A number that is cast is that number first: `1.6::int4` rounds.
        let type_name = own_type.map(str::to_owned).or(cast);
        self.found.push((start, end, Constant { type_name, text }));
    }

    /// Where a constant's token ends. A word of the grammar is none.
    fn token(&self, start: usize) -> Option<(usize, usize)> {
        let at = self.lexemes.iter().position(|lexeme| lexeme.start == start)?;
        let first = self.lexemes.get(at)?;
        let text = self.sql.get(first.start..first.end)?;
        if text == "-" {
            // The sign and the number are two; a comment or a bracket may stand between them.
            let number = self.lexemes.get(at + 1)?;
            let text = self.sql.get(number.start..number.end)?;
            let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
            return is_number.then_some((start, number.end));
        }
        let is_constant = text.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '\'')
            || text.eq_ignore_ascii_case("true")
            || text.eq_ignore_ascii_case("false")
            || (text.len() > 1 && text.ends_with('\'') && !text.starts_with(['b', 'B', 'x', 'X']));
        is_constant.then_some((first.start, first.end))
    }
}

/// Whether rows are grouped anywhere.
fn groups(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(groups),
        Value::Object(object) => object.iter().any(|(key, value)| {
            let is_list = matches!(key.as_str(), "group_clause" | "distinct_clause");
            (is_list && value.as_array().is_some_and(|items| !items.is_empty())) || groups(value)
        }),
        _ => false,
    }
}

fn is_extract(call: &Map<String, Value>) -> bool {
    let names = tree::names(call.get("funcname"));
    matches!(names.last().map(String::as_str), Some("extract" | "date_part"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse_one;

    fn of(sql: &str) -> (String, Vec<String>) {
        let Parameterised { sql, constants, .. } = parameterised(&parse_one(sql).unwrap()).unwrap();
        let shown = |c: Constant| format!("{} {}", c.type_name.unwrap_or("?".into()), c.text);
        (sql, constants.into_iter().map(shown).collect())
    }

    #[test]
    fn texts_with_constants_are_kept_and_those_with_parameters_are_not() {
        let left = |sql: &str| left_by(&parse_one(sql).unwrap()).unwrap();
        assert_eq!(left("SELECT a FROM t WHERE b = c ORDER BY 1"), Left::Nothing);
        assert_eq!(
            left("SELECT a FROM t WHERE b = $1::varchar(10) LIMIT $2"),
            Left::WithParameters
        );
        assert_eq!(left("SELECT a FROM t WHERE b = $1 LIMIT 1"), Left::WithConstants);
        assert_eq!(left("SELECT extract(day FROM a) FROM t WHERE b = $1"), Left::WithConstants);
    }

    #[test]
    fn constants_become_parameters_of_their_types() {
        assert_eq!(
            of(
                "SELECT * FROM t WHERE a = CAST('5' AS int4) AND b = 'x' AND c > -1.5 AND d IN (7, 8000000000)"
            ),
            (
                "SELECT * FROM t WHERE a = $1::int4 AND b = $2 AND c > $3 AND d IN ($4, $5)"
                    .to_owned(),
                vec![
                    "\"int4\" 5".to_owned(),
                    "? x".to_owned(),
                    "pg_catalog.numeric -1.5".to_owned(),
                    "pg_catalog.int4 7".to_owned(),
                    "pg_catalog.int8 8000000000".to_owned(),
                ]
            )
        );
        assert_eq!(
            of("SELECT 1 FROM t WHERE a = '{1}'::app.\"Kind\"[] AND b = 1.6::int4").1,
            ["pg_catalog.int4 1", "\"app\".\"Kind\"[] {1}", "pg_catalog.numeric 1.6"]
        );
    }

    #[test]
    fn truth_is_a_parameter_too() {
        let sql = "SELECT * FROM t WHERE (a IS NULL) = false AND b = true AND c IS TRUE";
        let (text, constants) = of(sql);
        assert_eq!(text, "SELECT * FROM t WHERE (a IS NULL) = $1 AND b = $2 AND c IS TRUE");
        assert_eq!(constants, ["pg_catalog.bool false", "pg_catalog.bool true"]);
    }

    #[test]
    fn equal_constants_are_one_parameter() {
        let sql = "SELECT date_trunc('day', at) FROM t GROUP BY date_trunc('day', at)";
        assert_eq!(of(sql).0, "SELECT date_trunc($1, at) FROM t GROUP BY date_trunc($1, at)");
    }

    #[test]
    fn a_bare_string_has_the_type_of_its_own_place() {
        let sql = "SELECT * FROM t WHERE at > '2026-01-01' AND day > '2026-01-01'";
        assert_eq!(of(sql).0, "SELECT * FROM t WHERE at > $1 AND day > $2");
    }

    #[test]
    fn a_sign_that_stands_apart_from_its_number_belongs_to_it() {
        for sql in ["SELECT * FROM t WHERE a = -(5)", "SELECT * FROM t WHERE a = -/*c*/5"] {
            assert_eq!(of(sql).0, "SELECT * FROM t WHERE a = $1", "{sql}");
            assert_eq!(of(sql).1, ["pg_catalog.int4 -5"], "{sql}");
        }
    }

    #[test]
    fn what_is_part_of_the_grammar_stays() {
        for sql in [
            "SELECT a FROM t ORDER BY 1 DESC",
            "SELECT a, count(*) FROM t GROUP BY 1",
            "SELECT a, b FROM t GROUP BY GROUPING SETS ((1), (2))",
            "SELECT a::varchar(3), a::numeric(10, 2) FROM t",
            "SELECT extract(epoch FROM at) FROM t",
            "SELECT json_value(a, '$.b') FROM t",
            "SELECT a FROM t TABLESAMPLE system (1)",
            "SELECT NULL, b'1' FROM t",
        ] {
            let statement = parse_one(sql).unwrap();
            let taken = parameterised(&statement).unwrap();
            assert_eq!((taken.sql, taken.constants), (statement.sql, Vec::new()), "{sql}");
            assert!(
                taken.has_constants || sql.contains(" BY ") || sql.contains("varchar"),
                "{sql}"
            );
        }
        assert!(parameterised(&parse_one("SELECT a FROM t WHERE a = $1").unwrap()).is_err());
    }

    #[test]
    fn a_value_keeps_its_quotes_and_backslashes() {
        assert_eq!(
            of("SELECT 1 FROM t WHERE a = 'it''s' AND b = E'x\\\\y'").1[1..],
            ["? it's", "? x\\y"]
        );
    }
}
