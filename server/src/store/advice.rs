//! Advice over time: taken in, refreshed, closed when it no longer holds; what was rejected; how indexes are used.

use std::collections::{BTreeMap, BTreeSet};

use optischema::advisor::rules::IndexUsage;
use optischema::lifecycle::{
    RecommendationEvent, comes_back, may_dismiss_beside, recommendation_after,
};
use optischema::model::{
    Catalog, DismissedBy, Proposal, Recommendation, RecommendationId, RejectedCandidate,
    RejectedPage, Rule, TableName, Timestamp,
};
use sqlx::{Row, SqliteConnection};

use super::job_rows::live_job;
use super::recommendation_rows::{clear_dismissal, fetch, set_status, upsert};
use super::row::{integer, optional_parsed, parsed, text};
use super::{Store, StoreError};
use crate::clock::now;

/// Rejected candidates that a page shows at most.
const MOST_REJECTED: i64 = 500;

/// What an analysis found.
#[derive(Debug, Clone, Copy)]
pub struct AdviceTaken<'a> {
    pub proposals: &'a [Proposal],
    pub rejected: &'a [RejectedCandidate],
    /// Rules that looked at everything: their earlier advice that is not given again no longer holds.
    pub complete: &'a BTreeSet<Rule>,
}

impl Store {
    /// Takes advice in: new advice is listed, known advice is refreshed, and what no longer holds is closed
    /// with a reason. What a person dismissed stays so until there is far more to gain.
    pub async fn take_advice(
        &self,
        database: &str,
        taken: AdviceTaken<'_>,
    ) -> Result<Vec<Recommendation>, StoreError> {
        let mut write = self.write().await?;
        let mut ids = Vec::with_capacity(taken.proposals.len());
        for proposal in taken.proposals {
            let id = upsert(&mut write, database, proposal).await?;
            reopen(&mut write, id, proposal.magnitude).await?;
            ids.push(id);
        }
        close_others(&mut write, database, &ids, taken).await?;
        sqlx::query("DELETE FROM rejected_candidates WHERE database = ?1")
            .bind(database)
            .execute(&mut *write)
            .await?;
        for rejected in taken.rejected {
            sqlx::query(
                "INSERT INTO rejected_candidates (database, table_name, definition, reason, estimated_bytes,
                     alone_percent) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .bind(database)
            .bind(rejected.table.to_string())
            .bind(&rejected.definition)
            .bind(&rejected.reason)
            .bind(rejected.estimated_bytes)
            .bind(rejected.alone_percent)
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            items.push(self.recommendation(id).await?);
        }
        Ok(items)
    }

