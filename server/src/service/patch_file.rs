//! A recommendation as a file to be run on main by a person.

use optischema::model::{Job, JobResult, Recommendation, RecommendationType};
use optischema::operations::PatchFile;

/// `patch.sql` of a job.
pub(super) fn write(recommendation: &Recommendation, job: &Job) -> PatchFile {
    let mut text = String::new();
    let mut comment = |line: &str| {
        for line in line.lines() {
            text.push_str("-- ");
            text.push_str(line);
            text.push('\n');
        }
    };
    comment(&recommendation.title);
    comment(&format!("Recommendation {}, job {}.", recommendation.id, job.id));
    if let Some(benchmark) = job.result.as_ref().and_then(JobResult::benchmark) {
        comment(&format!("Verdict: {} ({}).", benchmark.verdict.label(), benchmark.fidelity.tag()));
    }
    if matches!(
        recommendation.recommendation_type,
        RecommendationType::Index | RecommendationType::IndexDrop
    ) {
        comment("Run it outside a transaction: CONCURRENTLY does not run inside one.");
    }
    if recommendation.recommendation_type == RecommendationType::Rewrite {
        comment("A statement for the application to send: nothing is to be run on main.");
        text.push_str(&recommendation.sql_fix);
        text.push('\n');
        return PatchFile { file_name: format!("optischema-{}.sql", recommendation.id), sql: text };
    }
    text.push_str("SET lock_timeout = '5s';\nSET statement_timeout = 0;\n");
    text.push_str(&recommendation.sql_fix);
    text.push('\n');
    PatchFile { file_name: format!("optischema-{}.sql", recommendation.id), sql: text }
}
