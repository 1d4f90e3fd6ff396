//! `CREATE INDEX` and `DROP INDEX`.

use optischema::model::{TableName, quote_identifier};
use pg_query::NodeEnum;
use pg_query::protobuf::{AConst, Boolean, DropStmt, IndexStmt, Node, a_const};

use super::{SqlError, deparse, dropped, parse_one, refuse, strings, table_of};

/// `CREATE INDEX`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIndex {
    pub table: TableName,
    pub name: String,
    statement: IndexStmt,
}

impl CreateIndex {
    /// Whether it carries columns that it is not searched by.
    #[must_use]
    pub const fn is_covering(&self) -> bool {
        !self.statement.index_including_params.is_empty()
    }
}

/// `DROP INDEX` of one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropIndex {
    pub schema: String,
    pub name: String,
}

pub(super) fn create(statement: IndexStmt) -> Result<CreateIndex, SqlError> {
    if statement.if_not_exists {
        return refuse("IF NOT EXISTS accepts an invalid leftover of the same name: leave it out");
    }
    if statement.idxname.is_empty() {
        return refuse("the index needs a name, so that it can be found again");
    }
    if statement.unique {
        return refuse("a unique index is a constraint, which changes what the table accepts");
    }
    if !statement.table_space.is_empty() {
        return refuse("a tablespace is the server's business: leave it out");
    }
    Ok(CreateIndex {
        table: table_of(statement.relation.as_ref())?,
        name: statement.idxname.clone(),
        statement,
    })
}

pub(super) fn drop(drop: &DropStmt) -> Result<DropIndex, SqlError> {
    let (schema, name) = dropped(drop, "index")?;
    Ok(DropIndex { schema, name })
}

impl CreateIndex {
    /// The access method, as `pg_am` names it.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.statement.access_method
    }

    /// Names of the operator classes that it asks for.
    #[must_use]
    pub fn operator_classes(&self) -> Vec<String> {
        let elements =
            self.statement.index_params.iter().filter_map(|element| match &element.node {
                Some(NodeEnum::IndexElem(element)) => strings(&element.opclass).pop(),
                _ => None,
            });
        elements.collect()
    }

    /// Whether `definition`, as `pg_get_indexdef` writes it, is what this statement makes.
    #[must_use]
    pub fn makes(&self, definition: &str) -> bool {
        let schema = &self.table.schema;
        let made = self.sql(schema, false);
        made.is_ok() && made == index_definition_in(definition, schema, false)
    }

    /// The statement in another form.
    ///
    /// # Errors
    /// The deparser refuses the tree, which it made itself.
    pub fn form(&self, form: &IndexForm<'_>) -> Result<String, SqlError> {
        formed(self.statement.clone(), form)
    }

    /// The statement as it runs on a table of another schema.
    ///
    /// # Errors
    /// The deparser refuses the tree, which it made itself.
    pub fn sql(&self, schema: &str, concurrently: bool) -> Result<String, SqlError> {
        let mut statement = self.statement.clone();
        statement.concurrent = concurrently;
        if let Some(relation) = &mut statement.relation {
            schema.clone_into(&mut relation.schemaname);
        }
        deparse(NodeEnum::IndexStmt(Box::new(statement)))
    }
}

/// An index as `definition` has it, that holds no row and serves no statement: what making, dropping and looking at any
/// index does to a session, it does too.
///
/// # Errors
/// It is not one `CREATE INDEX`.
pub fn sham_index_sql(definition: &str, form: &IndexForm<'_>) -> Result<String, SqlError> {
    let mut index = parsed(definition)?;
    let never = a_const::Val::Boolval(Boolean { boolval: false });
    let constant = AConst { isnull: false, location: -1, val: Some(never) };
    index.where_clause = Some(Box::new(Node { node: Some(NodeEnum::AConst(constant)) }));
    formed(*index, form)
}

impl DropIndex {
    /// `DROP INDEX` of the index of this name in a schema.
    #[must_use]
    pub fn sql(&self, schema: &str, concurrently: bool) -> String {
        drop_index_sql(schema, &self.name, concurrently)
    }
}

/// `DROP INDEX`, with both parts quoted.
#[must_use]
pub fn drop_index_sql(schema: &str, name: &str, concurrently: bool) -> String {
    format!(
        "DROP INDEX {}{}.{}",
        if concurrently { "CONCURRENTLY " } else { "" },
        quote_identifier(schema),
        quote_identifier(name)
    )
}

/// Where and how an index is made.
#[derive(Debug, Clone, Copy)]
pub struct IndexForm<'a> {
    pub table: &'a TableName,
    pub name: &'a str,
    pub concurrently: bool,
    /// On a partitioned table alone, so that its partitions' own are attached one by one.
    pub only: bool,
    pub tablespace: Option<&'a str>,
}

