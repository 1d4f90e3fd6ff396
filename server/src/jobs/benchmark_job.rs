//! A benchmark as a job: where it runs, and that nothing of it is left.

use std::time::Duration;

use optischema::advisor::costs_more_than_it_saves;
use optischema::benchmark_place::InPlace;
use optischema::model::{
    BenchmarkResult, Change, JobResult, Recommendation, TrackedStatement, Verdict,
};

use super::context::JobContext;
use super::progress::Progress;
use super::sandbox::tag_of;
use super::set_job;
use crate::analysis::{functions_choice, places};
use crate::benchmark::{
    BenchmarkError, BenchmarkRequest, Places, cases_for, run_benchmark, typed_cases,
};
use crate::postgres::{Dsn, PgFailure, connect_writable};
use crate::sandbox::{ScratchKind, ScratchSchema, drop_schema_in, stop_named};
use crate::sql::{Patch, PatchKind, index_definition_in};
use crate::store::{ClaimedJob, JobEnd, JobFailure};

/// Seconds that a look at the sandbox may take.
const LOOKING_S: u32 = 300;

fn schema_of(claimed: &ClaimedJob) -> ScratchSchema {
    ScratchSchema::new(ScratchKind::Benchmark, claimed.job.id.0)
}

/// Runs it to its end.
pub(super) async fn run(context: &JobContext, claimed: &ClaimedJob, progress: &Progress) -> JobEnd {
    let of_one = |result: BenchmarkResult| JobResult::Benchmark(Box::new(result));
    let measured = if !claimed.job.members.is_empty() {
        set_job::measure(context, claimed, progress).await
    } else if claimed.job.is_watch() {
        watch(context, claimed, progress).await.map(of_one)
    } else {
        measure(context, claimed, progress).await.map(of_one)
    };
    match measured {
        Ok(result) => JobEnd::Completed(result),
        Err(error) => {
            let failure = JobFailure::new(error.code(), error.to_string());
            match error {
                BenchmarkError::Unreachable(_) => JobEnd::Later(failure),
                BenchmarkError::Refuted(_) => JobEnd::Refuted(failure),
                error if error.is_answer() => JobEnd::Failed(failure),
                _ => JobEnd::Error(failure),
            }
        }
    }
}

/// What a benchmark is made of.
struct Material {
    recommendation: Recommendation,
    tracked: Vec<TrackedStatement>,
    places: Places,
}

async fn material(context: &JobContext, claimed: &ClaimedJob) -> Result<Material, BenchmarkError> {
    let store = |error: crate::store::StoreError| BenchmarkError::Error(error.to_string());
    let Some(id) = claimed.job.recommendation_id else {
        return Err(BenchmarkError::Failed("the job names no recommendation".into()));
    };
    let recommendation = context.store.recommendation(id).await.map_err(store)?;
    let Some(places) = places(&context.settings) else {
        return Err(BenchmarkError::Error("no main database is configured".into()));
    };
    let queries = context.store.user_queries(&recommendation.database).await.map_err(store)?;
    let tracked = queries.into_iter().map(|query| query.statement).collect();
    Ok(Material { recommendation, tracked, places })
}

