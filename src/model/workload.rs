//! The statements of a database and how often it runs them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;
use super::{PlanJson, QueryHash, QueryKind, Recommendation, StatementShape, TableName};
use crate::advisor::{IndexCandidate, WeightedStatement};
use crate::plan::Dependencies;

/// One statement of the workload, with what could be made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackedStatement {
    pub query_hash: QueryHash,
    /// As its source has it.
    pub sql: String,
    pub kind: QueryKind,
    pub calls: i64,
    /// Milliseconds, over all calls.
    pub total_time_ms: f64,
    pub rows: i64,
    /// 8 KiB blocks written to and read from temporary files, over all calls.
    pub temp_blocks: i64,
    /// What can be planned, or why nothing can.
    pub plannable: Result<PlannableStatement, NotPlanned>,
}

impl TrackedStatement {
    /// What it counts for.
    #[must_use]
    pub fn weight(&self) -> WeightedStatement {
        WeightedStatement {
            calls: self.calls.max(1) as f64,
            time_ms: Some(self.total_time_ms).filter(|time| *time > 0.0),
        }
    }

    /// Milliseconds of one call, on average; zero where nobody measured them.
    #[must_use]
    pub fn mean_ms(&self) -> f64 {
        self.total_time_ms / self.calls.max(1) as f64
    }

    /// What of it is planned.
    #[must_use]
    pub fn planned_as(&self) -> PlannedAs {
        self.plannable.as_ref().map_or(PlannedAs::NotPlanned, |plannable| plannable.planned_as)
    }
}

text_enum! {
    /// What of a statement is planned on main, where only queries are.
    pub enum PlannedAs ("way of planning") {
        /// The statement.
        Itself => "itself",
        /// The query that finds the rows of an UPDATE, a DELETE, a MERGE, an INSERT … SELECT or a locking read.
        RowSearch => "row_search",
        /// The query inside a cursor, PREPARE, COPY, CREATE TABLE AS or EXPLAIN.
        InnerQuery => "inner_query",
        NotPlanned => "not_planned",
    }
}

impl PlannedAs {
    /// In words, for a person; absent where the statement itself is planned.
    #[must_use]
    pub const fn sentence(self) -> Option<&'static str> {
        match self {
            Self::Itself => None,
            Self::RowSearch => Some("through the search for the rows that it writes or locks"),
            Self::InnerQuery => Some("as the query inside it"),
            Self::NotPlanned => Some("not"),
        }
    }
}

text_enum! {
    /// Why nothing of a statement is planned.
    pub enum ReasonCode ("reason") {
        /// The parser does not read it.
        NotParsed => "not_parsed",
        /// Its source has only the beginning.
        CutOff => "cut_off",
        /// It is larger than what is read.
        TooLong => "too_long",
        /// The role may not see its text.
        Hidden => "hidden",
        /// A utility statement, or one that reads no table of the application.
        System => "system",
        /// OptiSchema's.
        Own => "own",
        /// It holds no query and searches no rows.
        NoQuery => "no_query",
        /// It writes rows that it names.
        RowsGiven => "rows_given",
        /// Its text stands elsewhere.
        PreparedElsewhere => "prepared_elsewhere",
        /// It reads no table, or one that is not there.
        NoTable => "no_table",
        /// Planning it on main could run a function of the database, or take too much memory.
        NotSafe => "not_safe",
        /// The role may not read a table.
        NoPermission => "no_permission",
        /// Policies hide rows from the role.
        RowSecurity => "row_security",
        /// What OptiSchema may take from main is taken: later it may be planned.
        Budget => "budget",
        /// PostgreSQL does not plan it.
        Refused => "refused",
        /// Not known: an earlier version kept the sentence only.
        Other => "other",
    }
}

/// Why nothing of a statement is planned, and what would change that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotPlanned {
    pub code: ReasonCode,
    pub message: String,
    pub remedy: Option<String>,
    /// Functions of the database that keep it from being planned, as `schema.name`; the store does not keep them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
}

impl NotPlanned {
    #[must_use]
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: None, functions: Vec::new() }
    }

    #[must_use]
    pub fn with_remedy(
        code: ReasonCode,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(code, message) }
    }
}

impl std::fmt::Display for NotPlanned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.remedy.iter().try_for_each(|remedy| write!(f, ": {remedy}"))
    }
}

