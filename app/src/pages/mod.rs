//! One module a page.

mod changes;
mod connections;
mod dashboard;
mod jobs;
mod not_found;
mod recommendation;
mod recommendations;

pub(crate) use changes::ChangesPage;
pub(crate) use connections::ConnectionsPage;
pub(crate) use dashboard::DashboardPage;
pub(crate) use jobs::JobsPage;
pub(crate) use not_found::NotFoundPage;
pub(crate) use recommendation::RecommendationPage;
pub(crate) use recommendations::RecommendationsPage;
