//! Changing a statement at its tokens, at places that its tree names: parameters become literals, and
//! relations move to another schema.

use optischema::model::{TableName, quote_identifier};
use pg_query::protobuf::Token;

use super::{SqlError, Statement, tree};

/// A replacement of a byte range.
pub(super) struct Edit {
    pub start: usize,
    pub end: usize,
    pub text: String,
}

pub(super) fn apply(sql: &str, mut edits: Vec<Edit>) -> Result<String, SqlError> {
    edits.sort_by_key(|edit| edit.start);
    let mut out = String::with_capacity(sql.len() + 64);
    let mut at = 0;
    for edit in edits {
        let before = sql.get(at..edit.start).ok_or_else(out_of_step)?;
        out.push_str(before);
        out.push_str(&edit.text);
        at = edit.end;
    }
    out.push_str(sql.get(at..).ok_or_else(out_of_step)?);
    Ok(out)
}

fn out_of_step() -> SqlError {
    SqlError::Parse("the parser's positions do not fit the text".into())
}

pub(super) struct Lexeme {
    pub start: usize,
    pub end: usize,
    pub token: i32,
}

pub(super) fn lexemes(sql: &str) -> Result<Vec<Lexeme>, SqlError> {
    let scanned = pg_query::scan(sql)?;
    scanned
        .tokens
        .iter()
        .map(|token| {
            let place = |at: i32| usize::try_from(at).map_err(|_| out_of_step());
            Ok(Lexeme { start: place(token.start)?, end: place(token.end)?, token: token.token })
        })
        .collect()
}

/// The comments of a text, in their order.
pub(super) fn comments(sql: &str) -> Result<Vec<&str>, SqlError> {
    let is_comment = |lexeme: &Lexeme| {
        lexeme.token == Token::SqlComment as i32 || lexeme.token == Token::CComment as i32
    };
    let all = lexemes(sql)?;
    let found = all.iter().filter(|lexeme| is_comment(lexeme));
    Ok(found.filter_map(|lexeme| sql.get(lexeme.start..lexeme.end)).collect())
}

/// The statement with each `$n` replaced by `literals[n - 1]`, which must be a complete SQL expression.
///
/// # Errors
/// A parameter has no literal.
pub fn bind_parameters(statement: &Statement, literals: &[String]) -> Result<String, SqlError> {
    let mut edits = Vec::new();
    let tokens = lexemes(&statement.sql)?;
    for (at, lexeme) in tokens.iter().enumerate() {
        if lexeme.token != Token::Param as i32 {
            continue;
        }
        let number = statement.sql.get(lexeme.start + 1..lexeme.end).ok_or_else(out_of_step)?;
        let literal =
            number.parse::<usize>().ok().and_then(|n| literals.get(n.checked_sub(1)?)).ok_or_else(
                || SqlError::Refused(format!("the parameter ${number} has no value")),
            )?;
        // A subscript and a field of a parameter need no parentheses, and those of anything else do.
        let is_selected_from = tokens.get(at + 1).is_some_and(|next| {
            next.token == Token::Ascii91 as i32 || next.token == Token::Ascii46 as i32
        });
        let text = if is_selected_from { format!("({literal})") } else { literal.clone() };
        edits.push(Edit { start: lexeme.start, end: lexeme.end, text });
    }
    apply(&statement.sql, edits)
}

/// The statement with every relation moved to `schema`. `known` lists the tables that have a copy there,
/// by the schema and name that the statement could use for them.
///
/// # Errors
/// It names a relation that has no copy.
pub fn retarget(
    statement: &Statement,
    schema: &str,
    resolve: &dyn Fn(&str, &str) -> Option<TableName>,
) -> Result<String, SqlError> {
    let moved = |from: &str, name: &str| {
        resolve(from, name).map(|table| TableName::new(schema, table.name))
    };
    rename_relations(statement, &moved)
}

/// The statement with every table named by its schema, as the search path means it.
///
/// # Errors
/// It names a table that is not known.
pub fn qualify(
    statement: &Statement,
    resolve: &dyn Fn(&str, &str) -> Option<TableName>,
) -> Result<String, SqlError> {
    rename_relations(statement, resolve)
}

