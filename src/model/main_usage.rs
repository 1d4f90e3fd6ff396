//! What OptiSchema may take from main, and what it takes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Limits of what OptiSchema takes from main.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MainLimits {
    /// Connections open at once, at least 1.
    pub connections: u32,
    /// `EXPLAIN`s a minute, at least 1.
    pub planner_calls_per_minute: u32,
    /// Seconds of planning a minute, 1 to 60 for each connection.
    pub planner_seconds_per_minute: u32,
    /// Texts an hour that are an entry of `pg_stat_statements` each: one for the same types of parameters, and one for
    /// each statement with constants that cannot be bound.
    pub texts_per_hour: u32,
}

impl Default for MainLimits {
    fn default() -> Self {
        Self {
            connections: 8,
            planner_calls_per_minute: 30_000,
            planner_seconds_per_minute: 50,
            texts_per_hour: 250,
        }
    }
}

/// What is in use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MainUsage {
    pub limits: MainLimits,
    /// Connections open now.
    pub connections: u32,
    /// `EXPLAIN`s of the current minute.
    pub planner_calls: u32,
    /// Seconds of planning of the current minute.
    pub planner_seconds: f64,
    /// Texts of the current hour.
    pub texts: u32,
}

impl MainUsage {
    /// In one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let limits = &self.limits;
        format!(
            "OptiSchema uses {} of {} connections to main. This minute it made {} of {} planner calls, which took {:.1} of {} seconds. This hour it left {} of {} texts in pg_stat_statements.",
            self.connections,
            limits.connections,
            self.planner_calls,
            limits.planner_calls_per_minute,
            self.planner_seconds,
            limits.planner_seconds_per_minute,
            self.texts,
            limits.texts_per_hour
        )
    }
}
