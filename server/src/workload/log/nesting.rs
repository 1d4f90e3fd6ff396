//! Statements that ran inside another one (`auto_explain.log_nested_statements`): the time of the outer one has theirs in
//! it, and is counted once.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::civil::DateTime;

/// Processes that are followed at one time.
const MOST_PROCESSES: usize = 10_000;
/// Ended statements that are kept of each: more do not end inside one that is still running.
const MOST_ENDED: usize = 50;
/// The log's times are cut to milliseconds: what ended so near to a beginning may have ended before it.
const PRECISION_MS: f64 = 1.0;

/// A statement that ended.
struct Ended {
    /// Milliseconds, from any one moment on.
    at_ms: f64,
    duration_ms: f64,
    own_ms: f64,
    /// Of its text.
    hash: u64,
}

/// What each process ended last.
#[derive(Default)]
pub(super) struct Nesting {
    by_process: BTreeMap<String, Vec<Ended>>,
}

impl Nesting {
    /// The time of a statement without those that ended inside it, in milliseconds. Where the log has no times to the
    /// millisecond, or no processes, it is the whole time.
    pub(super) fn own_time(
        &mut self,
        process: &str,
        at_ms: Option<f64>,
        duration_ms: f64,
        sql: &str,
    ) -> f64 {
        let hash = hash_of(sql);
        let Some(at_ms) = at_ms.filter(|_| !process.is_empty()) else { return duration_ms };
        if self.by_process.len() >= MOST_PROCESSES && !self.by_process.contains_key(process) {
            self.by_process.clear();
        }
        let ended = self.by_process.entry(process.to_owned()).or_default();
        // Its plan was logged just before.
        if let Some(last) = ended.last()
            && last.hash == hash
            && duration_ms >= last.duration_ms
            && at_ms - duration_ms <= last.at_ms - last.duration_ms + PRECISION_MS
        {
            return (last.own_ms + duration_ms - last.duration_ms).max(0.0);
        }
        let begun = at_ms - duration_ms + PRECISION_MS;
        let first = ended.iter().position(|inner| inner.at_ms >= begun).unwrap_or(ended.len());
        let inside: f64 = ended.drain(first..).map(|inner| inner.duration_ms).sum();
        let own_ms = (duration_ms - inside).max(0.0);
        if ended.len() >= MOST_ENDED {
            ended.remove(0);
        }
        ended.push(Ended { at_ms, duration_ms, own_ms, hash });
        own_ms
    }
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The first time in a text that is given to the millisecond, whatever its zone: `2026-03-05 11:00:00.489`.
pub(super) fn time_in(text: &str) -> Option<f64> {
    const LENGTH: usize = "2026-03-05 11:00:00.489".len();
    let starts = text.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).take(40);
    let mut times = starts.filter_map(|at| {
        let part = text.get(at..at + LENGTH)?;
        let is_time = part.as_bytes()[4] == b'-' && part.as_bytes()[19] == b'.';
        let time: DateTime = is_time.then(|| part.replace(' ', "T").parse().ok()).flatten()?;
        let day =
            f64::from(time.date().duration_since(jiff::civil::date(2000, 1, 1)).as_hours() as i32);
        let millisecond = f64::from(time.subsec_nanosecond()) / 1e6;
        let seconds = f64::from(time.hour()) * 3600.0
            + f64::from(time.minute()) * 60.0
            + f64::from(time.second());
        Some((day * 3600.0 + seconds) * 1000.0 + millisecond)
    });
    times.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_millisecond_or_not_at_all() {
        let apart = |a: &str, b: &str| time_in(b).unwrap() - time_in(a).unwrap();
        let begin = "2026-03-05 23:59:59.500 UTC [7]";
        assert_eq!(apart(begin, "t=2026-03-06 00:00:00.250 CET"), 750.0);
        assert_eq!(apart(begin, "2026-03-05T23:59:59.501Z"), 1.0);
        assert_eq!(time_in("2026-03-05 23:59:59 UTC [7] 1.5"), None);
    }

    #[test]
    fn what_ended_inside_is_no_time_of_the_outer_one() {
        let mut nesting = Nesting::default();
        let mut ran =
            |at: f64, duration: f64, sql: &str| nesting.own_time("7", Some(at), duration, sql);
        assert_eq!(ran(1000.0, 50.0, "before"), 50.0);
        assert_eq!(ran(1020.0, 8.0, "inner one"), 8.0);
        assert_eq!(ran(1040.0, 12.0, "inner two"), 12.0);
        assert_eq!(ran(1050.0, 40.0, "outer"), 20.0);
        assert_eq!(ran(1050.0, 40.5, "outer"), 20.5, "the same run, logged with its text");
        assert_eq!(ran(1100.0, 45.0, "after"), 45.0);
        assert_eq!(nesting.own_time("8", Some(1100.0), 90.0, "another process"), 90.0);
        assert_eq!(nesting.own_time("7", None, 900.0, "no time"), 900.0);
    }
}
