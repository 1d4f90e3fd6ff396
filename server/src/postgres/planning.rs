//! Asking main's planner. Nothing of what is asked stays behind.
//!
//! `EXPLAIN` with values written into it is an entry of its own in `pg_stat_statements`, and so is one for each
//! statement that is explained. A statement is therefore prepared (`PREPARE` is not tracked), its constants as
//! parameters, and `EXPLAIN EXECUTE` is the only text that the view sees: always the same one for the same types. The
//! values travel in settings of the session. PostgreSQL makes a custom plan each time, for just these values.

use std::collections::BTreeMap;
use std::time::Instant;

use optischema::plan::Plan;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::explain::explain;
use super::plan_failure::PlanFailure;
use super::{Budget, ExplainMode, PgFailure, query};
use crate::sql::{self, Constant, Left, Parameterised, Statement};

/// The name that every statement is prepared under.
const NAME: &str = "optischema_plan";
/// Values in one setting. Each parameter reads its setting as a whole: were all values in one, the work and the memory
/// would grow with the square of their number.
const GROUP: usize = 16;
/// `pg_stat_statements` records the places of parameters as it does those of constants, from this version on.
const FIRST_THAT_KEEPS_PARAMETERS: i32 = 180_000;
/// OIDs from here on are the database's own.
const FIRST_OWN_OID: i64 = 16_384;

/// How a statement is asked about.
#[derive(Debug, Clone)]
enum Form {
    Bound(std::sync::Arc<Parameterised>),
    /// As it is: its constants cannot be bound.
    Literal,
}

/// What `pg_stat_statements` keeps of this role's statements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tracking {
    #[default]
    None,
    /// Those that are sent.
    Top,
    /// Those inside others too: the statement that is explained is one.
    All,
}

/// What the session has prepared, and what is known of each statement.
#[derive(Debug, Default)]
pub(super) struct Planner {
    budget: Budget,
    tracking: Tracking,
    /// Whether a text that is prepared is an entry, though it has parameters only: PostgreSQL from 18 on.
    keeps_parameters: bool,
    forms: BTreeMap<String, Form>,
    prepared: Option<Prepared>,
    /// What the session's settings hold; absent where it is not known.
    values: Option<Vec<String>>,
}

#[derive(Debug)]
struct Prepared {
    sql: String,
    /// Types that were declared for its parameters: a whole number and one with decimals make other plans of one text.
    declared: Vec<String>,
    /// Types of its parameters as SQL names them, each with its schema.
    types: Vec<String>,
}

/// How a question went.
pub(super) enum Asked {
    Plan(Box<(Plan, Value)>),
    /// PostgreSQL does not take the constants as parameters: it is to be asked again, as it is.
    NotBound,
}

impl Planner {
    pub(super) fn new(budget: Budget, tracking: Tracking, version_number: i32) -> Self {
        let keeps_parameters = version_number >= FIRST_THAT_KEEPS_PARAMETERS;
        Self { budget, tracking, keeps_parameters, ..Self::default() }
    }

    /// How long the next question must wait; where it need not, it is counted.
    pub(super) fn wait(&self) -> Option<std::time::Duration> {
        self.budget.planner_call()
    }

    /// Counts an entry that a text is in `pg_stat_statements`.
    pub(super) fn leaves(&self, text: &str) -> Result<(), PgFailure> {
        match self.tracking {
            Tracking::None => Ok(()),
            Tracking::Top | Tracking::All => self.budget.new_text(text),
        }
    }

    fn leaves_hidden(&self, text: &str) -> Result<(), PgFailure> {
        match self.tracking {
            Tracking::None => Ok(()),
            Tracking::Top | Tracking::All => self.budget.new_hidden_text(text),
        }
    }

    /// Counts what preparing a statement leaves there.
    ///
    /// # Errors
    /// It leaves an entry, and there were as many as may be in this hour.
    pub(super) fn leaves_prepared(&self, statement: &Statement) -> Result<(), PlanFailure> {
        let left = sql::left_by(statement)?;
        Ok(match (self.tracking, left) {
            (Tracking::None, _) => Ok(()),
            (Tracking::All, _) | (Tracking::Top, Left::WithConstants) => {
                self.leaves(&statement.sql)
            }
            (Tracking::Top, Left::WithParameters) if self.keeps_parameters => {
                self.budget.new_hidden_text(&statement.sql)
            }
            (Tracking::Top, Left::WithParameters | Left::Nothing) => Ok(()),
        }?)
    }

