//! The placebo: a statement of OptiSchema's own under a change of the same kind that cannot touch it. What this place calls
//! different there, though nothing is, is no winner elsewhere.

use std::time::{Duration, Instant};

use optischema::figures;
use optischema::model::{Calibration, ConfidenceInterval, TableName, Verdict};
use optischema::statistics::THRESHOLD;

use super::BenchmarkError;
use super::arms::{ArmKind, ArmSpec, Arms, execute};
use super::patching::{Patched, build};
use super::protocol::{Protocol, percent};
use super::site::Site;
use crate::sql::{MaintenanceKind, Patch, PatchKind};

/// What it may take.
const LONGEST: Duration = Duration::from_secs(6);
/// A statement that the planner expects to cost less than this is measured beside a point query.
const SHORT_COST: f64 = 100.0;

/// Measures it on a table of its own; on generated rows where nothing can be made. `cost` is the planner's word on the
/// statement that is benchmarked.
pub(super) async fn calibrate(
    site: &mut Site,
    kind: &PatchKind,
    cost: f64,
    seed: u64,
) -> Result<Calibration, BenchmarkError> {
    let (patched, sql) = match site.workspace.clone() {
        None => (
            Patched::default(),
            "SELECT pg_catalog.count(*), pg_catalog.sum(i) FROM pg_catalog.generate_series(1, 60000) i WHERE i OPERATOR(pg_catalog.%) 7 < 3".to_owned(),
        ),
        Some(workspace) => {
            let table = TableName::new(workspace, "optischema_calibration");
            let patched = placebo(site, kind, &table).await?;
            let name = table.quoted();
            let sql = if cost < SHORT_COST {
                format!("SELECT v FROM {name} WHERE i = 4711")
            } else {
                format!("SELECT pg_catalog.count(*), pg_catalog.sum(v) FROM {name} WHERE i OPERATOR(pg_catalog.%) 7 < 3")
            };
            (patched, sql)
        }
    };
    let fence = site.fence;
    let mut arms = Arms {
        connection: site.connection(),
        fence,
        baseline: ArmSpec { setup: patched.baseline_setup, sql: sql.clone(), ..ArmSpec::default() },
        patched: ArmSpec { setup: patched.patched_setup, sql, ..ArmSpec::default() },
    };
    let deadline = Instant::now() + LONGEST;
    let protocol = Protocol { seed, deadline, floor: THRESHOLD };
    let measured = protocol.measure(&mut arms, &mut |_, _| {}).await?;
    let confidence_interval = measured.interval();
    Ok(Calibration {
        verdict: measured.verdict,
        change_percent: percent(measured.comparison.ratio),
        floor_percent: floor_percent(confidence_interval.as_ref()),
        confidence_interval,
        pairs: measured.pairs(),
        median_ms: measured.arm(ArmKind::Baseline).median_ms,
    })
}

/// Makes the table, and on it the change of the kind of `kind`, on a column that the statement does not read.
async fn placebo(
    site: &mut Site,
    kind: &PatchKind,
    table: &TableName,
) -> Result<Patched, BenchmarkError> {
    let name = table.quoted();
    let object = TableName::new(&table.schema, "optischema_placebo").quoted();
    let index = format!("CREATE INDEX optischema_placebo ON {name} (pad)");
    let statistics = format!("CREATE STATISTICS {object} ON pad, w FROM {name}");
    let (before, change) = match kind {
        PatchKind::CreateIndex(_) => (None, Some(index)),
        PatchKind::Rewrite(rewritten) if rewritten.index.is_some() => (None, Some(index)),
        PatchKind::DropIndex(_) => (Some(index), Some(format!("DROP INDEX {object}"))),
        PatchKind::CreateStatistics(_) => (None, Some(statistics)),
        PatchKind::DropStatistics(_) => {
            (Some(statistics), Some(format!("DROP STATISTICS {object}")))
        }
        PatchKind::AlterTable(alter) if alter.needs_analyze => {
            (None, Some(format!("ALTER TABLE {name} ALTER COLUMN pad SET STATISTICS 200")))
        }
        PatchKind::AlterTable(_) => {
            (None, Some(format!("ALTER TABLE {name} SET (fillfactor = 90)")))
        }
        PatchKind::Maintenance(maintenance) if maintenance.kind == MaintenanceKind::Analyze => {
            (None, Some(format!("ANALYZE {name}")))
        }
        // A setting, set to what it is, and a statement against itself leave both arms the same.
        PatchKind::Maintenance(_) | PatchKind::Setting(_) | PatchKind::Rewrite(_) => (None, None),
    };
    let made = [
        format!(
            "CREATE TABLE {name} AS SELECT i, i % 1000 AS v, i % 7 AS w, pg_catalog.repeat('x', 40) AS pad FROM pg_catalog.generate_series(1, 60000) i"
        ),
        format!("ALTER TABLE {name} ADD PRIMARY KEY (i)"),
        format!("ANALYZE {name}"),
    ];
    for statement in made.into_iter().chain(before) {
        execute(site.connection(), statement).await?;
    }
    match change {
        None => Ok(Patched::default()),
        Some(change) => build(site, &Patch::parse(&change)?.kind).await,
    }
}

