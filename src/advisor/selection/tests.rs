//! Costs in, indexes out.

use super::*;
use crate::advisor::{IndexPredicate, PredicateTest};
use crate::model::TableName;
use std::future::Future;
use std::task::{Context, Poll, Waker};

/// A planner whose costs are a table: statement, what it needs (leading columns of indexes), cost.
struct Synthetic {
    base: Vec<f64>,
    rules: Vec<(usize, Vec<&'static str>, f64)>,
    /// Calls after which the time is up.
    patience: u64,
    calls: u64,
}

#[async_trait]
impl CostOracle for Synthetic {
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<WhatIf, CostError> {
        self.calls += 1;
        if let Some(position) = indexes.iter().position(|i| i.columns()[0] == "broken") {
            return Err(CostError::Candidate { position, reason: "no such thing".into() });
        }
        let base = self.base.get(statement);
        let base = *base.ok_or_else(|| CostError::Statement("no plan".into()))?;
        let mut best = WhatIf { cost: base, used: vec![] };
        for (number, needs, cost) in &self.rules {
            let used: Option<Vec<usize>> = needs
                .iter()
                .map(|need| {
                    indexes.iter().position(|i| {
                        let columns = i.columns().join(",");
                        columns == *need || columns.starts_with(&format!("{need},"))
                    })
                })
                .collect();
            if let (true, Some(used)) = (*number == statement, used)
                && (*cost < best.cost || *cost > base)
            {
                best = WhatIf { cost: *cost, used };
            }
        }
        Ok(best)
    }

    fn is_out_of_time(&self) -> bool {
        self.calls >= self.patience
    }
}

fn candidate(columns: &str) -> IndexCandidate {
    let columns: Vec<&str> = columns.split(',').collect();
    IndexCandidate::btree(TableName::new("public", "t"), &columns)
}

/// The oracle above never waits, so one poll is enough.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the synthetic oracle waited"),
    }
}

type Rule = (usize, &'static str, f64);

struct Case<'a> {
    base: &'a [f64],
    /// What is needed stands between `+`.
    rules: &'a [Rule],
    columns: &'a [&'a str],
    limits: Limits,
    upkeep: f64,
    patience: u64,
    /// Candidates that were made for the first statement only.
    of_first: &'a [&'a str],
}

impl Default for Case<'_> {
    fn default() -> Self {
        let limits = Limits { data_bytes: 1 << 30, ..Limits::default() };
        Self {
            base: &[],
            rules: &[],
            columns: &[],
            limits,
            upkeep: 0.0,
            patience: u64::MAX,
            of_first: &[],
        }
    }
}

impl Case<'_> {
    fn select(&self) -> Selection {
        let statements = vec![WeightedStatement { calls: 1.0, time_ms: None }; self.base.len()];
        let all: Vec<usize> = (0..self.base.len()).collect();
        let price = |c: &IndexCandidate| Some((100_000 * c.keys.len() as i64, self.upkeep));
        let priced = self
            .columns
            .iter()
            .map(|columns| {
                let candidate = candidate(columns);
                let (bytes, upkeep) = price(&candidate).unwrap();
                let is_of_first = self.of_first.contains(columns);
                let wanted_by = if is_of_first { vec![0] } else { all.clone() };
                Priced { candidate, bytes, upkeep, wanted_by }
            })
            .collect();
        let choice = Choice {
            statements: &statements,
            priced,
            tables: vec![vec![TableName::new("public", "t")]; self.base.len()],
            left_ms: 0.0,
            limits: self.limits,
        };
        let mut oracle = Synthetic {
            // A negative cost stands for a statement that cannot be planned.
            base: self.base.iter().copied().take_while(|cost| *cost > 0.0).collect(),
            rules: self
                .rules
                .iter()
                .map(|(number, needs, cost)| (*number, needs.split('+').collect(), *cost))
                .collect(),
            patience: self.patience,
            calls: 0,
        };
        block_on(select_indexes(&mut oracle, choice, &price))
    }
}

fn select(base: &[f64], rules: &[Rule], columns: &[&str]) -> Selection {
    Case { base, rules, columns, ..Case::default() }.select()
}

