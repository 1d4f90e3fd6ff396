//! Names of PostgreSQL objects, quoted where PostgreSQL needs it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A table by schema and name, as the catalog spells them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName {
    /// The schema's name, unquoted.
    pub schema: String,
    /// The table's name, unquoted.
    pub name: String,
}

impl TableName {
    /// A table by its unquoted parts.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// `"schema"."name"`: always quoted, for use in SQL.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name))
    }
}

/// An identifier between double quotes, as SQL takes it whatever its letters.
#[must_use]
pub fn quote_identifier(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A text between single quotes, as a standard-conforming SQL literal (`E''` where it has a backslash).
#[must_use]
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

fn is_plain(identifier: &str) -> bool {
    identifier.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && identifier.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn write_identifier(f: &mut fmt::Formatter<'_>, identifier: &str) -> fmt::Result {
    if is_plain(identifier) {
        f.write_str(identifier)
    } else {
        f.write_str(&quote_identifier(identifier))
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_identifier(f, &self.schema)?;
        f.write_str(".")?;
        write_identifier(f, &self.name)
    }
}

impl PartialSchema for TableName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("schema.table, each part quoted where SQL would need it"))
            .examples(["public.orders"])
            .into()
    }
}

impl ToSchema for TableName {}

/// Which tables are meant: one, or every one of a name, whatever its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableFilter {
    One(TableName),
    Named(String),
}

impl FromStr for TableFilter {
    type Err = InvalidTableName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match identifier(text) {
            Some((name, "")) => Ok(Self::Named(name)),
            _ => text.parse().map(Self::One),
        }
    }
}

/// As it stands at the end of a [`TableName`]'s text: with the schema, or from the dot on.
impl fmt::Display for TableFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(table) => table.fmt(f),
            Self::Named(name) => {
                f.write_str(".")?;
                write_identifier(f, name)
            }
        }
    }
}

/// A text that is not `schema.table`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a table name of the form schema.table")]
pub struct InvalidTableName(pub String);

impl FromStr for TableName {
    type Err = InvalidTableName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTableName(text.to_owned());
        let (schema, rest) = identifier(text).ok_or_else(invalid)?;
        let (name, rest) = rest.strip_prefix('.').and_then(identifier).ok_or_else(invalid)?;
        if rest.is_empty() { Ok(Self { schema, name }) } else { Err(invalid()) }
    }
}

/// Reads one identifier, quoted or plain, and gives what follows it.
pub(super) fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return (!name.is_empty() && !name.contains('"')).then(|| (name.to_owned(), rest));
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                name.push('"');
                chars.next();
            }
            '"' => return (!name.is_empty()).then(|| (name, &quoted[at + 1..])),
            _ => name.push(c),
        }
    }
    None
}

impl TryFrom<String> for TableName {
    type Error = InvalidTableName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TableName> for String {
    fn from(table: TableName) -> Self {
        table.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{TableFilter, TableName, quote_identifier, quote_literal};

    #[test]
    fn a_name_is_read_back_whatever_its_letters() {
        for (schema, name) in [("public", "orders"), ("My Schema", "a.b"), ("s", "say \"hi\"")] {
            let table = TableName::new(schema, name);
            assert_eq!(table.to_string().parse::<TableName>().unwrap(), table);
        }
        assert_eq!(TableName::new("public", "orders").to_string(), "public.orders");
        assert_eq!(TableName::new("public", "Orders").to_string(), "public.\"Orders\"");
    }

    #[test]
    fn what_is_not_a_table_name_is_refused() {
        for text in ["", "orders", "a.b.c", "\"a.b", ".", "a.", "a\"b.c"] {
            assert!(text.parse::<TableName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_filter_takes_a_table_with_or_without_its_schema() {
        let filter = |text: &str| text.parse::<TableFilter>().map(|filter| filter.to_string());
        assert_eq!(filter("public.orders").as_deref(), Ok("public.orders"));
        assert_eq!(filter("orders").as_deref(), Ok(".orders"));
        assert_eq!(filter("\"Say \"\"hi\"\"\"").as_deref(), Ok(".\"Say \"\"hi\"\"\""));
        for text in ["", "a.b.c", ".", "a.", "\"a"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn quotes_inside_are_doubled() {
        assert_eq!(quote_identifier("a\"b; DROP"), "\"a\"\"b; DROP\"");
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\'b"), "E'a\\\\''b'");
    }
}
