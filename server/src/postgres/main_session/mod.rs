//! Main, which is only ever read and planned on: one transaction, `READ ONLY`, pinned by its first
//! SELECT, and rolled back at the end.

mod opening;
mod reading;
mod sharing;
mod types;

use std::time::{Duration, Instant};

use optischema::model::TableName;
use optischema::plan::Plan;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use self::opening::{follows_advice, open, own_advice, room, tracking};
pub use self::sharing::Snapshot;
pub(crate) use self::types::PREPARED_AS;
use self::types::types_of;
use super::connection::{OWN_QUERIES_PATH, look_again};
use super::plan_failure::PlanFailure;
use super::planning::{Asked, Planner, Tracking};
use super::query;
use super::suspects::{Suspects, schema_of_trusted};
use super::{Dsn, ExplainMode, PgFailure, Session, connect_main, explain};
use crate::sql::{self, Statement};

/// What the database has is looked at anew after this time, and locks of planned statements are given back.
const LONGEST_TRANSACTION: Duration = Duration::from_secs(5);
/// What is called of HypoPG.
pub(super) const HYPOPG_CALLS: &[&str] =
    &["hypopg_create_index(text)", "hypopg_drop_index(oid)", "hypopg_reset()"];

/// A read-only transaction on main.
#[derive(Debug)]
pub struct MainSession {
    session: Session,
    dsn: Dsn,
    /// Whether the connection was lost before.
    was_lost: bool,
    /// Read when the first statement is to be planned.
    suspects: Option<Suspects>,
    /// Schema of HypoPG, once it was asked for.
    hypopg: Option<String>,
    /// Functions that the person vouches for.
    trusted: Vec<String>,
    /// Whether the transaction has the database's own search path, behind a savepoint.
    is_on_own_path: bool,
    /// Texts that have passed.
    approved: std::collections::HashSet<String>,
    planner: Planner,
    /// Advice that main's own sessions plan with, and these do not.
    own_advice: Vec<(String, String)>,
    /// When the transaction began.
    begun: Instant,
    /// The transaction failed outside a savepoint: a new one must begin.
    is_spoilt: bool,
    /// What was asked of the session, and is asked of each transaction that begins.
    asked: Asking,
}

#[derive(Debug, Default)]
struct Asking {
    name: Option<String>,
    rows_whole: bool,
    /// Until when it waits for main's budget.
    until: Option<Instant>,
}

impl MainSession {
    /// Connects and begins.
    pub async fn begin(dsn: &Dsn) -> Result<Self, PgFailure> {
        let mut session = connect_main(dsn).await?;
        open(&mut session.connection).await?;
        let tracking = tracking(&mut session.connection).await?;
        if tracking != Tracking::None {
            let room = match room(&mut session.connection).await {
                Ok(room) => room,
                Err(failure) if failure.is_connection() => return Err(failure),
                // Where the view cannot be read there is no room that is known of; the health check says why.
                Err(_) => {
                    execute(&mut session.connection, "ROLLBACK").await?;
                    open(&mut session.connection).await?;
                    0
                }
            };
            dsn.budget().found_room(room);
        }
        let planner = Planner::new(dsn.budget().clone(), tracking, session.version_number);
        let own_advice = own_advice(&mut session.connection).await?;
        Ok(Self {
            own_advice,
            session,
            dsn: dsn.clone(),
            was_lost: false,
            planner,
            suspects: None,
            hypopg: None,
            trusted: dsn.trusted_functions().to_vec(),
            is_on_own_path: false,
            approved: std::collections::HashSet::new(),
            begun: Instant::now(),
            is_spoilt: false,
            asked: Asking::default(),
        })
    }

