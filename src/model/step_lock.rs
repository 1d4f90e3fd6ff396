//! The lock that a step of a change takes on its table, and whom it makes wait.

use serde::{Deserialize, Deserializer};

use super::text_enum::text_enum;

text_enum! {
    /// The strongest lock of a step, by PostgreSQL's name of its mode.
    pub enum StepLock ("lock of a step") {
        None => "none",
        Share => "share",
        ShareUpdateExclusive => "share_update_exclusive",
        /// `SHARE UPDATE EXCLUSIVE`, and `ACCESS EXCLUSIVE` for a moment at the end: `REPACK (CONCURRENTLY)`.
        ShareUpdateExclusiveThenAccessExclusive => "share_update_exclusive_then_access_exclusive",
        /// `ACCESS EXCLUSIVE` for a change of the catalog alone.
        AccessExclusiveBriefly => "access_exclusive_briefly",
        /// `ACCESS EXCLUSIVE` for as long as the step runs.
        AccessExclusive => "access_exclusive",
    }
}

impl StepLock {
    /// The mode and whom it makes wait, for a person.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none that blocks anyone",
            Self::Share => "SHARE: writes to the table wait until the step is done",
            Self::ShareUpdateExclusive => {
                "SHARE UPDATE EXCLUSIVE: reads and writes continue; other maintenance of the table waits"
            }
            Self::ShareUpdateExclusiveThenAccessExclusive => {
                "SHARE UPDATE EXCLUSIVE while it copies, then ACCESS EXCLUSIVE for a moment when the new table replaces the old one"
            }
            Self::AccessExclusiveBriefly => {
                "ACCESS EXCLUSIVE: reads and writes of the table wait for a moment"
            }
            Self::AccessExclusive => {
                "ACCESS EXCLUSIVE: reads and writes of the table wait until the step is done"
            }
        }
    }

    /// Reads a lock from JSON. Stores of version 0.1.0 hold a sentence that begins with the mode.
    pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().or_else(|unknown| {
            Self::from_sentence(&text).ok_or_else(|| serde::de::Error::custom(unknown))
        })
    }

    fn from_sentence(text: &str) -> Option<Self> {
        let beginnings = [
            ("no lock", Self::None),
            ("SHARE: ", Self::Share),
            ("SHARE UPDATE EXCLUSIVE: ", Self::ShareUpdateExclusive),
            ("SHARE UPDATE EXCLUSIVE while ", Self::ShareUpdateExclusiveThenAccessExclusive),
            ("ACCESS EXCLUSIVE: for a moment", Self::AccessExclusiveBriefly),
            ("ACCESS EXCLUSIVE until", Self::AccessExclusive),
        ];
        beginnings
            .into_iter()
            .find(|(beginning, _)| text.starts_with(beginning))
            .map(|(_, lock)| lock)
    }
}
