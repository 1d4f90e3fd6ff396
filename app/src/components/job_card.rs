//! A job: queued, running with a bar, done. While it lives the card follows what the server tells, or polls; when it
//! ends, the page is told.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use optischema::model::{Job, JobResult};

use super::badge::{JobBadge, VerdictBadge};
use super::failure::ActionFailure;
use super::live::Live;
use super::notice::NoticeBoard;
use super::polling::every;
use crate::server_fns::{CancelJob, load_job};
use optischema::figures;

/// How often a live job is asked for.
const PERIOD: Duration = Duration::from_millis(700);
/// The same where the server tells what happens.
const SELDOM: Duration = Duration::from_secs(5);

/// The card of one job.
#[component]
pub(crate) fn JobCard(
    job: Job,
    /// Called once when the job has ended while it was watched.
    #[prop(into)]
    on_end: Callback<()>,
) -> impl IntoView {
    let board = expect_context::<NoticeBoard>();
    let id = StoredValue::new(job.id.to_string());
    let job = RwSignal::new(job);
    let cancel = ServerAction::<CancelJob>::new();
    let live = expect_context::<Live>();
    let look = move || {
        let id = id.get_value();
        spawn_local(async move {
            // A look that fails is followed by the next one.
            let Ok(now) = load_job(id).await else { return };
            if job.try_with_untracked(|before| before.status.is_final()) != Some(false) {
                return;
            }
            let ended = now.status.is_final();
            if ended {
                board.job_ended(&now);
            }
            job.set(now);
            if ended {
                on_end.run(());
            }
        });
    };
    // The server tells; where it does not, it is asked. What happened before the card was there was told to nobody.
    Effect::new(move |_| {
        live.happened();
        if !job.with_untracked(|job| job.status.is_final()) {
            look();
        }
    });
    Effect::new(move |_| {
        let Some(told) = live.progress() else { return };
        if told.job_id.to_string() == id.get_value() {
            job.update(|job| {
                job.phase = Some(told.phase);
                job.phase_detail = Some(told.phase_detail);
                job.progress = told.progress;
            });
        }
    });
    let is_live = move || !job.with(|job| job.status.is_final());
    every(PERIOD, move || !live.connected() && is_live(), look);
    // A look may fail.
    every(SELDOM, move || live.connected() && is_live(), look);
    view! {
        <article class="card job" data-status=move || job.with(|job| job.status.as_str())>
            <header>
                {move || job.with(|job| view! { <JobBadge status=job.status/> })}
                <strong>{move || job.with(Job::label)}</strong>
                <a href=move || job.with(Job::page)>
                    {move || job.with(|job| job.recommendation_title.clone())}
                </a>
                <time datetime=move || job.with(|job| job.created_at.to_string())>
                    {move || job.with(|job| job.created_at.readable())}
                </time>
            </header>
            {move || {
                job.with(|job| (!job.status.is_final()).then(|| running(job)))
            }}
            {move || job.with(ended)}
            <Show when=move || !job.with(|job| job.status.is_final())>
                <ActionForm action=cancel attr:class="inline">
                    <input type="hidden" name="id" value=id.get_value()/>
                    <button class="button" disabled=move || cancel.pending().get()>"Cancel"</button>
                </ActionForm>
                <noscript><a href="">"Refresh"</a></noscript>
            </Show>
            <ActionFailure action=cancel/>
        </article>
    }
}

fn running(job: &Job) -> impl IntoView + use<> {
    let phase = job.phase.clone().unwrap_or_else(|| "waiting for its turn".to_owned());
    let value = format!("{:.3}", job.progress);
    view! {
        <div class="progress">
            <progress max="1" value=value aria-label="Progress"></progress>
            <span>{phase}</span>
            <span class="number">{format!("{:.0} %", 100.0 * job.progress)}</span>
        </div>
    }
}

fn ended(job: &Job) -> Option<impl IntoView + use<>> {
    if !job.status.is_final() {
        return None;
    }
    let verdict = job.result.as_ref().and_then(|result| result.benchmark()).map(|benchmark| {
        let change = benchmark.change_percent.map(figures::change);
        view! {
            <VerdictBadge verdict=benchmark.verdict/>
            <span>{change}</span>
            <span class="provenance">{benchmark.fidelity.tag()}</span>
            <a href=format!("/benchmarks/{}", job.id)>"Everything that was measured"</a>
        }
    });
    let set = job.result.as_ref().and_then(JobResult::set).map(|set| {
        view! {
            <VerdictBadge verdict=set.verdict/>
            <a href=format!("/benchmarks/{}", job.id)>"Everything that was measured"</a>
        }
    });
    let seconds = job
        .completed_at
        .zip(job.started_at)
        .map(|(end, start)| format!("took {:.1} s", end.seconds_since(start)));
    Some(view! {
        <p class="outcome">
            {verdict}
            {set}
            {job.result.as_ref().and_then(JobResult::summary)}
            {job.error_message.clone()}
            <span class="quiet">{seconds}</span>
        </p>
    })
}
