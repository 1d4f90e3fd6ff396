//! From a text to a statement that can be planned. One that cannot be is kept, with its reason.

use std::collections::BTreeMap;

use optischema::model::{
    Binding, BindingKind, Catalog, NotPlanned, PlannableStatement, PlannedAs, Predicate, QueryHash,
    QueryKind, ReasonCode, RelationKind, StatementShape, TableName, TrackedStatement,
};
use optischema::plan::{Lineage, dependencies};
use pg_query::protobuf::Token;
use serde_json::Value;

use super::bindings::{BindingSource, bind};
use super::parameters::infer;
use super::raw::RawStatement;
use crate::postgres::{MainSession, PgFailure, PlanFailure};
use crate::sql::{self, Repair, Statement};

/// Longer texts are not parsed: a tree takes some hundred times the room of its text.
const LONGEST: usize = 256 * 1024;
/// What is kept of a text that is too long to be read.
const KEPT_OF_LONG: usize = 4 * 1024;

/// Values of a list that was cut, where nothing tells how many; and at most.
const USUAL_LIST: usize = 10;
const LONGEST_LIST: usize = 200;
/// Texts with other constants that are planned with; what all of them share is looked for in every one.
const MOST_PLANNED: usize = 6;

/// `pg_stat_statements` goes by the names of tables, whatever their schema, from this version on.
const FIRST_THAT_MERGES: i32 = 180_000;

/// What is kept of a text, and what it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The text; cut, and ended by [`CUT`], where it could not be read.
    pub sql: String,
    pub query_hash: QueryHash,
    pub kind: QueryKind,
    /// Why it could not be read.
    pub unreadable: Option<NotPlanned>,
}

/// What a text ends with that is kept in part only.
pub const CUT: &str = " …";

/// What every statement of one database is read with.
#[derive(Debug)]
pub struct Reader<'a> {
    pub catalog: &'a Catalog,
    pub lineage: &'a Lineage,
    /// `track_activity_query_size`: texts end there in some sources.
    pub cut_at: usize,
}