    /// Explains a statement that [`Self::learn`] was told of. Where it fails the transaction must go back to its savepoint,
    /// and this must be told ([`Self::went_back`]).
    pub(super) async fn ask(
        &mut self,
        connection: &mut PgConnection,
        mode: ExplainMode,
        sql: &str,
    ) -> Result<Asked, PgFailure> {
        let begun = Instant::now();
        let answer = match self.forms.get(sql).cloned().unwrap_or(Form::Literal) {
            Form::Bound(bound) => self.ask_bound(connection, mode, sql, &bound).await,
            Form::Literal => {
                self.leaves(sql)?;
                explain(connection, mode, sql).await.map(|found| Asked::Plan(Box::new(found)))
            }
        };
        self.budget.planned(begun.elapsed());
        answer
    }

    /// Counts the time of a question that was asked without [`Self::ask`].
    pub(super) fn took(&self, time: std::time::Duration) {
        self.budget.planned(time);
    }

    /// The transaction went back: what was set since is gone.
    pub(super) fn went_back(&mut self) {
        self.values = None;
    }

    /// Whether it is known how to ask about a text.
    pub(super) fn knows(&self, sql: &str) -> bool {
        self.forms.contains_key(sql)
    }

    /// Takes the constants out of a statement, where that was not done before.
    pub(super) fn learn(&mut self, statement: &Statement) {
        if self.knows(&statement.sql) {
            return;
        }
        let form = match sql::parameterised(statement) {
            Ok(bound) => Form::Bound(std::sync::Arc::new(bound)),
            // It has parameters of its own.
            Err(_) => Form::Literal,
        };
        self.forms.insert(statement.sql.clone(), form);
    }

    async fn ask_bound(
        &mut self,
        connection: &mut PgConnection,
        mode: ExplainMode,
        sql: &str,
        bound: &Parameterised,
    ) -> Result<Asked, PgFailure> {
        // PostgreSQL keeps an entry for what it prepares where that has constants.
        if bound.has_constants || self.tracking == Tracking::All {
            self.leaves(&bound.sql)?;
        } else if self.keeps_parameters && !bound.constants.is_empty() {
            self.leaves_hidden(&bound.sql)?;
        }
        let is_prepared = self.prepared.as_ref().is_some_and(|known| {
            known.sql == bound.sql
                && known
                    .declared
                    .iter()
                    .map(String::as_str)
                    .eq(bound.constants.iter().map(declared_type))
        });
        if !is_prepared && let Err(failure) = self.prepare(connection, bound).await {
            return if failure.sqlstate().is_some_and(|state| state.starts_with("42")) {
                self.forms.insert(sql.to_owned(), Form::Literal);
                Ok(Asked::NotBound)
            } else {
                Err(failure)
            };
        }
        let Some(prepared) = &self.prepared else {
            self.forms.insert(sql.to_owned(), Form::Literal);
            return Ok(Asked::NotBound);
        };
        let call = execute_text(&prepared.types);
        self.leaves(&call)?;
        let values: Vec<String> = bound.constants.iter().map(|c| c.text.clone()).collect();
        if self.values.as_ref() != Some(&values) && !values.is_empty() {
            let groups: Vec<String> = values.chunks(GROUP).map(array_text).collect();
            query(
                "SELECT /* optischema */ pg_catalog.count(pg_catalog.set_config(pg_catalog.concat('optischema.values_', u.n), u.value, true))
                 FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY u (value, n)",
            )
            .bind(&groups)
            .execute(&mut *connection)
            .await?;
            self.values = Some(values);
        }
        Ok(Asked::Plan(Box::new(explain(connection, mode, &call).await?)))
    }