    /// Connects anew where the connection is lost, and begins: once, since a main that ends its processes is left alone.
    ///
    /// # Errors
    /// Main is out of reach, or the connection was lost before.
    pub async fn begin_again(&mut self) -> Result<(), PgFailure> {
        if self.was_lost {
            return Err(PgFailure::Unreachable("the connection was lost twice".into()));
        }
        let asked = std::mem::take(&mut self.asked);
        *self = Self { asked, was_lost: true, ..Self::begin(&self.dsn).await? };
        if let Some(name) = self.asked.name.clone() {
            self.session.name(&name).await?;
        }
        if self.asked.rows_whole {
            self.read_rows_whole().await?;
        }
        Ok(())
    }

    /// A second session like this one, at once or not at all: what is left of main's connections is for others too.
    ///
    /// # Errors
    /// Main is out of reach, or no connection is free.
    pub async fn another(&self) -> Result<Self, PgFailure> {
        if !self.dsn.budget().has_connections_to_spare() {
            return Err(PgFailure::Busy("no connection to main is to spare".into()));
        }
        let mut other = Self::begin(&self.dsn).await?;
        other.asked.until = self.asked.until;
        Ok(other)
    }

    /// From here on rows are read whole or not at all: a policy would run its functions, and leave rows out in
    /// silence.
    ///
    /// # Errors
    /// Main is lost.
    pub async fn read_rows_whole(&mut self) -> Result<(), PgFailure> {
        self.asked.rows_whole = true;
        execute(&mut self.session.connection, "SET LOCAL row_security = off").await
    }

    /// From here on nothing waits for main's budget longer than until then: what would is refused.
    pub fn wait_until(&mut self, until: Instant) {
        self.asked.until = Some(until);
    }

    /// The search path that the database or the role sets.
    #[must_use]
    pub fn own_path(&self) -> String {
        self.session.own_path.clone().unwrap_or_else(|| "pg_catalog".to_owned())
    }

    /// The schema of HypoPG, quoted, where it is installed and is what its script makes.
    pub(super) async fn hypopg_schema(&mut self) -> Result<Option<String>, PgFailure> {
        if self.hypopg.is_none() {
            self.leave_own_path().await?;
            let connection = &mut self.session.connection;
            self.hypopg = match schema_of_trusted(connection, "hypopg", HYPOPG_CALLS).await {
                // Planned without, as where it is missing; the health check names it.
                Err(PgFailure::Unexpected(reason)) => {
                    tracing::warn!(reason, "HypoPG is not used");
                    None
                }
                other => other?,
            };
        }
        Ok(self.hypopg.clone())
    }

    /// The connection, for OptiSchema's own queries on the catalogs: names are looked for in PostgreSQL's own schema.
    ///
    /// # Errors
    /// Main is lost.
    pub async fn connection(&mut self) -> Result<&mut PgConnection, PgFailure> {
        if self.is_spoilt {
            self.begin_transaction().await?;
        }
        self.leave_own_path().await?;
        Ok(&mut self.session.connection)
    }

    /// `pg_backend_pid()`: what a cancel request names.
    #[must_use]
    pub const fn backend_pid(&self) -> i32 {
        self.session.backend_pid
    }

    /// Schemas of the search path that are there, in order.
    ///
    /// # Errors
    /// Main is lost.
    pub async fn search_path(&mut self) -> Result<Vec<String>, PgFailure> {
        let row = query(
            "SELECT /* optischema */ pg_catalog.current_setting('optischema.search_path')::pg_catalog.text[] AS path",
        )
        .fetch_one(&mut self.session.connection)
        .await?;
        Ok(row.try_get("path")?)
    }

    /// Names the connection, so that it can be found and stopped.
    ///
    /// # Errors
    /// Main is lost.
    pub async fn name(&mut self, name: &str) -> Result<(), PgFailure> {
        self.asked.name = Some(name.to_owned());
        self.session.name(name).await
    }

