//! An analysis as a job.

use std::time::Duration;

use optischema::model::{AnalysisOutcome, JobResult};
use optischema::operations::OperationError;

use super::progress::Progress;
use super::worker::Worker;
use crate::service::analyze;
use crate::store::JobEnd;

/// The longest time that an analysis may take.
const AT_MOST: Duration = Duration::from_secs(3600);

/// Collects the workload and advises on it; one analysis at a time.
pub(super) async fn run(worker: &Worker, progress: &Progress) -> JobEnd {
    progress.report("waiting for another analysis", 0.0);
    let _alone = worker.signals.alone().lock().await;
    progress.report("reading the workload and asking the planner", 0.1);
    let analysis = tokio::time::timeout(AT_MOST, analyze(&worker.settings, &worker.store)).await;
    let analysis = analysis.unwrap_or_else(|_| {
        Err(OperationError::Unavailable("main did not answer for an hour: is it there?".into()))
    });
    match analysis {
        Ok(report) => {
            progress.report("the advice is taken in", 0.99);
            let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
            let planned = report.statements.iter().filter(|statement| statement.planned).count();
            JobEnd::Completed(JobResult::Analysis(AnalysisOutcome {
                recommendations: count(report.recommendations.len()),
                rejected: count(report.rejected.len()),
                statements: count(report.statements.len()),
                statements_planned: count(planned),
            }))
        }
        // A target that is down may come back.
        Err(error @ OperationError::Unavailable(_)) => JobEnd::Later(error.to_string()),
        Err(error @ OperationError::Internal { .. }) => JobEnd::Error(error.to_string()),
        Err(error) => JobEnd::Failed(error.to_string()),
    }
}
