//! What can be done with a recommendation in its status; one of the buttons is the next step.

use leptos::prelude::*;
use optischema::model::{Recommendation, RecommendationStatus};
use optischema::next_steps::NextSteps;
use optischema::refusal::Refusal;

use super::failure::ActionFailure;
use crate::server_fns::{Dismiss, Restore, StartApply, StartBenchmark, StartRollback};

/// The forms' actions; the page watches them to load anew.
#[derive(Clone, Copy)]
pub(crate) struct Actions {
    pub benchmark: ServerAction<StartBenchmark>,
    pub apply: ServerAction<StartApply>,
    pub rollback: ServerAction<StartRollback>,
    pub dismiss: ServerAction<Dismiss>,
    pub restore: ServerAction<Restore>,
}

impl Actions {
    pub(crate) fn new() -> Self {
        Self {
            benchmark: ServerAction::new(),
            apply: ServerAction::new(),
            rollback: ServerAction::new(),
            dismiss: ServerAction::new(),
            restore: ServerAction::new(),
        }
    }

    /// Changes whenever one of them has ended.
    pub(crate) fn version(&self) -> usize {
        self.benchmark.version().get()
            + self.apply.version().get()
            + self.rollback.version().get()
            + self.dismiss.version().get()
            + self.restore.version().get()
    }
}

/// The buttons, as forms that work without JavaScript.
#[component]
pub(crate) fn RecommendationActions(
    recommendation: Recommendation,
    actions: Actions,
    /// A job of this recommendation is queued or running.
    busy: bool,
) -> impl IntoView {
    let status = recommendation.status;
    let id = StoredValue::new(recommendation.id.to_string());
    let hidden = move || view! { <input type="hidden" name="id" value=id.get_value()/> };
    let NextSteps { benchmark, apply, apply_unmeasured, roll_back, dismiss, restore } =
        recommendation.next_steps();
    let is_refuted = recommendation.is_refuted();
    let is_applied = status == RecommendationStatus::Applied;
    let benchmarked = status == RecommendationStatus::Active;
    let can_apply = apply.is_ok() && !is_applied;
    // A person reads why an open recommendation has no such button.
    let kept_from = |answer: &Result<(), Refusal>| match answer {
        Err(Refusal::ByHand(reason)) => Some(format!("For a person to make: {reason}.")),
        Err(Refusal::NotMeasured(reason)) => Some(format!("Not measured: {reason}.")),
        Err(Refusal::NotReversible) => Some(
            "This change cannot be rolled back. Apply it again when it is due, or dismiss it."
                .to_owned(),
        ),
        _ => None,
    };
    let open = !is_applied && status != RecommendationStatus::Dismissed;
    let reasons: Vec<String> = match open {
        true => [&apply_unmeasured, &benchmark].into_iter().filter_map(kept_from).collect(),
        false => kept_from(&roll_back).into_iter().collect(),
    };
    let main = |is: bool| if is { "button primary" } else { "button" };
    view! {
        <div class="actions">
            {can_apply.then(|| view! {
                <ActionForm action=actions.apply>
                    {hidden()}
                    <button class=main(!is_refuted) disabled=busy>"Apply in the sandbox"</button>
                </ActionForm>
            })}
            {(apply_unmeasured.is_ok() && !is_applied).then(|| view! {
                <a class="button" href=format!("/recommendations/{}/apply", id.get_value())>
                    {if can_apply { "Show the steps first" } else { "Apply without a measurement…" }}
                </a>
            })}
            {benchmark.is_ok().then(|| view! {
                <ActionForm action=actions.benchmark>
                    {hidden()}
                    <button class=main(!benchmarked) disabled=busy>
                        {if benchmarked { "Run benchmark again" } else { "Run benchmark" }}
                    </button>
                </ActionForm>
            })}
            {(apply_unmeasured.is_ok() && is_applied).then(|| view! {
                <a class=main(true) href=format!("/recommendations/{}/apply", id.get_value())>"Apply again…"</a>
            })}
            {roll_back.is_ok().then(|| view! {
                <ActionForm action=actions.rollback>
                    {hidden()}
                    <button class=main(true) disabled=busy>"Roll back"</button>
                </ActionForm>
            })}
            {dismiss.is_ok().then(|| view! {
                <ActionForm action=actions.dismiss attr:class="inline">
                    {hidden()}
                    <input type="text" name="reason" placeholder="Reason (optional)" aria-label="Reason"/>
                    <button class="button" disabled=busy>"Dismiss"</button>
                </ActionForm>
            })}
            {restore.is_ok().then(|| view! {
                <ActionForm action=actions.restore>
                    {hidden()}
                    <button class=main(true)>"Restore"</button>
                </ActionForm>
            })}
        </div>
        {reasons.into_iter().map(|reason| view! { <p class="quiet">{reason}</p> }).collect_view()}
        <ActionFailure action=actions.benchmark/>
        <ActionFailure action=actions.apply/>
        <ActionFailure action=actions.rollback/>
        <ActionFailure action=actions.dismiss/>
        <ActionFailure action=actions.restore/>
    }
}