    /// `server_version`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.session.version
    }

    /// `server_version_num`.
    #[must_use]
    pub const fn version_number(&self) -> i32 {
        self.session.version_number
    }

    /// Makes the session fit for one more plan: within main's budget, in a transaction that is young. What the database
    /// has is looked at anew in each transaction, and while it waits for the budget the session holds no lock and no
    /// snapshot on main.
    async fn prepare_to_plan(&mut self) -> Result<(), PgFailure> {
        let mut wait = self.planner.wait();
        if wait.is_none() && !self.is_spoilt && self.begun.elapsed() < LONGEST_TRANSACTION {
            return Ok(());
        }
        // In this order: nothing but a rollback works in a transaction that failed.
        execute(&mut self.session.connection, "ROLLBACK").await?;
        self.planner.forget(&mut self.session.connection).await?;
        while let Some(time) = wait {
            if self.asked.until.is_some_and(|until| Instant::now() + time > until) {
                self.begin_anew().await?;
                return Err(PgFailure::Spent(format!(
                    "OptiSchema has asked main's planner for as much as it may within a minute: ask again in {} s, or raise OPTISCHEMA_MAIN_PLANNER_CALLS_PER_MINUTE and OPTISCHEMA_MAIN_PLANNER_SECONDS_PER_MINUTE",
                    time.as_secs() + 1
                )));
            }
            tracing::warn!(
                seconds = time.as_secs(),
                "this minute's planner budget of main is spent: waiting"
            );
            tokio::time::sleep(time).await;
            wait = self.planner.wait();
        }
        self.begin_anew().await
    }

    /// Begins a transaction where none is open.
    async fn begin_anew(&mut self) -> Result<(), PgFailure> {
        // The path that was set in the transaction is gone with it, and the session's own is back.
        open(&mut self.session.connection).await?;
        if let Some(name) = &self.asked.name {
            self.session.name(name).await?;
        }
        if self.asked.rows_whole {
            self.read_rows_whole().await?;
        }
        self.begun = Instant::now();
        self.is_spoilt = false;
        self.is_on_own_path = false;
        self.suspects = None;
        self.approved.clear();
        self.planner.went_back();
        Ok(())
    }

    /// Whether a statement may be planned at all: its form, and every function in its reach.
    async fn check(&mut self, statement: &Statement) -> Result<(), PlanFailure> {
        if self.approved.contains(&statement.sql) {
            return Ok(());
        }
        sql::check_select(statement)?;
        if let Err(failure) = self.read_suspects().await {
            self.is_spoilt = true;
            return Err(failure);
        }
        // What views read is asked for with every name in full.
        if self.suspects.as_ref().is_some_and(|suspects| suspects.asks_for(statement)) {
            self.leave_own_path().await?;
        }
        if let Some(suspects) = &self.suspects
            && let Err(failure) = suspects.check(&mut self.session.connection, statement).await
        {
            // Where PostgreSQL refused the question, the transaction has failed.
            self.is_spoilt |= matches!(failure, PlanFailure::Target(_));
            return Err(failure);
        }
        self.approved.insert(statement.sql.clone());
        Ok(())
    }

    /// Our own queries look for names in PostgreSQL's own schema only.
    async fn leave_own_path(&mut self) -> Result<(), PgFailure> {
        if self.is_on_own_path {
            set_path(&mut self.session.connection, OWN_QUERIES_PATH).await?;
            execute(&mut self.session.connection, "RELEASE SAVEPOINT what_if").await?;
            self.is_on_own_path = false;
        }
        Ok(())
    }

    /// Reads what must not be reached, where this transaction has not yet. Our own queries follow, and find
    /// PostgreSQL's own names only.
    async fn read_suspects(&mut self) -> Result<(), PlanFailure> {
        if self.suspects.is_none() {
            self.leave_own_path().await?;
            let (trusted, path) = (self.trusted.clone(), self.own_path());
            look_again(&mut self.session.connection, &path).await?;
            let read =
                async |connection: &mut PgConnection| Suspects::read(connection, &trusted).await;
            let found = match self.guarded(read).await {
                Err(PlanFailure::Target(failure)) if failure.is_about_a_moment() => {
                    self.begin_transaction().await?;
                    look_again(&mut self.session.connection, &path).await?;
                    self.guarded(read).await?
                }
                found => found?,
            };
            self.suspects = Some(found);
            // A large catalog may take longer to read than a transaction lasts: it lasts so long from here on.
            self.begun = Instant::now();
        }
        Ok(())
    }

    /// Whether a statement may be planned, in a session that is fit for it.
    ///
    /// # Errors
    /// Planning it could run a function of the database's, or take too much of main's memory; or main is lost.
    pub(super) async fn may_be_planned(
        &mut self,
        statement: &Statement,
    ) -> Result<(), PlanFailure> {
        if self.approved.contains(&statement.sql) {
            return Ok(());
        }
        self.prepare_to_plan().await?;
        self.check(statement).await
    }

    /// Whether a query of our own on a person's tables may be sent: it is planned, and then run.
    ///
    /// # Errors
    /// Planning it could run a function of the database's, or take too much of main's memory.
    pub async fn may_be_read(&mut self, statement: &Statement) -> Result<(), PlanFailure> {
        self.check(statement).await
    }

    /// Whether a statement that may write could run in the sandbox: its form, and every function in its reach. Nothing of
    /// it is planned here.
    ///
    /// # Errors
    /// Running it could run a function of the database's, or one that does more than give a result.
    pub async fn may_be_run(&mut self, statement: &Statement) -> Result<(), PlanFailure> {
        sql::check_runnable(statement)?;
        if let Err(failure) = self.read_suspects().await {
            self.is_spoilt = true;
            return Err(failure);
        }
        self.leave_own_path().await?;
        let Some(suspects) = &self.suspects else { return Ok(()) };
        let checked = suspects.check(&mut self.session.connection, statement).await;
        self.is_spoilt |= matches!(checked, Err(PlanFailure::Target(_)));
        checked
    }

    /// Whether the rows of a table may be sent as they are: no query is planned, and values are written by the
    /// functions of their types.
    ///
    /// # Errors
    /// One of these functions is the database's.
    pub async fn may_be_sent(&mut self, table: &TableName) -> Result<(), PlanFailure> {
        self.read_suspects().await?;
        match &self.suspects {
            Some(suspects) => Ok(suspects.check_sending(table)?),
            None => Ok(()),
        }
    }

    /// Plans a statement that the guard passes; nothing of it runs. A failure leaves the session usable.
    pub async fn plan(&mut self, statement: &Statement) -> Result<(Plan, Value), PlanFailure> {
        self.plan_as(statement, ExplainMode::Plan).await
    }

    async fn plan_as(
        &mut self,
        statement: &Statement,
        mode: ExplainMode,
    ) -> Result<(Plan, Value), PlanFailure> {
        self.prepare_to_plan().await?;
        self.check(statement).await?;
        self.planner.learn(statement);
        self.ask(&statement.sql, mode).await
    }

    /// The same for the text of a statement that was parsed before: it is parsed again only where the guard must look
    /// again.
    pub(crate) async fn plan_text(&mut self, sql: &str) -> Result<(Plan, Value), PlanFailure> {
        self.prepare_to_plan().await?;
        if self.approved.contains(sql) && self.planner.knows(sql) {
            return self.ask(sql, ExplainMode::Plan).await;
        }
        let statement = sql::parse_one(sql)?;
        self.check(&statement).await?;
        self.planner.learn(&statement);
        self.ask(&statement.sql, ExplainMode::Plan).await
    }

    /// Asks for the plan of a statement that has passed.
    async fn ask(&mut self, sql: &str, mode: ExplainMode) -> Result<(Plan, Value), PlanFailure> {
        loop {
            self.enter_own_path().await?;
            let connection = &mut self.session.connection;
            let asked = self.planner.ask(connection, mode, sql).await;
            if !matches!(asked, Ok(Asked::Plan(..))) {
                execute(connection, "ROLLBACK TO SAVEPOINT what_if").await?;
                self.planner.went_back();
            }
            if let Asked::Plan(found) = asked? {
                return Ok(*found);
            }
        }
    }

    /// The same, with settings that hold for this plan alone: names and values.
    async fn plan_under(
        &mut self,
        statement: &Statement,
        mode: ExplainMode,
        settings: &[(String, String)],
    ) -> Result<(Plan, Value), PlanFailure> {
        self.prepare_to_plan().await?;
        self.check(statement).await?;
        self.planner.learn(statement);
        let path = self.own_path();
        loop {
            let connection = &mut self.session.connection;
            execute(connection, "SAVEPOINT step").await?;
            set_path(connection, &path).await?;
            for (name, value) in settings {
                query("SELECT /* optischema */ pg_catalog.set_config($1, $2, true)")
                    .bind(name)
                    .bind(value)
                    .execute(&mut *connection)
                    .await
                    .map_err(PgFailure::from)?;
            }
            let asked = self.planner.ask(connection, mode, &statement.sql).await;
            execute(connection, "ROLLBACK TO SAVEPOINT step").await?;
            execute(connection, "RELEASE SAVEPOINT step").await?;
            self.planner.went_back();
            if let Asked::Plan(found) = asked? {
                return Ok(*found);
            }
        }
    }

    /// Whether main's own plan of a statement is pinned by advice.
    ///
    /// # Errors
    /// As of [`Self::plan`].
    pub async fn is_pinned(&mut self, statement: &Statement) -> Result<bool, PlanFailure> {
        if self.own_advice.is_empty() {
            return Ok(false);
        }
        let advice = self.own_advice.clone();
        let (_, plan) = self.plan_under(statement, ExplainMode::Plan, &advice).await?;
        Ok(follows_advice(&plan))
    }

    /// One of many steps with the database's own search path: path and savepoint are set once for all of
    /// them, and only a failure goes back there.
    pub(super) async fn what_if<T>(
        &mut self,
        step: impl AsyncFnOnce(&mut PgConnection) -> Result<T, PgFailure>,
    ) -> Result<T, PlanFailure> {
        if self.is_spoilt {
            execute(&mut self.session.connection, "ROLLBACK").await?;
            self.planner.forget(&mut self.session.connection).await?;
            self.begin_anew().await?;
        }
        self.enter_own_path().await?;
        let connection = &mut self.session.connection;
        let result = step(connection).await;
        if result.is_err() {
            execute(connection, "ROLLBACK TO SAVEPOINT what_if").await?;
            self.planner.went_back();
        }
        Ok(result?)
    }

    /// Gives what follows the database's own search path, behind a savepoint.
    async fn enter_own_path(&mut self) -> Result<(), PgFailure> {
        if !self.is_on_own_path {
            let path = self.own_path();
            set_path(&mut self.session.connection, &path).await?;
            execute(&mut self.session.connection, "SAVEPOINT what_if").await?;
            self.is_on_own_path = true;
        }
        Ok(())
    }

    /// The same, with schemas named. A statement whose parameters have no values gets the plan that
    /// PostgreSQL makes for any.
    pub async fn plan_verbose(
        &mut self,
        statement: &Statement,
    ) -> Result<(Plan, Value), PlanFailure> {
        let places = sql::parameter_places(&statement.sql)?;
        let parameters: std::collections::BTreeSet<i32> =
            places.into_iter().map(|(_, number)| number).collect();
        if parameters.is_empty() {
            return self.plan_as(statement, ExplainMode::Verbose).await;
        }
        self.prepare_to_plan().await?;
        self.check(statement).await?;
        let path = self.own_path();
        let count = parameters.last().copied().unwrap_or_default();
        let values = vec!["NULL"; usize::try_from(count).unwrap_or_default()].join(", ");
        let prepare = format!("PREPARE optischema_generic AS {}", statement.sql);
        self.planner.leaves_prepared(statement)?;
        let asked = Instant::now();
        let planned = self
            .guarded(async |connection| {
                set_path(connection, &path).await?;
                query(AssertSqlSafe(prepare)).execute(&mut *connection).await?;
                execute(connection, "SET LOCAL plan_cache_mode = force_generic_plan").await?;
                let call = format!("EXECUTE optischema_generic({values})");
                explain(connection, ExplainMode::Verbose, &call).await
            })
            .await;
        // A rollback does not take it away. Where it was not made there is nothing to remove.
        drop(self.guarded(async |c| execute(c, "DEALLOCATE optischema_generic").await).await);
        self.planner.took(asked.elapsed());
        planned
    }

    /// The types that PostgreSQL infers for `$1`, `$2`, …, as their names.
    pub async fn parameter_types(
        &mut self,
        statement: &Statement,
    ) -> Result<Vec<String>, PlanFailure> {
        self.prepare_to_plan().await?;
        self.check(statement).await?;
        self.planner.leaves_prepared(statement)?;
        self.enter_own_path().await?;
        let asked = Instant::now();
        let connection = &mut self.session.connection;
        let types = types_of(connection, &statement.sql).await;
        if let Err(failure) = &types {
            execute(connection, "ROLLBACK TO SAVEPOINT what_if").await?;
            self.planner.went_back();
            // Against a text that PostgreSQL does not take nothing was prepared. Else it may be, and a rollback does not take
            // it away; where it is not, there is nothing to remove.
            if !failure.is_about_the_text() {
                drop(self.guarded(async |c| execute(c, "DEALLOCATE optischema_types").await).await);
            }
        }
        self.planner.took(asked.elapsed());
        Ok(types?)
    }

    /// Runs a step behind a savepoint, so that its failure does not end the transaction.
    pub(crate) async fn guarded<T>(
        &mut self,
        step: impl AsyncFnOnce(&mut PgConnection) -> Result<T, PgFailure>,
    ) -> Result<T, PlanFailure> {
        self.leave_own_path().await?;
        let connection = &mut self.session.connection;
        execute(connection, "SAVEPOINT step").await?;
        let result = step(connection).await;
        execute(connection, "ROLLBACK TO SAVEPOINT step").await?;
        execute(connection, "RELEASE SAVEPOINT step").await?;
        self.planner.went_back();
        Ok(result?)
    }

    /// Reads a table's rows by a COPY that [`Self::may_be_sent`] or [`Self::may_be_read`] allows; what the step sets holds
    /// for the step, and a failure leaves the session usable.
    ///
    /// # Errors
    /// Main is lost; or as many texts as may be in this hour have been left in `pg_stat_statements`.
    pub async fn copy<T>(
        &mut self,
        text: &str,
        step: impl AsyncFnOnce(&mut PgConnection) -> T,
    ) -> Result<T, PlanFailure> {
        self.planner.leaves(text)?;
        self.guarded(async |connection| Ok(step(connection).await)).await
    }

    /// Ends the transaction.
    pub async fn end(mut self) -> Result<(), PgFailure> {
        execute(&mut self.session.connection, "ROLLBACK").await?;
        self.planner.forget(&mut self.session.connection).await?;
        sqlx::Connection::close(self.session.connection).await?;
        Ok(())
    }
}

/// For the transaction or the step.
async fn set_path(connection: &mut PgConnection, path: &str) -> Result<(), PgFailure> {
    query("SELECT /* optischema */ pg_catalog.set_config('search_path', $1, true)")
        .bind(path)
        .execute(connection)
        .await?;
    Ok(())
}

async fn execute(connection: &mut PgConnection, statement: &'static str) -> Result<(), PgFailure> {
    query(statement).execute(connection).await?;
    Ok(())
}
