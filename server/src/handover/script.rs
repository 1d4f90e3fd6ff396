//! A change in a language of a framework: calls that run statements, alone or together.

use super::HandedStatement;
use super::literal::{Language, string};
use super::step::{RESET_LIMITS, Step, steps};
use super::text::{Named, comment, no_way_back, title};

/// How a framework's language runs statements.
pub(super) struct Calls<'a> {
    pub language: &'a Language,
    /// The mark of a comment.
    pub comment: &'a str,
    /// Before and after the literal of a statement.
    pub run: (&'a str, &'a str),
    /// Before and after statements that take effect together, where the migration as a whole has no transaction.
    pub together: (&'a str, &'a str),
    /// Refuses to undo, with a sentence that nothing can be.
    pub refuse: &'a str,
    /// Whether several migrations may share a transaction: then each puts its limits back within it.
    pub shares: bool,
    /// Stands where nothing runs, if the language wants something there.
    pub nothing: &'a str,
}

impl Calls<'_> {
    /// The body of `up`.
    pub(super) fn up(&self, named: &Named<'_>, alone: bool, indent: usize) -> String {
        self.body(&named.change.up, alone, indent)
    }

    /// The body of `down`.
    pub(super) fn down(&self, named: &Named<'_>, alone: bool, indent: usize) -> String {
        let change = named.change;
        let lines: Vec<_> = std::iter::once(title(change)).chain(no_way_back(change)).collect();
        let margin = " ".repeat(indent);
        let head = comment(&format!("{margin}{}", self.comment), &lines);
        if change.down.is_empty() && named.refuses {
            return format!("{head}{margin}{}\n", self.refuse);
        }
        head + &self.body(&change.down, alone, indent)
    }

    fn body(&self, statements: &[HandedStatement], alone: bool, indent: usize) -> String {
        if statements.is_empty() {
            return format!("{}{}\n", " ".repeat(indent), self.nothing);
        }
        let step = |step: &Step| self.step(step, alone, indent);
        steps(statements).iter().map(step).collect()
    }

    fn step(&self, step: &Step, alone: bool, indent: usize) -> String {
        let own = alone && step.together();
        let inner = if own { indent + 2 } else { indent };
        let run = |sql: &String| {
            let (before, after) = self.run;
            let literal = string(self.language, sql, inner);
            format!("{}{before}{literal}{after}\n", " ".repeat(inner))
        };
        let mut script = step.script();
        if self.shares && step.together() && !own {
            script.extend(RESET_LIMITS.map(str::to_owned));
        }
        let body: String = script.iter().map(run).collect();
        if !own {
            return body;
        }
        let margin = " ".repeat(indent);
        let (begin, end) = self.together;
        format!("{margin}{begin}\n{body}{margin}{end}\n")
    }
}
