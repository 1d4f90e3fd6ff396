//! Which applied changes depend on which others, and so in which order they are rolled back.

use std::fmt;

use crate::model::{CatalogChange, CatalogObject, Change, ChangeStatus, Dependent};

/// Why one change must be rolled back before another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependence {
    /// The later change altered an object that the earlier one had altered: rolling back the earlier one would overwrite it.
    AlteredAgain(CatalogObject),
    /// The later change dropped an index of a table on which the earlier one had created an index, which may be why it could
    /// be dropped.
    Replaced { dropped: CatalogObject, by: CatalogObject },
}

impl fmt::Display for Dependence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlteredAgain(object) => write!(f, "it altered {object} again"),
            Self::Replaced { dropped, by } => {
                write!(f, "it dropped the {dropped}, which the {by} may replace")
            }
        }
    }
}

/// Applied changes that were made after `of` and depend on it: they must be rolled back first. Newest first.
#[must_use]
pub fn dependents(changes: &[Change], of: &Change) -> Vec<Dependent> {
    let mut later: Vec<&Change> = changes
        .iter()
        .filter(|change| change.status == ChangeStatus::Applied && change.id != of.id)
        .filter(|change| (change.applied_at, change.id) > (of.applied_at, of.id))
        .collect();
    later.sort_by_key(|change| std::cmp::Reverse((change.applied_at, change.id)));
    let depends = |change: &&Change| {
        dependence(of, change).map(|dependence| Dependent {
            change_id: change.id,
            recommendation_title: change.recommendation_title.clone(),
            because: dependence.to_string(),
        })
    };
    later.iter().filter_map(depends).collect()
}

fn dependence(earlier: &Change, later: &Change) -> Option<Dependence> {
    let effect = |change: &Change| change.detail.as_ref().map(|detail| detail.effect.clone());
    let (first, second) = (effect(earlier)?, effect(later)?);
    let altered_again =
        |one: &&CatalogChange| second.iter().any(|other| other.object == one.object);
    if let Some(change) = first.iter().find(altered_again) {
        return Some(Dependence::AlteredAgain(change.object.clone()));
    }
    let is_index = |change: &CatalogChange| change.object.index().is_some();
    let made = first.iter().find(|change| change.before.is_none() && is_index(change));
    let dropped = second.iter().find(|change| change.after.is_none() && is_index(change));
    let shared = earlier.tables.iter().any(|table| later.tables.contains(table));
    match (made, dropped, shared) {
        (Some(made), Some(dropped), true) => {
            Some(Dependence::Replaced { dropped: dropped.object.clone(), by: made.object.clone() })
        }
        _ => None,
    }
}

/// Changes in the order in which they are rolled back: the newest first, so that none is left that depends on one that is
/// gone.
#[must_use]
pub fn rollback_order(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by_key(|change| std::cmp::Reverse((change.applied_at, change.id)));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ChangeDetail, ChangeId, ChangeKind, ChangedObject, JobId, RecommendationId, TableName,
        Timestamp,
    };
    use uuid::Uuid;

    fn change(number: u128, table: &str, effect: &[(&str, Option<&str>, Option<&str>)]) -> Change {
        let line = |(object, before, after): &(&str, Option<&str>, Option<&str>)| CatalogChange {
            object: object.parse().unwrap(),
            before: before.map(|text| text.to_owned().into()),
            after: after.map(|text| text.to_owned().into()),
        };
        Change {
            id: ChangeId(Uuid::from_u128(number)),
            recommendation_id: RecommendationId(Uuid::from_u128(number)),
            recommendation_title: format!("change {number}"),
            job_id: JobId(Uuid::from_u128(number)),
            database: "shop".into(),
            target: String::new(),
            kind: ChangeKind::CreateIndex,
            actor: "ann".into(),
            tables: vec![TableName::new("public", table)],
            sql: String::new(),
            sql_hash: String::new(),
            rollback_sql: String::new(),
            no_rollback: None,
            status: ChangeStatus::Applied,
            applied_at: Timestamp::from_millisecond(number as i64),
            rolled_back_at: None,
            object: ChangedObject {
                schema: "public".into(),
                name: "x".into(),
                oid: None,
                definition: String::new(),
            },
            override_reason: None,
            detail: Some(ChangeDetail {
                effect: effect.iter().map(line).collect(),
                ..ChangeDetail::default()
            }),
            predicted_percent: None,
            measured_percent: None,
            watch: None,
        }
    }

    #[test]
    fn a_later_change_of_the_same_line_stands_on_the_first() {
        let first = change(1, "t", &[("table public.t", None, Some("fillfactor=90"))]);
        let second =
            change(2, "t", &[("table public.t", Some("fillfactor=90"), Some("fillfactor=70"))]);
        let all = [first.clone(), second.clone()];
        assert_eq!(dependents(&all, &first)[0].change_id, second.id);
        assert!(dependents(&all, &second).is_empty(), "the newest stands on its own");
    }

    #[test]
    fn a_dropped_index_stands_on_the_one_that_took_its_place() {
        let made = change(1, "t", &[("index public.wide", None, Some("…"))]);
        let dropped = change(2, "t", &[("index public.narrow", Some("…"), None)]);
        let elsewhere = change(3, "u", &[("index public.other", Some("…"), None)]);
        let all = [made.clone(), dropped, elsewhere];
        let found = dependents(&all, &made);
        assert_eq!(found.len(), 1, "another table's index does not: {found:?}");
        let object = |text: &str| text.parse().unwrap();
        assert_eq!(
            dependence(&all[0], &all[1]),
            Some(Dependence::Replaced {
                dropped: object("index public.narrow"),
                by: object("index public.wide"),
            })
        );
    }

    #[test]
    fn what_no_longer_stands_holds_nothing_up() {
        let first = change(1, "t", &[("table public.t", None, Some("a"))]);
        let mut second = change(2, "t", &[("table public.t", Some("a"), Some("b"))]);
        second.status = ChangeStatus::RolledBack;
        assert!(dependents(&[first.clone(), second], &first).is_empty());
    }

    #[test]
    fn the_newest_is_rolled_back_first() {
        let order =
            rollback_order(vec![change(1, "t", &[]), change(3, "t", &[]), change(2, "t", &[])]);
        let numbers: Vec<u128> = order.iter().map(|change| change.id.0.as_u128()).collect();
        assert_eq!(numbers, [3, 2, 1]);
    }
}
