//! What-if planning with HypoPG. It writes nothing: hypothetical indexes live in the session's memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use optischema::advisor::{CostError, CostOracle, IndexCandidate, IndexMethod, WhatIf};
use optischema::model::TableName;
use optischema::plan::Plan;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use super::PgFailure;
use super::main_session::MainSession;
use super::plan_failure::PlanFailure;
use super::query;
use crate::sql;

/// Whether HypoPG can be called in the connected database.
pub async fn has_hypopg(session: &mut MainSession) -> Result<bool, PgFailure> {
    Ok(session.hypopg_schema().await?.is_some())
}

/// Costs statements on a planner, with hypothetical indexes.
#[derive(Debug)]
pub struct HypoOracle<'a> {
    session: &'a mut MainSession,
    /// The texts of statements by number, each with every set of values that it is planned with.
    statements: &'a [Vec<String>],
    /// Partitions of partitioned tables: an index on the whole is one on each.
    partitions: BTreeMap<TableName, Vec<TableName>>,
    /// What the first set of values of each statement costs without any of the indexes, where a plan has told.
    known: Vec<Option<f64>>,
    /// How much each set of values of a statement counts; all alike where nothing is said.
    weights: Vec<Vec<f64>>,
    deadline: Option<Instant>,
    /// When the search among what it has said must end.
    end: Option<Instant>,
    /// The indexes that stand now, in order, each with the OIDs that HypoPG gave it.
    standing: Vec<(IndexCandidate, Vec<i64>)>,
    schema: Option<String>,
    /// Whether the planner is one that nobody else depends on: there an index may carry any predicate.
    is_sandbox: bool,
    /// What was not asked as it stands, and why.
    notes: BTreeSet<String>,
    /// `EXPLAIN`s made, and the time that they and their indexes took.
    pub explained: u64,
    pub spent: Duration,
}

impl<'a> HypoOracle<'a> {
    /// An oracle for these statements.
    pub fn new(session: &'a mut MainSession, statements: &'a [Vec<String>]) -> Self {
        Self {
            session,
            statements,
            partitions: BTreeMap::new(),
            known: Vec::new(),
            weights: Vec::new(),
            deadline: None,
            end: None,
            standing: Vec::new(),
            schema: None,
            is_sandbox: false,
            notes: BTreeSet::new(),
            explained: 0,
            spent: Duration::ZERO,
        }
    }

    /// With the partitions of partitioned tables.
    #[must_use]
    pub fn with_partitions(mut self, partitions: BTreeMap<TableName, Vec<TableName>>) -> Self {
        self.partitions = partitions;
        self
    }

    /// With what the first set of values of each statement costs as the database is: it is not asked again.
    #[must_use]
    pub fn knowing(mut self, known: Vec<Option<f64>>) -> Self {
        self.known = known;
        self
    }

    /// With how often each set of values of a statement came up.
    #[must_use]
    pub fn weighing(mut self, weights: Vec<Vec<f64>>) -> Self {
        self.weights = weights;
        self
    }

    /// On the sandbox's server, where that is not main's: it may restart without harm.
    #[must_use]
    pub const fn on_sandbox(mut self, is_sandbox: bool) -> Self {
        self.is_sandbox = is_sandbox;
        self
    }

