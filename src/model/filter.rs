//! What a list is asked for, and a page of it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::text_enum::text_enum;
use super::{
    Job, JobStatus, JobType, Recommendation, RecommendationId, RecommendationStatus,
    RecommendationType, TableName,
};

text_enum! {
    /// How recommendations are ordered.
    pub enum RecommendationSort ("order") {
        /// The largest planned saving first.
        Impact => "impact",
        Newest => "newest",
        Oldest => "oldest",
        Confidence => "confidence",
        Title => "title",
    }
}

impl RecommendationSort {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Impact => "Largest saving",
            Self::Newest => "Newest",
            Self::Oldest => "Oldest",
            Self::Confidence => "Confidence",
            Self::Title => "Title",
        }
    }
}

/// The most rows that one page of a list may have.
pub const MAX_PAGE: u32 = 200;
/// The rows of a page where none are asked for.
pub const DEFAULT_PAGE: u32 = 50;

/// The longest search text, in characters.
pub const MAX_SEARCH: usize = 200;

/// Which recommendations, and in which order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecommendationFilter {
    pub status: Option<RecommendationStatus>,
    pub recommendation_type: Option<RecommendationType>,
    pub table: Option<TableName>,
    /// Words to be found in title, description or SQL.
    pub search: Option<String>,
    pub sort: Option<RecommendationSort>,
    pub limit: Option<u32>,
    /// The last row of the previous page.
    pub cursor: Option<RecommendationId>,
    /// Whether those that save little are listed too.
    pub small: bool,
    /// Percent of the workload; open ones that are planned to save less are counted and not listed.
    pub folded_below: Option<f64>,
}

/// The same, as it stands in a URL: every part a text, parsed at the edge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct RecommendationQuery {
    /// `pending`, `active` (or `benchmarked`), `applied`, `dismissed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<RecommendationStatus>)]
    pub status: Option<String>,
    /// `index`, `index_drop`, `rewrite`, `statistics`, `maintenance`, `config`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<RecommendationType>)]
    pub recommendation_type: Option<String>,
    /// `schema.table`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = r#"^([^".]+|"([^"]|"")+")\.([^".]+|"([^"]|"")+")$"#)]
    pub table: Option<String>,
    /// Words to be found in title, description or SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// `impact`, `newest`, `oldest`, `confidence`, `title`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<RecommendationSort>)]
    pub sort: Option<String>,
    /// 1 to 200; 50 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<uuid::Uuid>)]
    pub cursor: Option<String>,
    /// `true` for those too that save less of the workload than is listed by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<bool>)]
    pub small: Option<String>,
}

/// A field of a request that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidField {
    pub field: &'static str,
    pub message: String,
}

fn present(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

pub(super) fn parse_field<T>(
    field: &'static str,
    text: &Option<String>,
) -> Result<Option<T>, InvalidField>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    present(text)
        .map(str::parse)
        .transpose()
        .map_err(|error: T::Err| InvalidField { field, message: error.to_string() })
}

pub(super) fn parse_limit(text: &Option<String>) -> Result<Option<u32>, InvalidField> {
    match parse_field::<u32>("limit", text)? {
        Some(limit) if !(1..=MAX_PAGE).contains(&limit) => {
            Err(InvalidField { field: "limit", message: format!("must be from 1 to {MAX_PAGE}") })
        }
        limit => Ok(limit),
    }
}

pub(super) fn parse_search(text: &Option<String>) -> Result<Option<String>, InvalidField> {
    match present(text) {
        Some(search) if search.chars().count() > MAX_SEARCH => Err(InvalidField {
            field: "q",
            message: format!("must have at most {MAX_SEARCH} characters"),
        }),
        search => Ok(search.map(str::to_owned)),
    }
}

impl RecommendationQuery {
    /// Reads the texts.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn parse(&self) -> Result<RecommendationFilter, InvalidField> {
        let status = match present(&self.status) {
            Some("benchmarked") => Some(RecommendationStatus::Active),
            _ => parse_field("status", &self.status)?,
        };
        Ok(RecommendationFilter {
            status,
            recommendation_type: parse_field("type", &self.recommendation_type)?,
            table: parse_field("table", &self.table)?,
            search: parse_search(&self.q)?,
            sort: parse_field("sort", &self.sort)?,
            limit: parse_limit(&self.limit)?,
            cursor: parse_field("cursor", &self.cursor)?,
            small: parse_field("small", &self.small)?.unwrap_or_default(),
            folded_below: None,
        })
    }
}

