//! What the names in a statement mean, by the path that it ran with and the role that ran it.

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{NotPlanned, RelationKind, StatementShape, TableName, quote_identifier};

use super::Reader;
use crate::sql::{self, Statement};
use crate::workload::RawStatement;

/// `pg_stat_statements` goes by the names of tables, whatever their schema, from this version on.
pub(super) const FIRST_THAT_MERGES: i32 = 180_000;

impl Reader<'_> {
    /// The statement with its tables named in full, where its search path makes them others than the
    /// session's would.
    pub(super) fn qualified(&self, text: &str, path: &[String]) -> Option<Statement> {
        let statement = sql::parse_one(text).ok()?;
        let mut differs = false;
        let names = std::cell::RefCell::new(&mut differs);
        let qualified = sql::qualify(&statement, &|schema, name| {
            let table = self.table(schema, name, path)?;
            let usual = self.catalog.resolve(schema, name).map(|table| &table.name);
            if usual != Some(&table) {
                **names.borrow_mut() = true;
            }
            Some(table)
        })
        .ok()?;
        if differs { sql::parse_one(&qualified).ok() } else { None }
    }

    pub(super) fn changes_view(&self, statement: &Statement, path: &[String]) -> bool {
        let table =
            sql::changed(statement).and_then(|(schema, name)| self.table(&schema, &name, path));
        let known = table.and_then(|table| self.catalog.tables.get(&table));
        known.is_some_and(|table| table.kind == RelationKind::View)
    }

    /// Tables of other schemas under the names of those that a statement reads, where it was counted by a server that tells
    /// them not apart: PostgreSQL from 18 on.
    pub(super) fn namesakes(&self, raw: &RawStatement, shape: &StatementShape) -> Vec<TableName> {
        if self.catalog.server.version_number < FIRST_THAT_MERGES || !raw.is_counted {
            return Vec::new();
        }
        let is_read = |name: &TableName| shape.tables.contains(name);
        let is_named = |name: &TableName| shape.tables.iter().any(|read| read.name == name.name);
        self.catalog
            .tables
            .keys()
            .filter(|name| is_named(name) && !is_read(name))
            .cloned()
            .collect()
    }

    /// The query of the materialized view that a statement fills anew.
    pub(super) fn filling(&self, statement: &Statement, path: &[String]) -> Option<&str> {
        let (schema, name) = sql::refreshed(statement)?;
        let view = self.table(&schema, &name, path)?;
        self.catalog.materialized.get(&view).map(String::as_str)
    }

    /// The statement with types named in full that its search path finds and the session's does not, or finds elsewhere.
    pub(super) fn typed(
        &self,
        statement: Statement,
        path: &[String],
    ) -> Result<Statement, sql::SqlError> {
        if self.catalog.types.is_empty() {
            return Ok(statement);
        }
        let schema_of = |name: &str| {
            let schemas = self.catalog.types.get(name)?;
            let first =
                |path: &[String]| path.iter().find(|schema| schemas.contains(schema)).cloned();
            let usual = first(&self.catalog.search_path);
            let only = || schemas.first().filter(|_| schemas.len() == 1).cloned();
            let meant = first(path).or_else(only)?;
            (usual.as_ref() != Some(&meant)).then_some(meant)
        };
        match sql::qualify_types(&statement, &schema_of)? {
            Some(text) => sql::parse_one(&text),
            None => Ok(statement),
        }
    }

    /// Types of the columns of a statement's tables; where columns of one name have two types, neither counts.
    pub(super) fn types_by_name(&self, shape: &StatementShape) -> BTreeMap<String, String> {
        let mut types: BTreeMap<String, Option<String>> = BTreeMap::new();
        let tables = shape.tables.iter().filter_map(|table| self.catalog.tables.get(table));
        for column in tables.flat_map(|table| &table.columns) {
            let known = types.entry(column.name.clone()).or_insert(Some(column.data_type.clone()));
            if known.as_ref().is_some_and(|known| *known != column.data_type) {
                *known = None;
            }
        }
        types.into_iter().filter_map(|(name, data_type)| Some((name, data_type?))).collect()
    }

    /// A table by its search path; else the only one of that name.
    pub(super) fn table(&self, schema: &str, name: &str, path: &[String]) -> Option<TableName> {
        if !schema.is_empty() {
            return self.catalog.resolve(schema, name).map(|table| table.name.clone());
        }
        let on_path = path.iter().find_map(|schema| self.catalog.resolve(schema, name));
        if let Some(table) = on_path {
            return Some(table.name.clone());
        }
        let mut named = self.catalog.tables.keys().filter(|table| table.name == name);
        let only = named.next().cloned();
        if named.next().is_some() { None } else { only }
    }

    /// The role on main, as SQL names it.
    pub(super) fn role(&self) -> String {
        quote_identifier(&self.catalog.role)
    }

    /// A reason with what lets the role read all that a statement names.
    pub(super) fn with_grant(&self, reason: NotPlanned, raw: &RawStatement) -> NotPlanned {
        let path = raw.search_path.as_deref().unwrap_or(&self.catalog.search_path);
        let named = sql::parse_one(raw.sql.trim()).map(|statement| sql::relation_names(&statement));
        let read: BTreeSet<TableName> = named
            .unwrap_or_default()
            .iter()
            .filter_map(|(schema, name)| {
                self.table(schema, name, path).or_else(|| self.view(schema, name, path))
            })
            .collect();
        if read.is_empty() {
            return reason;
        }
        let list = |each: BTreeSet<String>| each.into_iter().collect::<Vec<_>>().join(", ");
        // Of schemas on its path it has the use.
        let is_closed = |table: &&TableName| !self.catalog.search_path.contains(&table.schema);
        let closed = read.iter().filter(is_closed).map(|table| quote_identifier(&table.schema));
        let schemas = list(closed.collect());
        let tables = list(read.iter().map(TableName::quoted).collect());
        let role = self.role();
        let usage = match schemas.as_str() {
            "" => String::new(),
            _ => format!("GRANT USAGE ON SCHEMA {schemas} TO {role}; "),
        };
        let remedy = format!("{usage}GRANT SELECT ON {tables} TO {role};");
        NotPlanned { remedy: Some(remedy), ..reason }
    }

    /// A view by the search path of a statement.
    pub(super) fn view(&self, schema: &str, name: &str, path: &[String]) -> Option<TableName> {
        let schemas: Vec<&str> = match schema {
            "" => path.iter().map(String::as_str).collect(),
            schema => vec![schema],
        };
        let mut named = schemas.into_iter().map(|schema| TableName::new(schema, name));
        named.find(|view| self.catalog.views.contains_key(view))
    }
}
