//! The workload as it is listed and shown: one statement a row, and everything about one of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;
use super::{
    MainUsage, NotPlanned, PlanJson, PlannedAs, QueryHash, QueryRange, Recommendation,
    StatementShape, TableName, Timestamp,
};
use crate::plan::{Dependencies, PlanDiff, PlanFinding};

text_enum! {
    /// Whose statement it is.
    pub enum QueryKind ("kind of statement") {
        /// The application's.
        User => "user",
        /// A utility statement, or one that reads no table but the system's.
        System => "system",
        /// OptiSchema's.
        Own => "own",
    }
}

text_enum! {
    /// Where a statement was found.
    pub enum QuerySource ("source") {
        /// `pg_stat_statements` of main.
        Main => "main",
        /// Typed in by a person.
        Typed => "typed",
        /// A log of PostgreSQL.
        Log => "log",
    }
}

/// What a statement did in a time range. Times in milliseconds, blocks of 8 KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryFigures {
    pub calls: i64,
    pub total_time_ms: f64,
    /// Absent where it was not called.
    pub mean_ms: Option<f64>,
    /// Over all calls.
    pub rows: i64,
    pub shared_hit: i64,
    pub shared_read: i64,
    pub temp_blocks: i64,
    /// Blocks found in shared buffers, in percent; absent where none were wanted.
    pub cache_hit_percent: Option<f64>,
    /// Share of the time of all statements of this kind, in percent.
    pub share_percent: f64,
}

/// One statement of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuerySummary {
    pub query_hash: QueryHash,
    pub sql: String,
    pub kind: QueryKind,
    pub source: QuerySource,
    pub figures: QueryFigures,
    /// Total milliseconds per second that was watched, period by period; absent where nothing was watched.
    pub trend: Vec<Option<f64>>,
    /// Whether it could be planned; absent while nobody has tried.
    pub planned: Option<bool>,
    /// What of it is planned; absent while nobody has tried.
    #[serde(default)]
    pub planned_as: Option<PlannedAs>,
    /// Why it could not be.
    pub reason: Option<NotPlanned>,
    /// What a person should look at, in words.
    pub warnings: Vec<String>,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
}

/// What one reading of main found and cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CollectionReport {
    pub at: Timestamp,
    /// Milliseconds spent waiting for main.
    pub main_ms: f64,
    /// Milliseconds of everything else.
    pub here_ms: f64,
    /// Entries read.
    pub statements: i64,
    /// Entries that did something since the reading before.
    pub changed: i64,
    /// Entries seen for the first time.
    pub fresh: i64,
    /// Entries that main no longer has.
    pub gone: i64,
    pub was_reset: bool,
    /// How often main made room since the reading before: what ran only before that is not counted.
    pub deallocations: i64,
    /// Entries whose text the role may not see.
    pub hidden: i64,
    /// Texts that were seen in sessions, and counted with statements that are known (`sample_activity`).
    #[serde(default)]
    pub seen: i64,
    /// Milliseconds of `main_ms` that looking at sessions took.
    #[serde(default)]
    pub seen_ms: f64,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// What collecting costs main.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CollectionCost {
    /// Readings in the last hour.
    pub readings: i64,
    /// Milliseconds of main's time that they took together, as the collector saw it: an upper bound.
    pub main_ms_per_hour: f64,
    /// Milliseconds of these for looking at what sessions run; zero where that is off.
    #[serde(default)]
    pub seen_ms_per_hour: f64,
}

/// One page of statements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryPage {
    pub items: Vec<QuerySummary>,
    pub next_cursor: Option<String>,
    /// Statements that fit the filters.
    pub total: i64,
    /// Statements of the application that could be planned, that could not, and that nobody has tried.
    pub planned: i64,
    pub unplanned: i64,
    pub untried: i64,
    pub system: i64,
    pub own: i64,
    /// Milliseconds of all statements of this kind in the range.
    pub total_time_ms: f64,
    /// From when the figures are; absent where nobody knows.
    pub since: Option<Timestamp>,
    pub last_collection: Option<CollectionReport>,
    pub cost: CollectionCost,
    /// What OptiSchema takes from main now, and may take.
    #[serde(default)]
    pub usage: Option<MainUsage>,
}

/// One period of a statement's history.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryPeriod {
    pub started_at: Timestamp,
    /// Seconds from its start to its end.
    pub seconds: i64,
    /// Seconds that were watched.
    pub watched_seconds: f64,
    pub calls: i64,
    pub total_time_ms: f64,
    pub rows: i64,
    pub shared_hit: i64,
    pub shared_read: i64,
}

/// A set of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryBinding {
    /// Where the values came from.
    pub label: String,
    /// Whether some were assumed, since no statistics say.
    pub assumed: bool,
    /// `$1`, `$2`, … as texts; NULL is absent.
    pub values: Vec<Option<String>>,
    pub sql: String,
}

/// An index of a table that the statement reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryIndex {
    pub name: String,
    pub definition: String,
    pub bytes: i64,
    pub valid: bool,
    /// Whether the current plan uses it.
    pub used: bool,
}

/// A table that the statement reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryTable {
    pub name: TableName,
    /// `reltuples`; negative where nobody has counted.
    pub rows: f64,
    pub bytes: i64,
    pub indexes: Vec<QueryIndex>,
}

/// A plan that the statement had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryPlan {
    pub id: i64,
    /// `planned` by main's planner, or `logged` by `auto_explain`.
    pub source: String,
    /// The values that it was made for.
    pub binding: String,
    pub total_cost: f64,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub current: bool,
    pub plan: PlanJson,
    pub findings: Vec<PlanFinding>,
}

/// The plan changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryEvent {
    pub at: Timestamp,
    /// Ids of the plans.
    pub plan_before: i64,
    pub plan_after: i64,
    pub diff: Option<PlanDiff>,
    /// Milliseconds of one call, in the hour before the old plan was seen last and in the hour after the new
    /// one was seen first; absent where it was not called.
    pub mean_before_ms: Option<f64>,
    pub mean_after_ms: Option<f64>,
}

/// A piece of SQL text, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SqlSpan {
    pub class: SqlClass,
    pub text: String,
}

text_enum! {
    /// What a piece of SQL is.
    pub enum SqlClass ("kind of token") {
        Keyword => "keyword",
        Literal => "literal",
        Parameter => "parameter",
        Comment => "comment",
        Plain => "plain",
    }
}

/// Everything about one statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryDetail {
    pub summary: QuerySummary,
    pub range: QueryRange,
    /// Formatted, in pieces that can be coloured.
    pub formatted: Vec<SqlSpan>,
    /// Roles that ran it.
    pub roles: Vec<String>,
    /// Where it is not the session's own.
    pub search_path: Vec<String>,
    #[schema(value_type = Object)]
    pub shape: Option<StatementShape>,
    pub bindings: Vec<QueryBinding>,
    pub tables: Vec<QueryTable>,
    pub dependencies: Dependencies,
    pub history: Vec<QueryPeriod>,
    /// The newest first.
    pub plans: Vec<QueryPlan>,
    /// The newest first.
    pub events: Vec<QueryEvent>,
    pub recommendations: Vec<Recommendation>,
}

/// What became of statements that a person gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedQueries {
    /// New or known, with what they count now.
    pub added: Vec<QueryHash>,
    /// What could not be read, with the reason.
    pub refused: Vec<String>,
}
