//! A private PostgreSQL cluster in a folder of ours: own port, own socket, nothing of the machine's own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use thiserror::Error;
use tokio::process::Command;

use crate::config::runs_as_root;

/// Why there is no cluster.
#[derive(Debug, Error)]
pub enum ClusterError {
    #[error("PostgreSQL's programs were not found: install PostgreSQL (scripts/setup does)")]
    NoPrograms,
    #[error("{program} failed: {output}")]
    Program { program: String, output: String },
    #[error(
        "the folder {0} cannot be reached by the user postgres: choose another with --data-dir"
    )]
    Unreachable(PathBuf),
    #[error("failed to use {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

/// A cluster that runs.
#[derive(Debug, Clone)]
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    pub port: u16,
}

const SETTINGS: &str = "
# Written by OptiSchema for its demo. The data can be made again, so nothing waits for the disk.
listen_addresses = '127.0.0.1'
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.max = 5000
max_connections = 60
shared_buffers = 128MB
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 2GB
autovacuum_naptime = 10min
logging_collector = off
log_min_messages = warning
";

impl Cluster {
    /// Starts the cluster of a folder; makes it first where there is none. `superuser_password` is given
    /// to the superuser `postgres` when it is made.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or one of its programs fails.
    pub async fn start(folder: &Path, superuser_password: &str) -> Result<Self, ClusterError> {
        let programs = programs_folder().ok_or(ClusterError::NoPrograms)?;
        let cluster = Self { folder: folder.to_owned(), programs, port: 0 };
        if !folder.join("PG_VERSION").exists() {
            cluster.make(superuser_password).await?;
        }
        if let Some(port) = cluster.running_port()
            && TcpListener::bind(("127.0.0.1", port)).is_err()
            && cluster.answers().await
        {
            return Ok(Self { port, ..cluster });
        }
        cluster.start_at(free_port()?).await
    }

    /// Starts the cluster of a folder again on the port that it had; for tests.
    pub async fn start_on(folder: &Path, port: u16) -> Result<Self, ClusterError> {
        let programs = programs_folder().ok_or(ClusterError::NoPrograms)?;
        Self { folder: folder.to_owned(), programs, port: 0 }.start_at(port).await
    }

    async fn start_at(self, port: u16) -> Result<Self, ClusterError> {
        let options =
            format!("-p {port} -c unix_socket_directories='{}'", self.socket_folder()?.display());
        let log = self.folder.join("server.log");
        self.run(
            "pg_ctl",
            &[
                "-D",
                &text(&self.folder),
                "-l",
                &text(&log),
                "-w",
                "-t",
                "60",
                "-o",
                &options,
                "start",
            ],
        )
        .await?;
        Ok(Self { port, ..self })
    }

    /// Stops it; it can be started again.
    pub async fn stop(&self) -> Result<(), ClusterError> {
        self.run("pg_ctl", &["-D", &text(&self.folder), "-m", "fast", "-w", "stop"]).await
    }

    /// Stops whatever runs in a folder; nothing happens where nothing does.
    pub async fn stop_in(folder: &Path) {
        let Some(programs) = programs_folder() else { return };
        let cluster = Self { folder: folder.to_owned(), programs, port: 0 };
        if cluster.answers().await
            && let Err(error) = cluster.stop().await
        {
            tracing::warn!(%error, "a PostgreSQL of an earlier start could not be stopped");
        }
    }

    /// Stops it at once, as a crash would; for tests.
    pub async fn crash(&self) -> Result<(), ClusterError> {
        self.run("pg_ctl", &["-D", &text(&self.folder), "-m", "immediate", "-w", "stop"]).await
    }

