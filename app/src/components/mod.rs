//! Parts of pages.

mod badge;
mod benchmark_summary;
mod empty_state;
mod evidence_table;
mod failure;
mod filter_bar;
mod job_card;
mod nav_bar;
mod notice;
mod plan_view;
mod polling;
mod recommendation_actions;
mod recommendation_row;
mod sql_block;
mod target_card;

pub(crate) use badge::{Provenance, StatusBadge};
pub(crate) use benchmark_summary::BenchmarkSummary;
pub(crate) use empty_state::EmptyState;
pub(crate) use evidence_table::EvidenceTable;
pub(crate) use failure::{ActionFailure, Failure};
pub(crate) use filter_bar::{FilterBar, list_url};
pub(crate) use job_card::JobCard;
pub(crate) use nav_bar::NavBar;
pub(crate) use notice::{NoticeBoard, NoticeList};
pub(crate) use plan_view::PlanView;
pub(crate) use polling::every;
pub(crate) use recommendation_actions::{Actions, RecommendationActions};
pub(crate) use recommendation_row::RecommendationRow;
pub(crate) use sql_block::SqlBlock;
pub(crate) use target_card::TargetCard;
