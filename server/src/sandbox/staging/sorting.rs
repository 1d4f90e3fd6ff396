//! Memory and processes for the sort of an index's entries.

use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::super::scratch::execute;
use crate::postgres::query;
use crate::sql::{DumpKind, DumpStatement, access_method};

/// Memory for sorting the entries of one B-tree, in kB, while others are built beside it: a run of that size stays in the
/// processor's caches. Twelve indexes over three tables of 500 MB took 16.5 s with it, 18.8 s with the default of
/// 64 MB, and 21.1 s with the default and PostgreSQL's own parallel workers (two connections on two processors, 15.14).
const CACHED_KB: i64 = 16 * 1024;

/// How one connection sorts.
#[derive(Debug, Default)]
pub(super) struct Sorting {
    is_beside_others: bool,
}

impl Sorting {
    /// Prepares the connection for a statement. `has_company` says whether every other connection has work meanwhile:
    /// then each sorts on one processor. The last ones are left to the server's own settings and parallel workers.
    ///
    /// # Errors
    /// The sandbox is lost.
    pub(super) async fn prepare(
        &mut self,
        sandbox: &mut PgConnection,
        statement: &DumpStatement,
        has_company: bool,
    ) -> Result<(), SandboxError> {
        match has_company && is_b_tree(statement) {
            true if !self.is_beside_others => {
                query(
                    "SELECT pg_catalog.set_config('max_parallel_maintenance_workers', '0', false),
                            pg_catalog.set_config('maintenance_work_mem', LEAST(s.setting::pg_catalog.int8, $1)::pg_catalog.text, false)
                     FROM pg_catalog.pg_settings s WHERE s.name = 'maintenance_work_mem'",
                )
                .bind(CACHED_KB)
                .fetch_all(sandbox)
                .await?;
                self.is_beside_others = true;
                Ok(())
            }
            true => Ok(()),
            false => self.reset(sandbox).await,
        }
    }

    /// Gives the connection the server's settings back.
    ///
    /// # Errors
    /// The sandbox is lost.
    pub(super) async fn reset(&mut self, sandbox: &mut PgConnection) -> Result<(), SandboxError> {
        if std::mem::take(&mut self.is_beside_others) {
            execute(sandbox, "RESET max_parallel_maintenance_workers".to_owned()).await?;
            execute(sandbox, "RESET maintenance_work_mem".to_owned()).await?;
        }
        Ok(())
    }
}

/// Other kinds of index need the memory that the server gives them: GIN and HNSW are built in it.
fn is_b_tree(statement: &DumpStatement) -> bool {
    matches!(statement.kind, DumpKind::Key | DumpKind::Index)
        && access_method(&statement.sql).is_none_or(|method| method == "btree")
}
