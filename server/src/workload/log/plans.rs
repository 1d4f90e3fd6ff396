//! The plans of a log: of each statement, one of each shape.

use std::collections::{BTreeMap, BTreeSet};

use optischema::plan::parse_plan;

use super::LoggedPlan;

/// Plans that are kept, of all statements and of one.
const MOST: usize = 1_000;
const MOST_OF_ONE: usize = 10;

/// Plans as they are read.
#[derive(Default)]
pub(super) struct Plans {
    kept: Vec<LoggedPlan>,
    /// The shapes of each statement's plans.
    shapes: BTreeMap<String, BTreeSet<String>>,
    /// Plans that could not be read, by the reason.
    unreadable: BTreeMap<NoPlan, u64>,
}

/// Why a plan of a log cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NoPlan {
    NotJson,
    NoStatement,
}

impl Plans {
    pub(super) fn take(&mut self, plan: LoggedPlan) {
        if self.kept.len() >= MOST {
            return;
        }
        let Ok(parsed) = parse_plan(&plan.plan) else { return };
        let shapes = self.shapes.entry(plan.sql.clone()).or_default();
        if shapes.len() < MOST_OF_ONE && shapes.insert(parsed.outline()) {
            self.kept.push(plan);
        }
    }

    pub(super) fn pass_over(&mut self, why: NoPlan) {
        *self.unreadable.entry(why).or_default() += 1;
    }

    /// The plans, and a sentence for each reason why one is missing.
    pub(super) fn contents(self) -> (Vec<LoggedPlan>, Vec<String>) {
        let note = |(why, count): (NoPlan, u64)| {
            let plans = optischema::figures::counted(count, "plan");
            match why {
                NoPlan::NotJson => format!(
                    "{plans} of auto_explain cannot be read: set auto_explain.log_format = json"
                ),
                NoPlan::NoStatement => format!("{plans} of auto_explain name no statement"),
            }
        };
        (self.kept, self.unreadable.into_iter().map(note).collect())
    }
}
