//! A normalised statement beside texts of it that sessions ran: constants that decide how it can be searched, such as the
//! member in `doc ->> $1`, are put back, and the others are values that it was called with.

use std::collections::BTreeMap;

use pg_query::protobuf::Token;

use super::rewrite::{Edit, Lexeme, apply, lexemes};

/// Values that came this often, and no other, are a part of the statement: `status = 'waiting'` of a queue.
const ALWAYS: i64 = 10;
/// Sets of values that are kept.
const MOST_SETS: usize = 5;

/// What texts that were seen tell of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// With the constants that decide in their places.
    pub sql: String,
    /// Values of all its parameters, for those texts that wrote all of them.
    pub sets: Vec<Vec<Option<String>>>,
    /// How often each set came, in the same order.
    pub calls: Vec<i64>,
    /// How often texts were seen that have these constants, and how often any.
    pub times: i64,
    pub total: i64,
    /// The constants that decide, where there was another choice of them.
    pub chosen: Vec<String>,
    /// Of each other choice a text without parameters, and how often it was seen.
    pub others: Vec<(String, i64)>,
    /// How many other choices there were.
    pub other_choices: usize,
}

/// What the texts tell, each with how often it was seen; `None` where none of them is this statement with its constants.
#[must_use]
pub fn with_seen(normalised: &str, texts: &[(String, i64)]) -> Option<Seen> {
    let tokens = lexemes(normalised).ok()?;
    let places = places(normalised, &tokens);
    if places.is_empty() || texts.is_empty() {
        return None;
    }
    let aligned: Vec<Aligned<'_>> = texts
        .iter()
        .filter_map(|(text, times)| Some((literals(normalised, &tokens, text)?, *times, text)))
        .map(|(literals, times, text)| Aligned { literals, times, text })
        .collect();
    let deciding = |literals: &Literals| -> Vec<Option<Literal>> {
        let of_place = |place: &Place| literals.get(&place.number).cloned().flatten();
        places.iter().filter(|place| place.decides).map(of_place).collect()
    };
    // The first that was seen as often as any.
    let mut choices: Vec<(Vec<Option<Literal>>, i64)> = Vec::new();
    for one in &aligned {
        let choice = deciding(&one.literals);
        match choices.iter_mut().find(|(known, _)| *known == choice) {
            Some((_, times)) => *times = times.saturating_add(one.times),
            None => choices.push((choice, one.times)),
        }
    }
    choices.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let total = choices.iter().map(|(_, times)| *times).sum();
    let ((choice, times), other_choices) = choices.split_first()?;
    let of_choice = |choice: &Vec<Option<Literal>>| -> Vec<&Aligned<'_>> {
        aligned.iter().filter(|one| deciding(&one.literals) == *choice).collect()
    };
    let chosen = of_choice(choice);
    let others = other_choices
        .iter()
        .filter_map(|(choice, times)| {
            let of_it = of_choice(choice);
            let whole = of_it.iter().find(|one| one.literals.values().all(Option::is_some))?;
            Some((whole.text.to_owned(), *times))
        })
        .collect();
    let edits = places
        .iter()
        .filter_map(|place| {
            let first = chosen.first()?.literals.get(&place.number)?.as_ref()?;
            let is_same = |one: &&Aligned<'_>| {
                one.literals.get(&place.number).is_some_and(|one| one.as_ref() == Some(first))
            };
            let is_fixed = place.decides || (*times >= ALWAYS && chosen.iter().all(is_same));
            is_fixed.then(|| Edit { start: place.start, end: place.end, text: first.sql.clone() })
        })
        .collect();
    let mut sets: BTreeMap<Vec<Option<String>>, i64> = BTreeMap::new();
    for one in &chosen {
        if let Some(set) = whole_set(&one.literals) {
            *sets.entry(set).or_default() += one.times;
        }
    }
    let mut sets: Vec<(Vec<Option<String>>, i64)> = sets.into_iter().collect();
    sets.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    sets.truncate(MOST_SETS);
    let (sets, calls) = sets.into_iter().unzip();
    let sql = apply(normalised, edits).ok()?;
    let names = choice.iter().flatten().filter_map(|literal| literal.value.clone());
    Some(Seen {
        sql,
        sets,
        calls,
        times: *times,
        total,
        chosen: if other_choices.is_empty() { Vec::new() } else { names.collect() },
        others,
        other_choices: other_choices.len(),
    })
}

/// A text beside the normalised one.
struct Aligned<'a> {
    literals: Literals,
    times: i64,
    text: &'a str,
}

/// A constant as SQL writes it, and as the input function of its type reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Literal {
    sql: String,
    value: Option<String>,
}

/// By the number of the parameter; absent inside where the text has a parameter there, too.
type Literals = BTreeMap<i32, Option<Literal>>;

/// Where a parameter stands.
struct Place {
    number: i32,
    start: usize,
    end: usize,
    /// Whether it is a step into a document, or an argument of a function: with another value it is another expression.
    decides: bool,
}

