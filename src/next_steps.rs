//! Which actions a recommendation allows now. Pages and REST show the answer, and the transaction that does the action asks
//! again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lifecycle::{Grounds, RecommendationEvent, may_start, may_watch, recommendation_after};
use crate::model::{JobType, Recommendation};
use crate::refusal::{Act, Refusal};

/// Each action, with why it is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextSteps {
    pub benchmark: Result<(), Refusal>,
    /// Without a reason of a person.
    pub apply: Result<(), Refusal>,
    /// With a reason of a person in place of a benchmark.
    pub apply_unmeasured: Result<(), Refusal>,
    pub roll_back: Result<(), Refusal>,
    pub dismiss: Result<(), Refusal>,
    pub restore: Result<(), Refusal>,
}

/// One action as a program reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextStep {
    pub act: Act,
    pub allowed: bool,
    /// Stable, for programs: which rule forbids it.
    pub reason: Option<String>,
    /// The same for a person.
    pub detail: Option<String>,
}

/// A recommendation with what may be done with it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecommendationDetail {
    #[serde(flatten)]
    pub recommendation: Recommendation,
    /// An apply is allowed here only if it needs no `override_reason`.
    pub next_steps: Vec<NextStep>,
}

impl From<Recommendation> for RecommendationDetail {
    fn from(recommendation: Recommendation) -> Self {
        let NextSteps { benchmark, apply, apply_unmeasured: _, roll_back, dismiss, restore } =
            recommendation.next_steps();
        let next_steps = [
            (Act::Benchmark, benchmark),
            (Act::Apply, apply),
            (Act::RollBack, roll_back),
            (Act::Dismiss, dismiss),
            (Act::Restore, restore),
        ];
        let step = |(act, answer): (Act, Result<(), Refusal>)| NextStep {
            act,
            allowed: answer.is_ok(),
            reason: answer.as_ref().err().map(|refusal| refusal.code().to_owned()),
            detail: answer.err().map(|refusal| refusal.to_string()),
        };
        Self { next_steps: next_steps.map(step).into(), recommendation }
    }
}

impl Recommendation {
    /// Whether an action is allowed now, jobs aside.
    ///
    /// # Errors
    /// Why not.
    pub fn may(&self, act: Act, grounds: Grounds) -> Result<(), Refusal> {
        let after = |event| recommendation_after(self.status, event).map(drop);
        match act {
            Act::Benchmark => match &self.evidence.not_measured {
                Some(reason) => Err(Refusal::NotMeasured(reason.clone())),
                None => may_start(JobType::Benchmark, self.status, grounds),
            },
            Act::Apply => match self.by_hand() {
                Some(reason) => Err(Refusal::ByHand(reason.to_owned())),
                None => may_start(JobType::Apply, self.status, grounds),
            },
            Act::RollBack => {
                may_start(JobType::Rollback, self.status, grounds)?;
                if grounds.for_good { Err(Refusal::NotReversible) } else { Ok(()) }
            }
            Act::Dismiss => after(RecommendationEvent::Dismissed { for_good: grounds.for_good }),
            Act::Restore => after(RecommendationEvent::Restored { benchmarked: false }),
            Act::Watch => may_watch(self.status),
        }
    }

    /// What may be done now.
    #[must_use]
    pub fn next_steps(&self) -> NextSteps {
        let for_good = !self.can_be_rolled_back();
        let measured = Grounds { vouched: self.is_measured(), for_good };
        let may = |act| self.may(act, measured);
        NextSteps {
            benchmark: may(Act::Benchmark),
            apply: may(Act::Apply),
            apply_unmeasured: self.may(Act::Apply, Grounds { vouched: true, for_good }),
            roll_back: may(Act::RollBack),
            dismiss: may(Act::Dismiss),
            restore: may(Act::Restore),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Evidence, QueryHash, RecommendationId, RecommendationStatus, RecommendationType, RiskLevel,
        Timestamp,
    };

    fn pending() -> Recommendation {
        Recommendation {
            id: RecommendationId(uuid::Uuid::from_u128(1)),
            query_hash: QueryHash("1".to_owned()),
            recommendation_type: RecommendationType::Index,
            title: "Index".to_owned(),
            description: String::new(),
            sql_fix: String::new(),
            original_sql: String::new(),
            patch_sql: "CREATE INDEX i ON public.t (a)".to_owned(),
            execution_plan_json: None,
            estimated_improvement_percent: None,
            confidence_score: 0.5,
            risk_level: RiskLevel::Low,
            status: RecommendationStatus::Pending,
            applied: false,
            applied_at: None,
            created_at: Timestamp::from_millisecond(0),
            updated_at: Timestamp::from_millisecond(0),
            rollback_sql: None,
            tables: Vec::new(),
            evidence: Evidence::without_figures("", "", ""),
            dismissed_reason: None,
            latest_benchmark: None,
            database: "shop".to_owned(),
        }
    }

    fn steps(change: impl FnOnce(&mut Recommendation)) -> NextSteps {
        let mut recommendation = pending();
        change(&mut recommendation);
        recommendation.next_steps()
    }

    #[test]
    fn a_new_recommendation_is_benchmarked_first_or_applied_with_a_reason() {
        let new = steps(|_| {});
        assert!(new.benchmark.is_ok() && new.dismiss.is_ok() && new.apply_unmeasured.is_ok());
        assert_eq!(new.apply, Err(Refusal::NotBenchmarked));
        assert_eq!(new.roll_back, Err(Refusal::NotApplied(Act::RollBack)));
        assert_eq!(new.restore, Err(Refusal::NotDismissed));
    }

    #[test]
    fn what_a_person_must_do_is_not_applied_and_what_is_not_measured_not_benchmarked() {
        let rewrite = steps(|one| one.recommendation_type = RecommendationType::Rewrite);
        assert!(matches!(rewrite.apply_unmeasured, Err(Refusal::ByHand(_))));
        let setting = steps(|one| one.evidence.not_measured = Some("it needs a restart".into()));
        assert_eq!(setting.benchmark, Err(Refusal::NotMeasured("it needs a restart".into())));
    }

    #[test]
    fn an_applied_change_is_rolled_back_before_all_else_where_it_can_be() {
        let applied = |rollback: Option<&str>| {
            steps(|one| {
                one.status = RecommendationStatus::Applied;
                one.applied = true;
                one.rollback_sql = rollback.map(str::to_owned);
            })
        };
        let index = applied(Some("DROP INDEX i"));
        assert!(index.roll_back.is_ok());
        assert_eq!(index.dismiss, Err(Refusal::Applied(Act::Dismiss)));
        assert_eq!(index.apply_unmeasured, Err(Refusal::AlreadyApplied));
        let vacuum = applied(None);
        assert_eq!(vacuum.roll_back, Err(Refusal::NotReversible));
        assert!(vacuum.dismiss.is_ok() && vacuum.apply_unmeasured.is_ok());
    }

    #[test]
    fn the_steps_are_read_beside_the_recommendation() {
        let detail = RecommendationDetail::from(pending());
        let json = serde_json::to_value(&detail).unwrap();
        assert_eq!(json["status"], "pending");
        assert_eq!(json["next_steps"][0]["act"], "benchmark");
        assert_eq!(json["next_steps"][1]["reason"], "not_benchmarked");
    }
}