impl Reader<'_> {
    /// What a text is called, and what is kept of it.
    #[must_use]
    pub fn identify(&self, text: &str, search_path: Option<&[String]>) -> Identity {
        let text = text.trim();
        let unwrapped = sql::unwrapped(text);
        let unread = unwrapped.as_deref().unwrap_or(text);
        if text.len() > LONGEST {
            return of_long(
                text,
                format!(
                    "it is {} long, and texts above {} are not read",
                    optischema::figures::bytes(i64::try_from(text.len()).unwrap_or(i64::MAX)),
                    optischema::figures::bytes(LONGEST as i64)
                ),
            );
        }
        // A tree of a long list takes hundreds of times its room.
        let short = sql::shortened(unread).ok().flatten();
        let read = short.as_ref().map_or(unread, |short| &short.sql);
        // What cannot be scanned is told by the fingerprint.
        if let Err(sql::SqlError::Refused(reason)) = sql::check_length(read) {
            return of_long(text, reason);
        }
        let kind = sql::kind_of(read, self.catalog);
        let hash = match sql::fingerprint(read) {
            Ok(hash) => hash,
            Err(error) => {
                return Identity {
                    sql: if kind == QueryKind::User { shown(text) } else { first_word(text) },
                    query_hash: hashed(text),
                    kind,
                    unreadable: Some(self.parse_failure(text, error)),
                };
            }
        };
        let path = search_path.unwrap_or(&self.catalog.search_path);
        let query_hash = self.told_apart(hash, read, path);
        let sql = if kind == QueryKind::User { text.to_owned() } else { normalised(text) };
        Identity { sql, query_hash, kind, unreadable: None }
    }

    /// The fingerprint leaves out schemas, digits in names and OFFSET: statements that differ in what they really read, or
    /// in that, are told apart by it here.
    fn told_apart(&self, hash: QueryHash, text: &str, path: &[String]) -> QueryHash {
        let Ok(statement) = sql::parse_one(text) else { return hash };
        let mut apart = Vec::new();
        for (schema, name) in sql::relation_names(&statement) {
            let table = self.table(&schema, &name, path);
            let usual = self.catalog.resolve("", &name).map(|table| &table.name);
            if table.as_ref() != usual || name.contains(|c: char| c.is_ascii_digit()) {
                let table = table.unwrap_or_else(|| TableName::new(schema, name));
                apart.push(format!("{}.{}", table.schema, table.name));
            }
        }
        apart.extend(sql::left_out_of_fingerprints(&statement));
        let offsets = sql::offsets(&statement);
        if offsets > 0 {
            apart.push(format!("{offsets} OFFSET"));
        }
        if apart.is_empty() { hash } else { hashed(&format!("{} {}", hash.0, apart.join(" "))) }
    }

    /// The statement with its tables named in full, where its search path makes them others than the
    /// session's would.
    fn qualified(&self, text: &str, path: &[String]) -> Option<Statement> {
        let statement = sql::parse_one(text).ok()?;
        let mut differs = false;
        let names = std::cell::RefCell::new(&mut differs);
        let qualified = sql::qualify(&statement, &|schema, name| {
            let table = self.table(schema, name, path)?;
            let usual = self.catalog.resolve(schema, name).map(|table| &table.name);
            if usual != Some(&table) {
                **names.borrow_mut() = true;
            }
            Some(table)
        })
        .ok()?;
        if differs { sql::parse_one(&qualified).ok() } else { None }
    }

    fn changes_view(&self, statement: &Statement, path: &[String]) -> bool {
        let table =
            sql::changed(statement).and_then(|(schema, name)| self.table(&schema, &name, path));
        let known = table.and_then(|table| self.catalog.tables.get(&table));
        known.is_some_and(|table| table.kind == RelationKind::View)
    }

    /// Tables of other schemas under the names of those that a statement reads, where it was counted by a server that tells
    /// them not apart: PostgreSQL from 18 on.
    fn namesakes(&self, raw: &RawStatement, shape: &StatementShape) -> Vec<TableName> {
        // Only counters name a role.
        if self.catalog.server.version_number < FIRST_THAT_MERGES || raw.role.is_none() {
            return Vec::new();
        }
        let is_read = |name: &TableName| shape.tables.contains(name);
        let is_named = |name: &TableName| shape.tables.iter().any(|read| read.name == name.name);
        self.catalog
            .tables
            .keys()
            .filter(|name| is_named(name) && !is_read(name))
            .cloned()
            .collect()
    }

    /// The query of the materialized view that a statement fills anew.
    fn filling(&self, statement: &Statement, path: &[String]) -> Option<&str> {
        let (schema, name) = sql::refreshed(statement)?;
        let view = self.table(&schema, &name, path)?;
        self.catalog.materialized.get(&view).map(String::as_str)
    }

    /// The statement with types named in full that its search path finds and the session's does not, or finds elsewhere.
    fn typed(&self, statement: Statement, path: &[String]) -> Result<Statement, sql::SqlError> {
        if self.catalog.types.is_empty() {
            return Ok(statement);
        }
        let schema_of = |name: &str| {
            let schemas = self.catalog.types.get(name)?;
            let first =
                |path: &[String]| path.iter().find(|schema| schemas.contains(schema)).cloned();
            let usual = first(&self.catalog.search_path);
            let only = || schemas.first().filter(|_| schemas.len() == 1).cloned();
            let meant = first(path).or_else(only)?;
            (usual.as_ref() != Some(&meant)).then_some(meant)
        };
        match sql::qualify_types(&statement, &schema_of)? {
            Some(text) => sql::parse_one(&text),
            None => Ok(statement),
        }
    }

    /// Types of the columns of a statement's tables; where columns of one name have two types, neither counts.
    fn types_by_name(&self, shape: &StatementShape) -> BTreeMap<String, String> {
        let mut types: BTreeMap<String, Option<String>> = BTreeMap::new();
        let tables = shape.tables.iter().filter_map(|table| self.catalog.tables.get(table));
        for column in tables.flat_map(|table| &table.columns) {
            let known = types.entry(column.name.clone()).or_insert(Some(column.data_type.clone()));
            if known.as_ref().is_some_and(|known| *known != column.data_type) {
                *known = None;
            }
        }
        types.into_iter().filter_map(|(name, data_type)| Some((name, data_type?))).collect()
    }

    /// Why a statement that reads no table itself is not planned.
    fn why_no_table(&self, statement: &Statement, how: PlannedAs) -> NotPlanned {
        let calls = sql::calls(statement).unwrap_or_default();
        let called = calls.functions.iter().find(|f| self.catalog.functions.contains(&f.name));
        match (called, how) {
            (Some(called), _) => NotPlanned::with_remedy(
                ReasonCode::NoTable,
                format!(
                    "it only calls {}, and what that runs is not counted by itself",
                    called.name
                ),
                "pg_stat_statements.track = 'all' counts the statements inside functions: ALTER SYSTEM SET pg_stat_statements.track = 'all'; SELECT pg_reload_conf();",
            ),
            (None, PlannedAs::RowSearch) => NotPlanned::new(
                ReasonCode::RowsGiven,
                "it adds rows that it makes itself: no row is searched for",
            ),
            (None, _) => NotPlanned::new(ReasonCode::NoTable, "it reads no user table"),
        }
    }

    /// A table by its search path; else the only one of that name.
    fn table(&self, schema: &str, name: &str, path: &[String]) -> Option<TableName> {
        if !schema.is_empty() {
            return self.catalog.resolve(schema, name).map(|table| table.name.clone());
        }
        let on_path = path.iter().find_map(|schema| self.catalog.resolve(schema, name));
        if let Some(table) = on_path {
            return Some(table.name.clone());
        }
        let mut named = self.catalog.tables.keys().filter(|table| table.name == name);
        let only = named.next().cloned();
        if named.next().is_some() { None } else { only }
    }

    /// Makes a statement plannable, or says why it is not.
    ///
    /// # Errors
    /// Main is out of reach.
    pub async fn understand(
        &self,
        session: &mut MainSession,
        raw: &RawStatement,
    ) -> Result<Result<PlannableStatement, NotPlanned>, PgFailure> {
        let mut found = self.plannable(session, raw, Names::OfColumns).await;
        if !raw.is_typed && matches!(found, Err(Unplannable::UnknownName(_))) {
            let again = self.plannable(session, raw, Names::OfVariables).await;
            // Where that is no answer either, the first reason is the true one.
            if !matches!(again, Err(Unplannable::UnknownName(_))) {
                found = again;
            }
        }
        match found {
            Ok(plannable) => Ok(Ok(plannable)),
            // The server process may have ended over this very statement, and the server may live on.
            Err(Unplannable::Target(failure @ PgFailure::Unreachable(_))) => {
                match session.begin_again().await {
                    Ok(()) => Ok(Err(NotPlanned::new(
                        ReasonCode::Refused,
                        format!("main's server process was lost while it was planned: {failure}"),
                    ))),
                    Err(_) => Err(failure),
                }
            }
            Err(Unplannable::Target(failure)) => Err(failure),
            Err(Unplannable::Reason(reason) | Unplannable::UnknownName(reason)) => Ok(Err(reason)),
        }
    }

    async fn plannable(
        &self,
        session: &mut MainSession,
        raw: &RawStatement,
        names: Names,
    ) -> Result<PlannableStatement, Unplannable> {
        let unwrapped = sql::unwrapped(raw.sql.trim());
        let text = unwrapped.as_deref().unwrap_or(raw.sql.trim());
        if text == "<insufficient privilege>" {
            return Err(NotPlanned::with_remedy(
                ReasonCode::Hidden,
                "the role may not see its text",
                "GRANT pg_read_all_stats to the role on main",
            )
            .into());
        }
        let short = sql::shortened(text).map_err(|error| self.parse_failure(text, error))?;
        let logged = short.as_ref().map_or_else(|| raw.logged.clone(), |s| of_kept(&raw.logged, s));
        let text = short.as_ref().map_or(text, |short| &short.sql);
        // Of a list that pg_stat_statements cut, rows of one call tell how long it is, if anything does.
        let found = raw.rows_per_call().and_then(|rows| usize::try_from(rows).ok());
        let length = found.filter(|rows| (2..=LONGEST_LIST).contains(rows));
        let listed = sql::written_out(text, length.unwrap_or(USUAL_LIST))
            .map_err(|error| self.parse_failure(text, error))?;
        let text = listed.as_deref().unwrap_or(text);
        let path = raw.search_path.as_deref().unwrap_or(&self.catalog.search_path);
        let mut whole = sql::parse_one(text).map_err(|error| self.parse_failure(text, error))?;
        if names == Names::OfVariables {
            let columns_of = |schema: &str, name: &str| {
                let table = self.catalog.tables.get(&self.table(schema, name, path)?)?;
                Some(table.columns.iter().map(|column| column.name.clone()).collect())
            };
            whole = sql::with_variables(&whole, &columns_of)?.unwrap_or(whole);
        }
        let sql::Planned { how, statement } = match self.filling(&whole, path) {
            Some(query) => {
                sql::Planned { how: PlannedAs::InnerQuery, statement: sql::parse_one(query)? }
            }
            None => sql::planned(&whole)?,
        };
        let statement = if self.changes_view(&whole, path) {
            sql::without_places(&statement)?
        } else {
            statement
        };
        let statement = self.qualified(&statement.sql, path).unwrap_or(statement);
        let statement = self.typed(statement, path)?;
        let statement = self.under_policies(statement, raw, path)?;
        sql::check_select(&statement)?;
        let no_table = |message: String| NotPlanned::new(ReasonCode::NoTable, message);
        let mut shape =
            sql::analyze(&statement, self.catalog).map_err(|error| no_table(error.to_string()))?;
        let variants = self.variants(raw, path);
        for (_, other) in &variants {
            keep_common_constants(&mut shape, other);
        }
        if shape.tables.is_empty() {
            return Err(self.why_no_table(&whole, how).into());
        }
        let mut repair = Repair::of(&statement, &shape, self.catalog)?;
        let demanded = repair.casts.clone();
        let types = if repair.numbers.is_empty() {
            BTreeMap::new()
        } else {
            let columns = self.types_by_name(&shape);
            target_or_reason(infer(session, &statement, &mut repair, &columns).await)?
        };
        let source = BindingSource {
            catalog: self.catalog,
            shape: &shape,
            repair: &repair,
            types: &types,
            raw_rows: raw.rows_per_call(),
            logged: &logged,
        };
        let mut bindings = bind(&statement, &source)?;
        if names == Names::OfVariables {
            let remark = "names that no table has are taken for variables".to_owned();
            bindings.iter_mut().for_each(|binding| binding.remarks.push(remark.clone()));
        }
        for (number, name) in repair.casts.iter().filter(|(n, _)| !demanded.contains_key(n)) {
            let remark = format!("type of ${number} assumed: {name}");
            bindings.iter_mut().for_each(|binding| binding.remarks.push(remark.clone()));
        }
        if let Some(sql::Shortened { values: (before, after), .. }) = &short {
            let remark = format!("planned with {after} of {before} list values");
            bindings.iter_mut().for_each(|binding| binding.remarks.push(remark.clone()));
        }
        if listed.is_some() {
            let values = length.unwrap_or(USUAL_LIST);
            let origin = if length.is_some() { "estimated from its rows" } else { "assumed" };
            for binding in &mut bindings {
                binding.remarks.push(format!("lists of {values} values, {origin}"));
                binding.assumed |= length.is_none();
            }
        }
        bindings.extend(variants.into_iter().take(MOST_PLANNED).map(|(binding, _)| binding));
        let (mut bindings, plan) = planned(session, &statement, bindings).await?;
        let pinned = match bindings.first() {
            Some(first) => target_or_reason(session.is_pinned(&sql::parse_one(&first.sql)?).await)?,
            None => false,
        };
        let named = shape.tables.iter().cloned().collect();
        let lineage = Lineage { named, ..self.lineage.clone() };
        let dependencies = dependencies(&plan.0, &lineage);
        let search_path = raw.search_path.clone().unwrap_or_default();
        let mut plan = plan.1;
        drop_outputs(&mut plan);
        let template = (statement.sql != raw.sql.trim()).then(|| statement.sql.clone());
        let may_mean = self.namesakes(raw, &shape);
        if !may_mean.is_empty() {
            let names: Vec<String> = may_mean.iter().map(ToString::to_string).collect();
            let remark = format!(
                "its calls may have been on {} too: PostgreSQL counts tables of one name as one",
                names.join(", ")
            );
            bindings.iter_mut().for_each(|binding| binding.remarks.push(remark.clone()));
        }
        let writes_to = match how {
            PlannedAs::RowSearch => sql::relation_names(&whole)
                .iter()
                .filter_map(|(schema, name)| self.table(schema, name, path))
                .filter(|table| !shape.tables.contains(table))
                .collect(),
            _ => Vec::new(),
        };
        Ok(PlannableStatement {
            may_mean,
            writes_to,
            pinned,
            planned_as: how,
            shape,
            bindings,
            plan,
            dependencies,
            search_path,
            template,
        })
    }

    /// The statement as the role that runs it reads its tables.
    fn under_policies(
        &self,
        statement: Statement,
        raw: &RawStatement,
        path: &[String],
    ) -> Result<Statement, NotPlanned> {
        if self.catalog.row_security.is_empty() {
            return Ok(statement);
        }
        let security = |schema: &str, name: &str| {
            let table = self.table(schema, name, path)?;
            let security = self.catalog.row_security.get(&table)?;
            Some((table, security))
        };
        for (schema, name) in sql::relation_names(&statement) {
            if let Some((table, _)) = security(&schema, &name).filter(|(_, s)| s.is_active) {
                return Err(NotPlanned::with_remedy(
                    ReasonCode::RowSecurity,
                    format!(
                        "policies hide rows of {table} from the role on main, so that its plan would be another one"
                    ),
                    "ALTER ROLE … BYPASSRLS for the role on main: it can read every row then, and still change none",
                ));
            }
        }
        // Of a log or a file nobody knows the role: what is for everybody holds for it, too.
        let role = raw.role.as_deref().unwrap_or_default();
        let condition_of = |schema: &str, name: &str| {
            let (table, security) = security(schema, name)?;
            let is_known =
                raw.role.is_some() || security.policies.iter().any(|p| p.roles.is_none());
            let condition = security.condition_for(role).filter(|_| is_known)?;
            Some((table, condition))
        };
        Ok(sql::with_policies(&statement, &condition_of)?.unwrap_or(statement))
    }

    /// The statement with other constants, as bindings, with the shape of each.
    fn variants(&self, raw: &RawStatement, path: &[String]) -> Vec<(Binding, StatementShape)> {
        let one = |(text, calls): (&str, i64)| {
            let statement = sql::planned(&sql::parse_one(text).ok()?).ok()?.statement;
            let statement = self.qualified(&statement.sql, path).unwrap_or(statement);
            let statement = self.typed(statement, path).ok()?;
            let statement = self.under_policies(statement, raw, path).ok()?;
            sql::check_select(&statement).ok()?;
            // One with parameters has no constants to tell it apart by.
            if !sql::parameter_places(&statement.sql).ok()?.is_empty() {
                return None;
            }
            let shape = sql::analyze(&statement, self.catalog).ok()?;
            let binding = Binding {
                label: format!("as written in {calls} of {} calls", raw.calls),
                sql: statement.sql,
                ..Binding::default()
            };
            Some((binding, shape))
        };
        raw.commonest().into_iter().filter_map(one).collect()
    }

    fn parse_failure(&self, text: &str, error: sql::SqlError) -> NotPlanned {
        // A character of several bytes may have fallen off the end.
        let ends_there = text.len() + 5 > self.cut_at && text.len() < self.cut_at;
        if self.cut_at > 1 && ends_there {
            return NotPlanned::with_remedy(
                ReasonCode::CutOff,
                format!("its text was cut off at {} bytes", text.len()),
                "raise track_activity_query_size",
            );
        }
        error.into()
    }

    /// What is listed without being planned, since the time was up.
    #[must_use]
    pub fn left_out(&self, raw: &RawStatement, identity: Identity) -> TrackedStatement {
        let Identity { sql, query_hash, kind, unreadable } = identity;
        let late = || {
            NotPlanned::with_remedy(
                ReasonCode::Budget,
                "the time that was given was up before its turn came",
                "give more with --deadline-s",
            )
        };
        let plannable = Err(unreadable.unwrap_or_else(late));
        tracked(
            raw,
            Identity { sql: normalised(&sql), query_hash, kind, unreadable: None },
            plannable,
        )
    }

    /// The whole of it: what a source gives, as it is tracked.
    ///
    /// # Errors
    /// Main is out of reach.
    pub async fn track(
        &self,
        session: &mut MainSession,
        raw: &RawStatement,
        identity: Identity,
    ) -> Result<TrackedStatement, PgFailure> {
        let Identity { sql, query_hash, kind, unreadable } = identity;
        let plannable = match kind {
            QueryKind::User => match unreadable {
                Some(reason) => Err(reason),
                None => self.understand(session, raw).await?,
            },
            QueryKind::System => Err(why_system(&raw.sql)),
            QueryKind::Own => Err(NotPlanned::new(ReasonCode::Own, "it is OptiSchema's own")),
        };
        // PostgreSQL does not normalise every statement, and one of them may hold a password.
        let sql = if plannable.is_ok() { sql } else { normalised(&sql) };
        Ok(tracked(raw, Identity { sql, query_hash, kind, unreadable: None }, plannable))
    }
}

