//! What names mean: aliases, and the query levels around them.

use optischema::model::{CatalogTable, ColumnName};
use pg_query::NodeEnum;
use pg_query::protobuf::ColumnRef;

/// What a name can mean inside one query level.
pub(super) struct Scope<'a> {
    /// Alias, and the table behind it; `None` for a subquery or common table expression.
    pub relations: Vec<(String, Option<&'a CatalogTable>)>,
    pub outer: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    pub(super) fn resolve(&self, column: &ColumnRef) -> Option<ColumnName> {
        let parts: Vec<&str> = column
            .fields
            .iter()
            .map(|field| match &field.node {
                Some(NodeEnum::String(part)) => Some(part.sval.as_str()),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let (qualifier, name) = match parts.as_slice() {
            [name] => (None, *name),
            [table, name] | [_, table, name] => (Some(*table), *name),
            _ => return None,
        };
        self.find(qualifier, name)
    }

    fn find(&self, qualifier: Option<&str>, name: &str) -> Option<ColumnName> {
        let mut hidden = false;
        for (alias, table) in &self.relations {
            if qualifier.is_some_and(|qualifier| qualifier != alias) {
                continue;
            }
            match table {
                Some(table) if table.column(name).is_some() => {
                    return Some(ColumnName { table: table.name.clone(), column: name.to_owned() });
                }
                Some(_) => {}
                None => hidden = true,
            }
        }
        // A name that a subquery of this level may define is not looked for further out.
        if hidden { None } else { self.outer.and_then(|outer| outer.find(qualifier, name)) }
    }
}
