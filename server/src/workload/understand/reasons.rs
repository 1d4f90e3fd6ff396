//! Why a statement is not planned.

use optischema::model::{NotPlanned, PlannedAs, ReasonCode, TableName, quote_identifier};

use super::Reader;
use crate::postgres::{PgFailure, PlanFailure};
use crate::sql::{self, Statement};
use crate::workload::RawStatement;

pub(super) enum Unplannable {
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
pub(super) const NO_PERMISSION: &str = "42501";

/// What PostgreSQL says of a statement that it does not plan.
pub(super) fn refused(failure: &PgFailure) -> NotPlanned {
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

pub(super) fn target_or_reason<T>(result: Result<T, PlanFailure>) -> Result<T, Unplannable> {
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

/// Of FETCH and EXECUTE something is known: they run a query that stands elsewhere.
pub(super) fn why_system(text: &str) -> NotPlanned {
    sql::runs_another(text).unwrap_or_else(|| {
        NotPlanned::new(ReasonCode::System, "it reads no table of the application")
    })
}

/// What a statement may run that is counted with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calling {
    Nothing,
    /// Functions of the database.
    Functions,
    /// Triggers, perhaps.
    Writes,
}

impl Reader<'_> {
    /// What a text may run besides itself.
    #[must_use]
    pub fn calling(&self, text: &str) -> Calling {
        if sql::runs_code(text) {
            return Calling::Functions;
        }
        let unwrapped = sql::unwrapped(text.trim());
        let Ok(statement) = sql::parse_one(unwrapped.as_deref().unwrap_or(text.trim())) else {
            return Calling::Nothing;
        };
        let calls = sql::calls(&statement).unwrap_or_default();
        let is_own = |f: &sql::Name| self.catalog.functions.contains(&f.name);
        if calls.functions.iter().any(is_own) {
            return Calling::Functions;
        }
        match sql::written(&statement.sql, self.catalog) {
            None => Calling::Nothing,
            Some(_) => Calling::Writes,
        }
    }

    /// A reason with what makes a function known that stands off the path of the role on main, where it calls one.
    pub(super) fn with_path(&self, reason: NotPlanned, raw: &RawStatement) -> NotPlanned {
        let known = sql::parse_one(raw.sql.trim()).ok().and_then(|s| sql::calls(&s).ok());
        let off_path = known.and_then(|calls| {
            calls.functions.iter().find_map(|called| {
                let schemas = self.catalog.function_schemas.get(&called.name)?;
                let is_on_path = schemas.iter().any(|s| self.catalog.search_path.contains(s));
                let schema = schemas.first().filter(|_| called.schema.is_empty() && !is_on_path)?;
                Some((schema.clone(), called.name.clone()))
            })
        });
        let Some((schema, name)) = off_path.filter(|_| reason.remedy.is_none()) else {
            return reason;
        };
        let path = self.catalog.search_path.iter().chain(std::iter::once(&schema));
        let path: Vec<String> = path.map(|schema| quote_identifier(schema)).collect();
        let remedy = format!(
            "where it means {schema}.{name}: ALTER ROLE {} IN DATABASE {} SET search_path = {};",
            self.role(),
            quote_identifier(&self.catalog.database),
            path.join(", ")
        );
        NotPlanned { remedy: Some(remedy), ..reason }
    }

    /// That another session had one of its tables for itself; absent where none had.
    pub(super) fn locked(&self, statement: &Statement, path: &[String]) -> Option<NotPlanned> {
        let is_known = |table: &TableName| {
            self.catalog.locked.contains(table) || self.catalog.tables.contains_key(table)
        };
        let found = sql::relation_names(statement).into_iter().filter_map(|(schema, name)| {
            if !schema.is_empty() {
                return Some(TableName::new(schema, name));
            }
            let mut on_path = path.iter().map(|schema| TableName::new(schema, &name));
            on_path.find(|table| is_known(table))
        });
        let table = found.into_iter().find(|table| self.catalog.locked.contains(table))?;
        Some(NotPlanned::with_remedy(
            ReasonCode::Refused,
            format!("another session had {table} for itself (ACCESS EXCLUSIVE)"),
            "ask again once it is done",
        ))
    }

    /// That a statement names a table without its schema, and which tables of that name there are; absent where there are
    /// none.
    pub(super) fn elsewhere(&self, statement: &Statement) -> Option<NotPlanned> {
        let named = sql::relation_names(statement);
        let mut open = named
            .iter()
            .filter(|(schema, name)| schema.is_empty() && self.catalog.resolve("", name).is_none());
        let (name, others) = open.find_map(|(_, name)| {
            let others: Vec<String> = self
                .catalog
                .tables
                .keys()
                .filter(|table| table.name == *name)
                .map(ToString::to_string)
                .collect();
            (!others.is_empty()).then_some((name, others))
        })?;
        let shown = others.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if others.len() > 3 { " and others" } else { "" };
        Some(NotPlanned::with_remedy(
            ReasonCode::NoTable,
            format!("it reads {name} by an unknown search path: there are {shown}{more}"),
            format!(
                "the path of its role (ALTER ROLE … SET search_path), or SET search_path = … before it in a file, tells which: {} for one",
                others.first().map_or("", String::as_str)
            ),
        ))
    }

    /// Why a statement that reads no table itself is not planned.
    pub(super) fn why_no_table(&self, statement: &Statement, how: PlannedAs) -> NotPlanned {
        let calls = sql::calls(statement).unwrap_or_default();
        let called = calls.functions.iter().find(|f| self.catalog.functions.contains(&f.name));
        match (called, how) {
            (Some(called), _) if self.sees_inside => NotPlanned::new(
                ReasonCode::NoTable,
                format!("it only calls {}, and what that runs is listed by itself", called.name),
            ),
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
}
