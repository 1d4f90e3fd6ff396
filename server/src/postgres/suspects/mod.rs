//! Which functions planning a statement on main could run, and whether it may.
//!
//! PostgreSQL runs functions before it executes anything: parsing reads literals by their type's functions,
//! planning folds immutable functions over constants, runs stable ones to estimate selectivity, and operators
//! against most common values. What is marked immutable may do anything, so a statement is only planned when
//! everything in its reach is PostgreSQL's own and not volatile, belongs to a known extension, or was vouched
//! for by the person. Reach is taken widely: types with all that they are made of, operators and casts between
//! any of these, what hangs on the tables, and what stands in views. Where a name could mean a suspect too, it
//! counts as one.

mod attached;
mod harmless;
mod members;
mod queries;
mod read;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use members::schema_of_trusted;

use attached::Attached;
use optischema::model::TableName;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::PgFailure;
use super::plan_failure::PlanFailure;
use crate::postgres::query;
use crate::sql::{self, Calls, Name, Range, SqlError, Statement};

#[derive(Debug, Clone)]
struct Function {
    schema: String,
    name: String,
    /// Why it is not to be reached.
    why: &'static str,
    /// It can be called with one argument, as `(x).name` or `x.name`.
    unary: bool,
}

impl Function {
    fn said(&self) -> String {
        format!("{}.{}, {}", self.schema, self.name, self.why)
    }

    /// Its name where the person may vouch for it: nobody vouches for what PostgreSQL itself marks as doing more.
    fn vouchable(&self) -> Option<String> {
        (self.schema != "pg_catalog").then(|| format!("{}.{}", self.schema, self.name))
    }
}

/// Why a statement is not planned.
struct Objection {
    /// In words.
    said: String,
    /// Functions that the person may vouch for, all that are in sight.
    functions: Vec<String>,
}

impl From<String> for Objection {
    fn from(said: String) -> Self {
        Self { said, functions: Vec::new() }
    }
}

/// An operator of this database.
#[derive(Debug)]
struct Operator {
    schema: String,
    name: String,
    /// OIDs of its operands; zero where it has only one.
    types: [i64; 2],
    /// A function behind it is in no library, so that anybody may have made it.
    is_scripted: bool,
}

/// A cast by a function of this database.
#[derive(Debug)]
struct Cast {
    types: [i64; 2],
    source: String,
    target: String,
}

/// A type that is not PostgreSQL's own.
#[derive(Debug)]
struct Type {
    name: String,
    /// What it is made of: base type, element, fields, subtype.
    parts: Vec<i64>,
    is_array: bool,
    /// A domain is its base type wherever an operator is looked for.
    is_domain: bool,
    is_composite: bool,
    /// Why a value of it cannot even be read.
    why: Option<&'static str>,
    /// Its values are written by a function of this database.
    is_sent_by_own: bool,
}

#[derive(Debug, Default)]
struct Relation {
    oid: i64,
    is_view: bool,
    is_foreign: bool,
    /// Partitions and children, and theirs.
    parts: usize,
    columns: BTreeSet<String>,
    row_type: i64,
    /// Types that are not PostgreSQL's own in what the planner takes up with it.
    types: Vec<i64>,
    /// The same of its columns.
    column_types: BTreeMap<String, i64>,
    /// It has parts, or is one.
    is_in_family: bool,
    /// Suspects in expressions that the planner takes up with the table.
    attached: Vec<Attached>,
    /// What its policies read.
    policies_read: BTreeSet<Name>,
}

