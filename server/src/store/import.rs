//! Recommendations and jobs of an earlier OptiSchema: from its SQLite file or from JSON, the columns of the design and
//! no more. Everything is read and checked before anything is written.

use std::collections::BTreeSet;
use std::path::Path;

use optischema::audit::StoreImported;
use optischema::model::{
    Evidence, ImportReport, JobResult, JobStatus, JobType, RecommendationStatus,
    RecommendationType, RiskLevel, Timestamp,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Row, SqliteConnection, TypeInfo, ValueRef,
};
use thiserror::Error;
use uuid::Uuid;

use super::audit::{AuditRecord, append};
use super::row::to_json;
use super::{Store, StoreError};
use crate::clock::now;
use crate::file_error::in_words;

/// The most bytes of a JSON file.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Why nothing was imported.
#[derive(Debug, Error)]
pub enum ImportError {
    #[error("failed to read {0}: {1}")]
    File(std::path::PathBuf, String),
    #[error("nothing was imported:\n{}", .0.join("\n"))]
    Rows(Vec<String>),
}

/// What a file holds, read and checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imported {
    recommendations: Vec<OldRecommendation>,
    jobs: Vec<OldJob>,
}

#[derive(Debug, Clone, PartialEq)]
struct OldRecommendation {
    id: Uuid,
    query_hash: String,
    kind: RecommendationType,
    title: String,
    description: String,
    sql_fix: String,
    original_sql: String,
    patch_sql: String,
    execution_plan_json: Option<String>,
    improvement: Option<f64>,
    confidence: f64,
    risk: RiskLevel,
    status: RecommendationStatus,
    applied_at: Option<Timestamp>,
    created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
struct OldJob {
    id: Uuid,
    recommendation_id: Uuid,
    status: JobStatus,
    job_type: JobType,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    result_json: Option<String>,
    error_message: Option<String>,
}

/// Reads a file of either form.
///
/// # Errors
/// It cannot be read, or a row cannot be taken: every such row is named.
pub async fn read_import(file: &Path) -> Result<Imported, ImportError> {
    let failed = |reason: String| ImportError::File(file.to_owned(), reason);
    let mut begin = [0_u8; 16];
    let size = std::fs::metadata(file).map_err(|error| failed(in_words(&error)))?.len();
    let is_sqlite = std::fs::File::open(file)
        .and_then(|mut opened| std::io::Read::read(&mut opened, &mut begin))
        .map_err(|error| failed(in_words(&error)))?
        == 16
        && begin == *b"SQLite format 3\0";
    let (recommendations, jobs) = if is_sqlite {
        from_sqlite(file).await.map_err(|error| failed(error.to_string()))?
    } else if size > MOST_BYTES {
        return Err(failed("it is no SQLite file, and too large for JSON".into()));
    } else {
        let text = std::fs::read_to_string(file).map_err(|error| failed(in_words(&error)))?;
        from_json(&text).map_err(failed)?
    };
    if recommendations.is_empty() && jobs.is_empty() {
        return Err(failed("it holds neither recommendations nor benchmark_jobs".into()));
    }
    checked(recommendations, jobs)
}

type Rows = Vec<Map<String, Value>>;

async fn from_sqlite(file: &Path) -> Result<(Rows, Rows), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.disable_statement_logging().connect().await?;
    let recommendations = table(&mut connection, "recommendations").await?;
    let jobs = table(&mut connection, "benchmark_jobs").await?;
    connection.close().await?;
    Ok((recommendations, jobs))
}

async fn table(connection: &mut SqliteConnection, name: &'static str) -> Result<Rows, sqlx::Error> {
    let there = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")
        .bind(name)
        .fetch_optional(&mut *connection)
        .await?;
    if there.is_none() {
        return Ok(Rows::new());
    }
    let statement = AssertSqlSafe(format!("SELECT * FROM \"{name}\" ORDER BY rowid"));
    let rows = sqlx::query(statement).fetch_all(connection).await?;
    Ok(rows.iter().map(as_object).collect())
}

fn as_object(row: &sqlx::sqlite::SqliteRow) -> Map<String, Value> {
    let mut object = Map::new();
    for column in row.columns() {
        let at = column.ordinal();
        // A column of SQLite holds values of any type, whatever it was declared as.
        let kind = row.try_get_raw(at).map(|value| match value.is_null() {
            true => "NULL".to_owned(),
            false => value.type_info().name().to_owned(),
        });
        let value = match kind.as_deref() {
            Ok("INTEGER" | "BOOLEAN") => {
                row.try_get_unchecked::<i64, _>(at).map_or(Value::Null, Value::from)
            }
            Ok("REAL") => row.try_get_unchecked::<f64, _>(at).map_or(Value::Null, Value::from),
            Ok("NULL") | Err(_) => Value::Null,
            Ok(_) => row.try_get_unchecked::<String, _>(at).map_or(Value::Null, Value::from),
        };
        object.insert(column.name().to_owned(), value);
    }
    object
}

