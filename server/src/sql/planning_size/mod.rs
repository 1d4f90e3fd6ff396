//! How large planning a statement could become, by an estimate of our own, before main sees the statement.
//!
//! PostgreSQL folds constants while it plans: `repeat('x', 1000000000)` takes a gigabyte of main's memory though nothing
//! is executed. It also replaces a subquery's columns by their expressions, so that a short text can stand for an
//! expression that doubles with each level. Both are bounded here.

mod branches;
mod casts;
mod clauses;
mod growth;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use pg_query::protobuf::AExprKind;
use serde_json::{Map, Value};

use casts::cast_bytes;
use clauses::{grouping_sets, named_early};
pub use growth::{has_known_growth, is_short};

use growth::{LONGEST_NUMERIC, digits, exponents, paths_of, value_bytes};
use scope::{LEAF, Scope, Size, larger};

use super::{Name, SqlError, Statement, tree};

/// Bytes of one folded constant, at most.
const LARGEST_CONSTANT: f64 = 1_048_576.0;
/// Bytes of all folded constants together, at most: of those that are no trifle.
const LARGEST_CONSTANTS: f64 = 8.0 * LARGEST_CONSTANT;
const TRIFLE: f64 = 256.0;
/// Nodes of all expressions together, subqueries put in place, at most.
const MOST_NODES: f64 = 100_000.0;
/// Relations of one statement, at most.
const MOST_RELATIONS: usize = 300;
/// Partitions and children of the relations, at most: each takes up to 110 kB, and 270 kB where tables are joined
/// partition by partition.
const MOST_PARTS: usize = 2000;
const MOST_PARTS_JOINED: usize = 800;
/// Nodes that BETWEEN and IN copy, at most: each takes some 16 kB, since conditions are turned about as well.
const MOST_COPIES: f64 = 5000.0;
/// Nodes of a side that is copied without a word: a column, a cast, a call, a sum.
const PLAIN_SIDE: f64 = 12.0;
/// Columns of a row, at most.
const MOST_COLUMNS: f64 = 1600.0;
/// What planning a relation and a grouping set takes, in nodes; a relation counts wherever it is put in place.
const NODES_OF_A_RELATION: f64 = 300.0;
const NODES_OF_A_SET: f64 = 200.0;
/// Bytes of a constant that nobody knows yet.
const PARAMETER: f64 = 1024.0;

/// What is known of the database beside the statement.
#[derive(Clone, Copy)]
pub struct Surroundings<'s> {
    /// The statements behind views.
    pub views: &'s BTreeMap<Name, Statement>,
    /// How many partitions and children a relation has.
    pub parts: &'s dyn Fn(&Name) -> usize,
    /// `enable_partitionwise_join`.
    pub is_partitionwise: bool,
    /// Whether the person vouches for a function of this name.
    pub is_trusted: &'s dyn Fn(&str) -> bool,
}

