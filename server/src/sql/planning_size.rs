//! How large planning a statement could become, by an estimate of our own, before main sees the statement.
//!
//! PostgreSQL folds constants while it plans: `repeat('x', 1000000000)` takes a gigabyte of main's memory though nothing
//! is executed. It also replaces a subquery's columns by their expressions, so that a short text can stand for an
//! expression that doubles with each level. Both are bounded here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Name, SqlError, Statement, tree};

/// Bytes of one folded constant, at most.
const LARGEST_CONSTANT: f64 = 1_048_576.0;
/// Nodes of all expressions together, subqueries put in place, at most.
const MOST_NODES: f64 = 100_000.0;
/// Relations of one statement, at most.
const MOST_RELATIONS: usize = 300;
/// What planning a relation and a grouping set takes, in nodes; a relation counts wherever it is put in place.
const NODES_OF_A_RELATION: f64 = 300.0;
const NODES_OF_A_SET: f64 = 200.0;
/// Bytes of a constant that nobody knows yet.
const PARAMETER: f64 = 1024.0;

/// What an expression comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Size {
    /// Nodes, with subqueries' expressions put in place.
    nodes: f64,
    /// Bytes of its value, where PostgreSQL can fold it; else absent.
    constant: Option<f64>,
}

const LEAF: Size = Size { nodes: 1.0, constant: None };

/// Names of a FROM list that stand for expressions.
#[derive(Debug, Clone, Default)]
struct Scope {
    columns: BTreeMap<String, Size>,
    /// For a column that a subquery hands on without a name of its own.
    largest: Option<Size>,
    /// Columns that have only the name that PostgreSQL gives them.
    unnamed: Option<Size>,
    /// WITH queries in sight, each with its columns and the nodes of its whole.
    queries: BTreeMap<String, (BTreeMap<String, Size>, f64)>,
}

impl Scope {
    fn add(&mut self, name: &str, size: Size) {
        let known = self.columns.entry(name.to_owned()).or_insert(size);
        *known = larger(*known, size);
        self.largest = Some(self.largest.map_or(size, |known| larger(known, size)));
    }

    fn extend(&mut self, other: &Self) {
        other.columns.iter().for_each(|(name, size)| self.add(name, *size));
        if let Some(size) = other.unnamed {
            self.unnamed = Some(self.unnamed.map_or(size, |known| larger(known, size)));
        }
    }

    fn of_columns(columns: &BTreeMap<String, Size>) -> Self {
        let mut scope = Self::default();
        columns.iter().for_each(|(name, size)| scope.add(name, *size));
        scope
    }

    /// A row of all columns.
    fn row(&self) -> Size {
        self.columns.values().fold(Size { nodes: 1.0, constant: Some(24.0) }, |row, size| Size {
            nodes: row.nodes + size.nodes,
            constant: row.constant.zip(size.constant).map(|(a, b)| a + b),
        })
    }

    fn column(&self, name: &str) -> Size {
        self.columns.get(name).copied().or(self.unnamed).unwrap_or(LEAF)
    }
}

fn larger(a: Size, b: Size) -> Size {
    Size {
        nodes: a.nodes.max(b.nodes),
        constant: match (a.constant, b.constant) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (one, other) => one.or(other),
        },
    }
}

/// Checks that planning a statement stays small. `views` are the statements behind the views that it reads.
///
/// # Errors
/// It could become large; the sentence says how.
pub fn check_planning_size(
    statement: &Statement,
    views: &BTreeMap<Name, Statement>,
) -> Result<(), SqlError> {
    let mut sizing = Sizing { views: BTreeMap::new(), nodes: 0.0, relations: 0, refusal: None };
    for (name, view) in views {
        sizing.views.insert(name.clone(), tree::as_json(&view.tree)?);
    }
    let json = tree::as_json(&statement.tree)?;
    if let Some(select) = find_select(&json) {
        sizing.select(select, &Scope::default(), 0);
    }
    match sizing.refusal {
        Some(reason) => Err(SqlError::Refused(reason)),
        None if sizing.nodes > MOST_NODES => Err(SqlError::Refused(format!(
            "its expressions come to more than {MOST_NODES} nodes once subqueries and views are put in place: planning it could take too much of main's memory"
        ))),
        None if sizing.relations > MOST_RELATIONS => Err(SqlError::Refused(format!(
            "it reads {} relations, views put in place, and at most {MOST_RELATIONS} are planned on main",
            sizing.relations
        ))),
        None => Ok(()),
    }
}

