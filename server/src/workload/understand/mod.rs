//! From a text to a statement that can be planned. One that cannot be is kept, with its reason.

mod identity;
mod reasons;
mod tables;
mod visible;

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{
    Binding, BindingKind, Catalog, NotPlanned, PlannableStatement, PlannedAs, Predicate,
    PredicateKind, QueryKind, ReasonCode, StatementShape, TableName, TrackedStatement,
    UnderPolicies,
};
use optischema::plan::{Lineage, dependencies};
use serde_json::Value;

use self::identity::normalised;
use self::reasons::{Unplannable, target_or_reason, why_system};
use self::visible::Runner;
use super::bindings::{BindingSource, bind};
use super::members::Members;
use super::parameters::infer;
use super::raw::RawStatement;
use crate::postgres::{MainSession, PgFailure};

use crate::sql::{self, Repair, Statement};

pub use self::identity::{CUT, StatementIdentity};
pub use self::reasons::Calling;

/// Values of a list that was cut, where nothing tells how many; and at most.
const USUAL_LIST: usize = 10;
const LONGEST_LIST: usize = 200;
/// Texts with other constants that are planned with; what all of them share is looked for in every one.
const MOST_PLANNED: usize = 6;

/// What every statement of one database is read with.
#[derive(Debug)]
pub struct Reader<'a> {
    pub catalog: &'a Catalog,
    pub lineage: &'a Lineage,
    /// `track_activity_query_size`: texts end there in some sources.
    pub cut_at: usize,
    /// Statements inside functions are among those that are read.
    pub sees_inside: bool,
}