/// What the interval leaves open either way, in percent.
fn floor_percent(interval: Option<&ConfidenceInterval>) -> f64 {
    let open = |interval: &ConfidenceInterval| -> f64 {
        // As far below as above: the ratio of a change and that of its undoing are each other's inverse.
        let slower = interval.high_percent;
        let faster = 100.0 * (1.0 / (1.0 + interval.low_percent / 100.0) - 1.0);
        let ratio = 1.0 + slower.max(faster).max(0.0) / 100.0;
        100.0 * (1.0 - 1.0 / ratio)
    };
    interval.map_or(100.0, open).max(100.0 * THRESHOLD)
}

/// What a result, with the change of its first binding, says where the two arms of the calibration were not found alike.
pub(super) fn warning(calibration: &Calibration, change_percent: Option<f64>) -> Option<String> {
    if calibration.verdict == Verdict::Equivalent {
        return None;
    }
    let noise = calibration.confidence_interval.as_ref();
    // The same share either way: halved and doubled are as far.
    let floor = calibration.floor_percent / 100.0;
    let is_beyond = change_percent.is_some_and(|change| {
        let ratio = 1.0 + change / 100.0;
        ratio < 1.0 - floor || ratio * (1.0 - floor) > 1.0
    });
    let interval = noise.map(figures::interval).unwrap_or_default();
    Some(format!(
        "This place is noisy: a change of this kind that could not matter came out at {interval}, so nothing below {} is called faster or slower. {}",
        figures::percent(calibration.floor_percent),
        match change_percent {
            Some(_) if is_beyond => "The change that was found lies beyond that.",
            Some(_) => {
                "The change that was found lies within that: measure again when less is going on."
            }
            None => "",
        }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_far_beyond_the_noise_is_called_so() {
        let calibration = Calibration {
            verdict: Verdict::Inconclusive,
            change_percent: 3.0,
            confidence_interval: None,
            pairs: 4,
            floor_percent: 16.0,
            median_ms: 0.1,
        };
        let said = |change_percent| warning(&calibration, change_percent).unwrap();
        assert!(said(Some(-99.2)).contains("lies beyond"));
        assert!(said(Some(25.0)).contains("lies beyond"), "a fifth faster, turned round");
        assert!(said(Some(-10.0)).contains("lies within") && said(Some(15.0)).contains("within"));
        assert!(!said(None).contains("lies"));
    }

    #[test]
    fn the_floor_is_what_the_interval_leaves_open_either_way() {
        let floor = |low_percent, high_percent| {
            let interval = ConfidenceInterval { low_percent, high_percent, level: 0.98 };
            floor_percent(Some(&interval)).round()
        };
        assert_eq!(floor(-1.0, 2.0), 5.0, "the threshold at least");
        assert_eq!(floor(-12.0, 3.0), 12.0);
        assert_eq!(floor(-3.0, 25.0), 20.0, "a quarter slower is a fifth faster, turned round");
        assert_eq!(floor_percent(None), 100.0, "too few pairs: nothing is called");
    }
}
