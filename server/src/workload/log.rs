//! Logs of PostgreSQL: statements with their times and real values (`log_min_duration_statement`), and plans
//! (`auto_explain` with `log_format = json`). Plain text with any `log_line_prefix`, CSV and JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::raw::RawStatement;

/// One plan that `auto_explain` wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedPlan {
    pub sql: String,
    pub duration_ms: f64,
    /// `$1`, `$2`, …; empty where the log does not say.
    pub values: Vec<Option<String>>,
    pub plan: Value,
}

/// What a log holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogContents {
    /// False where the text was SQL.
    pub is_log: bool,
    /// Each text once, with its calls, time and sets of values.
    pub statements: Vec<RawStatement>,
    pub plans: Vec<LoggedPlan>,
    /// What could not be read, one sentence each.
    pub notes: Vec<String>,
}

/// One entry, whatever the format.
#[derive(Debug, Clone, Default, PartialEq)]
struct Entry {
    message: String,
    detail: String,
    /// Which process wrote it; empty where the log does not say.
    process: String,
}

/// Sets of values that are kept for one statement.
const MOST_VALUES: usize = 5;
/// Lines that are looked at to tell a log from SQL.
const HEAD: usize = 40;

/// Whether a text is a log rather than SQL.
#[must_use]
pub fn looks_like_log(text: &str) -> bool {
    text.lines().take(HEAD).any(|line| {
        is_json_entry(line) || line.contains(",LOG,00000,") || severity(line) == Some("LOG")
    })
}

/// Reads a log. What is no statement and no plan is passed over.
#[must_use]
pub fn read_log(text: &str) -> LogContents {
    let head = || text.lines().take(HEAD);
    let entries = if head().any(is_json_entry) {
        json_entries(text)
    } else if head().any(|line| line.contains(",LOG,00000,")) {
        csv_entries(text)
    } else {
        plain_entries(text)
    };
    let mut reading = Reading::default();
    for entry in &entries {
        reading.take(entry);
    }
    reading.contents()
}

/// What is known while a log is read.
#[derive(Default)]
struct Reading {
    by_text: BTreeMap<String, RawStatement>,
    plans: Vec<LoggedPlan>,
    notes: Vec<String>,
    /// Statements whose time stands on a later line of the same process.
    waiting: BTreeMap<String, (String, Vec<Option<String>>)>,
    /// Statements without a time.
    untimed: i64,
}

impl Reading {
    fn take(&mut self, entry: &Entry) {
        match event(entry) {
            Some(Event::Ran { sql, duration_ms, values }) => self.ran(sql, duration_ms, values),
            Some(Event::Began { sql, values }) => {
                if entry.process.is_empty() {
                    // Whose time comes next cannot be told.
                    self.untimed += 1;
                    self.ran(sql, 0.0, values);
                } else if let Some((sql, values)) =
                    self.waiting.insert(entry.process.clone(), (sql, values))
                {
                    self.untimed += 1;
                    self.ran(sql, 0.0, values);
                }
            }
            Some(Event::Took(duration_ms)) => {
                if let Some((sql, values)) = self.waiting.remove(&entry.process) {
                    self.ran(sql, duration_ms, values);
                }
            }
            Some(Event::Planned(plan)) => self.plans.push(plan),
            Some(Event::Unreadable(note)) if !self.notes.contains(&note) => self.notes.push(note),
            Some(Event::Unreadable(_)) | None => {}
        }
    }

    fn ran(&mut self, sql: String, duration_ms: f64, values: Vec<Option<String>>) {
        let known = self
            .by_text
            .entry(sql.clone())
            .or_insert_with(|| RawStatement { sql, ..RawStatement::default() });
        known.calls += 1;
        known.total_time_ms += duration_ms;
        let is_new = !values.is_empty() && !known.logged.contains(&values);
        if is_new && known.logged.len() < MOST_VALUES {
            known.logged.push(values);
        }
    }

    fn contents(mut self) -> LogContents {
        for (sql, values) in std::mem::take(&mut self.waiting).into_values() {
            self.untimed += 1;
            self.ran(sql, 0.0, values);
        }
        // Where only plans are logged, they tell the calls too.
        let logged: BTreeSet<String> = self.by_text.keys().cloned().collect();
        for plan in self.plans.clone() {
            let LoggedPlan { sql, duration_ms, values, .. } = plan;
            if !logged.contains(&sql) {
                self.ran(sql, duration_ms, values);
            } else if let Some(known) = self.by_text.get_mut(&sql)
                && known.logged.is_empty()
                && !values.is_empty()
            {
                known.logged.push(values);
            }
        }
        if self.untimed > 0 {
            self.notes.push(format!(
                "{} statements of the log have no time of their own: log_min_duration_statement = 0 in place of log_statement gives text and time on one line, and %p in log_line_prefix tells whose time a line is",
                self.untimed
            ));
        }
        let statements = self.by_text.into_values().collect();
        LogContents { is_log: true, statements, plans: self.plans, notes: self.notes }
    }
}

enum Event {
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
    Unreadable(String),
}

fn event(entry: &Entry) -> Option<Event> {
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
        return Some((prepared.trim().to_owned(), Vec::new()));
    }
    let values = detail.split_once("arameters: ").map(|(_, list)| parameters(list));
    Some((sql.trim().to_owned(), values.unwrap_or_default().unwrap_or_default()))
}

fn planned(json: &str, duration_ms: f64) -> Event {
    let value: Value = match serde_json::from_str(json) {
        Ok(value) => value,
        Err(error) => {
            return Event::Unreadable(format!(
                "a plan of auto_explain is not JSON ({error}): set auto_explain.log_format = json"
            ));
        }
    };
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let Some(sql) = text("Query Text").map(|sql| sql.trim().to_owned()) else {
        return Event::Unreadable("a plan of auto_explain names no statement".into());
    };
    let values = text("Query Parameters").and_then(parameters).unwrap_or_default();
    Event::Planned(LoggedPlan { sql, duration_ms, values, plan: value })
}

