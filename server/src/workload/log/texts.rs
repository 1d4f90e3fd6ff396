//! The statements of a log, each text once, in bounded memory.

use std::collections::BTreeMap;

use super::super::raw::RawStatement;

/// Bytes of texts and values that are kept at most.
const MOST_BYTES: usize = 64 << 20;
/// Sets of values that are counted for one text, and kept of it at the end.
const MOST_VALUES: usize = 50;
const KEPT_VALUES: usize = 5;
/// What a statement takes beside its texts, in bytes; an estimate.
const OVERHEAD: usize = 256;
/// Texts with other constants that a statement keeps, where room is short: the first cap, halved as long as there is
/// none.
const FIRST_CAP: usize = 256;

/// Statements by their text. Beyond [`MOST_BYTES`], texts that differ in their constants only become one statement with
/// variants; its calls and time stay whole.
pub(super) struct Texts {
    by_text: BTreeMap<String, RawStatement>,
    bytes: usize,
    most: usize,
    /// Whether texts with other constants were put together.
    is_folded: bool,
    /// Statements that found no room, with their calls.
    left_out: (u64, i64),
}

impl Default for Texts {
    fn default() -> Self {
        Self::within(MOST_BYTES)
    }
}

impl Texts {
    pub(super) const fn within(most: usize) -> Self {
        Self { by_text: BTreeMap::new(), bytes: 0, most, is_folded: false, left_out: (0, 0) }
    }

    /// Takes one execution by a role, which is empty where nobody knows it.
    pub(super) fn ran(
        &mut self,
        sql: String,
        duration_ms: f64,
        values: Vec<Option<String>>,
        role: &str,
    ) {
        let known = match self.by_text.get_mut(&sql) {
            Some(known) => known,
            None => {
                self.bytes += 2 * sql.len() + OVERHEAD;
                let role = (!role.is_empty()).then(|| role.to_owned());
                let raw = RawStatement { sql: sql.clone(), role, ..RawStatement::default() };
                self.by_text.entry(sql).or_insert(raw)
            }
        };
        // Of several roles none stands for the statement.
        if known.role.as_deref().is_some_and(|known| known != role) {
            known.role = None;
        }
        known.calls += 1;
        known.total_time_ms += duration_ms;
        let has_room = known.logged.len() < MOST_VALUES;
        let is_new = !values.is_empty() && !known.logged.contains(&values);
        if is_new && has_room {
            self.bytes += size_of_values(&values);
        }
        if !values.is_empty() && (has_room || !is_new) {
            known.take_values(values, 1);
        }
        if self.bytes > self.most {
            self.make_room();
        }
    }

    /// Adds statements that are not counted here yet; of those that are, only values are taken.
    pub(super) fn complete_with(&mut self, mut other: Self) {
        if self.is_folded || other.is_folded {
            self.fold();
            other.fold();
        }
        self.left_out.0 += other.left_out.0;
        self.left_out.1 += other.left_out.1;
        for (text, raw) in other.by_text {
            match self.by_text.get_mut(&text) {
                None => {
                    self.by_text.insert(text, raw);
                }
                Some(known) if known.logged.is_empty() => {
                    (known.logged, known.logged_calls) = (raw.logged, raw.logged_calls);
                }
                Some(_) => {}
            }
        }
    }

    /// What found no room, as a sentence.
    pub(super) fn note(&self) -> Option<String> {
        let (statements, calls) = self.left_out;
        (statements > 0).then(|| {
            format!(
                "The log holds more statements than fit in memory: {statements} with {calls} calls are left out, those with the least time."
            )
        })
    }

    pub(super) fn into_statements(self) -> Vec<RawStatement> {
        let mut statements: Vec<RawStatement> = self.by_text.into_values().collect();
        statements.iter_mut().for_each(|raw| raw.keep_values(KEPT_VALUES));
        statements
    }

