//! `ALTER TABLE` of parameters that shape storage, autovacuum and statistics, and maintenance of one table.

use std::collections::BTreeSet;

use optischema::model::TableName;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType, ObjectType, ReindexObjectType, ReindexStmt,
    VacuumStmt,
};

use super::{SqlError, Statement, refuse, table_of};
use crate::sql::{parse_one, qualify};

/// Storage parameters that may be set; each begins with one of these.
const PARAMETERS: &[&str] =
    &["fillfactor", "toast_tuple_target", "parallel_workers", "autovacuum_", "vacuum_", "toast."];
/// What may be set of a column.
const COLUMN_PARAMETERS: &[&str] = &["n_distinct", "n_distinct_inherited"];

/// `ALTER TABLE … SET (…)`, `RESET (…)`, `ALTER COLUMN … SET STATISTICS`, `ALTER COLUMN … SET (n_distinct = …)`.
#[derive(Debug, Clone)]
pub struct AlterTable {
    pub table: TableName,
    /// Whether it takes effect with the next ANALYZE.
    pub needs_analyze: bool,
    /// Names of the storage parameters that it sets or resets.
    pub parameters: Vec<String>,
    /// Columns of which ANALYZE is to keep something else.
    pub columns: Vec<String>,
    statement: Statement,
}

impl AlterTable {
    /// Whether it sets nothing but what autovacuum goes by.
    #[must_use]
    pub fn is_of_upkeep(&self) -> bool {
        let of_upkeep =
            |name: &String| name.trim_start_matches("toast.").starts_with("autovacuum_");
        self.columns.is_empty()
            && !self.parameters.is_empty()
            && self.parameters.iter().all(of_upkeep)
    }
}

/// What is done to a table as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaintenanceKind {
    Analyze,
    Vacuum,
    VacuumFull,
    /// `REPACK (CONCURRENTLY)`.
    Repack,
    Reindex,
}

impl MaintenanceKind {
    /// The words that a person reads.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Analyze => "ANALYZE",
            Self::Vacuum => "VACUUM",
            Self::VacuumFull => "VACUUM FULL",
            Self::Repack => "REPACK",
            Self::Reindex => "REINDEX",
        }
    }
}

/// `ANALYZE`, `VACUUM` or `REINDEX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    pub kind: MaintenanceKind,
    /// Absent where an index is named.
    pub table: Option<TableName>,
    /// The table, or the index.
    pub object: TableName,
    /// The statement as the deparser writes it.
    text: String,
}

/// Options of VACUUM and ANALYZE that concern one table and nothing else.
const MAINTENANCE_OPTIONS: &[&str] = &[
    "analyze",
    "buffer_usage_limit",
    "disable_page_skipping",
    "freeze",
    "full",
    "index_cleanup",
    "parallel",
    "process_toast",
    "skip_locked",
    "truncate",
    "verbose",
];

impl Maintenance {
    /// The statement. A rebuild lets others read and write meanwhile.
    #[must_use]
    pub fn sql(&self) -> String {
        match (self.kind, &self.table) {
            (MaintenanceKind::Reindex, Some(table)) => {
                format!("REINDEX TABLE CONCURRENTLY {}", table.quoted())
            }
            (MaintenanceKind::Reindex, None) => {
                format!("REINDEX INDEX CONCURRENTLY {}", self.object.quoted())
            }
            _ => self.text.clone(),
        }
    }
}

