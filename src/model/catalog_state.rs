//! What the catalog says of everything that a patch can change: one entry per object.
//!
//! In JSON an object and its entry are texts (`index public.orders_status_idx`, `CREATE INDEX …`): people read them in the
//! audit trail, and stores of earlier builds hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::names::identifier;
use super::{TableName, quote_identifier};

/// An object that a patch can change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum CatalogObject {
    /// Statistics targets and `n_distinct` overrides of a column.
    Column {
        table: TableName,
        column: String,
    },
    Index(TableName),
    /// A setting of this database, for one role, or for all roles.
    Setting {
        role: Option<String>,
        name: String,
    },
    /// Extended statistics.
    Statistics(TableName),
    /// Storage parameters of a table and of its TOAST table.
    Table(TableName),
}

impl CatalogObject {
    /// The index, where the object is one.
    #[must_use]
    pub const fn index(&self) -> Option<&TableName> {
        match self {
            Self::Index(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the object is a setting of the database.
    #[must_use]
    pub const fn is_setting(&self) -> bool {
        matches!(self, Self::Setting { .. })
    }

    /// Whether the object is this table, or one of its columns.
    #[must_use]
    pub fn is_parameter_of(&self, of: &TableName) -> bool {
        match self {
            Self::Table(table) | Self::Column { table, .. } => table == of,
            _ => false,
        }
    }
}

const OF_ALL_ROLES: &str = "of all roles";

impl fmt::Display for CatalogObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column { table, column } => {
                write!(f, "column {table}.{}", quote_identifier(column))
            }
            Self::Index(name) => write!(f, "index {name}"),
            Self::Setting { role: None, name } => write!(f, "setting {OF_ALL_ROLES} {name}"),
            Self::Setting { role: Some(role), name } => {
                write!(f, "setting {} {name}", quote_identifier(role))
            }
            Self::Statistics(name) => write!(f, "statistics {name}"),
            Self::Table(name) => write!(f, "table {name}"),
        }
    }
}

/// A text that names no object of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" names no object of the catalog")]
pub struct InvalidCatalogObject(pub String);

impl FromStr for CatalogObject {
    type Err = InvalidCatalogObject;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidCatalogObject(text.to_owned());
        let (kind, rest) = text.split_once(' ').ok_or_else(invalid)?;
        let table = || rest.parse::<TableName>().map_err(|_| invalid());
        match kind {
            "column" => column(rest).ok_or_else(invalid),
            "index" => table().map(Self::Index),
            "setting" => setting(rest).ok_or_else(invalid),
            "statistics" => table().map(Self::Statistics),
            "table" => table().map(Self::Table),
            _ => Err(invalid()),
        }
    }
}

fn column(text: &str) -> Option<CatalogObject> {
    let (schema, rest) = identifier(text)?;
    let (name, rest) = identifier(rest.strip_prefix('.')?)?;
    let (column, rest) = identifier(rest.strip_prefix('.')?)?;
    rest.is_empty().then(|| CatalogObject::Column { table: TableName::new(schema, name), column })
}

fn setting(text: &str) -> Option<CatalogObject> {
    let (role, name) = match text.strip_prefix(OF_ALL_ROLES) {
        Some(name) => (None, name),
        // Quoted, always: a name may hold spaces.
        None => identifier(text).map(|(role, name)| (Some(role), name))?,
    };
    Some(CatalogObject::Setting { role, name: name.strip_prefix(' ')?.to_owned() })
}

impl TryFrom<String> for CatalogObject {
    type Error = InvalidCatalogObject;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CatalogObject> for String {
    fn from(object: CatalogObject) -> Self {
        object.to_string()
    }
}

/// What the catalog says of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum CatalogEntry {
    Index(IndexEntry),
    /// Parameters, a setting's value, or the definition of extended statistics.
    Text(String),
}

impl CatalogEntry {
    /// The index, where the entry is one.
    #[must_use]
    pub const fn index(&self) -> Option<&IndexEntry> {
        match self {
            Self::Index(index) => Some(index),
            Self::Text(_) => None,
        }
    }

    /// Whether the entry is an index that PostgreSQL does not use: `pg_index.indisvalid` is false.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.index().is_some_and(|index| !index.valid)
    }

    /// Whether both entries are indexes of one definition, valid or not.
    #[must_use]
    pub fn has_definition_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Index(one), Self::Index(other)) => one.definition == other.definition,
            (one, other) => one == other,
        }
    }
}

impl fmt::Display for CatalogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => index.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<String> for CatalogEntry {
    fn from(text: String) -> Self {
        IndexEntry::read(&text).map_or(Self::Text(text), Self::Index)
    }
}

