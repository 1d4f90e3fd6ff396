//! A statement as a role with policies runs it: each table that has some is read through their conditions.

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{TableName, quote_identifier};
use pg_query::protobuf::Token;
use serde_json::Value;

use super::rewrite::{Edit, apply, lexemes};
use super::{SqlError, Statement, parse_one, tree};

/// What takes the place of a relation that a role does not read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The rows of a table under a condition.
    Rows { table: TableName, condition: String },
    /// The query of a view that reads its tables as the role that asks it.
    Query { view: TableName, text: String },
}

/// How the relation behind a schema (empty where none is named) and a name is read, and whether a policy or a view asks for
/// it rather than the statement; absent where it is read as it is.
pub type ReadingOf<'c> = &'c dyn Fn(&str, &str, bool) -> Option<Reading>;

/// A view of a view, a policy that asks a table with a policy: deeper than that nobody builds.
const DEEPEST: usize = 8;

/// Relations that are replaced in one statement, at most: policies that ask each other could make many.
const MOST_REPLACED: usize = 200;

/// Puts conditions before the tables that have some, also behind views that read as who asks, and in what conditions
/// ask for. What a session is becomes a parameter: settings of the application (`current_setting('app.tenant')`) and
/// functions without arguments, by their name in full with their type. The session that plans has none of them. Absent
/// where nothing has a condition.
///
/// # Errors
/// A table stands where no query can take its place, or policies ask each other without end.
pub fn with_policies(
    statement: &Statement,
    reading_of: ReadingOf<'_>,
    session_values: &BTreeMap<String, String>,
) -> Result<Option<Statement>, SqlError> {
    let next = tree::parameter_numbers(statement.json()?).last().copied().unwrap_or_default() + 1;
    let mut filter =
        Filter { reading_of, session_values, settings: BTreeMap::new(), next, replaced: 0 };
    let filtered = filter.filtered(statement, 0)?;
    filtered.map(|text| parse_one(&without_gaps(&text, next)?)).transpose()
}

/// A text whose parameters from a number on follow each other: PostgreSQL asks for the type of one that is left out.
fn without_gaps(text: &str, first: i32) -> Result<String, SqlError> {
    let mut numbers: BTreeMap<i32, i32> = BTreeMap::new();
    let mut edits = Vec::new();
    for token in lexemes(text)? {
        let word = text.get(token.start..token.end).unwrap_or_default();
        let number = word.strip_prefix('$').and_then(|number| number.parse::<i32>().ok());
        let Some(number) = number.filter(|number| *number >= first) else { continue };
        let following = first + i32::try_from(numbers.len()).unwrap_or(i32::MAX - first);
        let number = *numbers.entry(number).or_insert(following);
        edits.push(Edit { start: token.start, end: token.end, text: format!("${number}") });
    }
    apply(text, edits)
}

struct Filter<'c> {
    reading_of: ReadingOf<'c>,
    session_values: &'c BTreeMap<String, String>,
    /// Numbers of the parameters that stand for what a session is.
    settings: BTreeMap<String, i32>,
    next: i32,
    replaced: usize,
}