    /// Where PostgreSQL's programs are.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The connection URL of a role on a database.
    #[must_use]
    pub fn url(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    async fn make(&self, superuser_password: &str) -> Result<(), ClusterError> {
        std::fs::create_dir_all(&self.folder).map_err(|source| self.io(source))?;
        let password_file = self.folder.with_extension("pw");
        write_private(&password_file, superuser_password)?;
        if runs_as_root() {
            give_to_postgres(&[&self.folder, &password_file]).await?;
        }
        let made = self
            .run(
                "initdb",
                &[
                    "-D",
                    &text(&self.folder),
                    "-U",
                    "postgres",
                    "--auth=scram-sha-256",
                    &format!("--pwfile={}", text(&password_file)),
                    "--encoding=UTF8",
                    "--no-locale",
                    "--no-sync",
                ],
            )
            .await;
        std::fs::remove_file(&password_file).map_err(|source| self.io(source))?;
        made?;
        let file = self.folder.join("postgresql.conf");
        let mut settings = std::fs::read_to_string(&file).map_err(|source| self.io(source))?;
        settings.push_str(SETTINGS);
        std::fs::write(&file, settings).map_err(|source| self.io(source))
    }

    fn io(&self, source: std::io::Error) -> ClusterError {
        ClusterError::Io { path: self.folder.clone(), source }
    }

    /// A socket's path has at most 107 bytes, so a deep folder's socket stands in the system's own.
    fn socket_folder(&self) -> Result<PathBuf, ClusterError> {
        if text(&self.folder).len() < 80 {
            return Ok(self.folder.clone());
        }
        Ok(PathBuf::from("/tmp"))
    }

    fn running_port(&self) -> Option<u16> {
        let pid_file = std::fs::read_to_string(self.folder.join("postmaster.pid")).ok()?;
        pid_file.lines().nth(3)?.trim().parse().ok()
    }

    async fn answers(&self) -> bool {
        self.run("pg_ctl", &["-D", &text(&self.folder), "status"]).await.is_ok()
    }

    /// Runs one of PostgreSQL's programs, as the user postgres where we are root: they refuse root.
    async fn run(&self, program: &str, arguments: &[&str]) -> Result<(), ClusterError> {
        let path = self.programs.join(program);
        let mut command = if runs_as_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // The server keeps what it inherits open: files, not pipes, or waiting would never end.
        let output_file = tempfile_in_tmp(program)?;
        let handle = || {
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&output_file)
                .map_err(|source| ClusterError::Io { path: output_file.clone(), source })
        };
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(handle()?)
            .stderr(handle()?)
            .status()
            .await;
        let output = std::fs::read_to_string(&output_file).unwrap_or_default();
        // A leftover in the temporary folder harms nobody.
        drop(std::fs::remove_file(&output_file));
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) if output.contains("Permission denied") => {
                Err(ClusterError::Unreachable(self.folder.clone()))
            }
            Ok(_) => Err(ClusterError::Program { program: program.to_owned(), output }),
            Err(source) => Err(ClusterError::Io { path: self.programs.join(program), source }),
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn tempfile_in_tmp(program: &str) -> Result<PathBuf, ClusterError> {
    Ok(std::env::temp_dir().join(format!("optischema-{program}-{}.log", crate::clock::new_id())))
}

async fn give_to_postgres(paths: &[&Path]) -> Result<(), ClusterError> {
    for path in paths {
        let status = Command::new("chown").arg("postgres").arg(path).status().await;
        if !status.is_ok_and(|status| status.success()) {
            return Err(ClusterError::Unreachable((*path).to_owned()));
        }
    }
    Ok(())
}

/// A file that only its owner reads.
pub(super) fn write_private(path: &Path, contents: &str) -> Result<(), ClusterError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |source| ClusterError::Io { path: path.to_owned(), source };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).map_err(failed)?.write_all(contents.as_bytes()).map_err(failed)
}

fn free_port() -> Result<u16, ClusterError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| ClusterError::Io { path: PathBuf::from("127.0.0.1"), source })
}

/// The folder that `OPTISCHEMA_POSTGRES_BIN` names, else the newest PostgreSQL of the machine, one with HypoPG before
/// one without.
#[must_use]
pub fn programs_folder() -> Option<PathBuf> {
    if let Some(named) = crate::config::environment("OPTISCHEMA_POSTGRES_BIN") {
        return Some(PathBuf::from(named)).filter(|folder| folder.join("initdb").exists());
    }
    let mut found: Vec<(bool, u32, PathBuf)> = Vec::new();
    for root in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let Ok(entries) = std::fs::read_dir(root) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version: u32 = name.trim_start_matches("postgresql@").parse().unwrap_or_default();
            let programs = entry.path().join("bin");
            if programs.join("initdb").exists() {
                let share = [
                    PathBuf::from(format!("/usr/share/postgresql/{version}/extension")),
                    entry.path().join("share/extension"),
                    entry.path().join(format!("share/postgresql@{version}/extension")),
                ];
                let hypopg = share.iter().any(|share| share.join("hypopg.control").exists());
                found.push((hypopg, version, programs));
            }
        }
    }
    found.sort();
    found.pop().map(|(_, _, programs)| programs).or_else(|| {
        let path = crate::config::environment("PATH")?;
        std::env::split_paths(&path)
            .chain([PathBuf::from("/usr/bin"), PathBuf::from("/usr/pgsql/bin")])
            .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
    })
}
