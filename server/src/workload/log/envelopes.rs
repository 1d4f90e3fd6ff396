//! JSON: PostgreSQL's own, and what services that collect logs wrap its lines in.

use serde_json::Value;

use super::Entry;
use super::nesting::time_in;
use super::plain::{PlainEntries, split_entry};

/// Whether a text of JSON holds an entry of PostgreSQL's own, or one of a service that collects logs.
pub(super) fn holds_entry(text: &str) -> bool {
    ["\"error_severity\":", "LOG:  ", "duration: "].iter().any(|part| text.contains(part))
}

/// Where services put the line: Google Cloud (`textPayload`, `jsonPayload.message`), CloudWatch and Datadog (`message`),
/// Azure (`properties.message`), Supabase (`event_message`), container runtimes (`log`, `msg`).
const PLACES: &[&[&str]] = &[
    // CloudNativePG puts the fields of a CSV entry in a record.
    &["record", "message"],
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
    &["record", "process_id"],
    &["pid"],
    &["process_id"],
    &["properties", "processId"],
    &["jsonPayload", "pid"],
    &["parsed", "process_id"],
    &["labels", "pid"],
];

/// Takes an entry, a list of entries, or an entry within the text of another one. Whole lines of the server's log go
/// through `plain`.
pub(super) fn take(mut value: Value, plain: &mut PlainEntries, each: &mut dyn FnMut(Entry)) {
    if let Value::Array(entries) = value {
        entries.into_iter().for_each(|entry| take(entry, plain, each));
        return;
    }
    // `aws logs get-log-events` writes a list in an object.
    if let Some(events) = value.get_mut("events").filter(|events| events.is_array()) {
        return take(events.take(), plain, each);
    }
    let at = |path: &[&str]| path.iter().try_fold(&value, |value, key| value.get(key));
    let process = PROCESSES.iter().find_map(|path| match at(path)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let process = process.unwrap_or_default();
    let message = PLACES.iter().find_map(|path| at(path)?.as_str()).unwrap_or_default();
    if message.starts_with('{')
        && let Ok(inner @ Value::Object(_)) = serde_json::from_str::<Value>(message)
    {
        return take(inner, plain, each);
    }
    let goes_on = message.starts_with('\t') && plain.is_open();
    if goes_on || message.lines().any(|line| split_entry(line).is_some()) {
        for line in message.trim_end().lines() {
            plain.line(line, &process).into_iter().for_each(&mut *each);
        }
        return;
    }
    plain.end().into_iter().for_each(&mut *each);
    let detail = at(&["detail"]).or_else(|| at(&["record", "detail"]));
    let detail = detail.and_then(Value::as_str).unwrap_or_default();
    let database = at(&["dbname"]).or_else(|| at(&["record", "database_name"]));
    let database = database.and_then(Value::as_str).unwrap_or_default().to_owned();
    // Only PostgreSQL's own entries say it so; services have users of their own.
    let own = at(&["user"]).filter(|_| at(&["error_severity"]).is_some());
    let role = own.or_else(|| at(&["record", "user_name"]));
    let role = role.and_then(Value::as_str).unwrap_or_default().to_owned();
    let at_ms = at(&["timestamp"]).or_else(|| at(&["record", "log_time"]));
    let at_ms = at_ms.and_then(Value::as_str).and_then(time_in);
    let (message, detail) = (message.to_owned(), detail.to_owned());
    each(Entry { message, detail, process, database, role, at_ms });
}