/// What must not be reached in one database, as one role sees it.
#[derive(Debug, Default)]
pub struct Suspects {
    search_path: Vec<String>,
    functions: BTreeMap<String, Vec<Function>>,
    /// Types of this database that functions of a name return.
    results: BTreeMap<String, BTreeSet<i64>>,
    /// The same of operators.
    operator_results: BTreeMap<String, BTreeSet<i64>>,
    /// An operator family with a member of this database between two of PostgreSQL's own types.
    family_of_built_in: Option<String>,
    operators: Vec<Operator>,
    casts: Vec<Cast>,
    /// Source and target of every implicit cast of this database.
    implicit: Vec<[i64; 2]>,
    types: BTreeMap<i64, Type>,
    relations: BTreeMap<Name, Relation>,
    /// Whether the database cuts long names where the parser here does: its encoding is UTF-8.
    cuts_names_alike: bool,
    /// Names of functions that the person vouches for.
    trusted: BTreeSet<String>,
    /// Why nothing at all is planned here.
    refusal: Option<String>,
    /// Whether tables are joined partition by partition.
    is_partitionwise: bool,
    /// Whether checks are held against every statement, and not against those on parts of a table only.
    excludes_by_checks: bool,
    /// Whether policies are for others: the role reads every row.
    reads_every_row: bool,
    /// Whether a name may be of any schema, whatever the path says.
    looks_everywhere: bool,
    /// Names of own functions whose body the planner may put in the place of a call.
    inlined: BTreeMap<String, usize>,
    /// Names of `pg_catalog`'s own relations.
    system_relations: BTreeSet<String>,
}

impl Suspects {
    /// Reads them from the catalogs. `trusted` names functions that the person vouches for: `schema.name`,
    /// or `schema.*`.
    pub async fn read(
        connection: &mut PgConnection,
        trusted: &[String],
    ) -> Result<Self, PgFailure> {
        read::read(connection, trusted).await
    }

    /// Checks a statement, and every view that it reads through: what they reach, and how large planning them could
    /// become.
    ///
    /// # Errors
    /// It reaches a suspect, or could take too much of main's memory; the sentence says which. Or main cannot be asked.
    pub async fn check(
        &self,
        connection: &mut PgConnection,
        statement: &Statement,
    ) -> Result<(), PlanFailure> {
        if let Some(reason) = &self.refusal {
            return Err(SqlError::Refused(reason.clone()).into());
        }
        let mut views = BTreeMap::new();
        self.check_names(&statement.sql)?;
        let mut waiting = vec![(sql::calls(statement)?, String::new())];
        let mut seen = BTreeSet::new();
        while let Some((mut calls, place)) = waiting.pop() {
            self.add_policies(&mut calls);
            let relations: Vec<(&Name, &Relation)> =
                calls.relations.iter().filter_map(|name| self.relation(name)).collect();
            let through_view = !place.is_empty() || relations.iter().any(|(_, r)| r.is_view);
            if let Some(Objection { said, functions }) = self
                .objection(&calls, &relations)
                .or_else(|| self.objection_to_tables(&calls, &relations, through_view))
            {
                let reason = format!("{said}{place}");
                return Err(SqlError::CallsOwn { reason, functions }.into());
            }
            let written =
                calls.relations.iter().filter_map(|name| Some((name, self.relation(name)?)));
            for (written, (name, view)) in written.filter(|(_, (_, relation))| relation.is_view) {
                if !seen.insert(view.oid) {
                    let known = views.get(name).cloned();
                    views.extend(known.map(|known| (written.clone(), known)));
                    continue;
                }
                let row =
                    query("SELECT /* optischema */ pg_catalog.pg_get_viewdef($1::pg_catalog.int8::pg_catalog.oid) AS text")
                        .bind(view.oid)
                        .fetch_one(&mut *connection)
                        .await
                        .map_err(PgFailure::from)?;
                let text: Option<String> = row.try_get("text").map_err(PgFailure::from)?;
                let text = text.unwrap_or_default();
                self.check_names(&text)?;
                let inside = sql::parse_one(&text)?;
                sql::check_select(&inside)?;
                let mut inner = sql::calls(&inside)?;
                inner.has_set_operation |= calls.has_set_operation;
                waiting.push((inner, format!(", in the view {}", name.name)));
                views.insert(written.clone(), inside.clone());
                views.insert(name.clone(), inside);
            }
        }
        if let Some(Objection { said, functions }) = self.objection_to_trees(&seen) {
            return Err(SqlError::CallsOwn { reason: said, functions }.into());
        }
        let parts = |name: &Name| self.relation(name).map_or(0, |(_, relation)| relation.parts);
        let is_trusted = |name: &str| self.trusted.iter().any(|trusted| trusted == name);
        let around = sql::Surroundings {
            views: &views,
            parts: &parts,
            is_partitionwise: self.is_partitionwise,
            is_trusted: &is_trusted,
        };
        Ok(sql::check_planning_size(statement, around)?)
    }