/// Recommendations by status, whatever the status filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecommendationCounts {
    pub pending: i64,
    pub active: i64,
    pub applied: i64,
    pub dismissed: i64,
}

impl RecommendationCounts {
    /// The count of one status.
    #[must_use]
    pub const fn of(&self, status: RecommendationStatus) -> i64 {
        match status {
            RecommendationStatus::Pending => self.pending,
            RecommendationStatus::Active => self.active,
            RecommendationStatus::Applied => self.applied,
            RecommendationStatus::Dismissed => self.dismissed,
        }
    }

    /// Sets the count of one status.
    pub fn set(&mut self, status: RecommendationStatus, count: i64) {
        *match status {
            RecommendationStatus::Pending => &mut self.pending,
            RecommendationStatus::Active => &mut self.active,
            RecommendationStatus::Applied => &mut self.applied,
            RecommendationStatus::Dismissed => &mut self.dismissed,
        } = count;
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.pending + self.active + self.applied + self.dismissed
    }
}

/// One page of recommendations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecommendationPage {
    pub items: Vec<Recommendation>,
    pub next_cursor: Option<String>,
    pub counts: RecommendationCounts,
    /// Open ones that save too little to be listed by themselves.
    #[serde(default)]
    pub folded: i64,
    /// What they save less than, in percent of the workload; absent where nothing is folded.
    #[serde(default)]
    pub folded_below: Option<f64>,
}

/// Which jobs, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    pub status: Option<JobStatus>,
    pub job_type: Option<JobType>,
    pub recommendation_id: Option<super::RecommendationId>,
    pub limit: Option<u32>,
    /// The last row of the previous page.
    pub cursor: Option<super::JobId>,
}

/// The same, as it stands in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct JobQuery {
    /// `pending`, `running`, `completed`, `failed`, `error`, `cancelled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<JobStatus>)]
    pub status: Option<String>,
    /// `benchmark`, `apply`, `rollback`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<JobType>)]
    pub job_type: Option<String>,
    /// 1 to 200; 50 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<uuid::Uuid>)]
    pub cursor: Option<String>,
}

impl JobQuery {
    /// Reads the texts.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn parse(&self) -> Result<JobFilter, InvalidField> {
        Ok(JobFilter {
            status: parse_field("status", &self.status)?,
            job_type: parse_field("type", &self.job_type)?,
            recommendation_id: None,
            limit: parse_limit(&self.limit)?,
            cursor: parse_field("cursor", &self.cursor)?,
        })
    }
}

/// One page of jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    pub items: Vec<Job>,
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benchmarked_is_accepted_for_active() {
        let query =
            RecommendationQuery { status: Some("benchmarked".into()), ..Default::default() };
        assert_eq!(query.parse().unwrap().status, Some(RecommendationStatus::Active));
    }

    #[test]
    fn empty_fields_of_a_form_mean_no_filter() {
        let query = RecommendationQuery {
            status: Some(String::new()),
            q: Some("  ".into()),
            ..Default::default()
        };
        assert_eq!(query.parse().unwrap(), RecommendationFilter::default());
    }

    #[test]
    fn the_malformed_field_is_named() {
        let query = RecommendationQuery { limit: Some("0".into()), ..Default::default() };
        assert_eq!(query.parse().unwrap_err().field, "limit");
        let query = RecommendationQuery { table: Some("orders".into()), ..Default::default() };
        assert_eq!(query.parse().unwrap_err().field, "table");
        let query = RecommendationQuery { cursor: Some("zzzz".into()), ..Default::default() };
        assert_eq!(query.parse().unwrap_err().field, "cursor");
        let query = RecommendationQuery { q: Some("a".repeat(201)), ..Default::default() };
        assert_eq!(query.parse().unwrap_err().field, "q");
        let query = JobQuery { status: Some("done".into()), ..Default::default() };
        assert_eq!(query.parse().unwrap_err().field, "status");
    }
}
