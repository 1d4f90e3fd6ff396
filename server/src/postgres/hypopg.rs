//! What-if planning with HypoPG. It writes nothing: hypothetical indexes live in the session's memory.

use async_trait::async_trait;
use optischema::advisor::{CostError, CostOracle, IndexCandidate};
use serde_json::Value;
use sqlx::Row;

use super::main_session::{MainSession, PlanFailure};
use super::PgFailure;
use crate::sql::Statement;

/// Whether HypoPG can be called in the connected database.
pub async fn has_hypopg(session: &mut MainSession) -> Result<bool, PgFailure> {
    let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'hypopg') AS present")
        .fetch_one(session.connection())
        .await?;
    Ok(row.try_get("present")?)
}

/// Costs statements on main's planner, with hypothetical indexes.
#[derive(Debug)]
pub struct HypoOracle<'a> {
    session: &'a mut MainSession,
    /// Statements with their parameters bound, by number.
    statements: &'a [Statement],
}

impl<'a> HypoOracle<'a> {
    /// An oracle for these statements.
    pub fn new(session: &'a mut MainSession, statements: &'a [Statement]) -> Self {
        Self { session, statements }
    }

    /// The plan of a statement, were these candidates real indexes.
    pub async fn plan(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<(f64, Value), CostError> {
        let statement = self
            .statements
            .get(statement)
            .ok_or_else(|| CostError("there is no such statement".into()))?;
        self.create(indexes).await.map_err(said)?;
        let planned = self.session.plan(statement).await;
        self.reset().await.map_err(said)?;
        let (plan, json) = planned.map_err(|error: PlanFailure| CostError(error.to_string()))?;
        Ok((plan.root.total_cost, json))
    }

    async fn create(&mut self, indexes: &[&IndexCandidate]) -> Result<(), PgFailure> {
        for index in indexes {
            sqlx::query("SELECT hypopg_create_index($1)")
                .bind(index.create_sql(false))
                .execute(self.session.connection())
                .await?;
        }
        Ok(())
    }

    /// Hypothetical indexes outlive a ROLLBACK, so they are removed each time.
    async fn reset(&mut self) -> Result<(), PgFailure> {
        sqlx::query("SELECT hypopg_reset()").execute(self.session.connection()).await?;
        Ok(())
    }
}

fn said(failure: PgFailure) -> CostError {
    CostError(failure.to_string())
}

#[async_trait]
impl CostOracle for HypoOracle<'_> {
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<f64, CostError> {
        Ok(self.plan(statement, indexes).await?.0)
    }

    async fn size(&mut self, index: &IndexCandidate) -> Result<i64, CostError> {
        let row = sqlx::query(
            "SELECT hypopg_relation_size(indexrelid)::int8 AS bytes FROM hypopg_create_index($1)",
        )
        .bind(index.create_sql(false))
        .fetch_one(self.session.connection())
        .await;
        let bytes = row.and_then(|row| row.try_get("bytes")).map_err(|error| said(error.into()))?;
        self.reset().await.map_err(said)?;
        Ok(bytes)
    }
}
