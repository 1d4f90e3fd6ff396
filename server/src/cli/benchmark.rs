//! `optischema benchmark RECOMMENDATION_ID`: asks the server that holds the data folder, or runs the job
//! itself where none does. The exit code is the verdict, so that it serves in CI.

use std::process::ExitCode;
use std::time::Duration;

use optischema::model::{Job, JobAccepted, JobId, JobStatus, RecommendationId, Verdict};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::Format;
use super::commands::{CommandError, say};
use crate::config::Settings;
use crate::demo::print_benchmark;
use crate::instance::{Instance, InstanceError, running_server};

/// How often the job is looked at.
const PERIOD: Duration = Duration::from_millis(300);

pub(super) async fn run(
    settings: Settings,
    id: RecommendationId,
    format: Format,
) -> Result<ExitCode, CommandError> {
    let job = match Instance::start(settings.clone()).await {
        Ok(instance) => {
            let job = run_here(&instance, id).await;
            instance.stop().await;
            job?
        }
        Err(InstanceError::Locked(_)) => Remote::of(&settings)?.benchmark(id).await?,
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
    let verdict = job.result.as_ref().and_then(|result| result.benchmark()).map(|b| b.verdict);
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

async fn run_here(instance: &Instance, id: RecommendationId) -> Result<Job, CommandError> {
    let accepted = instance.operations.start_benchmark(id).await?;
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

/// The server that holds the data folder, over its REST calls.
struct Remote {
    client: Client,
    base: String,
    token: String,
}

impl Remote {
    fn of(settings: &Settings) -> Result<Self, CommandError> {
        let (address, token) = running_server(settings)?;
        Ok(Self { client: Client::new(), base: format!("http://{address}"), token })
    }

    async fn benchmark(&self, id: RecommendationId) -> Result<Job, CommandError> {
        let request = self.client.post(format!("{}/api/benchmark/{id}", self.base));
        let accepted: JobAccepted = self.answer(request, StatusCode::ACCEPTED).await?;
        let mut phases = Phases::default();
        loop {
            let job = self.job(accepted.job_id).await?;
            if job.status.is_final() {
                return Ok(job);
            }
            phases.tell(&job);
            tokio::time::sleep(PERIOD).await;
        }
    }

    async fn job(&self, id: JobId) -> Result<Job, CommandError> {
        let request = self.client.get(format!("{}/api/benchmark/{id}", self.base));
        self.answer(request, StatusCode::OK).await
    }

    async fn answer<T: serde::de::DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        expected: StatusCode,
    ) -> Result<T, CommandError> {
        let lost =
            |_| CommandError::Missing(format!("the server at {} does not answer", self.base));
        let response = request.bearer_auth(&self.token).send().await.map_err(lost)?;
        let status = response.status();
        let body: Value = response.json().await.map_err(lost)?;
        if status != expected {
            let detail = body.get("detail").and_then(Value::as_str).unwrap_or("no reason given");
            return Err(CommandError::Missing(detail.to_owned()));
        }
        Ok(serde_json::from_value(body)?)
    }
}

/// Says each phase once.
#[derive(Default)]
pub(super) struct Phases {
    last: String,
}

impl Phases {
    fn tell(&mut self, job: &Job) {
        self.say(job.phase.as_deref().unwrap_or_default());
    }

    /// Phases that begin with the same word are one.
    pub(super) fn say(&mut self, phase: &str) {
        let word = phase.split(' ').next().unwrap_or_default();
        if !word.is_empty() && !self.last.starts_with(word) {
            say(phase);
            phase.clone_into(&mut self.last);
        }
    }
}