    /// Whether checking a statement asks main: for the queries of views.
    pub fn asks_for(&self, statement: &Statement) -> bool {
        let Ok(mut calls) = sql::calls(statement) else { return true };
        self.add_policies(&mut calls);
        calls.relations.iter().any(|name| self.relation(name).is_some_and(|(_, r)| r.is_view))
    }

    /// Checks that values of a table's columns are written by PostgreSQL's own functions.
    ///
    /// # Errors
    /// One is not, or the table came later than the catalogs were read.
    pub fn check_sending(&self, table: &TableName) -> Result<(), SqlError> {
        let name = Name { schema: table.schema.clone(), name: table.name.clone() };
        let Some(relation) = self.relations.get(&name) else {
            return Err(SqlError::Refused(format!("{table} is not known")));
        };
        let mut waiting: Vec<i64> =
            relation.types.iter().chain(relation.column_types.values()).copied().collect();
        let mut seen = BTreeSet::new();
        while let Some(oid) = waiting.pop() {
            let Some(found) = self.types.get(&oid).filter(|_| seen.insert(oid)) else { continue };
            if found.is_sent_by_own {
                return Err(SqlError::Refused(format!(
                    "its type {} writes its values by a function of this database",
                    found.name
                )));
            }
            waiting.extend(&found.parts);
        }
        Ok(())
    }

    fn check_names(&self, text: &str) -> Result<(), SqlError> {
        if self.cuts_names_alike {
            return Ok(());
        }
        match sql::ambiguous_name(text)? {
            None => Ok(()),
            Some(name) => Err(SqlError::Refused(format!(
                "the name {name} is long, and this database's encoding is not UTF-8: PostgreSQL may cut the name elsewhere and read another one"
            ))),
        }
    }

    /// What policies of the statement's tables read is read with them: perhaps as arms of a UNION ALL, which the planner
    /// holds against the checks of each.
    fn add_policies(&self, calls: &mut Calls) {
        let mut waiting: Vec<Name> = calls.relations.iter().cloned().collect();
        while let Some(name) = waiting.pop() {
            for read in self.relation(&name).iter().flat_map(|(_, table)| &table.policies_read) {
                calls.has_set_operation = true;
                if calls.relations.insert(read.clone()) {
                    waiting.push(read.clone());
                }
            }
        }
    }

    fn in_sight(&self, name: &Name, schema: &str) -> bool {
        if name.schema.is_empty() {
            self.looks_everywhere
                || schema == "pg_catalog"
                || self.search_path.iter().any(|path| path == schema)
        } else {
            name.schema == schema
        }
    }