fn rename_relations(
    statement: &Statement,
    resolve: &dyn Fn(&str, &str) -> Option<TableName>,
) -> Result<String, SqlError> {
    let json = statement.json()?;
    let lexemes = lexemes(&statement.sql)?;
    let at = |location: usize| lexemes.iter().position(|lexeme| lexeme.start == location);
    let dot = Token::Ascii46 as i32;
    let mut edits = Vec::new();
    for relation in tree::relations(json) {
        let Some(table) = resolve(&relation.schema, &relation.name) else {
            return Err(SqlError::Refused(format!(
                "it reads {}, which is not a known table",
                TableName::new(relation.schema, relation.name)
            )));
        };
        let first = relation.location.and_then(at).ok_or_else(out_of_step)?;
        let qualified = lexemes.get(first + 1).is_some_and(|next| next.token == dot);
        let last = if qualified { first + 2 } else { first };
        edits.push(Edit {
            start: lexemes[first].start,
            end: lexemes.get(last).ok_or_else(out_of_step)?.end,
            text: table.quoted(),
        });
    }
    // schema.table.column: the first part moves too.
    tree::walk(json, &mut |name, object| {
        let fields = object.get("fields").and_then(serde_json::Value::as_array);
        let location = object.get("location").and_then(serde_json::Value::as_u64);
        if let ("ColumnRef", Some(3..), Some(location)) = (name, fields.map(Vec::len), location) {
            let parts = tree::names(object.get("fields"));
            let table = parts.get(1).and_then(|table| resolve(&parts[0], table));
            let first = usize::try_from(location).ok().and_then(at).and_then(|i| lexemes.get(i));
            edits.extend(first.zip(table).map(|(first, table)| Edit {
                start: first.start,
                end: first.end,
                text: quote_identifier(&table.schema),
            }));
        }
    });
    apply(&statement.sql, edits)
}

/// Every relation that a statement names, by schema (empty where it names none) and name; as often as it does.
#[must_use]
pub fn relation_names(statement: &Statement) -> Vec<(String, String)> {
    let Ok(json) = statement.json() else { return Vec::new() };
    let relations = tree::relations(json).into_iter();
    relations.map(|relation| (relation.schema, relation.name)).collect()
}

