//! Whether an index that carries further columns saves more than it costs, by what a benchmark measured and what the
//! workload counted.

use crate::figures;
use crate::model::{Evidence, MeasuredWriteCost, WriteMeasure, WriteOperation};

/// Why an index is not worth its writes, in a sentence; absent where it is, or where nobody can say.
///
/// What is saved is the statements' measured share of their time on main; what is spent is at least the lower end of what
/// each write was measured to take more, for as many rows as were written in the time of those calls. `change_percent` is
/// that of the benchmark; negative is faster.
#[must_use]
pub fn costs_more_than_it_saves(
    evidence: &Evidence,
    change_percent: Option<f64>,
    measured: Option<&MeasuredWriteCost>,
) -> Option<String> {
    let (counted, measured) = (evidence.write_cost.as_ref()?.with_calls?, measured?);
    let share = -change_percent? / 100.0;
    let mut saved = 0.0;
    for statement in &evidence.statements {
        // What no planner was asked about may save, too: then nobody can say.
        if statement.saved_percent()? > 0.0 {
            saved += statement.total_time_ms * share.max(0.0);
        }
    }
    if saved <= 0.0 {
        return None;
    }
    let extra = |operation: WriteOperation| {
        let of_it = measured.operations.iter().find(|measure| measure.operation == operation);
        of_it.map_or(0.0, extra_ms_per_row)
    };
    let spent = counted.inserts * extra(WriteOperation::Insert)
        + counted.deletes * extra(WriteOperation::Delete)
        + counted.hot_lost * extra(WriteOperation::UpdateIndexed)
        + (counted.updates - counted.hot_lost).max(0.0) * extra(WriteOperation::UpdateOther);
    (spent > saved).then(|| {
        format!(
            "It costs more than it saves: {} of reading saved, at least {} of writing added, in the time that was counted.",
            figures::milliseconds(saved),
            figures::milliseconds(spent)
        )
    })
}

/// Milliseconds that one row takes more, at least.
fn extra_ms_per_row(measure: &WriteMeasure) -> f64 {
    let low = measure.confidence_interval.as_ref().map_or(0.0, |interval| interval.low_percent);
    measure.baseline.median_ms * low.max(0.0) / 100.0 / measure.rows.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::{WriteCost, WritesWithCalls};
    use crate::model::{ConfidenceInterval, QueryHash, StatementEvidence, WriteArm};

    fn evidence(inserts: f64) -> Evidence {
        let statement = StatementEvidence {
            query_hash: QueryHash("q".into()),
            sql: "SELECT a, b FROM t WHERE a = 1".into(),
            calls: 100,
            total_time_ms: 1000.0,
            cost_before: Some(100.0),
            cost_after: Some(10.0),
        };
        let dearer = StatementEvidence { cost_after: Some(200.0), ..statement.clone() };
        Evidence {
            statements: vec![statement, dearer],
            write_cost: Some(WriteCost {
                with_calls: Some(WritesWithCalls { inserts, updates: 10.0, ..Default::default() }),
                ..WriteCost::default()
            }),
            ..Evidence::without_figures("a test", "", "")
        }
    }

    fn measured(low_percent: f64) -> MeasuredWriteCost {
        let arm = WriteArm {
            median_ms: 10.0,
            wal_bytes: 0,
            wal_records: 0,
            hot_updates: 0,
            merge_ms: None,
        };
        let insert = WriteMeasure {
            operation: WriteOperation::Insert,
            rows: 1000,
            column: None,
            pairs: 10,
            baseline: arm.clone(),
            patched: arm,
            change_percent: Some(60.0),
            confidence_interval: Some(ConfidenceInterval {
                low_percent,
                high_percent: 80.0,
                level: 0.95,
            }),
        };
        MeasuredWriteCost {
            table_rows: 1000,
            fill_factor: 100,
            operations: vec![insert],
            absent: Vec::new(),
        }
    }

    #[test]
    fn what_is_saved_is_held_against_what_writing_takes_more_at_least() {
        // Half of 1,000 ms is saved; an insert takes 50 % of 0.01 ms more.
        let of = |evidence: &Evidence, low_percent: f64| {
            costs_more_than_it_saves(evidence, Some(-50.0), Some(&measured(low_percent)))
        };
        assert_eq!(of(&evidence(99_000.0), 50.0), None);
        let said = of(&evidence(101_000.0), 50.0).unwrap();
        assert!(said.contains("500 ms of reading saved, at least 505 ms"), "{said}");
        assert_eq!(of(&evidence(1e9), -1.0), None, "it may be nothing");
        assert_eq!(costs_more_than_it_saves(&evidence(1e9), Some(-50.0), None), None);
        let mut other_time = evidence(1e9);
        other_time.write_cost = Some(WriteCost { inserts: 1e9, ..WriteCost::default() });
        assert_eq!(of(&other_time, 50.0), None, "counted over another time than the calls");
        let mut unplanned = evidence(1e9);
        unplanned.statements[1].cost_after = None;
        assert_eq!(of(&unplanned, 50.0), None, "what one of them saves is not known");
    }
}