fn from_json(text: &str) -> Result<(Rows, Rows), String> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| format!("it is neither a SQLite file nor JSON: {error}"))?;
    let list = |value: Option<Value>, what: &str| match value {
        None | Some(Value::Null) => Ok(Rows::new()),
        Some(Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                Value::Object(object) => Ok(object),
                _ => Err(format!("{what} must be a list of objects")),
            })
            .collect(),
        Some(_) => Err(format!("{what} must be a list")),
    };
    match value {
        Value::Array(_) => Ok((list(Some(value), "the file")?, Rows::new())),
        Value::Object(mut object) => Ok((
            list(object.remove("recommendations"), "recommendations")?,
            list(
                object.remove("benchmark_jobs").or_else(|| object.remove("jobs")),
                "benchmark_jobs",
            )?,
        )),
        _ => Err("it must be an object with recommendations and benchmark_jobs".into()),
    }
}

fn checked(recommendations: Rows, jobs: Rows) -> Result<Imported, ImportError> {
    let mut problems = Vec::new();
    let mut imported = Imported::default();
    // With those that cannot be taken: what hangs on them is no problem of its own.
    let mut known = BTreeSet::new();
    for (number, row) in recommendations.iter().enumerate() {
        let fields = Fields(row);
        let id = fields.id("id").and_then(|id| new_id(&mut known, id));
        match id.and_then(|id| recommendation(&fields, id)) {
            Ok(recommendation) => imported.recommendations.push(recommendation),
            Err(reason) => problems.push(format!("recommendations, row {}: {reason}", number + 1)),
        }
    }
    let mut jobs_known = BTreeSet::new();
    for (number, row) in jobs.iter().enumerate() {
        let fields = Fields(row);
        let id = fields.id("id").and_then(|id| new_id(&mut jobs_known, id));
        let job = id.and_then(|id| job(&fields, id)).and_then(|job| {
            let is_there = known.contains(&job.recommendation_id);
            if is_there { Ok(job) } else { Err("its recommendation is not in the file".to_owned()) }
        });
        match job {
            Ok(job) => imported.jobs.push(job),
            Err(reason) => problems.push(format!("benchmark_jobs, row {}: {reason}", number + 1)),
        }
    }
    if problems.is_empty() { Ok(imported) } else { Err(ImportError::Rows(problems)) }
}

/// An id that no row before had.
fn new_id(known: &mut BTreeSet<Uuid>, id: Uuid) -> Result<Uuid, String> {
    if known.insert(id) { Ok(id) } else { Err("another row has the same id".to_owned()) }
}

/// One row by column names.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn required(&self, name: &str) -> Result<String, String> {
        self.text(name).filter(|text| !text.trim().is_empty()).ok_or(format!("{name} is missing"))
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<T, String> {
        self.required(name)?.parse().map_err(|error: T::Err| format!("{name}: {error}"))
    }

    fn number(&self, name: &str) -> Result<Option<f64>, String> {
        match self.text(name) {
            None => Ok(None),
            Some(text) => text
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Some)
                .ok_or(format!("{name}: \"{text}\" is no number")),
        }
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, String> {
        let Some(text) = self.text(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        // SQLite's own form has a blank and no zone; it is UTC.
        let mut written = text.trim().replacen(' ', "T", 1);
        if !written.ends_with('Z') && !written.get(10..).unwrap_or("").contains(['+', '-']) {
            written.push('Z');
        }
        let at = written.parse().map_err(|_| format!("{name}: \"{text}\" is no time"))?;
        Ok(Some(at))
    }

    fn id(&self, name: &str) -> Result<Uuid, String> {
        let text = self.required(name)?;
        Ok(text.parse().unwrap_or_else(|_| derived(&text)))
    }

    /// JSON that stands in a text, or as it is.
    fn json(&self, name: &str) -> Option<Value> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::String(text) => serde_json::from_str(text).ok(),
            other => Some(other.clone()),
        }
    }
}

/// Earlier ids may be numbers: the same one always becomes the same id here.
fn derived(text: &str) -> Uuid {
    let digest = Sha256::digest(format!("optischema import {text}"));
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn recommendation(row: &Fields<'_>, id: Uuid) -> Result<OldRecommendation, String> {
    let confidence = row.number("confidence_score")?.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&confidence) {
        return Err(format!("confidence_score: {confidence} is not from 0 to 1"));
    }
    let sql_fix = row.text("sql_fix").unwrap_or_default();
    let risk = match row.text("risk_level").filter(|text| !text.is_empty()) {
        None => RiskLevel::Medium,
        Some(_) => row.parsed("risk_level")?,
    };
    Ok(OldRecommendation {
        id,
        query_hash: row.text("query_hash").unwrap_or_default(),
        kind: row.parsed("recommendation_type")?,
        title: row.required("title")?,
        description: row.text("description").unwrap_or_default(),
        patch_sql: row.text("patch_sql").unwrap_or_else(|| sql_fix.clone()),
        sql_fix,
        original_sql: row.text("original_sql").unwrap_or_default(),
        execution_plan_json: row.json("execution_plan_json").map(|plan| plan.to_string()),
        improvement: row.number("estimated_improvement_percent")?,
        confidence,
        risk,
        status: row.parsed("status")?,
        applied_at: row.time("applied_at")?,
        created_at: row.time("created_at")?.unwrap_or_else(now),
    })
}