async fn measure(
    context: &JobContext,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> Result<BenchmarkResult, BenchmarkError> {
    let material = material(context, claimed).await?;
    still_away(claimed, material.places.sandbox.as_ref()).await?;
    let text = material.recommendation.patch_sql.clone();
    let mut result =
        compare(context, claimed, progress, &material, &text, &material.places).await?;
    let is_covering = matches!(
        Patch::parse(&text).map(|patch| patch.kind),
        Ok(PatchKind::CreateIndex(create)) if create.is_covering()
    );
    if is_covering && result.verdict == Verdict::Faster {
        let (evidence, writes) = (&material.recommendation.evidence, result.write_cost.as_ref());
        result.not_worth_it = costs_more_than_it_saves(evidence, result.change_percent, writes);
        result.warnings.extend(result.not_worth_it.clone());
    }
    Ok(result)
}

/// A benchmark that is tried again was measuring in the sandbox when that went away: without it nothing is estimated in
/// its place.
async fn still_away(claimed: &ClaimedJob, sandbox: Option<&Dsn>) -> Result<(), BenchmarkError> {
    let Some(dsn) = sandbox.filter(|_| claimed.job.attempts > 1) else { return Ok(()) };
    match connect_writable(dsn, LOOKING_S).await {
        Err(PgFailure::Unreachable(reason)) => {
            Err(BenchmarkError::Unreachable(format!("the sandbox is away: {reason}")))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Measures an applied change in the sandbox's own tables, by undoing it in a transaction that is never committed.
async fn watch(
    context: &JobContext,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> Result<BenchmarkResult, BenchmarkError> {
    let material = material(context, claimed).await?;
    let change = match claimed.job.change_id {
        Some(id) => context.store.change(id).await.ok(),
        None => None,
    };
    let change = change.ok_or_else(|| BenchmarkError::Failed("the change is gone".into()))?;
    let Reversal { text, inverted } = reversal(&change, &material.recommendation)?;
    // The sandbox's own tables are taken for what they are here: a clone that can be written to.
    let places = Places {
        replica: material.places.sandbox.clone(),
        sandbox: None,
        in_place: InPlace::Sandbox,
        ..material.places.clone()
    };
    let result = compare(context, claimed, progress, &material, &text, &places).await?;
    let mut result = if inverted { result.inverted() } else { result };
    result.patch = material.recommendation.patch_sql.clone();
    Ok(result)
}

/// What is compared with a change that stands.
struct Reversal {
    text: String,
    /// Whether the text undoes the change, so that the arms are the other way round.
    inverted: bool,
}

fn reversal(change: &Change, recommendation: &Recommendation) -> Result<Reversal, BenchmarkError> {
    let patch = Patch::parse(&recommendation.patch_sql)?;
    let first = change.detail.as_ref().and_then(|detail| detail.rollback.first());
    let text = match &patch.kind {
        // Both arms begin with main's settings, so the change itself is what differs.
        PatchKind::Setting(_) => {
            return Ok(Reversal { text: recommendation.patch_sql.clone(), inverted: false });
        }
        PatchKind::DropIndex(drop) => {
            index_definition_in(&change.object.definition, &drop.schema, false)?
        }
        _ => first.map(|step| step.sql.clone()).unwrap_or_default(),
    };
    if text.is_empty() {
        return Err(BenchmarkError::Failed(
            "it cannot be undone, so there is nothing to compare it with".into(),
        ));
    }
    Ok(Reversal { text, inverted: true })
}

async fn compare(
    context: &JobContext,
    claimed: &ClaimedJob,
    progress: &Progress,
    material: &Material,
    patch_text: &str,
    places: &Places,
) -> Result<BenchmarkResult, BenchmarkError> {
    let settings = &context.settings;
    let Material { recommendation, tracked, .. } = material;
    let patch = Patch::parse(patch_text)?;
    let cases = if recommendation.is_typed() {
        typed_cases(&places.main, &recommendation.original_sql, "the statement").await?
    } else {
        cases_for(recommendation, tracked)?
    };
    let functions = functions_choice(settings, &context.store)
        .await
        .map_err(|error| BenchmarkError::Error(error.to_string()))?;
    let schema = schema_of(claimed);
    let request = BenchmarkRequest {
        cases: &cases,
        patch: &patch,
        patch_text,
        concerned: &recommendation.tables,
        others: tracked,
        name: tag_of(&claimed.job),
        schema: &schema,
        // The seed is the job's own, so that the same job is repeated the same way.
        seed: claimed.job.id.0.as_u64_pair().1,
        copy_limit_bytes: settings.copy_limit_bytes,
        sample_percent: settings.sample_percent,
        only_planned: false,
        with_functions: functions.copied,
        budget: Duration::from_secs(u64::from(settings.benchmark_seconds)),
        statement_timeout_s: settings.statement_timeout_s,
        rewritten_shape: None,
    };
    run_benchmark(request, places, &mut |phase, fraction| progress.report(phase, fraction)).await
}

/// Drops the job's schema, whatever the end. An interrupted job's connections are stopped first.
pub(super) async fn clean(context: &JobContext, claimed: &ClaimedJob, interrupted: bool) {
    if interrupted {
        stop_backends(context, claimed).await;
    }
    drop_schema(context, claimed, ScratchKind::Benchmark).await;
}

/// Drops a scratch schema of the job.
pub(super) async fn drop_schema(context: &JobContext, claimed: &ClaimedJob, kind: ScratchKind) {
    let Some(dsn) = &context.settings.sandbox_url else { return };
    let schema = ScratchSchema::new(kind, claimed.job.id.0);
    if let Err(error) = drop_schema_in(dsn, &schema).await {
        tracing::warn!(job = %claimed.job.id, %error, "the scratch schema stays until the next sweep");
    }
}

/// Cancels what the job's connections are doing, on the sandbox and on main, and waits for them to go.
pub(super) async fn stop_backends(context: &JobContext, claimed: &ClaimedJob) {
    stop_named(&context.settings, &tag_of(&claimed.job)).await;
}
