//! How much of a workload can be planned, and why the rest cannot.

use std::collections::{BTreeMap, BTreeSet};

use crate::figures;
use crate::model::{NotPlanned, ReasonCode, TrackedStatement};

/// What of a workload can be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    pub statements: u64,
    pub planned: u64,
    /// The share of the measured time that planned statements took, in percent; absent where no time was measured.
    pub planned_time_percent: Option<f64>,
    /// The rest by the kind of its reason: the most time first, then the most statements.
    pub reasons: Vec<ReasonGroup>,
    /// The same, each different reason for itself.
    pub each: Vec<EachReason>,
}

/// Statements that are not planned for the same reason.
#[derive(Debug, Clone, PartialEq)]
pub struct EachReason {
    pub reason: NotPlanned,
    pub statements: u64,
    /// Of the workload's measured time, in percent.
    pub time_percent: Option<f64>,
    /// The text of the dearest one.
    pub example: String,
}

/// Statements that are not planned for one kind of reason.
#[derive(Debug, Clone, PartialEq)]
pub struct ReasonGroup {
    pub code: ReasonCode,
    pub statements: u64,
    /// Of the workload's measured time, in percent.
    pub time_percent: Option<f64>,
    /// Each different message once, that of the dearest statement first.
    pub messages: Vec<NotPlanned>,
    /// Functions of the database that are in the way.
    pub functions: BTreeSet<String>,
}

impl Coverage {
    #[must_use]
    pub fn of(statements: &[TrackedStatement]) -> Self {
        let total: f64 = statements.iter().map(|statement| statement.total_time_ms).sum();
        let percent = |time: f64| (total > 0.0).then(|| 100.0 * time / total);
        let mut groups: BTreeMap<ReasonCode, (f64, ReasonGroup)> = BTreeMap::new();
        let mut each: Vec<(f64, EachReason)> = Vec::new();
        let (mut planned, mut planned_time) = (0, 0.0);
        let mut dearest: Vec<&TrackedStatement> = statements.iter().collect();
        dearest.sort_by(|a, b| b.total_time_ms.total_cmp(&a.total_time_ms));
        for statement in dearest {
            let reason = match &statement.plannable {
                Ok(_) => {
                    planned += 1;
                    planned_time += statement.total_time_ms;
                    continue;
                }
                Err(reason) => reason,
            };
            let (time, group) = groups.entry(reason.code).or_insert_with(|| {
                let code = reason.code;
                (
                    0.0,
                    ReasonGroup {
                        code,
                        statements: 0,
                        time_percent: None,
                        messages: Vec::new(),
                        functions: BTreeSet::new(),
                    },
                )
            });
            *time += statement.total_time_ms;
            match each.iter_mut().find(|(_, known)| known.reason == *reason) {
                Some((time, known)) => {
                    *time += statement.total_time_ms;
                    known.statements += 1;
                }
                None => each.push((
                    statement.total_time_ms,
                    EachReason {
                        reason: reason.clone(),
                        statements: 1,
                        time_percent: None,
                        example: statement.sql.clone(),
                    },
                )),
            }
            group.statements += 1;
            group.functions.extend(reason.functions.iter().cloned());
            if !group.messages.contains(reason) {
                group.messages.push(reason.clone());
            }
        }
        let mut groups: Vec<(f64, ReasonGroup)> = groups.into_values().collect();
        groups.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.statements.cmp(&a.1.statements)));
        each.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.statements.cmp(&a.1.statements)));
        Self {
            each: each
                .into_iter()
                .map(|(time, reason)| EachReason { time_percent: percent(time), ..reason })
                .collect(),
            statements: statements.len() as u64,
            planned,
            planned_time_percent: percent(planned_time),
            reasons: groups
                .into_iter()
                .map(|(time, group)| ReasonGroup { time_percent: percent(time), ..group })
                .collect(),
        }
    }

    /// Statements and their share of the time, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let statements = figures::counted(self.statements, "statement");
        let of_time = self.planned_time_percent.map_or_else(String::new, |share| {
            format!(", which took {} of the time", figures::percent(share))
        });
        let planned = figures::grouped(self.planned as f64);
        let (verb, and) = match self.postponed() {
            0 => ("can be planned", String::new()),
            more => ("were planned", format!("; {} were not tried", figures::grouped(more as f64))),
        };
        format!("{planned} of {statements} {verb}{of_time}{and}")
    }

    /// Statements that were not tried: the time was up, or nothing more may be taken from main now.
    #[must_use]
    pub fn postponed(&self) -> u64 {
        let postponed = self.reasons.iter().filter(|group| group.code == ReasonCode::Budget);
        postponed.map(|group| group.statements).sum()
    }

    /// Every function that is in the way.
    #[must_use]
    pub fn functions(&self) -> BTreeSet<String> {
        self.reasons.iter().flat_map(|group| group.functions.iter().cloned()).collect()
    }
}