fn tracked(
    raw: &RawStatement,
    Identity { sql, query_hash, kind, .. }: Identity,
    plannable: Result<PlannableStatement, NotPlanned>,
) -> TrackedStatement {
    let RawStatement { calls, total_time_ms, rows, temp_blocks, .. } = *raw;
    TrackedStatement { query_hash, sql, kind, calls, total_time_ms, rows, temp_blocks, plannable }
}

/// A constant that another text of the statement does not have is none of the statement's.
fn keep_common_constants(shape: &mut StatementShape, other: &StatementShape) {
    for (mine, theirs) in
        [(&mut shape.predicates, &other.predicates), (&mut shape.alternatives, &other.alternatives)]
    {
        for predicate in mine.iter_mut() {
            if predicate.constant.is_some() && !theirs.contains(predicate) {
                predicate.constant = None;
            }
        }
        let mut kept: Vec<Predicate> = Vec::new();
        for predicate in mine.drain(..) {
            if !kept.contains(&predicate) {
                kept.push(predicate);
            }
        }
        *mine = kept;
    }
}

/// Plans the first binding that can be, and keeps those after it. Where no values fit, the plan that
/// PostgreSQL makes for any values is left.
async fn planned(
    session: &mut MainSession,
    statement: &Statement,
    bindings: Vec<Binding>,
) -> Result<(Vec<Binding>, (optischema::plan::Plan, Value)), Unplannable> {
    let mut failure = None;
    let mut usable = Vec::new();
    let mut plan = None;
    for mut binding in bindings {
        let bound = sql::parse_one(&binding.sql)?;
        binding.sql.clone_from(&bound.sql);
        if plan.is_none() {
            match target_or_reason(session.plan_verbose(&bound).await) {
                Ok(found) => plan = Some(found),
                Err(gone @ Unplannable::Target(_)) => return Err(gone),
                Err(reason) => {
                    failure.get_or_insert(reason);
                    continue;
                }
            }
        }
        usable.push(binding);
    }
    if let Some(plan) = plan {
        return Ok((usable, plan));
    }
    let reason = failure.unwrap_or_else(|| {
        let message = "no values could be bound to its parameters";
        NotPlanned::new(ReasonCode::Refused, message).into()
    });
    let Ok(plan) = target_or_reason(session.plan_verbose(statement).await) else {
        return Err(reason);
    };
    let generic = Binding {
        label: "any values (generic plan)".to_owned(),
        assumed: true,
        kind: BindingKind::Generic,
        sql: statement.sql.clone(),
        ..Binding::default()
    };
    Ok((vec![generic], plan))
}

