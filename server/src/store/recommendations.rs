//! Recommendations: refreshed in place, moved through their statuses, listed page by page.

use optischema::lifecycle::{RecommendationEvent, may_dismiss_beside, recommendation_after};
use optischema::model::{
    DEFAULT_PAGE, LatestBenchmark, Proposal, QueryHash, Recommendation, RecommendationCounts,
    RecommendationFilter, RecommendationId, RecommendationPage, RecommendationSort,
    RecommendationStatus, TableFilter, Timestamp,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::clock::{new_id, now};

use super::advice::clear_dismissal;
use super::audit::{AuditRecord, append};
use super::changes::stands_for_good;
use super::filters::push_table;
use super::predictions::score;
use super::queue::live_job;
use super::row::{
    corrupt, integer, json, number, optional_json, optional_parsed, optional_text, parsed, text,
    to_json,
};
use super::{Store, StoreError};

impl Store {
    /// One recommendation.
    pub async fn recommendation(&self, id: RecommendationId) -> Result<Recommendation, StoreError> {
        let mut reader = self.readers.acquire().await?;
        fetch(&mut reader, id).await
    }

    /// A page of them, with the counts by status.
    pub async fn recommendations(
        &self,
        database: &str,
        filter: &RecommendationFilter,
    ) -> Result<RecommendationPage, StoreError> {
        let limit = filter.limit.unwrap_or(DEFAULT_PAGE);
        // Ids are put in order first: evidence and plans are not carried through a sort.
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT * FROM recommendations WHERE id IN (SELECT id FROM recommendations WHERE database = ",
        );
        query.push_bind(database);
        if let Some(status) = filter.status {
            query.push(" AND status = ").push_bind(status.as_str());
        }
        push_common(&mut query, filter);
        push_fold(&mut query, filter, true);
        let order = order_of(filter.sort.unwrap_or(RecommendationSort::Impact));
        if let Some(cursor) = &filter.cursor {
            query.push(format_args!(
                " AND ({0}, id) {1} (SELECT {0}, id FROM recommendations WHERE id = ",
                order.key, order.beyond
            ));
            query.push_bind(cursor.to_string()).push(")");
        }
        query.push(format_args!(" ORDER BY {0} {1}, id {1} LIMIT ", order.key, order.direction));
        query.push_bind(i64::from(limit) + 1);
        query.push(format_args!(") ORDER BY {0} {1}, id {1}", order.key, order.direction));
        let rows = query.build().fetch_all(&self.readers).await?;
        let mut items = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items.last().filter(|_| more).map(|last| last.id.to_string());
        let counts = self.recommendation_counts(database, filter).await?;
        let (folded, folded_below) = (self.folded(database, filter).await?, filter.folded_below);
        Ok(RecommendationPage { items, next_cursor, counts, folded, folded_below })
    }

    async fn folded(
        &self,
        database: &str,
        filter: &RecommendationFilter,
    ) -> Result<i64, StoreError> {
        let is_of_open = filter.status.is_none_or(|s| s == RecommendationStatus::Pending);
        if filter.folded_below.is_none() || !is_of_open {
            return Ok(0);
        }
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT count(*) AS total FROM recommendations WHERE database = ",
        );
        query.push_bind(database);
        push_common(&mut query, filter);
        push_fold(&mut query, filter, false);
        integer(&query.build().fetch_one(&self.readers).await?, "total")
    }

    async fn recommendation_counts(
        &self,
        database: &str,
        filter: &RecommendationFilter,
    ) -> Result<RecommendationCounts, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT status, count(*) AS total FROM recommendations WHERE database = ",
        );
        query.push_bind(database);
        push_common(&mut query, filter);
        push_fold(&mut query, filter, true);
        query.push(" GROUP BY status");
        let mut counts = RecommendationCounts::default();
        for row in query.build().fetch_all(&self.readers).await? {
            counts.set(parsed(&row, "status")?, integer(&row, "total")?);
        }
        Ok(counts)
    }

    /// Recommendations that a statement is evidence for, open ones first.
    pub async fn recommendations_for(
        &self,
        database: &str,
        hash: &optischema::model::QueryHash,
    ) -> Result<Vec<Recommendation>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM recommendations WHERE database = ?1 AND (query_hash = ?2 OR EXISTS (
                 SELECT 1 FROM json_each(evidence_json, '$.statements') s
                 WHERE s.value->>'query_hash' = ?2))
             ORDER BY status IN ('applied', 'dismissed'), estimated_improvement_percent DESC LIMIT 20",
        )
        .bind(database)
        .bind(&hash.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(from_row).collect()
    }

    /// Dismisses it, with the person's reason.
    pub async fn dismiss(
        &self,
        id: RecommendationId,
        reason: Option<&str>,
        audit: &AuditRecord,
    ) -> Result<Recommendation, StoreError> {
        let mut write = self.write().await?;
        let recommendation = fetch(&mut write, id).await?;
        if let Some(live) = live_job(&mut write, Some(id), &recommendation.database).await? {
            may_dismiss_beside(live.job_type)?;
        }
        let for_good = stands_for_good(&mut write, id).await?;
        let event = RecommendationEvent::Dismissed { for_good };
        let status = recommendation_after(recommendation.status, event)?;
        set_applied(&mut write, id, None).await?;
        sqlx::query(
            "UPDATE recommendations SET status = ?2, dismissed_reason = ?3, updated_at = ?4,
                 dismissed_by = 'person', dismissed_magnitude = magnitude WHERE id = ?1",
        )
        .bind(id.to_string())
        .bind(status.as_str())
        .bind(reason)
        .bind(now().to_string())
        .execute(&mut *write)
        .await?;
        let dismissed = fetch(&mut write, id).await?;
        append(&mut write, audit).await?;
        write.commit().await?;
        Ok(dismissed)
    }

    /// Takes a dismissed one back into the list.
    pub async fn restore(
        &self,
        id: RecommendationId,
        audit: &AuditRecord,
    ) -> Result<Recommendation, StoreError> {
        let mut write = self.write().await?;
        let recommendation = fetch(&mut write, id).await?;
        let event = RecommendationEvent::Restored {
            benchmarked: recommendation.latest_benchmark.is_some(),
        };
        set_status(&mut write, id, recommendation_after(recommendation.status, event)?).await?;
        clear_dismissal(&mut write, id).await?;
        let restored = fetch(&mut write, id).await?;
        append(&mut write, audit).await?;
        write.commit().await?;
        Ok(restored)
    }
}

