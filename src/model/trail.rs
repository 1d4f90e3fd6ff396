//! Which changes and which rows of the audit trail are asked for.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::audit::{AuditEvent, UnreadableDetail};

use super::filter::{parse_field, parse_limit, parse_search};
use super::text_enum::text_enum;
use super::{
    ChangeStatus, InvalidField, JobId, RecommendationId, TableFilter, Timestamp, WatchOutcome,
};

/// Which changes, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    pub status: Option<ChangeStatus>,
    pub outcome: Option<WatchOutcome>,
    pub table: Option<TableFilter>,
    /// Words to be found in title or SQL.
    pub search: Option<String>,
    pub actor: Option<String>,
    pub limit: Option<u32>,
}

/// The same, as it stands in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ChangeQuery {
    /// `applied`, `rolled_back`, `drifted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<super::ChangeStatus>)]
    pub status: Option<String>,
    /// `as_predicted`, `less`, `regression`, `undecided`, `not_measured`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<super::WatchOutcome>)]
    pub outcome: Option<String>,
    /// `schema.table`, or `table` in any schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Words to be found in title or SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// The name of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// 1 to 200; 200 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    pub limit: Option<String>,
}

impl ChangeQuery {
    /// Whether it asks for some changes only.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        [&self.status, &self.outcome, &self.table, &self.q, &self.actor]
            .into_iter()
            .any(|field| field.as_ref().is_some_and(|text| !text.trim().is_empty()))
    }

    /// Reads the texts.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn parse(&self) -> Result<ChangeFilter, InvalidField> {
        Ok(ChangeFilter {
            status: parse_field("status", &self.status)?,
            outcome: parse_field("outcome", &self.outcome)?,
            table: parse_field("table", &self.table)?,
            search: parse_search(&self.q)?,
            actor: parse_search(&self.actor)?,
            limit: parse_limit(&self.limit)?,
        })
    }
}

/// Which rows of the audit trail, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// What the action begins with: `apply`, `rollback.outcome`, …
    pub action: Option<String>,
    pub actor: Option<String>,
    pub recommendation_id: Option<RecommendationId>,
    pub limit: Option<u32>,
    /// Rows before this sequence number.
    pub before: Option<i64>,
}

/// The same, as it stands in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct AuditQuery {
    /// What the action begins with: `apply`, `rollback.outcome`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The name of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Rows of one recommendation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<uuid::Uuid>)]
    pub recommendation_id: Option<String>,
    /// 1 to 200; 50 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<i64>)]
    pub cursor: Option<String>,
}

impl AuditQuery {
    /// Reads the texts.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn parse(&self) -> Result<AuditFilter, InvalidField> {
        Ok(AuditFilter {
            action: parse_search(&self.action)?,
            actor: parse_search(&self.actor)?,
            recommendation_id: parse_field("recommendation_id", &self.recommendation_id)?,
            limit: parse_limit(&self.limit)?,
            before: parse_field("cursor", &self.cursor)?,
        })
    }
}

/// One row of the audit trail: intent before, outcome after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    pub sequence: i64,
    pub at: Timestamp,
    /// The name of the token, or `optischema` for what happened by itself.
    pub actor: String,
    /// `apply.intent`, `apply.outcome`, `rollback.intent`, … A text: a row that was altered is shown all the same.
    pub action: String,
    pub database: String,
    pub recommendation_id: Option<RecommendationId>,
    pub job_id: Option<JobId>,
    /// What was meant or done: where, the SQL with its hash, the catalog before and after.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    pub previous_hash: String,
    /// SHA-256 over the previous row's hash and this row.
    pub hash: String,
}

impl AuditEntry {
    /// The row's action with its data.
    ///
    /// # Errors
    /// No action has that name, or the detail is not what the action records.
    pub fn event(&self) -> Result<AuditEvent, UnreadableDetail> {
        AuditEvent::read(self.action.parse()?, &self.detail)
    }

    /// What it says in one line; the detail as JSON where this build cannot read it.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        match self.event() {
            Ok(event) => event.summary(),
            Err(_) => Some(self.detail.to_string()),
        }
        .map(|text| text.chars().take(SUMMARY).collect())
    }
}

/// Characters of a summary.
const SUMMARY: usize = 300;

/// The result of walking the audit trail's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerification {
    pub entries: i64,
    /// The sequence number of the first row that does not follow from the one before it.
    pub first_broken: Option<i64>,
    /// What the chain itself cannot tell, in words: guards that are gone, changes without a row.
    #[serde(default)]
    pub problems: Vec<String>,
}

impl AuditVerification {
    /// Whether nothing speaks against the trail.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.first_broken.is_none() && self.problems.is_empty()
    }
}

/// One page of the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    pub items: Vec<AuditEntry>,
    pub next_cursor: Option<String>,
}

text_enum! {
    /// How the trail is written to a file.
    pub enum ExportFormat ("export format") {
        Csv => "csv",
        Json => "json",
    }
}