impl Filter<'_> {
    fn filtered(&mut self, of: &Statement, depth: usize) -> Result<Option<String>, SqlError> {
        let json = of.json()?;
        let tokens = lexemes(&of.sql)?;
        let named = system_columns(json);
        let mut edits = Vec::new();
        for relation in tree::relations(json) {
            let Some(reading) = (self.reading_of)(&relation.schema, &relation.name, depth > 0)
            else {
                continue;
            };
            let found = relation.location.and_then(|at| ranges(json).remove(&at));
            let first = relation.location.and_then(|at| tokens.iter().position(|t| t.start == at));
            let (Some(range), Some(first)) = (found, first) else {
                return Err(SqlError::Refused(format!(
                    "{} has policies, and is used where its rows cannot be filtered",
                    reading.of()
                )));
            };
            let Some(mut text) =
                self.in_place_of(&reading, (range.reads_children, &named), depth)?
            else {
                continue;
            };
            let is_qualified =
                tokens.get(first + 1).is_some_and(|t| t.token == Token::Ascii46 as i32);
            let last = if is_qualified { first + 2 } else { first };
            let end = tokens.get(last).map_or(tokens[first].end, |token| token.end);
            if !range.has_alias {
                text += &format!(" AS {}", quote_identifier(&relation.name));
            }
            edits.push(Edit { start: tokens[first].start, end, text });
        }
        if edits.is_empty() { Ok(None) } else { apply(&of.sql, edits).map(Some) }
    }

    /// A query in the place of a relation; absent where it need not be replaced.
    fn in_place_of(
        &mut self,
        reading: &Reading,
        (reads_children, system_columns): (bool, &str),
        depth: usize,
    ) -> Result<Option<String>, SqlError> {
        self.replaced += 1;
        if depth >= DEEPEST || self.replaced > MOST_REPLACED {
            return Err(SqlError::Refused(format!(
                "policies and views above {} are too deeply nested, or refer to each other without end",
                reading.of()
            )));
        }
        match reading {
            Reading::Query { text, .. } => {
                let query = parse_one(text.trim().trim_end_matches(';'))?;
                Ok(self.filtered(&query, depth + 1)?.map(|text| format!("({text})")))
            }
            Reading::Rows { table, .. } if !reads_children => {
                Err(SqlError::Refused(format!("{table} has policies, and is read with ONLY")))
            }
            Reading::Rows { table, condition } => {
                let condition = self.condition(condition, depth)?;
                let table = table.quoted();
                Ok(Some(format!("(SELECT *{system_columns} FROM {table} WHERE {condition})")))
            }
        }
    }

    /// A condition with the tables that it asks for as the role reads them.
    fn condition(&mut self, condition: &str, depth: usize) -> Result<String, SqlError> {
        const BEFORE: &str = "SELECT 1 WHERE ";
        let asked = parse_one(&format!("{BEFORE}{condition}"))?;
        let condition = self.filtered(&asked, depth + 1)?.unwrap_or(asked.sql);
        let condition = condition.trim_start_matches(BEFORE);
        let Self { settings, next, .. } = self;
        let condition = without_functions(condition, self.session_values, settings, next)?;
        let condition = without_settings(&condition, settings, next)?;
        without_wraps(&without_computed(&condition, settings, next)?)
    }
}

impl Reading {
    const fn of(&self) -> &TableName {
        match self {
            Self::Rows { table, .. } => table,
            Self::Query { view, .. } => view,
        }
    }
}

/// System columns that a statement names, as a query adds them to `*`, which leaves them out: writes ask for the place of
/// a row.
fn system_columns(json: &Value) -> String {
    const KNOWN: [&str; 6] = ["ctid", "tableoid", "xmin", "xmax", "cmin", "cmax"];
    let mut named: BTreeSet<&str> = BTreeSet::new();
    tree::walk(json, &mut |kind, object| {
        if kind == "ColumnRef" {
            let last = tree::names(object.get("fields")).pop();
            named.extend(KNOWN.into_iter().find(|known| last.as_deref() == Some(*known)));
        }
    });
    named.into_iter().map(|name| format!(", {name}")).collect()
}

struct Range {
    has_alias: bool,
    reads_children: bool,
}

/// Relations in FROM, by their place.
fn ranges(json: &Value) -> BTreeMap<usize, Range> {
    let mut found = BTreeMap::new();
    tree::walk(json, &mut |kind, object| {
        if kind != "RangeVar" {
            return;
        }
        let location = object.get("location").and_then(Value::as_u64);
        if let Some(location) = location.and_then(|at| usize::try_from(at).ok()) {
            let has_alias = object.get("alias").is_some_and(Value::is_object);
            let reads_children = object.get("inh").and_then(Value::as_bool).unwrap_or(true);
            found.insert(location, Range { has_alias, reads_children });
        }
    });
    found
}

