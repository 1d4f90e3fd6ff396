//! Indexes that only a build can cost, where nobody could build them: what they would save is for a benchmark to say.

use super::missing_index::APPROXIMATE;
use super::{Draft, Facts, Findings, Untried};
use crate::advisor::{IndexCandidate, IndexMethod};
use crate::figures;
use crate::model::{
    CatalogTable, IndexEvidence, PredicateKind, Proposal, RecommendationType, RelationKind,
    RiskLevel, Rule, StatementEvidence, StatementShape, TableName, TrackedStatement,
};

/// A smaller table is read whole as fast.
const MIN_BYTES: i64 = 1 << 20;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let mut order: Vec<&Untried> = facts.untried.iter().collect();
    order.sort_by_key(|untried| rank(untried));
    let mut served: Vec<(&TableName, &TrackedStatement)> = Vec::new();
    for untried in order {
        let table_name = &untried.candidate.table;
        let Some(table) = facts.catalog.tables.get(table_name) else { continue };
        if table.bytes < MIN_BYTES || table.kind == RelationKind::View {
            continue;
        }
        let is_new = |statement: &&&TrackedStatement| {
            !served.iter().any(|(table, known)| {
                *table == table_name && known.query_hash == statement.query_hash
            })
        };
        let statements: Vec<&TrackedStatement> = untried
            .statements
            .iter()
            .filter(|statement| {
                let shape = statement.plannable.as_ref().ok().map(|plannable| &plannable.shape);
                !shape.is_some_and(|shape| is_served(facts, shape, table_name))
            })
            .collect();
        let new: Vec<&TrackedStatement> = statements.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            continue;
        }
        served.extend(new.into_iter().map(|statement| (table_name, statement)));
        findings.proposals.push(propose(table, untried, &statements));
    }
}

/// Of several that serve a statement the first is proposed: the one that serves most, with the fewest keys, of the method
/// that finds rows best, and of the smaller class.
fn rank(untried: &Untried) -> impl Ord {
    let method = match untried.candidate.method {
        IndexMethod::Gin => 0,
        IndexMethod::Gist => 1,
        _ => 2,
    };
    let is_small =
        untried.candidate.keys.iter().any(|key| {
            key.operator_class.as_deref().is_some_and(|class| class.ends_with("_path_ops"))
        });
    let statements = std::cmp::Reverse(untried.statements.len());
    (statements, untried.candidate.keys.len(), method, !is_small, untried.candidate.clone())
}

/// Whether an index that is proposed already finds the statement's rows of a table by a value.
fn is_served(facts: &Facts<'_>, shape: &StatementShape, table: &TableName) -> bool {
    let proposed = facts.proposed.get(table);
    let mut first = proposed.into_iter().flatten().filter_map(|columns| columns.first());
    first.any(|first| {
        shape.predicates.iter().any(|predicate| {
            predicate.column.table == *table
                && predicate.column.column == *first
                && predicate.kind == PredicateKind::Equality
        })
    })
}

fn propose(table: &CatalogTable, untried: &Untried, statements: &[&TrackedStatement]) -> Proposal {
    let candidate: &IndexCandidate = &untried.candidate;
    let name = candidate.free_name(|name| table.indexes.iter().any(|index| index.name == name));
    let mut evidence: Vec<StatementEvidence> =
        statements.iter().filter_map(|statement| evidence_of(statement)).collect();
    evidence.sort_by(|a, b| b.total_time_ms.total_cmp(&a.total_time_ms));
    let time: f64 = evidence.iter().map(|statement| statement.total_time_ms).sum();
    let mut draft = Draft::new(
        Rule::GinIndex,
        RecommendationType::Index,
        format!("{}:{}:{}", table.name, candidate.method.as_str(), candidate.label()),
    )
    .sql(candidate.create_sql_named(&name, false))
    .fact("Statements that search it", figures::grouped(evidence.len() as f64))
    .fact("Their time so far", figures::milliseconds(time));
    draft.sql_fix =
        with_extensions(&untried.lacking, &format!("{};", candidate.create_sql_named(&name, true)));
    let method = candidate.method.label();
    if candidate.method.is_approximate() {
        draft = draft.fact("Approximate", APPROXIMATE);
    }
    draft.title = format!("{method} index {} on {}", table.name, candidate.label());
    let who = match evidence.len() {
        1 => "One statement searches".to_owned(),
        count => format!("{count} statements search"),
    };
    draft.description = format!(
        "{who} {} by {}, and no index that is there helps. No planner can cost a {method} index that is not there, and none could be built to see: benchmark it to see what it saves.",
        table.name,
        candidate.columns().join(", "),
    );
    draft.tables = vec![table.name.clone()];
    draft.statements = evidence;
    draft.confidence = (
        0.4,
        "The operator can use such an index; what it saves was neither planned nor measured.",
    );
    draft.risk = (
        RiskLevel::Medium,
        "Such an index may have many entries for one row, and be dear to write: a benchmark counts that. Built concurrently it blocks no writes.",
    );
    draft.magnitude = time;
    let mut proposal = draft.proposal();
    proposal.evidence.index = Some(IndexEvidence {
        table: table.name.clone(),
        index_name: name,
        columns: candidate.columns(),
        estimated_bytes: None,
        table_rows: table.rows,
        table_bytes: table.bytes,
        existing_indexes: table.indexes.iter().map(|i| i.definition.clone()).collect(),
    });
    proposal
}

