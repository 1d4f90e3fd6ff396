//! The program `optischema`.

use std::io::IsTerminal;
use std::process::ExitCode;

use optischema_server::config::environment;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let wanted = environment("OPTISCHEMA_LOG")
        .unwrap_or_else(|| "info,sqlx=warn,sqlx::postgres::notice=error".to_owned());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(wanted))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    // A task runs where the sockets are looked after: the main thread would be woken by another one for each answer.
    match tokio::spawn(optischema_server::cli::run()).await {
        Ok(code) => code,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Err(_) => ExitCode::FAILURE,
    }
}
