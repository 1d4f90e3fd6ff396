//! Statements as PL/pgSQL runs them: an assignment or a bare expression in the place of a query, and variables in the place
//! of parameters.

use std::collections::BTreeSet;

use pg_query::NodeEnum;
use pg_query::protobuf::Token;
use serde_json::{Map, Value};

use super::rewrite::{Edit, apply, lexemes};
use super::{SqlError, Statement, parse_one, tree};

/// The query in an assignment (`n := (SELECT …)`) or in a bare expression (`EXISTS (SELECT …)`); absent for what parses as
/// it is, and for what is neither.
#[must_use]
pub fn unwrapped(text: &str) -> Option<String> {
    if super::check_length(text).is_err() || pg_query::parse(text, 0).is_ok() {
        return None;
    }
    let tokens = lexemes(text).ok()?;
    // Before the sign stand names, dots and subscripts only.
    let is_sign = |token: i32| token == Token::ColonEquals as i32 || token == Token::Ascii61 as i32;
    let sign = tokens.iter().position(|lexeme| is_sign(lexeme.token));
    let assigned = sign.and_then(|at| {
        let is_target = tokens[..at].iter().all(|lexeme| {
            let part = text.get(lexeme.start..lexeme.end).unwrap_or_default();
            matches!(part, "." | "[" | "]" | "$")
                || part.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '$'))
        });
        (at > 0 && is_target).then(|| text.get(tokens[at].end..)).flatten()
    });
    let tried = [assigned, Some(text)];
    tried.into_iter().flatten().find_map(|expression| {
        let query = format!("SELECT {}", expression.trim());
        let parsed = pg_query::parse(&query, 0).ok()?;
        // An expression has no other name: `SELEC x FROM t` is none.
        let is_named = has_alias(&parsed.protobuf);
        let holds_query = query.to_ascii_lowercase().matches("select").count() > 1
            || query.to_ascii_lowercase().contains(" from ");
        (parsed.protobuf.stmts.len() == 1 && holds_query && !is_named).then_some(query)
    })
}

/// Whether an output of the query has a name of its own.
fn has_alias(parsed: &pg_query::protobuf::ParseResult) -> bool {
    let root = parsed.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.as_ref());
    let Some(NodeEnum::SelectStmt(select)) = root else { return false };
    select.target_list.iter().any(|output| {
        matches!(&output.node, Some(NodeEnum::ResTarget(target)) if !target.name.is_empty())
    })
}

/// Columns that every table has.
const SYSTEM_COLUMNS: &[&str] = &["ctid", "tableoid", "xmin", "xmax", "cmin", "cmax", "oid"];

/// A statement whose names that are no columns of anything that it reads have become parameters: variables of the function
/// that it stands in. They take the numbers that are free, in the order of their first place: PostgreSQL numbers a
/// function's constants after its variables. `columns_of` knows the columns of a relation by its schema (empty where none
/// is named) and name. Absent where every name is known.
///
/// # Errors
/// The text and its tokens do not fit.
pub fn with_variables(
    statement: &Statement,
    columns_of: &dyn Fn(&str, &str) -> Option<Vec<String>>,
) -> Result<Option<Statement>, SqlError> {
    let json = statement.json()?;
    let mut known = Known::default();
    for relation in tree::relations(json) {
        // Of what is not known nobody can say which names are its columns.
        let Some(columns) = columns_of(&relation.schema, &relation.name) else { return Ok(None) };
        known.columns.extend(columns);
        known.ranges.insert(relation.name);
    }
    tree::walk(json, &mut |kind, object| known.take(kind, object));
    let used: BTreeSet<i32> = tree::parameter_numbers(json).into_iter().collect();
    let mut free = (1..).filter(|number| !used.contains(number));
    let tokens = lexemes(&statement.sql)?;
    let mut places: Vec<(usize, Vec<String>)> = Vec::new();
    tree::walk(json, &mut |kind, object| {
        if kind != "ColumnRef" {
            return;
        }
        let names = tree::names(object.get("fields"));
        let count = object.get("fields").and_then(Value::as_array).map_or(0, Vec::len);
        let location = object.get("location").and_then(Value::as_u64);
        let at = location.and_then(|at| usize::try_from(at).ok());
        if let (Some(at), true) = (at, names.len() == count && known.lacks(&names)) {
            places.push((at, names));
        }
    });
    places.sort();
    let is_variable = |at: usize| places.iter().any(|(place, _)| *place == at);
    // Of what reads nothing every name is one.
    let reads = !tree::relations(json).is_empty();
    if reads && !any_meets(json, &is_variable) {
        return Ok(None);
    }
    let mut numbers: Vec<(Vec<String>, i32)> = Vec::new();
    let mut edits = Vec::new();
    for (at, names) in places {
        let number = match numbers.iter().find(|(known, _)| *known == names) {
            Some((_, number)) => *number,
            None => {
                let number = free.next().unwrap_or(i32::MAX);
                numbers.push((names.clone(), number));
                number
            }
        };
        let Some(first) = tokens.iter().position(|token| token.start == at) else { continue };
        // `record.field` is three tokens.
        let last = tokens.get(first + 2 * (names.len() - 1)).unwrap_or(&tokens[first]);
        edits.push(Edit { start: at, end: last.end, text: format!("${number}") });
    }
    if edits.is_empty() {
        return Ok(None);
    }
    parse_one(&apply(&statement.sql, edits)?).map(Some)
}

