//! Settings: flags over environment over `optischema.toml` over defaults, read once and validated once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use optischema::model::{MainLimits, PhaseName};
use serde::{Deserialize, Serialize};
use thiserror::Error;

mod secrets;

pub use secrets::{Secret, Webhook};
use secrets::{named_tokens, too_short, webhooks};

use crate::postgres::Dsn;

/// The file in the data folder that commands read when they are pointed at that folder.
pub const CONFIG_FILE: &str = "optischema.toml";

/// Settings as they are given: every one may be absent.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// The database being tuned (postgres://…). It is only ever read.
    #[arg(long, env = "OPTISCHEMA_MAIN_URL", hide_env_values = true, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_url: Option<Dsn>,
    /// The database that OptiSchema may write in.
    #[arg(long, env = "OPTISCHEMA_SANDBOX_URL", hide_env_values = true, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_url: Option<Dsn>,
    /// A full-size copy of main.
    #[arg(long, env = "OPTISCHEMA_REPLICA_URL", hide_env_values = true, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_url: Option<Dsn>,
    /// Where the state is kept.
    #[arg(long, env = "OPTISCHEMA_DATA_DIR", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Address and port of the web app [default: 127.0.0.1:3000]
    #[arg(long, env = "OPTISCHEMA_LISTEN", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// The secret that opens the web app and the API; made and kept where none is given.
    #[arg(long, env = "OPTISCHEMA_TOKEN", hide_env_values = true, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Host names that requests may name, besides the listen address and localhost.
    #[arg(long, env = "OPTISCHEMA_ALLOWED_HOSTS", value_delimiter = ',', global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_hosts: Option<Vec<String>>,
    /// Use a main role that could write. Nothing is written all the same.
    #[arg(long, env = "OPTISCHEMA_ALLOW_PRIVILEGED_MAIN", num_args = 0..=1,
        default_missing_value = "true", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_privileged_main: Option<bool>,
    /// Functions of main that planning may run, since they do nothing but give a result: `schema.name`, or
    /// `schema.*`.
    #[arg(long, env = "OPTISCHEMA_TRUSTED_FUNCTIONS", value_delimiter = ',', global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_functions: Option<Vec<String>>,
    /// Connections to main that are open at once [default: 8]
    #[arg(long, env = "OPTISCHEMA_MAIN_CONNECTIONS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_connections: Option<u32>,
    /// Statements that main's planner is asked about in a minute [default: 30000]
    #[arg(long, env = "OPTISCHEMA_MAIN_PLANNER_CALLS_PER_MINUTE", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_planner_calls_per_minute: Option<u32>,
    /// Seconds that main's planner works for OptiSchema in a minute [default: 50]
    #[arg(long, env = "OPTISCHEMA_MAIN_PLANNER_SECONDS_PER_MINUTE", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_planner_seconds_per_minute: Option<u32>,
    /// Texts an hour that planning may leave in main's pg_stat_statements [default: 250]
    #[arg(long, env = "OPTISCHEMA_MAIN_TEXTS_PER_HOUR", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_texts_per_hour: Option<u32>,
    /// Accept a sandbox that is another database on main's own server.
    #[arg(long, env = "OPTISCHEMA_ALLOW_SAME_SERVER", num_args = 0..=1,
        default_missing_value = "true", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_same_server: Option<bool>,
    /// Tables up to this size are copied whole, in MiB [default: 512]
    #[arg(long, env = "OPTISCHEMA_COPY_LIMIT_MB", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_limit_mb: Option<u32>,
    /// Percentage of a larger table's blocks that is copied [default: 1]
    #[arg(long, env = "OPTISCHEMA_SAMPLE_PERCENT", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_percent: Option<f64>,
    /// Copy functions of the database into the sandbox, except those that act outside it or are written in an untrusted
    /// language [default: false]
    #[arg(long, env = "OPTISCHEMA_WITH_FUNCTIONS", num_args = 0..=1,
        default_missing_value = "true", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_functions: Option<bool>,
    /// Look at what sessions of main run, at each reading: constants that pg_stat_statements hides settle which index helps.
    /// They are kept in the state, and may be personal [default: false]
    #[arg(long, env = "OPTISCHEMA_SAMPLE_ACTIVITY", num_args = 0..=1,
        default_missing_value = "true", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_activity: Option<bool>,
    /// The pg_dump that reads main's structure for the staging copy, or `none` to read the catalogs instead [default: the
    /// one on this machine that fits main's version]
    #[arg(long, env = "OPTISCHEMA_PG_DUMP", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pg_dump: Option<String>,
    /// Seconds that the timed runs of one benchmark may take [default: 30]
    #[arg(long, env = "OPTISCHEMA_BENCHMARK_SECONDS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benchmark_seconds: Option<u32>,
    /// Seconds that one statement may take in the sandbox [default: 60]
    #[arg(long, env = "OPTISCHEMA_STATEMENT_TIMEOUT_S", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_timeout_s: Option<u32>,
    /// Hours that finished jobs are kept [default: 24]
    #[arg(long, env = "OPTISCHEMA_JOB_RETENTION_HOURS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_retention_hours: Option<u32>,
    /// Jobs that run at once on one database server; with more than one, benchmarks disturb each other [default: 1]
    #[arg(long, env = "OPTISCHEMA_JOBS_PER_TARGET", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs_per_target: Option<u32>,
    /// Seconds that a change waits for a lock in the sandbox [default: 10]
    #[arg(long, env = "OPTISCHEMA_LOCK_TIMEOUT_S", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_timeout_s: Option<u32>,
    /// Measure each change again once it is applied [default: true]
    #[arg(long, env = "OPTISCHEMA_WATCH_CHANGES", num_args = 0..=1,
        default_missing_value = "true", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_changes: Option<bool>,
    /// Roll a change back by itself where measuring it again shows a regression [default: false]
    #[arg(long, env = "OPTISCHEMA_ROLLBACK_ON_REGRESSION", num_args = 0..=1,
        default_missing_value = "true", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_on_regression: Option<bool>,
    /// Further tokens, each with the name that the audit trail shows: `ann=secret,ci=another`.
    #[arg(
        long,
        env = "OPTISCHEMA_TOKENS",
        hide_env_values = true,
        value_delimiter = ',',
        global = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<Secret>>,
    /// Addresses that are told of every event by a signed POST.
    #[arg(
        long,
        env = "OPTISCHEMA_WEBHOOK_URLS",
        hide_env_values = true,
        value_delimiter = ',',
        global = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_urls: Option<Vec<Secret>>,
    /// The secret that webhooks are signed with; at least 16 characters.
    #[arg(long, env = "OPTISCHEMA_WEBHOOK_SECRET", hide_env_values = true, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<Secret>,
    /// For crash tests: a job stops at this phase, until the process is killed.
    #[arg(long, env = "OPTISCHEMA_PAUSE_AT", hide = true, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_at: Option<PhaseName>,
    /// Seconds from one reading of main's counters to the next; 0 for only when asked [default: 60]
    #[arg(long, env = "OPTISCHEMA_COLLECT_SECONDS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collect_seconds: Option<u32>,
    /// Days without a scan after which an index is called unused [default: 14]
    #[arg(long, env = "OPTISCHEMA_UNUSED_AFTER_DAYS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused_after_days: Option<f64>,
    /// Percent of the workload: advice that is planned to save less is folded away in lists [default: 1]
    #[arg(long, env = "OPTISCHEMA_LIST_FROM_PERCENT", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_from_percent: Option<f64>,
    /// The folder of the browser's files, where it is not found beside the program.
    #[arg(long, env = "OPTISCHEMA_SITE_ROOT", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_root: Option<PathBuf>,
}

