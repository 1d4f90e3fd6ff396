//! A `CREATE TABLE` of the script, taken apart: a part that the copy cannot have costs only itself.

use super::super::SqlError;
use super::super::names::as_identifier;
use super::super::rewrite::lexemes;
use super::words::Words;

/// A `CREATE TABLE`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableText {
    /// Up to the opening parenthesis.
    head: String,
    pub elements: Vec<Element>,
    /// From the closing parenthesis on.
    tail: String,
}

/// A column or a constraint between the parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    Column {
        name: String,
        /// Name and type.
        before: String,
        /// `DEFAULT …` or `GENERATED ALWAYS AS (…)`.
        value: Option<String>,
        is_generated: bool,
        /// `NOT NULL`, collation.
        after: String,
    },
    Constraint {
        name: String,
        text: String,
    },
}

impl TableText {
    /// The statement again, with those elements and column values for which `keeps` holds: an element's place, and
    /// whether its value is meant. A column itself always stays.
    #[must_use]
    pub fn written(&self, keeps: &dyn Fn(usize) -> bool) -> String {
        let elements: Vec<String> = self
            .elements
            .iter()
            .enumerate()
            .filter_map(|(at, element)| element.written(keeps(at)))
            .collect();
        format!("{} {}{}", self.head, elements.join(", "), self.tail)
    }
}

impl Element {
    fn written(&self, is_kept: bool) -> Option<String> {
        match self {
            Self::Column { before, value, after, .. } => {
                let value = value.as_deref().filter(|_| is_kept).unwrap_or_default();
                let parts = [before.as_str(), value, after.as_str()];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                Some(parts.join(" "))
            }
            Self::Constraint { text, .. } => is_kept.then(|| text.clone()),
        }
    }

    /// The expression that can be left out: a default, a generation expression or a constraint.
    #[must_use]
    pub fn optional(&self) -> Option<&str> {
        match self {
            Self::Column { value, .. } => value.as_deref(),
            Self::Constraint { text, .. } => Some(text),
        }
    }
}

/// Takes a `CREATE TABLE` with a list of columns apart; absent for one without, such as `PARTITION OF`.
///
/// # Errors
/// The text cannot be scanned.
pub fn table_text(sql: &str) -> Result<Option<TableText>, SqlError> {
    let tokens = lexemes(sql)?;
    let words = Words::new(sql, &tokens);
    let Some(open) = (0..words.len()).find(|at| words.text(*at) == "(") else { return Ok(None) };
    let (mut depth, mut start, mut elements) = (0_u32, open + 1, Vec::new());
    for at in open..words.len() {
        match words.text(at) {
            "(" | "[" => depth += 1,
            ")" | "]" => {
                depth -= 1;
                if depth == 0 {
                    elements.extend((at > start).then(|| element(&words, start, at)));
                    let tail = words.between(at, words.len()).to_owned();
                    let head = words.between(0, open + 1).to_owned();
                    return Ok(Some(TableText { head, elements, tail }));
                }
            }
            "," if depth == 1 => {
                elements.push(element(&words, start, at));
                start = at + 1;
            }
            _ => {}
        }
    }
    Ok(None)
}

fn element(words: &Words<'_>, start: usize, end: usize) -> Element {
    if words.has(start, &["CONSTRAINT"]) {
        let name = as_identifier(words.text(start + 1));
        return Element::Constraint { name, text: words.between(start, end).to_owned() };
    }
    let outside: Vec<usize> = words.outside(start + 1).take_while(|at| *at < end).collect();
    let is = |at: &usize, keyword: &str| words.has(*at, &[keyword]);
    let begins = outside.iter().copied().find(|at| is(at, "DEFAULT") || is(at, "GENERATED"));
    let value_start = begins.unwrap_or(end);
    // PostgreSQL writes what follows the expression in this order, and puts such words in an expression in parentheses.
    let ends = |at: &usize| is(at, "NOT") || is(at, "CONSTRAINT") || is(at, "COLLATE");
    let value_end = outside.iter().copied().find(|at| *at > value_start && ends(at)).unwrap_or(end);
    let part = |from: usize, to: usize| match from < to {
        true => words.between(from, to).to_owned(),
        false => String::new(),
    };
    Element::Column {
        name: as_identifier(words.text(start)),
        before: part(start, value_start),
        value: begins.map(|at| part(at, value_end)),
        is_generated: begins.is_some_and(|at| is(&at, "GENERATED")),
        after: part(value_end, end),
    }
}
