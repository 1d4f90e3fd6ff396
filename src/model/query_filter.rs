//! Which statements are listed, in which order, over which time: as types, and as texts in a URL.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::filter::{parse_field, parse_limit, parse_search};
use super::text_enum::text_enum;
use super::{InvalidField, QueryKind, TableName};

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
    pub enum PlannedFilter ("planned filter") {
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
    pub planned: Option<PlannedFilter>,
    pub limit: Option<u32>,
    /// How many rows stand before this page.
    pub cursor: Option<u32>,
}

/// The same, as it stands in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct WorkloadQuery {
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
    #[param(value_type = Option<PlannedFilter>)]
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

impl WorkloadQuery {
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