    /// What the last analysis looked at and left, those first that would save most.
    pub async fn rejected(
        &self,
        database: &str,
        search: Option<&str>,
    ) -> Result<RejectedPage, StoreError> {
        let pattern = search.unwrap_or_default().to_lowercase();
        let rows = sqlx::query(
            "SELECT *, count(*) OVER () AS total FROM rejected_candidates WHERE database = ?1
                 AND (?2 = '' OR instr(lower(definition || ' ' || reason), ?2) > 0)
             ORDER BY alone_percent IS NULL, alone_percent DESC, table_name, definition LIMIT ?3",
        )
        .bind(database)
        .bind(pattern)
        .bind(MOST_REJECTED)
        .fetch_all(&self.readers)
        .await?;
        let items = rows
            .iter()
            .map(|row| {
                Ok(RejectedCandidate {
                    table: parsed(row, "table_name")?,
                    definition: text(row, "definition")?,
                    reason: text(row, "reason")?,
                    estimated_bytes: row.try_get("estimated_bytes")?,
                    alone_percent: row.try_get("alone_percent")?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let total = rows.first().map_or(Ok(0), |row| integer(row, "total"))?;
        Ok(RejectedPage { items, total })
    }

    /// Notes how often each index was scanned by now.
    pub async fn note_index_usage(
        &self,
        database: &str,
        catalog: &Catalog,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let at = now().to_string();
        for table in catalog.tables.values() {
            for index in &table.indexes {
                // Scans that grew, and counters that began anew, begin the time without use anew.
                sqlx::query(
                    "INSERT INTO index_usage (database, schema_name, index_name, readings, scans, unused_since,
                         last_read_at) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?5)
                     ON CONFLICT (database, schema_name, index_name) DO UPDATE SET
                         readings = readings + 1, last_read_at = excluded.last_read_at,
                         unused_since = CASE WHEN scans = excluded.scans THEN unused_since
                                             ELSE excluded.unused_since END,
                         scans = excluded.scans",
                )
                .bind(database)
                .bind(&table.name.schema)
                .bind(&index.name)
                .bind(index.scans)
                .bind(&at)
                .execute(&mut *write)
                .await?;
            }
        }
        // Of what another session has locked nobody knows whether it is gone: the next reading tells.
        if !catalog.locked.is_empty() {
            write.commit().await?;
            return Ok(());
        }
        // What is gone may come back as another index of the same name.
        sqlx::query("DELETE FROM index_usage WHERE database = ?1 AND last_read_at < ?2")
            .bind(database)
            .bind(&at)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// How each index was used while it was watched.
    pub async fn index_usage(
        &self,
        database: &str,
        catalog: &Catalog,
    ) -> Result<BTreeMap<(TableName, String), IndexUsage>, StoreError> {
        let rows = sqlx::query("SELECT * FROM index_usage WHERE database = ?1")
            .bind(database)
            .fetch_all(&self.readers)
            .await?;
        let mut by_name = BTreeMap::new();
        for row in &rows {
            let since: Option<Timestamp> = optional_parsed(row, "unused_since")?;
            let days = since.map_or(0.0, |since| now().seconds_since(since) / 86_400.0);
            let usage = IndexUsage { readings: integer(row, "readings")?, unused_days: days };
            by_name.insert((text(row, "schema_name")?, text(row, "index_name")?), usage);
        }
        let mut usage = BTreeMap::new();
        for table in catalog.tables.values() {
            for index in &table.indexes {
                let key = (table.name.schema.clone(), index.name.clone());
                if let Some(known) = by_name.get(&key) {
                    usage.insert((table.name.clone(), index.name.clone()), *known);
                }
            }
        }
        Ok(usage)
    }
}

/// Takes back into the list what the advisor closed, or what a person dismissed when there was far less to gain.
async fn reopen(
    write: &mut SqliteConnection,
    id: RecommendationId,
    magnitude: f64,
) -> Result<(), StoreError> {
    let row =
        sqlx::query("SELECT dismissed_by, dismissed_magnitude FROM recommendations WHERE id = ?1")
            .bind(id.to_string())
            .fetch_one(&mut *write)
            .await?;
    let by: Option<DismissedBy> = optional_parsed(&row, "dismissed_by")?;
    let then: Option<f64> = row.try_get("dismissed_magnitude")?;
    if !by.is_some_and(|by| comes_back(by, then, magnitude)) {
        return Ok(());
    }
    let known = fetch(write, id).await?;
    let event = RecommendationEvent::Restored { benchmarked: known.latest_benchmark.is_some() };
    let Ok(status) = recommendation_after(known.status, event) else { return Ok(()) };
    set_status(write, id, status).await?;
    clear_dismissal(write, id).await
}

/// Closes open advice of rules that looked at everything and did not give it again.
async fn close_others(
    write: &mut SqliteConnection,
    database: &str,
    given: &[RecommendationId],
    taken: AdviceTaken<'_>,
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        // What was imported is no advice of ours, so that its absence says nothing.
        "SELECT id FROM recommendations WHERE database = ?1 AND status IN ('pending', 'active')
           AND fingerprint NOT LIKE 'imported:%'",
    )
    .bind(database)
    .fetch_all(&mut *write)
    .await?;
    for row in &rows {
        let id: RecommendationId = parsed(row, "id")?;
        let open = fetch(write, id).await?;
        // What was listed before rules were noted came from the first of them.
        let rule = open.evidence.rule.unwrap_or(Rule::MissingIndex);
        if open.is_typed() || given.contains(&id) || !taken.complete.contains(&rule) {
            continue;
        }
        let live = live_job(write, Some(id), database).await?;
        if live.is_some_and(|live| may_dismiss_beside(live.job_type).is_err()) {
            // It is being applied: the next analysis looks again.
            continue;
        }
        let same = |rejected: &&RejectedCandidate| {
            rejected.definition.split_once(" USING ").map(|(_, body)| body)
                == open.patch_sql.trim_end_matches(';').split_once(" USING ").map(|(_, body)| body)
                && open.tables.contains(&rejected.table)
        };
        let reason = match taken.rejected.iter().find(same) {
            Some(rejected) => format!("it no longer holds: {}", rejected.reason),
            None => "it no longer holds: the last analysis did not find it again".to_owned(),
        };
        let status =
            recommendation_after(open.status, RecommendationEvent::Dismissed { for_good: false })?;
        set_status(write, id, status).await?;
        sqlx::query(
            "UPDATE recommendations SET dismissed_reason = ?2, dismissed_by = ?3 WHERE id = ?1",
        )
        .bind(id.to_string())
        .bind(reason)
        .bind(DismissedBy::Advisor.as_str())
        .execute(&mut *write)
        .await?;
    }
    Ok(())
}
