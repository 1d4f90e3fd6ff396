//! A B-tree index that the workload lacks.

use crate::advisor::Costed;
use crate::model::{
    CatalogTable, Evidence, IndexEvidence, Proposal, Provenance, RecommendationType, RiskLevel,
    StatementEvidence, TrackedStatement,
};

/// Above this size building the index takes long enough to be planned.
const LARGE_TABLE_BYTES: i64 = 10 * 1024 * 1024 * 1024;

/// What the rule is given.
#[derive(Debug)]
pub struct MissingIndex<'a> {
    pub costed: &'a Costed,
    pub table: &'a CatalogTable,
    /// A name that nothing in the table's schema has.
    pub name: &'a str,
    /// The tracked statements by the numbers that `costed` uses.
    pub statements: &'a [&'a TrackedStatement],
    /// `{"before": …, "after": …}` of the statement that gains most.
    pub plans: Option<serde_json::Value>,
    /// How the costs were obtained, in words.
    pub method: &'a str,
}

/// The proposal; `None` where no statement is behind it.
#[must_use]
pub fn propose_index(rule: MissingIndex<'_>) -> Option<Proposal> {
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
                cost_before: *before,
                cost_after: *after,
            })
        })
        .collect();
    let main = effects.first()?.clone();
    let gaining = effects.iter().filter(|effect| effect.cost_after < effect.cost_before).count();
    let assumed = rule.costed.effects.first().is_some_and(|(number, _, _)| {
        let plannable = rule.statements.get(*number).map(|statement| &statement.plannable);
        matches!(plannable, Some(Ok(plannable)) if plannable.bindings.iter().any(|b| b.assumed))
    });
    let (confidence_score, confidence_reason) = confidence(rule.table, &main, assumed);
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
            main.cost_before,
            main.cost_after,
        ),
        sql_fix: format!("{};", candidate.create_sql_named(rule.name, true)),
        original_sql: main.sql.clone(),
        patch_sql: format!("{};", candidate.create_sql_named(rule.name, false)),
        execution_plan_json: rule.plans,
        estimated_improvement_percent: Some(100.0 * rule.costed.workload_gain),
        confidence_score,
        risk_level,
        tables: vec![candidate.table.clone()],
        evidence: Evidence {
            provenance: Provenance::Planned,
            method: rule.method.to_owned(),
            confidence_reason,
            risk_reason,
            statements: effects,
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
    })
}

/// How far the planner's word can be trusted here.
fn confidence(table: &CatalogTable, main: &StatementEvidence, assumed: bool) -> (f64, String) {
    if table.rows < 0.0 {
        return (0.3, "The table was never analysed, so the planner guesses.".into());
    }
    if assumed {
        return (0.3, "Planned with a parameter value that no statistics give, so it was assumed; not measured.".into());
    }
    if main.saved_percent() >= 50.0 {
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
            plannable: Err("not needed here".into()),
        }
    }

    #[test]
    fn the_statement_goes_in_and_the_index_comes_out() {
        let proposal = propose_index(MissingIndex {
            costed: &costed(vec![(0, 1000.0, 10.0)]),
            table: &table(1e6),
            name: "orders_customer_id_idx",
            statements: &[&statement()],
            plans: None,
            method: "HypoPG",
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
            propose_index(MissingIndex {
                costed: &costed(vec![(0, 1000.0, 10.0)]),
                table: &table(rows),
                name: "orders_customer_id_idx",
                statements: &[&statement()],
                plans: None,
                method: "HypoPG",
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
            plans: None,
            method: "HypoPG",
        };
        assert!(propose_index(rule).is_none());
    }
}
