//! Setting the shop up: databases, roles, rows, workload, staging copy, and the settings file that points
//! every command at it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use thiserror::Error;
use uuid::Uuid;

use super::cluster::{Cluster, ClusterError, write_private};
use super::workload;
use crate::config::{CONFIG_FILE, DumpProgram};
use crate::postgres::query;
use crate::postgres::{MainSession, PgFailure, connect_writable};
use crate::sandbox::{SandboxError, StagingOptions, init_staging};
use crate::sql::SqlError;

/// The seed of the workload's values.
const SEED: u64 = 42;
const SCHEMA: &str = include_str!("shop.sql");

/// Why the shop could not be set up.
#[derive(Debug, Error)]
pub enum ShopError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("failed to set the shop up: {0}")]
    Target(#[from] PgFailure),
    #[error("failed to make the staging copy: {0}")]
    Staging(#[from] SandboxError),
    #[error("failed to read the shop's own SQL: {0}")]
    Sql(#[from] SqlError),
    #[error("failed to use {path}: {reason}")]
    Folder { path: PathBuf, reason: String },
}

impl From<sqlx::Error> for ShopError {
    fn from(error: sqlx::Error) -> Self {
        Self::Target(error.into())
    }
}

/// Passwords of the demo's roles, and whether everything is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Secrets {
    superuser: String,
    reader: String,
    sandbox: String,
    application: String,
    ready: bool,
}

/// A shop that runs.
#[derive(Debug, Clone)]
pub struct Shop {
    pub cluster: Cluster,
    secrets: Secrets,
}

impl Shop {
    /// Opens the shop of a data folder; sets it up first where it is missing or was not finished.
    ///
    /// # Errors
    /// PostgreSQL is missing, or a step of the set-up fails.
    pub async fn open(
        data_dir: &Path,
        say: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Self, ShopError> {
        let file = data_dir.join("demo.json");
        let folder = data_dir.join("postgres");
        let known: Option<Secrets> =
            std::fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str(&text).ok());
        let secrets = match known.filter(|secrets| secrets.ready && folder.exists()) {
            Some(secrets) => secrets,
            None => {
                remove_unfinished(&folder).await?;
                Secrets::fresh()
            }
        };
        if !secrets.ready {
            say("making a private PostgreSQL");
            keep(&file, &secrets)?;
        }
        let cluster = Cluster::start(&folder, &secrets.superuser).await?;
        let mut shop = Self { cluster, secrets };
        if !shop.secrets.ready {
            shop.set_up(say).await?;
            shop.secrets.ready = true;
            keep(&file, &shop.secrets)?;
        }
        shop.write_settings(data_dir)?;
        Ok(shop)
    }

    /// Stops the PostgreSQL of a data folder, where it runs.
    pub async fn stop(data_dir: &Path) {
        Cluster::stop_in(&data_dir.join("postgres")).await;
    }

    /// The read-only role on the shop.
    #[must_use]
    pub fn main_url(&self) -> String {
        self.cluster.url("shop_reader", &self.secrets.reader, "shop")
    }

    /// The sandbox's owner on the sandbox.
    #[must_use]
    pub fn sandbox_url(&self) -> String {
        self.cluster.url("optischema_sandbox", &self.secrets.sandbox, "shop_sandbox")
    }

    /// The superuser on a database; for setting up, and for tests that look from outside.
    #[must_use]
    pub fn superuser_url(&self, database: &str) -> String {
        self.cluster.url("postgres", &self.secrets.superuser, database)
    }

    /// The shop's application on the shop.
    #[must_use]
    pub fn application_url(&self) -> String {
        self.cluster.url("shop_app", &self.secrets.application, "shop")
    }

    async fn set_up(&self, say: &mut (dyn FnMut(&str) + Send)) -> Result<(), ShopError> {
        say("making databases and roles");
        let mut server = open(&self.superuser_url("postgres")).await?;
        for statement in self.server_statements() {
            execute(&mut server, &statement).await?;
        }
        let mut superuser = open(&self.superuser_url("shop")).await?;
        for statement in [
            "CREATE EXTENSION pg_stat_statements",
            "GRANT CREATE ON SCHEMA public TO shop_app",
            "ALTER DATABASE shop OWNER TO shop_app",
        ] {
            execute(&mut superuser, statement).await?;
        }
        // Where HypoPG is not installed the demo still runs; the connections page says what is missing.
        if execute(&mut superuser, "CREATE EXTENSION hypopg").await.is_err() {
            say("HypoPG is not installed: no index will be recommended");
        }
        say("filling the shop with rows (about 1.6 million, from a fixed seed)");
        let mut application = open(&self.application_url()).await?;
        for statement in pg_query::split_with_parser(SCHEMA).map_err(SqlError::from)? {
            execute(&mut application, statement.trim()).await?;
        }
        plant_invalid_index(&mut application).await?;
        execute(&mut superuser, "SELECT pg_stat_statements_reset()").await?;
        say("running the shop's workload");
        workload::run(&mut application, SEED).await?;
        say("copying the shop into the sandbox");
        self.stage().await?;
        Ok(())
    }

    fn server_statements(&self) -> Vec<String> {
        let role = |name: &str, password: &str| {
            format!(
                "CREATE ROLE {name} LOGIN PASSWORD {}",
                optischema::model::quote_literal(password)
            )
        };
        vec![
            role("shop_app", &self.secrets.application),
            role("shop_reader", &self.secrets.reader),
            "GRANT pg_read_all_data, pg_read_all_stats TO shop_reader".into(),
            role("optischema_sandbox", &self.secrets.sandbox),
            // Reading the shop leaves nothing in its statistics.
            "ALTER ROLE shop_reader SET pg_stat_statements.track = 'none'".into(),
            // What is measured in the sandbox does not push the shop's own statements out.
            "ALTER ROLE optischema_sandbox SET pg_stat_statements.track = 'none'".into(),
            "CREATE DATABASE shop".into(),
            "CREATE DATABASE shop_sandbox OWNER optischema_sandbox".into(),
            "REVOKE CONNECT ON DATABASE shop FROM PUBLIC".into(),
            "GRANT CONNECT ON DATABASE shop TO shop_app, shop_reader".into(),
        ]
    }

    async fn stage(&self) -> Result<(), ShopError> {
        let main = dsn(&self.main_url())?;
        let sandbox = dsn(&self.sandbox_url())?;
        let mut main = MainSession::begin(&main).await?;
        let mut sandbox = connect_writable(&sandbox, 600).await?;
        query("DROP SCHEMA IF EXISTS public CASCADE").execute(&mut sandbox.connection).await.ok();
        main.read_rows_whole().await?;
        let options = StagingOptions {
            limit_bytes: 512 * 1024 * 1024,
            sample_percent: 1.0,
            with_functions: false,
            program: DumpProgram::Found,
            replaces: false,
        };
        init_staging(&mut main, &mut sandbox.connection, None, &options, &mut |_| {}).await?;
        main.end().await?;
        Ok(())
    }

    /// Points every command that is given this data folder at the shop.
    fn write_settings(&self, data_dir: &Path) -> Result<(), ShopError> {
        let text = format!(
            "# Written by `optischema demo`.\nmain_url = \"{}\"\nsandbox_url = \"{}\"\n\
             # The demo's sandbox is a database of its own on the shop's server.\nallow_same_server = true\n\
             # The demo has no fortnight to watch its indexes.\nunused_after_days = 0.0\n",
            self.main_url(),
            self.sandbox_url()
        );
        Ok(write_private(&data_dir.join(CONFIG_FILE), &text)?)
    }
}

impl Secrets {
    fn fresh() -> Self {
        let secret = || Uuid::new_v4().simple().to_string();
        Self {
            superuser: secret(),
            reader: secret(),
            sandbox: secret(),
            application: secret(),
            ready: false,
        }
    }
}

fn keep(file: &Path, secrets: &Secrets) -> Result<(), ShopError> {
    let text = serde_json::to_string_pretty(secrets).unwrap_or_default();
    Ok(write_private(file, &text)?)
}

/// A set-up that was cut off is begun anew.
async fn remove_unfinished(folder: &Path) -> Result<(), ShopError> {
    if !folder.exists() {
        return Ok(());
    }
    Cluster::stop_in(folder).await;
    std::fs::remove_dir_all(folder)
        .map_err(|error| ShopError::Folder { path: folder.to_owned(), reason: error.to_string() })
}

fn dsn(url: &str) -> Result<crate::postgres::Dsn, ShopError> {
    url.parse()
        .map_err(|_| ShopError::Target(PgFailure::Unexpected("a URL of ours is wrong".into())))
}

async fn open(url: &str) -> Result<PgConnection, ShopError> {
    let options: PgConnectOptions = url.parse().map_err(PgFailure::from)?;
    let options = options.application_name("shop").disable_statement_logging();
    Ok(PgConnection::connect_with(&options).await?)
}

async fn execute(connection: &mut PgConnection, statement: &str) -> Result<(), PgFailure> {
    query(AssertSqlSafe(statement.to_owned())).execute(connection).await?;
    Ok(())
}

/// Planted: an index that failed half-way, as a unique index over duplicates does.
async fn plant_invalid_index(connection: &mut PgConnection) -> Result<(), ShopError> {
    let unique = "CREATE UNIQUE INDEX CONCURRENTLY customers_city_key ON customers (city)";
    match execute(connection, unique).await {
        Err(failure) if failure.sqlstate() == Some("23505") => {}
        Err(failure) => return Err(failure.into()),
        Ok(()) => {}
    }
    let row = query("SELECT count(*) AS invalid FROM pg_index WHERE NOT indisvalid")
        .fetch_one(connection)
        .await?;
    match row.try_get::<i64, _>("invalid")? {
        1 => Ok(()),
        other => Err(PgFailure::Unexpected(format!("{other} invalid indexes, not one")).into()),
    }
}
