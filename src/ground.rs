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

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// A replica that can be written to: all rows, where they stand.
    Clone,
    /// The sandbox, with rows copied from main.
    Sandbox,
    /// A replica that follows main: all rows, and nothing can be made there.
    Standby,
    /// Main's planner: nothing is run.
    Estimate,
}

impl Ground {
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

/// How a configured place is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    NotConfigured,
    /// It cannot be used; the sentence says why.
    Refused(String),
    Ready,
}

/// All places of an instance. A replica is a clone or a standby; the other is not configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    pub clone: Standing,
    pub sandbox: Standing,
    pub standby: Standing,
}

/// The places to try, the best first, and why better ones were passed over. The last is always the estimate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Each with the reasons of those passed over before it.
    pub order: Vec<Ground>,
    pub passed_over: Vec<(Ground, String)>,
}

impl Choice {
    /// Why nothing better than `ground` was used, in sentences; empty where it is the best there is.
    #[must_use]
    pub fn reasons_before(&self, ground: Ground) -> Vec<String> {
        let rank = |ground: Ground| RANKS.iter().position(|known| *known == ground);
        let passed = self.passed_over.iter().filter(|(better, _)| rank(*better) < rank(ground));
        passed.map(|(_, reason)| reason.clone()).collect()
    }
}

const RANKS: [Ground; 4] = [Ground::Clone, Ground::Sandbox, Ground::Standby, Ground::Estimate];

/// Chooses by what is needed and by what answers.
#[must_use]
pub fn choose(need: Need, grounds: &Grounds) -> Choice {
    let mut order = Vec::new();
    let mut passed_over = Vec::new();
    for ground in RANKS {
        let (standing, name) = match ground {
            Ground::Clone => (&grounds.clone, "writable replica"),
            Ground::Sandbox => (&grounds.sandbox, "sandbox"),
            Ground::Standby => (&grounds.standby, "standby"),
            Ground::Estimate => (&Standing::Ready, ""),
        };
        match standing {
            Standing::Ready if ground == Ground::Standby && need == Need::Write => {
                passed_over.push((
                    ground,
                    "The replica is a standby: nothing can be made there, so only rewrites are measured on it.".to_owned(),
                ));
            }
            Standing::Ready => order.push(ground),
            Standing::Refused(reason) => {
                passed_over.push((ground, format!("The {name} is not used: {reason}")));
            }
            Standing::NotConfigured => {
                // A replica is either of the two: the other is not missed.
                let other = match ground {
                    Ground::Clone => grounds.standby != Standing::NotConfigured,
                    Ground::Standby => true,
                    _ => false,
                };
                if !other {
                    passed_over.push((ground, format!("No {name} is configured.")));
                }
            }
        }
    }
    Choice { order, passed_over }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grounds(clone: Standing, sandbox: Standing, standby: Standing) -> Grounds {
        Grounds { clone, sandbox, standby }
    }

    #[test]
    fn the_best_place_that_is_ready_comes_first_and_the_estimate_last() {
        use Ground::{Clone, Estimate, Sandbox, Standby};
        use Standing::{NotConfigured, Ready};
        let order = |need, grounds| choose(need, &grounds).order;
        let all = || grounds(Ready, Ready, NotConfigured);
        assert_eq!(order(Need::Write, all()), [Clone, Sandbox, Estimate]);
        let standby = || grounds(NotConfigured, Ready, Ready);
        assert_eq!(order(Need::Write, standby()), [Sandbox, Estimate]);
        assert_eq!(order(Need::Read, standby()), [Sandbox, Standby, Estimate]);
        let only = grounds(NotConfigured, NotConfigured, Ready);
        assert_eq!(order(Need::Write, only.clone()), [Estimate]);
        assert_eq!(order(Need::Read, only), [Standby, Estimate]);
    }

    #[test]
    fn what_was_passed_over_has_its_reason() {
        let choice = choose(
            Need::Write,
            &grounds(
                Standing::Refused("nothing answers there".into()),
                Standing::Ready,
                Standing::NotConfigured,
            ),
        );
        assert_eq!(choice.order, [Ground::Sandbox, Ground::Estimate]);
        let reasons = choice.reasons_before(Ground::Sandbox);
        assert_eq!(reasons, ["The writable replica is not used: nothing answers there"]);
        let none = choose(
            Need::Write,
            &grounds(Standing::NotConfigured, Standing::NotConfigured, Standing::Ready),
        );
        let reasons = none.reasons_before(Ground::Estimate);
        assert_eq!(reasons.len(), 2, "{reasons:?}");
        assert!(reasons[0].contains("No sandbox is configured"), "{reasons:?}");
        assert!(reasons[1].contains("standby"), "{reasons:?}");
    }
}
