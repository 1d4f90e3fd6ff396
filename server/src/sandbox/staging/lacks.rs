//! What a copy lacks, and why: facts, put into words in one place.

use std::collections::BTreeMap;
use std::fmt;

use optischema::model::TableName;

use super::super::COPY_FUNCTIONS;
use crate::sql::DumpKind;

/// Why the copy lacks an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Own functions are not copied without leave.
    FunctionLeftOut(TableName),
    /// The function acts outside the database: by this function or statement.
    ReachesOut { function: TableName, by: String },
    /// The function is written in a language that anybody's code can do anything in.
    Untrusted { function: TableName, language: String },
    /// The function runs a text that it puts together, and the sandbox's role could do too much with one.
    Dynamic { function: TableName },
    /// The sandbox has another object of that name.
    NameTaken,
    /// The sandbox lacks an extension.
    Extension { name: String, schema: String, is_installed: bool },
    /// The sandbox lacks a role that a policy names.
    Role(String),
    /// Another session on main has locked it, or what it reads.
    Locked,
    /// Only `pg_dump` writes it out, and there is none that fits main's version.
    NeedsProgram,
    /// The kind is not copied at all.
    KindLeftOut(DumpKind),
    /// Rows of a referencing or referenced table are a sample or missing, so the key is not validated.
    NotValidated,
    /// The sandbox did not accept it.
    Refused(String),
}

/// Objects that a copy lacks, all for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    pub cause: Cause,
    pub objects: Vec<(DumpKind, TableName)>,
}

/// Lacks by cause, in the order of their first objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacks(Vec<Lack>);

impl Lacks {
    pub(super) fn add(&mut self, cause: Cause, kind: DumpKind, object: TableName) {
        // The sentence speaks of all functions that are left out at once.
        match self.0.iter_mut().find(|lack| lack.cause == cause) {
            Some(lack) => {
                if !lack.objects.contains(&(kind, object.clone())) {
                    lack.objects.push((kind, object));
                }
            }
            None => self.0.push(Lack { cause, objects: vec![(kind, object)] }),
        }
    }

    /// Every lack.
    #[must_use]
    pub fn all(&self) -> &[Lack] {
        &self.0
    }

    /// Whether nothing is lacking.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object is lacking.
    #[must_use]
    pub fn names(&self, object: &TableName) -> bool {
        self.0.iter().any(|lack| lack.objects.iter().any(|(_, lacking)| lacking == object))
    }

    /// One sentence a cause, with the remedy. Own functions that are left out share one.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let is_left_out = |lack: &&Lack| matches!(lack.cause, Cause::FunctionLeftOut(_));
        let left_out: Vec<&Lack> = self.0.iter().filter(is_left_out).collect();
        let mut sentences: Vec<String> =
            self.0.iter().filter(|lack| !is_left_out(lack)).map(ToString::to_string).collect();
        if !left_out.is_empty() {
            sentences.push(functions_left_out(&left_out));
        }
        sentences
    }
}

/// Names of one kind that a sentence lists: whoever compares the copy with main wants all of them.
const LISTED: usize = 100;

fn functions_left_out(lacks: &[&Lack]) -> String {
    let functions: Vec<(DumpKind, TableName)> = lacks
        .iter()
        .filter_map(|lack| match &lack.cause {
            Cause::FunctionLeftOut(function) => Some((DumpKind::Function, function.clone())),
            _ => None,
        })
        .collect();
    let others: Vec<(DumpKind, TableName)> = lacks
        .iter()
        .flat_map(|lack| &lack.objects)
        .filter(|(kind, _)| *kind != DumpKind::Function)
        .cloned()
        .collect();
    let without = match others.is_empty() {
        true => String::new(),
        false => format!(", nor is what needs them: {}", counted(&others)),
    };
    format!(
        "Functions of the database are not copied: {}{without}. {COPY_FUNCTIONS}.",
        counted(&functions)
    )
}