fn find_select(json: &Value) -> Option<&Map<String, Value>> {
    json.get("stmts")?.get(0)?.get("stmt")?.get("node")?.get("SelectStmt")?.as_object()
}

struct Sizing {
    views: BTreeMap<Name, Value>,
    nodes: f64,
    relations: usize,
    refusal: Option<String>,
}

/// Views are nested at most so deep.
const DEEPEST: usize = 64;

impl Sizing {
    /// The columns that a SELECT gives.
    fn select(&mut self, select: &Map<String, Value>, outer: &Scope, depth: usize) -> Scope {
        let mut given = Scope::default();
        if depth > DEEPEST || self.nodes > MOST_NODES || self.refusal.is_some() {
            return given;
        }
        let mut scope = outer.clone();
        let with = select.get("with_clause").and_then(|with| with.get("ctes")?.as_array());
        for cte in with.into_iter().flatten() {
            let Some(cte) = cte.get("node").and_then(|node| node.get("CommonTableExpr")) else {
                continue;
            };
            let query =
                cte.get("ctequery").and_then(|q| q.get("node")?.get("SelectStmt")?.as_object());
            if let (Some(name), Some(query)) = (cte.get("ctename").and_then(Value::as_str), query) {
                let before = self.nodes;
                let columns = self.select(query, &scope, depth + 1);
                let mut named = columns.columns.clone();
                // Names of its own: WITH c (a, b) AS (…).
                for alias in tree::names(cte.get("aliascolnames")) {
                    named.extend(columns.largest.or(columns.unnamed).map(|size| (alias, size)));
                }
                named.extend(columns.unnamed.map(|size| ("?".to_owned(), size)));
                scope.queries.insert(name.to_owned(), (named, self.nodes - before));
            }
        }
        let around = scope.clone();
        for item in list(select.get("from_clause")) {
            self.range(item, &mut scope, depth);
        }
        for side in ["larg", "rarg"] {
            if let Some(inner) = select.get(side).and_then(Value::as_object) {
                let columns = self.select(inner, &around, depth + 1);
                given.extend(&columns);
            }
        }
        for target in list(select.get("target_list")) {
            let Some(target) = target.get("node").and_then(|node| node.get("ResTarget")) else {
                continue;
            };
            let value = target.get("val").unwrap_or(&Value::Null);
            if is_star(value) {
                given.extend(&scope);
                continue;
            }
            let size = self.expression(value, &scope, depth);
            self.nodes += size.nodes;
            let named = target.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
            match named.map(str::to_owned).or_else(|| output_name(value)) {
                Some(name) => given.add(&name, size),
                None => {
                    given.unnamed = Some(given.unnamed.map_or(size, |known| larger(known, size)))
                }
            }
        }
        for (at, row) in list(select.get("values_lists")).enumerate() {
            let items = row.get("node").and_then(|node| node.get("List")?.get("items"));
            for (column, item) in list(items).enumerate() {
                let size = self.expression(item, &scope, depth);
                self.nodes += size.nodes;
                // A single row is put in place of the subquery.
                if at == 0 {
                    given.add(&format!("column{}", column + 1), size);
                }
            }
        }
        self.nodes += grouping_sets(select.get("group_clause")) * NODES_OF_A_SET;
        for (name, clause) in select {
            if !NOT_EXPRESSIONS.contains(&name.as_str()) {
                let size = self.expression(clause, &scope, depth);
                self.nodes += size.nodes;
            }
        }
        given
    }

