//! Where a benchmark runs: the best place that can hold the change and answers.

use crate::model::BenchmarkSource;

/// What a change needs of the place where it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Something is made, dropped or set there.
    Write,
    /// Two statements are run: nothing is written.
    Read,
}

/// A place where a benchmark can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BenchmarkPlace {
    /// A replica that can be written to: all rows, in place.
    Clone,
    /// The sandbox, with rows copied from main.
    Sandbox,
    /// A replica that follows main: all rows, read-only.
    Standby,
    /// Main's planner: nothing is run.
    Estimate,
}

impl BenchmarkPlace {
    /// All of them, the best first.
    const RANKED: [Self; 4] = [Self::Clone, Self::Sandbox, Self::Standby, Self::Estimate];

    fn rank(self) -> usize {
        Self::RANKED.iter().position(|known| *known == self).unwrap_or(Self::RANKED.len())
    }

    /// What a result from there is called.
    #[must_use]
    pub const fn source(self) -> BenchmarkSource {
        match self {
            Self::Clone | Self::Standby => BenchmarkSource::Replica,
            Self::Sandbox => BenchmarkSource::Sampled,
            Self::Estimate => BenchmarkSource::Estimated,
        }
    }
}

/// Which database is measured in place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InPlace {
    #[default]
    Replica,
    /// The sandbox's own tables, where a change is applied that is measured again.
    Sandbox,
}

impl InPlace {
    /// The noun for it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::Sandbox => "sandbox",
        }
    }
}

/// The state of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceState {
    NotConfigured,
    /// It cannot be used, for this reason.
    Refused(String),
    Ready,
}

/// All places of an instance. A replica is a clone or a standby; the other is not configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceStates {
    pub clone: PlaceState,
    pub sandbox: PlaceState,
    pub standby: PlaceState,
}

/// Why a place was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassedOver {
    NotConfigured,
    /// It cannot be used, for this reason.
    Refused(String),
    /// The change writes, and a standby is read-only.
    ReadOnly,
    /// It cannot hold this change, for this reason.
    Unsuitable(String),
}

/// The places to try, the best first, and why better ones were passed over. The last is always the estimate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceChoice {
    pub order: Vec<BenchmarkPlace>,
    pub passed_over: Vec<(BenchmarkPlace, PassedOver)>,
    in_place: InPlace,
}

impl PlaceChoice {
    /// Why nothing better than `place` was used, in sentences; empty if it is the best.
    #[must_use]
    pub fn reasons_before(&self, place: BenchmarkPlace) -> Vec<String> {
        let passed = self.passed_over.iter().filter(|(better, _)| better.rank() < place.rank());
        passed.filter_map(|(better, why)| self.sentence(*better, why)).collect()
    }

    /// Absent for a place that nobody expects.
    fn sentence(&self, place: BenchmarkPlace, why: &PassedOver) -> Option<String> {
        let noun = match (place, self.in_place) {
            (BenchmarkPlace::Clone, InPlace::Replica) => "writable replica",
            (BenchmarkPlace::Standby, InPlace::Replica) => "standby",
            _ => "sandbox",
        };
        match why {
            PassedOver::NotConfigured => {
                (self.in_place == InPlace::Replica).then(|| format!("No {noun} is configured."))
            }
            PassedOver::Refused(reason) => Some(format!("The {noun} is not used: {reason}")),
            PassedOver::ReadOnly => Some(format!(
                "The {} is a standby: nothing can be made there, so only rewrites are measured on it.",
                self.in_place.noun()
            )),
            PassedOver::Unsuitable(reason) => Some(reason.clone()),
        }
    }
}

/// Chooses by what is needed and by what answers.
#[must_use]
pub fn choose(need: Need, states: &PlaceStates, in_place: InPlace) -> PlaceChoice {
    let mut choice = PlaceChoice { order: Vec::new(), passed_over: Vec::new(), in_place };
    for place in BenchmarkPlace::RANKED {
        let state = match place {
            BenchmarkPlace::Clone => &states.clone,
            BenchmarkPlace::Sandbox => &states.sandbox,
            BenchmarkPlace::Standby => &states.standby,
            BenchmarkPlace::Estimate => &PlaceState::Ready,
        };
        let why = match state {
            PlaceState::Ready if place == BenchmarkPlace::Standby && need == Need::Write => {
                PassedOver::ReadOnly
            }
            PlaceState::Ready => {
                choice.order.push(place);
                continue;
            }
            PlaceState::Refused(reason) => PassedOver::Refused(reason.clone()),
            // A replica is either of the two: the other is not missed.
            PlaceState::NotConfigured if place == BenchmarkPlace::Standby => continue,
            PlaceState::NotConfigured
                if place == BenchmarkPlace::Clone
                    && states.standby != PlaceState::NotConfigured =>
            {
                continue;
            }
            PlaceState::NotConfigured => PassedOver::NotConfigured,
        };
        choice.passed_over.push((place, why));
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(clone: PlaceState, sandbox: PlaceState, standby: PlaceState) -> PlaceStates {
        PlaceStates { clone, sandbox, standby }
    }

    #[test]
    fn the_best_place_that_is_ready_comes_first_and_the_estimate_last() {
        use BenchmarkPlace::{Clone, Estimate, Sandbox, Standby};
        use PlaceState::{NotConfigured, Ready};
        let order = |need, states: PlaceStates| choose(need, &states, InPlace::Replica).order;
        let all = || states(Ready, Ready, NotConfigured);
        assert_eq!(order(Need::Write, all()), [Clone, Sandbox, Estimate]);
        let standby = || states(NotConfigured, Ready, Ready);
        assert_eq!(order(Need::Write, standby()), [Sandbox, Estimate]);
        assert_eq!(order(Need::Read, standby()), [Sandbox, Standby, Estimate]);
        let only = states(NotConfigured, NotConfigured, Ready);
        assert_eq!(order(Need::Write, only.clone()), [Estimate]);
        assert_eq!(order(Need::Read, only), [Standby, Estimate]);
    }

    #[test]
    fn what_was_passed_over_has_its_reason() {
        use PlaceState::{NotConfigured, Ready, Refused};
        let down = || Refused("nothing answers there".into());
        let passed = |states: &PlaceStates, in_place| {
            let choice = choose(Need::Write, states, in_place);
            (choice.passed_over.clone(), choice.reasons_before(BenchmarkPlace::Estimate))
        };
        let (why, reasons) = passed(&states(down(), Ready, NotConfigured), InPlace::Replica);
        let refused = PassedOver::Refused("nothing answers there".into());
        assert_eq!(why, [(BenchmarkPlace::Clone, refused.clone())]);
        assert_eq!(reasons, ["The writable replica is not used: nothing answers there"]);
        let (why, _) = passed(&states(NotConfigured, NotConfigured, Ready), InPlace::Replica);
        let standby = (BenchmarkPlace::Standby, PassedOver::ReadOnly);
        assert_eq!(why, [(BenchmarkPlace::Sandbox, PassedOver::NotConfigured), standby]);
        // Where the sandbox is measured in place, no other place is missed, and it has its own name.
        let (why, reasons) =
            passed(&states(down(), NotConfigured, NotConfigured), InPlace::Sandbox);
        assert_eq!(why[0], (BenchmarkPlace::Clone, refused));
        assert_eq!(reasons, ["The sandbox is not used: nothing answers there"]);
    }
}
