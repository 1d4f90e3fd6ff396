//! A sequence, or the column that it fills, that is about to run out of numbers.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{RecommendationType, RiskLevel, Rule, SequenceFacts, quote_identifier};

/// Share of all numbers, 0 to 1.
const USED: f64 = 0.5;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for sequence in &facts.catalog.server.sequences {
        let Some(last) = sequence.last_value else { continue };
        let end = limit(sequence);
        let used = last as f64 / end as f64;
        if sequence.cycles || sequence.increment <= 0 || end <= 0 || used < USED || end == i64::MAX
        {
            continue;
        }
        let left = (end - last) / sequence.increment;
        let mut draft = Draft::new(
            Rule::SequenceExhaustion,
            RecommendationType::Maintenance,
            sequence.name.to_string(),
        )
        .fact("Last number", figures::grouped(last as f64))
        .fact("Greatest number", figures::grouped(end as f64))
        .fact("Numbers left", figures::grouped(left as f64));
        draft = match &sequence.owner {
            Some((table, column, data_type))
                if matches!(data_type.as_str(), "smallint" | "integer") =>
            {
                draft.tables = vec![table.clone()];
                let alter = format!(
                    "ALTER TABLE {} ALTER COLUMN {} TYPE bigint",
                    table.quoted(),
                    quote_identifier(column)
                );
                let mut draft = draft.sql(&alter);
                draft.sql_fix =
                    format!("{alter};\nALTER SEQUENCE {} AS bigint;", sequence.name.quoted());
                draft
            }
            _ => draft.sql(format!("ALTER SEQUENCE {} NO MAXVALUE", sequence.name.quoted())),
        };
        draft.title = format!("{} runs out of numbers", sequence.name);
        draft.description = format!(
            "{} of the numbers of {} are used: {} are left, and then every insert fails.",
            figures::percent(100.0 * used),
            sequence.name,
            figures::grouped(left as f64)
        );
        draft.confidence = (0.95, "The sequence says so.");
        draft.risk = (
            RiskLevel::High,
            "Changing the type writes the whole table anew under a lock. Columns that refer to it need the same. On a large table add a bigint column, fill it in batches and swap.",
        );
        draft.magnitude = used;
        findings.proposals.push(draft.proposal());
    }
}

/// The greatest number that sequence and column both hold.
fn limit(sequence: &SequenceFacts) -> i64 {
    let column = match sequence.owner.as_ref().map(|(_, _, data_type)| data_type.as_str()) {
        Some("smallint") => i64::from(i16::MAX),
        Some("integer") => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    column.min(sequence.max_value)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shop, name, shop};
    use super::check;
    use crate::model::SequenceFacts;

    fn at(last_value: i64, data_type: &str) -> Shop {
        let mut shop = shop();
        shop.catalog.server.sequences = vec![SequenceFacts {
            name: name("t_id_seq"),
            last_value: Some(last_value),
            max_value: i64::MAX,
            increment: 1,
            cycles: false,
            owner: Some((name("t"), "id".into(), data_type.into())),
        }];
        shop
    }

    #[test]
    fn the_column_counts_where_it_is_narrower_than_the_sequence() {
        assert_eq!(
            at(1_500_000_000, "integer").sql(check),
            ["ALTER TABLE \"public\".\"t\" ALTER COLUMN \"id\" TYPE bigint;"]
        );
        assert!(at(1_500_000_000, "bigint").sql(check).is_empty());
        assert!(at(1000, "integer").sql(check).is_empty());
    }

    #[test]
    fn one_that_begins_anew_or_was_never_used_is_left_alone() {
        let mut shop = at(2_000_000_000, "integer");
        shop.catalog.server.sequences[0].cycles = true;
        assert!(shop.sql(check).is_empty());
        shop.catalog.server.sequences[0].cycles = false;
        shop.catalog.server.sequences[0].last_value = None;
        assert!(shop.sql(check).is_empty());
    }
}