fn places(sql: &str, tokens: &[Lexeme]) -> Vec<Place> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    let mut before: Option<&Lexeme> = None;
    for token in tokens.iter().filter(|token| !is_comment(token)) {
        let text = sql.get(token.start..token.end).unwrap_or_default();
        match text {
            "(" => open.push(before.is_some_and(names_function)),
            ")" => drop(open.pop()),
            _ => {}
        }
        if let Some(number) = parameter(sql, token) {
            let step = before.and_then(|before| sql.get(before.start..before.end));
            let is_step =
                step.is_some_and(|text| matches!(text, "->" | "->>" | "#>" | "#>>" | "["));
            let decides = is_step || open.last() == Some(&true);
            found.push(Place { number, start: token.start, end: token.end, decides });
        }
        before = Some(token);
    }
    found
}

/// Functions whose names are words of the grammar.
const CALLED: [Token; 11] = [
    Token::Ident,
    Token::Left,
    Token::Right,
    Token::Coalesce,
    Token::Substring,
    Token::Extract,
    Token::Trim,
    Token::Position,
    Token::Overlay,
    Token::Greatest,
    Token::Least,
];

/// Whether a parenthesis behind this begins arguments.
fn names_function(token: &Lexeme) -> bool {
    CALLED.iter().any(|name| token.token == *name as i32)
}

fn is_comment(token: &Lexeme) -> bool {
    token.token == Token::SqlComment as i32 || token.token == Token::CComment as i32
}

fn parameter(sql: &str, token: &Lexeme) -> Option<i32> {
    if token.token != Token::Param as i32 {
        return None;
    }
    sql.get(token.start + 1..token.end)?.parse().ok()
}

/// What stands in a text where the normalised one has parameters; `None` where the two are not one statement.
fn literals(normalised: &str, tokens: &[Lexeme], text: &str) -> Option<Literals> {
    let text = text.trim_end().trim_end_matches(';');
    let of_text = lexemes(text).ok()?;
    let mut own = of_text.iter().filter(|token| !is_comment(token)).peekable();
    let mut found = Literals::new();
    for (at, token) in tokens.iter().enumerate() {
        if is_comment(token) {
            continue;
        }
        let other = own.next()?;
        let Some(number) = parameter(normalised, token) else {
            let texts =
                (normalised.get(token.start..token.end)?, text.get(other.start..other.end)?);
            if token.token != other.token || !texts.0.eq_ignore_ascii_case(texts.1) {
                return None;
            }
            continue;
        };
        let sign = text.get(other.start..other.end)? == "-";
        let last = if sign { own.next()? } else { other };
        let literal = match parameter(text, last) {
            Some(_) => None,
            None if is_field(tokens, at) => {
                let field = text.get(last.start..last.end)?.to_owned();
                Some(Literal { value: Some(field.trim_matches('\'').to_owned()), sql: field })
            }
            None => Some(literal(text, other.start, last)?),
        };
        found.insert(number, literal);
        // A list that was cut shows its first value alone.
        let is_cut = tokens.get(at + 1).is_some_and(|next| {
            is_comment(next)
                && normalised.get(next.start..next.end).is_some_and(|text| text.contains("..."))
        });
        while is_cut && own.peek().is_some_and(|next| text.get(next.start..next.end) == Some(",")) {
            own.next();
            let value = own.next()?;
            literal_or_parameter(text, value)?;
        }
    }
    own.next().is_none().then_some(found)
}

/// Whether a parameter stands where `extract(year FROM …)` has a word.
fn is_field(tokens: &[Lexeme], at: usize) -> bool {
    let mut before = tokens[..at].iter().rev().filter(|token| !is_comment(token));
    let opening = before.next().map(|token| token.token);
    let called = before.next().map(|token| token.token);
    opening == Some(Token::Ascii40 as i32) && called == Some(Token::Extract as i32)
}

fn literal_or_parameter(text: &str, token: &Lexeme) -> Option<()> {
    if parameter(text, token).is_some() {
        Some(())
    } else {
        literal(text, token.start, token).map(drop)
    }
}

/// The constant that ends with a token and begins there or with the sign before it.
fn literal(text: &str, start: usize, token: &Lexeme) -> Option<Literal> {
    let is = |kinds: &[Token]| kinds.iter().any(|kind| token.token == *kind as i32);
    let sql = text.get(start..token.end)?.to_owned();
    let value = if is(&[Token::Sconst]) {
        let inside = sql.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(inside.replace("''", "'"))
    } else if is(&[Token::Iconst, Token::Fconst, Token::TrueP, Token::FalseP]) {
        Some(sql.clone())
    } else if is(&[Token::NullP]) {
        None
    } else {
        return None;
    };
    Some(Literal { sql, value })
}

