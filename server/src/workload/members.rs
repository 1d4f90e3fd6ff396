//! Which member of a document a statement looks up, where `pg_stat_statements` hides its name: the documents in the
//! column's statistics tell which there are, and the rows of one call which of them it is likely to be.

use std::collections::BTreeMap;

use optischema::model::{BindingKind, Catalog, CatalogColumn, StatementShape};
use serde_json::Value;

use super::values::is_number;
use crate::sql::{Repair, Statement, member_uses, words_of_comments};

/// Members that are named in a remark.
const MOST_NAMED: usize = 6;
/// Members are searched for this deep.
const DEEPEST: usize = 4;

/// What is known of the members that a statement looks up.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Values of parameters that are steps, and of those compared with what they lead to.
    values: BTreeMap<i32, Vec<String>>,
    /// The members that were chosen.
    pub steps: Vec<String>,
    /// What a person should know, one sentence for each lookup that had a choice.
    pub remarks: Vec<String>,
}

/// A member with the values that documents have there, the commonest first, each with its count.
struct Member {
    steps: Vec<String>,
    values: Vec<(String, usize)>,
    /// Documents that have it, of all that were looked at.
    share: f64,
}

impl Members {
    /// Chooses a member for each lookup: one that the comments of the statement as it was counted, `text`, name, else one
    /// that fits the rows of one call, on average.
    pub fn of(
        text: &str,
        statement: &Statement,
        shape: &StatementShape,
        catalog: &Catalog,
        repair: &Repair,
        types: &BTreeMap<i32, String>,
        rows: Option<i64>,
    ) -> Self {
        let mut members = Self::default();
        let commented = words_of_comments(text);
        // A tree that cannot be walked was refused before.
        for lookup in member_uses(statement).unwrap_or_default() {
            let Some((column, table_rows)) = documents(catalog, shape, &lookup.column) else {
                continue;
            };
            let of_number = |number: &i32| types.get(&repair.canonical(*number));
            let is_number = lookup.values.iter().filter_map(of_number).any(|name| is_number(name));
            let mut known = match lookup.is_existence {
                true => members_there(column),
                false => members_of(column, lookup.steps.len()),
            };
            known.retain(|member| {
                !is_number || member.values.iter().all(|(value, _)| value.parse::<f64>().is_ok())
            });
            let fit = |member: &Member| match lookup.is_existence {
                true => apart(member.share * table_rows, rows),
                false => distance(member, table_rows, rows),
            };
            let is_named = |member: &Member| member.steps.iter().all(|s| commented.contains(s));
            known.sort_by(|a, b| {
                is_named(b)
                    .cmp(&is_named(a))
                    .then(fit(a).total_cmp(&fit(b)))
                    .then(a.steps.cmp(&b.steps))
            });
            let Some(best) = known.first() else { continue };
            if !lookup.is_existence {
                members.steps.extend(best.steps.iter().cloned());
            }
            for (number, step) in lookup.steps.iter().zip(&best.steps) {
                members.values.insert(repair.canonical(*number), vec![step.clone()]);
            }
            let values: Vec<String> = best.values.iter().map(|(value, _)| value.clone()).collect();
            for (nth, number) in lookup.values.iter().enumerate() {
                let mut own = values.clone();
                let length = own.len().max(1);
                own.rotate_left(nth % length);
                members.values.insert(repair.canonical(*number), own);
            }
            // An index finds whichever is asked for.
            if known.len() > 1 && !lookup.is_existence {
                let name = |member: &Member| member.steps.join(".");
                let others: Vec<String> = known.iter().skip(1).take(MOST_NAMED).map(name).collect();
                let why = match is_named(best) {
                    true => "is in its comment",
                    false => "fits the rows of a call best",
                };
                members.remarks.push(format!(
                    "pg_stat_statements hides which member of {} is looked up: {} {why}, {} are there too. A log of the statement (log_min_duration_statement), or sample_activity, would settle it",
                    lookup.column,
                    name(best),
                    others.join(", "),
                ));
            }
        }
        members
    }