/// `$1 = 'it''s', $2 = NULL`. A value that the server shortened makes the whole set useless.
fn parameters(list: &str) -> Option<Vec<Option<String>>> {
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

/// PostgreSQL's own JSON, or a line of a service that collects logs.
fn is_json_entry(line: &str) -> bool {
    line.starts_with('{')
        && ["\"error_severity\":", "LOG:  ", "duration: "].iter().any(|part| line.contains(part))
}

/// Where services put the line: Google Cloud (`textPayload`, `jsonPayload.message`), CloudWatch and Datadog (`message`),
/// Azure (`properties.message`), Supabase (`event_message`), container runtimes (`log`, `msg`).
const PLACES: &[&[&str]] = &[
    &["textPayload"],
    &["jsonPayload", "message"],
    &["properties", "message"],
    &["event_message"],
    &["message"],
    &["log"],
    &["msg"],
];

/// Where they put the process, if the line has none.
const PROCESSES: &[&[&str]] = &[
    &["pid"],
    &["process_id"],
    &["properties", "processId"],
    &["jsonPayload", "pid"],
    &["parsed", "process_id"],
    &["labels", "pid"],
];

fn json_entries(text: &str) -> Vec<Entry> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut entries, mut plain) = (Vec::new(), String::new());
    for value in lines {
        let at = |path: &[&str]| path.iter().try_fold(&value, |value, key| value.get(key));
        let process = PROCESSES.iter().find_map(|path| match at(path)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let message = PLACES.iter().find_map(|path| at(path)?.as_str()).unwrap_or_default();
        if message.lines().any(|line| split_entry(line).is_some()) {
            // A whole line of the server's log, with its prefix.
            plain.push_str(message.trim_end());
            plain.push('\n');
        } else {
            let detail = value.get("detail").and_then(Value::as_str).unwrap_or_default();
            entries.push(Entry {
                message: message.to_owned(),
                detail: detail.to_owned(),
                process: process.unwrap_or_default(),
            });
        }
    }
    entries.extend(plain_entries(&plain));
    entries
}

fn csv_entries(text: &str) -> Vec<Entry> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    // Columns 4, 14 and 15 of the documented order are process, message and detail.
    let field =
        |record: &csv::StringRecord, at: usize| record.get(at).unwrap_or_default().to_owned();
    reader
        .records()
        .filter_map(Result::ok)
        .map(|record| Entry {
            message: field(&record, 13),
            detail: field(&record, 14),
            process: field(&record, 3),
        })
        .collect()
}

/// The process in a line's prefix: a number in brackets, after `pid=`, or standing alone.
fn process_of(prefix: &str) -> String {
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let after = |mark: &str| {
        let mut parts = prefix.split(mark).skip(1).map(|rest| (number(rest), rest));
        parts.find(|(digits, rest)| {
            !digits.is_empty() && (mark != "[" || rest[digits.len()..].starts_with([']', '-']))
        })
    };
    let named = after("[").or_else(|| after("pid=")).or_else(|| after("p="));
    let alone = || {
        let words = prefix.split_whitespace();
        let mut numbers = words.filter(|word| word.chars().all(|c| c.is_ascii_digit()));
        numbers.next().map(str::to_owned)
    };
    named.map(|(digits, _)| digits).or_else(alone).unwrap_or_default()
}

const SEVERITIES: &[&str] = &[
    "LOG",
    "DETAIL",
    "STATEMENT",
    "ERROR",
    "HINT",
    "WARNING",
    "FATAL",
    "PANIC",
    "NOTICE",
    "CONTEXT",
    "INFO",
    "DEBUG",
    "QUERY",
    "LOCATION",
];

/// The severity of a line that begins an entry, whatever its prefix.
fn severity(line: &str) -> Option<&'static str> {
    split_entry(line).map(|(severity, _)| severity)
}

fn split_entry(line: &str) -> Option<(&'static str, &str)> {
    if line.starts_with('\t') {
        return None;
    }
    // The message may hold such a word too: the first one is the line's own.
    SEVERITIES
        .iter()
        .filter_map(|severity| {
            let at = line.find(&format!("{severity}:  "))?;
            let before = line[..at].chars().next_back();
            let own = before.is_none_or(|c| !c.is_alphanumeric());
            own.then(|| (at, *severity, &line[at + severity.len() + 3..]))
        })
        .min_by_key(|(at, ..)| *at)
        .map(|(_, severity, message)| (severity, message))
}

fn plain_entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut in_detail = false;
    let mut passed_over = true;
    for line in text.lines() {
        match split_entry(line) {
            Some(("LOG", message)) => {
                let prefix = &line[..line.len() - message.len()];
                let (message, process) = (message.to_owned(), process_of(prefix));
                entries.push(Entry { message, detail: String::new(), process });
                (in_detail, passed_over) = (false, false);
            }
            Some(("DETAIL", detail)) if !passed_over => {
                if let Some(entry) = entries.last_mut() {
                    entry.detail = detail.to_owned();
                }
                in_detail = true;
            }
            Some(_) => passed_over = true,
            None if passed_over => {}
            None => {
                // PostgreSQL puts a tab before each further line, inside values too.
                let line = line.strip_prefix('\t').unwrap_or(line);
                if let Some(entry) = entries.last_mut() {
                    let part = if in_detail { &mut entry.detail } else { &mut entry.message };
                    part.push('\n');
                    part.push_str(line);
                }
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests;
