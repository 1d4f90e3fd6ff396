//! The plans that a statement had, and when one took another's place.

use optischema::model::{PlanJson, QueryEvent, QueryPlan, Timestamp};
use optischema::plan::{diff, findings, parse_plan};
use sqlx::Row;

use super::row::{integer, json, number, parsed, text, to_json};
use super::{Store, StoreError};

/// A plan that was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenPlan {
    /// The query's id in the store.
    pub query: i64,
    /// Whether `auto_explain` wrote it; else main's planner gave it.
    pub logged: bool,
    /// What makes it the same as another.
    pub outline_hash: String,
    pub plan: PlanJson,
    pub binding: String,
    pub total_cost: f64,
}

/// Plans of one statement that are kept.
const KEPT: i64 = 10;

impl Store {
    /// Keeps a plan: a known one is seen again; another one than last time is an event.
    pub async fn record_plans(&self, seen: &[SeenPlan], at: Timestamp) -> Result<(), StoreError> {
        if seen.is_empty() {
            return Ok(());
        }
        let mut write = self.write().await?;
        for plan in seen {
            let source = if plan.logged { "logged" } else { "planned" };
            let last = sqlx::query(
                "SELECT id, last_seen_at FROM query_plans WHERE query = ?1 AND source = ?2
                 ORDER BY last_seen_at DESC, id DESC LIMIT 1",
            )
            .bind(plan.query)
            .bind(source)
            .fetch_optional(&mut *write)
            .await?;
            let row = sqlx::query(
                "INSERT INTO query_plans (query, outline_hash, plan_json, source, binding, total_cost,
                     first_seen_at, last_seen_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
                 ON CONFLICT (query, source, outline_hash) DO UPDATE SET plan_json = excluded.plan_json,
                     binding = excluded.binding, total_cost = excluded.total_cost,
                     last_seen_at = excluded.last_seen_at
                 RETURNING id",
            )
            .bind(plan.query)
            .bind(&plan.outline_hash)
            .bind(to_json("plan_json", &plan.plan)?)
            .bind(source)
            .bind(&plan.binding)
            .bind(plan.total_cost)
            .bind(at.to_string())
            .fetch_one(&mut *write)
            .await?;
            let id = integer(&row, "id")?;
            let before = match &last {
                Some(row) => Some((integer(row, "id")?, text(row, "last_seen_at")?)),
                None => None,
            };
            let before = before.filter(|(before, _)| *before != id);
            if let (Some((before, seen_at)), false) = (before, plan.logged) {
                sqlx::query(
                    "INSERT INTO query_events (query, at, before_seen_at, plan_before, plan_after)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )
                .bind(plan.query)
                .bind(at.to_string())
                .bind(seen_at)
                .bind(before)
                .bind(id)
                .execute(&mut *write)
                .await?;
            }
            sqlx::query(
                "DELETE FROM query_plans WHERE query = ?1 AND id NOT IN
                     (SELECT id FROM query_plans WHERE query = ?1 ORDER BY last_seen_at DESC, id DESC LIMIT ?2)",
            )
            .bind(plan.query)
            .bind(KEPT)
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// A statement's plans, the one seen last first.
    pub async fn query_plans(&self, query: i64) -> Result<Vec<QueryPlan>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM query_plans WHERE query = ?1 ORDER BY last_seen_at DESC, id DESC",
        )
        .bind(query)
        .fetch_all(&self.readers)
        .await?;
        let mut plans = Vec::new();
        let mut has_current = false;
        for row in &rows {
            let plan: PlanJson = json(row, "plan_json")?;
            let source = text(row, "source")?;
            let current = source == "planned" && !has_current;
            has_current |= current;
            plans.push(QueryPlan {
                id: integer(row, "id")?,
                source,
                binding: text(row, "binding")?,
                total_cost: number(row, "total_cost")?,
                first_seen_at: parsed(row, "first_seen_at")?,
                last_seen_at: parsed(row, "last_seen_at")?,
                current,
                findings: parse_plan(&plan).map(|plan| findings(&plan)).unwrap_or_default(),
                plan,
            });
        }
        Ok(plans)
    }

    /// When a statement's plan changed, the last change first, with what a call took before and after.
    pub async fn query_events(
        &self,
        database: &str,
        query: i64,
        plans: &[QueryPlan],
    ) -> Result<Vec<QueryEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM query_events WHERE query = ?1 ORDER BY at DESC, id DESC LIMIT 50",
        )
        .bind(query)
        .fetch_all(&self.readers)
        .await?;
        let plan = |id: i64| {
            plans.iter().find(|plan| plan.id == id).and_then(|plan| parse_plan(&plan.plan).ok())
        };
        let mut events = Vec::new();
        for row in &rows {
            let at: Timestamp = parsed(row, "at")?;
            let (before, after) = (integer(row, "plan_before")?, integer(row, "plan_after")?);
            let seen: Timestamp = parsed(row, "before_seen_at")?;
            let moved =
                |at: Timestamp, offset| Timestamp::from_millisecond(at.as_millisecond() + offset);
            let hour = 3_600_000;
            events.push(QueryEvent {
                at,
                plan_before: before,
                plan_after: after,
                diff: plan(before).zip(plan(after)).map(|(before, after)| diff(&before, &after)),
                mean_before_ms: self
                    .mean_between(database, query, moved(seen, -hour), seen)
                    .await?,
                mean_after_ms: self.mean_between(database, query, at, moved(at, hour)).await?,
            });
        }
        Ok(events)
    }

    /// Milliseconds of one call between two moments, by the finest periods that are still kept.
    async fn mean_between(
        &self,
        database: &str,
        query: i64,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Option<f64>, StoreError> {
        for seconds in [60, 600, 3600] {
            let row = sqlx::query(
                "SELECT sum(d.total_time_ms) / sum(d.calls) AS mean
                 FROM workload_periods p JOIN workload_deltas d ON d.period = p.id AND d.query = ?2
                 WHERE p.database = ?1 AND p.seconds = ?3 AND p.started_at >= ?4 AND p.started_at < ?5",
            )
            .bind(database)
            .bind(query)
            .bind(seconds)
            .bind(from.to_string())
            .bind(to.to_string())
            .fetch_one(&self.readers)
            .await?;
            let mean: Option<f64> = row.try_get("mean")?;
            if mean.is_some() {
                return Ok(mean);
            }
        }
        Ok(None)
    }
}
