//! Logs of PostgreSQL: statements with their times and real values (`log_min_duration_statement`), and plans
//! (`auto_explain` with `log_format = json`). Plain text with any `log_line_prefix`, CSV and JSON, read entry by entry.

mod envelopes;
mod formats;
mod json_lines;
mod lines;
mod messages;
mod nesting;
mod plain;
mod plans;
mod texts;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use serde_json::Value;

use self::formats::{Format, read_entries};
use self::messages::{Event, event};
use self::nesting::Nesting;
use self::plans::Plans;
use self::texts::Texts;
use super::raw::RawStatement;
use crate::sql::{PreparedUse, prepared_use};

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
    /// Of each statement, one of each shape.
    pub plans: Vec<LoggedPlan>,
    /// What could not be read, one sentence each.
    pub notes: Vec<String>,
    /// Entries that were left out, by the other database that they belong to.
    pub elsewhere: BTreeMap<String, u64>,
}

impl LogContents {
    /// Why there is nothing to advise on; absent where there is something.
    #[must_use]
    pub fn emptiness(&self) -> Option<String> {
        if !self.statements.is_empty() || !self.plans.is_empty() {
            return None;
        }
        let notes: String = self.notes.iter().map(|note| format!(". {note}")).collect();
        Some(match self.elsewhere.is_empty() {
            true => format!(
                "the log holds no statement and no plan: set log_min_duration_statement = 0 for a while (or auto_explain with log_format = json){notes}"
            ),
            false => format!(
                "the log holds no statement of this database: connect to the one whose statements it holds, or read a log of this one{notes}"
            ),
        })
    }
}

/// One entry, whatever the format.
#[derive(Debug, Clone, Default, PartialEq)]
struct Entry {
    message: String,
    detail: String,
    /// Which process wrote it; empty where the log does not say.
    process: String,
    /// The database that the process is connected to; empty where the log does not say.
    database: String,
    /// The role that the process runs as; empty where the log does not say.
    role: String,
    /// When it was written, in milliseconds; absent where the log does not say so exactly.
    at_ms: Option<f64>,
}

/// Bytes that are looked at to tell a log from SQL.
const HEAD: u64 = 256 << 10;

/// Whether a text is a log rather than SQL, by its first lines.
#[must_use]
pub fn looks_like_log(text: &str) -> bool {
    Format::of(text).is_some()
}

/// The first bytes of a source as text, and the whole source.
///
/// # Errors
/// It cannot be read.
pub fn peek<R: BufRead>(mut source: R) -> io::Result<(String, impl BufRead)> {
    let mut head = Vec::new();
    (&mut source).take(HEAD).read_to_end(&mut head)?;
    let text = String::from_utf8_lossy(&head).into_owned();
    Ok((text, io::Cursor::new(head).chain(source)))
}

/// Reads a log whose first lines are `head`. What is no statement and no plan is passed over, and so are entries of other
/// databases than `database`, where both are known. Memory is bounded, whatever the size of the log.
///
/// # Errors
/// The source cannot be read.
pub fn read_log(
    head: &str,
    source: impl BufRead,
    database: Option<&str>,
) -> io::Result<LogContents> {
    let database = database.map(str::to_owned);
    let mut reading = Reading { database, ..Reading::default() };
    let format = Format::of(head).unwrap_or(Format::Plain);
    let is_whole = read_entries(format, source, &mut |entry| reading.take(entry))?;
    let mut contents = reading.contents();
    if !is_whole {
        contents.notes.push(
            "An entry of the log is longer than 16 MiB: a quote may never be closed. The rest of the log was not read."
                .to_owned(),
        );
    }
    Ok(contents)
}

/// Other databases that are named at most.
const MOST_DATABASES: usize = 100;
/// Statements that wait for their time at most; a server has fewer processes at one time.
const MOST_WAITING: usize = 10_000;

/// What is known while a log is read.
#[derive(Default)]
struct Reading {
    /// The database whose entries count; all where absent.
    database: Option<String>,
    /// Which statements ran inside others.
    nesting: Nesting,
    /// Whose entry is read now.
    role: String,
    /// Entries of others.
    elsewhere: BTreeMap<String, u64>,
    timed: Texts,
    /// Executions that `auto_explain` logged.
    planned: Texts,
    plans: Plans,
    /// Statements whose time stands on a later line of the same process.
    waiting: BTreeMap<String, (String, Vec<Option<String>>)>,
    /// What was prepared by PREPARE, by process and name.
    prepared: BTreeMap<(String, String), String>,
    /// Statements without a time.
    untimed: i64,
}