text_enum! {
    /// The form in which changes are handed over for production.
    pub enum MigrationFormat ("migration format") {
        Sql => "sql",
        Sqlx => "sqlx",
        Flyway => "flyway",
        Liquibase => "liquibase",
        Goose => "goose",
        Dbmate => "dbmate",
        GolangMigrate => "golang-migrate",
        Rails => "rails",
        Django => "django",
        Alembic => "alembic",
        Prisma => "prisma",
        Drizzle => "drizzle",
        Knex => "knex",
        Typeorm => "typeorm",
        Ecto => "ecto",
        Laravel => "laravel",
    }
}

impl MigrationFormat {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sql => "Plain SQL",
            Self::Sqlx => "sqlx",
            Self::Flyway => "Flyway",
            Self::Rails => "Rails",
            Self::Django => "Django",
            Self::Alembic => "Alembic",
            Self::Liquibase => "Liquibase",
            Self::Goose => "goose",
            Self::Dbmate => "dbmate",
            Self::GolangMigrate => "golang-migrate",
            Self::Prisma => "Prisma",
            Self::Drizzle => "Drizzle",
            Self::Knex => "Knex",
            Self::Typeorm => "TypeORM",
            Self::Ecto => "Ecto",
            Self::Laravel => "Laravel",
        }
    }

    /// How its files are put in place and run, and what is to be set for statements that refuse a transaction.
    #[must_use]
    pub const fn how_to_run(self) -> &'static str {
        match self {
            Self::Sql => {
                "Run each with psql -X -v ON_ERROR_STOP=1 -f FILE, in the order of their names."
            }
            Self::Sqlx => {
                "Put them into migrations/ and run sqlx migrate run. sqlx sends a file as one query: a statement that refuses a transaction has a file of its own, between files that set its time limits and check it."
            }
            Self::Flyway => {
                "Put them into the folder of migrations with their .conf files, and run flyway -postgresql.transactional.lock=false migrate: with Flyway's own lock in a transaction, CREATE INDEX CONCURRENTLY would wait for it without end."
            }
            Self::Liquibase => {
                "Include them in the changelog in this order, and run liquibase update."
            }
            Self::Goose => "Put them into the folder of migrations and run goose up.",
            Self::Dbmate => {
                "Put them into db/migrations and run dbmate up. dbmate sends a part as one query: a statement that refuses a transaction has a version of its own."
            }
            Self::GolangMigrate => {
                "Put them into the folder of migrations and run migrate up, without x-multi-statement. After a failure, migrate force names the version before the first file of the change, and all of it runs again."
            }
            Self::Rails => "Put them into db/migrate and run rails db:migrate.",
            Self::Django => {
                "Put them into your app's migrations, fill in the first one's dependency, and run manage.py migrate."
            }
            Self::Alembic => {
                "Put them into versions/, fill in the first one's down_revision, and run alembic upgrade head."
            }
            Self::Prisma => {
                "Put the folders into prisma/migrations and run prisma migrate deploy. Prisma has no rollback: run each down.sql with prisma db execute, the last folder first."
            }
            Self::Drizzle => {
                "Run each .before.sql with psql. Then make a place for each migration with drizzle-kit generate --custom, put its text there, and run drizzle-kit migrate. Drizzle runs all in one transaction and undoes nothing: .down.sql is for psql."
            }
            Self::Knex => "Put them into migrations/ and run knex migrate:latest.",
            Self::Typeorm => {
                "Put them into your migrations and run typeorm migration:run --transaction each: in its mode \"all\" TypeORM refuses migrations without a transaction. To undo one that has none: typeorm migration:revert --transaction none."
            }
            Self::Ecto => "Put them into priv/repo/migrations and run mix ecto.migrate.",
            Self::Laravel => "Put them into database/migrations and run php artisan migrate.",
        }
    }
}

/// Several recommendations as files to be run on main by a person, in a safe order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Handover {
    pub format: MigrationFormat,
    /// The number from which the versions count up: with it, the same files are written again.
    #[serde(default)]
    pub stamp: String,
    /// What stands in the files, in the order in which it runs.
    pub changes: Vec<HandedOver>,
    pub files: Vec<MigrationFile>,
    /// What a person should know before running them.
    pub notes: Vec<String>,
}

impl Handover {
    /// The file of that name.
    #[must_use]
    pub fn file(self, name: &str) -> Option<MigrationFile> {
        self.files.into_iter().find(|file| file.name == name)
    }
}

/// One recommendation of a hand-over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandedOver {
    pub recommendation_id: RecommendationId,
    pub title: String,
    /// Why it stands where it does.
    pub place: String,
    pub can_be_undone: bool,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MigrationFile {
    pub name: String,
    pub text: String,
}

/// What an import took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    pub recommendations: i64,
    pub jobs: i64,
    /// Rows that were there already.
    pub known: i64,
}

/// What restoring a backup did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestoreReport {
    pub recommendations: i64,
    pub jobs: i64,
    pub changes: i64,
    pub audit_rows: i64,
    /// What a person should know: changes that stand in the sandbox and that the backup does not know.
    pub notes: Vec<String>,
}
