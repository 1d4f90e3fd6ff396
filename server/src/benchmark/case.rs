//! Which statements a change is measured with, and with which values.

use optischema::model::{
    Binding, BindingKind, PlannableStatement, PlannedAs, QueryHash, Recommendation,
    TrackedStatement,
};

use super::BenchmarkError;
use crate::sql::{self, Statement};

/// Statements that stand for a table's workload where a change names none.
const MOST_CASES: usize = 3;
/// Sets of values of one statement.
const MOST_BINDINGS: usize = 4;
/// The same where several statements are measured: the time is for all of them.
const MOST_BINDINGS_OF_SEVERAL: usize = 2;

/// One statement to be measured.
#[derive(Debug, Clone)]
pub struct Case {
    pub query_hash: QueryHash,
    /// What of it is planned: normalised, or as a person typed it.
    pub statement: Statement,
    /// The statement itself, where it writes or locks rows and the search for them is what is planned.
    pub whole: Option<Statement>,
    pub plannable: PlannableStatement,
    /// Put before the label of each binding, where there are several statements.
    pub label: String,
}

impl Case {
    /// A statement that can be planned.
    ///
    /// # Errors
    /// It cannot be parsed.
    pub fn new(
        query_hash: QueryHash,
        text: &str,
        plannable: PlannableStatement,
    ) -> Result<Self, BenchmarkError> {
        let whole = sql::parse_one(text)?;
        let planned =
            sql::planned(&whole).map_err(|reason| BenchmarkError::Failed(reason.to_string()))?;
        let whole = (planned.how == PlannedAs::RowSearch).then_some(whole);
        let statement = planned.statement;
        Ok(Self { query_hash, statement, whole, plannable, label: String::new() })
    }
}

impl Case {
    /// The sets of values that it is measured with, beside `cases` cases in all.
    #[must_use]
    pub fn bindings(&self, cases: usize) -> Vec<&Binding> {
        let mut chosen = measured_bindings(&self.plannable);
        if cases > 1 {
            // The commonest and the rarest, which part most.
            let rare = chosen.iter().position(|binding| binding.kind == BindingKind::Rare);
            if let Some(rare) = rare.filter(|rare| *rare > 1) {
                chosen.swap(1, rare);
            }
            chosen.truncate(MOST_BINDINGS_OF_SEVERAL);
        }
        chosen
    }
}

/// The sets of values that are measured: what stands for the whole first, then the rare, then NULL.
fn measured_bindings(plannable: &PlannableStatement) -> Vec<&Binding> {
    let rank = |binding: &Binding| match binding.kind {
        _ if binding.kind.is_representative() => 0,
        BindingKind::Rare => 1,
        BindingKind::Null => 2,
        // Quantiles beside the median show little more; a generic plan has no values to run with.
        _ => 3,
    };
    let mut chosen: Vec<&Binding> = Vec::new();
    for wanted in 0..3 {
        for binding in plannable.bindings.iter().filter(|binding| rank(binding) == wanted) {
            if !chosen.iter().any(|known| known.sql == binding.sql) {
                chosen.push(binding);
            }
        }
    }
    chosen.truncate(MOST_BINDINGS);
    chosen
}

/// The statements that a recommendation is measured with: its own, else the most time-consuming ones that read its
/// tables, else the most time-consuming of all.
///
/// # Errors
/// Its own is gone, or cannot be planned.
pub fn cases_for(
    recommendation: &Recommendation,
    tracked: &[TrackedStatement],
) -> Result<Vec<Case>, BenchmarkError> {
    let own = &recommendation.query_hash;
    if !own.0.is_empty() {
        let Some(statement) = tracked.iter().find(|statement| statement.query_hash == *own) else {
            return Err(BenchmarkError::Failed(
                "the statement behind it is no longer in the workload: analyse again".into(),
            ));
        };
        return match &statement.plannable {
            Ok(plannable) => Ok(vec![Case::new(own.clone(), &statement.sql, plannable.clone())?]),
            Err(reason) => Err(BenchmarkError::Failed(format!(
                "the statement behind it cannot be planned: {reason}"
            ))),
        };
    }
    let reads = |plannable: &PlannableStatement| {
        recommendation.tables.is_empty()
            || recommendation.tables.iter().any(|table| {
                let depends = &plannable.dependencies.tables;
                plannable.shape.tables.contains(table)
                    || depends.iter().any(|dependency| dependency.table == *table)
            })
    };
    let mut reading: Vec<(&TrackedStatement, &PlannableStatement)> = tracked
        .iter()
        .filter_map(|statement| Some((statement, statement.plannable.as_ref().ok()?)))
        .filter(|(_, plannable)| reads(plannable) && !measured_bindings(plannable).is_empty())
        .collect();
    reading.sort_by(|(a, _), (b, _)| b.total_time_ms.total_cmp(&a.total_time_ms));
    let several = reading.len() > 1;
    reading
        .into_iter()
        .take(MOST_CASES)
        .map(|(statement, plannable)| {
            let hash = &statement.query_hash;
            let case = Case::new(hash.clone(), &statement.sql, plannable.clone())?;
            let short: String = hash.0.chars().take(8).collect();
            let label = if several { format!("statement {short}, ") } else { String::new() };
            Ok(Case { label, ..case })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(kind: BindingKind, sql: &str) -> Binding {
        let label = format!("{kind:?}");
        Binding { label, kind, sql: sql.to_owned(), ..Binding::default() }
    }

    #[test]
    fn what_stands_for_the_whole_is_measured_first_and_nothing_twice() {
        let plannable = PlannableStatement {
            under: None,
            planned_as: optischema::model::PlannedAs::Itself,
            bindings: vec![
                binding(BindingKind::Null, "n"),
                binding(BindingKind::Rare, "r"),
                binding(BindingKind::Common, "c"),
                binding(BindingKind::Median, "c"),
                binding(BindingKind::LowQuantile, "l"),
                binding(BindingKind::Generic, "g"),
            ],
            shape: optischema::model::StatementShape::default(),
            plan: serde_json::Value::Null,
            dependencies: optischema::plan::Dependencies::default(),
            search_path: Vec::new(),
            template: None,
            writes_to: Vec::new(),
            pinned: false,
            may_mean: Vec::new(),
        };
        let chosen: Vec<&str> =
            measured_bindings(&plannable).into_iter().map(|binding| binding.sql.as_str()).collect();
        assert_eq!(chosen, ["c", "r", "n"]);
    }
}
