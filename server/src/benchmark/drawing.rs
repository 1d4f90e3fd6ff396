//! Values that occur together: drawn from the rows that are measured on, so that what is measured finds rows.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use optischema::model::{Binding, BindingKind, Catalog, quote_literal};
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use super::arms::execute;
use super::bound::{Bound, bound};
use super::request::BenchmarkRequest;
use super::site::Site;
use super::survey::Places;
use crate::postgres::{ExplainMode, MainSession, explain, query};
use crate::sql::{self, Drawn};
use crate::workload::{array_of, length_of};

/// Rows that values are drawn from.
const ROWS: usize = 1000;
/// Seconds that looking for them may take.
const LONGEST_S: u32 = 10;

/// Kinds of values that statistics give column by column.
const KINDS: [BindingKind; 3] = [BindingKind::Common, BindingKind::Median, BindingKind::Rare];

/// Puts values of one row each in the place of values that were taken column by column; what cannot be drawn stays, and
/// the sentences say why.
///
/// # Errors
/// A server is out of reach.
pub(super) async fn draw(
    request: &BenchmarkRequest<'_>,
    site: &mut Site,
    places: &Places,
    all: Vec<Bound>,
    catalog: Option<&Catalog>,
) -> Result<(Vec<Bound>, Vec<String>), BenchmarkError> {
    let mut drawn: Vec<Bound> = Vec::new();
    let mut warnings = Vec::new();
    let mut main = MainSession::begin(&places.main).await?;
    let mut sources: BTreeMap<usize, Option<Source>> = BTreeMap::new();
    for old in all {
        // Values of a log and values that are written stay; they come first, and say nothing of the others.
        if !KINDS.contains(&old.binding.kind) {
            drawn.push(old);
            continue;
        }
        let source = match sources.entry(old.case) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(match Source::read(request, site, &old).await {
                Ok(source) => source,
                Err(error) => {
                    let reason = error.refusal()?;
                    warnings.push(format!("No values could be drawn from the rows: {reason}"));
                    None
                }
            }),
        };
        let binding = source.as_ref().and_then(|source| source.binding(&old.binding));
        let Some(binding) = binding else {
            drawn.push(old);
            continue;
        };
        let made = match template(request, &old).and_then(|statement| {
            let sql = sql::bind_parameters(&statement, &binding.literals)?;
            Ok(Binding { sql, ..binding })
        }) {
            Ok(binding) => {
                bound(&mut main, request, old.case, &binding, request.rewrite(), catalog).await
            }
            Err(error) => Err(error),
        };
        match made {
            Ok(new) if drawn.iter().any(|known| same_values(known, &new)) => {}
            Ok(new) => drawn.push(new),
            Err(error) => {
                let reason = error.refusal()?;
                warnings.push(format!("Values drawn from the rows were not taken: {reason}"));
                drawn.push(old);
            }
        }
    }
    main.end().await?;
    Ok((drawn, warnings))
}

fn same_values(a: &Bound, b: &Bound) -> bool {
    a.case == b.case && a.binding.values == b.binding.values
}

/// The statement whose parameters the literals of a binding are put into.
fn template(request: &BenchmarkRequest<'_>, one: &Bound) -> Result<sql::Statement, BenchmarkError> {
    let case = &request.cases[one.case];
    match &case.plannable.template {
        Some(text) => Ok(sql::parse_one(text)?),
        None => Ok(case.statement.clone()),
    }
}

/// Rows of one statement's drawing.
#[derive(Debug, Default)]
struct Source {
    outputs: Vec<Drawn>,
    rows: Vec<Vec<String>>,
}

