//! How much each statement counts for: its measured time where there is one. The planner gives the factor by which a
//! change shortens it, and nothing more: cost units of different statements are not worth the same.

/// One statement as selection sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightedStatement {
    pub calls: f64,
    /// Milliseconds of all calls; absent where nobody measured them.
    pub time_ms: Option<f64>,
}

/// What a planner's cost of one call is multiplied by.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// By statement.
    pub by_statement: Vec<f64>,
    /// The worth of one cost unit that belongs to no statement: milliseconds where any statement was measured, else 1.
    pub unit: f64,
    /// What the whole workload takes, in the same measure: what could not be planned included.
    pub whole: f64,
    /// The part of it that was planned, 0 to 1.
    pub planned_share: f64,
}

/// Weighs statements by the cost of one call of each, absent where it could not be planned. `left_ms` are milliseconds of
/// statements that are not among them.
#[must_use]
pub fn weigh(statements: &[WeightedStatement], costs: &[Option<f64>], left_ms: f64) -> Weights {
    let cost_of = |at: usize| costs.get(at).copied().flatten().filter(|cost| *cost > 0.0);
    let rates: Vec<(f64, f64)> = statements
        .iter()
        .enumerate()
        .filter_map(|(at, s)| Some((s.time_ms? / (s.calls * cost_of(at)?), s.time_ms?)))
        .filter(|(rate, _)| rate.is_finite() && *rate > 0.0)
        .collect();
    let unit = middle(rates.clone()).unwrap_or(1.0);
    let by_statement: Vec<f64> = statements
        .iter()
        .enumerate()
        .map(|(at, statement)| match (statement.time_ms, cost_of(at)) {
            (Some(time), Some(cost)) => time / cost,
            _ => statement.calls * unit,
        })
        .collect();
    let planned: f64 =
        (0..statements.len()).filter_map(|at| Some(cost_of(at)? * by_statement[at])).sum();
    let unplanned: f64 = statements
        .iter()
        .enumerate()
        .filter(|(at, _)| cost_of(*at).is_none())
        .filter_map(|(_, statement)| statement.time_ms)
        .sum();
    // Without any measured time there is nothing that milliseconds could be added to.
    let left = if rates.is_empty() { 0.0 } else { left_ms + unplanned };
    let whole = planned + left;
    let planned_share = if whole > 0.0 { planned / whole } else { 1.0 };
    Weights { by_statement, unit, whole, planned_share }
}

/// The rate that half of the time lies at or below: one statement with an absurd cost moves it little, and so do many that
/// take no time.
fn middle(mut rates: Vec<(f64, f64)>) -> Option<f64> {
    rates.sort_by(|a, b| a.0.total_cmp(&b.0));
    let whole: f64 = rates.iter().map(|(_, time)| time).sum();
    let mut seen = 0.0;
    rates.into_iter().find_map(|(rate, time)| {
        seen += time;
        (2.0 * seen >= whole).then_some(rate)
    })
}

/// Beyond this factor from the others' cost of a millisecond, a planner's cost is of other values than the application's.
const SUSPECT: f64 = 100.0;

/// How far the cost of one call is off what statements of this workload cost for their time: the factor, above 1 where it
/// is too dear. Absent where it lies within reason, or nothing says.
#[must_use]
pub fn suspicion(unit: f64, cost: f64, mean_ms: f64) -> Option<f64> {
    let factor = cost * unit / mean_ms;
    let is_off = factor.is_finite() && factor > 0.0 && factor.ln().abs() > SUSPECT.ln();
    is_off.then_some(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(calls: f64, time_ms: f64) -> WeightedStatement {
        WeightedStatement { calls, time_ms: Some(time_ms) }
    }

    #[test]
    fn a_statement_counts_for_the_time_that_it_took() {
        let statements = [measured(10.0, 100.0), measured(1.0, 300.0)];
        // The second is absurdly dear, and has three quarters of the time all the same.
        let weights = weigh(&statements, &[Some(50.0), Some(1e12)], 600.0);
        assert!((weights.by_statement[0] * 50.0 - 100.0).abs() < 1e-9);
        assert!((weights.by_statement[1] * 1e12 - 300.0).abs() < 1e-6);
        assert!((weights.whole - 1000.0).abs() < 1e-6, "what was not planned counts too");
        assert!((weights.planned_share - 0.4).abs() < 1e-9);
    }

    #[test]
    fn the_unit_is_that_of_the_time_and_not_of_the_statements() {
        let quick = measured(1.0, 1.0);
        let statements = [quick, quick, quick, measured(1.0, 100.0)];
        let costs = [Some(1.0), Some(1.0), Some(1.0), Some(1000.0)];
        assert_eq!(weigh(&statements, &costs, 0.0).unit, 0.1);
    }

    #[test]
    fn what_has_no_time_is_worth_what_the_others_cost() {
        let free = WeightedStatement { calls: 4.0, time_ms: None };
        let weights = weigh(&[measured(1.0, 20.0), free], &[Some(10.0), Some(5.0)], 0.0);
        assert_eq!(weights.unit, 2.0);
        assert_eq!(weights.by_statement, [2.0, 8.0]);
        let none = weigh(&[free, free], &[Some(10.0), Some(5.0)], 99.0);
        assert_eq!((none.unit, none.whole, none.planned_share), (1.0, 60.0, 1.0));
    }

    #[test]
    fn a_statement_that_could_not_be_planned_keeps_its_time() {
        let weights = weigh(&[measured(1.0, 20.0), measured(1.0, 60.0)], &[Some(10.0), None], 0.0);
        assert_eq!((weights.whole, weights.planned_share), (80.0, 0.25));
    }

    #[test]
    fn a_cost_far_off_is_suspect_either_way() {
        assert_eq!(suspicion(0.01, 100.0, 1.0), None);
        assert_eq!(suspicion(0.01, 1e6, 1.0), Some(1e4));
        assert!(suspicion(0.01, 0.5, 1.0).is_some_and(|factor| factor < 0.01));
        assert_eq!(suspicion(0.01, 1e6, 0.0), None);
    }
}
