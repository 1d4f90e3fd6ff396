//! The workload as it is listed and shown: one statement a row, and everything about one of them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::filter::{parse_field, parse_limit, parse_search};
use super::text_enum::text_enum;
use super::{
    InvalidField, MainUsage, PlanJson, QueryHash, Recommendation, StatementShape, TableName,
    Timestamp,
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

text_enum! {
    /// How statements are ordered.
    pub enum QuerySort ("order") {
        /// The largest share of the time first.
        Time => "time",
        Calls => "calls",
        /// The longest single call first.
        Mean => "mean",
        Rows => "rows",
        /// The worst share of blocks found in memory first.
        Cache => "cache",
        /// The one seen last first.
        Recent => "recent",
    }
}

impl QuerySort {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Time => "Total time",
            Self::Calls => "Calls",
            Self::Mean => "Mean time",
            Self::Rows => "Rows",
            Self::Cache => "Worst cache hit",
            Self::Recent => "Seen last",
        }
    }
}

text_enum! {
    /// Which time is looked at.
    pub enum QueryRange ("time range") {
        Hour => "hour",
        Day => "day",
        Week => "week",
        Month => "month",
        /// Everything that main's counters and OptiSchema's history know.
        All => "all",
    }
}

impl QueryRange {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hour => "Last hour",
            Self::Day => "Last 24 hours",
            Self::Week => "Last 7 days",
            Self::Month => "Last 30 days",
            Self::All => "Everything known",
        }
    }

    /// Its length in seconds; absent for everything.
    #[must_use]
    pub const fn seconds(self) -> Option<i64> {
        match self {
            Self::Hour => Some(3600),
            Self::Day => Some(86_400),
            Self::Week => Some(7 * 86_400),
            Self::Month => Some(30 * 86_400),
            Self::All => None,
        }
    }

    /// The length in seconds of the periods that sums are made of: few enough for thousands of statements.
    #[must_use]
    pub const fn sum_resolution(self) -> i64 {
        match self {
            Self::Hour => 600,
            Self::Day => 3600,
            Self::Week | Self::Month | Self::All => 86_400,
        }
    }

    /// The length in seconds of the periods that one statement's charts are made of.
    #[must_use]
    pub const fn chart_resolution(self) -> i64 {
        match self {
            Self::Hour => 60,
            Self::Day => 600,
            Self::Week => 3600,
            Self::Month | Self::All => 86_400,
        }
    }
}

text_enum! {
    /// Whether a statement could be planned.
    pub enum Planned ("planned filter") {
        Yes => "yes",
        No => "no",
    }
}

/// Which statements, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryFilter {
    /// Words to be found in the text.
    pub search: Option<String>,
    pub table: Option<TableName>,
    pub sort: Option<QuerySort>,
    pub range: Option<QueryRange>,
    /// The application's where absent.
    pub kind: Option<QueryKind>,
    pub planned: Option<Planned>,
    pub limit: Option<u32>,
    /// How many rows stand before this page.
    pub cursor: Option<u32>,
}

/// The same, as it stands in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct QueryQuery {
    /// Words to be found in the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// `schema.table`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = r#"^([^".]+|"([^"]|"")+")\.([^".]+|"([^"]|"")+")$"#)]
    pub table: Option<String>,
    /// `time`, `calls`, `mean`, `rows`, `cache`, `recent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<QuerySort>)]
    pub sort: Option<String>,
    /// `hour`, `day`, `week`, `month`, `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<QueryRange>)]
    pub range: Option<String>,
    /// `user`, `system`, `own`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<QueryKind>)]
    pub kind: Option<String>,
    /// `yes`, `no`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<Planned>)]
    pub planned: Option<String>,
    /// 1 to 200; 50 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<i64>, minimum = 0, maximum = 2147483647)]
    pub cursor: Option<String>,
}

impl QueryQuery {
    /// Reads the texts.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn parse(&self) -> Result<QueryFilter, InvalidField> {
        Ok(QueryFilter {
            search: parse_search(&self.q)?,
            table: parse_field("table", &self.table)?,
            sort: parse_field("sort", &self.sort)?,
            range: parse_field("range", &self.range)?,
            kind: parse_field("kind", &self.kind)?,
            planned: parse_field("planned", &self.planned)?,
            limit: parse_limit(&self.limit)?,
            cursor: parse_position(&self.cursor)?,
        })
    }
}

/// How many rows stand before a page: 0 to 2,147,483,647.
fn parse_position(text: &Option<String>) -> Result<Option<u32>, InvalidField> {
    match parse_field::<u32>("cursor", text)? {
        Some(rows) if rows > i32::MAX.unsigned_abs() => {
            Err(InvalidField { field: "cursor", message: format!("must be at most {}", i32::MAX) })
        }
        rows => Ok(rows),
    }
}

/// The time range of one statement's page, as it stands in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct RangeQuery {
    /// `hour`, `day`, `week`, `month`, `all`; `all` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<QueryRange>)]
    pub range: Option<String>,
}

impl RangeQuery {
    /// Reads the text.
    ///
    /// # Errors
    /// It is no range.
    pub fn parse(&self) -> Result<QueryRange, InvalidField> {
        Ok(parse_field("range", &self.range)?.unwrap_or(QueryRange::All))
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
    /// Why it could not.
    pub reason: Option<String>,
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