pub(super) fn alter(alter: &AlterTableStmt, statement: &Statement) -> Result<AlterTable, SqlError> {
    if alter.objtype != ObjectType::ObjectTable as i32 {
        return refuse("only a table's parameters are altered");
    }
    let table = table_of(alter.relation.as_ref())?;
    let mut needs_analyze = false;
    let mut parameters = Vec::new();
    let mut columns = BTreeSet::new();
    for command in &alter.cmds {
        let Some(NodeEnum::AlterTableCmd(command)) = &command.node else {
            return refuse("it alters more than parameters");
        };
        let subtype =
            AlterTableType::try_from(command.subtype).unwrap_or(AlterTableType::Undefined);
        match subtype {
            AlterTableType::AtSetRelOptions | AlterTableType::AtResetRelOptions => {
                for (namespace, name) in options(command) {
                    let full =
                        if namespace.is_empty() { name } else { format!("{namespace}.{name}") };
                    if !PARAMETERS.iter().any(|known| full.starts_with(known)) {
                        return refuse(format!("{full} is no storage or autovacuum parameter"));
                    }
                    parameters.push(full);
                }
            }
            AlterTableType::AtSetStatistics => {
                columns.insert(command.name.clone());
                needs_analyze = true;
            }
            AlterTableType::AtSetOptions | AlterTableType::AtResetOptions => {
                for (_, name) in options(command) {
                    if !COLUMN_PARAMETERS.contains(&name.as_str()) {
                        return refuse(format!("{name} is nothing that ANALYZE keeps of a column"));
                    }
                }
                columns.insert(command.name.clone());
                needs_analyze = true;
            }
            _ => {
                return refuse("only parameters of storage, autovacuum and statistics are altered");
            }
        }
    }
    let columns = columns.into_iter().collect();
    Ok(AlterTable { table, needs_analyze, parameters, columns, statement: statement.clone() })
}

/// Namespace and name of every option of a command.
fn options(command: &AlterTableCmd) -> Vec<(String, String)> {
    let Some(NodeEnum::List(list)) = command.def.as_ref().and_then(|def| def.node.as_ref()) else {
        return Vec::new();
    };
    list.items
        .iter()
        .filter_map(|item| match &item.node {
            Some(NodeEnum::DefElem(option)) => {
                Some((option.defnamespace.clone(), option.defname.clone()))
            }
            _ => None,
        })
        .collect()
}

impl AlterTable {
    /// The statement as it runs on the table of another schema.
    ///
    /// # Errors
    /// The parser's positions do not fit the text, which it gave itself.
    pub fn sql(&self, schema: &str) -> Result<String, SqlError> {
        qualify(&self.statement, &|_, name| Some(TableName::new(schema, name)))
    }
}

pub(super) fn vacuum(statement: &VacuumStmt, text: &str) -> Result<Maintenance, SqlError> {
    let [only] = statement.rels.as_slice() else {
        return refuse("exactly one table is maintained at a time");
    };
    let Some(NodeEnum::VacuumRelation(relation)) = &only.node else {
        return refuse("it names no table");
    };
    let table = table_of(relation.relation.as_ref())?;
    for option in &statement.options {
        if let Some(NodeEnum::DefElem(option)) = &option.node
            && !MAINTENANCE_OPTIONS.contains(&option.defname.as_str())
        {
            return refuse(format!("{} is no option that OptiSchema knows", option.defname));
        }
    }
    let is_full = statement.options.iter().any(|option| {
        matches!(&option.node, Some(NodeEnum::DefElem(option)) if option.defname == "full")
    });
    let kind = match (statement.is_vacuumcmd, is_full) {
        (false, _) => MaintenanceKind::Analyze,
        (true, false) => MaintenanceKind::Vacuum,
        (true, true) => MaintenanceKind::VacuumFull,
    };
    Ok(Maintenance { kind, object: table.clone(), table: Some(table), text: text.to_owned() })
}

/// Words that may stand in the parentheses of `REPACK`.
const REPACK_OPTIONS: &[&str] = &["analyze", "concurrently", "verbose"];

/// `REPACK [(options)] table`, which the parser here does not know: it is of PostgreSQL 19. What follows the options is
/// read as the table of a `VACUUM`. Absent for any other statement.
pub(super) fn repack(text: &str) -> Option<Result<Maintenance, SqlError>> {
    let rest = text.trim_start();
    let (word, rest) = rest.split_at_checked("repack".len())?;
    if !word.eq_ignore_ascii_case("repack")
        || rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    {
        return None;
    }
    Some(repacked(rest.trim_start()))
}

