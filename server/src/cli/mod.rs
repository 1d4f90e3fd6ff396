//! The command line. Progress goes to standard error, results to standard output.

mod analyze;
mod benchmark;
mod check;
mod commands;
mod data;
mod measure;
mod outcome;
mod remote;
mod staging;
mod usage_error;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::config::SettingsArgs;

/// Proves a PostgreSQL change before anyone makes it.
#[derive(Debug, Parser)]
#[command(name = "optischema", version, about)]
pub struct Cli {
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The web app and the worker.
    Serve,
    /// A private PostgreSQL with a sample shop; serves, or runs the story once.
    Demo {
        /// Run the story once and exit: 0 when the verdict is there.
        #[arg(long)]
        once: bool,
        /// Leave PostgreSQL running at the end.
        #[arg(long)]
        keep: bool,
    },
    /// What works, what is missing, and how to grant it. Exit code 1 where main cannot be used.
    Check {
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Collects and advises, and stores nothing.
    Analyze {
        /// Statements to advise on, instead of main's own.
        #[arg(long)]
        workload: Option<PathBuf>,
        /// Megabytes (10^6) that all new indexes may take together; without it, storage is weighed.
        #[arg(long)]
        budget_mb: Option<u32>,
        /// Seconds that the planner may be asked: the best set found by then is given.
        #[arg(long, default_value_t = 10)]
        deadline_s: u32,
        #[arg(long, value_enum, default_value_t = AnalyzeFormat::Table)]
        format: AnalyzeFormat,
    },
    /// Measures a recommendation, or what is in files, now. Exit code 0 faster or equivalent, 1 slower or not
    /// equivalent, 2 inconclusive or unstable, 3 failed, 4 error.
    Benchmark {
        #[command(flatten)]
        what: BenchmarkWhat,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// The staging copy that changes are applied to.
    Sandbox {
        #[command(subcommand)]
        action: SandboxAction,
    },
    /// Takes recommendations and jobs from an earlier OptiSchema's SQLite file, or from JSON. All or nothing.
    Import { file: PathBuf },
    /// Writes the store to a file, as it is at one moment; a server may run meanwhile.
    Backup { file: PathBuf },
    /// Puts a backup in the store's place, in a running server too. The audit trail goes on.
    Restore { file: PathBuf },
    /// Writes recommendations as migrations for production. Nothing is run.
    Migration {
        /// The recommendations' ids.
        #[arg(required = true)]
        ids: Vec<optischema::model::RecommendationId>,
        /// The tool that runs them.
        #[arg(long, default_value = "sql")]
        format: optischema::model::MigrationFormat,
        /// The folder that the files are written to; without it they go to standard output.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// The audit trail.
    Audit {
        #[command(subcommand)]
        action: AuditAction,
    },
    /// The OpenAPI 3.1 document of the REST calls.
    Openapi,
}

/// What is measured: a recommendation, several together, a statement with a change, or two statements.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What is measured (one of four)")]
pub struct BenchmarkWhat {
    /// The recommendation's id.
    #[arg(required_unless_present_any = ["query", "before", "set"], conflicts_with_all = ["query", "patch", "before", "after", "set"])]
    pub recommendation_id: Option<optischema::model::RecommendationId>,
    /// Ids of recommendations that are measured together, against none of them, parted by commas.
    #[arg(long, value_delimiter = ',', num_args = 1.., value_name = "IDS", conflicts_with_all = ["query", "patch", "before", "after"])]
    pub set: Vec<optischema::model::RecommendationId>,
    /// A file with one SELECT.
    #[arg(long, requires = "patch", conflicts_with = "before")]
    pub query: Option<PathBuf>,
    /// A file with the change: an index, statistics, a parameter, a setting.
    #[arg(long, requires = "query")]
    pub patch: Option<PathBuf>,
    /// A file with one SELECT.
    #[arg(long, requires = "after")]
    pub before: Option<PathBuf>,
    /// A file with the SELECT that takes its place.
    #[arg(long, requires = "before")]
    pub after: Option<PathBuf>,
}

/// What is done with the sandbox.
#[derive(Debug, Subcommand)]
pub enum SandboxAction {
    /// Copies main's tables into the sandbox; those that are there already are left alone.
    Init,
    /// Makes the copies anew, and makes the changes that are applied once more.
    Refresh,
}

/// What is done with the trail.
#[derive(Debug, Subcommand)]
pub enum AuditAction {
    /// Walks the chain of hashes. Exit code 1 where it is broken.
    Verify,
    /// Writes the whole trail to standard output.
    Export {
        /// csv or json.
        #[arg(long, default_value = "json")]
        format: optischema::model::ExportFormat,
    },
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

/// How advice is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AnalyzeFormat {
    Table,
    Json,
    /// One statement a line, nothing else.
    Sql,
}

/// Runs the command of the process's arguments.
pub async fn run() -> ExitCode {
    let cli = match understood(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let benchmarks = matches!(cli.command, Command::Benchmark { .. });
    if !matches!(cli.command, Command::Serve | Command::Demo { .. }) {
        // Whoever reads the output may have seen enough (`| head`): that ends a command, and is no error.
        sigpipe::reset();
    }
    match commands::dispatch(cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("optischema: {}", usage_error::without_urls(&error.to_string()));
            // A benchmark's exit code 1 would be a verdict; everything else has no verdicts.
            ExitCode::from(if benchmarks { 4 } else { 1 })
        }
    }
}

/// Columns of a table, at most.
const WIDEST_TABLE: u16 = 120;

/// An empty table that is as wide as a terminal.
fn table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    let width = table.width().unwrap_or(WIDEST_TABLE).min(WIDEST_TABLE);
    table.set_width(width);
    table
}

/// Reads arguments, and the environment: a variable that is empty is taken for one that is not set, as Compose files
/// leave them.
fn understood(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let is_empty =
        |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let command = Cli::command().mut_args(|argument| match argument.get_env() {
        Some(name) if is_empty(name) => argument.env(Resettable::Reset),
        _ => argument,
    });
    Cli::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

/// What cannot be understood is said, with an exit code that is no verdict.
fn misused(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if is_help {
        // Where even that cannot be written there is nobody to tell.
        drop(error.print());
    } else {
        eprintln!("optischema: {}", usage_error::sentence(error));
    }
    let benchmarks = std::env::args_os().any(|argument| argument == "benchmark");
    match (error.use_stderr(), benchmarks) {
        (false, _) => ExitCode::SUCCESS,
        (true, true) => ExitCode::from(benchmark::ERROR),
        (true, false) => ExitCode::from(2),
    }
}
