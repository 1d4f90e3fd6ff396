//! Searches inside documents, arrays and words, for which only a GIN index will do. No planner can be asked
//! what it would save without building it: that is what the benchmark is for.

use std::collections::BTreeMap;

use super::{Draft, Facts, Findings};
use crate::advisor::{IndexCandidate, IndexKey, IndexMethod};
use crate::figures;
use crate::model::{
    CatalogTable, ColumnName, IndexEvidence, PredicateKind, Proposal, RecommendationType,
    RejectedCandidate, RelationKind, RiskLevel, Rule, StatementEvidence, StatementShape, TableName,
    TrackedStatement,
};

/// A smaller table is read whole as fast.
const MIN_BYTES: i64 = 1 << 20;
/// Bytes that one entry may take (`GinMaxItemSize`).
const LONGEST_ENTRY: i64 = 2712;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let mut wanted: BTreeMap<(ColumnName, &str), (Vec<&TrackedStatement>, bool)> = BTreeMap::new();
    for statement in facts.statements {
        let Ok(plannable) = &statement.plannable else { continue };
        for predicate in &plannable.shape.predicates {
            let Some(table) = facts.catalog.tables.get(&predicate.column.table) else { continue };
            if is_served(facts, &plannable.shape, &predicate.column.table) {
                continue;
            }
            let Some(class) =
                class_for(table, &predicate.column.column, predicate.kind, &predicate.operator)
            else {
                continue;
            };
            let key = (predicate.column.clone(), class);
            let (statements, only_contains) = wanted.entry(key).or_insert((Vec::new(), true));
            *only_contains &= predicate.operator == "@>";
            if !statements.iter().any(|known| known.query_hash == statement.query_hash) {
                statements.push(statement);
            }
        }
    }
    for ((column, class), (statements, only_contains)) in wanted {
        let Some(table) = facts.catalog.tables.get(&column.table) else { continue };
        if table.bytes < MIN_BYTES
            || table.kind != RelationKind::Table
            || has_gin(table, &column.column)
        {
            continue;
        }
        let needs_trigrams = class == "gin_trgm_ops";
        let has = |extension: &str| facts.catalog.server.extensions.contains(extension);
        let available = facts.catalog.server.available_extensions.contains("pg_trgm");
        if needs_trigrams && !has("pg_trgm") && !available {
            continue;
        }
        let class = match class {
            // Half the size, for searches by containment only.
            "jsonb_ops" if only_contains => Some("jsonb_path_ops"),
            "gin_trgm_ops" => Some("gin_trgm_ops"),
            _ => None,
        };
        let key = IndexKey {
            operator_class: class.map(str::to_owned),
            ..IndexKey::column(&column.column)
        };
        let candidate = IndexCandidate {
            table: column.table.clone(),
            method: IndexMethod::Gin,
            keys: vec![key],
            ..IndexCandidate::default()
        };
        if let Some(length) = facts.longest_elements.get(&column)
            && *length > LONGEST_ENTRY
        {
            findings.rejected.push(RejectedCandidate::of(
                &candidate,
                format!("elements of {} take up to {length} bytes, and a GIN entry holds {LONGEST_ENTRY} at most: the index could not be built, or a later row not be written", column.column),
            ));
            continue;
        }
        let create_extension = needs_trigrams && !has("pg_trgm");
        findings.proposals.push(propose(table, &candidate, &statements, create_extension));
    }
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

/// The operator class that a comparison could use.
fn class_for(
    table: &CatalogTable,
    column: &str,
    kind: PredicateKind,
    operator: &str,
) -> Option<&'static str> {
    let data_type = table.column(column)?.data_type.as_str();
    let is_text = data_type == "text" || data_type.starts_with("character varying");
    match kind {
        PredicateKind::Containment if data_type == "jsonb" && operator != "<@" => Some("jsonb_ops"),
        PredicateKind::Containment if data_type.ends_with("[]") => Some("array_ops"),
        PredicateKind::Containment if data_type == "tsvector" => Some("tsvector_ops"),
        PredicateKind::Pattern if is_text => Some("gin_trgm_ops"),
        _ => None,
    }
}

