//! Server functions: each is a public endpoint, so each authorises. They make one call on `Operations`.

#[cfg(feature = "ssr")]
mod context;

mod advice;
mod changes;
mod handover;
mod jobs;
mod overview;
mod queries;
mod recommendations;
#[cfg(feature = "ssr")]
mod status;
#[cfg(not(feature = "ssr"))]
#[path = "status_browser.rs"]
mod status;

#[cfg(feature = "ssr")]
pub use context::Authorised;

pub(crate) use status::page_not_found;

pub use advice::{load_rejected, load_rule, load_what_if};
pub use changes::{
    ChangesView, ChooseFunctions, CleanUp, RollBackAll, StartApply, StartRollback, load_apply_plan,
    load_changes, load_functions_choice,
};
pub use handover::load_handover;
pub use jobs::{CancelJob, Compare, StartBenchmark, StartSet, load_chosen, load_job, load_jobs};
pub use overview::{Analyze, load_dashboard, load_health};
pub use queries::{AddQueries, Collect, RemoveQuery, load_queries, load_query};
pub use recommendations::{
    Dismiss, RecommendationView, Restore, load_recommendation, load_recommendations,
};
