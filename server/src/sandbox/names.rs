//! Names of scratch schemas, and the lock that says that one is in use.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a scratch schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScratchKind {
    Benchmark,
    ApplyCheck,
}

impl ScratchKind {
    pub(super) const ALL: [Self; 2] = [Self::Benchmark, Self::ApplyCheck];

    /// What the names of its schemas begin with.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Benchmark => "benchmark_job_",
            Self::ApplyCheck => "apply_check_",
        }
    }
}

/// One scratch schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScratchSchema {
    pub name: String,
    pub id: Uuid,
}

impl ScratchSchema {
    /// The schema of a job.
    #[must_use]
    pub fn new(kind: ScratchKind, id: Uuid) -> Self {
        Self { name: format!("{}{}", kind.prefix(), id.simple()), id }
    }

    /// Reads a schema's name; `None` where it is no scratch schema.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let id = ScratchKind::ALL.iter().find_map(|kind| name.strip_prefix(kind.prefix()))?;
        let id: Uuid = id.parse().ok()?;
        Some(Self { name: name.to_owned(), id })
    }

    /// The key of the advisory lock that is held while the job lives.
    #[must_use]
    pub fn lock_key(&self) -> i64 {
        // The random half of a UUIDv7: the other half is a time, and close jobs would share it.
        let (_, random) = self.id.as_u64_pair();
        i64::from_ne_bytes(random.to_ne_bytes())
    }
}

/// What stands in the schema's comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScratchComment {
    pub optischema_job: Uuid,
    pub expires_at: optischema::model::Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_foreign_names_are_not() {
        let schema = ScratchSchema::new(ScratchKind::Benchmark, crate::clock::new_id());
        assert_eq!(ScratchSchema::parse(&schema.name), Some(schema));
        for name in ["public", "benchmark_job_", "benchmark_job_mine", "xbenchmark_job_1"] {
            assert_eq!(ScratchSchema::parse(name), None, "{name}");
        }
    }
}
