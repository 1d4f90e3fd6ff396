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
    /// Calls that had each of them, in the same order; none is known where it is shorter.
    pub logged_calls: Vec<i64>,
    /// The role that runs it, where that is known.
    pub role: Option<String>,
    /// `pg_stat_statements` counted it.
    pub is_counted: bool,
    /// It ran inside another statement, whose time has its own in it.
    pub is_nested: bool,
    /// A person typed it: a name that no table has is a mistake, and no variable of a function around it.
    pub is_typed: bool,
    /// Texts that sessions ran, with the constants that `pg_stat_statements` hides, each with how often it was seen.
    pub seen: Vec<(String, i64)>,
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
        let counts = other.logged_calls.into_iter().chain(std::iter::repeat(0));
        for (values, calls) in other.logged.into_iter().zip(counts) {
            self.take_values(values, calls);
        }
    }

    /// Takes a set of values with its calls; one that is known counts more.
    pub(super) fn take_values(&mut self, values: Vec<Option<String>>, calls: i64) {
        let at = self.logged.iter().position(|known| *known == values).unwrap_or_else(|| {
            self.logged.push(values);
            self.logged.len() - 1
        });
        self.logged_calls.resize(self.logged.len(), 0);
        self.logged_calls[at] = self.logged_calls[at].saturating_add(calls);
    }

    /// Keeps the sets of values that came up most often, at most so many.
    pub(super) fn keep_values(&mut self, most: usize) {
        self.logged_calls.resize(self.logged.len(), 0);
        let calls = std::mem::take(&mut self.logged_calls);
        let mut sets: Vec<_> = std::mem::take(&mut self.logged).into_iter().zip(calls).collect();
        // A stable order: the first of those that came up as often.
        sets.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
        sets.truncate(most);
        // Calls with other values are like those with the rarest that are kept.
        let rarest = sets.last().map_or(0, |(_, calls)| *calls);
        let other = self.calls.saturating_sub(sets.iter().map(|(_, calls)| *calls).sum()).max(0);
        let rare = sets.iter().filter(|(_, calls)| *calls == rarest).count() as i64;
        if rarest > 0 {
            let share = other / rare.max(1);
            sets.iter_mut().filter(|(_, calls)| *calls == rarest).for_each(|s| s.1 += share);
        }
        (self.logged, self.logged_calls) = sets.into_iter().unzip();
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
    fn values_that_came_up_most_often_are_kept_with_their_calls() {
        let mut raw = RawStatement { calls: 110, ..RawStatement::default() };
        let set = |value: &str| vec![Some(value.to_owned())];
        for (value, calls) in [("gold", 1), ("basic", 90), ("silver", 1), ("basic", 9)] {
            raw.take_values(set(value), calls);
        }
        raw.keep_values(2);
        assert_eq!(raw.logged, [set("basic"), set("gold")]);
        assert_eq!(raw.logged_calls, [99, 11], "what is not kept counts with the rarest");
    }

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
