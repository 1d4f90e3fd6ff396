//! The audit trail: append-only, each row chained to the one before it by SHA-256.

use optischema::audit::{
    self, ApplyIntent, ApplyOutcome, AuditAction, AuditEvent, Recorded, UnreadableDetail,
};
use optischema::model::{
    AuditEntry, AuditFilter, AuditPage, AuditVerification, ChangeResult, DEFAULT_PAGE, JobId,
    RecommendationId,
};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::clock::now;
use crate::hex::hex;

use super::row::{corrupt, integer, json, optional_parsed, optional_text, parsed, text, to_json};
use super::{Store, StoreError};

/// A row to be appended.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    pub actor: String,
    pub event: AuditEvent,
    pub database: String,
    pub recommendation_id: Option<RecommendationId>,
    pub job_id: Option<JobId>,
}

/// Triggers that keep the trail append-only.
const GUARDS: i64 = 3;

/// What the first row is chained to.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Store {
    /// Appends a row of its own.
    pub async fn audit(&self, record: &AuditRecord) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        append(&mut write, record).await?;
        write.commit().await
    }

    /// What a job wrote in its latest row of this action.
    ///
    /// # Errors
    /// The store cannot be read, or the row's detail is not what this action records.
    pub async fn audited<T: Recorded>(&self, job_id: JobId) -> Result<Option<T>, StoreError> {
        let row = sqlx::query(
            "SELECT detail_json FROM audit_log WHERE job_id = ?1 AND action = ?2
             ORDER BY sequence DESC LIMIT 1",
        )
        .bind(job_id.to_string())
        .bind(T::ACTION.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| recorded(&row)).transpose()
    }

    /// Whether a job wrote a row of this action.
    pub async fn has_audited(
        &self,
        job_id: JobId,
        action: AuditAction,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM audit_log WHERE job_id = ?1 AND action = ?2) AS found",
        )
        .bind(job_id.to_string())
        .bind(action.as_str())
        .fetch_one(&self.readers)
        .await?;
        Ok(integer(&row, "found")? == 1)
    }

    /// The intent of the last apply of a recommendation, where that apply did not succeed.
    pub async fn unmade_intent(
        &self,
        recommendation_id: RecommendationId,
    ) -> Result<Option<ApplyIntent>, StoreError> {
        let row = sqlx::query(
            "SELECT i.detail_json FROM audit_log i
             WHERE i.recommendation_id = ?1 AND i.action = ?2
               AND NOT EXISTS (SELECT 1 FROM audit_log o WHERE o.job_id = i.job_id AND o.action = ?3
                               AND o.detail_json->>'result' = ?4)
               AND i.sequence = (SELECT max(l.sequence) FROM audit_log l WHERE l.recommendation_id = ?1
                                 AND l.action = ?2)",
        )
        .bind(recommendation_id.to_string())
        .bind(ApplyIntent::ACTION.as_str())
        .bind(ApplyOutcome::ACTION.as_str())
        .bind(ChangeResult::Applied.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| recorded(&row)).transpose()
    }

    /// Rows of the trail, the newest first.
    pub async fn audit_trail(&self, filter: &AuditFilter) -> Result<AuditPage, StoreError> {
        let limit = filter.limit.unwrap_or(DEFAULT_PAGE);
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM audit_log WHERE sequence < ");
        query.push_bind(filter.before.unwrap_or(i64::MAX));
        if let Some(action) = &filter.action {
            query.push(" AND substr(action, 1, length(").push_bind(action);
            query.push(")) = ").push_bind(action);
        }
        if let Some(actor) = &filter.actor {
            query.push(" AND actor = ").push_bind(actor);
        }
        if let Some(id) = filter.recommendation_id {
            query.push(" AND recommendation_id = ").push_bind(id.to_string());
        }
        query.push(" ORDER BY sequence DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let rows = query.build().fetch_all(&self.readers).await?;
        let mut items = rows.iter().map(entry_from_row).collect::<Result<Vec<_>, _>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items.last().filter(|_| more).map(|last| last.sequence.to_string());
        Ok(AuditPage { items, next_cursor })
    }

    /// The whole trail, the oldest row first.
    pub async fn whole_trail(&self) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = sqlx::query("SELECT * FROM audit_log ORDER BY sequence")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(entry_from_row).collect()
    }

    /// Walks the chain from its beginning.
    pub async fn verify_audit(&self) -> Result<AuditVerification, StoreError> {
        let rows = sqlx::query("SELECT * FROM audit_log ORDER BY sequence")
            .fetch_all(&self.readers)
            .await?;
        let mut previous = GENESIS.to_owned();
        let mut first_broken = None;
        for (index, row) in rows.iter().enumerate() {
            let sequence = integer(row, "sequence")?;
            let link = Link {
                sequence,
                at: text(row, "at")?,
                actor: text(row, "actor")?,
                action: text(row, "action")?,
                database: text(row, "database")?,
                recommendation_id: optional_text(row, "recommendation_id")?,
                job_id: optional_text(row, "job_id")?,
                detail_json: text(row, "detail_json")?,
            };
            let hash = text(row, "hash")?;
            // What is absent hashes like an empty text, which is never written.
            let is_empty = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
            let follows = sequence == index as i64 + 1
                && !is_empty(&link.recommendation_id)
                && !is_empty(&link.job_id)
                && text(row, "previous_hash")? == previous
                && link.hash(&previous) == hash;
            if !follows {
                first_broken = Some(sequence);
                break;
            }
            previous = hash;
        }
        let problems = self.audit_problems().await?;
        Ok(AuditVerification { entries: rows.len() as i64, first_broken, problems })
    }

    /// What the rows themselves cannot tell: whether the trail is still guarded, and whether its end is missing.
    async fn audit_problems(&self) -> Result<Vec<String>, StoreError> {
        let mut problems = Vec::new();
        let guarded = sqlx::query(
            "SELECT count(*) FILTER (WHERE type = 'table' AND name = 'audit_log') AS tables,
                    count(*) FILTER (WHERE type = 'trigger' AND instr(sql, 'append-only') > 0
                        AND name IN ('audit_log_no_update', 'audit_log_no_delete', 'audit_log_in_order')) AS guards,
                    count(*) FILTER (WHERE type = 'trigger') AS triggers
             FROM sqlite_master WHERE tbl_name = 'audit_log'",
        )
        .fetch_one(&self.readers)
        .await?;
        if integer(&guarded, "tables")? != 1 {
            problems.push("the audit trail is not a table: another object has its name".into());
        }
        if integer(&guarded, "guards")? != GUARDS {
            problems.push("triggers that keep the trail append-only are missing or altered".into());
        }
        if integer(&guarded, "triggers")? > GUARDS {
            problems.push("the trail has triggers that are not OptiSchema's".into());
        }
        let missing = sqlx::query(
            "SELECT c.job_id FROM changes c WHERE NOT EXISTS (
                 SELECT 1 FROM audit_log a WHERE a.job_id = c.job_id AND a.action = 'apply.outcome')
             ORDER BY c.applied_at LIMIT 5",
        )
        .fetch_all(&self.readers)
        .await?;
        for row in &missing {
            let job = text(row, "job_id")?;
            problems
                .push(format!("job {job} applied a change, and the trail has no outcome of it"));
        }
        Ok(problems)
    }
}