fn names(selection: &Selection) -> Vec<String> {
    let mut names: Vec<String> =
        selection.chosen.iter().map(|costed| costed.candidate.columns().join(",")).collect();
    names.sort();
    names
}

fn reason(selection: &Selection, columns: &str) -> String {
    let wanted = candidate(columns).create_sql(false);
    let found = selection.rejected.iter().find(|rejected| rejected.definition == wanted);
    found.map(|rejected| rejected.reason.clone()).unwrap_or_default()
}

#[test]
fn the_index_that_saves_most_is_chosen_and_the_useless_one_explained() {
    let selection = select(&[1000.0], &[(0, "a", 10.0)], &["a", "b"]);
    assert_eq!(names(&selection), ["a"]);
    assert!((selection.chosen[0].workload_gain - 0.99).abs() < 1e-9);
    assert!((selection.cost_after - 10.0).abs() < 1e-9);
    assert!(reason(&selection, "b").contains("no statement gets cheaper"));
}

#[test]
fn one_wide_index_replaces_a_narrow_one_that_it_makes_superfluous() {
    let rules = [(0, "a", 100.0), (0, "a,b", 10.0), (1, "a", 100.0), (1, "a,b", 100.0)];
    let selection = select(&[1000.0, 1000.0], &rules, &["a", "a,b"]);
    assert_eq!(names(&selection), ["a,b"]);
    assert!(reason(&selection, "a").contains("serves the same statements"));
}

#[test]
fn two_narrow_indexes_become_the_one_that_serves_better() {
    let rules = [(0, "a", 100.0), (0, "b", 120.0), (0, "a,b", 5.0)];
    assert_eq!(names(&select(&[1000.0], &rules, &["a", "b", "a,b"])), ["a,b"]);
}

#[test]
fn indexes_that_only_help_together_are_found() {
    let selection = select(&[1000.0], &[(0, "a+b", 10.0)], &["a", "b", "c"]);
    assert_eq!(names(&selection), ["a", "b"]);
    assert!(selection.chosen.iter().all(|costed| costed.marginal_gain > 0.9));
    // Alone neither does anything, and each says what they do together.
    let together = |costed: &Costed| costed.only_together && costed.effects == [(0, 1000.0, 10.0)];
    assert!(selection.chosen.iter().all(together), "{:?}", selection.chosen);
}

#[test]
fn an_index_that_makes_a_statement_dearer_is_refused() {
    let selection = select(&[1000.0, 100.0], &[(0, "a", 10.0), (1, "a", 150.0)], &["a"]);
    assert!(selection.chosen.is_empty());
    assert!(reason(&selection, "a").contains("statement 2 would get dearer"));
}

#[test]
fn a_gain_within_the_planners_error_is_no_gain() {
    assert!(select(&[1000.0], &[(0, "a", 950.0)], &["a"]).chosen.is_empty());
}

#[test]
fn a_budget_is_kept_and_spent_on_what_saves_most() {
    // One wide index saves more for each byte; two narrow ones save more in all.
    let rules = [(0, "a", 100.0), (1, "b", 100.0), (0, "c,d,e", 50.0), (1, "c,d,e", 50.0)];
    let within = |bytes| {
        let limits = Limits { bytes: Some(bytes), ..Limits::default() };
        let columns = &["a", "b", "c,d,e"];
        let selection =
            Case { base: &[1000.0, 1000.0], rules: &rules, columns, limits, ..Case::default() }
                .select();
        assert!(selection.chosen.iter().map(|c| c.bytes).sum::<i64>() <= bytes);
        names(&selection)
    };
    assert_eq!(within(100_000), ["a"]);
    assert_eq!(within(200_000), ["a", "b"]);
    assert_eq!(within(300_000), ["c,d,e"]);
    assert!(within(50_000).is_empty());
}

#[test]
fn an_index_whose_upkeep_eats_its_gain_is_refused() {
    let rules = [(0, "a", 500.0)];
    let case = Case { base: &[1000.0], rules: &rules, columns: &["a"], ..Case::default() };
    assert_eq!(names(&case.select()), ["a"]);
    let selection = Case { upkeep: 600.0, ..case }.select();
    assert!(selection.chosen.is_empty());
    assert!(reason(&selection, "a").contains("keeping it up to date"));
}

