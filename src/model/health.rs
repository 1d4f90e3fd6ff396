//! What works, what is missing, and how to mend it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;
use super::text_enum::text_enum;

text_enum! {
    /// A database that OptiSchema talks to.
    pub enum TargetKind ("target") {
        Main => "main",
        Sandbox => "sandbox",
        Replica => "replica",
    }
}

impl TargetKind {
    /// The word that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Main => "Main",
            Self::Sandbox => "Sandbox",
            Self::Replica => "Replica",
        }
    }
}

text_enum! {
    /// How a target is.
    pub enum TargetState ("target state") {
        Ok => "ok",
        /// It works, with something missing.
        Warning => "warning",
        /// It cannot be used.
        Down => "down",
        NotConfigured => "not_configured",
    }
}

impl TargetState {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "Ready",
            Self::Warning => "Ready, with something missing",
            Self::Down => "Cannot be used",
            Self::NotConfigured => "Not configured",
        }
    }
}

text_enum! {
    /// How much a finding matters.
    pub enum FindingLevel ("finding level") {
        Ok => "ok",
        Warning => "warning",
        Error => "error",
    }
}

/// One checked fact, in one sentence, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable, for programs: `hypopg_missing`.
    pub code: String,
    pub level: FindingLevel,
    pub message: String,
    /// What mends it: a statement or a setting, ready to be used.
    pub remedy: Option<String>,
}

impl Finding {
    /// Something that is as it should be.
    pub fn ok(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            level: FindingLevel::Ok,
            message: message.into(),
            remedy: None,
        }
    }

    /// Something that works, and what would be better still.
    pub fn advice(code: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::ok(code, message) }
    }

    /// Something missing that leaves the target usable.
    pub fn warning(code: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            level: FindingLevel::Warning,
            message: message.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// Something that keeps the target from being used.
    pub fn error(code: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            level: FindingLevel::Error,
            message: message.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// One target's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetHealth {
    pub target: TargetKind,
    pub state: TargetState,
    /// `host:port/database`, never with a password.
    pub address: Option<String>,
    pub role: Option<String>,
    /// PostgreSQL's own version text.
    pub server_version: Option<String>,
    pub findings: Vec<Finding>,
}

impl TargetHealth {
    /// A target whose state follows from its findings.
    #[must_use]
    pub fn from_findings(target: TargetKind, findings: Vec<Finding>) -> Self {
        let state = match findings.iter().map(|finding| finding.level).max() {
            Some(FindingLevel::Error) => TargetState::Down,
            Some(FindingLevel::Warning) => TargetState::Warning,
            Some(FindingLevel::Ok) | None => TargetState::Ok,
        };
        Self { target, state, address: None, role: None, server_version: None, findings }
    }

    /// Whether the target can be used at all.
    #[must_use]
    pub fn usable(&self) -> bool {
        matches!(self.state, TargetState::Ok | TargetState::Warning)
    }
}

text_enum! {
    /// The whole instance's readiness.
    pub enum Readiness ("readiness") {
        /// Everything that is configured works.
        Ok => "ok",
        /// Something is missing or down; the rest keeps working.
        Degraded => "degraded",
    }
}

/// Readiness per target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    pub status: Readiness,
    pub version: String,
    pub checked_at: Timestamp,
    pub targets: Vec<TargetHealth>,
    pub jobs_pending: i64,
    pub jobs_running: i64,
}

impl Health {
    /// One target's part.
    #[must_use]
    pub fn target(&self, kind: TargetKind) -> Option<&TargetHealth> {
        self.targets.iter().find(|target| target.target == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, TargetHealth, TargetKind, TargetState};

    #[test]
    fn the_worst_finding_decides_the_state() {
        let ok = Finding::ok("a", "a");
        let warning = Finding::warning("b", "b", "mend it");
        let error = Finding::error("c", "c", "mend it");
        let state = |findings| TargetHealth::from_findings(TargetKind::Main, findings).state;
        assert_eq!(state(vec![]), TargetState::Ok);
        assert_eq!(state(vec![ok.clone(), warning.clone()]), TargetState::Warning);
        assert_eq!(state(vec![error, ok, warning]), TargetState::Down);
    }
}
