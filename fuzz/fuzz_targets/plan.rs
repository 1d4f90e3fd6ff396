//! The plan parser: any text is a plan or an error, and whatever is read can be judged, mapped and compared.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optischema::plan::{Lineage, dependencies, diff, exclusive, findings, parse_plan_text};

fuzz_target!(|text: &str| {
    let Ok(plan) = parse_plan_text(text) else { return };
    let shares = exclusive(&plan);
    assert_eq!(shares.len(), plan.root.walk().count());
    if let Some(total) = plan.root.actual_total_ms {
        let total = total * plan.root.actual_loops.unwrap_or(1.0);
        let total = if total.is_finite() { total.max(0.0) } else { 0.0 };
        let times: Vec<f64> = shares.iter().filter_map(|share| share.time_ms).collect();
        assert!(times.iter().all(|time| *time >= 0.0), "a negative share");
        let sum: f64 = times.iter().sum();
        assert!((sum - total).abs() <= 1e-6 * total.max(1.0), "{sum} of {total}");
    }
    assert!(findings(&plan).iter().all(|finding| (finding.node as usize) < shares.len()));
    dependencies(&plan, &Lineage::default());
    assert!(diff(&plan, &plan).changes.is_empty());
});
