//! What one entry tells: a statement, its time, a plan.

use serde_json::Value;

use super::plans::NoPlan;
use super::{Entry, LoggedPlan};
use crate::sql::{PreparedUse, prepared_use};

/// What an entry tells.
pub(super) enum Event {
    Ran {
        sql: String,
        duration_ms: f64,
        values: Vec<Option<String>>,
    },
    /// `log_statement`: the text before it runs.
    Began {
        sql: String,
        values: Vec<Option<String>>,
    },
    /// `log_duration`: a time without its text.
    Took(f64),
    Planned(LoggedPlan),
    Unreadable(NoPlan),
}

pub(super) fn event(entry: &Entry) -> Option<Event> {
    let Some(timed) = entry.message.strip_prefix("duration: ") else {
        let (sql, values) = statement(&entry.message, &entry.detail)?;
        return Some(Event::Began { sql, values });
    };
    let (time, what) = match timed.split_once(" ms  ") {
        Some((time, what)) => (time, Some(what)),
        None => (timed.trim_end().strip_suffix(" ms")?, None),
    };
    let duration_ms: f64 =
        time.parse().ok().filter(|time: &f64| time.is_finite() && *time >= 0.0)?;
    let Some(what) = what else { return Some(Event::Took(duration_ms)) };
    if let Some(json) = what.strip_prefix("plan:") {
        return Some(planned(json.trim(), duration_ms));
    }
    let (sql, values) = statement(what, &entry.detail)?;
    Some(Event::Ran { sql, duration_ms, values })
}

/// The text and the values of `statement: …` and `execute name: …`. Parsing and binding are logged beside the run, with
/// the same values.
fn statement(what: &str, detail: &str) -> Option<(String, Vec<Option<String>>)> {
    let (phase, sql) = what.split_once(": ")?;
    if phase != "statement" && !phase.starts_with("execute ") {
        return None;
    }
    // EXECUTE of what was prepared by PREPARE: the text is its detail.
    if let Some(prepared) = detail.strip_prefix("prepare: ") {
        let values = match prepared_use(sql) {
            Some(PreparedUse::Run { values, .. }) => values.unwrap_or_default(),
            _ => Vec::new(),
        };
        return Some((prepared.trim().to_owned(), values));
    }
    let values = detail.split_once("arameters: ").map(|(_, list)| parameters(list));
    Some((sql.trim().to_owned(), values.unwrap_or_default().unwrap_or_default()))
}

fn planned(json: &str, duration_ms: f64) -> Event {
    let Ok(value) = serde_json::from_str::<Value>(json) else {
        return Event::Unreadable(NoPlan::NotJson);
    };
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let Some(sql) = text("Query Text").map(|sql| sql.trim().to_owned()) else {
        return Event::Unreadable(NoPlan::NoStatement);
    };
    let values = text("Query Parameters").and_then(parameters).unwrap_or_default();
    Event::Planned(LoggedPlan { sql, duration_ms, values, plan: value })
}

/// `$1 = 'it''s', $2 = NULL`. A value that the server shortened makes the whole set useless.
pub(super) fn parameters(list: &str) -> Option<Vec<Option<String>>> {
    let mut values = Vec::new();
    let mut rest = list.trim();
    while !rest.is_empty() {
        let (_, after) = rest.strip_prefix('$')?.split_once(" = ")?;
        if let Some(after) = after.strip_prefix("NULL") {
            values.push(None);
            rest = after;
        } else {
            let (value, after) = quoted(after.strip_prefix('\'')?)?;
            if after.starts_with("...") {
                return None;
            }
            values.push(Some(value));
            rest = after;
        }
        rest = rest.strip_prefix(", ").unwrap_or(rest).trim_end();
        if !rest.is_empty() && !rest.starts_with('$') {
            return None;
        }
    }
    Some(values)
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut rest) = (String::new(), text);
    loop {
        let end = rest.find('\'')?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => {
                if value.ends_with("...") && rest.starts_with("...") {
                    return None;
                }
                return Some((value, rest));
            }
        }
    }
}