/// What the hash of a row covers.
struct Link {
    sequence: i64,
    at: String,
    actor: String,
    action: String,
    database: String,
    recommendation_id: Option<String>,
    job_id: Option<String>,
    detail_json: String,
}

impl Link {
    fn hash(&self, previous: &str) -> String {
        let mut digest = Sha256::new();
        let parts = [
            previous,
            &self.sequence.to_string(),
            &self.at,
            &self.actor,
            &self.action,
            &self.database,
            self.recommendation_id.as_deref().unwrap_or_default(),
            self.job_id.as_deref().unwrap_or_default(),
            &self.detail_json,
        ];
        for part in parts {
            // The length keeps two neighbouring parts from being shifted into each other.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        hex(&digest.finalize())
    }
}

/// Appends a row inside a transaction of the caller's.
pub(super) async fn append(
    write: &mut SqliteConnection,
    record: &AuditRecord,
) -> Result<(), StoreError> {
    let last = sqlx::query("SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1")
        .fetch_optional(&mut *write)
        .await?;
    let (sequence, previous) = match &last {
        Some(row) => (integer(row, "sequence")? + 1, text(row, "hash")?),
        None => (1, GENESIS.to_owned()),
    };
    let link = Link {
        sequence,
        at: now().to_string(),
        actor: record.actor.clone(),
        action: record.event.action().to_string(),
        database: record.database.clone(),
        recommendation_id: record.recommendation_id.map(|id| id.to_string()),
        job_id: record.job_id.map(|id| id.to_string()),
        detail_json: to_json("detail_json", &record.event.detail().map_err(unreadable)?)?,
    };
    let hash = link.hash(&previous);
    let written = sqlx::query(
        "INSERT INTO audit_log (sequence, at, actor, action, database, recommendation_id, job_id,
             detail_json, previous_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(link.sequence)
    .bind(link.at)
    .bind(link.actor)
    .bind(link.action)
    .bind(link.database)
    .bind(link.recommendation_id)
    .bind(link.job_id)
    .bind(link.detail_json)
    .bind(previous)
    .bind(hash)
    .execute(write)
    .await?
    .rows_affected();
    // A trigger of somebody else's may swallow it.
    if written == 1 { Ok(()) } else { Err(corrupt("audit_log", "it takes no rows")) }
}

fn entry_from_row(row: &SqliteRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        sequence: integer(row, "sequence")?,
        at: parsed(row, "at")?,
        actor: text(row, "actor")?,
        action: text(row, "action")?,
        database: text(row, "database")?,
        recommendation_id: optional_parsed(row, "recommendation_id")?,
        job_id: optional_parsed(row, "job_id")?,
        detail: json(row, "detail_json")?,
        previous_hash: text(row, "previous_hash")?,
        hash: text(row, "hash")?,
    })
}

fn recorded<T: Recorded>(row: &SqliteRow) -> Result<T, StoreError> {
    let detail: serde_json::Value = json(row, "detail_json")?;
    audit::read(&detail).map_err(unreadable)
}

fn unreadable(error: UnreadableDetail) -> StoreError {
    corrupt("audit_log", error)
}
