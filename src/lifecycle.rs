//! The legal status transitions: one function for each thing that can be in several states.

use crate::model::{ChangeStatus, DismissedBy, JobEvent, JobStatus, JobType, RecommendationStatus};
use crate::refusal::{Act, Refusal};

/// What can happen to a recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecommendationEvent {
    Benchmarked,
    /// The catalog says that the change stands, whatever was thought of it meanwhile.
    Stands,
    /// Applied; `for_good`: what stands of an earlier time cannot be rolled back, so it is done anew.
    Applied {
        for_good: bool,
    },
    /// Rolled back, with or without a completed benchmark.
    RolledBack {
        benchmarked: bool,
    },
    /// Dismissed; `for_good`: what stands of it cannot be rolled back, so there is nothing to wait for.
    Dismissed {
        for_good: bool,
    },
    /// Taken back into the list, with or without a completed benchmark.
    Restored {
        benchmarked: bool,
    },
}

const fn open_status(benchmarked: bool) -> RecommendationStatus {
    if benchmarked { RecommendationStatus::Active } else { RecommendationStatus::Pending }
}

/// The status of a recommendation after an event.
///
/// # Errors
/// The event cannot happen in this status.
pub fn recommendation_after(
    status: RecommendationStatus,
    event: RecommendationEvent,
) -> Result<RecommendationStatus, Refusal> {
    use RecommendationEvent as Event;
    use RecommendationStatus as Status;
    match (status, event) {
        (Status::Pending | Status::Active, Event::Benchmarked) => Ok(Status::Active),
        // Measured again while it stands applied or dismissed: the figures are new, the status is not.
        (Status::Applied | Status::Dismissed, Event::Benchmarked) => Ok(status),
        (_, Event::Stands) => Ok(Status::Applied),
        (Status::Pending | Status::Active, Event::Applied { .. })
        | (Status::Applied, Event::Applied { for_good: true }) => Ok(Status::Applied),
        (Status::Applied, Event::RolledBack { benchmarked }) => Ok(open_status(benchmarked)),
        (Status::Pending | Status::Active, Event::Dismissed { .. })
        | (Status::Applied, Event::Dismissed { for_good: true }) => Ok(Status::Dismissed),
        (Status::Dismissed, Event::Restored { benchmarked }) => Ok(open_status(benchmarked)),
        (Status::Applied, Event::Dismissed { for_good: false }) => {
            Err(Refusal::Applied(Act::Dismiss))
        }
        (Status::Applied, Event::Applied { for_good: false }) => Err(Refusal::AlreadyApplied),
        (Status::Dismissed, Event::Applied { .. }) => Err(Refusal::Dismissed(Act::Apply)),
        (Status::Dismissed, Event::Dismissed { .. }) => Err(Refusal::AlreadyDismissed),
        (_, Event::RolledBack { .. }) => Err(Refusal::NotApplied(Act::RollBack)),
        (_, Event::Restored { .. }) => Err(Refusal::NotDismissed),
    }
}

/// A recommendation that a person dismissed is brought up again when there is this many times as much to gain.
const MATERIAL: f64 = 2.0;

/// Whether advice that is given again goes back into the list: what the advisor closed does; what a person
/// dismissed or a benchmark refuted, only when there is far more to gain than `then`.
#[must_use]
pub fn comes_back(by: DismissedBy, then: Option<f64>, now: f64) -> bool {
    match by {
        DismissedBy::Advisor => true,
        DismissedBy::Person | DismissedBy::Benchmark => {
            then.is_some_and(|then| then > 0.0 && now >= MATERIAL * then)
        }
    }
}

/// What speaks for a job beside the status of its recommendation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grounds {
    /// It was measured, or a person said why to go without.
    pub vouched: bool,
    /// Nothing that stands of it can be rolled back.
    pub for_good: bool,
}

/// Whether a job of this type may be queued for a recommendation in this status.
///
/// # Errors
/// Why not.
pub fn may_start(
    job_type: JobType,
    status: RecommendationStatus,
    grounds: Grounds,
) -> Result<(), Refusal> {
    use RecommendationEvent as Event;
    match job_type {
        JobType::Benchmark if status == RecommendationStatus::Dismissed => {
            Err(Refusal::Dismissed(Act::Benchmark))
        }
        JobType::Benchmark if status == RecommendationStatus::Applied => {
            Err(match grounds.for_good {
                true => Refusal::AppliedForGood,
                false => Refusal::Applied(Act::Benchmark),
            })
        }
        JobType::Benchmark => Ok(()),
        JobType::Apply => {
            recommendation_after(status, Event::Applied { for_good: grounds.for_good })?;
            if grounds.vouched {
                return Ok(());
            }
            Err(Refusal::NotBenchmarked)
        }
        JobType::Rollback => {
            recommendation_after(status, Event::RolledBack { benchmarked: false }).map(drop)
        }
        JobType::Analyze => Ok(()),
    }
}

/// Whether a recommendation may be dismissed while a job of this type is queued or running for it.
///
/// # Errors
/// The job changes the sandbox: it would do so for a dismissed recommendation.
pub fn may_dismiss_beside(live: JobType) -> Result<(), Refusal> {
    match live {
        JobType::Apply | JobType::Rollback => Err(Refusal::Busy(live)),
        JobType::Benchmark | JobType::Analyze => Ok(()),
    }
}

/// Whether an applied change may be measured again.
///
/// # Errors
/// Why not.
pub fn may_watch(status: RecommendationStatus) -> Result<(), Refusal> {
    match status {
        RecommendationStatus::Applied => Ok(()),
        _ => Err(Refusal::NotApplied(Act::Watch)),
    }
}

