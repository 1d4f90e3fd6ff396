//! Statements that can be planned, and whose planner is asked.

use optischema::model::{PlannableStatement, Provenance, TrackedStatement};

/// A statement that can be planned, with every set of values that it is costed with.
#[derive(Debug)]
pub(crate) struct Planned<'a> {
    pub tracked: &'a TrackedStatement,
    pub plannable: &'a PlannableStatement,
    pub bound: Vec<String>,
    /// How much each set counts; all alike where nothing is said.
    pub weights: Vec<f64>,
    /// What the first of them costs on main; absent where that was not planned.
    pub known_cost: Option<f64>,
    /// Whether what it costs is far off what others cost for their time.
    pub is_suspect: bool,
}

impl<'a> Planned<'a> {
    /// A statement that nothing is doubted of.
    pub const fn of(
        tracked: &'a TrackedStatement,
        plannable: &'a PlannableStatement,
        bound: Vec<String>,
    ) -> Self {
        let weights = Vec::new();
        Self { tracked, plannable, bound, weights, known_cost: None, is_suspect: false }
    }
}

/// Whose word is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannerKind {
    Main,
    Replica,
    Sandbox,
    /// The sandbox's, beside an index that was built there.
    Built,
    Arithmetic,
}

impl PlannerKind {
    /// In words.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Main => "HypoPG on main's planner, with main's statistics",
            Self::Replica => "HypoPG on the replica's planner, with its statistics",
            Self::Sandbox => "HypoPG on the sandbox's planner, on the rows that were copied there",
            Self::Built => {
                "planned in the sandbox, with the index built there, on a sample of main's rows"
            }
            Self::Arithmetic => {
                "arithmetic on pg_stats, without a planner: joins and their order are guessed"
            }
        }
    }

    /// Confidence in what it says is at most this.
    #[must_use]
    pub const fn worth(self) -> f64 {
        match self {
            Self::Main => 1.0,
            Self::Replica => 0.9,
            Self::Sandbox | Self::Built => 0.5,
            Self::Arithmetic => 0.3,
        }
    }

    /// Where its figures come from.
    #[must_use]
    pub const fn provenance(self) -> Provenance {
        match self {
            Self::Arithmetic => Provenance::Rule,
            _ => Provenance::Planned,
        }
    }
}