/// The values of all parameters, in their order, where the text wrote each.
fn whole_set(literals: &Literals) -> Option<Vec<Option<String>>> {
    let most = usize::try_from(*literals.keys().last()?).ok()?;
    let mut set = vec![None; most];
    for (number, literal) in literals {
        let at = usize::try_from(*number).ok()?.checked_sub(1)?;
        *set.get_mut(at)? = literal.as_ref()?.value.clone();
    }
    (literals.len() == most).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(normalised: &str, texts: &[(&str, i64)]) -> Option<Seen> {
        let texts: Vec<(String, i64)> =
            texts.iter().map(|(text, times)| ((*text).to_owned(), *times)).collect();
        with_seen(normalised, &texts)
    }

    #[test]
    fn constants_that_decide_are_put_back_and_the_others_are_values() {
        let found = seen(
            "SELECT id FROM t WHERE doc ->> $1 = $2",
            &[
                ("select  id FROM t WHERE doc ->> 'email' = 'a''b' -- said\n;", 3),
                ("SELECT id FROM t WHERE doc->>'email' = 'c'", 1),
                ("SELECT id FROM t WHERE doc ->> 'plan' = 'x'", 1),
            ],
        )
        .unwrap();
        assert_eq!(found.sql, "SELECT id FROM t WHERE doc ->> 'email' = $2");
        let set = |value: &str| vec![Some("email".to_owned()), Some(value.to_owned())];
        assert_eq!(found.sets, [set("a'b"), set("c")]);
        assert_eq!((found.calls, found.times, found.total), (vec![3, 1], 4, 5));
        let other = "SELECT id FROM t WHERE doc ->> 'plan' = 'x'".to_owned();
        assert_eq!((found.others, found.other_choices), (vec![(other, 1)], 1));
        assert_eq!(found.chosen, ["email"]);
    }

    #[test]
    fn of_those_seen_as_often_the_first_is_taken() {
        let texts =
            ["'b'", "'a'"].map(|name| format!("SELECT 1 FROM t WHERE doc ->> {name} = '1'"));
        let found = seen(
            "SELECT $3 FROM t WHERE doc ->> $1 = $2",
            &[(texts[0].as_str(), 2), (texts[1].as_str(), 2)],
        );
        assert!(found.unwrap().sql.contains("doc ->> 'b'"));
    }

    #[test]
    fn the_word_of_extract_is_one_that_decides() {
        let found = seen(
            "SELECT id FROM t WHERE extract($1 from born) = $2",
            &[("SELECT id FROM t WHERE extract(year from born) = 1990", 1)],
        );
        assert_eq!(found.unwrap().sql, "SELECT id FROM t WHERE extract(year from born) = $2");
    }

    #[test]
    fn values_that_a_driver_binds_are_not_known_and_their_constants_are() {
        let found = seen(
            "SELECT id FROM t WHERE to_tsvector($2, body) @@ to_tsquery($3, $1) AND kind = $4",
            &[("SELECT id FROM t WHERE to_tsvector('english', body) @@ to_tsquery('english', $1) AND kind = -5", 1)],
        )
        .unwrap();
        assert_eq!(
            found.sql,
            "SELECT id FROM t WHERE to_tsvector('english', body) @@ to_tsquery('english', $1) AND kind = $4"
        );
        assert!(found.sets.is_empty());
    }

    #[test]
    fn what_is_always_the_same_is_a_part_of_the_statement() {
        let normalised = "SELECT id FROM jobs WHERE status = $1 AND owner = $2";
        let text = |owner: i32| {
            format!("SELECT id FROM jobs WHERE status = 'waiting' AND owner = {owner}")
        };
        let (one, two) = (text(1), text(2));
        let few = seen(normalised, &[(&one, 4), (&two, 5)]).unwrap();
        assert_eq!(few.sql, normalised);
        let many = seen(normalised, &[(&one, 4), (&two, 6)]).unwrap();
        assert_eq!(many.sql, "SELECT id FROM jobs WHERE status = 'waiting' AND owner = $2");
    }

    #[test]
    fn a_list_that_was_cut_has_any_length_and_another_statement_tells_nothing() {
        let normalised = "SELECT id FROM t WHERE k IN ($1 /*, ... */) AND a = $2";
        let found =
            seen(normalised, &[("SELECT id FROM t WHERE k IN (1, 2, 3) AND a = 7", 1)]).unwrap();
        assert_eq!(found.sets, [vec![Some("1".to_owned()), Some("7".to_owned())]]);
        for other in [
            "SELECT id FROM t WHERE k IN (1, 2, 3)",
            "SELECT id FROM t WHERE k IN (1, 2, 3) AND a = 7 LIMIT 5",
            "SELECT id FROM t WHERE k IN (1, x, 3) AND a = 7",
            "SELECT id FROM u WHERE k IN (1) AND a = 7",
            "SELECT id FROM t WHERE k IN (1) AND a = 'cut off",
        ] {
            assert_eq!(seen(normalised, &[(other, 1)]), None, "{other}");
        }
    }
}