    /// What one item of FROM brings into sight.
    fn range(&mut self, item: &Value, scope: &mut Scope, depth: usize) {
        let Some(node) = item.get("node").and_then(Value::as_object) else { return };
        for (kind, range) in node {
            match kind.as_str() {
                "RangeVar" => {
                    self.relations += 1;
                    self.nodes += NODES_OF_A_RELATION;
                    let text = |key: &str| {
                        range.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
                    };
                    let name = Name { schema: text("schemaname"), name: text("relname") };
                    let query = scope.queries.get(&name.name).filter(|_| name.schema.is_empty());
                    let columns = match query {
                        Some((columns, nodes)) => {
                            // It is planned for each time that it is named.
                            self.nodes += *nodes;
                            let mut columns = Scope::of_columns(columns);
                            columns.unnamed = columns.columns.get("?").copied();
                            columns
                        }
                        None => self.view(&name, depth),
                    };
                    self.bring(range, &name.name, &columns, scope);
                }
                "RangeSubselect" => {
                    let inner = range
                        .get("subquery")
                        .and_then(|q| q.get("node")?.get("SelectStmt")?.as_object());
                    if let Some(inner) = inner {
                        let around = scope.clone();
                        let columns = self.select(inner, &around, depth + 1);
                        self.bring(range, "", &columns, scope);
                    }
                }
                "JoinExpr" => {
                    for side in ["larg", "rarg"] {
                        if let Some(side) = range.get(side) {
                            self.range(side, scope, depth);
                        }
                    }
                    if let Some(condition) = range.get("quals") {
                        let size = self.expression(condition, scope, depth);
                        self.nodes += size.nodes;
                    }
                    // Its alias renames the columns of both sides.
                    let columns = scope.clone();
                    self.bring(range, "", &columns, scope);
                }
                _ => {
                    // A function in FROM that gives a constant is put in place of it.
                    let size = self.expression(range, scope, depth);
                    self.nodes += size.nodes;
                    let mut columns = Scope::default();
                    let alias = range.get("alias").and_then(|a| a.get("aliasname")?.as_str());
                    columns.add(alias.unwrap_or("?"), size);
                    columns.unnamed = Some(size);
                    self.bring(range, "", &columns, scope);
                }
            }
        }
    }

    /// Columns of a range, under the names that its alias gives them.
    fn bring(&self, range: &Value, own_name: &str, columns: &Scope, scope: &mut Scope) {
        scope.extend(columns);
        let alias = range.get("alias");
        for name in tree::names(alias.and_then(|alias| alias.get("colnames"))) {
            if let Some(largest) = columns.largest.or(columns.unnamed) {
                scope.add(&name, largest);
            }
        }
        // The name of the range is its whole row.
        let name = alias.and_then(|alias| alias.get("aliasname")?.as_str()).unwrap_or(own_name);
        if !name.is_empty() && !columns.columns.is_empty() {
            scope.add(name, columns.row());
        }
    }

    fn view(&mut self, name: &Name, depth: usize) -> Scope {
        let Some(json) = self.views.get(name).cloned() else { return Scope::default() };
        let Some(select) = find_select(&json) else { return Scope::default() };
        self.select(select, &Scope::default(), depth + 1)
    }

    fn expression(&mut self, value: &Value, scope: &Scope, depth: usize) -> Size {
        match value {
            Value::Array(items) => self.sum(items.iter(), scope, depth),
            Value::Object(object) => {
                if let Some(node) = object.get("node") {
                    return self.expression(node, scope, depth);
                }
                let mut nodes = object.iter();
                match (nodes.next(), nodes.next()) {
                    (Some((kind, inner)), None)
                        if kind.starts_with(|c: char| c.is_ascii_uppercase()) =>
                    {
                        let size = self.node(kind, inner, scope, depth);
                        self.bound(kind, size)
                    }
                    _ => self.sum(object.values(), scope, depth),
                }
            }
            _ => Size { nodes: 0.0, constant: Some(0.0) },
        }
    }

