//! Everything the product can do. Every outside surface calls it, and holds no logic of its own.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::{IntoParams, ToSchema};

use crate::model::{
    AddedQueries, AnalyzeReport, ApplyPlan, ApplyStatus, AuditFilter, AuditPage, AuditVerification,
    Change, ChangeFilter, CleanupReport, CollectionReport, CompareRequest, ExportFormat,
    FunctionsChoice, Handover, Health, InvalidField, Job, JobAccepted, JobFilter, JobId, JobPage,
    MigrationFormat, QueryDetail, QueryFilter, QueryHash, QueryPage, QueryRange, Recommendation,
    RecommendationFilter, RecommendationId, RecommendationPage, RejectedPage, RestoreReport,
    RollbackOrder, RollbackScope, Rule, UnknownText, WhatIfReport, WhatIfRequest,
};
use crate::refusal::Refusal;

/// Why an operation did not happen: each case is one that a caller tells apart.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OperationError {
    #[error("there is no {what} with the id {id}")]
    NotFound { what: &'static str, id: String },
    /// The present state does not allow it.
    #[error("{0}")]
    Conflict(Refusal),
    #[error("{field}: {message}")]
    Invalid { field: String, message: String },
    /// A target is down or not configured; the sentence says what to do.
    #[error("{0}")]
    Unavailable(String),
    /// Everything else. The cause is in the log, under this reference, and is never sent.
    #[error("something went wrong inside OptiSchema; the log has it under {reference}")]
    Internal { reference: String },
}

impl OperationError {
    /// The stable code of the case: `code` of a problem, `error_code` of a job.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Conflict(_) => "illegal_transition",
            Self::Invalid { .. } => "invalid_field",
            Self::Unavailable(_) => "target_unavailable",
            Self::Internal { .. } => "internal",
        }
    }
}

impl From<InvalidField> for OperationError {
    fn from(error: InvalidField) -> Self {
        Self::Invalid { field: error.field.to_owned(), message: error.message }
    }
}

impl From<Refusal> for OperationError {
    fn from(refusal: Refusal) -> Self {
        Self::Conflict(refusal)
    }
}

/// Whose request it is: the name of a token. What happens by itself is [`Actor::itself`]'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(pub String);

impl Actor {
    /// OptiSchema, without a person behind it.
    #[must_use]
    pub fn itself() -> Self {
        Self("optischema".to_owned())
    }
}

/// What a person approves when they apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approval {
    /// Why it is applied without a completed benchmark.
    pub override_reason: Option<String>,
    /// The hash of the patch that was shown; where the patch has become another, nothing runs.
    pub sql_hash: Option<String>,
}

/// What is handed over, and how, as a URL has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HandoverQuery {
    /// Ids of recommendations, joined by commas.
    #[param(
        min_length = 1,
        pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(,[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})*$"
    )]
    pub ids: String,
    /// The form of the files; `sql` where absent.
    #[param(value_type = Option<MigrationFormat>)]
    pub format: Option<String>,
    /// The `stamp` of an earlier answer, 14 digits: the files have the same names again.
    #[param(pattern = "^[0-9]{14}$")]
    pub stamp: Option<String>,
}

/// What is to be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoverAsked {
    pub ids: Vec<RecommendationId>,
    pub format: MigrationFormat,
    /// The number from which the versions count up; a new one where absent.
    pub stamp: Option<String>,
}

impl HandoverQuery {
    /// The recommendations and the format that are meant.
    ///
    /// # Errors
    ///
    /// A malformed id, which is the id of nothing, an unknown format, and a malformed stamp.
    pub fn parse(&self) -> Outcome<HandoverAsked> {
        let id = |text: &str| {
            text.parse().map_err(|_| OperationError::NotFound {
                what: "recommendation",
                id: text.to_owned(),
            })
        };
        let ids = self.ids.split(',').map(str::trim).filter(|text| !text.is_empty());
        let ids = ids.map(id).collect::<Result<_, _>>()?;
        let format = match self.format.as_deref() {
            None | Some("") => MigrationFormat::Sql,
            Some(named) => named.parse().map_err(|error: UnknownText| OperationError::Invalid {
                field: "format".to_owned(),
                message: error.to_string(),
            })?,
        };
        let stamp = self.stamp.clone().filter(|stamp| !stamp.is_empty());
        let is_stamp =
            |stamp: &String| stamp.len() == 14 && stamp.bytes().all(|b| b.is_ascii_digit());
        if !stamp.as_ref().is_none_or(is_stamp) {
            return Err(OperationError::Invalid {
                field: "stamp".to_owned(),
                message: "must be 14 digits".to_owned(),
            });
        }
        Ok(HandoverAsked { ids, format, stamp })
    }

    /// The same for one file of a handover: its name begins with the handover's stamp, so that without it there is no
    /// such file.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`], and where there is no stamp.
    pub fn parse_for_file(&self) -> Outcome<HandoverAsked> {
        let asked = self.parse()?;
        if asked.stamp.is_none() {
            return Err(OperationError::Invalid {
                field: "stamp".to_owned(),
                message: "pass the stamp of the handover that lists the file: without it, its files have other names"
                    .to_owned(),
            });
        }
        Ok(asked)
    }
}

/// A text as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    pub file_name: String,
    pub content_type: &'static str,
    pub text: String,
}

/// A change as a file to be run on main.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchFile {
    pub file_name: String,
    pub sql: String,
}

/// A result as a file to be handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    pub file_name: String,
    /// Complete: styles and charts stand in it.
    pub html: String,
}

/// The documentation of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RulePage {
    pub rule: Rule,
    pub title: String,
    /// Made from Markdown of ours; safe to show.
    pub html: String,
}