fn formed(mut statement: IndexStmt, form: &IndexForm<'_>) -> Result<String, SqlError> {
    form.name.clone_into(&mut statement.idxname);
    statement.concurrent = form.concurrently;
    form.tablespace.unwrap_or_default().clone_into(&mut statement.table_space);
    if let Some(relation) = &mut statement.relation {
        form.table.schema.clone_into(&mut relation.schemaname);
        form.table.name.clone_into(&mut relation.relname);
        relation.inh = !form.only;
    }
    deparse(NodeEnum::IndexStmt(Box::new(statement)))
}

/// A definition of `pg_get_indexdef` in another form.
///
/// # Errors
/// It is not one `CREATE INDEX`.
pub fn index_definition_as(definition: &str, form: &IndexForm<'_>) -> Result<String, SqlError> {
    formed(*parsed(definition)?, form)
}

/// A definition without the index's name: two of the same text make the same index. Absent where it is no `CREATE INDEX`.
#[must_use]
pub fn nameless_index(definition: &str) -> Option<String> {
    let mut index = parsed(definition).ok()?;
    index.idxname.clear();
    index.concurrent = false;
    if let Some(relation) = &mut index.relation {
        relation.inh = true;
    }
    let text = deparse(NodeEnum::IndexStmt(index)).ok()?;
    // A constant that is a text already, or is one by its cast.
    Some(text.replace("'::text", "'"))
}

/// A definition of `pg_get_indexdef` as it runs on a table of another schema.
///
/// # Errors
/// It is not one `CREATE INDEX`.
pub fn index_definition_in(
    definition: &str,
    schema: &str,
    concurrently: bool,
) -> Result<String, SqlError> {
    let mut index = parsed(definition)?;
    index.concurrent = concurrently;
    if let Some(relation) = &mut index.relation {
        schema.clone_into(&mut relation.schemaname);
        // pg_get_indexdef writes ON ONLY for a partitioned parent; its partitions' own follow from it.
        relation.inh = true;
    }
    deparse(NodeEnum::IndexStmt(index))
}

fn parsed(definition: &str) -> Result<Box<IndexStmt>, SqlError> {
    let statement = parse_one(definition)?;
    let node = statement.tree.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.clone());
    match node {
        Some(NodeEnum::IndexStmt(index)) => Ok(index),
        _ => refuse("it is not a CREATE INDEX"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Patch, PatchKind};

    fn create(text: &str) -> CreateIndex {
        match Patch::parse(text).unwrap().kind {
            PatchKind::CreateIndex(create) => *create,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sham_has_the_keys_and_no_row() {
        let table = TableName::new("job", "t");
        let form = IndexForm {
            table: &table,
            name: "sham",
            concurrently: false,
            only: false,
            tablespace: None,
        };
        assert_eq!(
            sham_index_sql(
                "CREATE INDEX i ON public.t USING gin (a gin_trgm_ops) WHERE (b > 1)",
                &form
            )
            .unwrap(),
            "CREATE INDEX sham ON job.t USING gin (a gin_trgm_ops) WHERE false"
        );
    }

    #[test]
    fn an_index_is_the_same_under_another_name_and_not_with_another_key() {
        let own = "CREATE INDEX a ON public.t USING btree (lower(name::text) text_pattern_ops)";
        let catalog =
            "CREATE INDEX b ON public.t USING btree (lower((name)::text) text_pattern_ops)";
        let is_same_index = |one: &str, other: &str| {
            nameless_index(one).is_some() && nameless_index(one) == nameless_index(other)
        };
        assert!(is_same_index(own, catalog));
        assert!(!is_same_index(own, "CREATE INDEX b ON public.t USING btree (lower(name::text))"));
        assert!(!is_same_index(own, "DROP INDEX a"));
        assert!(is_same_index(
            "CREATE INDEX a ON public.t USING btree ((doc ->> 'k'))",
            "CREATE INDEX b ON public.t USING btree ((doc ->> 'k'::text))"
        ));
    }

    #[test]
    fn an_index_moves_with_its_table_and_keeps_its_quotes() {
        let index =
            create("CREATE INDEX \"a\"\"; DROP\" ON public.\"T x\" USING btree (\"B\" DESC)");
        assert_eq!(
            index.sql("job", true).unwrap(),
            "CREATE INDEX CONCURRENTLY \"a\"\"; DROP\" ON job.\"T x\" USING btree (\"B\" DESC)"
        );
        assert_eq!(
            drop_index_sql("j\"", "a\"; DROP", false),
            "DROP INDEX \"j\"\"\".\"a\"\"; DROP\""
        );
    }
}