/// The setting that vouches for functions, as a shell takes it. Names with a comma cannot be in it.
#[must_use]
pub fn trusted_setting<'a>(names: impl Iterator<Item = &'a String>) -> Option<String> {
    let mut each: Vec<&str> = Vec::new();
    for name in names.filter(|name| !name.contains(',')) {
        if !each.contains(&name.as_str()) {
            each.push(name);
        }
    }
    if each.is_empty() {
        return None;
    }
    let list = each.join(",");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.,*".contains(c);
    let value = if list.chars().all(is_plain) {
        list
    } else {
        format!("'{}'", list.replace('\'', "'\\''"))
    };
    Some(format!("OPTISCHEMA_TRUSTED_FUNCTIONS={value}"))
}

impl ReasonGroup {
    /// Statements, their share of the time, and the reason of the dearest one.
    #[must_use]
    pub fn sentence(&self) -> String {
        let statements = figures::counted(self.statements, "statement");
        let of_time =
            self.time_percent.filter(|share| *share > 0.0).map_or_else(String::new, |share| {
                format!(" ({} of the time)", figures::percent(share))
            });
        let example = if self.messages.len() > 1 { ", for example" } else { "" };
        let message = self.messages.first().map_or("", |reason| reason.message.as_str());
        format!("{statements}{of_time} not planned{example}: {message}")
    }

    /// What mends the dearest one, where that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.messages.first().and_then(|reason| reason.remedy.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{QueryHash, QueryKind};

    fn statement(time: f64, plannable: Option<NotPlanned>) -> TrackedStatement {
        TrackedStatement {
            query_hash: QueryHash("a".into()),
            sql: String::new(),
            kind: QueryKind::User,
            calls: 1,
            total_time_ms: time,
            rows: 0,
            temp_blocks: 0,
            plannable: plannable
                .map_or_else(|| Ok(crate::model::PlannableStatement::default()), Err),
        }
    }

    #[test]
    fn reasons_are_grouped_and_the_most_time_comes_first() {
        let of = |function: &str| NotPlanned {
            functions: vec![function.to_owned()],
            ..NotPlanned::with_remedy(
                ReasonCode::NotSafe,
                format!("it calls {function}"),
                "name it",
            )
        };
        let no_table = || NotPlanned::new(ReasonCode::NoTable, "it reads no user table");
        let coverage = Coverage::of(&[
            statement(60.0, None),
            statement(10.0, Some(no_table())),
            statement(1.0, Some(of("app.g"))),
            statement(29.0, Some(of("app.f"))),
        ]);
        assert_eq!(
            coverage.sentence(),
            "1 of 4 statements can be planned, which took 60 % of the time"
        );
        let sentences: Vec<String> = coverage.reasons.iter().map(ReasonGroup::sentence).collect();
        assert_eq!(
            sentences,
            [
                "2 statements (30 % of the time) not planned, for example: it calls app.f",
                "1 statement (10 % of the time) not planned: it reads no user table",
            ]
        );
        assert_eq!(coverage.reasons[0].remedy(), Some("name it"));
        let each: Vec<(&str, u64)> =
            coverage.each.iter().map(|e| (e.reason.message.as_str(), e.statements)).collect();
        assert_eq!(
            each,
            [("it calls app.f", 1), ("it reads no user table", 1), ("it calls app.g", 1)]
        );
        assert_eq!(coverage.functions().into_iter().collect::<Vec<_>>(), ["app.f", "app.g"]);
    }

    #[test]
    fn the_setting_is_one_that_a_shell_takes() {
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            trusted_setting(names.iter())
        };
        assert_eq!(of(&["app.f", "app.*"]).unwrap(), "OPTISCHEMA_TRUSTED_FUNCTIONS=app.f,app.*");
        assert_eq!(
            of(&["app.My f", "a,b.g", "app.it's"]).unwrap(),
            "OPTISCHEMA_TRUSTED_FUNCTIONS='app.My f,app.it'\\''s'"
        );
        assert_eq!(of(&["a,b.g"]), None);
    }

    #[test]
    fn without_times_only_statements_are_counted() {
        let coverage = Coverage::of(&[statement(0.0, None)]);
        assert_eq!(coverage.sentence(), "1 of 1 statement can be planned");
        assert_eq!(coverage.planned_time_percent, None);
    }
}