impl From<CatalogEntry> for String {
    fn from(entry: CatalogEntry) -> Self {
        entry.to_string()
    }
}

/// An index as the catalog describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexEntry {
    /// `pg_get_indexdef`, with every name outside `pg_catalog` qualified.
    pub definition: String,
    /// `pg_index.indisvalid`.
    pub valid: bool,
    pub tablespace: Option<String>,
    /// `pg_index.indisclustered`.
    pub clustered: bool,
    /// `pg_index.indisreplident`.
    pub replica_identity: bool,
    /// Statistics targets of its expressions: `1=500 3=200`.
    pub statistics: Option<String>,
    /// The partitioned index that it belongs to.
    pub parent: Option<TableName>,
    /// The comment, as the literal that `quote_literal` makes of it.
    pub comment: Option<String>,
}

const INVALID: &str = "invalid: ";
const TABLESPACE: &str = "tablespace ";
const CLUSTERED: &str = "clustered";
const REPLICA_IDENTITY: &str = "replica identity";
const TARGETS: &str = "statistics ";
const PARENT: &str = "of ";
const COMMENT: &str = "comment ";

impl IndexEntry {
    /// The text's index; `None` for a text of another object.
    fn read(text: &str) -> Option<Self> {
        let valid = !text.starts_with(INVALID);
        let rest = text.strip_prefix(INVALID).unwrap_or(text);
        if !rest.starts_with("CREATE INDEX ") && !rest.starts_with("CREATE UNIQUE INDEX ") {
            return None;
        }
        let mut entry = Self { valid, ..Self::default() };
        let mut rest = entry.take_comment(rest);
        // From the end: a definition may hold line breaks of its own.
        while let Some((before, line)) = rest.rsplit_once('\n') {
            if !entry.take(line) {
                break;
            }
            rest = before;
        }
        rest.clone_into(&mut entry.definition);
        Some(entry)
    }

    /// Takes the comment off, which is last and may hold line breaks. Its literal begins with a quote or with `E`.
    fn take_comment<'a>(&mut self, text: &'a str) -> &'a str {
        for opening in ["\ncomment '", "\ncomment E'"] {
            let Some(at) = text.find(opening).filter(|_| text.ends_with('\'')) else { continue };
            self.comment = Some(text[at + 1 + COMMENT.len()..].to_owned());
            return &text[..at];
        }
        text
    }

    fn take(&mut self, line: &str) -> bool {
        if line == CLUSTERED {
            self.clustered = true;
        } else if line == REPLICA_IDENTITY {
            self.replica_identity = true;
        } else if let Some(name) = line.strip_prefix(TABLESPACE) {
            self.tablespace = Some(name.to_owned());
        } else if let Some(targets) = line.strip_prefix(TARGETS) {
            self.statistics = Some(targets.to_owned());
        } else if let Some(parent) = line.strip_prefix(PARENT).and_then(parent) {
            self.parent = Some(parent);
        } else {
            return false;
        }
        true
    }
}

/// A name that is quoted wherever it must be: the end of a literal is no name.
fn parent(text: &str) -> Option<TableName> {
    let name: TableName = text.parse().ok()?;
    let quotes = |text: &str| text.matches('"').count();
    (quotes(text) >= quotes(&name.to_string())).then_some(name)
}

impl fmt::Display for IndexEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            definition,
            valid,
            tablespace,
            clustered,
            replica_identity,
            statistics,
            parent,
            comment,
        } = self;
        if !valid {
            f.write_str(INVALID)?;
        }
        f.write_str(definition)?;
        if let Some(tablespace) = tablespace {
            write!(f, "\n{TABLESPACE}{tablespace}")?;
        }
        if *clustered {
            write!(f, "\n{CLUSTERED}")?;
        }
        if *replica_identity {
            write!(f, "\n{REPLICA_IDENTITY}")?;
        }
        if let Some(statistics) = statistics {
            write!(f, "\n{TARGETS}{statistics}")?;
        }
        if let Some(parent) = parent {
            write!(f, "\n{PARENT}{parent}")?;
        }
        if let Some(comment) = comment {
            write!(f, "\n{COMMENT}{comment}")?;
        }
        Ok(())
    }
}

/// The entries of some tables and of the database's settings, by object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = BTreeMap<String, String>)]
pub struct CatalogState(pub BTreeMap<CatalogObject, CatalogEntry>);

