//! A script of definitions as `pg_dump --schema-only` writes it, split into statements and classified by their leading
//! words. It reads tokens, not syntax trees: newer servers have forms that this parser does not know. Names are
//! qualified throughout, since `pg_dump` empties the search path.

mod function;
mod table;
mod words;

use optischema::model::TableName;

pub use function::{Body, function_body};
pub use table::{Element, TableText, table_text};

use self::words::Words;
use super::SqlError;
use super::rewrite::lexemes;

/// What a statement of the script defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DumpKind {
    Schema,
    Extension,
    /// `CREATE TYPE`.
    Type,
    /// `CREATE DOMAIN`.
    Domain,
    /// A function, procedure or aggregate.
    Function,
    Collation,
    /// An operator, operator class, cast, conversion or text search object.
    Other,
    Sequence,
    /// `ALTER SEQUENCE … OWNED BY`.
    SequenceOwner,
    Table,
    View,
    MaterializedView,
    /// `REFRESH MATERIALIZED VIEW`.
    MaterializedViewRows,
    /// A default, an identity, storage, an inheritance or partition link: part of the table's own definition.
    TablePart,
    /// `ALTER TABLE … ALTER COLUMN … SET DEFAULT`.
    Default,
    /// A primary key, unique or exclusion constraint.
    Key,
    /// Any other constraint but a foreign key.
    Constraint,
    ForeignKey,
    Index,
    /// `ALTER INDEX … ATTACH PARTITION`; its object is the index of the partition.
    IndexLink,
    Statistics,
    /// `CLUSTER ON`, `REPLICA IDENTITY`, settings of an index or a statistics object.
    Mark,
    Rule,
    Trigger,
    /// `ENABLE`, `DISABLE` of triggers and rules.
    TriggerState,
    Policy,
    /// `ENABLE` or `FORCE ROW LEVEL SECURITY`.
    RowSecurity,
    Comment,
    /// A foreign table, server, user mapping or data wrapper.
    Foreign,
    EventTrigger,
    /// A setting of the session.
    Setting,
    /// A kind that is not known here.
    Unknown,
}

impl DumpKind {
    /// Whether `pg_dump` writes it after the rows.
    #[must_use]
    pub const fn is_after_rows(self) -> bool {
        matches!(
            self,
            Self::Key
                | Self::Constraint
                | Self::ForeignKey
                | Self::Index
                | Self::IndexLink
                | Self::Statistics
                | Self::Rule
                | Self::Trigger
                | Self::TriggerState
                | Self::Policy
                | Self::EventTrigger
        )
    }

    /// The noun for one of them.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Extension => "extension",
            Self::Type => "type",
            Self::Domain => "domain",
            Self::Function => "function",
            Self::Collation => "collation",
            Self::Other | Self::Unknown | Self::Setting => "object",
            Self::Sequence | Self::SequenceOwner => "sequence",
            Self::Table => "table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::MaterializedViewRows => "filled materialized view",
            Self::TablePart => "table property",
            Self::Default => "default",
            Self::Key | Self::Constraint => "constraint",
            Self::ForeignKey => "foreign key",
            Self::Index | Self::IndexLink => "index",
            Self::Statistics => "statistics object",
            Self::Mark => "index property",
            Self::Rule => "rule",
            Self::Trigger | Self::TriggerState => "trigger",
            Self::Policy | Self::RowSecurity => "policy",
            Self::Comment => "comment",
            Self::Foreign => "foreign object",
            Self::EventTrigger => "event trigger",
        }
    }
}

/// One statement of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpStatement {
    pub kind: DumpKind,
    /// Without the semicolon.
    pub sql: String,
    /// The object that it creates or alters. Without a schema for what has none; an index, constraint, trigger, policy
    /// or rule has its relation's schema.
    pub object: TableName,
    /// The relation that the object belongs to, where it is no relation itself.
    pub relation: Option<TableName>,
}

/// Splits a script into its statements.
///
/// # Errors
/// The text cannot be scanned.
pub fn dump_statements(script: &str) -> Result<Vec<DumpStatement>, SqlError> {
    let script = without_psql_commands(script);
    let tokens = lexemes(&script)?;
    let mut found = Vec::new();
    for statement in Words::statements(&script, &tokens) {
        let (kind, object, relation) = classify(&statement);
        let sql = match kind {
            DumpKind::TablePart => statement.without_own_options(),
            _ => Some(statement.sql().to_owned()),
        };
        found.extend(sql.map(|sql| DumpStatement { kind, sql, object, relation }));
    }
    Ok(found)
}

/// Every pair `a.b` of names in a statement, in their order. Aliases with columns are among them.
///
/// # Errors
/// The text cannot be scanned.
pub fn qualified_names(sql: &str) -> Result<Vec<TableName>, SqlError> {
    let tokens = lexemes(sql)?;
    Ok(Words::new(sql, &tokens).qualified())
}

