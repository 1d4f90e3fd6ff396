//! Notices in the page: a job has ended.

use std::time::Duration;

use leptos::prelude::*;
use optischema::model::{Event, Job, JobStatus, JobType, Verdict};

/// How long a notice stays.
const SHOWN_FOR: Duration = Duration::from_secs(12);

/// What the page says for a while.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    /// The job's id and what is said, so that the same end is said once.
    key: String,
    text: String,
    good: bool,
    link: String,
}

/// The notices of this page.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NoticeBoard {
    notices: RwSignal<Vec<Notice>>,
}

impl NoticeBoard {
    /// Says that a job has ended that was watched by polling.
    pub(crate) fn job_ended(&self, job: &Job) {
        let verdict = job.result.as_ref().and_then(|result| result.benchmark()).map(|b| b.verdict);
        self.show(Notice {
            key: job.id.to_string(),
            text: said(job.label(), job.status, verdict, &job.recommendation_title),
            good: job.status == JobStatus::Completed,
            link: job.page(),
        });
    }

    /// Says that a job has ended, as the server told it.
    pub(crate) fn job_ended_by(&self, event: &Event) {
        let link = match event.body.recommendation_id {
            Some(id) => format!("/recommendations/{id}"),
            None => "/recommendations".to_owned(),
        };
        self.show(Notice {
            key: event.id.clone(),
            text: said_of(event),
            good: event.job_status() == Some(JobStatus::Completed),
            link,
        });
    }

    fn show(&self, notice: Notice) {
        let (board, key) = (*self, notice.key.clone());
        // Called in the browser only: the server has no jobs that it watches.
        set_timeout(move || board.dismiss(&key), SHOWN_FOR);
        self.notices.update(|notices| {
            if !notices.iter().any(|known| known.key == notice.key) {
                notices.push(notice);
            }
        });
    }

    fn dismiss(&self, key: &str) {
        self.notices.update(|notices| notices.retain(|notice| notice.key != key));
    }
}

fn said(what: &str, status: JobStatus, verdict: Option<Verdict>, title: &str) -> String {
    let found = verdict.map(|verdict| format!(", {}", verdict.label().to_lowercase()));
    format!("{what} {}{}: {title}", status.label().to_lowercase(), found.unwrap_or_default())
}

/// The sentence about a job that has ended.
pub(super) fn said_of(event: &Event) -> String {
    let of_change = event.body.change_id.is_some();
    let what = event.body.job_type.map_or("Job", |job_type| job_type.label_of(of_change));
    let status = event.job_status().unwrap_or(JobStatus::Completed);
    // A benchmark of no one recommendation is of several.
    let of_none = match event.body.job_type {
        Some(JobType::Benchmark) => "several changes together",
        _ => "the workload",
    };
    said(what, status, event.body.verdict, event.body.title.as_deref().unwrap_or(of_none))
}

/// Shows the notices, read out as they come.
#[component]
pub(crate) fn NoticeList() -> impl IntoView {
    let board = expect_context::<NoticeBoard>();
    view! {
        <div class="notices" role="status" aria-live="polite">
            <For each=move || board.notices.get() key=|notice| notice.key.clone() let:notice>
                {
                    let key = notice.key.clone();
                    let tone = if notice.good { "notice notice-good" } else { "notice notice-bad" };
                    view! {
                        <div class=tone>
                            <a href=notice.link.clone()>{notice.text.clone()}</a>
                            <button
                                type="button"
                                class="close"
                                aria-label="Close"
                                on:click=move |_| board.dismiss(&key)
                            >
                                "×"
                            </button>
                        </div>
                    }
                }
            </For>
        </div>
    }
}