impl CatalogState {
    /// What differs in `after`, as far as `touches` names it; everything where it is `None`.
    #[must_use]
    pub fn changes(&self, after: &Self, touches: Option<&[CatalogObject]>) -> Vec<CatalogChange> {
        let named =
            |object: &&CatalogObject| touches.is_none_or(|touches| touches.contains(object));
        let objects: BTreeSet<&CatalogObject> =
            self.0.keys().chain(after.0.keys()).filter(named).collect();
        let change = |object: &CatalogObject| CatalogChange {
            object: object.clone(),
            before: self.0.get(object).cloned(),
            after: after.0.get(object).cloned(),
        };
        objects.into_iter().map(change).filter(|change| change.before != change.after).collect()
    }
}

/// An object of the catalog that a change altered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CatalogChange {
    /// `index public.orders_status_idx`, `column public.orders."status"`, …
    #[serde(rename = "key")]
    #[schema(value_type = String)]
    pub object: CatalogObject,
    /// Absent where the object did not exist.
    #[schema(value_type = Option<String>)]
    pub before: Option<CatalogEntry>,
    /// Absent where the object is gone.
    #[schema(value_type = Option<String>)]
    pub after: Option<CatalogEntry>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects() -> Vec<CatalogObject> {
        let odd = || TableName::new("My schema", "a.b \"c\"");
        let name = || "work_mem".to_owned();
        vec![
            CatalogObject::Column { table: odd(), column: "of all roles".into() },
            CatalogObject::Index(TableName::new("public", "orders_idx")),
            CatalogObject::Setting { role: None, name: name() },
            CatalogObject::Setting { role: Some("of all roles".into()), name: name() },
            CatalogObject::Statistics(odd()),
            CatalogObject::Table(odd()),
        ]
    }

    #[test]
    fn an_object_is_read_back_from_its_text() {
        for object in objects() {
            let json = serde_json::to_string(&object).unwrap();
            assert_eq!(serde_json::from_str::<CatalogObject>(&json).unwrap(), object, "{json}");
        }
        for text in
            ["", "index", "index orders", "view public.v", "column public.orders", "setting x"]
        {
            assert!(text.parse::<CatalogObject>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_texts_are_those_that_earlier_builds_stored() {
        let texts: Vec<String> = objects().iter().map(ToString::to_string).collect();
        assert_eq!(texts[0], "column \"My schema\".\"a.b \"\"c\"\"\".\"of all roles\"");
        assert_eq!(texts[1], "index public.orders_idx");
        assert_eq!(texts[2], "setting of all roles work_mem");
        assert_eq!(texts[3], "setting \"of all roles\" work_mem");
    }

    #[test]
    fn an_index_is_read_back_from_its_text() {
        let definition = "CREATE UNIQUE INDEX i ON public.t USING btree ((a || '\nof x.y'::text))";
        let bare =
            IndexEntry { definition: definition.into(), valid: true, ..IndexEntry::default() };
        let full = IndexEntry {
            valid: false,
            tablespace: Some("fast disks".into()),
            clustered: true,
            replica_identity: true,
            statistics: Some("1=500 3=200".into()),
            parent: Some(TableName::new("public", "Whole")),
            comment: Some("E'two\nlines, \\\\ and ''clustered\n'''".into()),
            ..bare.clone()
        };
        let parts = [
            bare.clone(),
            full.clone(),
            IndexEntry { comment: None, ..full.clone() },
            IndexEntry { parent: None, comment: None, ..full },
            IndexEntry { clustered: true, ..bare },
        ];
        for entry in parts.map(CatalogEntry::Index) {
            let json = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<CatalogEntry>(&json).unwrap(), entry, "{json}");
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        let statistics =
            "CREATE STATISTICS public.s (dependencies) ON a, b FROM public.t; target 300";
        for text in [statistics, "fillfactor=70; toast: x=1", "64MB", "", "invalid: 64MB"] {
            let entry = CatalogEntry::from(text.to_owned());
            assert_eq!(entry, CatalogEntry::Text(text.to_owned()));
            assert!(!entry.is_invalid());
        }
        assert!(
            CatalogEntry::from("invalid: CREATE INDEX i ON t USING btree (a)".to_owned())
                .is_invalid()
        );
    }

    #[test]
    fn changes_name_what_differs_as_far_as_it_is_asked_for() {
        let state = |value: &str| {
            CatalogState(objects().into_iter().map(|o| (o, value.to_owned().into())).collect())
        };
        let (before, mut after) = (state("1"), state("1"));
        after.0.insert(objects()[2].clone(), "2".to_owned().into());
        after.0.remove(&objects()[4]);
        let changes = before.changes(&after, None);
        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0].after, Some("2".to_owned().into()));
        assert_eq!(changes[1].after, None);
        assert_eq!(before.changes(&after, Some(&objects()[4..])).len(), 1);
        assert_eq!(before.changes(&before, None), []);
    }
}
