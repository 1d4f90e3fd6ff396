//! A sequence, or the column that it fills, that is about to run out of numbers.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{
    Catalog, CatalogTable, RecommendationType, RiskLevel, Rule, SequenceFacts, TableName,
    quote_identifier,
};

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
        let Fix { patch, script, risk } = fix(facts.catalog, sequence, &end);
        let mut draft = Draft::new(
            Rule::SequenceExhaustion,
            RecommendationType::Maintenance,
            sequence.name.to_string(),
        )
        .fact("Last number", figures::grouped(last as f64))
        .fact("Last that can be", figures::grouped(end.number as f64))
        .fact("Numbers left", figures::grouped(left as f64));
        draft = draft.sql(&patch);
        draft.sql_fix = script;
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

/// The last number of a type that holds whole numbers; absent for others.
fn last_of(data_type: &str, down: bool) -> Option<i64> {
    let (low, high) = match data_type {
        "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
        "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        "bigint" => (i64::MIN, i64::MAX),
        other => {
            let digits = whole_digits(other).filter(|digits| (1..=18).contains(digits))?;
            let high = 10_i64.pow(digits) - 1;
            (-high, high)
        }
    };
    Some(if down { low } else { high })
}

/// Digits before the point of `numeric(p)` and `numeric(p,s)`.
fn whole_digits(data_type: &str) -> Option<u32> {
    let inside = data_type.strip_prefix("numeric(")?.strip_suffix(')')?;
    let (precision, scale) = inside.split_once(',').unwrap_or((inside, "0"));
    let (precision, scale): (i64, i64) =
        (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    u32::try_from(precision - scale).ok()
}

/// What mends it.
struct Fix {
    /// The step that matters.
    patch: String,
    script: String,
    risk: (RiskLevel, &'static str),
}

impl Fix {
    /// One step that changes the sequence.
    fn of_sequence(step: String) -> Self {
        Self {
            script: format!("{step};"),
            patch: step,
            risk: (
                RiskLevel::Low,
                "It changes the sequence and no row, under a lock that lasts a moment. Check that what reads the numbers can hold greater ones.",
            ),
        }
    }
}

fn fix(catalog: &Catalog, sequence: &SequenceFacts, end: &End) -> Fix {
    let name = sequence.name.quoted();
    match (end.of, &sequence.owner) {
        (Narrower::Column, Some((table, column, data_type))) => {
            let patch = to_bigint(table, column);
            let mut lines: Vec<String> = in_the_way(catalog, sequence).into_iter().collect();
            lines.push(format!("{patch};"));
            if sequence.data_type != "bigint" {
                lines.push(format!("ALTER SEQUENCE {name} AS bigint;"));
            }
            // Views and policies may stand in their way, too, and they can follow at any time before their numbers end.
            let referring = referring(catalog, table, column, data_type);
            lines.extend(
                referring.iter().map(|step| format!("-- It is referred to, so then: {step};")),
            );
            Fix {
                script: lines.join("\n"),
                patch,
                risk: (
                    RiskLevel::High,
                    "Changing the type rewrites the whole table under a lock. On a large table add a bigint column, fill it in batches and swap.",
                ),
            }
        }
        (Narrower::Bound, _) => {
            let bound = if sequence.increment < 0 { "MINVALUE" } else { "MAXVALUE" };
            Fix::of_sequence(format!("ALTER SEQUENCE {name} NO {bound}"))
        }
        _ => Fix::of_sequence(format!("ALTER SEQUENCE {name} AS bigint")),
    }
}

fn to_bigint(table: &TableName, column: &str) -> String {
    format!("ALTER TABLE {} ALTER COLUMN {} TYPE bigint", table.quoted(), quote_identifier(column))
}

/// The same for columns that refer to it and end where it does.
fn referring(catalog: &Catalog, table: &TableName, column: &str, data_type: &str) -> Vec<String> {
    let of_table = |child: &CatalogTable| -> Vec<String> {
        let keys = child.foreign_keys.iter().filter(|key| key.references == *table);
        let columns = keys.flat_map(|key| key.columns.iter().zip(&key.referenced_columns));
        let referring = columns.filter(|(_, referenced)| *referenced == column);
        let narrow = referring.filter(|(own, _)| {
            let is_itself = child.name == *table && *own == column;
            !is_itself && child.column(own).is_some_and(|own| own.data_type == data_type)
        });
        narrow.map(|(own, _)| to_bigint(&child.name, own)).collect()
    };
    let mut steps: Vec<String> = catalog.tables.values().flat_map(of_table).collect();
    steps.sort();
    steps.dedup();
    steps
}

/// A column's type cannot be changed under what reads it: what must go before, and be made again with its grants and options
/// after, as a comment. Absent where there is nothing.
fn in_the_way(catalog: &Catalog, sequence: &SequenceFacts) -> Option<String> {
    let views = sequence.readers.iter().map(|reader| {
        let kind =
            if catalog.materialized.contains_key(reader) { "materialized view" } else { "view" };
        format!("{kind} {reader}")
    });
    let all: Vec<String> = views.chain(sequence.others_in_the_way.iter().cloned()).collect();
    // A name may hold what would end the comment.
    let all = all.join("; ").replace(char::is_control, " ");
    (!all.is_empty())
        .then(|| format!("-- Drop before, and make again after, with grants and options: {all}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shop, column, name, shop};
    use super::check;
    use crate::model::{CatalogTable, ForeignKey, SequenceFacts};

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
            readers: vec![],
            others_in_the_way: vec![],
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
    fn a_numeric_column_ends_with_its_digits() {
        let alter = "ALTER TABLE \"public\".\"t\" ALTER COLUMN \"id\" TYPE bigint;";
        assert_eq!(at(700_000, "numeric(6,0)").sql(check), [alter]);
        assert_eq!(at(700_000, "numeric(8,2)").sql(check), [alter]);
        for endless in ["numeric", "numeric(20,0)", "text"] {
            assert!(at(700_000, endless).sql(check).is_empty(), "{endless}");
        }
    }

    #[test]
    fn what_reads_the_column_and_what_refers_to_it_is_named() {
        let mut shop = at(2_000_000_000, "integer");
        let child = CatalogTable {
            name: name("child"),
            columns: vec![column("t_id", "integer"), column("t_big", "bigint")],
            foreign_keys: ["t_id", "t_big"]
                .map(|own| ForeignKey {
                    name: format!("child_{own}_fkey"),
                    columns: vec![own.into()],
                    references: name("t"),
                    referenced_columns: vec!["id".into()],
                })
                .to_vec(),
            ..CatalogTable::default()
        };
        shop.catalog.tables.insert(name("child"), child);
        shop.catalog.materialized.insert(name("m"), " SELECT v.id FROM public.v;".into());
        let sequence = &mut shop.catalog.server.sequences[0];
        sequence.readers = vec![name("v"), name("m")];
        sequence.others_in_the_way = vec!["policy own\nDROP TABLE t; on table t".into()];
        let found = shop.check(check).proposals;
        assert_eq!(
            found[0].sql_fix.lines().collect::<Vec<_>>(),
            [
                "-- Drop before, and make again after, with grants and options: view public.v; materialized view public.m; policy own DROP TABLE t; on table t",
                "ALTER TABLE \"public\".\"t\" ALTER COLUMN \"id\" TYPE bigint;",
                "-- It is referred to, so then: ALTER TABLE \"public\".\"child\" ALTER COLUMN \"t_id\" TYPE bigint;",
            ]
        );
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
