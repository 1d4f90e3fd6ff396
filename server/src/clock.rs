//! The clock and fresh identifiers: the two things that a pure function cannot give.

use optischema::model::Timestamp;
use uuid::Uuid;

/// The present, to the millisecond.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_millisecond(jiff::Timestamp::now().as_millisecond())
}

/// `seconds` from now; negative is the past.
#[must_use]
pub fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(now().as_millisecond() + seconds * 1000)
}

/// A fresh UUIDv7: sorts by the time it was made.
#[must_use]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}
