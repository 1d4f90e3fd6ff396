//! The tokens of one statement: keywords, names and where they are.

use optischema::model::{TableName, quote_identifier};
use pg_query::protobuf::Token;

use super::super::SqlError;
use super::super::names::as_identifier;
use super::super::rewrite::Lexeme;

/// One statement of a script.
pub(super) struct Words<'a> {
    script: &'a str,
    tokens: Vec<&'a Lexeme>,
}

fn is_comment(token: i32) -> bool {
    token == Token::SqlComment as i32 || token == Token::CComment as i32
}

impl<'a> Words<'a> {
    pub(super) fn new(script: &'a str, tokens: &'a [Lexeme]) -> Self {
        Self { script, tokens: tokens.iter().filter(|token| !is_comment(token.token)).collect() }
    }

    /// Splits a script as psql does: at a semicolon outside parentheses and outside the body of `BEGIN ATOMIC`.
    pub(super) fn statements(script: &'a str, tokens: &'a [Lexeme]) -> Vec<Self> {
        let all = Self::new(script, tokens);
        let (mut found, mut start) = (Vec::new(), 0);
        let (mut parentheses, mut blocks) = (0_u32, 0_u32);
        for at in 0..all.tokens.len() {
            match all.text(at) {
                "(" => parentheses += 1,
                ")" => parentheses = parentheses.saturating_sub(1),
                ";" if parentheses == 0 && blocks == 0 => {
                    let tokens = all.tokens.get(start..at).unwrap_or_default().to_vec();
                    found.extend((!tokens.is_empty()).then_some(Self { script, tokens }));
                    start = at + 1;
                }
                word if word.eq_ignore_ascii_case("BEGIN") => {
                    blocks += u32::from(all.upper(at + 1) == "ATOMIC");
                }
                word if blocks > 0 && word.eq_ignore_ascii_case("CASE") => blocks += 1,
                word if blocks > 0 && word.eq_ignore_ascii_case("END") => blocks -= 1,
                _ => {}
            }
        }
        let tokens = all.tokens.get(start..).unwrap_or_default().to_vec();
        found.extend((!tokens.is_empty()).then_some(Self { script, tokens }));
        found
    }