fn has_gin(table: &CatalogTable, column: &str) -> bool {
    table.indexes.iter().any(|index| {
        index.valid
            && (index.method == "gin" || index.method == "gist")
            && index.key_columns.iter().flatten().any(|key| key == column)
    })
}

fn propose(
    table: &CatalogTable,
    candidate: &IndexCandidate,
    statements: &[&TrackedStatement],
    create_extension: bool,
) -> Proposal {
    let name = candidate.free_name(|name| table.indexes.iter().any(|index| index.name == name));
    let mut evidence: Vec<StatementEvidence> =
        statements.iter().filter_map(|statement| evidence_of(statement)).collect();
    evidence.sort_by(|a, b| b.total_time_ms.total_cmp(&a.total_time_ms));
    let time: f64 = evidence.iter().map(|statement| statement.total_time_ms).sum();
    let mut draft = Draft::new(
        Rule::GinIndex,
        RecommendationType::Index,
        format!("{}:{}", table.name, candidate.label()),
    )
    .sql(candidate.create_sql_named(&name, false))
    .fact("Statements that search it", figures::grouped(evidence.len() as f64))
    .fact("Their time so far", figures::milliseconds(time));
    let create = candidate.create_sql_named(&name, true);
    draft.sql_fix = if create_extension {
        format!("CREATE EXTENSION IF NOT EXISTS pg_trgm;\n{create};")
    } else {
        format!("{create};")
    };
    draft.title = format!("GIN index {} on {}", table.name, candidate.label());
    let columns: Vec<&str> = candidate.keys.iter().filter_map(IndexKey::column_name).collect();
    let who = match evidence.len() {
        1 => "One statement searches".to_owned(),
        count => format!("{count} statements search"),
    };
    draft.description = format!(
        "{who} inside {}, and PostgreSQL reads every row of {} for it. A GIN index lists the rows for each part. No planner can cost one that is not there: benchmark it to see what it saves.",
        columns.join(", "),
        table.name,
    );
    draft.tables = vec![table.name.clone()];
    draft.statements = evidence;
    draft.confidence = (
        0.4,
        "The operator can use such an index; what it saves was neither planned nor measured.",
    );
    draft.risk = (
        RiskLevel::Medium,
        "GIN indexes are dear to write: an entry for every part of a value, which only a benchmark can count. Built concurrently it blocks no writes.",
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

/// The statement with the cost of its plan now: what it would be is not known.
fn evidence_of(statement: &TrackedStatement) -> Option<StatementEvidence> {
    let plannable = statement.plannable.as_ref().ok()?;
    let plan = crate::plan::parse_plan(&plannable.plan).ok()?;
    let cost_before = Some(plan.root.total_cost);
    Some(StatementEvidence { cost_before, ..StatementEvidence::unplanned(statement) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shop, column, index, name, shop};
    use super::{LONGEST_ENTRY, check};
    use crate::model::{
        ColumnName, PlannableStatement, Predicate, PredicateKind, QueryHash, QueryKind,
        StatementShape, TrackedStatement,
    };

    fn searching(data_type: &str, kind: PredicateKind, operator: &str) -> Shop {
        let mut shop = shop();
        shop.table().columns.push(column("doc", data_type));
        let column = ColumnName { table: name("t"), column: "doc".into() };
        let shape = StatementShape {
            tables: vec![name("t")],
            predicates: vec![Predicate { column, kind, operator: operator.into(), constant: None }],
            ..StatementShape::default()
        };
        let plan = serde_json::json!([{"Plan": {"Node Type": "Seq Scan", "Total Cost": 1000.0}}]);
        shop.statements.push(TrackedStatement {
            query_hash: QueryHash("aa".into()),
            sql: "SELECT 1 FROM t WHERE doc ? $1".into(),
            kind: QueryKind::User,
            calls: 5,
            total_time_ms: 50.0,
            rows: 5,
            temp_blocks: 0,
            plannable: Ok(PlannableStatement {
                template: None,
                writes_to: Vec::new(),
                pinned: false,
                may_mean: Vec::new(),
                under: None,
                planned_as: crate::model::PlannedAs::Itself,
                shape,
                bindings: vec![],
                plan,
                dependencies: crate::plan::Dependencies::default(),
                search_path: vec![],
            }),
        });
        shop
    }

    #[test]
    fn containment_in_jsonb_gets_the_smaller_class_where_that_is_all() {
        let sql = searching("jsonb", PredicateKind::Containment, "@>").sql(check);
        assert!(sql[0].ends_with("USING gin (\"doc\" jsonb_path_ops);"), "{sql:?}");
        let sql = searching("jsonb", PredicateKind::Containment, "?").sql(check);
        assert!(sql[0].ends_with("USING gin (\"doc\");"), "{sql:?}");
        let sql = searching("text[]", PredicateKind::Containment, "&&").sql(check);
        assert!(sql[0].ends_with("USING gin (\"doc\");"), "{sql:?}");
    }

    #[test]
    fn what_a_proposed_index_finds_by_a_value_needs_none() {
        let mut shop = searching("jsonb", PredicateKind::Containment, "@>");
        let Ok(plannable) = &mut shop.statements[0].plannable else { panic!("it is plannable") };
        plannable.shape.predicates.push(Predicate {
            column: ColumnName { table: name("t"), column: "a".into() },
            kind: PredicateKind::Equality,
            operator: "=".into(),
            constant: None,
        });
        assert_eq!(shop.sql(check).len(), 1);
        shop.proposed.insert(name("t"), vec![vec!["b".into(), "a".into()]]);
        assert_eq!(shop.sql(check).len(), 1);
        shop.proposed.insert(name("t"), vec![vec!["a".into()]]);
        assert!(shop.sql(check).is_empty());
    }

    #[test]
    fn patterns_need_pg_trgm() {
        let mut shop = searching("text", PredicateKind::Pattern, "~~*");
        assert!(shop.sql(check).is_empty());
        shop.catalog.server.available_extensions.insert("pg_trgm".into());
        let proposals = shop.check(check).proposals;
        assert!(proposals[0].sql_fix.starts_with("CREATE EXTENSION IF NOT EXISTS pg_trgm;"));
        assert!(proposals[0].patch_sql.contains("gin_trgm_ops"));
        // What it would save is not known, and not made up.
        assert_eq!(proposals[0].estimated_improvement_percent, None);
    }

    #[test]
    fn elements_longer_than_an_entry_are_why_there_is_none() {
        let mut shop = searching("text[]", PredicateKind::Containment, "&&");
        let column = ColumnName { table: name("t"), column: "doc".into() };
        shop.longest_elements.insert(column.clone(), LONGEST_ENTRY);
        assert_eq!(shop.sql(check).len(), 1);
        shop.longest_elements.insert(column, LONGEST_ENTRY + 1);
        let findings = shop.check(check);
        assert!(findings.proposals.is_empty());
        assert!(findings.rejected[0].reason.contains("2713 bytes"), "{:?}", findings.rejected);
    }

    #[test]
    fn an_index_that_is_there_a_small_table_or_another_type_gets_none() {
        let mut shop = searching("jsonb", PredicateKind::Containment, "@>");
        let mut gin = index("t_doc", &["doc"]);
        gin.method = "gin".into();
        shop.table().indexes = vec![gin];
        assert!(shop.sql(check).is_empty());
        let mut shop = searching("jsonb", PredicateKind::Containment, "@>");
        shop.table().bytes = 8192;
        assert!(shop.sql(check).is_empty());
        assert!(searching("int4range", PredicateKind::Containment, "@>").sql(check).is_empty());
    }
}