/// Settings, complete and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub main_url: Option<Dsn>,
    pub sandbox_url: Option<Dsn>,
    pub replica_url: Option<Dsn>,
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    pub token: Option<Secret>,
    pub allowed_hosts: Vec<String>,
    pub allow_privileged_main: bool,
    pub allow_same_server: bool,
    pub copy_limit_bytes: i64,
    /// Above 0, at most 100.
    pub sample_percent: f64,
    pub with_functions: Option<bool>,
    pub sample_activity: bool,
    pub pg_dump: DumpProgram,
    pub benchmark_seconds: u32,
    pub statement_timeout_s: u32,
    pub job_retention_hours: u32,
    pub jobs_per_target: u32,
    pub lock_timeout_s: u32,
    pub watch_changes: bool,
    pub rollback_on_regression: bool,
    /// Names and secrets.
    pub tokens: Vec<(String, Secret)>,
    pub webhooks: Vec<Webhook>,
    pub pause_at: Option<PhaseName>,
    /// Zero for only when asked.
    pub collect_seconds: u32,
    pub unused_after_days: f64,
    /// 0 to 100.
    pub list_from_percent: f64,
    pub site_root: Option<PathBuf>,
}

/// Which `pg_dump` reads main's structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DumpProgram {
    /// One of the machine that fits main's version.
    Found,
    Named(PathBuf),
    /// None: the catalogs are read.
    None,
}