/// Statements behind those that make the extensions that it needs.
pub(crate) fn with_extensions(lacking: &[String], create: &str) -> String {
    let mut sql = String::new();
    for extension in lacking {
        let name = crate::model::quote_identifier(extension);
        sql.push_str(&format!("CREATE EXTENSION IF NOT EXISTS {name};\n"));
    }
    sql + create
}

/// The statement with the cost of its plan now: what it would be is not known.
fn evidence_of(statement: &TrackedStatement) -> Option<StatementEvidence> {
    let plannable = statement.plannable.as_ref().ok()?;
    let plan = crate::plan::parse_plan(&plannable.plan).ok()?;
    let cost_before = Some(plan.root.total_cost);
    Some(StatementEvidence { cost_before, ..StatementEvidence::unplanned(statement) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shop, name, shop};
    use super::*;
    use crate::advisor::IndexKey;
    use crate::model::{ColumnName, PlannableStatement, Predicate, QueryHash, QueryKind};

    fn statement(hash: &str) -> TrackedStatement {
        let plan = serde_json::json!([{"Plan": {"Node Type": "Seq Scan", "Total Cost": 1000.0}}]);
        let shape = StatementShape { tables: vec![name("t")], ..StatementShape::default() };
        TrackedStatement {
            query_hash: QueryHash(hash.into()),
            sql: "SELECT 1 FROM t WHERE doc ? $1".into(),
            kind: QueryKind::User,
            calls: 5,
            total_time_ms: 50.0,
            rows: 5,
            temp_blocks: 0,
            plannable: Ok(PlannableStatement { shape, plan, ..PlannableStatement::default() }),
        }
    }

    fn untried(method: IndexMethod, class: Option<&str>, hashes: &[&str]) -> Untried {
        let key = IndexKey { operator_class: class.map(str::to_owned), ..IndexKey::column("doc") };
        Untried {
            candidate: IndexCandidate {
                table: name("t"),
                method,
                keys: vec![key],
                ..IndexCandidate::default()
            },
            statements: hashes.iter().map(|hash| statement(hash)).collect(),
            lacking: Vec::new(),
        }
    }

    fn with(untried: Vec<Untried>) -> Shop {
        Shop { untried, ..shop() }
    }

    #[test]
    fn of_several_that_serve_a_statement_one_is_proposed() {
        let path = untried(IndexMethod::Gin, Some("jsonb_path_ops"), &["aa"]);
        let whole = untried(IndexMethod::Gin, None, &["aa"]);
        let shop = with(vec![whole.clone(), path.clone()]);
        assert_eq!(
            shop.sql(check),
            [
                "CREATE INDEX \"t_doc_gin_idx\" ON \"public\".\"t\" USING gin (\"doc\" jsonb_path_ops);"
            ]
        );
        // The other class serves a statement more.
        let whole = untried(IndexMethod::Gin, None, &["aa", "bb"]);
        let sql = with(vec![path, whole]).sql(check);
        assert!(sql.len() == 1 && sql[0].ends_with("USING gin (\"doc\");"), "{sql:?}");
    }

    #[test]
    fn what_a_proposed_index_finds_by_a_value_needs_none() {
        let mut one = untried(IndexMethod::Gin, None, &["aa"]);
        let Ok(plannable) = &mut one.statements[0].plannable else { panic!("it is plannable") };
        plannable.shape.predicates.push(Predicate {
            column: ColumnName { table: name("t"), column: "a".into() },
            kind: PredicateKind::Equality,
            operator: "=".into(),
            constant: None,
        });
        let mut shop = with(vec![one]);
        assert_eq!(shop.sql(check).len(), 1);
        shop.proposed.insert(name("t"), vec![vec!["b".into(), "a".into()]]);
        assert_eq!(shop.sql(check).len(), 1);
        shop.proposed.insert(name("t"), vec![vec!["a".into()]]);
        assert!(shop.sql(check).is_empty());
    }

    #[test]
    fn an_extension_that_is_lacking_comes_first_and_nothing_is_made_up() {
        let mut one = untried(IndexMethod::Gin, Some("gin_trgm_ops"), &["aa"]);
        one.lacking = vec!["pg_trgm".into()];
        let proposals = with(vec![one]).check(check).proposals;
        assert!(proposals[0].sql_fix.starts_with("CREATE EXTENSION IF NOT EXISTS \"pg_trgm\";"));
        assert!(proposals[0].patch_sql.contains("gin_trgm_ops"));
        assert_eq!(proposals[0].estimated_improvement_percent, None);
    }

    #[test]
    fn a_small_table_gets_none() {
        let mut shop = with(vec![untried(IndexMethod::Gist, None, &["aa"])]);
        shop.table().bytes = 8192;
        assert!(shop.sql(check).is_empty());
    }
}
