//! One statement as a source has it, before anything is known of it.

/// One statement as a source has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawStatement {
    pub sql: String,
    pub calls: i64,
    pub total_time_ms: f64,
    pub rows: i64,
    pub temp_blocks: i64,
    /// Schemas that unqualified names are looked for in; the session's own where absent.
    pub search_path: Option<Vec<String>>,
    /// Sets of values that a log showed.
    pub logged: Vec<Vec<Option<String>>>,
    /// The role that runs it, where that is known.
    pub role: Option<String>,
    /// A person typed it: a name that no table has is a mistake, and no variable of a function around it.
    pub is_typed: bool,
    /// The same statement with other constants, each with its calls; the text above is not among them.
    pub variants: Vec<(String, i64)>,
}

/// Variants of one statement that are kept.
const MOST_VARIANTS: usize = 500;

impl RawStatement {
    /// Takes what another text of the same statement counts.
    pub fn take(&mut self, other: Self) {
        if other.sql != self.sql {
            let has_room = self.variants.len() < MOST_VARIANTS;
            match self.variants.iter_mut().find(|(text, _)| *text == other.sql) {
                Some((_, calls)) => *calls = calls.saturating_add(other.calls),
                None if has_room => self.variants.push((other.sql, other.calls)),
                None => {}
            }
        }
        self.calls = self.calls.saturating_add(other.calls);
        self.total_time_ms += other.total_time_ms;
        self.rows = self.rows.saturating_add(other.rows);
        self.temp_blocks = self.temp_blocks.saturating_add(other.temp_blocks);
        self.logged.extend(other.logged);
    }

    /// Keeps at most so many texts with other constants, those that were called most often.
    pub(super) fn keep_variants(&mut self, most: usize) {
        if self.variants.len() > most {
            self.variants.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            self.variants.truncate(most);
        }
    }

    /// The texts with other constants, those that were called most often first.
    pub(super) fn commonest(&self) -> Vec<(&str, i64)> {
        let mut variants: Vec<(&str, i64)> =
            self.variants.iter().map(|(text, calls)| (text.as_str(), *calls)).collect();
        variants.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        variants
    }

    /// Rows that one call returned, on average.
    pub(super) fn rows_per_call(&self) -> Option<i64> {
        (self.calls > 0 && self.rows > 0).then(|| (self.rows / self.calls).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_that_differ_are_none_of_the_statements() {
        let raw =
            |sql: &str| RawStatement { sql: sql.to_owned(), calls: 1, ..RawStatement::default() };
        let mut known = raw("SELECT 1 FROM t WHERE a = 1");
        for value in [2, 3, 3, 1] {
            known.take(raw(&format!("SELECT 1 FROM t WHERE a = {value}")));
        }
        assert_eq!(known.calls, 5);
        let commonest = known.commonest();
        assert_eq!(commonest[0], ("SELECT 1 FROM t WHERE a = 3", 2));
        assert_eq!(commonest.len(), 2, "its own text is not among them");
        // A condition that the rarest lacks is not one of all: none is left out.
        (10..30).for_each(|value| known.take(raw(&format!("SELECT 1 FROM t WHERE a = {value}"))));
        assert_eq!(known.commonest().len(), 22);
    }
}