    /// Of several parts: nodes and bytes together.
    fn sum<'v>(
        &mut self,
        parts: impl Iterator<Item = &'v Value>,
        scope: &Scope,
        depth: usize,
    ) -> Size {
        parts.fold(Size { nodes: 0.0, constant: Some(0.0) }, |sum, part| {
            let size = self.expression(part, scope, depth);
            Size {
                nodes: sum.nodes + size.nodes,
                constant: sum.constant.zip(size.constant).map(|(a, b)| a + b),
            }
        })
    }

    fn node(&mut self, kind: &str, inner: &Value, scope: &Scope, depth: usize) -> Size {
        let and_one = |size: Size| Size { nodes: size.nodes + 1.0, ..size };
        match kind {
            "AConst" => Size { nodes: 1.0, constant: Some(constant_bytes(inner)) },
            "ParamRef" => Size { nodes: 1.0, constant: Some(PARAMETER) },
            "ColumnRef" => {
                let names = tree::names(inner.get("fields"));
                names.last().map_or(LEAF, |name| scope.column(name))
            }
            "SubLink" => {
                let test = inner.get("testexpr").map(|test| self.expression(test, scope, depth));
                let select = inner
                    .get("subselect")
                    .and_then(|s| s.get("node")?.get("SelectStmt")?.as_object());
                let before = self.nodes;
                if let Some(select) = select {
                    self.select(select, scope, depth + 1);
                }
                // Where the expression is put in place of a column, the subquery is planned again.
                let inside = self.nodes - before;
                let test = test.map_or(0.0, |test| test.nodes);
                Size { nodes: 1.0 + inside + test, constant: None }
            }
            "SelectStmt" => {
                if let Some(select) = inner.as_object() {
                    self.select(select, scope, depth + 1);
                }
                LEAF
            }
            "TypeCast" => {
                let of = inner.get("arg").map_or(LEAF, |arg| self.expression(arg, scope, depth));
                let widths = inner.get("type_name").and_then(|name| name.get("typmods"));
                // char(n) and bit(n) are filled up.
                let width = list(widths).filter_map(literal_number).fold(0.0, f64::max);
                Size {
                    nodes: of.nodes + 1.0,
                    constant: of.constant.map(|b| (b * 4.0 + 64.0).max(width)),
                }
            }
            "FuncCall" => self.call(inner, scope, depth),
            "AExpr" => {
                let sides = ["lexpr", "rexpr"].into_iter().filter_map(|side| inner.get(side));
                let size = self.sum(sides, scope, depth);
                let is_power =
                    tree::names(inner.get("name")).last().is_some_and(|name| name == "^");
                // A numeric has up to 147,455 digits.
                let least = if is_power { 80_000.0 } else { 64.0 };
                Size { nodes: size.nodes + 1.0, constant: size.constant.map(|bytes| bytes + least) }
            }
            _ => {
                let size = and_one(self.expression_parts(inner, scope, depth));
                Size { constant: size.constant.map(|bytes| bytes + 32.0), ..size }
            }
        }
    }

    fn expression_parts(&mut self, inner: &Value, scope: &Scope, depth: usize) -> Size {
        match inner.as_object() {
            Some(object) => self.sum(object.values(), scope, depth),
            None => Size { nodes: 0.0, constant: Some(0.0) },
        }
    }

    fn call(&mut self, call: &Value, scope: &Scope, depth: usize) -> Size {
        let arguments: Vec<&Value> = list(call.get("args")).collect();
        let sizes: Vec<Size> =
            arguments.iter().map(|argument| self.expression(argument, scope, depth)).collect();
        let others =
            ["agg_order", "agg_filter", "over"].into_iter().filter_map(|key| call.get(key));
        let others = self.sum(others, scope, depth);
        let nodes = 1.0 + others.nodes + sizes.iter().map(|size| size.nodes).sum::<f64>();
        let bytes: Option<Vec<f64>> = sizes.iter().map(|size| size.constant).collect();
        let Some(bytes) = bytes else { return Size { nodes, constant: None } };
        let name = tree::names(call.get("funcname")).pop().unwrap_or_default();
        let first = bytes.first().copied().unwrap_or_default();
        let total: f64 = bytes.iter().sum();
        let number =
            |at: usize| arguments.get(at).and_then(|a| literal_number(a)).unwrap_or(f64::INFINITY);
        let grown = match name.as_str() {
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
        };
        Size { nodes, constant: Some(grown) }
    }

    fn bound(&mut self, kind: &str, size: Size) -> Size {
        if size.constant.is_some_and(|bytes| bytes > LARGEST_CONSTANT) && self.refusal.is_none() {
            let what = if kind == "FuncCall" { "a function" } else { "an expression" };
            self.refusal = Some(format!(
                "it holds {what} of constants whose value may exceed {}: PostgreSQL computes it while it plans, in main's memory",
                optischema::figures::bytes(LARGEST_CONSTANT as i64)
            ));
        }
        size
    }
}

/// Parts of a SELECT that hold no expression of its own, or that are looked at for themselves.
const NOT_EXPRESSIONS: &[&str] =
    &["with_clause", "from_clause", "target_list", "values_lists", "larg", "rarg", "into_clause"];

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn is_star(value: &Value) -> bool {
    let fields = value.get("node").and_then(|node| node.get("ColumnRef")?.get("fields"));
    list(fields).any(|field| field.get("node").is_some_and(|node| node.get("AStar").is_some()))
}

/// The name of an output without an alias, where it is a column's or a function's. PostgreSQL names others too: after a
/// type, or `coalesce`, `case`, `array`.
fn output_name(value: &Value) -> Option<String> {
    let node = value.get("node");
    let of = |kind: &str, key: &str| {
        let names = tree::names(node.and_then(|node| node.get(kind)?.get(key)));
        names.last().cloned()
    };
    of("ColumnRef", "fields").or_else(|| of("FuncCall", "funcname"))
}