impl From<&str> for DumpProgram {
    fn from(text: &str) -> Self {
        match text {
            "none" => Self::None,
            path => Self::Named(PathBuf::from(path)),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Where it stands; what stands there may be a secret.
    #[error("failed to read the settings: {0}")]
    Read(String),
    #[error("{name} is {value}: {rule}")]
    Invalid { name: &'static str, value: String, rule: &'static str },
}

impl Settings {
    /// Puts flags and environment (`given`) over the file in the data folder, over the defaults.
    ///
    /// # Errors
    /// The file cannot be read, or a value is out of its range.
    pub fn resolve(given: &SettingsArgs) -> Result<Self, ConfigError> {
        let data_dir = given.data_dir.clone().unwrap_or_else(default_data_dir);
        // Absolute, since figment would look for a relative file in every parent folder.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let args: SettingsArgs = Figment::new()
            .merge(Toml::file(absolute(PathBuf::from(CONFIG_FILE))))
            .merge(Toml::file(absolute(data_dir.join(CONFIG_FILE))))
            .merge(Serialized::defaults(given))
            .extract()
            .map_err(|error| ConfigError::Read(place_of(&error)))?;
        Self::from_args(args, data_dir)
    }

    fn from_args(args: SettingsArgs, data_dir: PathBuf) -> Result<Self, ConfigError> {
        let sample_percent = args.sample_percent.unwrap_or(1.0);
        if !(sample_percent > 0.0 && sample_percent <= 100.0) {
            return Err(ConfigError::Invalid {
                name: "sample_percent",
                value: sample_percent.to_string(),
                rule: "it must be above 0 and at most 100",
            });
        }
        for (name, value) in [
            ("benchmark_seconds", args.benchmark_seconds),
            ("statement_timeout_s", args.statement_timeout_s),
            ("copy_limit_mb", args.copy_limit_mb),
            ("jobs_per_target", args.jobs_per_target),
            ("lock_timeout_s", args.lock_timeout_s),
            ("main_connections", args.main_connections),
            ("main_planner_calls_per_minute", args.main_planner_calls_per_minute),
            ("main_planner_seconds_per_minute", args.main_planner_seconds_per_minute),
        ] {
            if value == Some(0) {
                return Err(ConfigError::Invalid {
                    name,
                    value: "0".into(),
                    rule: "it must be above 0",
                });
            }
        }
        if args.token.as_ref().is_some_and(Secret::is_short) {
            return Err(too_short("token"));
        }
        let tokens = named_tokens(args.tokens.unwrap_or_default())?;
        let webhooks = webhooks(args.webhook_urls.unwrap_or_default(), args.webhook_secret)?;
        let trusted = args.trusted_functions.unwrap_or_default();
        let is_whole = |name: &&String| {
            name.split_once('.').is_some_and(|(s, f)| !s.is_empty() && !f.is_empty())
        };
        if let Some(short) = trusted.iter().find(|name| !is_whole(name)) {
            return Err(ConfigError::Invalid {
                name: "trusted_functions",
                value: short.clone(),
                rule: "each must be schema.function, or schema.* for a whole schema",
            });
        }
        let usual = MainLimits::default();
        let limits = MainLimits {
            connections: args.main_connections.unwrap_or(usual.connections),
            planner_calls_per_minute: args
                .main_planner_calls_per_minute
                .unwrap_or(usual.planner_calls_per_minute),
            planner_seconds_per_minute: args
                .main_planner_seconds_per_minute
                .unwrap_or(usual.planner_seconds_per_minute),
            texts_per_hour: args.main_texts_per_hour.unwrap_or(usual.texts_per_hour),
        };
        Ok(Self {
            main_url: args.main_url.map(|main| main.trusting(&trusted).limited(limits)),
            sandbox_url: args.sandbox_url,
            replica_url: args.replica_url,
            data_dir,
            listen: args.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000))),
            token: args.token,
            allowed_hosts: args.allowed_hosts.unwrap_or_default(),
            allow_privileged_main: args.allow_privileged_main.unwrap_or(false),
            allow_same_server: args.allow_same_server.unwrap_or(false),
            copy_limit_bytes: i64::from(args.copy_limit_mb.unwrap_or(512)) * 1024 * 1024,
            sample_percent,
            with_functions: args.with_functions,
            sample_activity: args.sample_activity.unwrap_or(false),
            pg_dump: args.pg_dump.as_deref().map_or(DumpProgram::Found, DumpProgram::from),
            benchmark_seconds: args.benchmark_seconds.unwrap_or(30),
            statement_timeout_s: args.statement_timeout_s.unwrap_or(60),
            job_retention_hours: args.job_retention_hours.unwrap_or(24),
            jobs_per_target: args.jobs_per_target.unwrap_or(1),
            lock_timeout_s: args.lock_timeout_s.unwrap_or(10),
            watch_changes: args.watch_changes.unwrap_or(true),
            rollback_on_regression: args.rollback_on_regression.unwrap_or(false),
            tokens,
            webhooks,
            pause_at: args.pause_at,
            collect_seconds: args.collect_seconds.unwrap_or(60),
            unused_after_days: args.unused_after_days.unwrap_or(14.0).max(0.0),
            list_from_percent: args.list_from_percent.unwrap_or(1.0).clamp(0.0, 100.0),
            site_root: args.site_root,
        })
    }
}