/// Of FETCH and EXECUTE something is known: they run a query that stands elsewhere.
fn why_system(text: &str) -> NotPlanned {
    let known = sql::parse_one(text).ok().and_then(|statement| sql::runs_another(&statement));
    known.unwrap_or_else(|| {
        NotPlanned::new(ReasonCode::System, "it reads no table of the application")
    })
}

/// The columns that each node hands on are most of a verbose plan, and nobody reads them.
fn drop_outputs(plan: &mut Value) {
    match plan {
        Value::Array(items) => items.iter_mut().for_each(drop_outputs),
        Value::Object(object) => {
            object.remove("Output");
            object.values_mut().for_each(drop_outputs);
        }
        _ => {}
    }
}

/// Of a text that is too long to be read, the beginning is kept.
fn of_long(text: &str, reason: String) -> Identity {
    let kept = text.char_indices().take_while(|(at, _)| *at < KEPT_OF_LONG).map(|(_, c)| c);
    Identity {
        sql: kept.collect::<String>() + CUT,
        query_hash: hashed(text),
        kind: QueryKind::User,
        unreadable: Some(NotPlanned::new(ReasonCode::TooLong, reason)),
    }
}

/// A text that no parser reads still needs a name of its own.
fn hashed(text: &str) -> QueryHash {
    use sha2::{Digest, Sha256};
    QueryHash(crate::hex::hex(&Sha256::digest(text.as_bytes())[..8]))
}

