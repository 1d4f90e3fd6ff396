//! Costs in, indexes out.

use super::*;
use crate::advisor::KeyColumn;
use crate::model::TableName;
use std::future::Future;
use std::task::{Context, Poll, Waker};

/// A planner whose costs are a table: (statement, leading columns of an index, cost).
struct Synthetic {
    base: Vec<f64>,
    rules: Vec<(usize, &'static str, f64)>,
}

#[async_trait]
impl CostOracle for Synthetic {
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<f64, CostError> {
        let base = *self.base.get(statement).ok_or_else(|| CostError("no plan".into()))?;
        let served = self.rules.iter().filter(|(number, columns, _)| {
            *number == statement
                && indexes.iter().any(|i| i.columns().join(",").starts_with(columns))
        });
        Ok(served.map(|rule| rule.2).fold(base, |a, b| if b > base { b } else { a.min(b) }))
    }

    async fn size(&mut self, index: &IndexCandidate) -> Result<i64, CostError> {
        Ok(1000 * index.keys.len() as i64)
    }
}

fn candidate(columns: &str) -> IndexCandidate {
    IndexCandidate {
        table: TableName::new("public", "t"),
        keys: columns
            .split(',')
            .map(|column| KeyColumn { column: column.into(), descending: false })
            .collect(),
    }
}

/// The oracle above never waits, so one poll is enough.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the synthetic oracle waited"),
    }
}

fn select(base: &[f64], rules: &[(usize, &'static str, f64)], columns: &[&str]) -> Selection {
    let statements = vec![WeightedStatement { weight: 1.0 }; base.len()];
    let all: Vec<usize> = (0..base.len()).collect();
    let set = CandidateSet {
        candidates: columns.iter().map(|c| (candidate(c), all.clone())).collect(),
        rejected: vec![],
    };
    let mut oracle = Synthetic { base: base.to_vec(), rules: rules.to_vec() };
    block_on(select_indexes(&mut oracle, &statements, &set))
}

fn names(selection: &Selection) -> Vec<String> {
    selection.chosen.iter().map(|costed| costed.candidate.columns().join(",")).collect()
}

#[test]
fn the_index_that_saves_most_is_chosen_and_the_useless_one_explained() {
    let selection = select(&[1000.0], &[(0, "a", 10.0)], &["a", "b"]);
    assert_eq!(names(&selection), ["a"]);
    assert!((selection.chosen[0].workload_gain - 0.99).abs() < 1e-9);
    assert!(selection.rejected[0].reason.contains("no statement gets cheaper"));
}

#[test]
fn one_wide_index_replaces_a_narrow_one_that_it_makes_superfluous() {
    let rules = [(0, "a", 100.0), (0, "a,b", 10.0), (1, "a", 100.0), (1, "a,b", 100.0)];
    let selection = select(&[1000.0, 1000.0], &rules, &["a", "a,b"]);
    assert_eq!(names(&selection), ["a,b"]);
    assert!(selection.rejected[0].reason.contains("serves the same statements"));
}

#[test]
fn two_narrow_indexes_become_the_one_that_serves_better() {
    let rules = [(0, "a", 100.0), (0, "b", 120.0), (0, "a,b", 5.0)];
    let selection = select(&[1000.0], &rules, &["a", "b", "a,b"]);
    assert_eq!(names(&selection), ["a,b"]);
}

#[test]
fn an_index_that_makes_a_statement_dearer_is_refused() {
    let selection = select(&[1000.0, 100.0], &[(0, "a", 10.0), (1, "a", 150.0)], &["a"]);
    assert!(selection.chosen.is_empty());
    assert!(selection.rejected[0].reason.contains("statement 2 would get dearer"));
}

#[test]
fn a_gain_within_the_planners_error_is_no_gain() {
    let selection = select(&[1000.0], &[(0, "a", 950.0)], &["a"]);
    assert!(selection.chosen.is_empty());
}

#[test]
fn a_statement_that_cannot_be_costed_is_named_and_the_rest_goes_on() {
    let statements = vec![WeightedStatement { weight: 1.0 }; 2];
    let set = CandidateSet { candidates: [(candidate("a"), vec![0, 1])].into(), rejected: vec![] };
    let mut oracle = Synthetic { base: vec![1000.0], rules: vec![(0, "a", 10.0)] };
    let selection = block_on(select_indexes(&mut oracle, &statements, &set));
    assert_eq!(names(&selection), ["a"]);
    assert_eq!(selection.uncosted[&1], "no plan");
}