#[test]
fn a_statement_that_cannot_be_costed_is_named_and_the_rest_goes_on() {
    let selection = select(&[1000.0, -1.0], &[(0, "a", 10.0)], &["a"]);
    assert_eq!(names(&selection), ["a"]);
    assert_eq!(selection.uncosted[&1], "no plan");
}

#[test]
fn an_index_that_cannot_be_made_is_named_and_the_rest_goes_on() {
    let selection = select(&[1000.0], &[(0, "a", 10.0)], &["broken", "a"]);
    assert_eq!(names(&selection), ["a"]);
    assert!(reason(&selection, "broken").contains("cannot be made: no such thing"));
}

#[test]
fn a_plan_answers_for_every_set_between_what_it_used_and_what_it_had() {
    let columns = ["a", "b", "c", "d", "e", "f"];
    let selection = select(&[1000.0], &[(0, "a", 10.0)], &columns);
    assert!(selection.reused > 0, "{selection:?}");
    // Beside all, without `a`, each alone; the chosen set was asked about already.
    assert!(selection.calls <= 9, "{} calls", selection.calls);
}

#[test]
fn a_statement_that_nothing_helps_is_asked_about_twice() {
    let columns = ["a", "b", "c", "d", "e", "f"];
    let selection = select(&[1000.0], &[], &columns);
    assert_eq!((selection.calls, selection.bounded), (2, 6));
}

#[test]
fn when_the_time_is_up_the_best_so_far_is_given() {
    let rules = [(0, "a", 10.0), (1, "b", 10.0)];
    let case =
        Case { base: &[1000.0, 900.0], rules: &rules, columns: &["a", "b"], ..Case::default() };
    assert_eq!(names(&case.select()), ["a", "b"]);
    // Both baselines, and the first statement beside all candidates.
    assert_eq!(names(&Case { patience: 3, ..case }.select()), ["a"]);
}

#[test]
fn one_that_serves_both_is_taken_for_two() {
    let columns = &["a", "b", "c,d,e"];
    let rules = |cost| [(0, "a", 10.0), (1, "b", 10.0), (0, "c,d,e", cost), (1, "c,d,e", cost)];
    assert_eq!(names(&select(&[1000.0, 1000.0], &rules(11.0), columns)), ["c,d,e"]);
    assert_eq!(names(&select(&[1000.0, 1000.0], &rules(60.0), columns)), ["a", "b"]);
    let other_does_more = [(0, "a", 10.0), (1, "b", 10.0), (0, "c,d,e", 11.0)];
    assert_eq!(names(&select(&[1000.0, 1000.0], &other_does_more, columns)), ["a", "b"]);
}

#[test]
fn an_index_is_not_missed_where_a_longer_one_begins_with_its_keys() {
    // The first one is best served by `b`, which is exchanged for what begins with the other's key.
    let rules = [(0, "b", 5.0), (0, "a,b", 5.1), (0, "a", 500.0), (1, "a", 10.0), (2, "a", 10.0)];
    let case = Case {
        base: &[1000.0; 3],
        rules: &rules,
        columns: &["a", "b", "a,b"],
        of_first: &["b", "a,b"],
        ..Case::default()
    };
    assert_eq!(names(&case.select()), ["a,b"]);
}

#[test]
fn of_two_that_save_alike_the_one_that_begins_with_what_is_compared_is_taken() {
    let columns = &["posted", "channel,posted"];
    let near = select(&[1000.0], &[(0, "posted", 10.0), (0, "channel,posted", 12.0)], columns);
    assert_eq!(names(&near), ["channel,posted"]);
    let far = select(&[1000.0], &[(0, "posted", 10.0), (0, "channel,posted", 60.0)], columns);
    assert_eq!(names(&far), ["posted"]);
}