/// Where a settings file is wrong, and how, without what stands there.
fn place_of(error: &figment::Error) -> String {
    use figment::error::Kind;
    let mut wrong = Vec::new();
    for error in error.clone() {
        let file = error
            .metadata
            .as_ref()
            .and_then(|from| from.source.as_ref()?.file_path().map(|f| f.display().to_string()));
        let file = file.map_or_else(String::new, |file| format!(" in {file}"));
        let key = error.path.join(".");
        let how = match &error.kind {
            Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
                format!("{key}{file} must be {expected}")
            }
            Kind::UnknownField(name, _) => format!("{}{file} is not known", shown(name)),
            Kind::UnknownVariant(..) => format!("{key}{file} is not known"),
            Kind::Message(message) if key.is_empty() => {
                // The parser's first line says where; the lines below it show the text.
                let first = message.lines().next().unwrap_or_default();
                let line = first.split("line ").nth(1).and_then(|rest| rest.split(',').next());
                match line.filter(|line| line.chars().all(|c| c.is_ascii_digit())) {
                    Some(line) => format!("line {line}{file} is not TOML"),
                    None => format!("the file{file} is not TOML"),
                }
            }
            _ => format!("the value of {key}{file} cannot be used"),
        };
        wrong.push(how);
    }
    wrong.join("; ")
}

/// A name that may be shown: one of letters, as those of all settings are. Anything else may be a secret in the wrong
/// place.
fn shown(name: &str) -> String {
    match name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
        true => format!("the setting {name}"),
        false => "a setting".to_owned(),
    }
}

/// `/var/lib/optischema` for root, else the user's data folder.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    if runs_as_root() {
        return PathBuf::from("/var/lib/optischema");
    }
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    match (variable("XDG_DATA_HOME"), variable("HOME")) {
        (Some(data), _) => Path::new(&data).join("optischema"),
        (None, Some(home)) => Path::new(&home).join(".local/share/optischema"),
        (None, None) => PathBuf::from("optischema-data"),
    }
}

