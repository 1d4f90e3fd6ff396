//! What of its tables the role that runs a statement reaches.

use std::cell::RefCell;
use std::collections::BTreeSet;

use optischema::model::{NotPlanned, ReachableRows, ReasonCode, RowAccess, TableName};

use super::Reader;
use crate::sql::{self, Reading, Statement};

/// Who runs a statement, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runner<'r> {
    /// Absent where nobody knows.
    pub role: Option<&'r str>,
    pub path: &'r [String],
}

/// What a statement does with the rows of its tables, beside reading them.
#[derive(Debug, Clone, Default)]
struct Writing {
    access: RowAccess,
    /// With which tables it does so.
    tables: Vec<TableName>,
}

impl Writing {
    fn of(&self, table: &TableName) -> RowAccess {
        if self.tables.contains(table) { self.access } else { RowAccess::Read }
    }
}

impl Reader<'_> {
    /// The statement as the role that runs it reads its tables; `whole` is what it stands for.
    pub(super) fn under_policies(
        &self,
        statement: Statement,
        whole: &Statement,
        runner: Runner<'_>,
    ) -> Result<Statement, NotPlanned> {
        if self.catalog.row_security.is_empty() {
            return Ok(statement);
        }
        for table in self.behind(&statement, runner.path) {
            if self.catalog.row_security.get(&table).is_some_and(|security| security.is_active) {
                return Err(NotPlanned::with_remedy(
                    ReasonCode::RowSecurity,
                    format!(
                        "policies hide rows of {table} from the role on main, so that its plan would be another one"
                    ),
                    format!(
                        "ALTER ROLE {} BYPASSRLS; -- it reads every row then, and changes none",
                        self.role()
                    ),
                ));
            }
        }
        for table in self.behind(&statement, runner.path) {
            let security = self.catalog.row_security.get(&table);
            if security.is_some_and(|s| s.has_unread)
                && self.reachable(&table, runner, RowAccess::Read) != ReachableRows::All
            {
                return Err(NotPlanned::new(
                    ReasonCode::RowSecurity,
                    format!("a policy of {table} is too large to be read"),
                ));
            }
        }
        let writing = self.writing(whole, runner.path);
        let denied = RefCell::new(None);
        let reading_of = |schema: &str, name: &str, is_inside: bool| {
            let found = self.found(schema, name, runner.path)?;
            if self.catalog.invoker_views.contains(&found) {
                let text = self.catalog.views.get(&found)?.clone();
                return Some(Reading::Query { view: found, text });
            }
            let access = if is_inside { RowAccess::Read } else { writing.of(&found) };
            match self.reachable(&found, runner, access) {
                ReachableRows::All => None,
                ReachableRows::Where(condition) => Some(Reading::Rows { table: found, condition }),
                ReachableRows::None => {
                    denied.replace(Some(found.clone()));
                    Some(Reading::Rows { table: found, condition: "false".into() })
                }
            }
        };
        let filtered = sql::with_policies(&statement, &reading_of, &self.catalog.session_values)?;
        if let Some(table) = denied.into_inner() {
            return Err(NotPlanned::new(
                ReasonCode::RowSecurity,
                format!(
                    "no policy lets {} reach a row of {table}: whatever it searches there, it finds nothing",
                    runner.role.unwrap_or_default()
                ),
            ));
        }
        Ok(filtered.unwrap_or(statement))
    }

    /// Which rows of a table its policies leave.
    fn reachable(&self, table: &TableName, runner: Runner<'_>, access: RowAccess) -> ReachableRows {
        let Some(security) = self.catalog.row_security.get(table) else {
            return ReachableRows::All;
        };
        // Of a log or a file nobody knows the role: what is for everybody holds for it, too.
        let is_known = runner.role.is_some() || security.policies.iter().any(|p| p.roles.is_none());
        if !is_known {
            return ReachableRows::All;
        }
        security.rows_for(runner.role.unwrap_or_default(), access)
    }

    fn writing(&self, whole: &Statement, path: &[String]) -> Writing {
        let Some((access, named)) = sql::row_access(whole) else { return Writing::default() };
        let found = named.iter().filter_map(|(schema, name)| self.found(schema, name, path));
        Writing { access, tables: found.collect() }
    }

    /// Tables of a statement, those behind views that read as who asks among them.
    fn behind(&self, statement: &Statement, path: &[String]) -> BTreeSet<TableName> {
        let named = sql::relation_names(statement).into_iter();
        let mut left: Vec<TableName> =
            named.filter_map(|(schema, name)| self.found(&schema, &name, path)).collect();
        let mut found = BTreeSet::new();
        while let Some(table) = left.pop() {
            if self.catalog.invoker_views.contains(&table) && !found.contains(&table) {
                let read = self.catalog.views.get(&table).map(|text| sql::parse_one(text));
                let names = read.and_then(Result::ok).map(|read| sql::relation_names(&read));
                let names = names.unwrap_or_default().into_iter();
                left.extend(names.filter_map(|(schema, name)| self.found(&schema, &name, path)));
            }
            found.insert(table);
        }
        found
    }

    /// A table or view, by the search path.
    fn found(&self, schema: &str, name: &str, path: &[String]) -> Option<TableName> {
        self.table(schema, name, path).or_else(|| self.view(schema, name, path))
    }

    /// Tables of a statement that it reads through policies, with what these leave.
    pub(super) fn read_through_policies(
        &self,
        statement: &Statement,
        runner: Runner<'_>,
    ) -> Vec<(TableName, ReachableRows)> {
        if self.catalog.row_security.is_empty() {
            return Vec::new();
        }
        let tables = self.behind(statement, runner.path).into_iter();
        let reachable = tables.map(|table| {
            let rows = self.reachable(&table, runner, RowAccess::Read);
            (table, rows)
        });
        reachable.filter(|(_, rows)| *rows != ReachableRows::All).collect()
    }
}
