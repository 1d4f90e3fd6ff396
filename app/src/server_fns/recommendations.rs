//! Recommendations: lists, one of them, dismiss and restore.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use optischema::model::{Change, Job, Recommendation, RecommendationPage, RecommendationQuery};
use serde::{Deserialize, Serialize};

/// One recommendation with its jobs, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecommendationView {
    pub recommendation: Recommendation,
    pub jobs: Vec<Job>,
    /// The change that stands for it.
    pub change: Option<Change>,
}

/// A page of the list.
#[server(prefix = "/rpc", endpoint = "recommendations", input = GetUrl)]
pub async fn load_recommendations(
    #[server(default)] query: RecommendationQuery,
) -> Result<RecommendationPage, ServerFnError> {
    use super::context::{failed, operations};
    let filter = query.parse().map_err(|error| failed(error.into()))?;
    operations()?.recommendations(filter).await.map_err(failed)
}

/// One recommendation.
#[server(prefix = "/rpc", endpoint = "recommendation", input = GetUrl)]
pub async fn load_recommendation(id: String) -> Result<RecommendationView, ServerFnError> {
    use super::context::{failed, operations, parse_id};
    use optischema::model::JobFilter;
    let operations = operations()?;
    let id = parse_id("recommendation", id)?;
    let recommendation = operations.recommendation(id).await.map_err(failed)?;
    let filter = JobFilter { recommendation_id: Some(id), limit: Some(6), ..JobFilter::default() };
    let jobs = operations.jobs(filter).await.map_err(failed)?.items;
    let change = match recommendation.applied {
        true => operations.standing_change(id).await.map_err(failed)?,
        false => None,
    };
    Ok(RecommendationView { recommendation, jobs, change })
}

/// Takes it off the list.
#[server(prefix = "/rpc", endpoint = "dismiss")]
pub async fn dismiss(id: String, reason: Option<String>) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let id = parse_id("recommendation", id)?;
    operations()?.dismiss(id, reason).await.map(drop).map_err(failed)
}

/// Takes it back into the list.
#[server(prefix = "/rpc", endpoint = "restore")]
pub async fn restore(id: String) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let id = parse_id("recommendation", id)?;
    operations()?.restore(id).await.map(drop).map_err(failed)
}
