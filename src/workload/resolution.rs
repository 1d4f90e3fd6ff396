//! How history is rolled up: what happened is kept by the minute for hours, and by the day for a month.
//!
//! Every resolution holds all that happened in its time, so a page reads one of them and never adds two.
//! A statement that runs all the time has 120 + 288 + 336 + 31 rows at most.

use crate::model::Timestamp;

/// One way of cutting time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// Length of a period, in seconds.
    pub seconds: i64,
    /// How long its periods are kept, in seconds.
    pub kept: i64,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The longest that anything is kept.
pub const KEPT_SECONDS: i64 = 31 * DAY;

/// From the finest to the coarsest.
pub const RESOLUTIONS: &[Resolution] = &[
    Resolution { seconds: 60, kept: 2 * HOUR },
    Resolution { seconds: 600, kept: 2 * DAY },
    Resolution { seconds: HOUR, kept: 14 * DAY },
    Resolution { seconds: DAY, kept: KEPT_SECONDS },
];

/// The start of the period that a moment lies in.
#[must_use]
pub fn bucket_start(at: Timestamp, seconds: i64) -> Timestamp {
    let length = seconds.max(1).saturating_mul(1000);
    Timestamp::from_millisecond(at.as_millisecond().div_euclid(length) * length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_lies_in_the_period_that_began_last() {
        let at: Timestamp = "2026-03-04T05:06:07.890Z".parse().unwrap();
        assert_eq!(bucket_start(at, 60).to_string(), "2026-03-04T05:06:00.000Z");
        assert_eq!(bucket_start(at, 600).to_string(), "2026-03-04T05:00:00.000Z");
        assert_eq!(bucket_start(at, DAY).to_string(), "2026-03-04T00:00:00.000Z");
    }

    #[test]
    fn each_resolution_is_coarser_and_kept_longer_than_the_one_before() {
        assert!(RESOLUTIONS.windows(2).all(|pair| {
            pair[0].seconds < pair[1].seconds
                && pair[0].kept < pair[1].kept
                && pair[1].seconds % pair[0].seconds == 0
        }));
        let rows: i64 = RESOLUTIONS.iter().map(|r| r.kept / r.seconds).sum();
        assert!(rows < 800, "{rows} rows for one statement");
    }
}
