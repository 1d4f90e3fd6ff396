//! A sequence, or the column that it fills, that is about to run out of numbers.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{RecommendationType, RiskLevel, Rule, SequenceFacts, quote_identifier};

/// Share of all numbers, 0 to 1.
const USED: f64 = 0.5;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for sequence in &facts.catalog.server.sequences {
        let Some(last) = sequence.last_value else { continue };
        let Some(end) = end(sequence) else { continue };
        let used = last as f64 / end.number as f64;
        if used < USED {
            continue;
        }
        let left = (i128::from(end.number) - i128::from(last)) / i128::from(sequence.increment);
        let (fix, risk) = fix(sequence, &end);
        let mut draft = Draft::new(
            Rule::SequenceExhaustion,
            RecommendationType::Maintenance,
            sequence.name.to_string(),
        )
        .fact("Last number", figures::grouped(last as f64))
        .fact("Last that can be", figures::grouped(end.number as f64))
        .fact("Numbers left", figures::grouped(left as f64));
        draft = draft.sql(&fix[0]);
        draft.sql_fix = fix.iter().map(|line| format!("{line};")).collect::<Vec<_>>().join("\n");
        draft.tables = sequence.owner.iter().map(|(table, ..)| table.clone()).collect();
        draft.title = format!("{} runs out of numbers", sequence.name);
        draft.description = format!(
            "{} of the numbers of {} are used: {} are left, and then every insert fails. {}",
            figures::percent(100.0 * used),
            sequence.name,
            figures::grouped(left as f64),
            match (end.of, &sequence.owner) {
                (Narrower::Column, Some((table, column, data_type))) =>
                    format!("What ends is {table}.{column}, which is {data_type}."),
                _ => "What ends is the sequence itself.".to_owned(),
            }
        );
        draft.confidence = (0.95, "The sequence says so.");
        draft.risk = risk;
        draft.magnitude = used;
        findings.proposals.push(draft.proposal());
    }
}

/// What runs out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Narrower {
    Column,
    /// The sequence, by its type.
    Type,
    /// The sequence, by a bound of its own.
    Bound,
}

/// The last number, and what makes it the last.
struct End {
    number: i64,
    of: Narrower,
}

/// Absent where nobody lives to see it, or the sequence begins anew.
fn end(sequence: &SequenceFacts) -> Option<End> {
    let down = sequence.increment < 0;
    let bound = if down { sequence.min_value } else { sequence.max_value };
    let of_type = last_of(&sequence.data_type, down).unwrap_or(bound);
    let of_column = sequence.owner.as_ref().and_then(|(_, _, data_type)| last_of(data_type, down));
    let is_sooner = |one: i64, other: i64| if down { one > other } else { one < other };
    let (number, of) = match of_column {
        Some(column) if !is_sooner(bound, column) => (column, Narrower::Column),
        _ if is_sooner(bound, of_type) => (bound, Narrower::Bound),
        _ => (bound, Narrower::Type),
    };
    let is_endless = number == i64::MAX || number == i64::MIN || number == 0;
    let goes_there = sequence.increment != 0 && (number < 0) == down;
    (!is_endless && goes_there && !sequence.cycles).then_some(End { number, of })
}

/// The last number of an integer type; absent for other types, which hold more.
fn last_of(data_type: &str, down: bool) -> Option<i64> {
    let (low, high) = match data_type {
        "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
        "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        "bigint" => (i64::MIN, i64::MAX),
        _ => return None,
    };
    Some(if down { low } else { high })
}

/// What mends it, and its risk.
fn fix(sequence: &SequenceFacts, end: &End) -> (Vec<String>, (RiskLevel, &'static str)) {
    let name = sequence.name.quoted();
    let of_catalog = (
        RiskLevel::Low,
        "It changes the sequence and no row, under a lock that lasts a moment. Check that what reads the numbers can hold greater ones.",
    );
    match (end.of, &sequence.owner) {
        (Narrower::Column, Some((table, column, _))) => {
            let mut lines = vec![format!(
                "ALTER TABLE {} ALTER COLUMN {} TYPE bigint",
                table.quoted(),
                quote_identifier(column)
            )];
            if sequence.data_type != "bigint" {
                lines.push(format!("ALTER SEQUENCE {name} AS bigint"));
            }
            (
                lines,
                (
                    RiskLevel::High,
                    "Changing the type writes the whole table anew under a lock. Columns that refer to it need the same. On a large table add a bigint column, fill it in batches and swap.",
                ),
            )
        }
        (Narrower::Bound, _) => {
            let bound = if sequence.increment < 0 { "MINVALUE" } else { "MAXVALUE" };
            (vec![format!("ALTER SEQUENCE {name} NO {bound}")], of_catalog)
        }
        _ => (vec![format!("ALTER SEQUENCE {name} AS bigint")], of_catalog),
    }
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
            min_value: 1,
            data_type: "bigint".into(),
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
    fn what_is_narrower_is_mended() {
        let mut shop = at(2_000_000_000, "bigint");
        let sequence = |shop: &mut Shop, data_type: &str, max_value, min_value, increment, last| {
            let known = &mut shop.catalog.server.sequences[0];
            (known.data_type, known.max_value, known.min_value) =
                (data_type.into(), max_value, min_value);
            (known.increment, known.last_value) = (increment, Some(last));
        };
        let most = i64::from(i32::MAX);
        sequence(&mut shop, "integer", most, 1, 1, 2_000_000_000);
        assert_eq!(shop.sql(check), ["ALTER SEQUENCE \"public\".\"t_id_seq\" AS bigint;"]);
        sequence(&mut shop, "bigint", 1_000_000, 1, 1, 900_000);
        assert_eq!(shop.sql(check), ["ALTER SEQUENCE \"public\".\"t_id_seq\" NO MAXVALUE;"]);
        sequence(&mut shop, "bigint", -1, -1_000_000, -1, -970_000);
        assert_eq!(shop.sql(check), ["ALTER SEQUENCE \"public\".\"t_id_seq\" NO MINVALUE;"]);
        sequence(&mut shop, "bigint", -1, i64::MIN, -1, -970_000);
        assert!(shop.sql(check).is_empty());
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