    /// The value of a parameter, where a member tells.
    pub fn value(&self, number: i32, kind: BindingKind) -> Option<&str> {
        let values = self.values.get(&number)?;
        let at = match kind {
            BindingKind::Rare => values.len().checked_sub(1)?,
            BindingKind::Median | BindingKind::HighQuantile => values.len() / 2,
            BindingKind::LowQuantile => values.len() / 4,
            _ => 0,
        };
        values.get(at).map(String::as_str)
    }
}

/// The only column of the statement's tables of that name, where it holds documents; with the rows of its table.
fn documents<'c>(
    catalog: &'c Catalog,
    shape: &StatementShape,
    name: &str,
) -> Option<(&'c CatalogColumn, f64)> {
    let tables = shape.tables.iter().filter_map(|table| catalog.tables.get(table));
    let mut named = tables.filter_map(|table| Some((table.column(name)?, table.rows)));
    let one = named.next()?;
    let is_document = |column: &CatalogColumn| {
        let plain = column.data_type.rsplit('.').next().unwrap_or_default();
        matches!(plain, "jsonb" | "json" | "hstore")
    };
    (named.next().is_none() && is_document(one.0)).then_some(one)
}

fn members_of(column: &CatalogColumn, depth: usize) -> Vec<Member> {
    let texts = column.common_values.iter().chain(&column.histogram);
    let documents: Vec<Value> = texts.filter_map(|text| document(text)).collect();
    let mut found: BTreeMap<Vec<String>, BTreeMap<String, usize>> = BTreeMap::new();
    for document in &documents {
        let mut steps = Vec::new();
        descend(document, depth.min(DEEPEST), &mut steps, &mut |steps, value| {
            *found.entry(steps.to_vec()).or_default().entry(value).or_default() += 1;
        });
    }
    let count = documents.len().max(1) as f64;
    let member = |(steps, values): (Vec<String>, BTreeMap<String, usize>)| {
        let mut values: Vec<(String, usize)> = values.into_iter().collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let share = values.iter().map(|(_, times)| *times as f64).sum::<f64>() / count;
        Member { steps, values, share }
    };
    found.into_iter().map(member).collect()
}

/// Members at the top of documents, whatever they hold.
fn members_there(column: &CatalogColumn) -> Vec<Member> {
    let texts = column.common_values.iter().chain(&column.histogram);
    let documents: Vec<Value> = texts.filter_map(|text| document(text)).collect();
    let mut found: BTreeMap<&String, usize> = BTreeMap::new();
    for document in &documents {
        for name in document.as_object().into_iter().flat_map(serde_json::Map::keys) {
            *found.entry(name).or_default() += 1;
        }
    }
    let count = documents.len().max(1) as f64;
    let member = |(name, times): (&String, usize)| Member {
        steps: vec![name.clone()],
        values: Vec::new(),
        share: times as f64 / count,
    };
    found.into_iter().map(member).collect()
}

fn descend(
    value: &Value,
    depth: usize,
    steps: &mut Vec<String>,
    note: &mut dyn FnMut(&[String], String),
) {
    let Value::Object(object) = value else { return };
    for (name, inside) in object {
        steps.push(name.clone());
        if depth > 1 {
            descend(inside, depth - 1, steps, note);
        } else if let Some(text) = scalar(inside) {
            note(steps, text);
        }
        steps.pop();
    }
}

/// A scalar as `->>` gives it.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A document of a column's statistics, whose values may be JSON or an hstore's.
fn document(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| {
        // `"a"=>"1", "b"=>NULL` is an object with other signs.
        let json = format!("{{{}}}", text.replace("\"=>\"", "\":\"").replace("=>NULL", ":null"));
        serde_json::from_str(&json).ok()
    })
}

/// How far the rows that a lookup of a member finds are off those of one call, in orders of magnitude. Where nobody counted
/// rows, a member that finds few is the likelier.
fn distance(member: &Member, table_rows: f64, rows: Option<i64>) -> f64 {
    let total: usize = member.values.iter().map(|(_, times)| times).sum();
    let same: f64 =
        member.values.iter().map(|(_, times)| (*times as f64 / total.max(1) as f64).powi(2)).sum();
    let found = same * member.share * table_rows.max(1.0);
    // As many different values as documents: each row may have its own, or as many share one as there are rows for each
    // document that was looked at.
    let is_own = member.values.len() == total && total > 1;
    let found = match is_own {
        true => (rows.unwrap_or(1).max(1) as f64).clamp(1.0, found.max(1.0)),
        false => found,
    };
    apart(found, rows)
}

