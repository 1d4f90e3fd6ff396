//! The changes that are benchmarked and applied: one statement of an allowed kind, whose identifiers are written by
//! PostgreSQL's own deparser from the tree.

mod index;
mod setting;
mod statistics;
mod table;

use optischema::advisor::IndexMethod;
use optischema::model::TableName;
use pg_query::protobuf::{ObjectType, ParseResult};
use pg_query::{Node, NodeEnum};
use sha2::{Digest, Sha256};

use super::{SqlError, Statement, check_select, parse_one};
use crate::hex::hex;

pub use index::{
    CreateIndex, DropIndex, IndexForm, drop_index_sql, index_definition_as, index_definition_in,
    nameless_index, sham_index_sql,
};
pub use setting::{SESSION_SETTINGS, Setting, SettingScope};
pub use statistics::{
    CreateStatistics, DropStatistics, drop_statistics_sql, statistics_definition_in,
    statistics_definition_named,
};
pub use table::{AlterTable, Maintenance, MaintenanceKind};

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
    CreateStatistics(Box<CreateStatistics>),
    DropStatistics(DropStatistics),
    /// Storage and autovacuum parameters, and what ANALYZE keeps of a column.
    AlterTable(Box<AlterTable>),
    Maintenance(Maintenance),
    Setting(Setting),
    /// A statement that takes the other's place.
    Rewrite(Box<Rewritten>),
}

/// A statement that takes another's place, with the index that it needs.
#[derive(Debug, Clone)]
pub struct Rewritten {
    pub statement: Statement,
    pub index: Option<CreateIndex>,
}

impl PatchKind {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::CreateIndex(_) => "CREATE INDEX",
            Self::DropIndex(_) => "DROP INDEX",
            Self::CreateStatistics(_) => "CREATE STATISTICS",
            Self::DropStatistics(_) => "DROP STATISTICS",
            Self::AlterTable(_) => "ALTER TABLE",
            Self::Maintenance(maintenance) => maintenance.kind.label(),
            Self::Setting(_) => "a setting",
            Self::Rewrite(rewritten) if rewritten.index.is_some() => {
                "a rewritten statement with its index"
            }
            Self::Rewrite(_) => "a rewritten statement",
        }
    }

    /// Whether it makes an index that finds only most of the nearest rows.
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.new_index()
            .and_then(|index| IndexMethod::named(index.method()))
            .is_some_and(IndexMethod::is_approximate)
    }

    /// The index that it makes.
    #[must_use]
    pub fn new_index(&self) -> Option<&CreateIndex> {
        match self {
            Self::CreateIndex(index) => Some(index),
            Self::Rewrite(rewritten) => rewritten.index.as_ref(),
            _ => None,
        }
    }

    /// Whether it is a setting of the whole server.
    #[must_use]
    pub fn is_server_wide(&self) -> bool {
        matches!(self, Self::Setting(setting) if setting.scope == SettingScope::System)
    }

    /// Why no benchmark can show what it does, wherever it is run; absent for what can be measured somewhere.
    #[must_use]
    pub fn not_measured(&self) -> Option<String> {
        match self {
            Self::Setting(setting) => setting.not_measured(),
            // Statistics can be made anew on a clone, and be undone.
            Self::Maintenance(maintenance) if maintenance.kind != MaintenanceKind::Analyze => {
                Some(format!(
                    "a copy has no dead rows, and on a clone {} cannot be undone",
                    maintenance.kind.label()
                ))
            }
            Self::AlterTable(alter) if alter.is_of_upkeep() => {
                Some("it tells autovacuum what to do, and no statement runs otherwise".to_owned())
            }
            _ => None,
        }
    }

    /// The table that it changes, where the text names it.
    #[must_use]
    pub fn table(&self) -> Option<&TableName> {
        match self {
            Self::CreateIndex(index) => Some(&index.table),
            Self::CreateStatistics(statistics) => Some(&statistics.table),
            Self::AlterTable(alter) => Some(&alter.table),
            Self::Maintenance(maintenance) => maintenance.table.as_ref(),
            Self::Rewrite(rewritten) => rewritten.index.as_ref().map(|index| &index.table),
            Self::DropIndex(_) | Self::DropStatistics(_) | Self::Setting(_) => None,
        }
    }
}