    fn relation<'a>(&'a self, name: &Name) -> Option<(&'a Name, &'a Relation)> {
        if !name.schema.is_empty() {
            return self.relations.get_key_value(name);
        }
        // PostgreSQL looks into its own schema first, unless the path says when.
        let own_first = !self.search_path.iter().any(|schema| schema == "pg_catalog");
        if own_first && self.system_relations.contains(&name.name) {
            return None;
        }
        let known = self.search_path.iter().find_map(|schema| {
            let is_system = schema == "pg_catalog" && self.system_relations.contains(&name.name);
            let name = Name { schema: schema.clone(), name: name.name.clone() };
            let found = self.relations.get_key_value(&name);
            (is_system || found.is_some()).then_some(found)
        });
        known.flatten()
    }

    fn objection(&self, calls: &Calls, relations: &[(&Name, &Relation)]) -> Option<Objection> {
        let of_types = || self.objection_to_types(calls, relations).map(Objection::from);
        self.objection_to_calls(calls).or_else(of_types)
    }

    fn objection_to_calls(&self, calls: &Calls) -> Option<Objection> {
        let every_called: Vec<&Function> = calls
            .functions
            .iter()
            .filter_map(|name| {
                self.functions.get(&name.name)?.iter().find(|f| self.in_sight(name, &f.schema))
            })
            .collect();
        let called = every_called.first().copied();
        let find = |name: &String, fits: fn(&Function) -> bool| {
            self.functions.get(name)?.iter().find(|function| fits(function))
        };
        let of_field = || calls.fields.iter().find_map(|name| find(name, |f| f.unary));
        let of_column = || {
            calls.columns.iter().find_map(|(qualifier, name)| {
                if self.is_column(calls, qualifier, name) { None } else { find(name, |f| f.unary) }
            })
        };
        let found = called.or_else(of_field).or_else(of_column);
        if let Some(function) = found {
            let functions = match every_called.is_empty() {
                true => function.vouchable().into_iter().collect(),
                false => every_called.iter().filter_map(|function| function.vouchable()).collect(),
            };
            return Some(Objection { said: format!("it calls {}", function.said()), functions });
        }
        calls.functions.iter().find_map(|name| {
            let most = most_inlined(*self.inlined.get(&name.name)?);
            (calls.function_calls > most).then(|| {
                format!(
                    "it calls {}, whose body PostgreSQL puts in place, among more than {most} calls",
                    name.name
                )
                .into()
            })
        })
    }

    /// Whether `qualifier.name` is a column whatever else goes by the qualifier's name; else it may be a call
    /// of a function.
    fn is_column(&self, calls: &Calls, qualifier: &str, name: &str) -> bool {
        let Some(ranges) = calls.ranges.get(qualifier) else { return false };
        !calls.has_unnamed_range
            && ranges.iter().all(|range| match range {
                Range::Table(table) => {
                    self.relation(table).is_some_and(|(_, table)| table.columns.contains(name))
                }
                Range::Rows | Range::Unknown => false,
            })
    }

    /// Every type in reach: of columns, of casts, and all that these are made of.
    fn reach(&self, calls: &Calls, relations: &[(&Name, &Relation)]) -> BTreeSet<i64> {
        let mut waiting: Vec<i64> =
            relations.iter().flat_map(|(_, relation)| relation.types_read(calls)).collect();
        // A text that names a type, which may be computed, can mean any.
        let names_any = |name: &Name| NAMING_TYPES.contains(&name.name.as_str());
        if calls.functions.iter().any(names_any) || calls.types.iter().any(names_any) {
            waiting.extend(self.types.keys());
        }
        // A cast may also be written as a call: mytype(x). An array's type has a name of its own.
        let named = |name: &str| {
            let plain = name.strip_prefix('_').unwrap_or(name);
            let is = |other: &Name| other.name == name || other.name == plain;
            let after_dot = |other: &String| other == name || other == plain;
            calls.types.iter().any(is)
                || calls.functions.iter().any(is)
                || calls.fields.iter().any(after_dot)
                || calls.columns.iter().any(|(_, other)| after_dot(other))
        };
        waiting.extend(self.types.iter().filter(|(_, t)| named(&t.name)).map(|(oid, _)| *oid));
        waiting.extend(
            calls.functions.iter().filter_map(|name| self.results.get(&name.name)).flatten(),
        );
        waiting.extend(
            calls
                .operators
                .iter()
                .filter_map(|name| self.operator_results.get(&name.name))
                .flatten(),
        );
        let mut reach = BTreeSet::new();
        while let Some(oid) = waiting.pop() {
            if reach.insert(oid) {
                waiting.extend(self.types.get(&oid).iter().flat_map(|t| &t.parts));
            }
        }
        // Arrays of what is in reach can be made from it.
        let arrays = self
            .types
            .iter()
            .filter(|(_, t)| t.is_array && t.parts.iter().any(|part| reach.contains(part)));
        let arrays: Vec<i64> = arrays.map(|(oid, _)| *oid).collect();
        reach.extend(arrays);
        reach
    }

    /// Whether PostgreSQL could take an operator whose types nobody names: a domain is reached as its base, an array as
    /// its element, other types by implicit casts, and a constant without a type takes on whatever is asked for.
    fn is_found(&self, operator: &Operator, calls: &Calls, near: &dyn Fn(&i64) -> bool) -> bool {
        let mut sides = operator.types.iter().filter(|oid| **oid != 0);
        calls.has_untyped || sides.any(|oid| self.is_taken_on(*oid, calls, near, 8))
    }

    fn is_taken_on(
        &self,
        oid: i64,
        calls: &Calls,
        near: &dyn Fn(&i64) -> bool,
        depth: usize,
    ) -> bool {
        if depth == 0 || near(&oid) {
            return true;
        }
        let next = |oid: i64| self.is_taken_on(oid, calls, near, depth - 1);
        let of_itself = self.types.get(&oid).is_some_and(|found| {
            (found.is_composite && calls.has_rows)
                || ((found.is_domain || found.is_array) && found.parts.iter().all(|p| next(*p)))
        });
        let mut casts = self.implicit.iter().filter(|cast| cast[1] == oid);
        of_itself || casts.any(|cast| next(cast[0]))
    }

    fn objection_to_types(
        &self,
        calls: &Calls,
        relations: &[(&Name, &Relation)],
    ) -> Option<String> {
        if let Some(family) = &self.family_of_built_in {
            return Some(format!(
                "the operator family {family} has a member of this database on built-in types, whose function planning could run"
            ));
        }
        let reach = self.reach(calls, relations);
        let bad = reach.iter().find_map(|oid| self.types.get(oid).filter(|t| t.why.is_some()));
        if let Some(bad) = bad {
            return Some(format!("its type {} {}", bad.name, bad.why.unwrap_or_default()));
        }
        let built_in = |oid: &i64| !self.types.contains_key(oid);
        let near = |oid: &i64| built_in(oid) || reach.contains(oid);
        let operator = self.operators.iter().find(|operator| {
            let spelled =
                |name: &Name| name.name == operator.name && self.in_sight(name, &operator.schema);
            // Unspelled it is only reached by an operator class, which is judged above, and by what stands
            // for `=` and its like (`IN`, `USING`, `BETWEEN`), which count as spelled.
            calls.operators.iter().any(spelled)
                && (!is_common(&operator.name)
                    || operator.types.iter().all(near)
                    || (operator.is_scripted && self.is_found(operator, calls, &near)))
        });
        if let Some(operator) = operator {
            return Some(format!(
                "it can reach the operator {}.{}, which is of this database, so that planning could run its function",
                operator.schema, operator.name
            ));
        }
        // Between two built-in types it is in reach everywhere: of a domain, an array, a field.
        let cast = self.casts.iter().find(|cast| cast.types.iter().all(near))?;
        Some(format!(
            "it can reach the cast from {} to {}, which runs a function of this database",
            cast.source, cast.target
        ))
    }
}

