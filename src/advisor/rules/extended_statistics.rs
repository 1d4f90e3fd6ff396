//! Columns that are filtered together and follow from each other: the planner multiplies their selectivities,
//! and expects far too few rows.

use std::collections::BTreeSet;

use super::{Draft, Facts, Findings};
use crate::advisor::say_the_same;
use crate::model::{
    CatalogTable, PredicateKind, RecommendationType, RiskLevel, Rule, quote_identifier,
};

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for statement in facts.statements {
        let Ok(plannable) = &statement.plannable else { continue };
        for name in &plannable.shape.tables {
            let Some(table) = facts.catalog.tables.get(name) else { continue };
            let mut columns: Vec<&str> = plannable
                .shape
                .predicates
                .iter()
                .filter(|p| p.column.table == *name)
                .filter(|p| matches!(p.kind, PredicateKind::Equality | PredicateKind::List))
                .map(|p| p.column.column.as_str())
                .chain(
                    plannable
                        .shape
                        .group
                        .iter()
                        .filter(|c| c.table == *name)
                        .map(|c| c.column.as_str()),
                )
                .collect();
            columns.sort_unstable();
            columns.dedup();
            for (at, first) in columns.iter().enumerate() {
                for second in &columns[at + 1..] {
                    if !seen.insert((name.clone(), (*first).to_owned(), (*second).to_owned())) {
                        continue;
                    }
                    let Some(sign) = sign(table, first, second) else { continue };
                    if !has_statistics(table, first, second) {
                        let draft = propose(table, (first, second), sign, &statement.sql);
                        findings.proposals.push(draft.proposal());
                    }
                }
            }
        }
    }
}

/// What speaks for it that one follows from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// The same shares of common values, one by one.
    Shares,
    /// The same number of values, of which none or few are common: as where each has its own.
    Number,
}

/// Fewer values may be as many by chance.
const MIN_VALUES: f64 = 50.0;

fn sign(table: &CatalogTable, first: &str, second: &str) -> Option<Sign> {
    let (first, second) = (table.column(first)?, table.column(second)?);
    if say_the_same(first, second) {
        return Some(Sign::Shares);
    }
    let same_number = first.n_distinct.is_some_and(|values| values >= MIN_VALUES)
        && first.n_distinct == second.n_distinct
        && first.null_share == second.null_share;
    let same_shares = first.common_shares == second.common_shares;
    (same_number && same_shares).then_some(Sign::Number)
}

fn has_statistics(table: &CatalogTable, first: &str, second: &str) -> bool {
    table.statistics.iter().any(|statistics| {
        let has = |column: &str| statistics.columns.iter().any(|known| known == column);
        has(first) && has(second)
    })
}

fn propose(table: &CatalogTable, (first, second): (&str, &str), sign: Sign, sql: &str) -> Draft {
    let mut name = format!("{}_{first}_{second}_stat", table.name.name);
    let mut end = name.len().min(63);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    let create = format!(
        "CREATE STATISTICS {}.{} (ndistinct, dependencies) ON {}, {} FROM {}",
        quote_identifier(&table.name.schema),
        quote_identifier(&name),
        quote_identifier(first),
        quote_identifier(second),
        table.name.quoted()
    );
    let key = format!("{}:{first}:{second}", table.name);
    let mut draft = Draft::new(Rule::ExtendedStatistics, RecommendationType::Statistics, key)
        .sql(&create)
        .fact("Filtered together by", sql);
    draft.sql_fix = format!("{create};\nANALYZE {};", table.name.quoted());
    draft.title = format!("Statistics on {first} and {second} of {}", table.name);
    let values =
        table.column(first).and_then(|c| c.distinct_values(table.rows)).unwrap_or(1.0).round();
    draft.description = match sign {
        Sign::Shares => format!(
            "In the sample behind the statistics, the common values of {first} and of {second} have the same shares, \
             one by one: it seems that one follows from the other. The planner takes them as independent, and then \
             expects {values} times fewer rows than there are where both are compared."
        ),
        Sign::Number => format!(
            "{first} and {second} have exactly as many values each ({values}): it may be that one \
             follows from the other. The planner takes them as independent, and would then expect {values} times fewer \
             rows than there are where both are compared. SELECT count(DISTINCT ({first}, {second})) tells."
        ),
    };
    draft.tables = vec![table.name.clone()];
    draft.confidence = match sign {
        Sign::Shares => (0.7, "Both columns have the same shares of common values, one by one."),
        Sign::Number => (0.4, "Both columns have exactly as many values, which may be chance."),
    };
    draft.risk = (RiskLevel::Low, "ANALYZE takes a little longer; dropping the object undoes it.");
    draft.magnitude = table.rows.max(0.0);
    draft
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shop, name, shop};
    use super::check;
    use crate::model::{
        ColumnName, ExtendedStatistics, PlannableStatement, Predicate, PredicateKind, QueryHash,
        QueryKind, StatementShape, TrackedStatement,
    };

    fn filtered(shares: [&[f64]; 2]) -> Shop {
        let mut shop = shop();
        for (column, shares) in ["a", "b"].iter().zip(shares) {
            let column = shop.table().columns.iter_mut().find(|c| c.name == *column).unwrap();
            column.n_distinct = Some(200.0);
            column.common_shares = shares.to_vec();
        }
        let predicate = |column: &str| Predicate {
            column: ColumnName { table: name("t"), column: column.into() },
            kind: PredicateKind::Equality,
            operator: "=".into(),
            constant: None,
        };
        let shape = StatementShape {
            tables: vec![name("t")],
            predicates: vec![predicate("a"), predicate("b")],
            ..StatementShape::default()
        };
        shop.statements.push(TrackedStatement {
            query_hash: QueryHash("aa".into()),
            sql: "SELECT 1 FROM t WHERE a = $1 AND b = $2".into(),
            kind: QueryKind::User,
            calls: 1,
            total_time_ms: 1.0,
            rows: 1,
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
                plan: serde_json::Value::Null,
                dependencies: crate::plan::Dependencies::default(),
                search_path: vec![],
            }),
        });
        shop
    }

    #[test]
    fn columns_that_follow_from_each_other_get_statistics() {
        let sql = filtered([&[0.2, 0.1, 0.05], &[0.2, 0.1, 0.05]]).sql(check);
        assert_eq!(
            sql,
            [
                "CREATE STATISTICS \"public\".\"t_a_b_stat\" (ndistinct, dependencies) ON \"a\", \"b\" FROM \"public\".\"t\";"
            ]
        );
    }

    #[test]
    fn independent_columns_and_known_pairs_get_none() {
        assert!(filtered([&[0.2, 0.1, 0.05], &[0.3, 0.1, 0.05]]).sql(check).is_empty());
        let mut shop = filtered([&[0.2, 0.1, 0.05], &[0.2, 0.1, 0.05]]);
        shop.table().statistics = vec![ExtendedStatistics {
            name: "s".into(),
            columns: vec!["b".into(), "a".into()],
            kinds: vec!["f".into()],
        }];
        assert!(shop.sql(check).is_empty());
        assert_eq!(filtered([&[], &[]]).check(check).proposals[0].confidence_score, 0.4);
        let mut few = filtered([&[], &[]]);
        few.table().columns.iter_mut().for_each(|column| column.n_distinct = Some(7.0));
        assert!(few.sql(check).is_empty(), "as many by chance");
        let mut shop = filtered([&[0.2, 0.1, 0.05], &[0.2, 0.1, 0.05]]);
        shop.statements.clear();
        assert!(shop.sql(check).is_empty(), "no statement compares both");
    }
}