/// How far rows that are expected are off those of one call, in orders of magnitude.
fn apart(found: f64, rows: Option<i64>) -> f64 {
    (found.max(1.0) / rows.unwrap_or(1).max(1) as f64).ln().abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{analyze, parse_one};
    use optischema::model::{CatalogTable, TableName};

    fn members(sql: &str, rows: Option<i64>, types: &[(i32, &str)]) -> Members {
        let documents: Vec<String> = (0..50)
            .map(|i| {
                format!(
                    "{{\"email\": \"u{i}\", \"plan\": {}, \"at\": {{\"city\": \"c{}\"}}}}",
                    i % 5,
                    i % 2
                )
            })
            .collect();
        let doc = CatalogColumn {
            name: "doc".into(),
            data_type: "jsonb".into(),
            histogram: documents,
            ..CatalogColumn::default()
        };
        let name = TableName::new("public", "t");
        let table = CatalogTable {
            name: name.clone(),
            rows: 1000.0,
            columns: vec![doc],
            ..CatalogTable::default()
        };
        let catalog = Catalog {
            search_path: vec!["public".into()],
            tables: [(name, table)].into(),
            ..Catalog::default()
        };
        let statement = parse_one(sql).unwrap();
        let shape = analyze(&statement, &catalog).unwrap();
        let repair = Repair::of(&statement, &shape, &catalog).unwrap();
        let types = types.iter().map(|(n, name)| (*n, (*name).to_owned())).collect();
        Members::of(sql, &statement, &shape, &catalog, &repair, &types, rows)
    }

    #[test]
    fn the_rows_of_a_call_tell_which_member_it_is() {
        let sql = "SELECT 1 FROM t WHERE doc ->> $1 = $2";
        let one = members(sql, Some(1), &[]);
        assert_eq!(one.value(1, BindingKind::Common), Some("email"));
        assert_eq!(one.value(2, BindingKind::Common), Some("u0"));
        assert!(one.remarks[0].contains("email fits") && one.remarks[0].contains("plan"));
        let said = members(&format!("{sql} /* filter='plan' */"), Some(1), &[]);
        assert_eq!(said.value(1, BindingKind::Common), Some("plan"));
        assert!(said.remarks[0].contains("plan is in its comment"));
        let some = members(sql, Some(15), &[]);
        assert_eq!(some.value(1, BindingKind::Common), Some("email"), "fifty tell not how many");
        let many = members(sql, Some(200), &[]);
        assert_eq!(many.value(1, BindingKind::Common), Some("plan"));
    }

    #[test]
    fn a_number_is_looked_for_where_numbers_are_and_a_chain_goes_deeper() {
        let sql = "SELECT 1 FROM t WHERE (doc ->> $1)::int = $2";
        let number = members(sql, Some(1), &[(2, "integer")]);
        assert_eq!(number.value(1, BindingKind::Common), Some("plan"));
        assert!(number.remarks.is_empty(), "there is no other");
        let deep = members("SELECT 1 FROM t WHERE doc -> $1 ->> $2 = $3", None, &[]);
        assert_eq!(deep.value(1, BindingKind::Common), Some("at"));
        assert_eq!(deep.value(2, BindingKind::Common), Some("city"));
        assert_eq!(deep.value(3, BindingKind::Rare), Some("c1"));
    }

    #[test]
    fn a_member_that_is_only_asked_for_is_one_that_so_many_rows_have() {
        let sql = "SELECT 1 FROM t WHERE doc ? $1";
        let all = members(sql, Some(1000), &[]);
        assert_eq!(all.value(1, BindingKind::Common), Some("at"), "which all have, and no scalar");
        assert!(all.remarks.is_empty() && all.steps.is_empty());
    }

    #[test]
    fn an_hstore_is_read_like_a_document() {
        assert_eq!(
            document("\"k\"=>\"v\", \"n\"=>NULL"),
            Some(serde_json::json!({"k": "v", "n": null}))
        );
    }
}