impl Reader<'_> {
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
                format!("GRANT pg_read_all_stats TO {};", self.role()),
            )
            .into());
        }
        let seen = sql::with_seen(text, &raw.seen);
        let text = seen.as_ref().map_or(text, |seen| seen.sql.as_str());
        let short = sql::shortened(text).map_err(|error| self.parse_failure(text, error))?;
        let (sets, set_calls) = match &seen {
            Some(seen) if raw.logged.is_empty() => (
                seen.sets.as_slice(),
                seen.calls.iter().map(|times| of_calls(raw, seen, *times)).collect(),
            ),
            _ => (raw.logged.as_slice(), raw.logged_calls.clone()),
        };
        let logged = short.as_ref().map_or_else(|| sets.to_vec(), |s| of_kept(sets, s));
        let text = short.as_ref().map_or(text, |short| &short.sql);
        // Of a list that pg_stat_statements cut, rows of one call tell how long it is, if anything does.
        let found = raw.rows_per_call().and_then(|rows| usize::try_from(rows).ok());
        let length = found.filter(|rows| (2..=LONGEST_LIST).contains(rows));
        let listed = sql::written_out(text, length.unwrap_or(USUAL_LIST))
            .map_err(|error| self.parse_failure(text, error))?;
        let text = listed.as_deref().unwrap_or(text);
        let path = raw.search_path.as_deref().unwrap_or(&self.catalog.search_path);
        let mut whole = sql::parse_one(text).map_err(|error| self.parse_failure(text, error))?;
        if let Some(reason) = self.locked(&whole, path) {
            return Err(reason.into());
        }
        if names == Names::OfVariables {
            let columns_of = |schema: &str, name: &str| {
                let table = self.catalog.tables.get(&self.table(schema, name, path)?)?;
                Some(table.columns.iter().map(|column| column.name.clone()).collect())
            };
            whole = sql::with_variables(&whole, &columns_of)?.unwrap_or(whole);
        }
        let sql::PlanTarget { how, statement } = match self.filling(&whole, path) {
            Some(query) => {
                sql::PlanTarget { how: PlannedAs::InnerQuery, statement: sql::parse_one(query)? }
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
        let runner = Runner { role: raw.role.as_deref(), path };
        let through = self.read_through_policies(&statement, runner);
        let filtered: BTreeSet<&TableName> = through.iter().map(|(table, _)| table).collect();
        let statement = self.under_policies(statement, &whole, runner)?;
        sql::check_select(&statement)?;
        let no_table = |message: String| NotPlanned::new(ReasonCode::NoTable, message);
        let mut shape = sql::analyze(&statement, self.catalog).map_err(|error| {
            self.elsewhere(&statement).unwrap_or_else(|| no_table(error.to_string()))
        })?;
        let others = seen.as_ref().filter(|_| raw.variants.is_empty()).map(|seen| RawStatement {
            variants: seen
                .others
                .iter()
                .map(|(text, times)| (text.clone(), of_calls(raw, seen, *times)))
                .collect(),
            ..raw.clone()
        });
        let raw = others.as_ref().unwrap_or(raw);
        let variants = self.variants(raw, path);
        for (_, other) in &variants {
            keep_common_constants(&mut shape, other);
        }
        shape.predicates.retain(|p| !(filtered.contains(&p.column.table) && may_leak(p.kind)));
        shape.alternatives.retain(|p| !(filtered.contains(&p.column.table) && may_leak(p.kind)));
        shape.expressions.retain(|expression| !filtered.contains(&expression.table));
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
        let rows = raw.rows_per_call();
        let members =
            Members::of(&raw.sql, &statement, &shape, self.catalog, &repair, &types, rows);
        let source = BindingSource {
            members: &members,
            catalog: self.catalog,
            shape: &shape,
            repair: &repair,
            types: &types,
            raw_rows: rows,
            logged: &logged,
            logged_calls: if logged.len() == sets.len() { &set_calls } else { &[] },
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
        if let Some(seen) = &seen {
            for binding in &mut bindings {
                binding.remarks.push(remark_of(seen));
                binding.members.extend(seen.chosen.iter().cloned());
            }
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
        if !variants.is_empty()
            && let [written] = bindings.as_mut_slice()
        {
            // Its own text, of which the variants are none.
            let others: i64 = raw.variants.iter().map(|(_, calls)| *calls).sum();
            written.calls = Some(raw.calls.saturating_sub(others).max(1));
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
        let under = (!through.is_empty()).then(|| UnderPolicies {
            role: raw.role.clone(),
            tables: through.into_iter().map(|(table, _)| table).collect(),
        });
        Ok(PlannableStatement {
            may_mean,
            writes_to,
            under,
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

    /// The statement with other constants, as bindings, with the shape of each.
    fn variants(&self, raw: &RawStatement, path: &[String]) -> Vec<(Binding, StatementShape)> {
        let one = |(text, calls): (&str, i64)| {
            let whole = sql::parse_one(text).ok()?;
            let statement = sql::planned(&whole).ok()?.statement;
            let statement = self.qualified(&statement.sql, path).unwrap_or(statement);
            let statement = self.typed(statement, path).ok()?;
            let runner = Runner { role: raw.role.as_deref(), path };
            let statement = self.under_policies(statement, &whole, runner).ok()?;
            sql::check_select(&statement).ok()?;
            // One with parameters has no constants to tell it apart by.
            if !sql::parameter_places(&statement.sql).ok()?.is_empty() {
                return None;
            }
            let shape = sql::analyze(&statement, self.catalog).ok()?;
            let binding = Binding {
                label: format!("as written in {calls} of {} calls", raw.calls),
                calls: Some(calls),
                sql: statement.sql,
                ..Binding::default()
            };
            Some((binding, shape))
        };
        raw.commonest().into_iter().filter_map(one).collect()
    }

    /// What is listed without being planned, since the time was up.
    #[must_use]
    pub fn left_out(&self, raw: &RawStatement, identity: StatementIdentity) -> TrackedStatement {
        let StatementIdentity { sql, query_hash, kind, unreadable } = identity;
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
            StatementIdentity { sql: normalised(&sql), query_hash, kind, unreadable: None },
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
        identity: StatementIdentity,
    ) -> Result<TrackedStatement, PgFailure> {
        let StatementIdentity { sql, query_hash, kind, unreadable } = identity;
        let plannable = match kind {
            QueryKind::User => match unreadable {
                Some(reason) => Err(reason),
                None => self.understand(session, raw).await?.map_err(|reason| match reason.code {
                    ReasonCode::NoPermission => self.with_grant(reason, raw),
                    ReasonCode::Refused => self.with_path(reason, raw),
                    _ => reason,
                }),
            },
            QueryKind::System => Err(why_system(&raw.sql)),
            QueryKind::Own => Err(NotPlanned::new(ReasonCode::Own, "it is OptiSchema's own")),
        };
        // PostgreSQL does not normalise every statement, and one of them may hold a password.
        let sql = if plannable.is_ok() { sql } else { normalised(&sql) };
        Ok(tracked(raw, StatementIdentity { sql, query_hash, kind, unreadable: None }, plannable))
    }
}

/// Calls that so many sightings stand for.
fn of_calls(raw: &RawStatement, seen: &sql::Seen, times: i64) -> i64 {
    let share = times as f64 / seen.total.max(1) as f64;
    ((raw.calls as f64 * share).round() as i64).max(1)
}

/// Where constants come from that `pg_stat_statements` hides.
fn remark_of(seen: &sql::Seen) -> String {
    let times = optischema::figures::counted(seen.times.max(0).cast_unsigned(), "time");
    match seen.other_choices {
        0 => format!("constants as pg_stat_activity showed them ({times})"),
        others => format!(
            "constants as pg_stat_activity showed them most often ({times}); {} seen, too",
            optischema::figures::counted(others as u64, "other choice")
        ),
    }
}

fn tracked(
    raw: &RawStatement,
    StatementIdentity { sql, query_hash, kind, .. }: StatementIdentity,
    plannable: Result<PlannableStatement, NotPlanned>,
) -> TrackedStatement {
    let RawStatement { calls, total_time_ms, rows, temp_blocks, .. } = *raw;
    TrackedStatement { query_hash, sql, kind, calls, total_time_ms, rows, temp_blocks, plannable }
}

/// Whether comparing so may show a value that a policy hides: PostgreSQL does it after the policy's conditions, and never by
/// an index.
const fn may_leak(kind: PredicateKind) -> bool {
    matches!(kind, PredicateKind::Prefix | PredicateKind::Pattern | PredicateKind::Containment)
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
        if plan.is_none() {
            let bound = sql::parse_one(&binding.sql)?;
            binding.sql.clone_from(&bound.sql);
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

#[cfg(test)]
mod tests;
