//! Jobs: lists, one of them, start and cancel.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use optischema::model::{CompareRequest, Job, JobPage, JobQuery, Recommendation};

/// A page of jobs.
#[server(prefix = "/rpc", endpoint = "jobs", input = GetUrl)]
pub async fn load_jobs(#[server(default)] query: JobQuery) -> Result<JobPage, ServerFnError> {
    use super::context::{failed, operations};
    let filter = query.parse().map_err(|error| failed(error.into()))?;
    operations()?.jobs_in_brief(filter).await.map_err(failed)
}

/// One job: what a card polls.
#[server(prefix = "/rpc", endpoint = "job", input = GetUrl)]
pub async fn load_job(id: String) -> Result<Job, ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let id = parse_id("job", id)?;
    operations()?.job(id).await.map_err(failed)
}

/// Queues a benchmark.
#[server(prefix = "/rpc", endpoint = "start-benchmark")]
pub async fn start_benchmark(id: String) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let id = parse_id("recommendation", id)?;
    operations()?.start_benchmark(id).await.map(drop).map_err(failed)
}

/// Queues a benchmark of several recommendations together, and shows it. `ids` is joined by commas.
#[server(prefix = "/rpc", endpoint = "start-set")]
pub async fn start_set(ids: String) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_ids};
    let ids = parse_ids("recommendation", &ids)?;
    let accepted = operations()?.start_set_benchmark(ids).await.map_err(failed)?;
    leptos_axum::redirect(&format!("/benchmarks/{}", accepted.job_id));
    Ok(())
}

/// The recommendations of these ids, which are joined by commas.
#[server(prefix = "/rpc", endpoint = "chosen", input = GetUrl)]
pub async fn load_chosen(ids: String) -> Result<Vec<Recommendation>, ServerFnError> {
    use super::context::{failed, operations, parse_ids};
    let mut chosen = Vec::new();
    for id in parse_ids("recommendation", &ids)? {
        chosen.push(operations()?.recommendation(id).await.map_err(failed)?);
    }
    Ok(chosen)
}

/// Lists what a person typed in, queues its benchmark, and shows it.
#[server(prefix = "/rpc", endpoint = "compare")]
pub async fn compare(request: CompareRequest) -> Result<(), ServerFnError> {
    use super::context::{failed, operations};
    let accepted = operations()?.compare(request).await.map_err(failed)?;
    leptos_axum::redirect(&format!("/benchmarks/{}", accepted.job_id));
    Ok(())
}

/// Cancels a job.
#[server(prefix = "/rpc", endpoint = "cancel-job")]
pub async fn cancel_job(id: String) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let id = parse_id("job", id)?;
    operations()?.cancel_job(id).await.map(drop).map_err(failed)
}