/// Whether this process belongs to root: the owner of its own entry in `/proc`, or of its home.
#[must_use]
pub fn runs_as_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self")
        .map(|entry| entry.uid() == 0)
        .unwrap_or_else(|_| environment("USER").is_some_and(|user| user == "root"))
}

/// One variable of the environment. Nothing outside this module reads it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show_in_debug() {
        let args = SettingsArgs {
            main_url: Some("postgres://ann:hunter22@db.example/shop".parse().unwrap()),
            token: Some(Secret::from("a-very-secret-token".to_owned())),
            ..SettingsArgs::default()
        };
        let shown = format!("{:?}", Settings::from_args(args, "x".into()).unwrap());
        assert!(!shown.contains("hunter22") && !shown.contains("very-secret"), "{shown}");
        assert!(shown.contains("db.example"), "{shown}");
    }

    #[test]
    fn tokens_have_names_and_webhooks_are_signed() {
        let of = |tokens: &[&str]| {
            let tokens = tokens.iter().map(|one| Secret::from((*one).to_owned())).collect();
            let args = SettingsArgs { tokens: Some(tokens), ..SettingsArgs::default() };
            Settings::from_args(args, "x".into())
        };
        let settings = of(&["ann=a-long-enough-secret"]).unwrap();
        assert_eq!(settings.tokens[0].0, "ann");
        for wrong in ["ann", "ann=short", "=a-long-enough-secret", "token=a-long-enough-secret"] {
            let error = of(&[wrong]).unwrap_err().to_string();
            assert!(!error.contains("secret-") && !error.contains("long-enough"), "{error}");
        }
        let hooks = |url: &str, secret: Option<&str>| {
            let args = SettingsArgs {
                webhook_urls: Some(vec![Secret::from(url.to_owned())]),
                webhook_secret: secret.map(|text| Secret::from(text.to_owned())),
                ..SettingsArgs::default()
            };
            Settings::from_args(args, "x".into()).map(|settings| settings.webhooks)
        };
        let one = hooks("https://u:p@hooks.example/a?key=1", Some("0123456789abcdef")).unwrap();
        assert_eq!(one[0].host, "hooks.example");
        assert!(!format!("{one:?}").contains("key=1"));
        assert!(hooks("https://hooks.example/", None).is_err(), "unsigned is refused");
        assert!(hooks("ftp://hooks.example/", Some("0123456789abcdef")).is_err());
    }

    #[test]
    fn functions_that_are_vouched_for_are_named_with_their_schema() {
        let of = |name: &str| {
            let trusted_functions = Some(vec!["auth.uid".to_owned(), name.to_owned()]);
            let args = SettingsArgs { trusted_functions, ..SettingsArgs::default() };
            Settings::from_args(args, "x".into()).map(drop)
        };
        for right in ["public.f", "public.*"] {
            assert_eq!(of(right).ok(), Some(()), "{right}");
        }
        for wrong in ["f", ".f", "public.", ""] {
            assert!(matches!(of(wrong), Err(ConfigError::Invalid { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(CONFIG_FILE), "main_conections = 2\n").unwrap();
        let given =
            SettingsArgs { data_dir: Some(folder.path().into()), ..SettingsArgs::default() };
        let error = Settings::resolve(&given).unwrap_err().to_string();
        assert!(error.contains("the setting main_conections in "), "{error}");
    }

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join(CONFIG_FILE),
            "main_url = \"postgres://a@file/db\"\ncopy_limit_mb = 7\n",
        )
        .unwrap();
        let given = SettingsArgs {
            data_dir: Some(folder.path().into()),
            main_url: Some("postgres://a@flag/db".parse().unwrap()),
            ..SettingsArgs::default()
        };
        let settings = Settings::resolve(&given).unwrap();
        assert!(settings.main_url.unwrap().address().contains("flag"));
        assert_eq!(settings.copy_limit_bytes, 7 * 1024 * 1024);
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let args = SettingsArgs { sample_percent: Some(0.0), ..SettingsArgs::default() };
        let error = Settings::from_args(args, "x".into()).unwrap_err();
        assert!(error.to_string().starts_with("sample_percent is 0"), "{error}");
    }
}
