//! Points in time: RFC 3339 UTC text with milliseconds, everywhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A point in time, in UTC, to the millisecond.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000Z")]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// From milliseconds since the Unix epoch. Values outside the calendar become the epoch.
    #[must_use]
    pub fn from_millisecond(milliseconds: i64) -> Self {
        Self(jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default())
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The same instant, to be read by a person: `2026-01-31 12:00:05 UTC`.
    #[must_use]
    pub fn readable(self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    /// Seconds from `earlier` to `self`; negative where `self` comes first.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.as_millisecond() - earlier.as_millisecond()) as f64 / 1000.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"))
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant: jiff::Timestamp = text.parse()?;
        Ok(Self::from_millisecond(instant.as_millisecond()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn the_text_has_milliseconds_and_sorts_by_time() {
        let early = Timestamp::from_millisecond(1_000);
        let late = Timestamp::from_millisecond(1_000_000_001);
        assert_eq!(early.to_string(), "1970-01-01T00:00:01.000Z");
        assert!(early.to_string() < late.to_string());
        assert_eq!(late.to_string().parse::<Timestamp>().unwrap(), late);
    }
}