/// A condition with a parameter in the place of each `current_setting(…)`; the same setting as the same type is the same
/// parameter.
fn without_settings(
    condition: &str,
    settings: &mut BTreeMap<String, i32>,
    next: &mut i32,
) -> Result<String, SqlError> {
    let tokens = lexemes(condition)?;
    let text = |at: usize| tokens.get(at).and_then(|t| condition.get(t.start..t.end));
    let mut edits = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_call = text(at) == Some("current_setting") && text(at + 1) == Some("(");
        // One of the application's own is another function.
        let is_own = at > 1 && text(at - 1) == Some(".") && text(at - 2) != Some("pg_catalog");
        if !is_call || is_own {
            at += 1;
            continue;
        }
        let end = closing(&tokens, condition, at + 1).unwrap_or(tokens.len());
        let cast = cast_behind(&tokens, condition, end + 1).unwrap_or("text");
        let name = format!("{} as {cast}", text(at + 2).unwrap_or_default());
        let number = number_of(name, settings, next);
        let stop = tokens.get(end).map_or(condition.len(), |token| token.end);
        let is_qualified = at > 1 && text(at - 1) == Some(".");
        let start = tokens[if is_qualified { at - 2 } else { at }].start;
        edits.push(Edit { start, end: stop, text: format!("${number}") });
        at = end + 1;
    }
    apply(condition, edits)
}

/// A condition with a parameter in the place of what is computed from values of a session alone, and cast:
/// `(($1::jsonb ->> 'org'))::integer`. Of a made-up value nothing is computed that a column could be compared with.
fn without_computed(
    condition: &str,
    settings: &mut BTreeMap<String, i32>,
    next: &mut i32,
) -> Result<String, SqlError> {
    let tokens = lexemes(condition)?;
    let text = |at: usize| tokens.get(at).and_then(|t| condition.get(t.start..t.end)).unwrap_or("");
    let mut edits = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let end =
            closing(&tokens, condition, at).filter(|end| *end > at + 2 && text(end + 1) == "::");
        let Some(end) = end.filter(|end| text(at) == "(" && is_of_session(&text, at + 1, *end))
        else {
            at += 1;
            continue;
        };
        // The parentheses of a call go with its name.
        let is_word = |at: usize| {
            let word = text(at).to_ascii_lowercase();
            word.starts_with(|c: char| c.is_alphabetic() || c == '"' || c == '_')
                && !BEFORE_AN_EXPRESSION.contains(&word.as_str())
        };
        let first = match at {
            3.. if is_word(at - 1) && text(at - 2) == "." => at - 3,
            1.. if is_word(at - 1) => at - 1,
            _ => at,
        };
        // What a list selects may be several rows, of which none is one value.
        let is_row = first >= 3
            && text(first - 1).eq_ignore_ascii_case("select")
            && BEFORE_A_LIST.iter().any(|word| text(first - 3).eq_ignore_ascii_case(word));
        if is_row {
            at += 1;
            continue;
        }
        let (start, stop) = (tokens[first].start, tokens[end].end);
        let what = condition.get(start..stop).unwrap_or_default();
        let number = number_of(format!("{what} as {}", text(end + 2)), settings, next);
        edits.push(Edit { start, end: stop, text: format!("${number}") });
        at = end + 1;
    }
    apply(condition, edits)
}

/// Words that stand before an expression in parentheses, and are no name of a function.
const BEFORE_AN_EXPRESSION: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "between",
    "by",
    "case",
    "distinct",
    "else",
    "exists",
    "from",
    "having",
    "ilike",
    "in",
    "is",
    "like",
    "not",
    "on",
    "or",
    "row",
    "select",
    "similar",
    "some",
    "symmetric",
    "then",
    "to",
    "using",
    "values",
    "when",
    "where",
];