/// Checks that planning a statement stays small.
///
/// # Errors
/// It could become large; the sentence says how.
pub fn check_planning_size(
    statement: &Statement,
    around: Surroundings<'_>,
) -> Result<(), SqlError> {
    let mut sizing = Sizing {
        views: BTreeMap::new(),
        around,
        nodes: 0.0,
        relations: 0,
        parts: 0,
        constants: 0.0,
        copies: 0.0,
        refusal: None,
    };
    for (name, view) in around.views {
        sizing.views.insert(name.clone(), tree::as_json(&view.tree)?);
    }
    let json = statement.json()?;
    if let Some(select) = find_select(json) {
        sizing.select(select, &Scope::default(), 0);
    }
    let is_joined = around.is_partitionwise && sizing.relations > 1;
    let most_parts = if is_joined { MOST_PARTS_JOINED } else { MOST_PARTS };
    match sizing.refusal {
        Some(reason) => Err(SqlError::Refused(reason)),
        None if sizing.nodes > MOST_NODES => Err(SqlError::Refused(format!(
            "its expressions come to more than {MOST_NODES} nodes once subqueries and views are put in place: planning it could take too much of main's memory"
        ))),
        None if sizing.copies > MOST_COPIES => Err(SqlError::Refused(
            "its BETWEEN and IN are nested, and PostgreSQL copies the left side of each: planning it could take too much of main's memory".to_owned(),
        )),
        None if let Some(reason) = branches::objection(json, sizing.parts) => {
            Err(SqlError::Refused(reason))
        }
        None if sizing.constants > LARGEST_CONSTANTS => Err(SqlError::Refused(format!(
            "its constants may come to more than {} together: PostgreSQL computes them while it plans, in main's memory",
            optischema::figures::bytes(LARGEST_CONSTANTS as i64)
        ))),
        None if sizing.parts > most_parts => Err(SqlError::Refused(format!(
            "it reads {} partitions, each as often as it is named, and at most {most_parts} are planned on main",
            sizing.parts
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

struct Sizing<'s> {
    views: BTreeMap<Name, Value>,
    around: Surroundings<'s>,
    nodes: f64,
    relations: usize,
    parts: usize,
    constants: f64,
    /// Nodes that the parser copies.
    copies: f64,
    refusal: Option<String>,
}

/// Queries, views and the arms of UNION are nested at most so deep: what is deeper is refused.
const DEEPEST: usize = 100;

impl Sizing<'_> {
    /// The columns that a SELECT gives.
    fn select(&mut self, select: &Map<String, Value>, outer: &Scope, depth: usize) -> Scope {
        let mut given = Scope::default();
        if depth > DEEPEST {
            self.refusal.get_or_insert_with(|| {
                format!("its queries and views are nested more than {DEEPEST} levels deep, and what is in them is not looked at")
            });
        }
        if self.nodes > MOST_NODES || self.refusal.is_some() {
            return given;
        }
        let mut scope = outer.clone();
        let with = select.get("with_clause").and_then(|with| with.get("ctes")?.as_array());
        if let Some(name) = named_early(select.get("with_clause")) {
            self.refusal.get_or_insert_with(|| {
                format!("its WITH RECURSIVE names {name} before it is written: how large that becomes is not looked at")
            });
        }
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
                    named.extend(columns.any().map(|size| (alias, size)));
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
        // Columns of the arms belong together by their place, whatever they are called.
        if let Some(any) = given.any() {
            given.columns.values_mut().for_each(|size| *size = any);
            given.unnamed = given.unnamed.map(|_| any);
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
                        None => {
                            let behind = behind_system_views(&name);
                            self.relations += behind;
                            self.nodes += behind as f64 * NODES_OF_A_RELATION;
                            self.parts += (self.around.parts)(&name);
                            self.view(&name, depth)
                        }
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
            if let Some(largest) = columns.any() {
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
                Size {
                    nodes: of.nodes + 1.0,
                    constant: of.constant.map(|bytes| cast_bytes(inner, bytes)),
                }
            }
            "FuncCall" => self.call(inner, scope, depth),
            "AIndirection" => {
                let size = and_one(self.expression_parts(inner, scope, depth));
                // `(row).*` is the whole expression for each of its columns.
                let is_star = list(inner.get("indirection"))
                    .any(|part| part.get("node").is_some_and(|node| node.get("AStar").is_some()));
                let times = if is_star { MOST_COLUMNS } else { 1.0 };
                Size {
                    nodes: size.nodes * times,
                    constant: size.constant.map(|bytes| bytes + 32.0),
                }
            }
            "AExpr" => {
                let mut side = |side: &str| match inner.get(side) {
                    Some(side) => self.expression(side, scope, depth),
                    None => Size { nodes: 0.0, constant: Some(0.0) },
                };
                let (left, right) = (side("lexpr"), side("rexpr"));
                let size = Size {
                    nodes: self.copied(inner, left, left.nodes + right.nodes),
                    constant: left.constant.zip(right.constant).map(|(a, b)| a + b),
                };
                let name = tree::names(inner.get("name")).pop().unwrap_or_default();
                let path: Vec<&Value> =
                    ["lexpr", "rexpr"].into_iter().filter_map(|side| inner.get(side)).collect();
                let least = match name.as_str() {
                    // Power, and factorial before PostgreSQL 14.
                    "^" | "!!" | "!" => LONGEST_NUMERIC,
                    "@?" | "@@" => 64.0 + paths_of(&path),
                    // Each part of the one is held against each of the other.
                    "<->" | "?#" | "&&" | "@>" | "<@" => {
                        let sides = left.constant.zip(right.constant);
                        64.0 + sides.map_or(0.0, |(a, b)| a * b / PARTS)
                    }
                    _ => 64.0,
                };
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
        let is_trusted = (self.around.is_trusted)(&name);
        let grown = value_bytes(&name, &arguments, &bytes, nodes);
        // Whoever vouches for a function says that it does nothing but give a result.
        let constant = if is_trusted { bytes.iter().sum::<f64>() * 8.0 + 256.0 } else { grown };
        Size { nodes, constant: Some(constant) }
    }

    /// Nodes of an operation with all that it stands for: BETWEEN, and IN of what is no constant, are several comparisons,
    /// and each has the left side.
    fn copied(&mut self, operation: &Value, left: Size, whole: f64) -> f64 {
        let kind = operation.get("kind").and_then(Value::as_i64).unwrap_or_default();
        let is = |of: AExprKind| kind == i64::from(of as i32);
        let items = operation.get("rexpr").and_then(|r| r.get("node")?.get("List")?.get("items"));
        let times = if is(AExprKind::AexprBetween) || is(AExprKind::AexprNotBetween) {
            2.0
        } else if is(AExprKind::AexprBetweenSym) || is(AExprKind::AexprNotBetweenSym) {
            4.0
        } else if is(AExprKind::AexprIn) && left.nodes > PLAIN_SIDE {
            list(items).count().max(1) as f64
        } else {
            // A column or a call of it is compared with a list as one.
            1.0
        };
        let more = left.nodes * (times - 1.0);
        self.copies += if left.nodes > PLAIN_SIDE { more } else { 0.0 };
        whole + more
    }

    fn bound(&mut self, kind: &str, size: Size) -> Size {
        let Some(bytes) = size.constant else { return size };
        if matches!(kind, "FuncCall" | "TypeCast" | "AExpr") && bytes > TRIFLE {
            self.constants += bytes.min(LARGEST_CONSTANT);
        }
        if bytes > LARGEST_CONSTANT && self.refusal.is_none() {
            let what = if kind == "FuncCall" { "a function" } else { "an expression" };
            self.refusal = Some(format!(
                "it holds {what} of constants whose value may exceed {}: PostgreSQL computes it while it plans, in main's memory",
                optischema::figures::bytes(LARGEST_CONSTANT as i64)
            ));
        }
        size
    }
}

/// Bytes of two constants, multiplied, for one byte more of time and room: with two of 64 KiB the bound is reached.
const PARTS: f64 = 4096.0;

/// Relations behind a view of the system's own, at most about: `information_schema.columns` reads 12, `pg_stats` 3.
fn behind_system_views(name: &Name) -> usize {
    match name.schema.as_str() {
        "information_schema" => 15,
        "" | "pg_catalog" if name.name.starts_with("pg_") => 5,
        _ => 0,
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

fn constant_bytes(constant: &Value) -> f64 {
    let value = constant.get("val");
    let text = |kind: &str, key: &str| value.and_then(|v| v.get(kind)?.get(key)?.as_str());
    if let Some(number) = text("Fval", "fval") {
        return digits(number);
    }
    if let Some(text) = text("Sval", "sval") {
        // It may become a number, or be full of them.
        return text.len() as f64 + exponents(text);
    }
    text("Bsval", "bsval").map_or(8.0, |text| text.len() as f64)
}