/// A text that no parser reads, and that a later PostgreSQL may. Statements that only read and write rows are normalised
/// there, so that it holds nobody's password; literals are left out all the same.
fn shown(text: &str) -> String {
    let Ok(scanned) = pg_query::scan(text) else { return first_word(text) };
    let literal = |token: i32| {
        [Token::Sconst, Token::Usconst, Token::Bconst, Token::Xconst, Token::Iconst, Token::Fconst]
            .iter()
            .any(|kind| *kind as i32 == token)
    };
    let place = |at: i32| usize::try_from(at).unwrap_or_default();
    let (mut shown, mut end) = (String::new(), 0);
    for token in &scanned.tokens {
        let (from, to) = (place(token.start), place(token.end));
        shown.push_str(text.get(end..from).unwrap_or_default());
        shown.push_str(if literal(token.token) {
            "…"
        } else {
            text.get(from..to).unwrap_or_default()
        });
        end = to;
    }
    let shown: String = shown.chars().take(KEPT_OF_LONG).collect();
    format!("{shown}{CUT}")
}

fn first_word(text: &str) -> String {
    format!("{}{CUT}", text.split_whitespace().next().unwrap_or_default())
}

/// The text without its constants; what no parser reads is cut to its first word.
fn normalised(text: &str) -> String {
    if text.ends_with(CUT) {
        return text.to_owned();
    }
    pg_query::normalize(text).unwrap_or_else(|_| first_word(text))
}

