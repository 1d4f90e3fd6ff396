//! The changes that may be made in the sandbox: one statement of an allowed kind, whose identifiers are
//! written by PostgreSQL's own deparser from the tree.

use optischema::model::{TableName, quote_identifier};
use pg_query::protobuf::{DropBehavior, IndexStmt, ObjectType, ParseResult};
use pg_query::{Node, NodeEnum};
use sha2::{Digest, Sha256};

use crate::hex::hex;

use super::{SqlError, parse_one};

/// A patch that was approved: parsed, of an allowed kind, and known by its hash.
#[derive(Debug, Clone)]
pub struct Patch {
    /// SHA-256 of the approved text, in hexadecimal. Only that text runs.
    pub hash: String,
    pub kind: PatchKind,
}

/// The kinds that are allowed. Whatever is not listed here is refused.
#[derive(Debug, Clone)]
pub enum PatchKind {
    CreateIndex(Box<CreateIndex>),
    DropIndex(DropIndex),
}

/// `CREATE INDEX`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIndex {
    pub table: TableName,
    pub name: String,
    statement: IndexStmt,
}

/// `DROP INDEX` of one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropIndex {
    pub schema: String,
    pub name: String,
}

impl Patch {
    /// Reads a patch.
    ///
    /// # Errors
    /// It is not exactly one statement, or not of an allowed kind.
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        let hash = hex(&Sha256::digest(text.as_bytes()));
        let statement = parse_one(text)?;
        let node = statement
            .tree
            .stmts
            .into_iter()
            .next()
            .and_then(|raw| raw.stmt)
            .and_then(|node| node.node)
            .ok_or(SqlError::NotOne(0))?;
        let kind = match node {
            NodeEnum::IndexStmt(index) => PatchKind::CreateIndex(Box::new(create_index(*index)?)),
            NodeEnum::DropStmt(drop) => PatchKind::DropIndex(drop_index(&drop)?),
            _ => {
                return Err(SqlError::Refused(
                    "only CREATE INDEX and DROP INDEX are applied so far".into(),
                ));
            }
        };
        Ok(Self { hash, kind })
    }
}

fn create_index(statement: IndexStmt) -> Result<CreateIndex, SqlError> {
    let refuse = |reason: &str| Err(SqlError::Refused(reason.to_owned()));
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
    let Some(relation) = &statement.relation else {
        return refuse("the index has no table");
    };
    if relation.schemaname.is_empty() || !relation.catalogname.is_empty() {
        return refuse("the table needs its schema: CREATE INDEX … ON schema.table");
    }
    Ok(CreateIndex {
        table: TableName::new(&relation.schemaname, &relation.relname),
        name: statement.idxname.clone(),
        statement,
    })
}

fn drop_index(drop: &pg_query::protobuf::DropStmt) -> Result<DropIndex, SqlError> {
    let refuse = |reason: &str| Err(SqlError::Refused(reason.to_owned()));
    if drop.remove_type != ObjectType::ObjectIndex as i32 {
        return refuse("only an index is dropped");
    }
    if drop.behavior == DropBehavior::DropCascade as i32 {
        return refuse("CASCADE drops more than the index: leave it out");
    }
    let [Node { node: Some(NodeEnum::List(list)) }] = drop.objects.as_slice() else {
        return refuse("exactly one index is dropped at a time");
    };
    let parts: Vec<&str> = list
        .items
        .iter()
        .filter_map(|item| match &item.node {
            Some(NodeEnum::String(part)) => Some(part.sval.as_str()),
            _ => None,
        })
        .collect();
    match parts.as_slice() {
        [schema, name] => Ok(DropIndex { schema: (*schema).to_owned(), name: (*name).to_owned() }),
        _ => refuse("the index needs its schema: DROP INDEX schema.index"),
    }
}

impl CreateIndex {
    /// Whether `definition`, as `pg_get_indexdef` writes it, is what this statement makes.
    #[must_use]
    pub fn makes(&self, definition: &str) -> bool {
        let schema = &self.table.schema;
        let made = self.sql(schema, false);
        made.is_ok() && made == index_definition_in(definition, schema, false)
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

/// A definition of `pg_get_indexdef` as it runs on a table of another schema.
///
/// # Errors
/// It is not one `CREATE INDEX`.
pub fn index_definition_in(
    definition: &str,
    schema: &str,
    concurrently: bool,
) -> Result<String, SqlError> {
    let statement = parse_one(definition)?;
    let node = statement.tree.stmts.into_iter().next().and_then(|raw| raw.stmt?.node);
    let Some(NodeEnum::IndexStmt(mut index)) = node else {
        return Err(SqlError::Refused("it is not a CREATE INDEX".into()));
    };
    index.concurrent = concurrently;
    if let Some(relation) = &mut index.relation {
        schema.clone_into(&mut relation.schemaname);
        // pg_get_indexdef writes ON ONLY for a partitioned parent; a copy has no partitions.
        relation.inh = true;
    }
    deparse(NodeEnum::IndexStmt(index))
}

fn deparse(node: NodeEnum) -> Result<String, SqlError> {
    let raw = pg_query::protobuf::RawStmt {
        stmt: Some(Box::new(Node { node: Some(node) })),
        stmt_location: 0,
        stmt_len: 0,
    };
    let tree = ParseResult { version: 0, stmts: vec![raw] };
    Ok(pg_query::deparse(&tree, Default::default())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(text: &str) -> CreateIndex {
        match Patch::parse(text).unwrap().kind {
            PatchKind::CreateIndex(create) => *create,
            PatchKind::DropIndex(drop) => panic!("{drop:?}"),
        }
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

    #[test]
    fn only_the_allowed_kinds_pass() {
        for text in [
            "CREATE INDEX i ON public.t (a); DROP TABLE t",
            "CREATE INDEX IF NOT EXISTS i ON public.t (a)",
            "CREATE INDEX ON public.t (a)",
            "CREATE INDEX i ON t (a)",
            "CREATE UNIQUE INDEX i ON public.t (a)",
            "CREATE INDEX i ON public.t (a) TABLESPACE fast",
            "DROP TABLE public.t",
            "DROP INDEX public.i CASCADE",
            "DROP INDEX public.i, public.j",
            "DROP INDEX i",
            "ALTER TABLE t ADD COLUMN x int",
            "DO $$ BEGIN END $$",
            "SELECT 1",
            "",
        ] {
            assert!(Patch::parse(text).is_err(), "{text}");
        }
        assert!(Patch::parse("DROP INDEX CONCURRENTLY public.i").is_ok());
    }

    #[test]
    fn the_hash_is_that_of_the_approved_text() {
        let one = Patch::parse("CREATE INDEX i ON public.t (a)").unwrap();
        let two = Patch::parse("CREATE INDEX i ON public.t (a) ").unwrap();
        assert_ne!(one.hash, two.hash);
        assert_eq!(one.hash.len(), 64);
    }
}