fn repacked(rest: &str) -> Result<Maintenance, SqlError> {
    let Some((options, table)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'))
    else {
        return refuse("REPACK locks the table all along: only REPACK (CONCURRENTLY) is run");
    };
    let options: Vec<String> = options.split(',').map(|word| word.trim().to_lowercase()).collect();
    if let Some(unknown) = options.iter().find(|word| !REPACK_OPTIONS.contains(&word.as_str())) {
        return refuse(format!("{unknown} is no option of REPACK that OptiSchema knows"));
    }
    if !options.iter().any(|word| word == "concurrently") {
        return refuse("REPACK locks the table all along: only REPACK (CONCURRENTLY) is run");
    }
    let statement = parse_one(&format!("VACUUM {table}"))?;
    let node = statement.tree.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.clone());
    let Some(NodeEnum::VacuumStmt(named)) = node else { return refuse("it names no table") };
    if !named.options.is_empty() {
        return refuse("REPACK takes its options once");
    }
    let table = vacuum(&named, "")?.object;
    let text = format!("REPACK ({}) {}", options.join(", ").to_uppercase(), table.quoted());
    Ok(Maintenance {
        kind: MaintenanceKind::Repack,
        object: table.clone(),
        table: Some(table),
        text,
    })
}

pub(super) fn reindex(statement: &ReindexStmt, text: &str) -> Result<Maintenance, SqlError> {
    let object = table_of(statement.relation.as_ref())?;
    let kind = ReindexObjectType::try_from(statement.kind);
    let table = match kind {
        Ok(ReindexObjectType::ReindexObjectTable) => Some(object.clone()),
        Ok(ReindexObjectType::ReindexObjectIndex) => None,
        _ => return refuse("one table or one index is rebuilt at a time"),
    };
    Ok(Maintenance { kind: MaintenanceKind::Reindex, table, object, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{MaintenanceKind, Patch, PatchKind};

    fn altered(text: &str) -> AlterTable {
        match Patch::parse(text).unwrap().kind {
            PatchKind::AlterTable(alter) => *alter,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn repack_is_read_although_the_parser_does_not_know_it() {
        let Ok(PatchKind::Maintenance(repack)) =
            Patch::parse(" repack (Concurrently, ANALYZE) public.\"Odd \"\"t\"")
                .map(|patch| patch.kind)
        else {
            panic!("it is maintenance");
        };
        assert_eq!(repack.kind, MaintenanceKind::Repack);
        assert_eq!(repack.sql(), "REPACK (CONCURRENTLY, ANALYZE) \"public\".\"Odd \"\"t\"");
        for refused in [
            "REPACK public.t",
            "REPACK (ANALYZE) public.t",
            "REPACK (CONCURRENTLY, full) public.t",
            "REPACK (CONCURRENTLY) public.t; DROP TABLE public.t",
            "REPACK (CONCURRENTLY) public.t USING INDEX i",
            "REPACK (CONCURRENTLY) (FULL) public.t",
            "REPACK (CONCURRENTLY)",
            "REPACKED (CONCURRENTLY) public.t",
            "REPACK (CONCURRENTLY) public.t, public.u",
        ] {
            assert!(Patch::parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn parameters_move_with_their_table_and_what_needs_analyze_says_so() {
        let fill = altered("ALTER TABLE public.\"T\" SET (fillfactor = 70)");
        assert_eq!(fill.sql("job").unwrap(), "ALTER TABLE \"job\".\"T\" SET (fillfactor=70)");
        assert!(!fill.needs_analyze);
        assert_eq!(fill.parameters, ["fillfactor"]);
        assert!(altered("ALTER TABLE public.t ALTER COLUMN a SET STATISTICS 500").needs_analyze);
        let distinct = altered("ALTER TABLE public.t ALTER COLUMN a SET (n_distinct = -0.5)");
        assert!(distinct.needs_analyze);
        assert_eq!(distinct.columns, ["a"], "{:?}", distinct.statement.sql);
        let both = "ALTER TABLE public.t ALTER COLUMN a SET STATISTICS 5, ALTER COLUMN a SET (n_distinct = 7)";
        assert_eq!(altered(both).columns, ["a"], "each once");
        let moved = distinct.sql("job").unwrap();
        assert!(moved.ends_with("(n_distinct=-0.5)"), "{moved}");
    }
}