/// Logged sets of values with only those whose parameters are left.
fn of_kept(logged: &[Vec<Option<String>>], short: &sql::Shortened) -> Vec<Vec<Option<String>>> {
    let kept = |set: &Vec<Option<String>>| {
        let places = short.parameters.iter().map(|n| usize::try_from(n - 1).ok());
        places.map(|at| set.get(at?).cloned()).collect::<Option<Vec<_>>>()
    };
    logged.iter().filter_map(kept).collect()
}

/// What names are taken for that no table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    OfColumns,
    /// Of the function that the statement stands in.
    OfVariables,
}

enum Unplannable {
    /// Main itself is gone.
    Target(PgFailure),
    /// PostgreSQL knows no column of a name.
    UnknownName(NotPlanned),
    Reason(NotPlanned),
}

impl<E: Into<NotPlanned>> From<E> for Unplannable {
    fn from(error: E) -> Self {
        Self::Reason(error.into())
    }
}

/// `insufficient_privilege`.
const NO_PERMISSION: &str = "42501";

/// What PostgreSQL says of a statement that it does not plan.
fn refused(failure: &PgFailure) -> NotPlanned {
    if let PgFailure::Spent(why) = failure {
        return NotPlanned::new(ReasonCode::Budget, why);
    }
    match failure.sqlstate() {
        Some(NO_PERMISSION) => NotPlanned::with_remedy(
            ReasonCode::NoPermission,
            failure.to_string(),
            "GRANT SELECT on what it reads to the role on main",
        ),
        _ => NotPlanned::new(ReasonCode::Refused, failure.to_string()),
    }
}