    /// What was not asked as it stands, and why: one sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.iter().cloned().collect()
    }

    /// The statement that makes an index hypothetical here. It is the only text that ever reaches HypoPG.
    ///
    /// HypoPG 1.3.1 to 1.4.4 can end the server process while a plan is made beside a hypothetical index with a
    /// predicate, and the server then restarts (HypoPG issue 116). Predicates of the plainest form were not seen to,
    /// so any other is left out, except on a sandbox.
    fn creation(&mut self, index: &IndexCandidate) -> String {
        let Some(predicate) = &index.predicate else { return index.create_sql(false) };
        if self.is_sandbox || sql::is_plain_predicate(&predicate.sql, &index.table.name) {
            return index.create_sql(false);
        }
        self.notes.insert(format!(
            "The index on {} is planned without its predicate ({}): HypoPG can crash the server that plans with such a predicate. The saving may be smaller than planned. Measure it in the sandbox.",
            index.table, predicate.sql
        ));
        IndexCandidate { predicate: None, ..index.clone() }.create_sql(false)
    }

    /// Until when it may be asked.
    #[must_use]
    pub const fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Until when what it has said may be searched.
    #[must_use]
    pub const fn ending(mut self, end: Instant) -> Self {
        self.end = Some(end);
        self
    }

    /// The plan of a statement with its first set of values, were these candidates real indexes.
    pub async fn plan(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<Value, CostError> {
        let plans = self.plans(statement, indexes, 0..1).await?;
        plans.into_iter().next().map(|(_, _, json)| json).ok_or_else(no_statement)
    }

    /// The plans that can be made, each with the number of its set of values.
    async fn plans(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
        sets: std::ops::Range<usize>,
    ) -> Result<Vec<(usize, Plan, Value)>, CostError> {
        let begun = Instant::now();
        let plans = self.planned(statement, indexes, sets).await;
        self.spent += begun.elapsed();
        plans
    }

    async fn planned(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
        sets: std::ops::Range<usize>,
    ) -> Result<Vec<(usize, Plan, Value)>, CostError> {
        let bound = self.statements.get(statement).ok_or_else(no_statement)?;
        self.stand(indexes).await?;
        let mut plans = Vec::new();
        let mut unfit = None;
        for (set, statement) in bound.iter().enumerate().take(sets.end).skip(sets.start) {
            self.explained += 1;
            match self.session.plan_text(statement).await {
                Ok((plan, json)) => plans.push((set, plan, json)),
                // Values that the statement cannot work with, beside any indexes: the other sets stand for it.
                Err(PlanFailure::Target(failure))
                    if failure.sqlstate().is_some_and(|state| state.starts_with("22")) =>
                {
                    unfit = Some(said(failure));
                }
                Err(error) => return Err(said(error)),
            }
        }
        match unfit {
            Some(reason) if plans.is_empty() && sets.start == 0 => Err(reason),
            _ => Ok(plans),
        }
    }

    /// Makes exactly these indexes stand: what stands already stays.
    async fn stand(&mut self, indexes: &[&IndexCandidate]) -> Result<(), CostError> {
        let schema = self.schema().await.map_err(said)?;
        let (stays, goes): (Vec<_>, Vec<_>) = std::mem::take(&mut self.standing)
            .into_iter()
            .partition(|(known, _)| indexes.contains(&known));
        self.standing = stays;
        let gone: Vec<i64> = goes.into_iter().flat_map(|(_, oids)| oids).collect();
        let missing: Vec<(usize, &IndexCandidate)> = indexes
            .iter()
            .enumerate()
            .filter(|(_, index)| !self.standing.iter().any(|(known, _)| known == **index))
            .map(|(position, index)| (position, *index))
            .collect();
        if gone.is_empty() && missing.is_empty() {
            return Ok(());
        }
        if self.change(&schema, &gone, &missing).await.is_ok() {
            return Ok(());
        }
        // One of them cannot be made: from the beginning, one by one, to see which.
        self.reset().await.map_err(said)?;
        for (position, index) in indexes.iter().enumerate() {
            if let Err(failure) = self.change(&schema, &[], &[(position, *index)]).await {
                if let PlanFailure::Target(target) = &failure
                    && (target.is_connection()
                        || target.is_about_a_moment()
                        || matches!(target, PgFailure::Spent(_)))
                {
                    return Err(said(failure));
                }
                return Err(CostError::Candidate { position, reason: failure.to_string() });
            }
        }
        Ok(())
    }

    /// Removes and makes indexes, in one round trip.
    async fn change(
        &mut self,
        schema: &str,
        gone: &[i64],
        missing: &[(usize, &IndexCandidate)],
    ) -> Result<(), PlanFailure> {
        // HypoPG works out what it can of an expression, as the planner does: it is judged like a statement.
        for (_, index) in missing {
            if let Some(evaluated) = sql::evaluated_by(index) {
                self.session.may_be_planned(&sql::parse_one(&evaluated)?).await?;
            }
        }
        let mut texts = Vec::new();
        let mut owners = Vec::new();
        for (at, (_, index)) in missing.iter().enumerate() {
            if index.method == IndexMethod::Gin {
                return Err(PgFailure::Unexpected("HypoPG cannot cost a GIN index".into()).into());
            }
            match self.partitions.get(&index.table) {
                None => {
                    texts.push(self.creation(index));
                    owners.push(at);
                }
                Some(parts) => {
                    for part in parts.clone() {
                        let index = IndexCandidate { table: part, ..(*index).clone() };
                        texts.push(self.creation(&index));
                        owners.push(at);
                    }
                }
            }
        }
        // In this order: the path of our own queries, since HypoPG looks up names of the index by it; what goes; what
        // is made; the path of before.
        let call = format!(
            "SELECT /* optischema */ NULL::pg_catalog.int8 AS made, 0::pg_catalog.int8 AS n
             FROM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)
             UNION ALL
             SELECT NULL::pg_catalog.int8, 0::pg_catalog.int8
             FROM pg_catalog.unnest($1::pg_catalog.int8[]) o, {schema}.hypopg_drop_index(o::pg_catalog.oid)
             UNION ALL
             SELECT (SELECT i.indexrelid FROM {schema}.hypopg_create_index(t.statement) i)::pg_catalog.int8, t.n
             FROM pg_catalog.unnest($2::pg_catalog.text[]) WITH ORDINALITY t (statement, n)
             UNION ALL
             SELECT NULL::pg_catalog.int8, 0::pg_catalog.int8 FROM pg_catalog.set_config('search_path', $3, true)"
        );
        let path = self.session.own_path();
        let made: Vec<(i64, i64)> = self
            .session
            .what_if(async |connection| {
                let query = query(AssertSqlSafe(call)).bind(gone).bind(&texts).bind(path);
                let rows = query.fetch_all(connection).await?;
                let mut made = Vec::new();
                for row in rows {
                    if let Some(oid) = row.try_get::<Option<i64>, _>("made")? {
                        made.push((row.try_get("n")?, oid));
                    }
                }
                Ok(made)
            })
            .await?;
        for (at, (_, index)) in missing.iter().enumerate() {
            let oids = made.iter().filter(|(n, _)| {
                let place = usize::try_from(n - 1).ok();
                place.and_then(|place| owners.get(place)) == Some(&at)
            });
            self.standing.push(((*index).clone(), oids.map(|(_, oid)| *oid).collect()));
        }
        Ok(())
    }

    /// Where its functions stand; never looked for by a search path.
    async fn schema(&mut self) -> Result<String, PgFailure> {
        if self.schema.is_none() {
            self.schema = self.session.hypopg_schema().await?;
            self.reset().await?;
        }
        self.schema.clone().ok_or_else(|| PgFailure::Unexpected("HypoPG is not installed".into()))
    }

    /// Hypothetical indexes outlive a ROLLBACK, so they are removed at the beginning and at the end.
    pub async fn reset(&mut self) -> Result<(), PgFailure> {
        let Some(schema) = &self.schema else { return Ok(()) };
        let call = format!("SELECT /* optischema */ {schema}.hypopg_reset()");
        query(AssertSqlSafe(call)).execute(self.session.connection().await?).await?;
        // Only now: where it fails they stand still.
        self.standing.clear();
        Ok(())
    }

    /// Positions of the indexes that a plan uses: HypoPG names them `<oid>method_table_columns`.
    fn used(&self, plan: &Plan, indexes: &[&IndexCandidate]) -> Vec<usize> {
        let mut used = Vec::new();
        for name in plan.root.walk().filter_map(|node| node.index_name.as_deref()) {
            let oid = name.strip_prefix('<').and_then(|rest| rest.split_once('>'));
            let Some(oid) = oid.and_then(|(oid, _)| oid.parse::<i64>().ok()) else { continue };
            let owner = self.standing.iter().find(|(_, oids)| oids.contains(&oid));
            let position = owner.and_then(|(index, _)| indexes.iter().position(|i| *i == index));
            used.extend(position);
        }
        used
    }
}