/// Calls of a statement, at most, one of which has a body that is put in its place.
const MOST_INLINED: usize = 200;
/// Copies of an expression that nested bodies may make.
const MOST_COPIES: f64 = 1000.0;

/// The same where the body names an argument so many times: each level multiplies what is in it.
fn most_inlined(copies: usize) -> usize {
    match copies {
        0 | 1 => MOST_INLINED,
        copies => (MOST_COPIES.ln() / (copies as f64).ln()) as usize,
    }
}

impl Relation {
    /// Types that a statement comes to by reading it: all of them where a row may stand as a whole, or where the planner
    /// compares rows to find parts.
    fn types_read(&self, calls: &Calls) -> Vec<i64> {
        let is_whole = calls.has_star
            || calls.has_rows
            || self.is_in_family
            || calls.ranges.keys().any(|range| calls.names.contains(range));
        let read = |name: &String| is_whole || calls.names.contains(name);
        let of_columns = self.column_types.iter().filter(|(name, _)| read(name));
        let of_row = is_whole.then_some(self.row_type);
        of_columns.map(|(_, oid)| *oid).chain(of_row).chain(self.types.iter().copied()).collect()
    }
}

/// Functions and types that read or write the name of a type, and its modifier by the type's own functions.
const NAMING_TYPES: &[&str] = &[
    "to_regtype",
    "to_regtypemod",
    "to_regprocedure",
    "to_regoperator",
    "regtype",
    "regprocedure",
    "regoperator",
    "regtypein",
    "regprocedurein",
    "regoperatorin",
    "format_type",
    "parse_type",
    "has_type_privilege",
    "has_function_privilege",
];

/// Operators that every type has: their name says nothing about whose they are.
fn is_common(name: &str) -> bool {
    matches!(
        name,
        "=" | "<>"
            | "<"
            | "<="
            | ">"
            | ">="
            | "+"
            | "-"
            | "*"
            | "/"
            | "||"
            | "~~"
            | "@>"
            | "<@"
            | "&&"
    )
}
