//! Every SQL text in the program names functions, types, relations and polymorphic operators of PostgreSQL in full.

use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;

/// Where texts for SQLite stand, texts that are compared and never run, and those for databases of our own making.
const OTHERS: &[&str] = &["store", "demo", "sql", "cli", "handover"];

/// Operators that may stand alone: none of them is called with arrays or other polymorphic operands here, and own
/// operators in `pg_catalog` keep everything from being read.
const PLAIN_OPERATORS: &[&str] = &["=", "<>", "<", "<=", ">", ">=", "~~", "!~~", "~~*"];

/// Schemas whose names are filled in, or that are made by us.
const OUR_RELATIONS: &[&str] = &["tree", "reached", "reachable", "ways", "t", "s", "u", "g"];

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !OTHERS.contains(&name.as_str()) {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            found.push(path);
        }
    }
}

/// String literals outside of `#[cfg(test)]`.
fn literals(stream: TokenStream, found: &mut Vec<String>) {
    let mut in_tests = false;
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let text = group.stream().to_string();
                if text.replace(' ', "") == "cfg(test)" {
                    in_tests = true;
                } else if in_tests && group.delimiter() == proc_macro2::Delimiter::Brace {
                    in_tests = false;
                } else {
                    literals(group.stream(), found);
                }
            }
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    found.push(text.value());
                }
            }
            _ => {}
        }
    }
}

/// A text with names in the places that are filled in while the program runs.
fn filled(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        let quoted = rest[..at].ends_with('\'');
        match rest[at..].find('}') {
            // An empty array in quotes.
            Some(1) if quoted => out.push_str("{}"),
            Some(end) if rest[at..].starts_with("{{") => out.push_str(&rest[at..=at + end]),
            Some(_) => out.push_str("filled_in"),
            None => break,
        }
        let end = rest[at..].find('}').map_or(rest.len(), |end| at + end + 1);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

fn names(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|i| Some(i.get("node")?.get("String")?.get("sval")?.as_str()?.to_owned()))
        .collect()
}

fn text_of(object: &Value, key: &str) -> String {
    object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn unqualified(tree: &Value, ctes: &mut Vec<String>, found: &mut Vec<String>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| unqualified(item, ctes, found)),
        Value::Object(object) => {
            for (kind, inner) in object {
                match kind.as_str() {
                    "CommonTableExpr" => ctes.push(text_of(inner, "ctename")),
                    "FuncCall" => {
                        let name = names(inner.get("funcname"));
                        if name.len() < 2 {
                            found.push(format!("the function {}", name.join(".")));
                        }
                    }
                    "TypeName" | "type_name" if inner.is_object() => {
                        let name = names(inner.get("names"));
                        if name.len() == 1 {
                            found.push(format!("the type {}", name.join(".")));
                        }
                    }
                    "AExpr" => {
                        let name = names(inner.get("name"));
                        if name.len() == 1 && !PLAIN_OPERATORS.contains(&name[0].as_str()) {
                            found.push(format!("the operator {}", name[0]));
                        }
                    }
                    "RangeVar" => {
                        let name = text_of(inner, "relname");
                        let is_ours = ctes.contains(&name)
                            || OUR_RELATIONS.contains(&name.as_str())
                            || name.starts_with("filled_in");
                        if text_of(inner, "schemaname").is_empty() && !is_ours {
                            found.push(format!("the relation {name}"));
                        }
                    }
                    _ => {}
                }
                unqualified(inner, ctes, found);
            }
        }
        _ => {}
    }
}

fn is_query(text: &str) -> bool {
    let start = text.trim_start();
    ["SELECT ", "WITH ", "COPY (SELECT"].iter().any(|word| start.starts_with(word))
}

/// What is wrong with a text, if it is one for PostgreSQL.
fn faults(text: &str) -> Option<Vec<String>> {
    let filled = filled(text);
    // A text may be the beginning of one.
    let whole = pg_query::parse(&filled, 0);
    let parsed = whole.or_else(|_| pg_query::parse(&format!("{filled} SELECT 1"), 0)).ok()?;
    let tree = serde_json::to_value(&parsed.protobuf).unwrap();
    let mut found = Vec::new();
    // Twice: a WITH query may stand behind what reads it.
    let mut ctes = Vec::new();
    unqualified(&tree, &mut ctes, &mut Vec::new());
    unqualified(&tree, &mut ctes, &mut found);
    Some(found)
}

#[test]
fn every_text_names_what_it_calls_in_full() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (mut parsed, mut wrong) = (0, Vec::new());
    for file in files {
        let stream: TokenStream = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        let mut texts = Vec::new();
        literals(stream, &mut texts);
        for text in texts.iter().filter(|text| is_query(text)) {
            if let Some(faults) = faults(text) {
                parsed += 1;
                let name = file.strip_prefix(&root).unwrap().display().to_string();
                wrong.extend(faults.into_iter().map(|fault| format!("{name}: {fault}")));
            }
        }
    }
    assert!(parsed > 100, "only {parsed} texts were found");
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{parsed} texts\n{}", wrong.join("\n"));
}

#[test]
fn a_name_without_its_schema_is_found() {
    let of = |text: &str| faults(text).unwrap();
    assert_eq!(of("SELECT lower(a) FROM pg_catalog.pg_class"), ["the function lower"]);
    assert_eq!(of("SELECT a::text FROM {schema}.x"), ["the type text"]);
    assert_eq!(of("SELECT a || b FROM pg_catalog.pg_class"), ["the operator ||"]);
    assert_eq!(of("SELECT 1 FROM pg_class"), ["the relation pg_class"]);
    assert!(
        of("SELECT pg_catalog.lower(a) OPERATOR(pg_catalog.||) b FROM pg_catalog.pg_class")
            .is_empty()
    );
}