/// Whether words of an expression are parameters, calls, types and literals only, with a parameter among them.
fn is_of_session<'t>(text: &dyn Fn(usize) -> &'t str, from: usize, to: usize) -> bool {
    const OF_TYPES: &[&str] = &["with", "without", "time", "zone", "varying", "precision"];
    const LITERALS: &[&str] = &["true", "false", "null"];
    let has_parameter = (from..to).any(|at| text(at).starts_with('$'));
    has_parameter
        && (from..to).all(|at| {
            let word = text(at);
            if !word.starts_with(|c: char| c.is_alphabetic() || c == '"' || c == '_') {
                return true;
            }
            let is_call = text(at + 1) == "(" || (text(at + 1) == "." && text(at + 3) == "(");
            let is_type = text(at.saturating_sub(1)) == "::" || OF_TYPES.contains(&word);
            (is_call && !word.eq_ignore_ascii_case("select")) || is_type || LITERALS.contains(&word)
        })
}

/// The type that what ends before a place is cast to: `…)::integer`, also behind the end of `NULLIF(…, '')`.
fn cast_behind<'c>(
    tokens: &[super::rewrite::Lexeme],
    condition: &'c str,
    mut at: usize,
) -> Option<&'c str> {
    let text = |at: usize| tokens.get(at).and_then(|t| condition.get(t.start..t.end));
    loop {
        match text(at)? {
            "::" => return text(at + 1),
            ")" => at += 1,
            "," if text(at + 1) == Some("''") => {
                at += if text(at + 2) == Some("::") { 4 } else { 2 };
            }
            _ => return None,
        }
    }
}

/// The number of the parameter that stands for a name: the next one where it has none.
fn number_of(name: String, known: &mut BTreeMap<String, i32>, next: &mut i32) -> i32 {
    *known.entry(name).or_insert_with(|| {
        *next += 1;
        *next - 1
    })
}

/// A condition with a parameter in the place of each function without arguments.
fn without_functions(
    condition: &str,
    session_values: &BTreeMap<String, String>,
    settings: &mut BTreeMap<String, i32>,
    next: &mut i32,
) -> Result<String, SqlError> {
    let tokens = lexemes(condition)?;
    let text = |at: usize| tokens.get(at).and_then(|t| condition.get(t.start..t.end));
    let mut edits = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let rest = [text(at + 1), text(at + 3), text(at + 4)];
        if rest != [Some("."), Some("("), Some(")")] {
            continue;
        }
        // A row of it, rather than its value.
        let is_row = at > 0
            && text(at - 1).is_some_and(|word| {
                ["from", "join", "lateral"].iter().any(|before| word.eq_ignore_ascii_case(before))
            });
        if is_row {
            continue;
        }
        let name = format!("{}.{}", text(at).unwrap_or_default(), text(at + 2).unwrap_or_default());
        let Some(of_type) = session_values.get(&name) else { continue };
        let number = number_of(name, settings, next);
        let end = tokens.get(at + 4).map_or(condition.len(), |token| token.end);
        let text = format!("(${number})::{of_type}");
        edits.push(Edit { start: token.start, end, text });
    }
    apply(condition, edits)
}

/// Words before a query that gives a list.
const BEFORE_A_LIST: &[&str] = &["in", "any", "some", "all", "exists", "array"];

/// Words of a query that is more than a value.
const BEYOND_A_VALUE: &[&str] = &[
    "from",
    "select",
    "where",
    "union",
    "intersect",
    "except",
    "order",
    "limit",
    "offset",
    "fetch",
    "group",
    "having",
    "distinct",
    "values",
    "window",
    "for",
];

