//! The same statement as both arms: what this place calls different, though nothing is.

use std::time::{Duration, Instant};

use optischema::model::{BindingResult, Calibration, TableName, Verdict};
use sqlx::postgres::PgConnection;

use super::BenchmarkError;
use super::arms::{ArmKind, ArmSpec, Arms, Fence, execute};
use super::protocol::{Protocol, percent};

/// What it may take.
const LONGEST: Duration = Duration::from_secs(6);

/// Measures it on a table in `schema`; on generated rows where nothing can be made.
pub(super) async fn calibrate(
    connection: &mut PgConnection,
    fence: Fence,
    schema: Option<&str>,
    seed: u64,
) -> Result<Calibration, BenchmarkError> {
    let sql = match schema {
        None => "SELECT pg_catalog.count(*), pg_catalog.sum(i) FROM pg_catalog.generate_series(1, 60000) i WHERE i OPERATOR(pg_catalog.%) 7 < 3".to_owned(),
        Some(schema) => {
            let table = TableName::new(schema, "optischema_calibration").quoted();
            for statement in [
                format!("CREATE TABLE {table} AS SELECT i, i % 1000 AS v, pg_catalog.repeat('x', 40) AS pad FROM pg_catalog.generate_series(1, 60000) i"),
                format!("ANALYZE {table}"),
            ] {
                execute(connection, statement).await?;
            }
            format!("SELECT pg_catalog.count(*), pg_catalog.sum(v) FROM {table} WHERE i OPERATOR(pg_catalog.%) 7 < 3")
        }
    };
    let spec = ArmSpec { setup: Vec::new(), sql };
    let mut arms = Arms { connection, fence, baseline: spec.clone(), patched: spec };
    let protocol = Protocol { seed, deadline: Instant::now() + LONGEST };
    let measured = protocol.measure(&mut arms, &mut |_, _| {}).await?;
    Ok(Calibration {
        verdict: measured.verdict,
        change_percent: percent(measured.comparison.ratio),
        confidence_interval: measured.interval(),
        pairs: measured.pairs(),
        median_ms: measured.arm(ArmKind::Baseline).median_ms,
    })
}

/// What a result says where the two arms of the calibration were not found alike.
pub(super) fn warning(calibration: &Calibration, first: Option<&BindingResult>) -> Option<String> {
    if calibration.verdict == Verdict::Equivalent {
        return None;
    }
    let noise = calibration.confidence_interval.as_ref();
    let found = first.and_then(|binding| binding.confidence_interval.as_ref());
    let is_beyond = noise.zip(found).is_some_and(|(noise, found)| {
        found.high_percent < noise.low_percent || found.low_percent > noise.high_percent
    });
    let interval = noise.map(optischema::figures::interval).unwrap_or_default();
    Some(format!(
        "This place is noisy: a statement of OptiSchema's own, measured against itself, came out at {interval}. {}",
        if is_beyond {
            "The change that was found lies beyond that."
        } else {
            "The change that was found lies within that: measure again when less is going on."
        }
    ))
}
