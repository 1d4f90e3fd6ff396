//! JSON: PostgreSQL's own, and what services that collect logs wrap its lines in.

use serde_json::Value;

use super::Entry;
use super::plain::{PlainEntries, split_entry};

/// PostgreSQL's own JSON, or a line of a service that collects logs.
pub(super) fn is_json_entry(line: &str) -> bool {
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

/// Takes one line of JSON; whole lines of the server's log go through `plain`.
pub(super) fn take(line: &str, plain: &mut PlainEntries, each: &mut dyn FnMut(Entry)) {
    let Ok(value) = serde_json::from_str::<Value>(line) else { return };
    let at = |path: &[&str]| path.iter().try_fold(&value, |value, key| value.get(key));
    let process = PROCESSES.iter().find_map(|path| match at(path)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let process = process.unwrap_or_default();
    let message = PLACES.iter().find_map(|path| at(path)?.as_str()).unwrap_or_default();
    let goes_on = message.starts_with('\t') && plain.is_open();
    if goes_on || message.lines().any(|line| split_entry(line).is_some()) {
        for line in message.trim_end().lines() {
            plain.line(line, &process).into_iter().for_each(&mut *each);
        }
        return;
    }
    plain.end().into_iter().for_each(&mut *each);
    let detail = value.get("detail").and_then(Value::as_str).unwrap_or_default();
    each(Entry { message: message.to_owned(), detail: detail.to_owned(), process });
}