/// The access method that a definition of an index or a table names.
#[must_use]
pub fn access_method(sql: &str) -> Option<String> {
    let tokens = lexemes(sql).ok()?;
    Words::new(sql, &tokens).name_after(0, "USING").map(|method| method.name)
}

/// The statement with the schema of some names replaced: `moved` gives the new schema of a qualified name.
///
/// # Errors
/// The text cannot be scanned.
pub fn with_schemas(
    sql: &str,
    moved: &dyn Fn(&TableName) -> Option<String>,
) -> Result<String, SqlError> {
    let tokens = lexemes(sql)?;
    Words::new(sql, &tokens).with_schemas(moved)
}

/// `pg_dump` puts `\restrict` before and `\unrestrict` after the script, since 2025.
fn without_psql_commands(script: &str) -> String {
    let is_command =
        |line: &&str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    // Not by `lines`, which takes the carriage returns of constants away.
    let lines: Vec<&str> = script.split('\n').collect();
    let first = lines.iter().position(is_command);
    let last = lines.iter().rposition(is_command);
    let kept = lines.iter().enumerate().filter(|(at, _)| Some(*at) != first && Some(*at) != last);
    kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
}

type Classified = (DumpKind, TableName, Option<TableName>);

fn classify(words: &Words<'_>) -> Classified {
    let unnamed = |kind| (kind, TableName::new("", ""), None);
    match words.first() {
        "CREATE" => created(words),
        "ALTER" => altered(words),
        "COMMENT" => commented(words),
        "SET" | "SELECT" => unnamed(DumpKind::Setting),
        _ => unnamed(DumpKind::Unknown),
    }
}

fn created(words: &Words<'_>) -> Classified {
    let mut at = 1;
    if words.has(at, &["OR", "REPLACE"]) {
        at += 2;
    }
    while ["UNIQUE", "UNLOGGED", "TRUSTED", "PROCEDURAL", "RECURSIVE", "CONSTRAINT", "DEFAULT"]
        .contains(&words.upper(at).as_str())
    {
        at += 1;
    }
    let two = (words.upper(at), words.upper(at + 1));
    let (kind, length) = match (two.0.as_str(), two.1.as_str()) {
        ("SCHEMA", _) => (DumpKind::Schema, 1),
        ("EXTENSION", _) => (DumpKind::Extension, 1),
        ("TYPE", _) => (DumpKind::Type, 1),
        ("DOMAIN", _) => (DumpKind::Domain, 1),
        ("FUNCTION" | "PROCEDURE" | "AGGREGATE", _) => (DumpKind::Function, 1),
        ("COLLATION", _) => (DumpKind::Collation, 1),
        ("SEQUENCE", _) => (DumpKind::Sequence, 1),
        ("TABLE", _) => (DumpKind::Table, 1),
        ("VIEW", _) => (DumpKind::View, 1),
        ("MATERIALIZED", "VIEW") => (DumpKind::MaterializedView, 2),
        ("INDEX", _) => (DumpKind::Index, 1),
        ("STATISTICS", _) => (DumpKind::Statistics, 1),
        ("RULE", _) => (DumpKind::Rule, 1),
        ("TRIGGER", _) => (DumpKind::Trigger, 1),
        ("POLICY", _) => (DumpKind::Policy, 1),
        ("EVENT", "TRIGGER") => (DumpKind::EventTrigger, 2),
        ("FOREIGN", "DATA") => (DumpKind::Foreign, 3),
        ("FOREIGN", "TABLE") | ("USER", "MAPPING") => (DumpKind::Foreign, 2),
        ("SERVER", _) => (DumpKind::Foreign, 1),
        ("OPERATOR", "CLASS" | "FAMILY") => (DumpKind::Other, 2),
        ("OPERATOR" | "CONVERSION", _) => (DumpKind::Other, 1),
        ("TEXT", "SEARCH") => (DumpKind::Other, 3),
        ("CAST", _) => return (DumpKind::Other, TableName::new("", words.call(at)), None),
        _ => return (DumpKind::Unknown, TableName::new("", words.beginning()), None),
    };
    let at = at + length + if words.has(at + length, &["IF", "NOT", "EXISTS"]) { 3 } else { 0 };
    let (object, next) = words.name(at);
    let relation = match kind {
        DumpKind::Index => words.name_after(next, "ON"),
        DumpKind::Trigger | DumpKind::Policy => words.name_after(next, "ON"),
        DumpKind::Rule => words.name_after(next, "TO"),
        DumpKind::Statistics => words.last_name_after(next, "FROM"),
        _ => None,
    };
    match relation {
        // Its own name comes without a schema.
        Some(of) if object.schema.is_empty() => {
            (kind, TableName::new(of.schema.clone(), object.name), Some(of))
        }
        relation => (kind, object, relation),
    }
}