#[test]
fn an_index_narrows_another_in_the_same_or_the_other_direction() {
    let sorted = |columns: &str, descending: bool| {
        let mut found = candidate(columns);
        found.keys.last_mut().unwrap().descending = descending;
        found
    };
    assert!(sorted("a,b", true).narrows(&sorted("b", false)), "read backwards");
    assert!(sorted("a,b", true).narrows(&sorted("b", true)));
    assert!(!sorted("a,b,c", true).narrows(&sorted("b,c", false)), "b the same way, c the other");
    assert!(!candidate("a,b").narrows(&candidate("a")) && !candidate("b").narrows(&candidate("b")));
    let pending = |columns: &str| IndexCandidate {
        predicate: Some(IndexPredicate {
            sql: "state = 'pending'".into(),
            column: Some("state".into()),
            test: PredicateTest::Equals("pending".into()),
        }),
        ..candidate(columns)
    };
    assert!(pending("desk").narrows(&pending("state")), "one key for all rows tells nothing apart");
    assert!(!pending("state").narrows(&pending("state")));
    assert!(!candidate("desk").narrows(&pending("state")));
    let mut nulls = sorted("b", true);
    nulls.keys[0].nulls_first = Some(false);
    assert!(!sorted("a,b", true).narrows(&nulls), "NULLs are at the other end");
}

/// Knows what its statements cost as they are.
struct Knowing {
    asked: Vec<usize>,
}

#[async_trait]
impl CostOracle for Knowing {
    async fn cost(
        &mut self,
        statement: usize,
        indexes: &[&IndexCandidate],
    ) -> Result<WhatIf, CostError> {
        self.asked.push(statement);
        let used: Vec<usize> = (0..indexes.len()).take(1).collect();
        Ok(WhatIf { cost: if used.is_empty() { 100.0 } else { 10.0 }, used })
    }

    fn known(&self, _statement: usize) -> Option<f64> {
        Some(100.0)
    }
}

#[test]
fn what_no_candidate_can_change_is_not_asked() {
    let statements = [WeightedStatement { calls: 1.0, time_ms: None }; 2];
    let priced =
        vec![Priced { candidate: candidate("a"), bytes: 100_000, upkeep: 0.0, wanted_by: vec![0] }];
    let table = |name: &str| vec![TableName::new("public", name)];
    let choice = Choice {
        statements: &statements,
        priced,
        tables: vec![table("t"), table("other")],
        left_ms: 0.0,
        limits: Limits { data_bytes: 1 << 30, ..Limits::default() },
    };
    let mut oracle = Knowing { asked: Vec::new() };
    let selection = block_on(select_indexes(&mut oracle, choice, &|_| None));
    assert!(!oracle.asked.is_empty() && oracle.asked.iter().all(|statement| *statement == 0));
    assert!((selection.cost_before - 200.0).abs() < 1e-9, "it counts all the same");
    assert_eq!(selection.chosen.len(), 1);
}

#[test]
fn few_statements_of_almost_all_cost_do_not_make_the_others_worth_nothing() {
    // One that nothing helps costs a million times as much as the other ten together.
    let base: Vec<f64> = [1e12].into_iter().chain([100.0; 10]).collect();
    let names: Vec<String> = (0..10).map(|n| format!("c{n}")).collect();
    let names: Vec<&'static str> =
        names.into_iter().map(|name| &*Box::leak(name.into_boxed_str())).collect();
    let rules: Vec<Rule> =
        names.iter().enumerate().map(|(at, name)| (at + 1, *name, 1.0)).collect();
    let within = |bytes: Option<i64>| {
        let limits = Limits { bytes, data_bytes: 1 << 30, ..Limits::default() };
        Case { base: &base, rules: &rules, columns: &names, limits, ..Case::default() }.select()
    };
    assert_eq!(within(Some(2_000_000)).chosen.len(), 10);
    // Without room that was given for it, next to nothing of the workload pays for no index.
    assert_eq!(within(None).chosen.len(), 0);
}

#[test]
fn of_many_candidates_what_gains_nothing_together_is_not_asked_about_alone() {
    let names: Vec<String> = (0..30).map(|n| format!("c{n}")).collect();
    let columns: Vec<&str> = names.iter().map(String::as_str).collect();
    let base = [1000.0; 25];
    let rules: Vec<Rule> = (0..25).map(|statement| (statement, "c7", 10.0)).collect();
    let selection = select(&base, &rules, &columns);
    assert_eq!(selection.chosen.len(), 1);
    assert!(selection.calls < 25 * 8, "{}", selection.calls);
}
