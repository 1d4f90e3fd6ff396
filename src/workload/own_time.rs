//! The time that a statement took itself: that of statements inside a function, a trigger or a rule is counted with the
//! statement that called it, too.

/// One entry of `pg_stat_statements`, as far as its time is another's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Milliseconds.
    pub time_ms: f64,
    /// It ran inside another statement.
    pub is_nested: bool,
    /// It calls functions of the database.
    pub calls_functions: bool,
    /// It writes, so that triggers may run.
    pub writes: bool,
}

/// Takes the time of what ran inside others from those that can have called it, in proportion to theirs: from those that
/// call functions of the database, and what is left from those that write. Together all entries then have the time that
/// the outermost ones took. Which function ran which statement PostgreSQL does not say.
pub fn own_times(entries: &mut [Counted]) {
    let nested: f64 = entries.iter().filter(|entry| entry.is_nested).map(|e| e.time_ms).sum();
    let left = take(entries, nested, |entry| entry.calls_functions);
    take(entries, left, |entry| entry.writes && !entry.calls_functions);
}

/// What could not be taken.
fn take(entries: &mut [Counted], time: f64, from: impl Fn(&Counted) -> bool) -> f64 {
    let all: f64 = entries.iter().filter(|entry| from(entry)).map(|entry| entry.time_ms).sum();
    if time <= 0.0 || all <= 0.0 {
        return time;
    }
    let kept = (1.0 - time / all).max(0.0);
    entries.iter_mut().filter(|entry| from(entry)).for_each(|entry| entry.time_ms *= kept);
    (time - all).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time_ms: f64, is_nested: bool, calls_functions: bool, writes: bool) -> Counted {
        Counted { time_ms, is_nested, calls_functions, writes }
    }

    fn times(mut entries: Vec<Counted>) -> Vec<f64> {
        own_times(&mut entries);
        // To the nanosecond.
        entries.iter().map(|entry| (entry.time_ms * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn what_ran_inside_is_no_time_of_the_caller() {
        let plain = entry(50.0, false, false, false);
        let (caller, inner) = (entry(100.0, false, true, false), entry(90.0, true, false, true));
        assert_eq!(times(vec![plain, caller, inner]), [50.0, 10.0, 90.0]);
        // A function that calls another one: the inner call is nested itself.
        let outer = entry(100.0, false, true, false);
        let (middle, inner) = (entry(80.0, true, true, false), entry(60.0, true, false, false));
        let all: f64 = times(vec![outer, middle, inner]).iter().sum();
        assert!((all - 100.0).abs() < 1e-9, "{all}");
    }

    #[test]
    fn triggers_run_inside_writes_and_nothing_becomes_negative() {
        let (write, inner) = (entry(30.0, false, false, true), entry(20.0, true, false, false));
        assert_eq!(times(vec![write, inner]), [10.0, 20.0]);
        let (caller, inner) = (entry(5.0, false, true, false), entry(20.0, true, false, false));
        assert_eq!(times(vec![caller, inner]), [0.0, 20.0], "a caller that was dropped for room");
    }
}