    /// Folds, then cuts variants and at last statements, down to half of the bound: the next statement does not fold
    /// again.
    fn make_room(&mut self) {
        self.fold();
        let mut cap = FIRST_CAP;
        while self.bytes > self.most / 2 && cap > 1 {
            self.by_text.values_mut().for_each(|raw| raw.keep_variants(cap));
            self.count();
            cap /= 2;
        }
        if self.bytes <= self.most / 2 {
            return;
        }
        let mut cheapest: Vec<(f64, String)> =
            self.by_text.iter().map(|(text, raw)| (raw.total_time_ms, text.clone())).collect();
        cheapest.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, text) in cheapest {
            if self.bytes <= self.most / 2 {
                break;
            }
            if let Some(raw) = self.by_text.remove(&text) {
                self.bytes = self.bytes.saturating_sub(size_of(&text, &raw));
                self.left_out.0 += 1;
                self.left_out.1 = self.left_out.1.saturating_add(raw.calls);
            }
        }
    }

    /// Puts texts together that differ in their constants only. Names stay as they are: tables whose names differ in
    /// digits are different tables.
    fn fold(&mut self) {
        let mut folded: BTreeMap<String, RawStatement> = BTreeMap::new();
        for (key, raw) in std::mem::take(&mut self.by_text) {
            let key = pg_query::normalize(&raw.sql).unwrap_or(key);
            match folded.get_mut(&key) {
                None => {
                    folded.insert(key, raw);
                }
                Some(known) => {
                    known.take(raw);
                    known.keep_values(MOST_VALUES);
                }
            }
        }
        self.by_text = folded;
        self.is_folded = true;
        self.count();
    }

    fn count(&mut self) {
        self.bytes = self.by_text.iter().map(|(text, raw)| size_of(text, raw)).sum();
    }
}

fn size_of(text: &str, raw: &RawStatement) -> usize {
    let variants: usize = raw.variants.iter().map(|(text, _)| text.len() + 32).sum();
    let values: usize = raw.logged.iter().map(|values| size_of_values(values)).sum();
    text.len() + raw.sql.len() + variants + values + OVERHEAD
}

fn size_of_values(values: &[Option<String>]) -> usize {
    values.iter().map(|value| 32 + value.as_ref().map_or(0, String::len)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_other_constants_stay_within_bounds_and_every_call_counts() {
        let most = 200_000;
        let mut texts = Texts::within(most);
        for number in 0..20_000 {
            texts.ran(format!("SELECT * FROM orders WHERE id = {number}"), 0.5, Vec::new(), "");
            let year = 2000 + number % 3;
            texts.ran(
                format!("SELECT * FROM sales_{year} WHERE id = {number}"),
                0.5,
                Vec::new(),
                "",
            );
            assert!(texts.bytes <= most, "{} bytes", texts.bytes);
        }
        texts.fold();
        let statements = texts.into_statements();
        assert_eq!(statements.len(), 4, "digits in names tell statements apart");
        assert!(statements.iter().all(|raw| raw.variants.len() > 10));
        let calls: i64 = statements.iter().map(|raw| raw.calls).sum();
        let time: f64 = statements.iter().map(|raw| raw.total_time_ms).sum();
        assert_eq!((calls, time), (40_000, 20_000.0));
    }

    #[test]
    fn different_statements_beyond_the_bound_are_left_out_with_a_note() {
        let mut texts = Texts::within(20_000);
        for number in 0..200 {
            texts.ran(format!("SELECT c{number} FROM orders"), f64::from(number), Vec::new(), "");
        }
        let note = texts.note().unwrap();
        assert!(note.contains("are left out"), "{note}");
        let left = i64::try_from(texts.left_out.0).unwrap();
        let statements = texts.into_statements();
        assert_eq!(statements.len() as i64 + left, 200);
        assert!(
            statements.iter().any(|raw| raw.sql == "SELECT c199 FROM orders"),
            "the dearest stays"
        );
    }

    #[test]
    fn what_is_counted_already_is_not_counted_again() {
        let (mut timed, mut planned) = (Texts::default(), Texts::default());
        timed.ran("SELECT 1 FROM a".into(), 5.0, Vec::new(), "");
        planned.ran("SELECT 1 FROM a".into(), 4.0, vec![Some("x".into())], "");
        planned.ran("SELECT 2 FROM b".into(), 3.0, Vec::new(), "");
        timed.complete_with(planned);
        let statements = timed.into_statements();
        let calls: Vec<(i64, f64)> =
            statements.iter().map(|raw| (raw.calls, raw.total_time_ms)).collect();
        assert_eq!(calls, [(1, 5.0), (1, 3.0)]);
        assert_eq!(statements[0].logged, [vec![Some("x".to_owned())]]);
    }
}
