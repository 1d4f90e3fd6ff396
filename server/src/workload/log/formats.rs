//! The formats of logs: plain text, CSV, JSON.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use super::Entry;
use super::envelopes::{self, holds_entry};
use super::json_lines::{JsonLines, begins_value};
use super::lines::Lines;
use super::nesting::time_in;
use super::plain::{PlainEntries, split_entry};

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Plain,
    Csv,
    Json,
}

/// Lines that are looked at for any entry. Beyond them only entries of statements count: a log may begin within a long
/// plan, and a file of SQL may hold the word anywhere.
const FIRST: usize = 40;

/// What an entry of a statement begins with.
const OF_STATEMENTS: &[&str] = &["duration: ", "statement: ", "execute "];

impl Format {
    /// The format that the first lines show; absent where they are no log.
    pub(super) fn of(head: &str) -> Option<Self> {
        let first = || head.lines().take(FIRST);
        let is_log = |line: &str| split_entry(line).is_some_and(|(word, _)| word == "LOG");
        let is_of_statement = |line: &str| {
            split_entry(line).is_some_and(|(word, message)| {
                word == "LOG" && OF_STATEMENTS.iter().any(|begin| message.starts_with(begin))
            })
        };
        let is_csv = |line: &str| line.contains(",LOG,00000,");
        let is_json = |line: &str| begins_value(line) && holds_entry(line);
        // A value may be spread over lines; no SQL begins so.
        let begins_with_json = begins_value(head.trim_start().lines().next().unwrap_or_default());
        if first().any(is_json) || (begins_with_json && holds_entry(head)) {
            Some(Self::Json)
        } else if first().any(is_csv) {
            Some(Self::Csv)
        } else if first().any(is_log) {
            Some(Self::Plain)
        } else if head.lines().any(|line| is_json(line) && line.contains("duration: ")) {
            Some(Self::Json)
        } else if head.lines().any(is_csv) {
            Some(Self::Csv)
        } else {
            head.lines().any(is_of_statement).then_some(Self::Plain)
        }
    }
}

/// Gives each entry to `each`, in order. Says whether the source was read to its end.
///
/// # Errors
/// The source cannot be read.
pub(super) fn read_entries(
    format: Format,
    source: impl BufRead,
    each: &mut dyn FnMut(Entry),
) -> io::Result<bool> {
    if format == Format::Csv {
        return read_csv(source, each);
    }
    let mut plain = PlainEntries::default();
    let mut json = JsonLines::default();
    let mut lines = Lines::of(source);
    while let Some(line) = lines.next()? {
        let is_json = format == Format::Json
            && json.line(&line, &mut |value| envelopes::take(value, &mut plain, each));
        // Where log_destination was changed, lines of both kinds stand in one file.
        if !is_json {
            plain.line(&line, "").into_iter().for_each(&mut *each);
        }
    }
    plain.end().into_iter().for_each(each);
    Ok(true)
}

/// Bytes of one entry in CSV at most: a quote that is never closed makes the rest of a file one entry.
const LONGEST_ENTRY: usize = 16 << 20;

/// A source that ends where an entry is too long. What is read is counted from the last entry on.
struct Bounded<R> {
    source: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.left.get());
        let count = self.source.read(&mut buffer[..most])?;
        self.left.set(self.left.get() - count);
        Ok(count)
    }
}

/// Whether it is one of the documented severities.
fn is_severity(field: &[u8]) -> bool {
    let known: [&[u8]; 13] = [
        b"LOG", b"ERROR", b"WARNING", b"FATAL", b"PANIC", b"NOTICE", b"INFO", b"DEBUG", b"DEBUG1",
        b"DEBUG2", b"DEBUG3", b"DEBUG4", b"DEBUG5",
    ];
    known.contains(&field)
}

fn read_csv(source: impl BufRead, each: &mut dyn FnMut(Entry)) -> io::Result<bool> {
    let left = Rc::new(Cell::new(LONGEST_ENTRY));
    let source = Bounded { source, left: Rc::clone(&left) };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source);
    // Columns 4, 14 and 15 of the documented order are process, message and detail.
    let field = |record: &csv::ByteRecord, at: usize| {
        String::from_utf8_lossy(record.get(at).unwrap_or_default()).into_owned()
    };
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(io::Error::other)? {
        if left.get() == 0 {
            return Ok(false);
        }
        left.set(LONGEST_ENTRY);
        // A record that is cut off has no severity at its place, or stands elsewhere.
        if !is_severity(record.get(11).unwrap_or_default()) {
            continue;
        }
        each(Entry {
            message: field(&record, 13),
            detail: field(&record, 14),
            process: field(&record, 3),
            database: field(&record, 2),
            role: field(&record, 1),
            at_ms: time_in(&field(&record, 0)),
        });
    }
    Ok(true)
}
