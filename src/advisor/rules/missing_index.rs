//! An index that the workload lacks.

use super::with_extensions;
use crate::advisor::partitions::{Partition, creation};
use crate::advisor::{Costed, IndexCandidate, IndexMethod, WriteCost};
use crate::figures;
use crate::model::{
    CatalogTable, Evidence, Fact, IndexEvidence, Proposal, Provenance, RecommendationType,
    RiskLevel, Rule, StatementEvidence, TrackedStatement,
};

/// Above this size building the index takes long enough to be planned.
const LARGE_TABLE_BYTES: i64 = 10 * 1024 * 1024 * 1024;

/// Above this part of the workload it counts as all of it.
const WHOLE: f64 = 0.995;

/// What the rule is given.
#[derive(Debug)]
pub struct MissingIndex<'a> {
    pub costed: &'a Costed,
    pub table: &'a CatalogTable,
    /// A name that nothing in the table's schema has.
    pub name: &'a str,
    /// The tracked statements by the numbers that `costed` uses.
    pub statements: &'a [&'a TrackedStatement],
    /// Whether the statement that gains most costs far more or less than others do for their time.
    pub is_suspect: bool,
    /// The part of the workload's time that was planned, 0 to 1.
    pub planned_share: f64,
    /// `{"before": …, "after": …}` of the statement that gains most.
    pub plans: Option<serde_json::Value>,
    /// How the costs were obtained, in words.
    pub method: &'a str,
    pub provenance: Provenance,
    /// Confidence is at most this, 0 to 1: what the method is worth.
    pub worth: f64,
    pub write_cost: Option<WriteCost>,
    /// Extensions that its operator classes come from, and that main lacks.
    pub lacking: &'a [String],
    /// Present where it was built to see what plans make of it.
    pub built: Option<BuiltOn>,
    /// The parts of a partitioned table, each behind the one that it is a part of: its index is made part by part.
    pub partitions: &'a [Partition],
}

/// An index that was built on rows that stand for the table's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuiltOn {
    /// Rows of the table there.
    pub rows: i64,
    pub bytes: i64,
    pub build_ms: f64,
    /// Whether it was planned with what main's statistics say of the columns.
    pub with_statistics_of_main: bool,
}

/// The proposal; `None` where no statement is behind it.
#[must_use]
pub fn propose_index(rule: &MissingIndex<'_>) -> Option<Proposal> {
    let candidate = &rule.costed.candidate;
    let effects: Vec<StatementEvidence> = rule
        .costed
        .effects
        .iter()
        .filter_map(|(number, before, after)| {
            let statement = rule.statements.get(*number)?;
            Some(StatementEvidence {
                query_hash: statement.query_hash.clone(),
                sql: statement.sql.clone(),
                calls: statement.calls,
                total_time_ms: statement.total_time_ms,
                cost_before: Some(*before),
                cost_after: Some(*after),
            })
        })
        .collect();
    let main = effects.first()?.clone();
    let gaining = effects
        .iter()
        .filter(|effect| effect.saved_percent().is_some_and(|saved| saved > 0.0))
        .count();
    let assumed = rule.costed.effects.first().is_some_and(|(number, _, _)| {
        let plannable = rule.statements.get(*number).map(|statement| &statement.plannable);
        matches!(plannable, Some(Ok(plannable)) if plannable.bindings.iter().any(|b| b.assumed))
    });
    let (confidence_score, confidence_reason) = confidence(rule, &main, assumed);
    let confidence_score = confidence_score.min(rule.worth);
    let (risk_level, risk_reason) = risk(rule.table);
    let columns = candidate.columns();
    let list = candidate.label();
    Some(Proposal {
        fingerprint: format!("index:{}:{}:{list}", candidate.table, candidate.method.as_str()),
        query_hash: main.query_hash.clone(),
        recommendation_type: RecommendationType::Index,
        title: format!("Index {} on {list}", candidate.table),
        description: format!(
            "{} of the tracked statements would be planned cheaper with a {} index on {} {list}. \
             The one that gains most goes from {:.0} to {:.0} planner cost units a call.",
            gaining,
            candidate.method.label(),
            candidate.table,
            main.cost_before.unwrap_or_default(),
            main.cost_after.unwrap_or_default(),
        ),
        sql_fix: index_fix(candidate, rule.name, rule.lacking, rule.partitions),
        original_sql: main.sql.clone(),
        patch_sql: format!("{};", candidate.create_sql_named(rule.name, false)),
        execution_plan_json: rule.plans.clone(),
        estimated_improvement_percent: Some(100.0 * rule.costed.workload_gain),
        confidence_score,
        risk_level,
        tables: vec![candidate.table.clone()],
        evidence: Evidence {
            provenance: rule.provenance,
            method: rule.method.to_owned(),
            confidence_reason,
            risk_reason,
            statements: effects,
            rule: Some(Rule::MissingIndex),
            facts: facts(rule),
            write_cost: rule.write_cost.clone(),
            makes_redundant: makes_redundant(rule.table, candidate),
            typed: false,
            learned: None,
            by_hand: None,
            not_measured: None,
            share_percent: None,
            at_least: false,
            index: Some(IndexEvidence {
                table: candidate.table.clone(),
                index_name: rule.name.to_owned(),
                columns,
                estimated_bytes: Some(rule.costed.bytes),
                table_rows: rule.table.rows,
                table_bytes: rule.table.bytes,
                existing_indexes: rule
                    .table
                    .indexes
                    .iter()
                    .map(|index| index.definition.clone())
                    .collect(),
            }),
        },
        magnitude: 100.0 * rule.costed.workload_gain.max(rule.costed.marginal_gain),
    })
}