fn target_or_reason<T>(result: Result<T, PlanFailure>) -> Result<T, Unplannable> {
    match result {
        Ok(value) => Ok(value),
        Err(PlanFailure::Target(failure)) if failure.is_connection() => {
            Err(Unplannable::Target(failure))
        }
        Err(PlanFailure::Target(failure))
            if matches!(failure.sqlstate(), Some("42703" | "42P01")) =>
        {
            Err(Unplannable::UnknownName(refused(&failure)))
        }
        Err(PlanFailure::Target(failure)) => Err(refused(&failure).into()),
        Err(PlanFailure::Sql(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use optischema::model::CatalogTable;

    use super::*;

    #[test]
    fn a_text_that_was_cut_off_says_so_and_keeps_its_first_word_only() {
        let (catalog, lineage) = (Catalog::default(), Lineage::default());
        let reader = Reader { catalog: &catalog, lineage: &lineage, cut_at: 64 };
        let whole = "SELECT a, b, c FROM some_table WHERE name = 'a secret that is much longer'";
        let identity = reader.identify(&whole[..63], None);
        assert_eq!(identity.sql, "SELECT …");
        assert_eq!(identity.unreadable.unwrap().code, ReasonCode::CutOff);
        let broken = reader.identify("SELECT 'a secret", None);
        assert_eq!(broken.unreadable.unwrap().code, ReasonCode::NotParsed);
        assert_eq!(broken.sql, "SELECT …");
        assert!(reader.identify(whole, None).unreadable.is_none());
    }

    #[test]
    fn outputs_are_dropped_from_plans_and_nothing_else() {
        let mut plan = serde_json::json!([{"Plan": {"Output": ["a"], "Plans": [{"Output": [1], "Filter": "x"}]}}]);
        drop_outputs(&mut plan);
        assert_eq!(plan, serde_json::json!([{"Plan": {"Plans": [{"Filter": "x"}]}}]));
    }

    #[test]
    fn statements_on_other_tables_or_pages_are_others() {
        let catalog = Catalog { search_path: vec!["public".into()], ..Catalog::default() };
        let mut catalog = catalog;
        for (schema, name) in
            [("public", "orders"), ("tenant_2", "orders"), ("public", "invoice_2024")]
        {
            let name = TableName::new(schema, name);
            let table = CatalogTable { name: name.clone(), ..CatalogTable::default() };
            catalog.tables.insert(name, table);
        }
        let lineage = Lineage::default();
        let reader = Reader { catalog: &catalog, lineage: &lineage, cut_at: 1024 };
        let hash = |text: &str, path: &[&str]| {
            let path: Vec<String> = path.iter().map(|schema| (*schema).to_owned()).collect();
            reader.identify(text, (!path.is_empty()).then_some(&path[..])).query_hash
        };
        let orders = hash("SELECT * FROM orders WHERE id = 1", &[]);
        assert_eq!(orders, hash("SELECT * FROM public.orders WHERE id = $1", &[]));
        assert_eq!(orders, hash("SELECT * FROM orders WHERE id = 1", &["public"]));
        let tenant = hash("SELECT * FROM orders WHERE id = 1", &["tenant_2", "public"]);
        assert_ne!(orders, tenant);
        assert_eq!(tenant, hash("SELECT * FROM tenant_2.orders WHERE id = 7", &[]));
        let of_year = |year: u32| hash(&format!("SELECT * FROM invoice_{year} WHERE id = 1"), &[]);
        assert_ne!(of_year(2024), of_year(2025));
        assert_eq!(of_year(2024), of_year(2024));
        // An alias hides the table from the fingerprint, and places are constants to it.
        let aliased = |table: &str| hash(&format!("SELECT * FROM {table} t WHERE t.id = 1"), &[]);
        assert_ne!(aliased("orders"), aliased("invoice"));
        assert_eq!(aliased("orders"), aliased("orders"));
        assert_ne!(
            hash("UPDATE orders o SET a = 1 WHERE o.id = 2", &[]),
            hash("UPDATE invoice o SET a = 1 WHERE o.id = 2", &[])
        );
        assert_ne!(
            hash("SELECT id, a FROM orders ORDER BY 1", &[]),
            hash("SELECT id, a FROM orders ORDER BY 2", &[])
        );
        assert_ne!(
            hash("SELECT id FROM orders WHERE id IN (1, 2)", &[]),
            hash("SELECT id FROM orders WHERE id = 1", &[])
        );
        assert_ne!(
            hash("SELECT id FROM orders WHERE id = ANY ($1)", &[]),
            hash("SELECT id FROM orders WHERE id = $1", &[])
        );
        assert_eq!(
            hash("SELECT id FROM orders WHERE id IN (1, 2)", &[]),
            hash("SELECT id FROM orders WHERE id IN ($1, $2, $3)", &[])
        );
        assert_ne!(
            hash("SELECT * FROM orders LIMIT 5", &[]),
            hash("SELECT * FROM orders LIMIT 5 OFFSET 5", &[])
        );
    }
}
