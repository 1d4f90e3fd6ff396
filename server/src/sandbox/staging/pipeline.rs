//! Rows, keys and indexes of a staging copy: several connections at work, each table's keys and indexes as soon as its
//! rows are there.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join_all;
use optischema::model::{CopiedTable, CopyMethod, TableName};
use optischema::sampling::RowChoice;
use sqlx::postgres::PgConnection;
use tokio::sync::Notify;

use super::super::SandboxError;
use super::super::copy::{CopyRows, RowChoices};
use super::facts::TableFacts;
use super::running::run_one;
use super::sorting::Sorting;
use super::workers::Failed;
use super::workers::{Helpers, is_frozen};
use crate::postgres::MainSession;
use crate::sql::DumpStatement;

type Say<'a> = Mutex<&'a mut (dyn FnMut(&str) + Send)>;

/// What is to be copied and built.
pub(super) struct Plan<'a> {
    /// Tables whose rows are copied, the largest first.
    pub tables: &'a [&'a TableFacts],
    pub choices: &'a RowChoices,
    /// Statements of one group run in their order; groups, in any order.
    pub groups: Vec<Vec<DumpStatement>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub copied: Vec<CopiedTable>,
    pub skipped: Vec<(TableName, String)>,
    pub made: Vec<DumpStatement>,
    pub failed: Vec<Failed>,
}

/// Copies rows and builds keys and indexes.
///
/// # Errors
/// Main or the sandbox is lost.
pub(super) async fn fill_and_build(
    (main, sandbox): (&mut MainSession, &mut PgConnection),
    helpers: &mut Helpers,
    plan: Plan<'_>,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<Done, SandboxError> {
    let schedule = Schedule::new(plan.tables, plan.groups, helpers.sandboxes.len());
    let work = Work { schedule: &schedule, choices: plan.choices, say: &Mutex::new(say) };
    let mut workers = vec![work.run(Some(main), sandbox)];
    let mut mains = helpers.mains.iter_mut();
    let sandboxes = helpers.sandboxes.iter_mut();
    workers.extend(sandboxes.map(|session| work.run(mains.next(), &mut session.connection)));
    let mut done = Done::default();
    for part in try_join_all(workers).await? {
        done.copied.extend(part.copied);
        done.skipped.extend(part.skipped);
        done.made.extend(part.made);
        done.failed.extend(part.failed);
    }
    done.copied.sort_by(|a, b| a.table.cmp(&b.table));
    done.skipped.sort();
    Ok(done)
}

/// One worker's next job.
enum Job<'a> {
    Fill(&'a TableFacts),
    /// `has_company`: every other worker has something to do when this begins.
    Build {
        group: Vec<DumpStatement>,
        has_company: bool,
    },
}

/// Jobs that are left, and tables whose rows are not there yet.
#[derive(Default)]
struct Left<'a> {
    tables: VecDeque<&'a TableFacts>,
    groups: VecDeque<Vec<DumpStatement>>,
    unfilled: usize,
    /// Jobs that workers are at.
    under_way: usize,
    filled: BTreeSet<&'a TableName>,
    has_begun_building: bool,
}

struct Schedule<'a> {
    left: Mutex<Left<'a>>,
    was_filled: Notify,
    /// How many other workers each has.
    others: usize,
}

impl<'a> Schedule<'a> {
    fn new(tables: &[&'a TableFacts], groups: Vec<Vec<DumpStatement>>, others: usize) -> Self {
        let left = Left {
            tables: tables.iter().copied().collect(),
            groups: groups.into(),
            unfilled: tables.len(),
            ..Left::default()
        };
        Self { left: Mutex::new(left), was_filled: Notify::new(), others }
    }

    fn left(&self) -> MutexGuard<'_, Left<'a>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows come first: whatever is built waits for some.
    async fn next(&self, can_fill: bool) -> Option<Job<'a>> {
        loop {
            let was_filled = self.was_filled.notified();
            {
                let mut left = self.left();
                if can_fill && let Some(table) = left.tables.pop_front() {
                    left.under_way += 1;
                    return Some(Job::Fill(table));
                }
                let ready = left.groups.iter().position(|group| left.may_build(group));
                if let Some(group) = ready.and_then(|place| left.groups.remove(place)) {
                    let has_company =
                        self.others > 0 && left.under_way + left.groups.len() >= self.others;
                    left.under_way += 1;
                    return Some(Job::Build { group, has_company });
                }
                if left.unfilled == 0 {
                    return None;
                }
            }
            was_filled.await;
        }
    }

    fn built(&self) {
        self.left().under_way -= 1;
    }

    fn filled(&self, table: &'a TableName) {
        let mut left = self.left();
        left.under_way -= 1;
        left.unfilled -= 1;
        left.filled.insert(table);
        drop(left);
        self.was_filled.notify_waiters();
    }
}