fn job(row: &Fields<'_>, id: Uuid) -> Result<OldJob, String> {
    let status: JobStatus = row.parsed("status")?;
    let created_at = row.time("created_at")?.unwrap_or_else(now);
    // An earlier result of another form is not shown as if it were one of ours.
    let result = row.json("result_json");
    let had_one = result.is_some();
    let ours = result.filter(|value| serde_json::from_value::<JobResult>(value.clone()).is_ok());
    let mut error_message = row.text("error_message");
    if had_one && ours.is_none() && error_message.is_none() {
        error_message =
            Some("its result has the form of an earlier OptiSchema, and was not taken".to_owned());
    }
    let status = if status.is_final() {
        status
    } else {
        error_message = Some(format!("it was {status} in the store that it was imported from"));
        JobStatus::Cancelled
    };
    Ok(OldJob {
        id,
        recommendation_id: row.id("recommendation_id")?,
        status,
        job_type: row.parsed("job_type")?,
        created_at,
        started_at: row.time("started_at")?,
        completed_at: Some(row.time("completed_at")?.unwrap_or(created_at)),
        result_json: ours.map(|value| value.to_string()),
        error_message,
    })
}

impl Store {
    /// Takes them in, all in one transaction. What is there already stays as it is.
    pub async fn import(
        &self,
        database: &str,
        imported: &Imported,
        audit: &AuditRecord,
    ) -> Result<ImportReport, StoreError> {
        let mut write = self.write().await?;
        let mut report = ImportReport::default();
        for old in &imported.recommendations {
            match insert_recommendation(&mut write, database, old).await? {
                true => report.recommendations += 1,
                false => report.known += 1,
            }
        }
        for old in &imported.jobs {
            match insert_job(&mut write, database, old).await? {
                true => report.jobs += 1,
                false => report.known += 1,
            }
        }
        if report.recommendations + report.jobs > 0 {
            let (recommendations, jobs) = (report.recommendations, report.jobs);
            let event = StoreImported { recommendations, jobs }.into();
            append(&mut write, &AuditRecord { event, ..audit.clone() }).await?;
        }
        write.commit().await?;
        Ok(report)
    }
}

async fn insert_recommendation(
    write: &mut SqliteConnection,
    database: &str,
    old: &OldRecommendation,
) -> Result<bool, StoreError> {
    let given = "As the earlier OptiSchema gave it.";
    let evidence = Evidence::without_figures("imported from an earlier OptiSchema", given, given);
    let applied = old.status == RecommendationStatus::Applied;
    let inserted = sqlx::query(
        "INSERT INTO recommendations (id, database, query_hash, recommendation_type, title, description,
             sql_fix, original_sql, patch_sql, execution_plan_json, estimated_improvement_percent,
             confidence_score, base_confidence, risk_level, status, applied, applied_at, created_at,
             updated_at, tables_json, evidence_json, fingerprint, dismissed_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14, ?15, ?16, ?17, ?17, '[]',
             ?18, 'imported:' || ?1, ?19)
         ON CONFLICT DO NOTHING",
    )
    .bind(old.id.to_string())
    .bind(database)
    .bind(&old.query_hash)
    .bind(old.kind.as_str())
    .bind(&old.title)
    .bind(&old.description)
    .bind(&old.sql_fix)
    .bind(&old.original_sql)
    .bind(&old.patch_sql)
    .bind(&old.execution_plan_json)
    .bind(old.improvement)
    .bind(old.confidence)
    .bind(old.risk.as_str())
    .bind(old.status.as_str())
    .bind(i64::from(applied))
    .bind(old.applied_at.filter(|_| applied).map(|at| at.to_string()))
    .bind(old.created_at.to_string())
    .bind(to_json("evidence_json", &evidence)?)
    .bind((old.status == RecommendationStatus::Dismissed).then_some("person"))
    .execute(write)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

async fn insert_job(
    write: &mut SqliteConnection,
    database: &str,
    old: &OldJob,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO benchmark_jobs (id, database, recommendation_id, status, job_type, created_at,
             started_at, completed_at, result_json, error_message, actor)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'imported')
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(old.id.to_string())
    .bind(database)
    .bind(old.recommendation_id.to_string())
    .bind(old.status.as_str())
    .bind(old.job_type.as_str())
    .bind(old.created_at.to_string())
    .bind(old.started_at.map(|at| at.to_string()))
    .bind(old.completed_at.map(|at| at.to_string()))
    .bind(&old.result_json)
    .bind(&old.error_message)
    .execute(write)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
