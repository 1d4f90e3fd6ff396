//! `optischema benchmark RECOMMENDATION_ID`: asks the server that holds the data folder, or runs the job
//! itself where none does. The exit code is the verdict, so that it serves in CI.

use std::process::ExitCode;
use std::time::Duration;

use optischema::model::{
    Job, JobAccepted, JobStatus, Phase, RecommendationId, SetRequest, Verdict,
};
use reqwest::StatusCode;

use super::Format;
use super::outcome::{CommandError, say};
use super::remote::Remote;
use crate::config::Settings;
use crate::demo::print_benchmark;
use crate::instance::{Instance, InstanceError};

/// How often the job is looked at.
const PERIOD: Duration = Duration::from_millis(300);

/// Which recommendations are measured.
pub(super) enum Asked {
    One(RecommendationId),
    /// All of them together.
    Set(Vec<RecommendationId>),
}

pub(super) async fn run(
    settings: Settings,
    asked: Asked,
    format: Format,
) -> Result<ExitCode, CommandError> {
    let job = match Instance::start(settings.clone()).await {
        Ok(instance) => {
            let job = run_here(&instance, asked).await;
            instance.stop().await;
            job?
        }
        Err(InstanceError::Locked(_)) => run_there(&Remote::of(&settings)?, asked).await?,
        Err(error) => return Err(error.into()),
    };
    match format {
        Format::Table => print_benchmark(&job),
        Format::Json => println!("{}", serde_json::to_string_pretty(&job)?),
    }
    Ok(ExitCode::from(exit_code(&job)))
}

/// 0 faster or equivalent, 1 slower or not equivalent, 2 inconclusive or unstable, 3 failed, 4 error.
fn exit_code(job: &Job) -> u8 {
    let verdict = job.result.as_ref().and_then(|result| match result.set() {
        Some(set) => Some(set.verdict),
        None => result.benchmark().map(|benchmark| benchmark.verdict),
    });
    match (job.status, verdict) {
        (JobStatus::Completed, Some(verdict)) => code_of(verdict),
        (JobStatus::Completed, None) => 2,
        (JobStatus::Failed, _) => FAILED,
        _ => ERROR,
    }
}

/// The exit code of a benchmark that ran, and the answer is no.
pub(super) const FAILED: u8 = 3;
/// The exit code of one that could not run.
pub(super) const ERROR: u8 = 4;

/// The exit code of a verdict.
pub(super) const fn code_of(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Faster | Verdict::Equivalent => 0,
        Verdict::Slower | Verdict::NotEquivalent => 1,
        Verdict::Inconclusive | Verdict::Unstable => 2,
    }
}

async fn run_here(instance: &Instance, asked: Asked) -> Result<Job, CommandError> {
    let accepted = match asked {
        Asked::One(id) => instance.operations.start_benchmark(id).await?,
        Asked::Set(ids) => instance.operations.start_set_benchmark(ids).await?,
    };
    let mut phases = Phases::default();
    loop {
        let job = instance.operations.job(accepted.job_id).await?;
        if job.status.is_final() {
            return Ok(job);
        }
        phases.tell(&job);
        tokio::time::sleep(PERIOD).await;
    }
}

/// Measures over the REST calls of the server that holds the data folder.
async fn run_there(remote: &Remote, asked: Asked) -> Result<Job, CommandError> {
    let (path, body) = match asked {
        Asked::One(id) => (format!("/api/benchmark/{id}"), None),
        Asked::Set(recommendation_ids) => {
            let request = SetRequest { recommendation_ids };
            ("/api/benchmark/set".to_owned(), Some(serde_json::to_value(&request)?))
        }
    };
    let accepted: JobAccepted = remote.post(&path, body.as_ref(), StatusCode::ACCEPTED).await?;
    let mut phases = Phases::default();
    loop {
        let job: Job = remote.get(&format!("/api/benchmark/{}", accepted.job_id)).await?;
        if job.status.is_final() {
            return Ok(job);
        }
        phases.tell(&job);
        tokio::time::sleep(PERIOD).await;
    }
}

/// Prints each phase once, and the rows and bytes of each table that was copied.
#[derive(Default)]
pub(super) struct Phases {
    last: Option<Phase>,
}

impl Phases {
    fn tell(&mut self, job: &Job) {
        if let Some(phase) = job.phase_detail.clone() {
            self.say(phase);
        }
    }

    pub(super) fn say(&mut self, phase: Phase) {
        let continues = self.last.as_ref().is_some_and(|last| last.continues_as(&phase));
        if !continues {
            if let Some(copied @ Phase::Copying { rows: 1.., .. }) = &self.last {
                say(&copied.to_string());
            }
            say(&phase.to_string());
        }
        self.last = Some(phase);
    }
}