impl Patch {
    /// Reads a patch.
    ///
    /// # Errors
    /// It is not exactly one statement, or not of an allowed kind. An index may stand before the statement that needs it.
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        let hash = hex(&Sha256::digest(text.as_bytes()));
        if let Some((index, statement)) = index_and_statement(text) {
            let (index, statement) = (Self::parse(&index)?, Self::parse(&statement)?);
            return match (index.kind, statement.kind) {
                (PatchKind::CreateIndex(index), PatchKind::Rewrite(rewritten)) => {
                    let rewritten = Rewritten { index: Some(*index), ..*rewritten };
                    Ok(Self { hash, kind: PatchKind::Rewrite(Box::new(rewritten)) })
                }
                _ => Err(SqlError::NotOne(2)),
            };
        }
        if let Some(repack) = table::repack(text) {
            return Ok(Self { kind: PatchKind::Maintenance(repack?), hash });
        }
        let statement = parse_one(text)?;
        let node = statement
            .tree
            .stmts
            .first()
            .and_then(|raw| raw.stmt.as_ref())
            .and_then(|node| node.node.clone())
            .ok_or(SqlError::NotOne(0))?;
        let kind = match node {
            NodeEnum::IndexStmt(index) => PatchKind::CreateIndex(Box::new(index::create(*index)?)),
            NodeEnum::DropStmt(drop) if drop.remove_type == ObjectType::ObjectIndex as i32 => {
                PatchKind::DropIndex(index::drop(&drop)?)
            }
            NodeEnum::DropStmt(drop)
                if drop.remove_type == ObjectType::ObjectStatisticExt as i32 =>
            {
                PatchKind::DropStatistics(statistics::drop(&drop)?)
            }
            NodeEnum::CreateStatsStmt(create) => {
                PatchKind::CreateStatistics(Box::new(statistics::create(create)?))
            }
            NodeEnum::AlterTableStmt(alter) => {
                PatchKind::AlterTable(Box::new(table::alter(&alter, &statement)?))
            }
            NodeEnum::VacuumStmt(vacuum) => {
                PatchKind::Maintenance(table::vacuum(&vacuum, &statement.sql)?)
            }
            NodeEnum::ReindexStmt(reindex) => {
                PatchKind::Maintenance(table::reindex(&reindex, &statement.sql)?)
            }
            NodeEnum::AlterDatabaseSetStmt(alter) => {
                PatchKind::Setting(setting::of_database(&alter)?)
            }
            NodeEnum::AlterRoleSetStmt(alter) => PatchKind::Setting(setting::of_role(&alter)?),
            NodeEnum::AlterSystemStmt(alter) => PatchKind::Setting(setting::of_system(&alter)?),
            NodeEnum::SelectStmt(_) => {
                check_select(&statement)?;
                PatchKind::Rewrite(Box::new(Rewritten { statement, index: None }))
            }
            _ => {
                return Err(SqlError::Refused(
                    "it is no change that OptiSchema makes: an index, statistics, a storage parameter, maintenance, a setting, or a SELECT that takes another's place".into(),
                ));
            }
        };
        Ok(Self { hash, kind })
    }
}