impl Store {
    /// Lists what a person typed in; the same again is the same recommendation.
    pub async fn add_typed(
        &self,
        database: &str,
        proposal: &Proposal,
    ) -> Result<Recommendation, StoreError> {
        let mut write = self.write().await?;
        let id = upsert(&mut write, database, proposal).await?;
        let recommendation = fetch(&mut write, id).await?;
        write.commit().await?;
        Ok(recommendation)
    }
}

pub(super) async fn upsert(
    write: &mut SqliteConnection,
    database: &str,
    proposal: &Proposal,
) -> Result<RecommendationId, StoreError> {
    let at = now().to_string();
    let plan = proposal
        .execution_plan_json
        .as_ref()
        .map(|plan| to_json("execution_plan_json", plan))
        .transpose()?;
    let row = sqlx::query(
        "INSERT INTO recommendations (id, database, query_hash, recommendation_type, title,
             description, sql_fix, original_sql, patch_sql, execution_plan_json,
             estimated_improvement_percent, confidence_score, risk_level, status, created_at,
             updated_at, tables_json, evidence_json, fingerprint, magnitude,
             base_confidence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15, ?16, ?17, ?18, ?19,
             ?12)
         ON CONFLICT (database, fingerprint) DO UPDATE SET
             query_hash = excluded.query_hash, title = excluded.title,
             description = excluded.description, sql_fix = excluded.sql_fix,
             original_sql = excluded.original_sql, patch_sql = excluded.patch_sql,
             execution_plan_json = excluded.execution_plan_json,
             estimated_improvement_percent = excluded.estimated_improvement_percent,
             confidence_score = excluded.confidence_score, risk_level = excluded.risk_level,
             updated_at = excluded.updated_at, tables_json = excluded.tables_json,
             evidence_json = excluded.evidence_json, magnitude = excluded.magnitude,
             base_confidence = excluded.base_confidence
         RETURNING id",
    )
    .bind(new_id().to_string())
    .bind(database)
    .bind(&proposal.query_hash.0)
    .bind(proposal.recommendation_type.as_str())
    .bind(&proposal.title)
    .bind(&proposal.description)
    .bind(&proposal.sql_fix)
    .bind(&proposal.original_sql)
    .bind(&proposal.patch_sql)
    .bind(plan)
    .bind(proposal.estimated_improvement_percent)
    .bind(proposal.confidence_score)
    .bind(proposal.risk_level.as_str())
    .bind(RecommendationStatus::Pending.as_str())
    .bind(at)
    .bind(to_json("tables_json", &proposal.tables)?)
    .bind(to_json("evidence_json", &proposal.evidence)?)
    .bind(&proposal.fingerprint)
    .bind(proposal.magnitude)
    .fetch_one(&mut *write)
    .await?;
    let id = parsed(&row, "id")?;
    score(write, id).await?;
    Ok(id)
}