impl Reading {
    fn take(&mut self, entry: Entry) {
        let is_known = !entry.database.is_empty();
        if is_known && self.database.as_ref().is_some_and(|own| *own != entry.database) {
            if self.elsewhere.len() < MOST_DATABASES || self.elsewhere.contains_key(&entry.database)
            {
                *self.elsewhere.entry(entry.database).or_default() += 1;
            }
            return;
        }
        let process = entry.process.clone();
        self.role.clone_from(&entry.role);
        match event(&entry).map(|event| self.resolved(event, &process)) {
            Some(Event::Ran { sql, duration_ms, values }) => {
                let duration_ms = self.nesting.own_time(&process, entry.at_ms, duration_ms, &sql);
                self.timed.ran(sql, duration_ms, values, &self.role);
            }
            // Whose time comes next cannot be told.
            Some(Event::Began { sql, values }) if process.is_empty() => {
                self.ran_untimed(sql, values);
            }
            Some(Event::Began { sql, values }) => {
                if self.waiting.len() >= MOST_WAITING {
                    self.end_waiting();
                }
                if let Some((sql, values)) = self.waiting.insert(process, (sql, values)) {
                    self.ran_untimed(sql, values);
                }
            }
            Some(Event::Took(duration_ms)) => {
                if let Some((sql, values)) = self.waiting.remove(&process) {
                    self.timed.ran(sql, duration_ms, values, &self.role);
                }
            }
            Some(Event::Planned(plan)) => {
                let values = plan.values.clone();
                let own_ms =
                    self.nesting.own_time(&process, entry.at_ms, plan.duration_ms, &plan.sql);
                self.planned.ran(plan.sql.clone(), own_ms, values, &self.role);
                self.plans.take(plan);
            }
            Some(Event::Unreadable(why)) => self.plans.pass_over(why),
            None => {}
        }
    }

    /// An event with what was prepared in the place of EXECUTE, where the process prepared it before.
    fn resolved(&mut self, mut event: Event, process: &str) -> Event {
        let (Event::Ran { sql, values, .. } | Event::Began { sql, values }) = &mut event else {
            return event;
        };
        match prepared_use(sql) {
            Some(PreparedUse::Made { name }) if self.prepared.len() < MOST_WAITING => {
                self.prepared.insert((process.to_owned(), name), sql.clone());
            }
            Some(PreparedUse::Run { name, values: given }) => {
                if let Some(text) = self.prepared.get(&(process.to_owned(), name)) {
                    sql.clone_from(text);
                    *values = given.unwrap_or_default();
                }
            }
            _ => {}
        }
        event
    }

    fn ran_untimed(&mut self, sql: String, values: Vec<Option<String>>) {
        self.untimed += 1;
        self.timed.ran(sql, 0.0, values, &self.role);
    }

    fn end_waiting(&mut self) {
        for (sql, values) in std::mem::take(&mut self.waiting).into_values() {
            self.ran_untimed(sql, values);
        }
    }

    fn contents(mut self) -> LogContents {
        self.end_waiting();
        // Where only plans are logged, they tell the calls too.
        self.timed.complete_with(self.planned);
        let (plans, mut notes) = self.plans.contents();
        notes.extend(self.timed.note());
        if !self.elsewhere.is_empty() {
            let entries: u64 = self.elsewhere.values().sum();
            let names: Vec<&str> = self.elsewhere.keys().map(String::as_str).take(5).collect();
            notes.push(format!(
                "The log holds entries of other databases ({}), which are left out: {entries}.",
                names.join(", ")
            ));
        }
        if self.untimed > 0 {
            notes.push(format!(
                "{} statements of the log have no time of their own: log_min_duration_statement = 0 in place of log_statement gives text and time on one line, and %p in log_line_prefix tells whose time a line is",
                self.untimed
            ));
        }
        LogContents {
            is_log: true,
            statements: self.timed.into_statements(),
            plans,
            notes,
            elsewhere: self.elsewhere,
        }
    }
}

#[cfg(test)]
mod tests;
