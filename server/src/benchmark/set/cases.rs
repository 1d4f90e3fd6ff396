//! Which statements a set of changes is measured on.

use optischema::model::{SetLeft, TableName, TrackedStatement};

use super::SetQuestion;
use crate::benchmark::case::Case;

/// Statements that are measured: those that take most time.
const MOST_STATEMENTS: usize = 40;

/// What is measured.
pub(super) struct Chosen {
    pub cases: Vec<Case>,
    /// Of each the part of the measured time, 0 to 1.
    pub shares: Vec<f64>,
    /// Of each the milliseconds of one call on main.
    pub means: Vec<f64>,
    pub left: Vec<SetLeft>,
}

/// The statements that touch the tables of the changes, those that took most time first.
pub(super) fn cases_of(question: &SetQuestion<'_>) -> Chosen {
    let of_patches = question.changes.iter().filter_map(|change| change.patch.kind.table());
    let concerned = question.changes.iter().flat_map(|change| change.tables);
    let tables: Vec<&TableName> = of_patches.chain(concerned).collect();
    let touches = |statement: &&TrackedStatement| match &statement.plannable {
        Ok(plannable) => {
            let below = plannable.dependencies.tables.iter().map(|known| &known.table);
            let mut all = plannable.shape.tables.iter().chain(below).chain(&plannable.writes_to);
            tables.is_empty() || all.any(|table| tables.contains(&table))
        }
        Err(_) => false,
    };
    let mut touching: Vec<&TrackedStatement> = question
        .tracked
        .iter()
        .filter(|statement| statement.kind == optischema::model::QueryKind::User)
        .filter(touches)
        .collect();
    touching.sort_by(|a, b| b.total_time_ms.total_cmp(&a.total_time_ms));
    let mut left: Vec<SetLeft> = Vec::new();
    let mut leave = |statement: &TrackedStatement, reason: String| {
        left.push(SetLeft {
            query_hash: statement.query_hash.clone(),
            sql: statement.sql.clone(),
            reason,
        });
    };
    let (mut cases, mut times, mut means) = (Vec::new(), Vec::new(), Vec::new());
    for statement in touching {
        let Ok(plannable) = &statement.plannable else { continue };
        if cases.len() >= MOST_STATEMENTS {
            leave(statement, format!("the {MOST_STATEMENTS} that take most time are measured"));
            continue;
        }
        match Case::new(statement.query_hash.clone(), &statement.sql, plannable.clone()) {
            Ok(case) => {
                cases.push(case);
                times.push(statement.total_time_ms.max(0.0));
                means.push(statement.mean_ms());
            }
            Err(error) => leave(statement, error.to_string()),
        }
    }
    let whole: f64 = times.iter().sum();
    let count = times.len().max(1) as f64;
    let share = |time: f64| if whole > 0.0 { time / whole } else { 1.0 / count };
    let shares = times.into_iter().map(share).collect();
    Chosen { cases, shares, means, left }
}
