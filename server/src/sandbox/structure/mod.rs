//! The structure of tables, read from one catalog and made again in another schema: columns with their types,
//! defaults and collations, keys, checks, indexes, statistics, partitions, children, views.

mod create;
mod read;
mod types;

use optischema::model::TableName;

use types::{OwnType, TypeText};

pub use create::{
    Created, Missing, create_tables, finish_tables, install_extensions, make_triggers,
};
pub use read::{extension_schemas, read_family, read_structure};

/// Where a schema's objects are made.
pub type SchemaOf<'a> = &'a (dyn Fn(&str) -> String + Sync);

/// Tables that belong together, in the order in which they are made: parents before children, tables before views.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Family {
    pub tables: Vec<TableStructure>,
    /// In the order in which they are made.
    own_types: Vec<OwnType>,
    /// Collations of the database's own.
    collations: Vec<CollationStructure>,
    /// Extensions that main has.
    pub extensions: Vec<String>,
    /// Schemas that main has them in.
    pub extension_schemas: Vec<String>,
}

/// What a relation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StructureKind {
    Table,
    /// `pg_get_partkeydef`.
    Partitioned(String),
    /// Copied as a table of its rows.
    MaterializedView,
    /// `pg_get_viewdef`.
    View(String),
}

/// The table that another belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    pub table: TableName,
    /// `FOR VALUES …` of a partition; absent where it inherits.
    pub bound: Option<String>,
}

/// Everything about a table that a copy must have.
#[derive(Debug, Clone, PartialEq)]
pub struct TableStructure {
    pub table: TableName,
    pub kind: StructureKind,
    pub parent: Option<Parent>,
    /// `pg_table_size`, in bytes; zero where it has no rows of its own.
    pub bytes: i64,
    /// `reltuples`.
    pub rows: f64,
    pub columns: Vec<ColumnStructure>,
    /// `reloptions`, as `name=value`.
    options: Vec<String>,
    /// `pg_get_constraintdef` of keys and checks, with their names.
    constraints: Vec<(String, String)>,
    /// The same of foreign keys, with the table that they refer to.
    foreign_keys: Vec<(String, String, TableName)>,
    /// `pg_get_indexdef` of valid indexes that back no constraint and belong to no parent's.
    indexes: Vec<String>,
    /// `pg_get_statisticsobjdef`.
    statistics: Vec<String>,
    /// Names and `pg_get_triggerdef` of the triggers that fire in an ordinary session.
    pub triggers: Vec<(String, String)>,
}

impl TableStructure {
    /// Names of the columns that `COPY` carries.
    #[must_use]
    pub fn copied_columns(&self) -> Vec<String> {
        let copied = self.columns.iter().filter(|column| column.generated.is_none());
        copied.map(|column| column.name.clone()).collect()
    }

    /// Whether a column has a type of the database's or an extension's.
    #[must_use]
    pub fn has_own_types(&self) -> bool {
        self.columns.iter().any(|column| !column.data_type.is_built_in())
    }

    /// Whether it has rows of its own.
    #[must_use]
    pub const fn has_rows(&self) -> bool {
        matches!(self.kind, StructureKind::Table | StructureKind::MaterializedView)
    }
}

/// Whether a copy is kept up by autovacuum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    Autovacuum,
    /// Nothing may change under a benchmark.
    Still,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnStructure {
    pub name: String,
    data_type: TypeText,
    /// As `format_type` writes it.
    pub type_text: String,
    pub not_null: bool,
    /// The expression of a default, as PostgreSQL writes it.
    default: Option<String>,
    /// A generated column: its expression. It is not copied, but computed again.
    pub generated: Option<String>,
    /// Whether a generated column is computed when it is read.
    is_virtual: bool,
    identity: IdentityKind,
    /// Where it is not the type's: schema and name.
    collation: Option<TableName>,
    /// `attstattarget`, where it is set.
    statistics_target: Option<i32>,
    /// `attoptions`, as `name=value`.
    options: Vec<String>,
    /// `attstorage`, where it is not the type's.
    storage: Option<String>,
}

/// Who gives a column its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityKind {
    None,
    Always,
    /// `BY DEFAULT`, or a sequence of its own.
    ByDefault,
}

/// A collation of the database's own.
#[derive(Debug, Clone, PartialEq)]
struct CollationStructure {
    name: TableName,
    /// Its options, as `CREATE COLLATION` takes them.
    options: String,
}

impl Family {
    /// Adds another family; what both have is kept once.
    pub fn merge(&mut self, other: Self) {
        for structure in other.tables {
            match self.tables.iter_mut().find(|known| known.table == structure.table) {
                Some(known) => known.parent = known.parent.take().or(structure.parent),
                None => self.tables.push(structure),
            }
        }
        let is_new = |own: &OwnType| !self.own_types.iter().any(|known| known.name == own.name);
        let own: Vec<OwnType> = other.own_types.into_iter().filter(is_new).collect();
        self.own_types.extend(own);
        for collation in other.collations {
            if !self.collations.contains(&collation) {
                self.collations.push(collation);
            }
        }
        self.extensions = other.extensions;
    }

    /// A name that two types of its own have, in different schemas.
    #[must_use]
    pub fn colliding_type(&self) -> Option<String> {
        let twice = self.own_types.iter().enumerate().find(|(at, own)| {
            self.own_types[..*at].iter().any(|known| known.name.name == own.name.name)
        });
        twice.map(|(_, own)| own.name.name.clone())
    }

    /// Schemas of types and collations of its own.
    pub fn own_schemas(&self) -> impl Iterator<Item = &str> {
        let types = self.own_types.iter().map(|own| own.name.schema.as_str());
        types.chain(self.collations.iter().map(|collation| collation.name.schema.as_str()))
    }

    /// Where a type or collation of the database's own was made; absent where it is none.
    pub fn own_schema(&self, schema: &str, name: &str, schema_of: SchemaOf<'_>) -> Option<String> {
        let own = self.own_types.iter().map(|own| &own.name);
        let mut all = own.chain(self.collations.iter().map(|collation| &collation.name));
        all.any(|own| own.schema == schema && own.name == name).then(|| schema_of(schema))
    }

    /// A relation by name.
    #[must_use]
    pub fn get(&self, table: &TableName) -> Option<&TableStructure> {
        self.tables.iter().find(|known| known.table == *table)
    }

    /// Everything below a table, itself included, that has rows.
    #[must_use]
    pub fn with_rows<'a>(&'a self, table: &'a TableName) -> Vec<&'a TableStructure> {
        let mut found: Vec<&TableStructure> = Vec::new();
        let mut names = vec![table];
        // Parents stand before their children.
        for structure in &self.tables {
            let below = structure.parent.as_ref().is_some_and(|p| names.contains(&&p.table));
            if below {
                names.push(&structure.table);
            }
            if (below || structure.table == *table) && structure.has_rows() {
                found.push(structure);
            }
        }
        found
    }

    /// Tables that belong to no other and are no views, with the bytes of everything below them.
    #[must_use]
    pub fn tops(&self) -> Vec<(&TableStructure, i64)> {
        let is_top = |structure: &&TableStructure| {
            structure.parent.is_none() && !matches!(structure.kind, StructureKind::View(_))
        };
        let bytes = |top: &TableStructure| self.with_rows(&top.table).iter().map(|t| t.bytes).sum();
        self.tables.iter().filter(is_top).map(|top| (top, bytes(top))).collect()
    }
}
