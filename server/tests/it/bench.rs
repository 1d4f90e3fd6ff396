//! One benchmark of a statement and a change, on the small shop, without a store.

use std::time::Duration;

use optischema::benchmark_place::InPlace;
use optischema::model::{BenchmarkResult, Phase, TrackedStatement};
use optischema_server::benchmark::{
    BenchmarkError, BenchmarkRequest, Places, run_benchmark, typed_cases,
};
use optischema_server::sandbox::{ScratchKind, ScratchSchema};
use optischema_server::sql::Patch;

use crate::fixture::Shop;

/// How it is run.
pub struct Options {
    pub copy_limit_bytes: i64,
    pub sample_percent: f64,
    pub with_functions: bool,
    pub statement_timeout_s: u32,
    pub seconds: u64,
    pub sandbox: Option<String>,
    pub replica: Option<String>,
    pub others: Vec<TrackedStatement>,
    pub seed: u64,
}

impl Options {
    pub fn of(shop: &Shop) -> Self {
        Self {
            copy_limit_bytes: 1 << 30,
            sample_percent: 1.0,
            with_functions: false,
            statement_timeout_s: 20,
            // Time never decides: a verdict that is clear comes after ten pairs.
            seconds: 60,
            sandbox: Some(shop.url("sandbox", "staging")),
            replica: None,
            others: Vec::new(),
            seed: 7,
        }
    }
}

/// Runs it, with what it said while it ran. The scratch schema is left for the caller to look at.
pub async fn run(
    shop: &Shop,
    statement: &str,
    patch: &str,
    options: &Options,
) -> (Result<BenchmarkResult, BenchmarkError>, Vec<Phase>) {
    let places = Places {
        main: shop.url("reader", "shop").parse().unwrap(),
        sandbox: options.sandbox.as_ref().map(|url| url.parse().unwrap()),
        replica: options.replica.as_ref().map(|url| url.parse().unwrap()),
        allow_same_server: true,
        in_place: InPlace::Replica,
    };
    let mut phases = Vec::new();
    let result = async {
        let parsed = Patch::parse(patch)?;
        let cases = typed_cases(&places.main, statement, "the statement").await?;
        let schema = ScratchSchema::new(ScratchKind::Benchmark, uuid());
        let request = BenchmarkRequest {
            cases: &cases,
            patch: &parsed,
            patch_text: patch,
            concerned: &[],
            others: &options.others,
            name: "optischema test".into(),
            schema: &schema,
            seed: options.seed,
            copy_limit_bytes: options.copy_limit_bytes,
            sample_percent: options.sample_percent,
            only_planned: false,
            with_functions: options.with_functions,
            budget: Duration::from_secs(options.seconds),
            statement_timeout_s: options.statement_timeout_s,
            rewritten_shape: None,
        };
        run_benchmark(request, &places, &mut |phase, _| phases.push(phase)).await
    }
    .await;
    (result, phases)
}

/// The same, where a result is expected and the schema is of no interest.
pub async fn measured(
    shop: &Shop,
    statement: &str,
    patch: &str,
    options: &Options,
) -> BenchmarkResult {
    let (result, _) = run(shop, statement, patch, options).await;
    clean(shop).await;
    result.unwrap_or_else(|error| panic!("{statement} / {patch}: {error}"))
}

/// The same, where a reason is expected.
pub async fn refused(
    shop: &Shop,
    statement: &str,
    patch: &str,
    options: &Options,
) -> BenchmarkError {
    let (result, _) = run(shop, statement, patch, options).await;
    clean(shop).await;
    match result {
        Ok(result) => panic!("{statement} / {patch}: {:?}", result.verdict),
        Err(error) => error,
    }
}

/// Drops every scratch schema of the sandbox.
pub async fn clean(shop: &Shop) {
    for name in shop.scratch_schemas().await.split_whitespace() {
        shop.run("sandbox", "staging", &[&format!("DROP SCHEMA \"{name}\" CASCADE")]).await;
    }
}

pub fn uuid() -> uuid::Uuid {
    uuid::Uuid::from_u128(u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..)))
}
