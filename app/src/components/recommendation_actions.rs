//! What can be done with a recommendation in its status; one of the buttons is the next step.

use leptos::prelude::*;
use optischema::model::{Recommendation, RecommendationStatus};

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
    let open = matches!(status, RecommendationStatus::Pending | RecommendationStatus::Active);
    let by_hand = recommendation.by_hand().map(str::to_owned);
    let (can_be_applied, is_refuted) = (by_hand.is_none(), recommendation.is_refuted());
    let not_measured = recommendation.evidence.not_measured.clone();
    let can_be_measured = not_measured.is_none();
    let applied = status == RecommendationStatus::Applied;
    let can_be_undone = recommendation.can_be_rolled_back();
    let can_be_dismissed = open || (applied && !can_be_undone);
    let benchmarked = status == RecommendationStatus::Active;
    let is_measured = benchmarked && recommendation.is_measured();
    let main = |is: bool| if is { "button primary" } else { "button" };
    view! {
        <div class="actions">
            {(is_measured && can_be_applied).then(|| view! {
                <ActionForm action=actions.apply>
                    {hidden()}
                    <button class=main(!is_refuted) disabled=busy>"Apply in the sandbox"</button>
                </ActionForm>
            })}
            {(open && can_be_applied).then(|| view! {
                <a class="button" href=format!("/recommendations/{}/apply", id.get_value())>
                    {if is_measured { "Show the steps first" } else { "Apply without a measurement…" }}
                </a>
            })}
            {(open && can_be_measured).then(|| view! {
                <ActionForm action=actions.benchmark>
                    {hidden()}
                    <button class=main(!benchmarked) disabled=busy>
                        {if benchmarked { "Run benchmark again" } else { "Run benchmark" }}
                    </button>
                </ActionForm>
            })}
            {(applied && !can_be_undone).then(|| view! {
                <a class=main(true) href=format!("/recommendations/{}/apply", id.get_value())>"Apply again…"</a>
            })}
            {(applied && can_be_undone).then(|| view! {
                <ActionForm action=actions.rollback>
                    {hidden()}
                    <button class=main(true) disabled=busy>"Roll back"</button>
                </ActionForm>
            })}
            {can_be_dismissed.then(|| view! {
                <ActionForm action=actions.dismiss attr:class="inline">
                    {hidden()}
                    <input type="text" name="reason" placeholder="Reason (optional)" aria-label="Reason"/>
                    <button class="button" disabled=busy>"Dismiss"</button>
                </ActionForm>
            })}
            {(status == RecommendationStatus::Dismissed).then(|| view! {
                <ActionForm action=actions.restore>
                    {hidden()}
                    <button class=main(true)>"Restore"</button>
                </ActionForm>
            })}
        </div>
        {by_hand.filter(|_| open).map(|reason| view! { <p class="quiet">"For a person to make: " {reason} "."</p> })}
        {not_measured.filter(|_| open).map(|reason| view! { <p class="quiet">"Not measured: " {reason} "."</p> })}
        {(applied && !can_be_undone).then(|| view! {
            <p class="quiet">"What was applied cannot be rolled back: do it again when it is due, or dismiss it."</p>
        })}
        <ActionFailure action=actions.benchmark/>
        <ActionFailure action=actions.apply/>
        <ActionFailure action=actions.rollback/>
        <ActionFailure action=actions.dismiss/>
        <ActionFailure action=actions.restore/>
    }
}
