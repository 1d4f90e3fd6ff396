//! The order in which several changes are made in production, and why it is safe.

use crate::model::{Recommendation, RecommendationType};

/// Where a change stands among others, the first first, with the reason.
const fn place(kind: RecommendationType) -> (u8, &'static str) {
    match kind {
        RecommendationType::Statistics => {
            (0, "Statistics come first: the planner is to know them before anything else changes.")
        }
        RecommendationType::Index => {
            (1, "New indexes come before any is dropped, so that no statement is without one.")
        }
        RecommendationType::Maintenance => {
            (2, "Maintenance runs after new indexes are created and before old ones are dropped.")
        }
        RecommendationType::Config => {
            (3, "Settings come after what they should not have to make up for.")
        }
        RecommendationType::IndexDrop => {
            (4, "Indexes are dropped last, when their replacements exist.")
        }
        RecommendationType::Rewrite => {
            (5, "A statement for the application to send: nothing is run for it.")
        }
    }
}

/// Recommendations in a safe order, each once, with why it stands where it does.
#[must_use]
pub fn rollout_order(recommendations: Vec<Recommendation>) -> Vec<(Recommendation, &'static str)> {
    let mut seen = std::collections::BTreeSet::new();
    let mut ordered: Vec<(u8, Recommendation, &'static str)> = recommendations
        .into_iter()
        .filter(|recommendation| seen.insert(recommendation.id))
        .map(|recommendation| {
            let (rank, why) = match recommendation.recommendation_type {
                RecommendationType::Rewrite if recommendation.evidence.index.is_some() => {
                    (1, "The index of a rewritten statement comes before the application sends it.")
                }
                kind => place(kind),
            };
            (rank, recommendation, why)
        })
        .collect();
    // Within one rank as they were listed first: the order is stable.
    ordered.sort_by_key(|(rank, recommendation, _)| (*rank, recommendation.created_at));
    ordered.into_iter().map(|(_, recommendation, why)| (recommendation, why)).collect()
}