fn no_statement() -> CostError {
    CostError::Statement("there is no such statement".into())
}

fn said(failure: impl std::fmt::Display) -> CostError {
    CostError::Statement(failure.to_string())
}

#[async_trait]
impl CostOracle for HypoOracle<'_> {
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<WhatIf, CostError> {
        let known = self.known.get(statement).copied().flatten().filter(|_| indexes.is_empty());
        let first = usize::from(known.is_some());
        let plans = self.plans(statement, indexes, first..usize::MAX).await?;
        // One common value would hide what the many others cost.
        let weights = self.weights.get(statement);
        let costs = plans.iter().map(|(set, plan, _)| (*set, plan.root.total_cost));
        let costs = costs.chain(known.map(|cost| (0, cost)));
        let (sum, count) = costs.fold((0.0, 0.0), |(sum, count), (set, cost)| {
            let weight = weights.and_then(|weights| weights.get(set)).copied().unwrap_or(1.0);
            (sum + weight * cost, count + weight)
        });
        if count <= 0.0 {
            return Err(no_statement());
        }
        let used = plans.iter().flat_map(|(_, plan, _)| self.used(plan, indexes)).collect();
        Ok(WhatIf { cost: sum / count, used })
    }

    fn known(&self, statement: usize) -> Option<f64> {
        self.known.get(statement).copied().flatten()
    }

    async fn rest(&mut self) {
        // Where main is lost, the next question says so.
        if let Err(failure) = self.session.rest().await {
            tracing::debug!(%failure, "main was lost between two questions");
        }
    }

    fn is_out_of_time(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }
}
