//! One module a page.

mod apply;
mod benchmark;
mod changes;
mod compare;
mod connections;
mod dashboard;
mod handover;
mod jobs;
mod not_found;
mod queries;
mod query;
mod recommendation;
mod recommendations;
mod rejected;
mod rule;
mod set;
mod what_if;

pub(crate) use apply::ApplyPage;
pub(crate) use benchmark::BenchmarkPage;
pub(crate) use changes::ChangesPage;
pub(crate) use compare::ComparePage;
pub(crate) use connections::ConnectionsPage;
pub(crate) use dashboard::DashboardPage;
pub(crate) use handover::HandoverPage;
pub(crate) use jobs::JobsPage;
pub(crate) use not_found::NotFoundPage;
pub(crate) use queries::QueriesPage;
pub(crate) use query::QueryPage;
pub(crate) use recommendation::RecommendationPage;
pub(crate) use recommendations::RecommendationsPage;
pub(crate) use rejected::RejectedPage;
pub(crate) use rule::RulePage;
pub(crate) use set::SetPage;
pub(crate) use what_if::WhatIfPage;
