//! A finished benchmark as one HTML file: styles and charts stand in it, and nothing is fetched.

use optischema::model::{Job, JobResult};
use optischema::operations::{Outcome, ReportFile};
use optischema::refusal::Refusal;

/// The style sheet of the web app.
const STYLE: &str = include_str!("../../../style/main.css");

/// Writes it.
pub(super) fn write(job: Job) -> Outcome<ReportFile> {
    if job.result.as_ref().and_then(JobResult::benchmark).is_none() {
        return Err(Refusal::JobWithoutResult.into());
    }
    let file_name = format!("optischema-benchmark-{}.html", job.id);
    Ok(ReportFile { file_name, html: optischema_app::report_html(job, STYLE) })
}