/// A condition without what stands around a parameter and leaves it what it is: `(SELECT $1)`, which is there to be
/// computed once, and `NULLIF($1, '')`, since a session that runs statements has a value.
fn without_wraps(condition: &str) -> Result<String, SqlError> {
    let tokens = lexemes(condition)?;
    let text = |at: usize| tokens.get(at).and_then(|t| condition.get(t.start..t.end)).unwrap_or("");
    let is = |at: usize, word: &str| text(at).eq_ignore_ascii_case(word);
    let mut edits = Vec::new();
    let mut remove = |from: usize, to: usize| {
        if let (Some(from), Some(to)) = (tokens.get(from), tokens.get(to)) {
            edits.push(Edit { start: from.start, end: to.end, text: String::new() });
        }
    };
    for at in 0..tokens.len() {
        if is(at, "nullif") && is(at + 1, "(") && text(at + 2).starts_with('$') && is(at + 3, ",") {
            // An empty text, cast or not.
            let end = if is(at + 5, "::") { at + 7 } else { at + 5 };
            if is(at + 4, "''") && is(end, ")") {
                remove(at, at + 1);
                remove(at + 3, end);
            }
        }
        if is(at, "(") && is(at + 1, "select") {
            let Some(end) = closing(&tokens, condition, at) else { continue };
            // A list of rows is none of one value, and what orders or cuts rows has several.
            let is_list = at > 0 && BEFORE_A_LIST.iter().any(|word| is(at - 1, word));
            let is_plain = (at + 2..end).all(|inner| {
                let is_call =
                    is(inner + 1, "(") && text(inner).starts_with(|c: char| c.is_alphabetic());
                let may_stand = is(inner, "nullif") || is(inner, "coalesce");
                !BEYOND_A_VALUE.iter().any(|word| is(inner, word)) && (!is_call || may_stand)
            });
            if is_list || !is_plain {
                continue;
            }
            remove(at + 1, at + 1);
            if is(end - 2, "as") {
                remove(end - 2, end - 1);
            }
        }
    }
    apply(condition, edits)
}

