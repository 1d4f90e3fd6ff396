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
    let target = match job {
        JobType::Analyze => settings.main_url.as_ref(),
        JobType::Benchmark | JobType::Apply | JobType::Rollback => settings.sandbox_url.as_ref(),
    };
    let Some(dsn) = target else { return std::future::pending().await };
    // Outside the budget: the job itself may hold every connection that it allows.
    let dsn = dsn.clone().unbudgeted();
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
