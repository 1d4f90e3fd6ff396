//! Whether the server that a job works on still answers anybody.

use std::time::Duration;

use optischema::model::JobType;

use crate::config::Settings;
use crate::postgres::{Dsn, PgFailure, connect_main, connect_writable};

/// Time between two looks.
const BETWEEN: Duration = Duration::from_secs(10);
/// A server that answers nobody so many times in a row is taken for one that hangs.
const MOST_MISSED: u32 = 3;

/// Ends once the job's server no longer takes connections, with the reason; else never. A server that did not answer
/// when the job began is not the one it works on: the job chose another ground, or says itself that it is away.
pub(super) async fn silence_of(settings: &Settings, job: JobType) -> String {
    let Some(dsn) = watched(settings, job) else { return std::future::pending().await };
    if let Err(PgFailure::Unreachable(_)) = answers(&dsn, job).await {
        return std::future::pending().await;
    }
    let mut missed = 0;
    loop {
        tokio::time::sleep(BETWEEN).await;
        match answers(&dsn, job).await {
            Err(PgFailure::Unreachable(reason)) => {
                missed += 1;
                if missed >= MOST_MISSED {
                    return format!("the server {} no longer answers: {reason}", dsn.server());
                }
            }
            // It answers, whatever it says.
            Ok(()) | Err(_) => missed = 0,
        }
    }
}

/// The server that a job works on: outside the budget, of which the job itself may hold every connection.
fn watched(settings: &Settings, job: JobType) -> Option<Dsn> {
    let target = match job {
        JobType::Analyze => settings.main_url.as_ref(),
        JobType::Benchmark | JobType::Apply | JobType::Rollback => settings.sandbox_url.as_ref(),
    };
    target.cloned().map(Dsn::unbudgeted)
}

async fn answers(dsn: &Dsn, job: JobType) -> Result<(), PgFailure> {
    // What connecting does not bound is bounded here: a server may take a connection and say nothing.
    let opening = async {
        match job {
            JobType::Analyze => connect_main(dsn).await.map(drop),
            _ => connect_writable(dsn, 5).await.map(drop),
        }
    };
    match tokio::time::timeout(BETWEEN, opening).await {
        Ok(opened) => opened,
        Err(_) => Err(PgFailure::Unreachable("it takes connections and does not answer".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingsArgs;

    /// Where nothing listens.
    const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";

    fn settings() -> Settings {
        Settings::resolve(&SettingsArgs {
            main_url: Some(NOWHERE.parse().unwrap()),
            sandbox_url: Some(NOWHERE.replace("nothing", "copy").parse().unwrap()),
            main_connections: Some(1),
            ..SettingsArgs::default()
        })
        .unwrap()
    }

    #[tokio::test]
    async fn a_look_takes_no_connection_of_the_jobs_budget() {
        let settings = settings();
        let held = settings.main_url.as_ref().unwrap().budget().connection().await.unwrap();
        assert!(held.is_some());
        let dsn = watched(&settings, JobType::Analyze).unwrap();
        assert!(tokio::time::timeout(BETWEEN / 2, answers(&dsn, JobType::Analyze)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_was_away_from_the_beginning_is_not_watched() {
        for job in [JobType::Analyze, JobType::Benchmark] {
            let settings = settings();
            let ended = tokio::time::timeout(BETWEEN * 20, silence_of(&settings, job)).await;
            assert!(ended.is_err(), "{ended:?}");
        }
    }
}