/// The parenthesis that closes the one at a place.
fn closing(tokens: &[super::rewrite::Lexeme], condition: &str, at: usize) -> Option<usize> {
    let mut depth = 0;
    for (number, token) in tokens.iter().enumerate().skip(at) {
        match condition.get(token.start..token.end)? {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str, condition: &str) -> String {
        let statement = parse_one(sql).unwrap();
        let memo = || TableName::new("public", "memo");
        let reading_of = |schema: &str, name: &str, _: bool| match (schema, name) {
            ("" | "public", "memo") => {
                Some(Reading::Rows { table: memo(), condition: condition.to_owned() })
            }
            ("", "shown") => Some(Reading::Query {
                view: TableName::new("public", "shown"),
                text: " SELECT m.id, m.folder FROM public.memo m;".to_owned(),
            }),
            ("", "others") => Some(Reading::Query {
                view: TableName::new("public", "others"),
                text: " SELECT id FROM other;".to_owned(),
            }),
            _ => None,
        };
        let known = [("auth.tenant".to_owned(), "uuid".to_owned())].into();
        with_policies(&statement, &reading_of, &known).unwrap().map_or_else(String::new, |s| s.sql)
    }

    #[test]
    fn tables_are_read_through_their_conditions() {
        let own = "(author_id = (current_setting('app.author'::text))::integer)";
        for (sql, expected) in [
            (
                "SELECT id FROM memo WHERE folder = $1",
                "SELECT id FROM (SELECT * FROM public.memo WHERE author_id = $2::int) memo WHERE folder = $1",
            ),
            (
                "SELECT m.id FROM public.memo m JOIN other o USING (id)",
                "SELECT m.id FROM (SELECT * FROM public.memo WHERE author_id = $1::int) m JOIN other o USING (id)",
            ),
            (
                "SELECT 1 FROM memo a, memo b",
                "SELECT 1 FROM (SELECT * FROM public.memo WHERE author_id = $1::int) a, (SELECT * FROM public.memo WHERE author_id = $1::int) b",
            ),
            ("SELECT 1 FROM other", ""),
            ("SELECT 1 FROM others", ""),
            (
                "SELECT memo.ctid, xmin FROM memo",
                "SELECT memo.ctid, xmin FROM (SELECT *, ctid, xmin FROM public.memo WHERE author_id = $1::int) memo",
            ),
            (
                "SELECT id FROM shown WHERE folder = $1",
                "SELECT id FROM (SELECT m.id, m.folder FROM (SELECT * FROM public.memo WHERE author_id = $2::int) m) shown WHERE folder = $1",
            ),
        ] {
            assert_eq!(of(sql, own), expected);
        }
        for (condition, expected) in [
            ("(tenant_id = auth.tenant())", "tenant_id = $1::uuid"),
            ("(tenant_id = ( SELECT auth.tenant() AS tenant))", "tenant_id = $1::uuid"),
            (
                "(tenant_id = (NULLIF(current_setting('app.tenant'::text, true), ''::text))::uuid)",
                "tenant_id = $1::uuid",
            ),
            (
                "(author = ( SELECT (current_setting('app.author'::text, true))::integer AS current_setting))",
                "author = $1::int",
            ),
            ("(id IN ( SELECT m.id FROM m))", "id IN (SELECT m.id FROM m)"),
            // What is computed from a setting is a value like a setting.
            (
                "(org = (((current_setting('a.j'::text, true))::jsonb ->> 'org'::text))::integer)",
                "org = $1::int",
            ),
            (
                "(org = ANY ((string_to_array(current_setting('a.l'::text, true), ','::text))::integer[]))",
                "org = ANY($1::int[])",
            ),
            (
                "(org = (lower((name || current_setting('a.l'::text, true))))::integer)",
                "org = lower(name || $1)::int",
            ),
            // Several rows stay a query.
            (
                "(id IN ( SELECT unnest(string_to_array(current_setting('a.b'::text), ','::text)) AS unnest))",
                "id IN (SELECT unnest(string_to_array($1, ','::text)) AS unnest)",
            ),
            (
                "(id = ANY (ARRAY( SELECT my_orgs() AS my_orgs)))",
                "id = ANY(ARRAY(SELECT my_orgs() AS my_orgs))",
            ),
            (
                "(id IN ( SELECT o.o FROM auth.tenant() o(o)))",
                "id IN (SELECT o.o FROM auth.tenant() o(o))",
            ),
            (
                "(id IN ( SELECT (unnest(string_to_array(current_setting('a.b'::text), ','::text)))::integer AS unnest))",
                "id IN (SELECT unnest(string_to_array($1, ','::text))::int AS unnest)",
            ),
            (
                "(id IN ( SELECT (my_orgs(current_setting('a.b'::text)))::integer AS my_orgs))",
                "id IN (SELECT my_orgs($1)::int AS my_orgs)",
            ),
            (
                "(org = ( SELECT (((current_setting('a.j'::text, true))::jsonb ->> 'org'::text))::integer AS int4))",
                "org = $1::int",
            ),
            // A setting as two types is two parameters, and the application's own function is none.
            (
                "((COALESCE(current_setting('x.y'::text, true), ''::text) <> ''::text) AND (u = (NULLIF(current_setting('x.y'::text, true), ''::text))::uuid))",
                "COALESCE($1, ''::text) <> ''::text AND u = $2::uuid",
            ),
            ("(id = app.current_setting('x'::text))", "id = app.current_setting('x'::text)"),
        ] {
            let found = of("SELECT 1 FROM memo", condition);
            assert!(found.contains(&format!("WHERE {expected}")), "{found}");
        }
        let two = "((a = current_setting('x.a', true)) AND (b = current_setting('x.b'::text)))";
        assert!(of("SELECT 1 FROM memo", two).contains("a = $1 AND b = $2"));
    }
}
