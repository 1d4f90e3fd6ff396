//! An analysis as a job.

use std::time::Duration;

use optischema::model::{AnalysisOutcome, JobResult, Phase};
use optischema::operations::OperationError;

use super::context::JobContext;
use super::progress::Progress;
use crate::analysis::analyze;
use crate::store::{JobEnd, JobFailure};

/// The longest time that an analysis may take.
const AT_MOST: Duration = Duration::from_secs(3600);

/// Collects the workload and advises on it; one analysis at a time.
pub(super) async fn run(context: &JobContext, progress: &Progress) -> JobEnd {
    progress.report(Phase::WaitingForAnalysis, 0.0);
    let _alone = context.signals.alone().lock().await;
    progress.report(Phase::ReadingWorkload, 0.1);
    let analysis = tokio::time::timeout(AT_MOST, analyze(&context.settings, &context.store)).await;
    let analysis = analysis.unwrap_or_else(|_| {
        Err(OperationError::Unavailable("main did not answer for an hour: is it there?".into()))
    });
    match analysis {
        Ok(report) => {
            progress.report(Phase::AdviceRecorded, 0.99);
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
        Err(error) => {
            let failure = JobFailure::new(error.code(), error.to_string());
            match error {
                OperationError::Unavailable(_) => JobEnd::Later(failure),
                OperationError::Internal { .. } => JobEnd::Error(failure),
                _ => JobEnd::Failed(failure),
            }
        }
    }
}
