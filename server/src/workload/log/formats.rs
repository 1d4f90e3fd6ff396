//! The formats of logs: plain text, CSV, JSON.

use std::io::{self, BufRead};

use super::Entry;
use super::envelopes::{self, is_json_entry};
use super::lines::Lines;
use super::plain::{PlainEntries, split_entry};

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Plain,
    Csv,
    Json,
}

/// Lines that are looked at to tell the format.
const HEAD: usize = 40;

impl Format {
    /// The format that the first lines show; absent where they are no log.
    pub(super) fn of(head: &str) -> Option<Self> {
        let lines = || head.lines().take(HEAD);
        if lines().any(is_json_entry) {
            Some(Self::Json)
        } else if lines().any(|line| line.contains(",LOG,00000,")) {
            Some(Self::Csv)
        } else if lines().any(|line| split_entry(line).is_some_and(|(word, _)| word == "LOG")) {
            Some(Self::Plain)
        } else {
            None
        }
    }
}

/// Gives each entry to `each`, in order.
///
/// # Errors
/// The source cannot be read.
pub(super) fn read_entries(
    format: Format,
    source: impl BufRead,
    each: &mut dyn FnMut(Entry),
) -> io::Result<()> {
    if format == Format::Csv {
        return read_csv(source, each);
    }
    let mut plain = PlainEntries::default();
    let mut lines = Lines::of(source);
    while let Some(line) = lines.next()? {
        match format {
            Format::Json => envelopes::take(&line, &mut plain, each),
            Format::Plain | Format::Csv => {
                plain.line(&line, "").into_iter().for_each(&mut *each);
            }
        }
    }
    plain.end().into_iter().for_each(each);
    Ok(())
}

fn read_csv(source: impl BufRead, each: &mut dyn FnMut(Entry)) -> io::Result<()> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source);
    // Columns 4, 14 and 15 of the documented order are process, message and detail.
    let field = |record: &csv::ByteRecord, at: usize| {
        String::from_utf8_lossy(record.get(at).unwrap_or_default()).into_owned()
    };
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(io::Error::other)? {
        each(Entry {
            message: field(&record, 13),
            detail: field(&record, 14),
            process: field(&record, 3),
        });
    }
    Ok(())
}