/// The two statements of a text that makes an index and then asks with it.
fn index_and_statement(text: &str) -> Option<(String, String)> {
    let parsed = pg_query::parse(text, 0).ok()?.protobuf;
    let nodes: Vec<Option<&NodeEnum>> =
        parsed.stmts.iter().map(|raw| raw.stmt.as_ref()?.node.as_ref()).collect();
    let [Some(NodeEnum::IndexStmt(_)), Some(NodeEnum::SelectStmt(_))] = nodes.as_slice() else {
        return None;
    };
    let parts = pg_query::split_with_parser(text).ok()?;
    let mut parts = parts.into_iter().map(|part| part.trim().to_owned());
    Some((parts.next()?, parts.next()?))
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, SqlError> {
    Err(SqlError::Refused(reason.into()))
}

/// A relation of a patch: with its schema, in this database.
fn table_of(relation: Option<&pg_query::protobuf::RangeVar>) -> Result<TableName, SqlError> {
    match relation {
        Some(relation) if !relation.schemaname.is_empty() && relation.catalogname.is_empty() => {
            Ok(TableName::new(&relation.schemaname, &relation.relname))
        }
        Some(relation) => refuse(format!(
            "the table needs its schema: schema.{}",
            optischema::model::quote_identifier(&relation.relname)
        )),
        None => refuse("it names no table"),
    }
}

/// `schema.name` of a DROP of one object.
fn dropped(drop: &pg_query::protobuf::DropStmt, what: &str) -> Result<(String, String), SqlError> {
    if drop.behavior == pg_query::protobuf::DropBehavior::DropCascade as i32 {
        return refuse(format!("CASCADE drops more than the {what}: leave it out"));
    }
    let [Node { node: Some(NodeEnum::List(list)) }] = drop.objects.as_slice() else {
        return refuse(format!("exactly one {what} is dropped at a time"));
    };
    match strings(&list.items).as_slice() {
        [schema, name] => Ok((schema.clone(), name.clone())),
        _ => refuse(format!("the {what} needs its schema: schema.name")),
    }
}

/// The texts of a list of names.
fn strings(nodes: &[Node]) -> Vec<String> {
    nodes
        .iter()
        .filter_map(|item| match &item.node {
            Some(NodeEnum::String(part)) => Some(part.sval.clone()),
            _ => None,
        })
        .collect()
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
            "CREATE STATISTICS s ON a, b FROM public.t",
            "CREATE STATISTICS public.s ON a, b FROM t",
            "CREATE STATISTICS IF NOT EXISTS public.s ON a, b FROM public.t",
            "DROP STATISTICS s",
            "ALTER TABLE public.t ADD COLUMN x int",
            "ALTER TABLE public.t SET (fillfactor = 70), ADD COLUMN x int",
            "ALTER TABLE t SET (fillfactor = 70)",
            "ALTER TABLE public.t SET (user_catalog_table = true)",
            "ALTER TABLE public.t ALTER COLUMN a SET (odd = 1)",
            "ALTER INDEX public.i SET (fillfactor = 70)",
            "VACUUM",
            "ANALYZE t",
            "VACUUM public.t, public.u",
            "REINDEX DATABASE shop",
            "REINDEX TABLE t",
            "ALTER DATABASE shop SET search_path = 'x'",
            "ALTER ROLE ann SET session_preload_libraries = 'x'",
            "ALTER ROLE ann SUPERUSER",
            "ALTER SYSTEM SET archive_command = 'rm -rf /'",
            "ALTER DATABASE shop RESET ALL",
            "SELECT * INTO x FROM t",
            "SELECT 1; SELECT 2",
            "SELECT 1; CREATE INDEX i ON public.t (a)",
            "CREATE INDEX i ON public.t (a); SELECT 1; SELECT 2",
            "CREATE INDEX i ON public.t (a); SELECT * INTO x FROM t",
            "CREATE UNIQUE INDEX i ON public.t (a); SELECT 1",
            "DROP INDEX public.i; SELECT 1",
            "DO $$ BEGIN END $$",
            "SET work_mem = '1MB'",
            "UPDATE t SET a = 1",
            "",
        ] {
            assert!(Patch::parse(text).is_err(), "{text}");
        }
        for text in [
            "DROP INDEX CONCURRENTLY public.i",
            "CREATE STATISTICS public.s (dependencies) ON a, b FROM public.t",
            "DROP STATISTICS public.s",
            "ALTER TABLE public.t SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01)",
            "ALTER TABLE public.t RESET (autovacuum_enabled)",
            "ALTER TABLE public.t ALTER COLUMN a SET STATISTICS 500",
            "ALTER TABLE public.t ALTER COLUMN a SET (n_distinct = -0.5)",
            "ANALYZE public.t",
            "VACUUM (ANALYZE) public.t",
            "REINDEX INDEX public.i",
            "REINDEX TABLE CONCURRENTLY public.t",
            "ALTER DATABASE shop SET work_mem = '64MB'",
            "ALTER ROLE ann RESET work_mem",
            "ALTER SYSTEM SET effective_cache_size = '3072MB'",
            "SELECT 1",
            "CREATE INDEX i ON public.t (a);\nSELECT a FROM public.t WHERE a > $1;",
        ] {
            assert!(Patch::parse(text).is_ok(), "{text}: {:?}", Patch::parse(text));
        }
    }

    #[test]
    fn an_index_and_the_statement_that_needs_it_are_one_change() {
        let text = "CREATE INDEX i ON public.t (a);\nSELECT a FROM public.t WHERE a > $1;";
        let patch = Patch::parse(text).unwrap();
        let PatchKind::Rewrite(rewritten) = &patch.kind else { panic!("{:?}", patch.kind) };
        assert_eq!(rewritten.statement.sql, "SELECT a FROM public.t WHERE a > $1");
        assert_eq!(rewritten.index.as_ref().unwrap().name, "i");
        assert_eq!(patch.kind.table(), Some(&TableName::new("public", "t")));
        assert_ne!(patch.hash, Patch::parse("SELECT a FROM public.t WHERE a > $1").unwrap().hash);
    }

    #[test]
    fn the_hash_is_that_of_the_approved_text() {
        let one = Patch::parse("CREATE INDEX i ON public.t (a)").unwrap();
        let two = Patch::parse("CREATE INDEX i ON public.t (a) ").unwrap();
        assert_ne!(one.hash, two.hash);
        assert_eq!(one.hash.len(), 64);
    }
}
