//! JSON that comes line by line: a value to a line, values spread over lines (`gcloud logging read --format=json`), or the
//! elements of a list of any length.

use serde_json::Value;

use super::plain::split_entry;

/// Bytes of one value at most; what is longer is passed over.
const LONGEST_VALUE: usize = 16 << 20;

/// What `aws logs filter-log-events` begins with.
const LIST_OF_EVENTS: &str = "{\"events\":[";

/// Bytes of white space and all that it may take.
const LONGEST_BEGINNING: usize = 200;

/// What was begun and is not ended yet.
#[derive(Default)]
pub(super) struct JsonLines {
    /// The text of a value so far.
    open: String,
    /// Braces and brackets that are open in it.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// Within a list, whose elements are values of their own.
    in_list: bool,
    /// The list is in an object, which is no value then.
    in_object: bool,
}

/// Whether a line begins a value. Times and processes stand in brackets, too.
pub(super) fn begins_value(line: &str) -> bool {
    let within = line.strip_prefix('[').map(str::trim_start);
    line.starts_with('{') || within.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
}

impl JsonLines {
    /// Gives the values that end on a line to `each`. Says whether the line is one of JSON.
    pub(super) fn line(&mut self, line: &str, each: &mut dyn FnMut(Value)) -> bool {
        if begins_value(line) && (self.depth > 0 || !self.in_list) {
            // A value that was cut off ends where the next one begins.
            *self = Self { in_list: self.in_list, in_object: self.in_object, ..Self::default() };
            if let Ok(value) = serde_json::from_str(line) {
                each(value);
                return true;
            }
        } else if self.is_text(line) {
            *self = Self::default();
            return false;
        }
        for character in line.chars() {
            match self.depth {
                0 => self.between(character),
                _ => self.within(character, each),
            }
        }
        // No string goes on in the next line: this one was cut off.
        if self.in_string || self.open.len() > LONGEST_VALUE {
            *self = Self { in_list: self.in_list, in_object: self.in_object, ..Self::default() };
        } else if self.depth > 0 {
            self.open.push('\n');
        }
        true
    }

    /// Whether a line is outside of all values.
    fn is_text(&self, line: &str) -> bool {
        let looks_like_json =
            || line.trim_start().starts_with(['{', '}', '[', ']', ',', '"']) || line.is_empty();
        match (self.depth, self.in_list) {
            (0, false) => true,
            (0, true) => !looks_like_json(),
            _ => !line.starts_with([' ', '\t', '"']) && split_entry(line).is_some(),
        }
    }

    fn between(&mut self, character: char) {
        match character {
            '{' => {
                self.depth = 1;
                self.open.push(character);
            }
            '[' => self.in_list = true,
            ']' if !self.in_object => self.in_list = false,
            '}' => (self.in_list, self.in_object) = (false, false),
            _ => {}
        }
    }

    fn within(&mut self, character: char, each: &mut dyn FnMut(Value)) {
        self.open.push(character);
        if self.in_string {
            match character {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' => self.is_escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match character {
            '"' => self.in_string = true,
            '{' | '[' => self.depth += 1,
            '}' | ']' => self.depth -= 1,
            _ => {}
        }
        if self.depth == 0 {
            serde_json::from_str(&self.open).into_iter().for_each(each);
            self.open.clear();
        } else if character == '[' && self.depth == 2 && is_list_of_events(&self.open) {
            *self = Self { in_list: true, in_object: true, ..Self::default() };
        }
    }
}

fn is_list_of_events(open: &str) -> bool {
    // It is asked at every list: what is longer is none.
    if open.len() > LONGEST_BEGINNING {
        return false;
    }
    open.chars()
        .filter(|c| !c.is_whitespace())
        .take(LIST_OF_EVENTS.len() + 1)
        .eq(LIST_OF_EVENTS.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of a text by their field `n`, and the lines that are none of JSON.
    fn read(text: &str) -> (Vec<i64>, Vec<&str>) {
        let (mut lines, mut values, mut texts) = (JsonLines::default(), Vec::new(), Vec::new());
        for line in text.lines() {
            if !lines.line(line, &mut |value| values.extend(value["n"].as_i64())) {
                texts.push(line);
            }
        }
        (values, texts)
    }

    #[test]
    fn values_are_found_however_they_are_spread() {
        let none: Vec<&str> = Vec::new();
        for text in [
            "{\"n\":1}\n{\"n\":2}",
            "{\n  \"n\": 1\n}\n{\n  \"n\": 2, \"of\": {\n \"n\": 9 }\n}",
            "[\n  {\n    \"n\": 1,\n    \"s\": \"}]\\\"{\"\n  },\n  {\n    \"n\": 2\n  }\n]",
            "[{\"n\":1,\"a\":[1,\n2]},\n{\"n\":2}]",
            "{\n \"events\": [\n {\n \"n\": 1 },\n {\"n\": 2}\n ],\n \"searchedLogStreams\": [],\n \"nextToken\": \"x\"\n}",
        ] {
            assert_eq!(read(text), (vec![1, 2], none.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_hides_nothing_else() {
        assert_eq!(read("{\"n\":1,\"s\":\"cut\n{\"n\":2}").0, [2]);
        assert_eq!(read("{\"n\":1,\n{\"n\":2}").0, [2]);
        assert_eq!(read("[\n  {\n  \"s\": \"cut\n  {\"n\": 2}\n]").0, [2]);
        let line = "2026-01-01 [7] LOG:  duration: 1.0 ms";
        assert_eq!(read(&format!("{{\"n\":1,\n{line}\n{{\"n\":2}}")), (vec![2], vec![line]));
    }

    #[test]
    fn brackets_of_a_prefix_begin_no_list() {
        let lines = "[2026-01-01 10:00:00 UTC] LOG:  duration: 1.0 ms\n[7] LOG:  x";
        assert_eq!(read(lines).1.len(), 2);
    }
}