    /// Prepares; nothing is prepared afterwards where a parameter turned out to be of a type of the database's own
    /// that the statement does not name: reading such a value would run what the guard has not looked at.
    async fn prepare(
        &mut self,
        connection: &mut PgConnection,
        bound: &Parameterised,
    ) -> Result<(), PgFailure> {
        self.forget(connection).await?;
        let declared: Vec<&str> = bound.constants.iter().map(declared_type).collect();
        // With at least one parameter there is no plan that PostgreSQL keeps: it would not see a new index.
        let types = declared.iter().copied().chain(["pg_catalog.int4"]).collect::<Vec<_>>();
        let text = format!("PREPARE {NAME} ({}) AS {}", types.join(", "), bound.sql);
        query(AssertSqlSafe(text)).execute(&mut *connection).await?;
        let declared: Vec<String> = declared.iter().map(|name| (*name).to_owned()).collect();
        let types = declared.clone();
        self.prepared = Some(Prepared { sql: bound.sql.clone(), declared, types });
        if bound.constants.iter().all(|constant| constant.type_name.is_some()) {
            return Ok(());
        }
        let inferred = match inferred_types(connection).await {
            Ok(inferred) => inferred,
            Err(failure) => {
                // Whatever is prepared has no types that could be used: the next question prepares anew.
                if let Some(prepared) = &mut self.prepared {
                    prepared.sql.clear();
                }
                return Err(failure);
            }
        };
        let unnamed = bound.constants.iter().zip(&inferred).filter(|(c, _)| c.type_name.is_none());
        if unnamed.into_iter().any(|(_, (_, oid))| *oid >= FIRST_OWN_OID) {
            return self.forget(connection).await;
        }
        if let Some(prepared) = &mut self.prepared {
            for ((known, constant), (name, _)) in
                prepared.types.iter_mut().zip(&bound.constants).zip(inferred)
            {
                if constant.type_name.is_none() {
                    *known = name;
                }
            }
        }
        Ok(())
    }

    /// Removes what is prepared: it would stay in the server's memory.
    pub(super) async fn forget(&mut self, connection: &mut PgConnection) -> Result<(), PgFailure> {
        if self.prepared.is_some() {
            query("DEALLOCATE optischema_plan").execute(connection).await?;
            // Only now: where it fails, it stays.
            self.prepared = None;
        }
        Ok(())
    }
}

fn declared_type(constant: &Constant) -> &str {
    constant.type_name.as_deref().unwrap_or("unknown")
}

/// The call, the same for all statements with parameters of these types.
fn execute_text(types: &[String]) -> String {
    let read = |(place, name): (usize, &String)| {
        let (group, number) = (1 + place / GROUP, 1 + place % GROUP);
        format!(
            "(pg_catalog.current_setting('optischema.values_{group}')::pg_catalog.text[])[{number}]::{name}"
        )
    };
    let values = (0..).zip(types).map(read).chain(["0".to_owned()]);
    format!("EXECUTE {NAME}({})", values.collect::<Vec<_>>().join(", "))
}

/// An array of texts, as PostgreSQL reads it.
fn array_text(values: &[String]) -> String {
    let quoted = |value: &String| {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    };
    format!("{{{}}}", values.iter().map(quoted).collect::<Vec<_>>().join(","))
}

/// Types of the prepared statement's parameters, as SQL names them, and their OIDs. Every operator is named in full:
/// the path is the database's.
async fn inferred_types(connection: &mut PgConnection) -> Result<Vec<(String, i64)>, PgFailure> {
    let rows = query(
        "SELECT /* optischema */ t.oid::pg_catalog.int8 AS oid,
                pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(t.typname)) AS name
         FROM pg_catalog.pg_prepared_statements p,
              LATERAL pg_catalog.unnest(p.parameter_types) WITH ORDINALITY u (type, n)
         JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) u.type::pg_catalog.oid
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
         WHERE p.name OPERATOR(pg_catalog.=) 'optischema_plan' ORDER BY u.n",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("oid")?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_says_nothing_but_types() {
        let types = ["\"int4\"".to_owned()];
        assert_eq!(
            execute_text(&types),
            "EXECUTE optischema_plan((pg_catalog.current_setting('optischema.values_1')::pg_catalog.text[])[1]::\"int4\", 0)"
        );
        let many = vec!["\"int4\"".to_owned(); GROUP + 2];
        assert!(execute_text(&many).contains("optischema.values_2')::pg_catalog.text[])[2]"));
        assert_eq!(execute_text(&[]), "EXECUTE optischema_plan(0)");
    }

    #[test]
    fn values_are_quoted() {
        let values = ["a".to_owned(), "b\\\"c,}".to_owned(), String::new()];
        assert_eq!(array_text(&values), r#"{"a","b\\\"c,}",""}"#);
    }
}
