//! Logs of PostgreSQL: statements with their times and real values (`log_min_duration_statement`), and plans
//! (`auto_explain` with `log_format = json`). Plain text with any `log_line_prefix`, CSV and JSON.

use std::collections::BTreeMap;

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

fn is_json_entry(line: &str) -> bool {
    line.starts_with('{') && line.contains("\"error_severity\":")
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
    let mut contents = LogContents { is_log: true, ..LogContents::default() };
    let mut by_text: BTreeMap<String, RawStatement> = BTreeMap::new();
    for entry in &entries {
        match event(entry) {
            Some(Event::Ran { sql, duration_ms, values }) => {
                let known = by_text
                    .entry(sql.clone())
                    .or_insert_with(|| RawStatement { sql, ..RawStatement::default() });
                known.calls += 1;
                known.total_time_ms += duration_ms;
                let is_new = !values.is_empty() && !known.logged.contains(&values);
                if is_new && known.logged.len() < MOST_VALUES {
                    known.logged.push(values);
                }
            }
            Some(Event::Planned(plan)) => contents.plans.push(plan),
            Some(Event::Unreadable(note)) => contents.notes.push(note),
            None => {}
        }
    }
    // Where only plans are logged, they tell the calls too.
    for plan in &contents.plans {
        let known = by_text.contains_key(&plan.sql);
        if !known || by_text[&plan.sql].logged.is_empty() && !plan.values.is_empty() {
            let raw = by_text.entry(plan.sql.clone()).or_insert_with(|| RawStatement {
                sql: plan.sql.clone(),
                ..RawStatement::default()
            });
            if !known {
                raw.calls += 1;
                raw.total_time_ms += plan.duration_ms;
            }
            if !plan.values.is_empty() {
                raw.logged.push(plan.values.clone());
            }
        }
    }
    contents.statements = by_text.into_values().collect();
    contents
}

enum Event {
    Ran { sql: String, duration_ms: f64, values: Vec<Option<String>> },
    Planned(LoggedPlan),
    Unreadable(String),
}

fn event(entry: &Entry) -> Option<Event> {
    let (time, what) = entry.message.strip_prefix("duration: ")?.split_once(" ms  ")?;
    let duration_ms: f64 =
        time.parse().ok().filter(|time: &f64| time.is_finite() && *time >= 0.0)?;
    if let Some(json) = what.strip_prefix("plan:") {
        return Some(planned(json.trim(), duration_ms));
    }
    let (phase, sql) = what.split_once(": ")?;
    // Parsing and binding are logged beside the run, with the same values.
    if phase != "statement" && !phase.starts_with("execute ") {
        return None;
    }
    let values = entry.detail.split_once("arameters: ").map(|(_, list)| parameters(list));
    let values = values.unwrap_or_default().unwrap_or_default();
    Some(Event::Ran { sql: sql.trim().to_owned(), duration_ms, values })
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

fn json_entries(text: &str) -> Vec<Entry> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .map(|value| {
            let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
            Entry { message: text("message").to_owned(), detail: text("detail").to_owned() }
        })
        .collect()
}

fn csv_entries(text: &str) -> Vec<Entry> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    // Columns 14 and 15 of the documented order are message and detail.
    let field =
        |record: &csv::StringRecord, at: usize| record.get(at).unwrap_or_default().to_owned();
    reader
        .records()
        .filter_map(Result::ok)
        .map(|record| Entry { message: field(&record, 13), detail: field(&record, 14) })
        .collect()
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
                entries.push(Entry { message: message.to_owned(), detail: String::new() });
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
}