/// How many sets GROUP BY makes.
fn grouping_sets(clause: Option<&Value>) -> f64 {
    let sets = list(clause).filter_map(|item| item.get("node")?.get("GroupingSet"));
    let product: f64 = sets.map(sets_of).product();
    if product > 1.0 { product } else { 0.0 }
}

fn sets_of(set: &Value) -> f64 {
    let content = set.get("content");
    let items = list(content).count() as i32;
    match set.get("kind").and_then(Value::as_i64) {
        // GROUPING_SET_ROLLUP, _CUBE, _SETS as the parser numbers them.
        Some(3) => f64::from(items + 1),
        Some(4) => 2_f64.powi(items),
        Some(5) => list(content)
            .map(|item| item.get("node").and_then(|n| n.get("GroupingSet")).map_or(1.0, sets_of))
            .sum(),
        _ => 1.0,
    }
}

fn constant_bytes(constant: &Value) -> f64 {
    let value = constant.get("val");
    let text = |kind: &str, key: &str| value.and_then(|v| v.get(kind)?.get(key)?.as_str());
    let text =
        text("Sval", "sval").or_else(|| text("Fval", "fval")).or_else(|| text("Bsval", "bsval"));
    text.map_or(8.0, |text| text.len() as f64)
}

/// A number that is written out.
fn literal_number(value: &Value) -> Option<f64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse_one;

    fn check(sql: &str) -> Result<(), SqlError> {
        check_planning_size(&parse_one(sql).unwrap(), &BTreeMap::new())
    }

    /// So many queries, each of which names the one before it twice.
    fn doubling(count: usize, inner: &str, operator: &str) -> String {
        let mut sql = format!("WITH c0 AS (SELECT {inner} AS x FROM t)");
        for n in 1..=count {
            sql += &format!(", c{n} AS (SELECT x {operator} x AS x FROM c{})", n - 1);
        }
        format!("{sql} SELECT x FROM c{count}")
    }

    #[test]
    fn values_that_grow_from_small_arguments_are_refused() {
        for sql in [
            "SELECT * FROM t WHERE a = repeat('x', 1000000000)",
            "SELECT * FROM t WHERE a = repeat(repeat('x', 2000), 2000)",
            "SELECT * FROM t WHERE a = pg_catalog.repeat('x', 10 * 100000000)",
            "SELECT * FROM t WHERE a = lpad('x', 100000000)",
            "SELECT * FROM t WHERE a = rpad('x', '100000000'::int4, 'y')",
            "SELECT * FROM t WHERE a = ANY (array_fill(1, ARRAY[10000, 10000]))",
            "SELECT * FROM t WHERE a = format('%100000000s', 'x')",
            "SELECT * FROM t WHERE a = format('%*s', 100000000, 'x')",
            "SELECT * FROM t WHERE a = replace(repeat('x', 100000), 'x', repeat('y', 100000))",
            "SELECT * FROM t WHERE a = 'x'::char(10000000)",
            "SELECT * FROM t WHERE a = B'1'::bit(80000000)",
            "SELECT * FROM t, repeat('x', 1000000000) r WHERE a = r",
            "SELECT * FROM t ORDER BY repeat('x', 1000000000)",
            "SELECT (SELECT repeat('x', 1000000000)) FROM t",
            "SELECT * FROM t JOIN u ON t.a = repeat('x', 1000000000)",
            "WITH c AS (SELECT repeat('x', 100000) AS x) SELECT repeat(x, 100000) FROM c",
            "SELECT repeat(x, 100000) FROM (VALUES (repeat('y', 1000))) v(x)",
            "SELECT * FROM t WHERE a = crypt('x', '$2a$31$abcdefghijklmnopqrstuv')",
        ] {
            assert!(check(sql).is_err(), "{sql}");
        }
        assert!(check(&doubling(30, "'abcdefgh'", "||")).is_err());
        let nested = "SELECT x || x || x || x AS x FROM (SELECT x || x || x || x AS x FROM (SELECT repeat('x', 70000) AS x) a) b";
        assert!(check(nested).is_err());
        assert!(check(&doubling(30, "a", "+")).is_err(), "an expression grows as well as a value");
    }

    #[test]
    fn names_that_postgresql_gives_and_names_that_an_alias_gives_are_followed() {
        for sql in [
            "SELECT * FROM t, (SELECT 'x'::text) s WHERE t.b = repeat(s.text, 300000000)",
            "SELECT * FROM t, (SELECT coalesce('xxxxxxxx', 'y')) s WHERE t.b = concat_ws(repeat(s.coalesce, 100000), 'a', 'b', 'c')",
            "SELECT * FROM ((SELECT 'x' AS x) s CROSS JOIN u) AS j(y) WHERE repeat(j.y, 300000000) = 'z'",
            "WITH c AS (SELECT repeat('x', 1000) AS x) SELECT * FROM t WHERE b = (SELECT repeat(c.x, 300000) FROM c)",
            "WITH c AS (SELECT repeat('x', 1000) AS x) SELECT s.r FROM (SELECT repeat(y, 300000) AS r FROM c AS z(y)) s",
            "SELECT * FROM t WHERE b = format('%1$s%1$s%1$s', repeat('x', 500000))",
            "SELECT npoints(polygon(60000000, '<(0,0),1>'::circle)) FROM t",
            "SELECT length(pg_catalog.\"bit\"(B'1', 2000000000, true)) FROM t",
            "SELECT bpchar('x'::bpchar, 900000000, true) FROM t",
            "SELECT concat_ws(repeat('x', 100000), 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k') FROM t",
        ] {
            assert!(check(sql).is_err(), "{sql}");
        }
        let nested = format!(
            "SELECT jsonb_path_query_array('{}1{}', '$.**.**.**') FROM t",
            "[".repeat(200),
            "]".repeat(200)
        );
        assert!(check(&nested).is_err());
    }

    #[test]
    fn what_is_planned_more_than_once_counts_each_time() {
        let mut sublink =
            "SELECT (SELECT max(t2.a) FROM t t2 WHERE t2.b = t1.b) AS x FROM t t1".to_owned();
        let mut row = "SELECT ROW(t.a, t.b) AS c FROM t".to_owned();
        for _ in 0..14 {
            sublink = format!("SELECT x + x AS x FROM ({sublink}) s");
            row = format!("SELECT ROW(q, q) AS c FROM ({row}) q");
        }
        let mut ctes = "WITH c0 AS (SELECT a FROM t)".to_owned();
        for n in 1..=10 {
            ctes += &format!(", c{n} AS (SELECT x.a FROM c{0} x, c{0} y WHERE x.a = y.a)", n - 1);
        }
        ctes += " SELECT * FROM c10";
        for sql in [
            sublink,
            row,
            ctes,
            "SELECT count(*) FROM t GROUP BY CUBE (a, b, c, d, e, f, g, h, i, j, k, l)".to_owned(),
        ] {
            assert!(check(&sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn views_are_put_in_place() {
        let name = |name: &str| Name { schema: "public".into(), name: name.into() };
        let views = (1..=30)
            .map(|n| {
                let below =
                    if n == 1 { "public.t".to_owned() } else { format!("public.v{}", n - 1) };
                let sql = format!("SELECT x + x AS x FROM {below}");
                (name(&format!("v{n}")), parse_one(&sql).unwrap())
            })
            .collect();
        let check = |sql: &str| check_planning_size(&parse_one(sql).unwrap(), &views);
        assert!(check("SELECT x FROM public.v30").is_err());
        assert!(check("SELECT x FROM public.v5").is_ok());
    }

    #[test]
    fn ordinary_statements_pass() {
        for sql in [
            "SELECT repeat(name, 3), lpad(id::text, 10, '0') FROM t WHERE a = repeat('x', 100)",
            "SELECT date_trunc('month', at), sum(x) FROM t WHERE at > now() - interval '30 days' GROUP BY 1",
            "SELECT * FROM t WHERE a = ANY ('{1,2,3}'::int4[]) AND b LIKE '%' || 'x' || '%'",
            "WITH a AS (SELECT x, y FROM t), b AS (SELECT x + y AS z FROM a) SELECT z * z FROM b",
            "SELECT CASE WHEN a > 1 THEN 'x' ELSE 'y' END, COALESCE(b, 'z')::varchar(200) FROM t",
        ] {
            assert_eq!(check(sql), Ok(()), "{sql}");
        }
        assert_eq!(check(&doubling(5, "a", "+")), Ok(()));
        assert_eq!(check("SELECT a, b, count(*) FROM t GROUP BY CUBE (a, b, c, d)"), Ok(()));
        assert_eq!(
            check(
                "SELECT a FROM t JOIN (SELECT t.a, count(*) FROM t GROUP BY 1) s USING (a) WHERE s.count > 5"
            ),
            Ok(())
        );
        let long = (0..1000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        assert_eq!(check(&format!("SELECT * FROM t WHERE a IN ({long})")), Ok(()));
    }
}
