//! `pg_dump` of the machine: which one fits, and how it reads the structure of main.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use optischema::model::{TableName, quote_identifier};
use thiserror::Error;
use tokio::process::Command;

use crate::config::DumpProgram;
use crate::postgres::{MISLEADING, MainSession, PgFailure, Snapshot};

/// Folders with PostgreSQL's programs: a folder for each major version below them.
const ROOTS: &[&str] = &["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];
/// It waits for the lock of a view without end.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Milliseconds that it waits for the lock of a table.
const LOCK_WAIT_MS: u32 = 5000;
/// Bytes of names that may stand in its arguments. Linux takes 2 MiB, and 128 KiB in one.
const MOST_ARGUMENTS: usize = 100_000;

/// Why `pg_dump` did not give the structure. OptiSchema reads the catalogs itself then.
#[derive(Debug, Error)]
pub(super) enum DumpError {
    #[error("there is no pg_dump of version {0} or later")]
    NotFound(u32),
    #[error("{0} relations are left out, too many for its arguments")]
    TooManyExcluded(usize),
    #[error("{0} tables are too many to be locked at once on main")]
    TooManyTables(i64),
    #[error("functions read tables that another session has locked")]
    LockedFunctions,
    #[error("{program} failed: {message}")]
    Failed { program: String, message: String },
    #[error(transparent)]
    Target(#[from] PgFailure),
}

/// What a dump leaves out.
#[derive(Debug, Default)]
pub(super) struct Excluded {
    pub schemas: Vec<String>,
    pub tables: Vec<TableName>,
}

/// Finds the program of the lowest major version that reads a server of this version.
pub(super) async fn find(choice: &DumpProgram, version_number: i32) -> Result<PathBuf, DumpError> {
    let wanted = u32::try_from(version_number / 10_000).unwrap_or_default();
    let candidates = match choice {
        DumpProgram::None => Vec::new(),
        DumpProgram::Named(path) => vec![path.clone()],
        DumpProgram::Found => candidates(),
    };
    let mut fitting = Vec::new();
    for program in candidates {
        if let Some(version) = major_of(&program).await
            && version >= wanted
        {
            fitting.push((version, program));
        }
    }
    fitting.sort();
    fitting.into_iter().next().map(|(_, program)| program).ok_or(DumpError::NotFound(wanted))
}

fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = crate::config::environment("OPTISCHEMA_POSTGRES_BIN")
        .map(PathBuf::from)
        .into_iter()
        .chain(crate::config::environment("PATH").iter().flat_map(std::env::split_paths))
        .collect();
    for root in ROOTS {
        let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path().join("bin")));
    }
    let mut found: Vec<PathBuf> = Vec::new();
    for program in folders.into_iter().map(|folder| folder.join("pg_dump")) {
        if program.exists() && !found.contains(&program) {
            found.push(program);
        }
    }
    found
}

/// The number in `pg_dump (PostgreSQL) 15.18 (Debian …)`; absent for a program that does not run.
async fn major_of(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Runs the program on main, in a read-only session that sees the snapshot. Returns the script.
pub(super) async fn dump(
    program: &Path,
    main: &MainSession,
    snapshot: Option<&Snapshot>,
    excluded: &Excluded,
) -> Result<String, DumpError> {
    let permit = main.dsn().budget().connection().await?;
    let mut command = Command::new(program);
    command.args([
        "--schema-only",
        "--no-owner",
        "--no-acl",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--no-tablespaces",
        "--quote-all-identifiers",
        "--no-password",
        "--encoding=UTF8",
    ]);
    command.arg(format!("--lock-wait-timeout={LOCK_WAIT_MS}"));
    command.args(snapshot.map(|snapshot| format!("--snapshot={}", snapshot.name())));
    let schemas =
        excluded.schemas.iter().map(|name| format!("--exclude-schema={}", quote_identifier(name)));
    let tables = excluded.tables.iter().map(|name| format!("--exclude-table={}", name.quoted()));
    let exclusions: Vec<String> = schemas.chain(tables).collect();
    if exclusions.iter().map(String::len).sum::<usize>() > MOST_ARGUMENTS {
        return Err(DumpError::TooManyExcluded(exclusions.len()));
    }
    command.args(exclusions);
    for name in MISLEADING {
        command.env_remove(name);
    }
    command.envs(main.dsn().libpq_environment()?).env("LC_ALL", "C");
    command.stdin(Stdio::null()).kill_on_drop(true);
    let failed =
        |message: String| DumpError::Failed { program: program.display().to_string(), message };
    let output = tokio::time::timeout(LONGEST, command.output())
        .await
        .map_err(|_| failed(format!("it took longer than {} minutes", LONGEST.as_secs() / 60)))?
        .map_err(|error| failed(error.to_string()))?;
    drop(permit);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().take(3).collect();
        return Err(failed(lines.join("; ")));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))
}