impl Source {
    /// Asks for them where the statement is measured; absent where there is nothing to draw.
    async fn read(
        request: &BenchmarkRequest<'_>,
        site: &mut Site,
        one: &Bound,
    ) -> Result<Option<Self>, BenchmarkError> {
        if one.binding.literals.is_empty() {
            return Ok(None);
        }
        let Some(drawing) = sql::drawing(&template(request, one)?)? else { return Ok(None) };
        let asked = sql::parse_one(&drawing.sql)?;
        let asked = sql::parse_one(&sql::bind_parameters(&asked, &one.binding.literals)?)?;
        let search_path = &request.cases[one.case].plannable.search_path;
        let placed = site.placed(&asked, search_path)?;
        let fence = site.fence;
        let plan = fence.around(site.connection(), async |connection| {
            Ok(explain(connection, ExplainMode::Verbose, &placed).await?.0)
        });
        let plan = plan.await?;
        site.check_reach(&plan)?;
        let text = format!(
            "SELECT * FROM ({placed}) AS optischema_drawn ORDER BY pg_catalog.random() LIMIT {ROWS}"
        );
        let limit = LONGEST_S.min(request.statement_timeout_s);
        // The same seed draws the same rows.
        let share = (request.seed % 1_000_000) as f64 / 1_000_000.0;
        let found = fence.around(site.connection(), async |connection| {
            for setting in [
                format!("SET LOCAL statement_timeout = '{limit}s'"),
                "SET LOCAL max_parallel_workers_per_gather = 0".to_owned(),
                "SET LOCAL synchronize_seqscans = off".to_owned(),
            ] {
                execute(connection, setting).await?;
            }
            query("SELECT pg_catalog.setseed($1)").bind(share).execute(&mut *connection).await?;
            Ok(query(AssertSqlSafe(text)).fetch_all(&mut *connection).await?)
        });
        let mut rows = Vec::new();
        for row in found.await? {
            let values: Result<Vec<String>, _> =
                (0..drawing.outputs.len()).map(|at| row.try_get(at)).collect();
            rows.push(values?);
        }
        Ok(Some(Self { outputs: drawing.outputs, rows }))
    }

    /// A set of values with those of one row in the place of its own; absent where none was found.
    fn binding(&self, old: &Binding) -> Option<Binding> {
        let at = KINDS.iter().position(|kind| *kind == old.kind)?;
        let lengths = self.outputs.iter().map(|output| match output {
            Drawn::One(_) => 1,
            Drawn::OneOf(numbers) => numbers.len(),
            Drawn::Element(number) => length_of(value_of(old, *number).unwrap_or_default()),
        });
        let lengths: Vec<usize> = lengths.collect();
        let chosen = choose(&self.outputs, &self.rows, &lengths, at)?;
        let mut new = old.clone();
        for (output, values) in self.outputs.iter().zip(chosen) {
            match output {
                Drawn::One(number) => new = with_value(new, *number, values.first()?)?,
                Drawn::Element(number) => new = with_value(new, *number, &array_of(&values))?,
                Drawn::OneOf(numbers) => {
                    for (number, value) in numbers.iter().zip(values.iter().cycle()) {
                        new = with_value(new, *number, value)?;
                    }
                }
            }
            if !matches!(output, Drawn::Element(_)) {
                new.assumed_parameters.retain(|number| !output.numbers().contains(number));
            }
        }
        new.assumed = !new.assumed_parameters.is_empty()
            || (old.assumed && old.assumed_parameters.is_empty());
        new.label = match old.kind {
            BindingKind::Common => "values that occur together, the commonest",
            BindingKind::Median => "values that occur together, of a row in the middle",
            _ => "values that occur together, the rarest",
        }
        .to_owned();
        Some(new)
    }
}

fn value_of(binding: &Binding, number: i32) -> Option<&str> {
    binding.values.get(usize::try_from(number).ok()?.checked_sub(1)?)?.as_deref()
}

/// The binding with another value for one parameter; absent where it stands otherwise than as a quoted text.
fn with_value(mut binding: Binding, number: i32, value: &str) -> Option<Binding> {
    let at = usize::try_from(number).ok()?.checked_sub(1)?;
    let literal = binding.literals.get_mut(at)?;
    let old = binding.values.get_mut(at)?;
    let stood = old.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal);
    if !literal.contains(&stood) {
        return None;
    }
    *literal = literal.replacen(&stood, &quote_literal(value), 1);
    *old = Some(value.to_owned());
    Some(binding)
}