/// What a person runs on main for an index of this name: the extensions that main lacks, then the index, part by part where
/// its table has parts.
#[must_use]
pub fn index_fix(
    candidate: &IndexCandidate,
    name: &str,
    lacking: &[String],
    partitions: &[Partition],
) -> String {
    with_extensions(lacking, &creation(candidate, name, partitions))
}

/// What a person should know of an index that finds most of the nearest rows.
pub(crate) const APPROXIMATE: &str = "statements that use it return most of the nearest rows, not all, and fewer than their LIMIT where they filter: the benchmark measures the share (recall)";

fn facts(rule: &MissingIndex<'_>) -> Vec<Fact> {
    let mut facts = vec![Fact {
        label: "Lost without it, with all others".into(),
        value: figures::percent(100.0 * rule.costed.marginal_gain),
        provenance: rule.provenance,
    }];
    if rule.costed.only_together {
        facts.push(Fact {
            label: "Only together".into(),
            value: "alone it saves nothing: plans use it together with other recommended indexes, so benchmark them as a set".to_owned(),
            provenance: rule.provenance,
        });
    }
    let pinned = rule.costed.effects.iter().filter(|(number, _, _)| {
        let plannable = rule.statements.get(*number).map(|statement| &statement.plannable);
        matches!(plannable, Some(Ok(plannable)) if plannable.pinned)
    });
    let pinned = pinned.count();
    if pinned > 0 {
        facts.push(Fact {
            label: "Pinned".into(),
            value: format!(
                "main's plan of {} is pinned by advice: the index is used once that is taken back",
                figures::counted(pinned as u64, "statement")
            ),
            provenance: Provenance::Planned,
        });
    }
    for remark in remarks(rule) {
        facts.push(Fact {
            label: "Not certain".into(),
            value: remark.to_owned(),
            provenance: Provenance::Rule,
        });
    }
    if rule.planned_share < WHOLE {
        facts.push(Fact {
            label: "Looked at".into(),
            value: format!(
                "{} of the time that the workload took; the rest could not be planned",
                figures::percent(100.0 * rule.planned_share)
            ),
            provenance: Provenance::Planned,
        });
    }
    if rule.costed.candidate.method.is_approximate() {
        facts.push(Fact {
            label: "Approximate".into(),
            value: APPROXIMATE.to_owned(),
            provenance: Provenance::Rule,
        });
    }
    if let Some(built) = rule.built {
        facts.push(Fact {
            label: "Planned in the sandbox".into(),
            value: format!(
                "beside the index as it was built there on {} in {}, with {}{}; its size on main is estimated from that",
                figures::counted(built.rows.max(0).cast_unsigned(), "row"),
                figures::milliseconds(built.build_ms),
                figures::bytes(built.bytes),
                if built.with_statistics_of_main { ", and with main's statistics" } else { "" },
            ),
            provenance: Provenance::Planned,
        });
    }
    if !rule.costed.candidate.include.is_empty() {
        facts.push(Fact {
            label: "Carries".into(),
            value: format!(
                "{}, so that statements need not visit the table where its pages are all visible",
                rule.costed.candidate.include.join(", ")
            ),
            provenance: Provenance::Rule,
        });
    }
    facts
}

