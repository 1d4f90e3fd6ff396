//! Lines of the server's own log, with any `log_line_prefix`.

use super::Entry;
use super::nesting::time_in;

/// Bytes of a message or a detail that are kept. Longer statements are not read anyway.
const LONGEST: usize = 1 << 20;

/// The words that begin an entry, after the prefix.
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

/// The severity of a line that begins an entry, and its message, whatever the prefix.
pub(super) fn split_entry(line: &str) -> Option<(&'static str, &str)> {
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

/// The process in a line's prefix: a number in brackets, after `pid=`, or standing alone.
pub(super) fn process_of(prefix: &str) -> String {
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

/// The role and the database in a line's prefix, where it says so: `user=app,db=shop`, or `app@shop` as Debian and managed
/// services have it.
pub(super) fn session_of(prefix: &str) -> (String, String) {
    let named = |marks: [&str; 2]| {
        let ends = |c: char| c.is_whitespace() || c == ',' || c == ']';
        let rest = marks.iter().find_map(|mark| prefix.split_once(mark)).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split(ends).next()).map(str::to_owned)
    };
    let ends = |c: char| c.is_whitespace() || matches!(c, ':' | ',' | '[' | ']' | '(' | ')');
    let together = prefix.split(ends).find_map(|part| {
        let (role, database) = part.split_once('@')?;
        (!role.is_empty() && !database.is_empty() && !database.contains('@'))
            .then(|| (role.to_owned(), database.to_owned()))
    });
    let (role, database) = together.unwrap_or_default();
    (named(["user=", "usr="]).unwrap_or(role), named(["db=", "database="]).unwrap_or(database))
}

/// The rest of a line that syslog has given a prefix of its own: `… postgres[2256]: [5-2] #011where …`.
fn after_syslog(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("]: [")?;
    let process = before.rsplit_once('[')?.1;
    let (numbers, rest) = after.split_once("] ")?;
    let (chunk, part) = numbers.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    [process, chunk, part].into_iter().all(is_number).then_some(rest)
}

/// Puts the lines of entries together.
#[derive(Default)]
pub(super) struct PlainEntries {
    /// The entry that further lines may belong to.
    open: Option<Entry>,
    in_detail: bool,
    passed_over: bool,
}

impl PlainEntries {
    /// Takes the next line, of `process` where its prefix names none; gives the entry that it ends.
    pub(super) fn line(&mut self, line: &str, process: &str) -> Option<Entry> {
        match split_entry(line) {
            Some(("LOG", message)) => {
                let prefix = &line[..line.len() - message.len()];
                let own = process_of(prefix);
                let process = if own.is_empty() { process.to_owned() } else { own };
                let (role, database) = session_of(prefix);
                let message = message.to_owned();
                let (detail, at_ms) = (String::new(), time_in(prefix));
                let entry = Entry { message, detail, process, database, role, at_ms };
                (self.in_detail, self.passed_over) = (false, false);
                return self.open.replace(entry);
            }
            Some(("DETAIL", detail)) if !self.passed_over => {
                if let Some(entry) = &mut self.open {
                    entry.detail = detail.to_owned();
                }
                self.in_detail = true;
            }
            Some(_) => self.passed_over = true,
            None if self.passed_over => {}
            None => self.go_on(line),
        }
        None
    }

    /// PostgreSQL puts a tab before each further line, inside values too.
    fn go_on(&mut self, line: &str) {
        let line = after_syslog(line).unwrap_or(line);
        let line = line.strip_prefix("#011").unwrap_or(line);
        let line = line.strip_prefix('\t').unwrap_or(line);
        if let Some(entry) = &mut self.open {
            let part = if self.in_detail { &mut entry.detail } else { &mut entry.message };
            if part.len() + line.len() < LONGEST {
                part.push('\n');
                part.push_str(line);
            }
        }
    }

    /// Whether a line without a severity belongs to an entry.
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The entry that nothing ended.
    pub(super) const fn end(&mut self) -> Option<Entry> {
        self.open.take()
    }
}