/// Whether a variable is compared with a column, or gives a row its value or a LIMIT its number. Where none does, the names
/// are mistakes.
fn any_meets(json: &Value, is_variable: &dyn Fn(usize) -> bool) -> bool {
    let mut found = false;
    tree::walk(json, &mut |kind, object| {
        let parts: Vec<Option<&Value>> = match kind {
            "AExpr" | "FuncCall" | "SubLink" => vec![
                object.get("lexpr"),
                object.get("rexpr"),
                object.get("args"),
                object.get("testexpr"),
                object.get("subselect"),
            ],
            "UpdateStmt" => vec![object.get("target_list")],
            "InsertStmt" => vec![object.get("select_stmt")],
            "SelectStmt" => vec![object.get("limit_count"), object.get("limit_offset")],
            _ => return,
        };
        let takes_any = matches!(kind, "UpdateStmt" | "InsertStmt" | "SelectStmt");
        let (mut variables, mut columns) = (false, false);
        for part in parts.into_iter().flatten() {
            tree::walk(part, &mut |kind, object| {
                let at = object.get("location").and_then(Value::as_u64);
                if let (true, Some(at)) = (kind == "ColumnRef", at) {
                    let is_variable = usize::try_from(at).is_ok_and(is_variable);
                    variables |= is_variable;
                    columns |= !is_variable;
                }
            });
        }
        found |= variables && (columns || takes_any);
    });
    found
}

/// Names that a statement gives a meaning.
#[derive(Default)]
struct Known {
    columns: BTreeSet<String>,
    ranges: BTreeSet<String>,
}

impl Known {
    fn take(&mut self, kind: &str, object: &Map<String, Value>) {
        let name = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        match kind {
            "ResTarget" => self.columns.extend(name("name")),
            "alias" | "join_using_alias" => {
                self.columns.extend(tree::names(object.get("colnames")));
                self.columns.extend(name("aliasname"));
                self.ranges.extend(name("aliasname"));
            }
            "CommonTableExpr" => {
                self.ranges.extend(name("ctename"));
                self.columns.extend(tree::names(object.get("aliascolnames")));
            }
            "JoinExpr" => self.columns.extend(tree::names(object.get("using_clause"))),
            "ColumnDef" => self.columns.extend(name("colname")),
            "RangeTableFuncCol" => self.columns.extend(name("colname")),
            "JsonTableColumn" => self.columns.extend(name("name")),
            // The outputs of a function are called after it where nothing else names them.
            "FuncCall" => self.columns.extend(tree::names(object.get("funcname")).pop()),
            "search_clause" | "cycle_clause" => {
                for key in ["search_seq_column", "cycle_mark_column", "cycle_path_column"] {
                    self.columns.extend(name(key));
                }
            }
            _ => {}
        }
    }

    /// Whether a name, with what it is of before it, can only be a variable.
    fn lacks(&self, names: &[String]) -> bool {
        match names {
            [name] => {
                !self.columns.contains(name)
                    && !self.ranges.contains(name)
                    && !SYSTEM_COLUMNS.contains(&name.as_str())
            }
            [of, _] => !self.ranges.contains(of) && !self.columns.contains(of),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(sql: &str) -> Option<String> {
        let columns_of = |_: &str, name: &str| {
            let columns = ["id", "customer_id", "status"].map(str::to_owned).to_vec();
            (name == "orders").then_some(columns)
        };
        let found = with_variables(&parse_one(sql).unwrap(), &columns_of).unwrap();
        found.map(|statement| statement.sql)
    }

    #[test]
    fn variables_take_the_numbers_before_those_of_constants() {
        assert_eq!(
            with("SELECT count(*) FROM orders WHERE customer_id = v_id AND status = $3 AND id > rec.last AND v_id > $4").unwrap(),
            "SELECT count(*) FROM orders WHERE customer_id = $1 AND status = $3 AND id > $2 AND $1 > $4"
        );
        assert_eq!(
            with("SELECT o.id FROM orders o WHERE o.customer_id = \"V id\"").unwrap(),
            "SELECT o.id FROM orders o WHERE o.customer_id = $1"
        );
    }

    #[test]
    fn what_a_statement_names_itself_is_no_variable() {
        for sql in [
            "SELECT id AS n, status s FROM orders o WHERE o.status = $1 ORDER BY n, s",
            "WITH c (a) AS (SELECT id FROM orders) SELECT a FROM c WHERE a = 1 AND c.a > 2",
            "SELECT x FROM generate_series(1, 2) x",
            "SELECT unnest FROM unnest(ARRAY[1])",
            "SELECT ctid, orders FROM orders",
            "SELECT i, v FROM orders, LATERAL (VALUES (1)) AS t (v), ROWS FROM (generate_series(1, 2)) AS g (i)",
            "SELECT anything FROM unknown WHERE id = 1",
            "SELECT mistaken FROM orders",
            "SELECT count(*) FROM orders WHERE mistaken = 5 AND id = 7 ORDER BY other",
            "SELECT orders.id FROM public.orders WHERE public.orders.id = 1",
        ] {
            assert_eq!(with(sql), None, "{sql}");
        }
    }

    #[test]
    fn queries_inside_assignments_and_expressions_are_found() {
        let of = |text: &str| unwrapped(text);
        assert_eq!(
            of("v_n := (SELECT count(*) FROM orders)").unwrap(),
            "SELECT (SELECT count(*) FROM orders)"
        );
        assert_eq!(of("r.x[1] := count(*) FROM orders").unwrap(), "SELECT count(*) FROM orders");
        assert_eq!(
            of("EXISTS (SELECT FROM orders WHERE id = $1)").unwrap(),
            "SELECT EXISTS (SELECT FROM orders WHERE id = $1)"
        );
        for text in [
            "SELECT 1 FROM orders",
            "SELEC 1",
            "SELEC broken FROM orders",
            "v := 1 + 2",
            "BEGIN",
            "x y z",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
