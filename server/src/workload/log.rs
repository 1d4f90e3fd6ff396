//! Logs of PostgreSQL: statements with their times and real values (`log_min_duration_statement`), and plans
//! (`auto_explain` with `log_format = json`). Plain text with any `log_line_prefix`, CSV and JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::understand::RawStatement;

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
mod tests {
    use super::*;

    const PLAIN: &str = include_str!("recorded/logs/stderr15.log");
    const CSV: &str = include_str!("recorded/logs/csv15.csv");
    const JSON: &str = include_str!("recorded/logs/json15.json");
    const EIGHTEEN: &str = include_str!("recorded/logs/stderr18.log");

    fn named<'a>(contents: &'a LogContents, part: &str) -> &'a RawStatement {
        contents.statements.iter().find(|raw| raw.sql.contains(part)).unwrap()
    }

    #[test]
    fn the_three_formats_of_one_log_hold_the_same() {
        let plain = read_log(PLAIN);
        assert!(plain.statements.len() >= 4, "{plain:?}");
        assert_eq!(read_log(CSV), plain);
        assert_eq!(read_log(JSON), plain);
    }

    #[test]
    fn values_are_read_as_they_were() {
        for log in [PLAIN, EIGHTEEN] {
            let contents = read_log(log);
            let raw = named(&contents, "is distinct from");
            assert_eq!(raw.calls, 1, "parse, bind and execute are one call");
            let first = Some("O'Brien \"Zoë\"\nZürich – 東京".to_owned());
            assert_eq!(raw.logged, [vec![first, None, Some("100".to_owned())]]);
            let update = named(&contents, "update orders");
            assert_eq!(update.calls, 2);
            assert_eq!(update.logged[0][0].as_deref(), Some("paid, 'late'"));
            assert_eq!(update.logged[1][0].as_deref(), Some("back\\slash\ttab"));
        }
    }

    #[test]
    fn statements_of_many_lines_are_whole_and_errors_are_passed_over() {
        let contents = read_log(PLAIN);
        let raw = named(&contents, "sum(o.total)");
        assert!(raw.sql.ends_with("order by total desc"), "{}", raw.sql);
        assert!(
            raw.sql.contains("\n\tjoin customers"),
            "only the log's own tab is taken off: {}",
            raw.sql
        );
        assert!(raw.total_time_ms > 4.0);
        assert!(!contents.statements.iter().any(|raw| raw.sql.contains("no_such_table")));
    }

    #[test]
    fn plans_of_auto_explain_come_with_their_statement() {
        for (log, values) in [(PLAIN, 0), (EIGHTEEN, 2)] {
            let contents = read_log(log);
            assert_eq!(contents.plans.len(), 1, "{:?}", contents.notes);
            let plan = &contents.plans[0];
            assert!(plan.sql.starts_with("select id,"));
            assert_eq!(plan.values.len(), values);
            assert!(optischema::plan::parse_plan(&plan.plan).is_ok());
        }
    }

    #[test]
    fn a_plan_that_is_not_json_is_noted_and_the_rest_is_read() {
        let log = "2026-01-01 [1] LOG:  duration: 1.0 ms  plan:\n\tQuery Text: SELECT 1\n\tResult  (cost=0.00..0.01)\n2026-01-01 [1] LOG:  duration: 2.0 ms  statement: SELECT 2 FROM t";
        let contents = read_log(log);
        assert_eq!(contents.statements.len(), 1);
        assert!(
            contents.notes[0].contains("auto_explain.log_format = json"),
            "{:?}",
            contents.notes
        );
    }

    #[test]
    fn values_that_were_shortened_are_not_used() {
        assert_eq!(parameters("$1 = 'abc'..., $2 = '1'"), None);
        assert_eq!(parameters("$1 = 'unclosed"), None);
        assert_eq!(parameters("nonsense"), None);
    }

    #[test]
    fn a_time_that_is_no_time_is_passed_over() {
        for time in ["NaN", "inf", "-1e308"] {
            let log = format!("x LOG:  duration: {time} ms  statement: SELECT 1 FROM t");
            assert!(read_log(&log).statements.is_empty(), "{time}");
        }
    }

    #[test]
    fn sql_is_no_log() {
        assert!(!looks_like_log("SELECT 1; -- LOG: x\nSELECT 2"));
        assert!([PLAIN, CSV, JSON, EIGHTEEN].into_iter().all(looks_like_log));
    }

    #[test]
    fn text_and_time_on_different_lines_belong_together_by_their_process() {
        let lines = [
            "2026-03-05 11:00:00.000 UTC [5001] shop@shop LOG:  statement: SELECT 1 FROM a",
            "2026-03-05 11:00:00.005 UTC [5002] shop@shop LOG:  statement: SELECT 2 FROM b",
            "2026-03-05 11:00:00.006 UTC [5002] shop@shop LOG:  duration: 0.210 ms",
            "2026-03-05 11:00:00.007 UTC [5003] shop@shop LOG:  duration: 9.000 ms",
            "2026-03-05 11:00:00.489 UTC [5001] shop@shop LOG:  duration: 489.168 ms",
            "2026-03-05 11:00:01.001 UTC [5003] shop@shop LOG:  execute <unnamed>: SELECT 3 FROM c WHERE x = $1",
            "2026-03-05 11:00:01.001 UTC [5003] shop@shop DETAIL:  parameters: $1 = '14321'",
            "2026-03-05 11:00:01.300 UTC [5003] shop@shop LOG:  duration: 300.001 ms",
            "2026-03-05 11:00:02.000 UTC [5001] shop@shop LOG:  statement: EXECUTE p(5)",
            "2026-03-05 11:00:02.000 UTC [5001] shop@shop DETAIL:  prepare: PREPARE p(int) AS SELECT 4 FROM d WHERE y = $1",
            "2026-03-05 11:00:02.001 UTC [5001] shop@shop LOG:  duration: 1.500 ms",
        ];
        let contents = read_log(&lines.join("\n"));
        let times: Vec<(&str, i64, f64)> = contents
            .statements
            .iter()
            .map(|s| (s.sql.as_str(), s.calls, s.total_time_ms))
            .collect();
        assert_eq!(
            times,
            [
                ("PREPARE p(int) AS SELECT 4 FROM d WHERE y = $1", 1, 1.5),
                ("SELECT 1 FROM a", 1, 489.168),
                ("SELECT 2 FROM b", 1, 0.21),
                ("SELECT 3 FROM c WHERE x = $1", 1, 300.001),
            ]
        );
        assert_eq!(contents.statements[3].logged, [vec![Some("14321".to_owned())]]);
        assert!(contents.notes.is_empty(), "{:?}", contents.notes);
        // Without a process in the prefix nobody's time is taken for another's.
        let bare = "LOG:  statement: SELECT 1 FROM a\nLOG:  statement: SELECT 2 FROM b\nLOG:  duration: 5.000 ms";
        let contents = read_log(bare);
        assert!(contents.statements.iter().all(|s| s.calls == 1 && s.total_time_ms == 0.0));
        assert!(contents.notes[0].contains("log_min_duration_statement"), "{:?}", contents.notes);
    }

    #[test]
    fn processes_are_found_in_usual_prefixes() {
        for (prefix, process) in [
            ("2026-03-05 11:00:00.000 UTC [5001] shop@shop LOG:  ", "5001"),
            ("2026-03-05 11:00:00 UTC:10.0.0.1(55):app@shop:[5001]:LOG:  ", "5001"),
            ("2026-03-05 11:00:00 UTC [5001-1] app@shop LOG:  ", "5001"),
            ("2026-03-05 11:00:00 CET pid=5001,user=app LOG:  ", "5001"),
            ("t=2026-03-05 11:00:00 p=5001 l=3 LOG:  ", "5001"),
            ("2026-03-05 11:00:00 CET 5001 app LOG:  ", "5001"),
            ("LOG:  ", ""),
            ("2026-03-05 11:00:00.000 UTC app@shop LOG:  ", ""),
        ] {
            assert_eq!(process_of(prefix), process, "{prefix}");
        }
    }

    #[test]
    fn lines_in_envelopes_of_services_are_read() {
        let line =
            "2026-03-05 11:00:00 UTC [7] LOG:  duration: 12.500 ms  statement: SELECT 1 FROM a";
        let wrapped = |value: Value| value.to_string();
        for text in [
            wrapped(serde_json::json!({ "textPayload": line, "severity": "INFO" })),
            wrapped(serde_json::json!({ "timestamp": 1, "message": line })),
            wrapped(serde_json::json!({ "properties": { "message": line, "errorLevel": "LOG" } })),
            wrapped(
                serde_json::json!({ "event_message": "duration: 12.500 ms  statement: SELECT 1 FROM a", "id": "x" }),
            ),
            wrapped(serde_json::json!({ "log": line, "stream": "stderr" })),
        ] {
            assert!(looks_like_log(&text), "{text}");
            let contents = read_log(&text);
            assert_eq!(contents.statements.len(), 1, "{text}");
            assert_eq!(contents.statements[0].total_time_ms, 12.5, "{text}");
        }
    }

    #[test]
    fn plans_alone_count_every_execution() {
        let plan = |ms: &str| {
            format!(
                "2026-03-05 11:00:00 UTC [7] LOG:  duration: {ms} ms  plan:\n\t{{\"Query Text\": \"SELECT 1 FROM a\", \"Plan\": {{}}}}\n"
            )
        };
        let contents = read_log(&(plan("10.0") + &plan("20.0") + &plan("30.0")));
        let statement = &contents.statements[0];
        assert_eq!((statement.calls, statement.total_time_ms), (3, 60.0));
    }
}