fn altered(words: &Words<'_>) -> Classified {
    let at = if words.has(1, &["MATERIALIZED", "VIEW"]) { 3 } else { 2 };
    let at = at + usize::from(words.has(at, &["ONLY"]));
    let (name, next) = words.name(at);
    let rest = |length: usize| -> Vec<String> {
        (next..next + length).map(|place| words.upper(place)).collect()
    };
    match words.upper(1).as_str() {
        "TABLE" | "VIEW" | "MATERIALIZED" | "FOREIGN" => {}
        "SEQUENCE" => {
            let owner = words.column(next + 2).0;
            return (DumpKind::SequenceOwner, name, Some(owner));
        }
        "INDEX" if rest(1) == ["ATTACH"] => {
            return (DumpKind::IndexLink, words.name(next + 2).0, None);
        }
        "INDEX" | "STATISTICS" => return (DumpKind::Mark, name, None),
        "TYPE" => return (DumpKind::Type, name, None),
        "DOMAIN" => return (DumpKind::Domain, name, None),
        "OPERATOR" | "TEXT" | "EXTENSION" => {
            let kind =
                if words.upper(1) == "EXTENSION" { DumpKind::Unknown } else { DumpKind::Other };
            return (kind, TableName::new("", words.beginning()), None);
        }
        "EVENT" => return (DumpKind::EventTrigger, TableName::new("", words.beginning()), None),
        _ => return (DumpKind::Unknown, TableName::new("", words.beginning()), None),
    }
    let part =
        |kind, own: String| (kind, TableName::new(name.schema.clone(), own), Some(name.clone()));
    if words.has(next, &["ATTACH", "PARTITION"]) {
        let child = words.name(next + 2).0;
        return (DumpKind::TablePart, child.clone(), Some(child));
    }
    let four = rest(4);
    let four: Vec<&str> = four.iter().map(String::as_str).collect();
    match four.as_slice() {
        ["ADD", "CONSTRAINT", ..] => {
            let (own, after) = words.name(next + 2);
            let kind = match words.upper(after).as_str() {
                "FOREIGN" => DumpKind::ForeignKey,
                "PRIMARY" | "UNIQUE" | "EXCLUDE" => DumpKind::Key,
                _ => DumpKind::Constraint,
            };
            part(kind, own.name)
        }
        ["ALTER", "COLUMN", ..] => {
            let (column, after) = words.name(next + 2);
            let is_default = words.has(after, &["SET", "DEFAULT"]);
            let kind = if is_default { DumpKind::Default } else { DumpKind::TablePart };
            part(kind, format!("{}.{}", name.name, column.name))
        }
        ["CLUSTER", ..] | ["REPLICA", ..] => part(DumpKind::Mark, name.name.clone()),
        ["ENABLE" | "FORCE", "ROW", "LEVEL", ..] => part(DumpKind::RowSecurity, name.name.clone()),
        ["ENABLE" | "DISABLE", what, ..] => {
            let at = next + if ["REPLICA", "ALWAYS"].contains(what) { 3 } else { 2 };
            part(DumpKind::TriggerState, words.name(at).0.name)
        }
        _ => part(DumpKind::TablePart, name.name.clone()),
    }
}

fn commented(words: &Words<'_>) -> Classified {
    // COMMENT ON kind name [ON relation] IS …
    let two = (words.upper(2), words.upper(3));
    let length = match (two.0.as_str(), two.1.as_str()) {
        ("MATERIALIZED", _) | ("FOREIGN", "TABLE") | ("OPERATOR", "CLASS" | "FAMILY") => 2,
        ("EVENT", "TRIGGER") => 2,
        ("TEXT", _) | ("FOREIGN", "DATA") => 3,
        _ => 1,
    };
    let (object, next) = words.name(2 + length);
    let belongs = ["CONSTRAINT", "TRIGGER", "POLICY", "RULE"].contains(&two.0.as_str());
    let of_domain = words.has(next, &["ON", "DOMAIN"]);
    if belongs && words.has(next, &["ON"]) {
        let of = words.name(next + if of_domain { 2 } else { 1 }).0;
        return (DumpKind::Comment, TableName::new(of.schema.clone(), object.name), Some(of));
    }
    match two.0.as_str() {
        "EXTENSION" => (DumpKind::Extension, object, None),
        "COLUMN" => {
            let (of, column) = words.column(2 + length);
            let own = format!("{}.{column}", of.name);
            (DumpKind::Comment, TableName::new(of.schema.clone(), own), Some(of))
        }
        "TABLE" | "VIEW" | "MATERIALIZED" | "SEQUENCE" => {
            (DumpKind::Comment, object.clone(), Some(object))
        }
        _ => (DumpKind::Comment, object, None),
    }
}

#[cfg(test)]
mod tests;
