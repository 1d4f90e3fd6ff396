//! Recommendations: refreshed in place, moved through their statuses, listed page by page.

use optischema::lifecycle::{RecommendationEvent, may_dismiss_beside, recommendation_after};
use optischema::model::{
    DEFAULT_PAGE, Proposal, Recommendation, RecommendationCounts, RecommendationFilter,
    RecommendationId, RecommendationPage, RecommendationSort, RecommendationStatus, TableFilter,
};
use sqlx::{QueryBuilder, Sqlite};

use crate::clock::now;

use super::audit::{AuditRecord, append};
use super::change_rows::stands_for_good;
use super::filters::push_table;
use super::job_rows::live_job;
use super::recommendation_rows::{
    clear_dismissal, fetch, from_row, set_applied, set_status, upsert,
};
use super::row::{integer, parsed};
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