/// What the first page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    pub health: Health,
    pub counts: crate::model::RecommendationCounts,
    /// The open recommendations with the largest planned saving.
    pub top: Vec<Recommendation>,
    pub live_jobs: Vec<Job>,
    pub recent_jobs: Vec<Job>,
    pub recent_changes: Vec<Change>,
    /// When the workload was last read; absent before the first time.
    pub analyzed_at: Option<crate::model::Timestamp>,
    /// Statements read then.
    pub statements: i64,
    /// Those of them that could be planned.
    pub statements_planned: i64,
}

/// Results of the operations below.
pub type Outcome<T> = Result<T, OperationError>;

/// The product. Statuses, rights and rules are decided behind it.
#[async_trait]
pub trait Operations: Send + Sync {
    /// The same, for the holder of a token.
    fn acting_as(&self, actor: Actor) -> std::sync::Arc<dyn Operations>;

    async fn dashboard(&self) -> Outcome<Dashboard>;
    async fn health(&self) -> Outcome<Health>;

    /// Collects the workload of main and advises on it now.
    async fn analyze(&self) -> Outcome<AnalyzeReport>;

    /// Queues the same as a job.
    async fn start_analysis(&self) -> Outcome<JobAccepted>;

    /// Reads main's counters now, and plans what is new.
    async fn collect(&self) -> Outcome<CollectionReport>;
    /// The workload, filtered, sorted and paged.
    async fn queries(&self, filter: QueryFilter) -> Outcome<QueryPage>;
    /// Everything about one statement.
    async fn query(&self, hash: QueryHash, range: QueryRange) -> Outcome<QueryDetail>;
    /// Takes statements that a person gives: SQL (with weights) or a log of PostgreSQL.
    async fn add_queries(&self, text: String) -> Outcome<AddedQueries>;
    /// Forgets a statement that a person gave.
    async fn remove_query(&self, hash: QueryHash) -> Outcome<()>;

    async fn recommendations(&self, filter: RecommendationFilter) -> Outcome<RecommendationPage>;
    async fn recommendation(&self, id: RecommendationId) -> Outcome<Recommendation>;
    /// Candidates of the last analysis that were not recommended, with their reasons.
    async fn rejected(&self, search: Option<String>) -> Outcome<RejectedPage>;
    /// Plans the workload as if an index were there.
    async fn what_if(&self, request: WhatIfRequest) -> Outcome<WhatIfReport>;
    /// The documentation of a rule, as HTML.
    async fn rule_page(&self, rule: Rule) -> Outcome<RulePage>;
    async fn dismiss(
        &self,
        id: RecommendationId,
        reason: Option<String>,
    ) -> Outcome<Recommendation>;
    async fn restore(&self, id: RecommendationId) -> Outcome<Recommendation>;

    async fn start_benchmark(&self, id: RecommendationId) -> Outcome<JobAccepted>;
    /// Queues a benchmark of several recommendations together.
    async fn start_set_benchmark(&self, ids: Vec<RecommendationId>) -> Outcome<JobAccepted>;
    /// Lists what a person typed in, and queues its benchmark.
    async fn compare(&self, request: CompareRequest) -> Outcome<JobAccepted>;
    /// A finished benchmark as a page of its own, to be handed on.
    async fn benchmark_report(&self, id: JobId) -> Outcome<ReportFile>;
    async fn jobs(&self, filter: JobFilter) -> Outcome<JobPage>;
    /// The same for lists that show an outcome in one line: without samples, plans and values.
    async fn jobs_in_brief(&self, filter: JobFilter) -> Outcome<JobPage>;
    async fn job(&self, id: JobId) -> Outcome<Job>;
    async fn cancel_job(&self, id: JobId) -> Outcome<JobAccepted>;
    async fn patch_sql(&self, id: JobId) -> Outcome<PatchFile>;

    /// What an apply would do, statement by statement; nothing is done.
    async fn apply_plan(&self, id: RecommendationId) -> Outcome<ApplyPlan>;
    /// Queues the apply of a recommendation. Without a completed benchmark it needs a reason.
    async fn start_apply(&self, id: RecommendationId, approval: Approval) -> Outcome<JobAccepted>;
    async fn start_rollback(&self, id: RecommendationId) -> Outcome<JobAccepted>;
    /// Queues the rollback of several changes, the newest first.
    async fn roll_back_together(&self, scope: RollbackScope) -> Outcome<RollbackOrder>;
    /// The change that stands for a recommendation.
    async fn standing_change(&self, id: RecommendationId) -> Outcome<Option<Change>>;
    async fn changes(&self, filter: ChangeFilter) -> Outcome<Vec<Change>>;
    async fn audit_trail(&self, filter: AuditFilter) -> Outcome<AuditPage>;
    /// The whole trail as a file.
    async fn export_audit(&self, format: ExportFormat) -> Outcome<ExportFile>;
    /// Walks the trail's chain of hashes.
    async fn verify_audit(&self) -> Outcome<AuditVerification>;
    async fn apply_status(&self) -> Outcome<ApplyStatus>;
    /// Drops expired scratch schemas and invalid leftovers now.
    async fn cleanup(&self) -> Outcome<CleanupReport>;
    /// Whether functions of the database are copied into the sandbox.
    async fn functions_choice(&self) -> Outcome<FunctionsChoice>;
    /// Answers that. Where the configuration decides it, there is no question.
    async fn choose_functions(&self, copied: bool) -> Outcome<FunctionsChoice>;

    /// Recommendations as files for production, in a safe order.
    async fn hand_over(&self, asked: HandoverAsked) -> Outcome<Handover>;
    /// Puts a backup, which stands in the data folder under this name, in the store's place.
    async fn restore_store(&self, file_name: String) -> Outcome<RestoreReport>;
}