/// Values for each output: of the commonest set of values among the rows (`at` 0), of the set that the row in the middle
/// has (1), or of the rarest (2). Lists get as many different ones as `lengths` says, if there are so many.
fn choose(
    outputs: &[Drawn],
    rows: &[Vec<String>],
    lengths: &[usize],
    at: usize,
) -> Option<Vec<Vec<String>>> {
    let is_list: Vec<bool> = outputs.iter().map(|o| !matches!(o, Drawn::One(_))).collect();
    let key = |row: &[String]| -> Vec<String> {
        let single = row.iter().zip(&is_list).filter(|(_, is_list)| !**is_list);
        single.map(|(value, _)| value.clone()).collect()
    };
    let ranked = ranked(rows.iter().map(|row| key(row)));
    let chosen = nth(&ranked, rows.len(), at)?;
    let of_key: Vec<&Vec<String>> = rows.iter().filter(|row| key(row) == *chosen).collect();
    let mut singles = chosen.iter();
    let values = (0..outputs.len()).map(|output| {
        if !is_list[output] {
            return singles.next().map(|value| vec![value.clone()]);
        }
        let elements = |rows: &mut dyn Iterator<Item = &Vec<String>>| {
            let ranked = self::ranked(rows.map(|row| vec![row[output].clone()]));
            let total = ranked.iter().map(|(_, count)| count).sum();
            let first = nth(&ranked, total, at).cloned();
            let mut ordered: Vec<String> =
                ranked.into_iter().flat_map(|(value, _)| value).collect();
            let start = first.and_then(|first| ordered.iter().position(|v| *v == first[0]));
            ordered.rotate_left(start.unwrap_or_default());
            ordered
        };
        let mut taken = elements(&mut of_key.iter().copied());
        for more in elements(&mut rows.iter()) {
            if !taken.contains(&more) {
                taken.push(more);
            }
        }
        taken.truncate(lengths[output].max(1));
        Some(taken)
    });
    values.collect()
}

/// Different sets of values with how often they occur, the commonest first.
fn ranked(keys: impl Iterator<Item = Vec<String>>) -> Vec<(Vec<String>, usize)> {
    let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    ranked
}

/// The commonest, the one of the row in the middle, or the rarest.
fn nth(ranked: &[(Vec<String>, usize)], rows: usize, at: usize) -> Option<&Vec<String>> {
    match at {
        0 => ranked.first(),
        1 => {
            let mut seen = 0;
            ranked.iter().find(|(_, count)| {
                seen += count;
                2 * seen > rows
            })
        }
        _ => ranked.last(),
    }
    .map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        // Ten of (a, 1), five of (b, 2) and (b, 3) in turn, one of (c, 9).
        let mut rows = vec![["a", "1"]; 10];
        rows.extend([["b", "2"], ["b", "3"], ["b", "2"], ["b", "3"], ["b", "2"]]);
        rows.push(["c", "9"]);
        rows.into_iter().map(|row| row.map(str::to_owned).to_vec()).collect()
    }

    #[test]
    fn values_come_from_one_row() {
        let outputs = [Drawn::One(1), Drawn::One(2)];
        let of = |at| choose(&outputs, &rows(), &[1, 1], at).unwrap().concat();
        assert_eq!(of(0), ["a", "1"]);
        assert_eq!(of(1), ["a", "1"]);
        assert_eq!(of(2), ["c", "9"]);
        assert_eq!(choose(&outputs, &[], &[1, 1], 0), None);
    }

    #[test]
    fn lists_take_what_occurs_with_the_other_values_first() {
        let outputs = [Drawn::One(1), Drawn::Element(2)];
        let rows: Vec<Vec<String>> = rows().into_iter().filter(|row| row[0] != "a").collect();
        assert_eq!(choose(&outputs, &rows, &[1, 2], 0).unwrap(), [vec!["b"], vec!["2", "3"]]);
        assert_eq!(choose(&outputs, &rows, &[1, 3], 0).unwrap()[1], ["2", "3", "9"]);
        assert_eq!(choose(&outputs, &rows, &[1, 9], 2).unwrap()[1], ["9", "2", "3"]);
    }

    #[test]
    fn only_what_was_drawn_is_replaced_and_no_longer_assumed() {
        let old = Binding {
            kind: BindingKind::Common,
            assumed: true,
            values: vec![Some("it's".into()), Some("7".into()), None],
            literals: vec![
                "CAST('it''s' AS TEXT)".into(),
                "'7'".into(),
                "CAST(NULL AS INT4)".into(),
            ],
            assumed_parameters: vec![1],
            ..Binding::default()
        };
        let source = Source {
            outputs: vec![Drawn::One(1), Drawn::One(3)],
            rows: vec![vec!["o'r".into(), "3".into()]],
        };
        let new = source.binding(&old).unwrap();
        assert_eq!(new.literals, ["CAST('o''r' AS TEXT)", "'7'", "CAST('3' AS INT4)"]);
        assert_eq!(new.values, [Some("o'r".into()), Some("7".into()), Some("3".into())]);
        assert!(!new.assumed && new.assumed_parameters.is_empty());
    }
}
