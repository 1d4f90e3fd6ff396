//! What-if planning with HypoPG. It writes nothing: hypothetical indexes live in the session's memory.

use async_trait::async_trait;
use optischema::advisor::{CostError, CostOracle, IndexCandidate};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use super::PgFailure;
use super::main_session::{MainSession, PlanFailure};
use crate::sql::Statement;

/// Whether HypoPG can be called in the connected database.
pub async fn has_hypopg(session: &mut MainSession) -> Result<bool, PgFailure> {
    Ok(session.hypopg_schema().await?.is_some())
}

/// Costs statements on main's planner, with hypothetical indexes.
#[derive(Debug)]
pub struct HypoOracle<'a> {
    session: &'a mut MainSession,
    /// Statements by number, each with every set of values that it is planned with.
    statements: &'a [Vec<Statement>],
}

impl<'a> HypoOracle<'a> {
    /// An oracle for these statements.
    pub fn new(session: &'a mut MainSession, statements: &'a [Vec<Statement>]) -> Self {
        Self { session, statements }
    }

    /// The plan of a statement with its first set of values, were these candidates real indexes.
    pub async fn plan(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<Value, CostError> {
        let plans = self.plans(statement, indexes, 1).await?;
        plans.into_iter().next().map(|(_, json)| json).ok_or_else(no_statement)
    }

    async fn plans(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
        most: usize,
    ) -> Result<Vec<(f64, Value)>, CostError> {
        let bound = self.statements.get(statement).ok_or_else(no_statement)?;
        if let Err(failure) = self.create(indexes).await {
            self.reset().await.map_err(said)?;
            return Err(said(failure));
        }
        let mut plans = Vec::new();
        let mut failed = None;
        for statement in bound.iter().take(most) {
            match self.session.plan(statement).await {
                Ok((plan, json)) => plans.push((plan.root.total_cost, json)),
                Err(error) => failed = Some(CostError(error.to_string())),
            }
        }
        self.reset().await.map_err(said)?;
        match failed {
            Some(error) => Err(error),
            None => Ok(plans),
        }
    }

    async fn create(&mut self, indexes: &[&IndexCandidate]) -> Result<(), PlanFailure> {
        let call = format!("SELECT {}.hypopg_create_index($1)", self.schema().await?);
        for index in indexes {
            let statement = index.create_sql(false);
            let call = AssertSqlSafe(call.clone());
            // Behind a savepoint: an index that cannot be made must not end the whole analysis.
            self.session
                .guarded(async |connection| {
                    let made = sqlx::query(call).bind(statement);
                    made.execute(connection).await?;
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }

    /// Where its functions stand; never looked for by a search path.
    async fn schema(&mut self) -> Result<String, PgFailure> {
        let schema = self.session.hypopg_schema().await?;
        schema.ok_or_else(|| PgFailure::Unexpected("HypoPG is not installed".into()))
    }

    /// Hypothetical indexes outlive a ROLLBACK, so they are removed each time.
    async fn reset(&mut self) -> Result<(), PgFailure> {
        let call = format!("SELECT {}.hypopg_reset()", self.schema().await?);
        sqlx::query(AssertSqlSafe(call)).execute(self.session.connection()).await?;
        Ok(())
    }
}

fn no_statement() -> CostError {
    CostError("there is no such statement".into())
}

fn said(failure: impl std::fmt::Display) -> CostError {
    CostError(failure.to_string())
}

#[async_trait]
impl CostOracle for HypoOracle<'_> {
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<f64, CostError> {
        let plans = self.plans(statement, indexes, usize::MAX).await?;
        if plans.is_empty() {
            return Err(no_statement());
        }
        // One common value would hide what the many others cost.
        Ok(plans.iter().map(|(cost, _)| cost).sum::<f64>() / plans.len() as f64)
    }

    async fn size(&mut self, index: &IndexCandidate) -> Result<i64, CostError> {
        let statement = index.create_sql(false);
        let schema = self.schema().await.map_err(said)?;
        let call = format!(
            "SELECT {schema}.hypopg_relation_size(indexrelid)::int8 AS bytes
             FROM {schema}.hypopg_create_index($1)"
        );
        let bytes = self
            .session
            .guarded(async |connection| {
                let row =
                    sqlx::query(AssertSqlSafe(call)).bind(statement).fetch_one(connection).await?;
                Ok(row.try_get::<i64, _>("bytes")?)
            })
            .await;
        self.reset().await.map_err(said)?;
        bytes.map_err(said)
    }
}