/// A job that could not run for a reason that may pass is started this often in all.
pub const MAX_ATTEMPTS: i64 = 3;

/// Seconds to wait before a job is started again that was started so often; `jitter` is 0 to 1, and keeps many from
/// coming back at once.
#[must_use]
pub fn back_off_seconds(attempts: i64, jitter: f64) -> i64 {
    let doubled = 2_i64.saturating_pow(u32::try_from(attempts.clamp(1, 8)).unwrap_or(8));
    // Whole seconds below 768.
    doubled + (jitter.clamp(0.0, 1.0) * doubled as f64) as i64
}

/// The status of a job after an event.
///
/// # Errors
/// The event cannot happen in this status.
pub fn job_after(status: JobStatus, event: JobEvent) -> Result<JobStatus, Refusal> {
    use JobEvent as Event;
    use JobStatus as Status;
    match (status, event) {
        (Status::Pending, Event::Claimed) => Ok(Status::Running),
        (Status::Running, Event::Completed) => Ok(Status::Completed),
        (Status::Running, Event::Failed) => Ok(Status::Failed),
        (Status::Pending | Status::Running, Event::Errored) => Ok(Status::Error),
        (Status::Pending | Status::Running, Event::Cancelled) => Ok(Status::Cancelled),
        (Status::Running, Event::Requeued) => Ok(Status::Pending),
        (status, _) if status.is_final() => Err(Refusal::JobOver(status)),
        (status, event) => Err(Refusal::JobEvent(status, event)),
    }
}

/// The status of a change that is rolled back, or found to have drifted.
///
/// # Errors
/// The change no longer stands.
pub fn change_after(status: ChangeStatus, drifted: bool) -> Result<ChangeStatus, Refusal> {
    match (status, drifted) {
        (ChangeStatus::RolledBack, _) => Err(Refusal::ChangeRolledBack),
        (_, true) => Ok(ChangeStatus::Drifted),
        (_, false) => Ok(ChangeStatus::RolledBack),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_job_never_moves() {
        for status in JobStatus::ALL.iter().filter(|status| status.is_final()) {
            for event in [
                JobEvent::Claimed,
                JobEvent::Completed,
                JobEvent::Failed,
                JobEvent::Errored,
                JobEvent::Cancelled,
                JobEvent::Requeued,
            ] {
                assert!(job_after(*status, event).is_err(), "{status} {event:?}");
            }
        }
    }

    #[test]
    fn nothing_is_applied_without_a_benchmark_or_a_reason() {
        let apply = |status, vouched| {
            may_start(JobType::Apply, status, Grounds { vouched, for_good: false }).is_ok()
        };
        for open in [RecommendationStatus::Pending, RecommendationStatus::Active] {
            assert!(!apply(open, false) && apply(open, true), "{open}");
        }
        assert!(!apply(RecommendationStatus::Dismissed, true));
        assert!(!apply(RecommendationStatus::Applied, true));
    }

    #[test]
    fn what_cannot_be_rolled_back_is_done_again_or_put_aside() {
        let applied = RecommendationStatus::Applied;
        let again = Grounds { vouched: true, for_good: true };
        assert!(may_start(JobType::Apply, applied, again).is_ok());
        let after = |event| recommendation_after(applied, event).ok();
        assert_eq!(after(RecommendationEvent::Applied { for_good: true }), Some(applied));
        let dismissed = Some(RecommendationStatus::Dismissed);
        assert_eq!(after(RecommendationEvent::Dismissed { for_good: true }), dismissed);
        assert_eq!(after(RecommendationEvent::Dismissed { for_good: false }), None);
    }

    #[test]
    fn what_stands_is_applied_whatever_was_thought_of_it_meanwhile() {
        for status in RecommendationStatus::ALL {
            let after = recommendation_after(*status, RecommendationEvent::Stands);
            assert_eq!(after, Ok(RecommendationStatus::Applied), "{status}");
        }
        assert!(may_dismiss_beside(JobType::Apply).is_err());
        assert!(may_dismiss_beside(JobType::Benchmark).is_ok());
    }

    #[test]
    fn each_wait_is_longer_than_the_one_before() {
        let waits: Vec<i64> = (1..=4).map(|attempts| back_off_seconds(attempts, 0.0)).collect();
        assert_eq!(waits, [2, 4, 8, 16]);
        assert_eq!(back_off_seconds(1, 1.0), 4, "jitter at most doubles it");
        assert_eq!(back_off_seconds(i64::MAX, 0.0), 256);
    }

    #[test]
    fn only_what_is_applied_is_watched() {
        for status in RecommendationStatus::ALL {
            assert_eq!(may_watch(*status).is_ok(), *status == RecommendationStatus::Applied);
        }
    }

    #[test]
    fn only_what_is_applied_is_rolled_back() {
        for status in RecommendationStatus::ALL {
            let allowed = may_start(JobType::Rollback, *status, Grounds::default()).is_ok();
            assert_eq!(allowed, *status == RecommendationStatus::Applied, "{status}");
        }
    }

    #[test]
    fn rolling_back_returns_to_where_the_evidence_stands() {
        let after = |benchmarked| {
            recommendation_after(
                RecommendationStatus::Applied,
                RecommendationEvent::RolledBack { benchmarked },
            )
        };
        assert_eq!(after(true), Ok(RecommendationStatus::Active));
        assert_eq!(after(false), Ok(RecommendationStatus::Pending));
    }

    #[test]
    fn an_applied_recommendation_cannot_be_dismissed() {
        let event = RecommendationEvent::Dismissed { for_good: false };
        let result = recommendation_after(RecommendationStatus::Applied, event);
        assert_eq!(result, Err(Refusal::Applied(Act::Dismiss)));
    }
}
