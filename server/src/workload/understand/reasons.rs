//! Why a statement is not planned.

use optischema::model::{NotPlanned, PlannedAs, ReasonCode};

use super::Reader;
use crate::postgres::{PgFailure, PlanFailure};
use crate::sql::{self, Statement};

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
            format!("it reads {name} by a search path that nobody knows: there are {shown}{more}"),
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
