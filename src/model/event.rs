//! What happened, in order, as it is told to browsers and webhooks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;
use super::{ChangeId, JobId, JobStatus, JobType, Phase, RecommendationId, Timestamp};

text_enum! {
    /// What an event is about.
    pub enum EventType ("event type") {
        Job => "job",
        Recommendation => "recommendation",
        Change => "change",
        /// The store as a whole: it was restored from a backup.
        Store => "store",
    }
}

/// Something that happened. Sequence numbers rise and are never used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub sequence: i64,
    pub at: Timestamp,
    /// The name of the tuned database.
    pub database: String,
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Of the job, the recommendation or the change.
    pub id: String,
    /// The status that it has now.
    pub status: String,
    #[serde(flatten)]
    pub body: EventBody,
}

/// What else is known of it. Fields that do not concern the type are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct EventBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_type: Option<JobType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation_id: Option<RecommendationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_id: Option<ChangeId>,
    /// Why a job ended as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What a benchmark found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<super::Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation_type: Option<super::RecommendationType>,
    /// Of a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<super::ChangeKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_outcome: Option<super::WatchOutcome>,
}

impl Event {
    /// The status, where it is a job's.
    #[must_use]
    pub fn job_status(&self) -> Option<JobStatus> {
        (self.event_type == EventType::Job).then(|| self.status.parse().ok()).flatten()
    }

    /// Whether a job has ended with it.
    #[must_use]
    pub fn ends_job(&self) -> bool {
        self.job_status().is_some_and(JobStatus::is_final)
    }
}

/// How far a running job is. It is told as it goes, and not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobProgress {
    pub job_id: JobId,
    /// What the job is doing, in words.
    pub phase: String,
    /// The same with its figures.
    pub phase_detail: Phase,
    /// 0 to 1.
    pub progress: f64,
}

/// What `/ws` sends, one JSON text a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LiveMessage {
    /// First: the last event there is. Come back with `?since=` the last sequence number that was seen.
    Hello {
        sequence: i64,
    },
    Event {
        event: Event,
    },
    Progress {
        progress: JobProgress,
    },
    /// Events since the number that was asked for are no longer kept: load everything anew.
    Reset {
        sequence: i64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_back_from_its_json() {
        let event = Event {
            sequence: 7,
            at: Timestamp::from_millisecond(0),
            database: "shop".into(),
            event_type: EventType::Job,
            id: "x".into(),
            status: "completed".into(),
            body: EventBody { job_type: Some(JobType::Apply), ..EventBody::default() },
        };
        assert!(event.ends_job());
        let message = LiveMessage::Event { event };
        let text = serde_json::to_string(&message).unwrap();
        assert!(text.contains("\"type\":\"job\"") && text.contains("\"job_type\":\"apply\""));
        assert_eq!(serde_json::from_str::<LiveMessage>(&text).unwrap(), message);
    }
}