impl Left<'_> {
    /// Whatever is no table with rows of its own waits for all rows: a key of a partitioned table locks its parts, and
    /// copying into a part locks the partitioned table.
    fn may_build(&self, group: &[DumpStatement]) -> bool {
        let is_filled = |statement: &DumpStatement| {
            statement.relation.as_ref().is_some_and(|relation| self.filled.contains(relation))
        };
        self.unfilled == 0 || group.iter().all(is_filled)
    }
}

/// What all workers share.
struct Work<'a> {
    schedule: &'a Schedule<'a>,
    choices: &'a RowChoices,
    say: &'a Say<'a>,
}

impl Work<'_> {
    async fn run(
        &self,
        mut main: Option<&mut MainSession>,
        sandbox: &mut PgConnection,
    ) -> Result<Done, SandboxError> {
        let mut done = Done::default();
        let mut sorting = Sorting::default();
        while let Some(job) = self.schedule.next(main.is_some()).await {
            match (job, &mut main) {
                (Job::Fill(table), Some(main)) => {
                    self.fill((main, sandbox), table, &mut done).await?;
                    self.schedule.filled(&table.source.table);
                }
                // Rows are given only to those that can read them.
                (Job::Fill(_), None) => {}
                (Job::Build { group, has_company }, _) => {
                    self.say_building();
                    for statement in group {
                        sorting.prepare(sandbox, &statement, has_company).await?;
                        build(sandbox, statement, &mut done).await?;
                    }
                    self.schedule.built();
                }
            }
        }
        sorting.reset(sandbox).await?;
        Ok(done)
    }

    async fn fill(
        &self,
        (main, sandbox): (&mut MainSession, &mut PgConnection),
        table: &TableFacts,
        done: &mut Done,
    ) -> Result<(), SandboxError> {
        let source = &table.source;
        if let Some(reason) = &table.forbidden {
            done.skipped.push((source.table.clone(), reason.clone()));
            return Ok(());
        }
        if table.is_empty {
            let method = self.choices.choices.get(&table.top);
            done.copied.push(CopiedTable {
                table: source.table.clone(),
                rows: 0,
                bytes: 0,
                method: method.map_or(CopyMethod::Whole, RowChoice::method),
            });
            return Ok(());
        }
        self.say(&format!("copying {}", source.table));
        let copy = CopyRows {
            source,
            top: &table.top,
            schema: &source.table.schema,
            choices: self.choices,
            is_frozen: is_frozen(table),
        };
        match copy.run(main, sandbox, &mut |_| {}).await {
            Ok(copied) => done.copied.push(copied),
            Err(SandboxError::UnreadableRows { table, reason }) => {
                done.skipped.push((table, reason));
            }
            // The sandbox does not take them, as where a check of the table fails there.
            Err(SandboxError::Target(failure)) if !failure.is_connection() => {
                done.skipped.push((source.table.clone(), failure.to_string()));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn say(&self, what: &str) {
        (self.say.lock().unwrap_or_else(PoisonError::into_inner))(what);
    }

    fn say_building(&self) {
        if !std::mem::replace(&mut self.schedule.left().has_begun_building, true) {
            self.say("building keys and indexes");
        }
    }
}

async fn build(
    sandbox: &mut PgConnection,
    statement: DumpStatement,
    done: &mut Done,
) -> Result<(), SandboxError> {
    match run_one(sandbox, &statement.sql).await {
        Ok(()) => done.made.push(statement),
        Err(SandboxError::Target(failure)) if !failure.is_connection() => {
            done.failed.push((statement, failure));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::DumpKind;

    fn on(relation: &str) -> Vec<DumpStatement> {
        vec![DumpStatement {
            kind: DumpKind::Index,
            sql: String::new(),
            object: TableName::new("public", format!("{relation}_index")),
            relation: Some(TableName::new("public", relation)),
        }]
    }

    #[tokio::test]
    async fn a_table_s_indexes_follow_its_rows_and_those_of_others_follow_all_rows() {
        let part = TableName::new("public", "part");
        let schedule = Schedule::new(&[], vec![on("whole"), on("part")], 1);
        schedule.left().unfilled = 2;
        schedule.left().under_way = 2;
        schedule.filled(&part);
        let built = |job: Option<Job<'_>>| match job {
            Some(Job::Build { group, has_company }) => (group[0].object.name.clone(), has_company),
            _ => panic!("nothing to build"),
        };
        assert_eq!(built(schedule.next(true).await), ("part_index".to_owned(), true));
        assert!(!schedule.left().may_build(&on("whole")));
        schedule.built();
        schedule.filled(&part);
        assert_eq!(built(schedule.next(true).await), ("whole_index".to_owned(), false));
        assert!(schedule.next(true).await.is_none());
    }
}