    /// The text from the first token to the last.
    pub(super) fn sql(&self) -> &'a str {
        let start = self.tokens.first().map_or(0, |token| token.start);
        self.script.get(start..self.tokens.last().map_or(0, |token| token.end)).unwrap_or_default()
    }

    /// The text without options of a column that the server keeps for itself (`pg_attver`, since 15.20): an older `pg_dump`
    /// writes them, and no other server knows them. Absent where nothing is left.
    pub(super) fn without_own_options(&self) -> Option<String> {
        let is_set = |at: &usize| self.has(*at, &["SET", "("]);
        let Some(set) = self.outside(0).find(is_set) else {
            return Some(self.sql().to_owned());
        };
        let last = self.len().saturating_sub(1);
        let commas = (set + 2..last).filter(|at| self.text(*at) == ",");
        let ends: Vec<usize> = commas.chain([last]).collect();
        let starts = std::iter::once(set + 2).chain(ends.iter().map(|end| end + 1));
        let is_own = |at: usize| as_identifier(self.text(at)).starts_with("pg_");
        let kept: Vec<&str> = starts
            .zip(&ends)
            .filter(|(start, _)| !is_own(*start))
            .map(|(start, end)| self.between(start, *end))
            .collect();
        (!kept.is_empty()).then(|| format!("{} ({})", self.between(0, set + 1), kept.join(", ")))
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The text of a token, empty past the end.
    pub(super) fn text(&self, at: usize) -> &'a str {
        let token = self.tokens.get(at);
        token.and_then(|token| self.script.get(token.start..token.end)).unwrap_or_default()
    }

    /// The text between two tokens, the second left out.
    pub(super) fn between(&self, from: usize, to: usize) -> &'a str {
        let start = self.tokens.get(from).map_or(0, |token| token.start);
        let end = to.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |t| t.end);
        self.script.get(start..end).unwrap_or_default()
    }

    /// A keyword in upper case. A quoted name keeps its quotes, and so never equals one.
    pub(super) fn upper(&self, at: usize) -> String {
        self.text(at).to_ascii_uppercase()
    }

    pub(super) fn first(&self) -> &'a str {
        self.text(0)
    }

    /// Whether these keywords follow each other.
    pub(super) fn has(&self, at: usize, keywords: &[&str]) -> bool {
        let mut places = keywords.iter().enumerate();
        places.all(|(i, keyword)| self.text(at + i).eq_ignore_ascii_case(keyword))
    }

    /// Whether the token is a string constant.
    pub(super) fn is_string(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.token == Token::Sconst as i32)
    }

    fn is_name(&self, at: usize) -> bool {
        let text = self.text(at);
        text.starts_with('"')
            || text.starts_with(|c: char| c.is_alphabetic() || c == '_') && !self.is_string(at)
    }

    /// A name with its schema, and the place after it.
    pub(super) fn name(&self, at: usize) -> (TableName, usize) {
        let first = as_identifier(self.text(at));
        if self.text(at + 1) == "." {
            return (TableName::new(first, as_identifier(self.text(at + 2))), at + 3);
        }
        (TableName::new("", first), at + 1)
    }

    /// `schema.relation.column`.
    pub(super) fn column(&self, at: usize) -> (TableName, String) {
        let (of, next) = self.name(at);
        (of, as_identifier(self.text(next + 1)))
    }

    /// The name after the first such keyword outside parentheses.
    pub(super) fn name_after(&self, from: usize, keyword: &str) -> Option<TableName> {
        let at = self.outside(from).find(|at| self.has(*at, &[keyword]))?;
        let at = at + 1 + usize::from(self.has(at + 1, &["ONLY"]));
        Some(self.name(at).0)
    }

    /// The same after the last such keyword.
    pub(super) fn last_name_after(&self, from: usize, keyword: &str) -> Option<TableName> {
        let at = self.outside(from).filter(|at| self.has(*at, &[keyword])).last()?;
        Some(self.name(at + 1).0)
    }

    /// Places outside all parentheses.
    pub(super) fn outside(&self, from: usize) -> impl Iterator<Item = usize> + '_ {
        let mut depth = 0_u32;
        (from..self.len()).filter(move |at| match self.text(*at) {
            "(" | "[" => {
                depth += 1;
                false
            }
            ")" | "]" => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
    }

    /// From a place to the end of the parentheses that begin after it, as written: what names a cast.
    pub(super) fn call(&self, at: usize) -> String {
        let end = (at..self.len()).find(|place| self.text(*place) == ")").unwrap_or(at);
        self.between(at, end + 1).to_owned()
    }

    /// The first words, for a statement whose object has no name that is known here.
    pub(super) fn beginning(&self) -> String {
        self.between(0, self.len().min(6)).to_owned()
    }

    /// Every pair of names with a dot between them.
    pub(super) fn qualified(&self) -> Vec<TableName> {
        self.pairs().map(|at| self.name(at).0).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|at| {
            let follows_dot = at.checked_sub(1).is_some_and(|before| self.text(before) == ".");
            self.text(at + 1) == "." && self.is_name(*at) && !follows_dot
        })
    }

    pub(super) fn with_schemas(
        &self,
        moved: &dyn Fn(&TableName) -> Option<String>,
    ) -> Result<String, SqlError> {
        let mut out = String::with_capacity(self.script.len());
        let mut end = 0;
        for at in self.pairs() {
            let Some(schema) = moved(&self.name(at).0) else { continue };
            let Some(token) = self.tokens.get(at) else { continue };
            out.push_str(self.script.get(end..token.start).unwrap_or_default());
            out.push_str(&quote_identifier(&schema));
            end = token.end;
        }
        out.push_str(self.script.get(end..).unwrap_or_default());
        Ok(out)
    }
}
