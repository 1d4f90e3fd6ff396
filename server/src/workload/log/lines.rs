//! Lines of a source of any size, one at a time.

use std::borrow::Cow;
use std::io::{self, BufRead};

/// Bytes of a line that are kept; the rest of a longer line is skipped.
const LONGEST_LINE: usize = 4 << 20;

/// Reads lines without their ends, in UTF-8; bytes that are not UTF-8 become U+FFFD.
pub(super) struct Lines<R> {
    source: R,
    line: Vec<u8>,
    longest: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn of(source: R) -> Self {
        Self { source, line: Vec::new(), longest: LONGEST_LINE }
    }

    /// The next line; absent at the end of the source.
    ///
    /// # Errors
    /// The source cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<Cow<'_, str>>> {
        self.line.clear();
        let mut has_begun = false;
        loop {
            let bytes = match self.source.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                break;
            }
            has_begun = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let room = self.longest.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let taken = part.len() + usize::from(end.is_some());
            self.source.consume(taken);
            if end.is_some() {
                break;
            }
        }
        if self.line.ends_with(b"\r") {
            self.line.pop();
        }
        Ok(has_begun.then(|| String::from_utf8_lossy(&self.line)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &[u8], longest: usize) -> Vec<String> {
        // A buffer of three bytes cuts lines anywhere.
        let source = BufReader::with_capacity(3, text);
        let mut lines = Lines { source, line: Vec::new(), longest };
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line.into_owned());
        }
        found
    }

    #[test]
    fn lines_end_at_line_feeds_whatever_the_buffer() {
        assert_eq!(
            lines(b"one\r\n\ntwo and a half\nlast", 100),
            ["one", "", "two and a half", "last"]
        );
        assert_eq!(lines(b"", 100), [""; 0]);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        assert_eq!(lines(b"0123456789\nab\n", 4), ["0123", "ab"]);
    }

    #[test]
    fn bytes_of_another_encoding_do_not_end_the_reading() {
        assert_eq!(lines(b"caf\xe9\nab\n", 100), ["caf\u{fffd}", "ab"]);
    }
}