/// The statement with types that it names without a schema named in full, where `schema_of` knows better; absent where none
/// is.
///
/// # Errors
/// The text and its tokens do not fit.
pub fn qualify_types(
    statement: &Statement,
    schema_of: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, SqlError> {
    let json = statement.json()?;
    let lexemes = lexemes(&statement.sql)?;
    let mut edits = Vec::new();
    tree::walk(json, &mut |kind, object| {
        if !matches!(kind, "TypeName" | "type_name") {
            return;
        }
        let names = tree::names(object.get("names"));
        let [name] = names.as_slice() else { return };
        edits.extend(in_full(object, name, &lexemes, schema_of));
    });
    edits.sort_by_key(|edit| edit.start);
    edits.dedup_by_key(|edit| edit.start);
    if edits.is_empty() { Ok(None) } else { apply(&statement.sql, edits).map(Some) }
}

/// A name at the place of its node, with its schema.
fn in_full(
    object: &serde_json::Map<String, serde_json::Value>,
    name: &str,
    lexemes: &[Lexeme],
    schema_of: &dyn Fn(&str) -> Option<String>,
) -> Option<Edit> {
    let location = object.get("location").and_then(serde_json::Value::as_u64)?;
    let place = usize::try_from(location).ok()?;
    let found = lexemes.iter().find(|lexeme| lexeme.start == place)?;
    let text = format!("{}.{}", quote_identifier(&schema_of(name)?), quote_identifier(name));
    Some(Edit { start: found.start, end: found.end, text })
}

/// The text of a statement with functions named in full whose schema `schema_of` knows; absent where none is. Nothing
/// else is touched.
///
/// # Errors
/// The text cannot be scanned.
pub fn qualify_functions(
    statement: &Statement,
    schema_of: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, SqlError> {
    let lexemes = lexemes(&statement.sql)?;
    let mut edits = Vec::new();
    tree::walk(statement.json()?, &mut |kind, object| {
        let names = tree::names(object.get("funcname"));
        let ("FuncCall", [name]) = (kind, names.as_slice()) else { return };
        edits.extend(in_full(object, name, &lexemes, schema_of));
    });
    if edits.is_empty() { Ok(None) } else { apply(&statement.sql, edits).map(Some) }
}

/// A text of one statement with the schemas of types and collations changed as `schema_of` says; those that it does not
/// know stay. Nothing else is touched.
///
/// # Errors
/// It cannot be parsed.
pub fn retarget_types(
    sql: &str,
    schema_of: &dyn Fn(&str, &str) -> Option<String>,
) -> Result<String, SqlError> {
    let json = tree::as_json(&pg_query::parse(sql, 0)?.protobuf)?;
    let lexemes = lexemes(sql)?;
    let at = |location: usize| lexemes.iter().position(|lexeme| lexeme.start == location);
    let mut edits = Vec::new();
    tree::walk(&json, &mut |kind, object| {
        // The location of COLLATE is the keyword's.
        let (names, skipped) = match kind {
            // A field of its own in a cast or a column, a node elsewhere.
            "TypeName" | "type_name" => (tree::names(object.get("names")), 0),
            "CollateClause" | "coll_clause" => (tree::names(object.get("collname")), 1),
            _ => return,
        };
        let [schema, name] = names.as_slice() else { return };
        let location = object.get("location").and_then(serde_json::Value::as_u64);
        let place = location.and_then(|at| usize::try_from(at).ok()).and_then(at);
        let first = place.and_then(|place| lexemes.get(place + skipped));
        if let (Some(first), Some(moved)) = (first, schema_of(schema, name)) {
            let text = quote_identifier(&moved);
            edits.push(Edit { start: first.start, end: first.end, text });
        }
    });
    apply(sql, edits)
}

/// A statement in which names of these schemas stand without them: types, functions, collations, operator classes
/// and operators. Definitions are read from main with every name in full; what an extension brings is found in
/// the sandbox through its path, wherever the extension is installed there.
///
/// # Errors
/// The text cannot be parsed.
pub fn unqualify(sql: &str, schemas: &[String]) -> Result<String, SqlError> {
    let json = tree::as_json(&pg_query::parse(sql, 0)?.protobuf)?;
    let lexemes = lexemes(sql)?;
    let mut named = std::collections::BTreeSet::new();
    let mut operators = std::collections::BTreeSet::new();
    tree::walk(&json, &mut |kind, object| {
        let (key, is_operator) = match kind {
            "TypeName" | "type_name" => ("names", false),
            "FuncCall" | "func" => ("funcname", false),
            "CollateClause" | "coll_clause" => ("collname", false),
            "IndexElem" => ("opclass", false),
            "AExpr" => ("name", true),
            _ => return,
        };
        let names = tree::names(object.get(key));
        let [schema, name] = names.as_slice() else { return };
        if schemas.contains(schema) {
            let set = if is_operator { &mut operators } else { &mut named };
            set.insert((schema.clone(), name.clone()));
        }
    });
    let text = |at: usize| lexemes.get(at).and_then(|lexeme| sql.get(lexeme.start..lexeme.end));
    let is = |at: usize, name: &str| {
        text(at).is_some_and(|token| token == name || token == quote_identifier(name))
    };
    let mut edits = Vec::new();
    for (at, pair) in lexemes.windows(3).enumerate() {
        let [first, _, last] = pair else { continue };
        if text(at + 1) != Some(".") {
            continue;
        }
        if named.iter().any(|(schema, name)| is(at, schema) && is(at + 2, name)) {
            edits.push(Edit { start: first.start, end: last.start, text: String::new() });
        }
        // OPERATOR(schema.=): the word, the bracket, the schema, the dot, the operator, the bracket.
        let operator = operators
            .iter()
            .find(|(schema, name)| is(at, schema) && text(at + 2) == Some(name.as_str()));
        if let (Some((_, name)), Some(word), Some(end)) =
            (operator, at.checked_sub(2).and_then(|at| lexemes.get(at)), lexemes.get(at + 3))
        {
            edits.push(Edit { start: word.start, end: end.end, text: name.clone() });
        }
    }
    apply(sql, edits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse_one;

    #[test]
    fn types_move_where_they_are_known_and_nothing_else_does() {
        let moved = |sql: &str| {
            retarget_types(sql, &|schema, name| {
                (schema == "app" && matches!(name, "kind" | "de")).then(|| "job 1".to_owned())
            })
            .unwrap()
        };
        assert_eq!(
            moved(
                "SELECT 'a'::app.kind, app.f(x), 'app.kind', b::app.other, c::int4[] FROM app.kind"
            ),
            "SELECT 'a'::\"job 1\".kind, app.f(x), 'app.kind', b::app.other, c::int4[] FROM app.kind"
        );
        assert_eq!(
            moved("CREATE TABLE t (a app.kind[] DEFAULT '{}'::app.kind[], b text COLLATE app.de)"),
            "CREATE TABLE t (a \"job 1\".kind[] DEFAULT '{}'::\"job 1\".kind[], b text COLLATE \"job 1\".de)"
        );
        assert!(retarget_types("SELEC", &|_, _| None).is_err());
    }

    #[test]
    fn names_of_an_extension_s_schema_lose_it_and_others_keep_theirs() {
        let plain = |sql: &str| unqualify(sql, &["ext".to_owned()]).unwrap();
        assert_eq!(
            plain("CREATE INDEX i ON ext.t USING gin (a ext.gin_trgm_ops, ext.f(b), app.g(c))"),
            "CREATE INDEX i ON ext.t USING gin (a gin_trgm_ops, f(b), app.g(c))"
        );
        assert_eq!(
            plain(
                "ALTER TABLE t ADD CHECK ((a OPERATOR(ext.=) 'ext.x'::ext.\"Odd\") AND ext.b > 1)"
            ),
            "ALTER TABLE t ADD CHECK ((a = 'ext.x'::\"Odd\") AND ext.b > 1)"
        );
        assert!(unqualify("SELEC", &[]).is_err());
    }

    fn moved(sql: &str) -> Result<String, SqlError> {
        let statement = parse_one(sql)?;
        retarget(&statement, "job 1", &|schema, name| {
            let known = ["orders", "items", "Odd \"one\""];
            (matches!(schema, "" | "public") && known.contains(&name))
                .then(|| TableName::new("public", name))
        })
    }

    #[test]
    fn literals_take_the_place_of_parameters_and_of_nothing_else() {
        let statement = parse_one("SELECT '$1', $2 FROM t WHERE a = $1 AND b = date $2").unwrap();
        let literals = ["'x$2'".to_owned(), "'2026-01-01'".to_owned()];
        assert_eq!(
            bind_parameters(&statement, &literals).unwrap(),
            "SELECT '$1', '2026-01-01' FROM t WHERE a = 'x$2' AND b = '2026-01-01'::date"
        );
        assert!(bind_parameters(&statement, &literals[..1]).is_err());
    }

    #[test]
    fn relations_move_wherever_they_stand() {
        assert_eq!(
            moved("SELECT o.id, 'orders' FROM public.orders o WHERE EXISTS (SELECT 1 FROM items)")
                .unwrap(),
            "SELECT o.id, 'orders' FROM \"job 1\".\"orders\" o WHERE EXISTS (SELECT 1 FROM \"job 1\".\"items\")"
        );
        assert_eq!(
            moved("SELECT public.orders.id FROM public.orders").unwrap(),
            "SELECT \"job 1\".orders.id FROM \"job 1\".\"orders\""
        );
        assert_eq!(
            moved("SELECT é.* FROM \"Odd \"\"one\"\"\" AS é").unwrap(),
            "SELECT \"é\".* FROM \"job 1\".\"Odd \"\"one\"\"\" \"é\""
        );
    }

    #[test]
    fn a_common_table_expression_stays() {
        assert_eq!(
            moved("WITH x AS (SELECT * FROM orders) SELECT * FROM x").unwrap(),
            "WITH x AS (SELECT * FROM \"job 1\".\"orders\") SELECT * FROM x"
        );
    }

    #[test]
    fn a_table_without_a_copy_is_refused() {
        let error = moved("SELECT * FROM orders, secrets").unwrap_err();
        assert!(error.to_string().contains("secrets"), "{error}");
        assert!(moved("SELECT * FROM pg_catalog.pg_class").is_err());
    }
}
