//! Types of parameters, by preparing. Where PostgreSQL cannot tell, types are tried at the place that it
//! complains about, the likeliest first.

use std::collections::BTreeMap;

use crate::postgres::{MainSession, PREPARED_AS, PgFailure, PlanFailure};
use crate::sql::{Repair, SqlError, Statement, column_places, parameter_places, parse_one};

/// Types to be tried, the likeliest first.
const CANDIDATES: &[&str] = &[
    "numeric",
    "text",
    "integer",
    "timestamptz",
    "interval",
    "date",
    "boolean",
    "text[]",
    "jsonb",
];

/// Attempts for one statement; each is a round trip.
const MOST_ATTEMPTS: usize = 80;

/// What PostgreSQL said against a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Complaint {
    message: String,
    position: Option<usize>,
}

/// Finds a type for every parameter that is asked for; casts that were needed are added to `repair`. `columns` are the
/// types of the columns of the statement's tables, by their names. Types of the columns nearest to a complaint are tried
/// first: an index on such a column serves a value of its type, and not always one of another.
///
/// # Errors
/// PostgreSQL takes the statement with none of the types.
pub(super) async fn infer(
    session: &mut MainSession,
    statement: &Statement,
    repair: &mut Repair,
    columns: &BTreeMap<String, String>,
) -> Result<BTreeMap<i32, String>, PlanFailure> {
    let mut attempts = 0;
    let mut failure = match attempt(session, statement, repair).await {
        Ok(types) => return Ok(types),
        Err(failure) => failure,
    };
    while let Some(complaint) = complaint(&failure) {
        let mut progress = None;
        let near = types_near(statement, repair, &complaint, columns);
        let usual = || CANDIDATES.iter().map(|name| (*name).to_owned());
        for number in suspects(statement, repair, &complaint) {
            let others = usual().filter(|name| !near.contains(name));
            // A variable may be a list of what a column holds: `id = v_ids[1]`.
            let lists = near.iter().map(|name| format!("{name}[]"));
            for candidate in near.iter().cloned().chain(others).chain(lists) {
                attempts += 1;
                if attempts > MOST_ATTEMPTS {
                    return Err(failure);
                }
                let mut tried = repair.clone();
                tried.casts.insert(number, candidate);
                match attempt(session, statement, &tried).await {
                    Ok(types) => {
                        *repair = tried;
                        return Ok(types);
                    }
                    // Another complaint further on: this one may be settled, where no type settles all.
                    Err(next)
                        if settles(
                            &complaint,
                            &next,
                            &Cast { statement, before: repair, after: &tried, number },
                        ) =>
                    {
                        progress.get_or_insert((tried, next));
                    }
                    Err(_) => {}
                }
            }
        }
        let Some((tried, next)) = progress else { return Err(failure) };
        (*repair, failure) = (tried, next);
    }
    Err(failure)
}

async fn attempt(
    session: &mut MainSession,
    statement: &Statement,
    repair: &Repair,
) -> Result<BTreeMap<i32, String>, PlanFailure> {
    let prepared = parse_one(&repair.prepared_text(statement)?)?;
    let types = session.parameter_types(&prepared).await?;
    Ok(repair.asked().into_iter().zip(types).collect())
}

/// Complaints about types: ambiguous or undefined function, indeterminate or mismatched type.
fn complaint(failure: &PlanFailure) -> Option<Complaint> {
    match failure {
        PlanFailure::Target(PgFailure::Sql { sqlstate, message, position })
            if matches!(
                sqlstate.as_str(),
                "42725" | "42883" | "42P18" | "42804" | "42846" | "42P08"
            ) =>
        {
            let position = position.map(|place| place.saturating_sub(PREPARED_AS.len()));
            Some(Complaint { message: message.clone(), position })
        }
        _ => None,
    }
}

/// A parameter that is cast, and its statement before and after that.
struct Cast<'a> {
    statement: &'a Statement,
    before: &'a Repair,
    after: &'a Repair,
    number: i32,
}

/// A cast may put its parameter into parentheses.
const PARENTHESES: usize = 2;

/// Whether PostgreSQL complains of something further on, now that a parameter is cast.
fn settles(before: &Complaint, next: &PlanFailure, cast: &Cast<'_>) -> bool {
    let Some(next) = complaint(next) else { return false };
    match (before.position, next.position) {
        (Some(before), Some(next)) => {
            cast.place_before(next).is_ok_and(|next| next > before + PARENTHESES)
        }
        (before, next) => next > before,
    }
}

impl Cast<'_> {
    /// Where what stands at a place of the text with the cast stands without it, in bytes.
    fn place_before(&self, place: usize) -> Result<usize, SqlError> {
        let text = |repair: &Repair| parse_one(&repair.prepared_text(self.statement)?);
        let (before, after) = (text(self.before)?.sql, text(self.after)?.sql);
        let asked = self.after.asked();
        let number = asked.iter().position(|asked| *asked == self.number).map_or(0, |at| at + 1);
        let places: Vec<usize> = parameter_places(&after)?
            .into_iter()
            .filter(|(_, of)| usize::try_from(*of) == Ok(number))
            .map(|(at, _)| at)
            .collect();
        let added = after.len().saturating_sub(before.len()) / places.len().max(1);
        let passed = places.iter().filter(|at| **at < place).count();
        Ok(place.saturating_sub(added * passed))
    }
}

/// Columns near a complaint whose types are tried.
const MOST_NEAR: usize = 2;

/// The types of the columns nearest to a complaint, each once.
fn types_near(
    statement: &Statement,
    repair: &Repair,
    complaint: &Complaint,
    columns: &BTreeMap<String, String>,
) -> Vec<String> {
    let prepared = repair.prepared_text(statement).and_then(|text| parse_one(&text));
    let named = prepared.and_then(|prepared| column_places(&prepared));
    let Ok(mut named) = named else { return Vec::new() };
    let at = complaint.position.unwrap_or_default();
    named.sort_by_key(|(place, _)| place.abs_diff(at));
    let mut types: Vec<String> = Vec::new();
    for name in named.iter().filter_map(|(_, name)| columns.get(name)).take(MOST_NEAR) {
        if !types.contains(name) {
            types.push(name.clone());
        }
    }
    types
}

/// Parameters without a type, those nearest to the complaint first.
fn suspects(statement: &Statement, repair: &Repair, complaint: &Complaint) -> Vec<i32> {
    let open =
        |number: &i32| !repair.casts.contains_key(number) && !repair.cast_already.contains(number);
    let Ok(prepared) = repair.prepared_text(statement).and_then(|text| parse_one(&text)) else {
        return Vec::new();
    };
    let at = complaint.position.unwrap_or_default();
    let asked = repair.asked();
    let mut near: Vec<(usize, i32)> = parameter_places(&prepared.sql)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(place, number)| {
            let original = asked.get(usize::try_from(number - 1).ok()?)?;
            Some((place.abs_diff(at), *original))
        })
        .filter(|(_, number)| open(number))
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, number)| number).take(8).collect()
}