/// One recommendation, inside a transaction or out of it.
pub(super) async fn fetch(
    connection: &mut SqliteConnection,
    id: RecommendationId,
) -> Result<Recommendation, StoreError> {
    let row = sqlx::query("SELECT * FROM recommendations WHERE id = ?1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::NotFound { what: "recommendation", id: id.to_string() })?;
    from_row(&row)
}

/// Moves it to a status that the lifecycle allowed.
pub(super) async fn set_status(
    write: &mut SqliteConnection,
    id: RecommendationId,
    status: RecommendationStatus,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE recommendations SET status = ?2, updated_at = ?3 WHERE id = ?1")
        .bind(id.to_string())
        .bind(status.as_str())
        .bind(now().to_string())
        .execute(write)
        .await?;
    Ok(())
}

/// Notes that the change stands in the sandbox since `at`, or no longer does.
pub(super) async fn set_applied(
    write: &mut SqliteConnection,
    id: RecommendationId,
    applied: Option<(Timestamp, &str)>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE recommendations SET applied = ?2, applied_at = ?3, rollback_sql = ?4 WHERE id = ?1",
    )
    .bind(id.to_string())
    .bind(i64::from(applied.is_some()))
    .bind(applied.map(|(at, _)| at.to_string()))
    .bind(applied.map(|(_, rollback)| rollback))
    .execute(write)
    .await?;
    Ok(())
}

/// Keeps what its last completed benchmark found.
pub(super) async fn set_latest_benchmark(
    write: &mut SqliteConnection,
    id: RecommendationId,
    latest: &LatestBenchmark,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE recommendations SET latest_benchmark_json = ?2 WHERE id = ?1")
        .bind(id.to_string())
        .bind(to_json("latest_benchmark_json", latest)?)
        .execute(write)
        .await?;
    Ok(())
}

struct Order {
    /// An expression over columns; fixed text, never a person's.
    key: &'static str,
    direction: &'static str,
    beyond: &'static str,
}

const fn order_of(sort: RecommendationSort) -> Order {
    match sort {
        RecommendationSort::Impact => Order {
            key: "coalesce(estimated_improvement_percent, -1e9)",
            direction: "DESC",
            beyond: "<",
        },
        RecommendationSort::Confidence => {
            Order { key: "confidence_score", direction: "DESC", beyond: "<" }
        }
        RecommendationSort::Newest => Order { key: "created_at", direction: "DESC", beyond: "<" },
        RecommendationSort::Oldest => Order { key: "created_at", direction: "ASC", beyond: ">" },
        RecommendationSort::Title => Order { key: "title", direction: "ASC", beyond: ">" },
    }
}

/// What is listed, or what is folded away: open ones that are planned to save little.
fn push_fold(query: &mut QueryBuilder<Sqlite>, filter: &RecommendationFilter, is_listed: bool) {
    let Some(percent) = filter.folded_below else { return };
    query.push(if is_listed { " AND NOT " } else { " AND " });
    query.push(
        "(status = 'pending' AND NOT coalesce(evidence_json->>'at_least', 0) AND coalesce(estimated_improvement_percent, evidence_json->>'share_percent', 100.0) < ",
    );
    query.push_bind(percent).push(")");
}

/// Every condition but the status, so that the counts show what the other statuses hold.
fn push_common(query: &mut QueryBuilder<Sqlite>, filter: &RecommendationFilter) {
    if let Some(kind) = filter.recommendation_type {
        query.push(" AND recommendation_type = ").push_bind(kind.as_str());
    }
    push_table(query, "tables_json", filter.table.clone().map(TableFilter::One));
    for word in filter.search.iter().flat_map(|search| search.split_whitespace()) {
        let pattern =
            format!("%{}%", word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        query.push(
            " AND (title || ' ' || description || ' ' || sql_fix || ' ' || original_sql) LIKE ",
        );
        query.push_bind(pattern).push(" ESCAPE '\\'");
    }
}

fn from_row(row: &SqliteRow) -> Result<Recommendation, StoreError> {
    Ok(Recommendation {
        id: parsed(row, "id")?,
        query_hash: QueryHash(text(row, "query_hash")?),
        recommendation_type: parsed(row, "recommendation_type")?,
        title: text(row, "title")?,
        description: text(row, "description")?,
        sql_fix: text(row, "sql_fix")?,
        original_sql: text(row, "original_sql")?,
        patch_sql: text(row, "patch_sql")?,
        execution_plan_json: optional_json(row, "execution_plan_json")?,
        estimated_improvement_percent: sqlx::Row::try_get(row, "estimated_improvement_percent")?,
        confidence_score: number(row, "confidence_score")?,
        risk_level: parsed(row, "risk_level")?,
        status: parsed(row, "status")?,
        applied: match integer(row, "applied")? {
            0 => false,
            1 => true,
            other => return Err(corrupt("applied", other)),
        },
        applied_at: optional_parsed(row, "applied_at")?,
        created_at: parsed(row, "created_at")?,
        updated_at: parsed(row, "updated_at")?,
        rollback_sql: optional_text(row, "rollback_sql")?,
        tables: json(row, "tables_json")?,
        evidence: json(row, "evidence_json")?,
        dismissed_reason: optional_text(row, "dismissed_reason")?,
        latest_benchmark: optional_json(row, "latest_benchmark_json")?,
        database: text(row, "database")?,
    })
}