/// `2 indexes (public.a, public.b) and 1 view (public.c)`.
fn counted(objects: &[(DumpKind, TableName)]) -> String {
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, object) in objects {
        kinds.entry(kind.noun()).or_default().push(shown(object));
    }
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|(noun, names)| {
            let count = names.len();
            let noun = if count == 1 { noun.to_owned() } else { plural(noun) };
            let listed =
                names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if count > LISTED { ", …" } else { "" };
            format!("{count} {noun} ({listed}{more})")
        })
        .collect();
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

fn plural(noun: &str) -> String {
    match noun {
        "index" => "indexes".to_owned(),
        "policy" => "policies".to_owned(),
        "index property" => "index properties".to_owned(),
        "table property" => "table properties".to_owned(),
        other => format!("{other}s"),
    }
}

fn shown(object: &TableName) -> String {
    if object.schema.is_empty() { object.name.clone() } else { object.to_string() }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objects = counted(&self.objects);
        let (are, them) = match self.objects.as_slice() {
            [_] => ("is", "it"),
            _ => ("are", "them"),
        };
        match &self.cause {
            Cause::FunctionLeftOut(function) => write!(
                f,
                "{objects} {are} not in the copy: the function {function} is not copied. {COPY_FUNCTIONS}."
            ),
            Cause::ReachesOut { function, by } => write!(
                f,
                "{objects} {are} not in the copy: the function {function} acts outside the database by {by}, and such functions are never copied."
            ),
            Cause::Untrusted { function, language } => write!(
                f,
                "{objects} {are} not in the copy: the function {function} is written in {language}, an untrusted language, and such functions are never copied."
            ),
            Cause::Dynamic { function } => write!(
                f,
                "{objects} {are} not in the copy: the function {function} executes a text that it puts together, and the sandbox's role is a superuser or may create roles. Use a role without these rights."
            ),
            Cause::NameTaken => write!(
                f,
                "{objects} {are} not in the copy: the sandbox has other objects of these names. Rename or drop them, then run `optischema sandbox refresh`."
            ),
            Cause::Extension { name, schema, is_installed: true } => write!(
                f,
                "{objects} {are} not in the copy: the sandbox lacks the extension {name}. As its administrator: CREATE EXTENSION IF NOT EXISTS {} SCHEMA {};",
                optischema::model::quote_identifier(name),
                optischema::model::quote_identifier(schema)
            ),
            Cause::Extension { name, .. } => write!(
                f,
                "{objects} {are} not in the copy: the extension {name} is not installed on the sandbox's server. Install its package there first."
            ),
            Cause::Role(role) => write!(
                f,
                "{objects} {are} not in the copy: the sandbox has no role {role}. As its administrator: CREATE ROLE {} NOLOGIN;",
                optischema::model::quote_identifier(role)
            ),
            Cause::Locked => write!(
                f,
                "{objects} {are} not in the copy: another session on main has a lock on {them}, or on a table that is read there. Run `optischema sandbox refresh` once it is done."
            ),
            Cause::NeedsProgram => write!(
                f,
                "{objects} {are} not in the copy: OptiSchema reads {them} with pg_dump, and this machine has none of main's version or later. Install PostgreSQL's client programs, or name one as OPTISCHEMA_PG_DUMP."
            ),
            Cause::KindLeftOut(DumpKind::Unknown) => write!(
                f,
                "{objects} {are} not in the copy: OptiSchema copies no objects of this kind."
            ),
            Cause::KindLeftOut(kind) => write!(
                f,
                "{objects} {are} not in the copy: OptiSchema copies no {}.",
                plural(kind.noun())
            ),
            Cause::NotValidated => write!(
                f,
                "{objects} {are} NOT VALID in the copy: rows on either side are a sample or were not copied."
            ),
            Cause::Refused(reason) => write!(f, "{objects} {are} not in the copy: {reason}"),
        }
    }
}