/// What a person should know of the members of documents that were planned with, where the index is made on one.
fn remarks<'a>(rule: &'a MissingIndex<'_>) -> Vec<&'a str> {
    let is_on_expression = rule.costed.candidate.keys.iter().any(|key| key.column_name().is_none());
    let main = rule.costed.effects.first().filter(|_| is_on_expression);
    let plannable =
        main.and_then(|(number, ..)| rule.statements.get(*number)?.plannable.as_ref().ok());
    let first = plannable.and_then(|plannable| plannable.bindings.first());
    let is_chosen = |binding: &&crate::model::Binding| !binding.members.is_empty();
    let remarks = first.filter(is_chosen).map(|binding| binding.remarks.as_slice());
    remarks.unwrap_or_default().iter().map(String::as_str).collect()
}

/// Whether its operator classes are what a plain index would have; a pattern class serves other searches.
fn has_usual_classes(index: &crate::model::CatalogIndex) -> bool {
    !index.key_classes.iter().any(|class| class.contains("pattern_ops"))
}

/// Existing indexes whose keys the new one begins with.
fn makes_redundant(table: &CatalogTable, candidate: &IndexCandidate) -> Vec<String> {
    table
        .indexes
        .iter()
        .filter(|index| {
            candidate.method == IndexMethod::Btree
                && candidate.predicate.is_none()
                && index.method == IndexMethod::Btree
                && !index.unique
                && index.constraint.is_none()
                && index.predicate.is_none()
                && index.key_columns.len() < candidate.keys.len()
                && index.key_options.iter().all(|options| *options == 0)
                && has_usual_classes(index)
                && index.include.iter().all(|column| candidate.include.contains(column))
                && index.key_columns.iter().zip(&candidate.keys).all(|(column, key)| {
                    column.as_deref().is_some_and(|c| key.column_name() == Some(c))
                        && !key.descending
                })
        })
        .map(|index| index.name.clone())
        .collect()
}

/// How far the planner's word can be trusted here.
fn confidence(rule: &MissingIndex<'_>, main: &StatementEvidence, assumed: bool) -> (f64, String) {
    if rule.table.rows < 0.0 {
        return (0.3, "The table was never analysed, so the planner guesses.".into());
    }
    let may_mean = rule.costed.effects.first().and_then(|(number, _, _)| {
        rule.statements.get(*number)?.plannable.as_ref().ok()?.may_mean.first()
    });
    if let Some(other) = may_mean {
        return (
            0.2,
            format!(
                "Uncertain: the server counts calls on {other} and on other tables of that name as one statement, so they may not have been on this one; not measured."
            ),
        );
    }
    if rule.is_suspect {
        return (0.2, "The planner's cost is more than a hundred times off what other statements cost for their time, with every set of values: the application's values may be others; not measured.".into());
    }
    if assumed {
        return (0.3, "Planned with a parameter value that no statistics give, so it was assumed; not measured.".into());
    }
    if rule.built.is_some() {
        return (0.5, "Planned in the sandbox, on a sample of main's rows. Not measured.".into());
    }
    if main.saved_percent().is_some_and(|saved| saved >= 50.0) {
        (0.7, "Planned on real statistics, with a gain far beyond the planner's usual error; not measured.".into())
    } else {
        (
            0.5,
            "Planned on real statistics, with a gain near the planner's usual error; not measured."
                .into(),
        )
    }
}