/// A statement with parameters bound to real values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlannableStatement {
    /// Earlier versions planned statements themselves only.
    #[serde(default)]
    pub planned_as: PlannedAs,
    pub shape: StatementShape,
    /// The first set stands for the whole.
    pub bindings: Vec<Binding>,
    /// The verbose plan of the first set.
    #[serde(default)]
    pub plan: PlanJson,
    #[serde(default)]
    pub dependencies: Dependencies,
    /// Schemas that unqualified names were looked for in, where they are not the session's own.
    #[serde(default)]
    pub search_path: Vec<String>,
    /// What the sets of values were put into, `$1`, `$2`, … in their places; absent where that is the statement's own text.
    #[serde(default)]
    pub template: Option<String>,
    /// Tables that only the statement itself comes to, where the search for its rows is what is planned.
    #[serde(default)]
    pub writes_to: Vec<TableName>,
    /// Whether main's own plan is pinned by advice (PostgreSQL 19), which this one was made without.
    #[serde(default)]
    pub pinned: bool,
    /// Policies under which its role runs it, which stand as conditions in what is planned.
    #[serde(default)]
    pub under: Option<UnderPolicies>,
    /// Other tables that its calls may have been on: what counts them tells tables of one name not apart.
    #[serde(default)]
    pub may_mean: Vec<TableName>,
}

#[expect(clippy::derivable_impls, reason = "the enum's derives are the macro's")]
impl Default for PlannedAs {
    fn default() -> Self {
        Self::Itself
    }
}

/// What of a statement's tables its role sees through policies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderPolicies {
    /// The role that ran it; absent where the source does not say.
    pub role: Option<String>,
    pub tables: Vec<TableName>,
}

/// Which of its columns' values a binding has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindingKind {
    /// The statement has no parameters.
    #[default]
    AsWritten,
    /// The most common ones.
    Common,
    /// A quarter into the histogram.
    LowQuantile,
    /// The middle of the histogram.
    Median,
    /// Three quarters into the histogram.
    HighQuantile,
    /// The least common one known.
    Rare,
    /// NULL, for what may be NULL.
    Null,
    /// Values that a log showed.
    Logged,
    /// None: the plan that PostgreSQL makes for any values.
    Generic,
}

impl BindingKind {
    /// Whether costs and run times with it stand for what the application does. NULL and quantiles beside
    /// the median show what else can happen.
    #[must_use]
    pub const fn is_representative(self) -> bool {
        matches!(self, Self::AsWritten | Self::Common | Self::Median | Self::Logged)
    }
}

/// One set of parameter values, and the statement with them in place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Where the values came from.
    pub label: String,
    /// Whether some of them were assumed, since no statistics say.
    #[serde(default)]
    pub assumed: bool,
    /// Which of a column's values were taken.
    #[serde(default)]
    pub kind: BindingKind,
    /// `$1`, `$2`, … as texts; NULL is absent.
    pub values: Vec<Option<String>>,
    /// The same as they stand in the text, casts included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub literals: Vec<String>,
    /// Numbers of the parameters whose values were assumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed_parameters: Vec<i32>,
    /// What else a person should know of the values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Members of documents that are looked up, where their names were found among the documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Calls that had these values, where the source counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<i64>,
    pub sql: String,
}

impl Binding {
    /// Where the values came from, which were assumed, and what else is to be known of them, in one line.
    #[must_use]
    pub fn described(&self) -> String {
        let mut parts = vec![self.label.clone()];
        if !self.assumed_parameters.is_empty() {
            let numbers = self.assumed_parameters.iter().map(|number| format!("${number}"));
            parts.push(format!("assumed: {}", numbers.collect::<Vec<_>>().join(", ")));
        }
        parts.extend(self.remarks.iter().cloned());
        parts.join("; ")
    }
}

/// A statement, and whether it could be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementReport {
    pub query_hash: QueryHash,
    pub sql: String,
    pub planned: bool,
    pub planned_as: PlannedAs,
    /// Why not, where it was not.
    pub reason: Option<NotPlanned>,
}

/// A candidate that was not recommended, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RejectedCandidate {
    pub table: TableName,
    pub definition: String,
    pub reason: String,
    /// Bytes that it would take, where that is known.
    #[serde(default)]
    pub estimated_bytes: Option<i64>,
    /// Percent of the whole workload that it alone would save, where the planner was asked.
    #[serde(default)]
    pub alone_percent: Option<f64>,
}

impl RejectedCandidate {
    /// A candidate that no planner was asked about.
    #[must_use]
    pub fn of(candidate: &IndexCandidate, reason: String) -> Self {
        Self {
            table: candidate.table.clone(),
            definition: candidate.create_sql(false),
            reason,
            estimated_bytes: None,
            alone_percent: None,
        }
    }
}

/// What collecting and advising gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnalyzeReport {
    pub recommendations: Vec<Recommendation>,
    pub rejected: Vec<RejectedCandidate>,
    pub statements: Vec<StatementReport>,
}

/// Candidates of the last analysis that were not recommended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RejectedPage {
    pub items: Vec<RejectedCandidate>,
    /// How many there are in all.
    pub total: i64,
}