fn risk(table: &CatalogTable) -> (RiskLevel, String) {
    if table.bytes > LARGE_TABLE_BYTES {
        (
            RiskLevel::Medium,
            "The table is large: building takes long, and every write maintains the index.".into(),
        )
    } else {
        (
            RiskLevel::Low,
            "Built concurrently it blocks no writes and drops cleanly; every write maintains it."
                .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::IndexCandidate;
    use crate::model::{QueryHash, RelationKind, TableName};

    fn table(rows: f64) -> CatalogTable {
        CatalogTable {
            name: TableName::new("public", "orders"),
            kind: RelationKind::Table,
            rows,
            bytes: 1 << 24,
            ..CatalogTable::default()
        }
    }

    fn costed(effects: Vec<(usize, f64, f64)>) -> Costed {
        Costed {
            candidate: IndexCandidate::btree(TableName::new("public", "orders"), &["customer_id"]),
            bytes: 4096,
            upkeep: 0.0,
            effects,
            workload_gain: 0.5,
            marginal_gain: 0.5,
            only_together: false,
        }
    }

    fn statement() -> TrackedStatement {
        TrackedStatement {
            query_hash: QueryHash("00000000000000aa".into()),
            kind: crate::model::QueryKind::User,
            sql: "SELECT * FROM orders WHERE customer_id = $1".into(),
            calls: 10,
            total_time_ms: 100.0,
            rows: 10,
            temp_blocks: 0,
            plannable: Err(crate::model::NotPlanned::new(crate::model::ReasonCode::Other, "")),
        }
    }

    #[test]
    fn the_statement_goes_in_and_the_index_comes_out() {
        let proposal = propose_index(&MissingIndex {
            costed: &costed(vec![(0, 1000.0, 10.0)]),
            table: &table(1e6),
            name: "orders_customer_id_idx",
            statements: &[&statement()],
            is_suspect: false,
            planned_share: 1.0,
            plans: None,
            method: "HypoPG",
            provenance: Provenance::Planned,
            worth: 1.0,
            write_cost: None,
            lacking: &[],
            built: None,
            partitions: &[],
        })
        .unwrap();
        assert_eq!(
            proposal.sql_fix,
            "CREATE INDEX CONCURRENTLY \"orders_customer_id_idx\" ON \"public\".\"orders\" \
             USING btree (\"customer_id\");"
        );
        assert_eq!(proposal.estimated_improvement_percent, Some(50.0));
        assert_eq!(proposal.evidence.provenance, Provenance::Planned);
    }

    #[test]
    fn a_table_without_statistics_lowers_confidence() {
        let of = |rows| {
            propose_index(&MissingIndex {
                costed: &costed(vec![(0, 1000.0, 10.0)]),
                table: &table(rows),
                name: "orders_customer_id_idx",
                statements: &[&statement()],
                is_suspect: false,
                planned_share: 1.0,
                plans: None,
                method: "HypoPG",
                provenance: Provenance::Planned,
                worth: 1.0,
                write_cost: None,
                lacking: &[],
                built: None,
                partitions: &[],
            })
            .unwrap()
            .confidence_score
        };
        assert!(of(-1.0) < of(1e6));
    }

    #[test]
    fn without_a_statement_there_is_no_advice() {
        let rule = MissingIndex {
            costed: &costed(vec![]),
            table: &table(1e6),
            name: "orders_customer_id_idx",
            statements: &[],
            is_suspect: false,
            planned_share: 1.0,
            plans: None,
            method: "HypoPG",
            provenance: Provenance::Planned,
            worth: 1.0,
            write_cost: None,
            lacking: &[],
            built: None,
            partitions: &[],
        };
        assert!(propose_index(&rule).is_none());
    }
}
