//! Running a script of definitions in the sandbox. One that fails costs itself and what depends on it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use optischema::model::TableName;
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::super::scratch::execute;
use super::extensions::Extensions;
use super::facts::Facts;
use super::lacks::{Cause, Lacks};
use super::order::{
    Class, Key, SIDE_BY_SIDE, batches, by_dependence, can_be_named, class_of, is_noted, key_of,
    may_need_keys, runs,
};
use super::running::{came_with_its_parent, create_noted, is_there_already, run_one, run_together};
use super::workers::{self, Failed, Helpers};
use crate::postgres::PgFailure;
use crate::sql::{DumpKind, DumpStatement, access_method, qualified_names};

/// Runs definitions and remembers what came of each.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub facts: &'a Facts,
    pub extensions: Extensions,
    pub with_functions: bool,
    /// Whether what is made counts as whole at once, rather than once all of it is there.
    is_whole: bool,
    /// Whether the sandbox's role is a superuser or may make roles.
    pub is_mighty: bool,
    /// Main's own search path, quoted: bodies of functions may rely on it.
    path: String,
    /// Relations that were in the sandbox before, with their `relkind`.
    pub present: BTreeMap<TableName, String>,
    /// Everything that was made.
    pub made: HashSet<Key>,
    /// What is lacking and can be referred to.
    pub absent: HashMap<Key, Cause>,
    pub lacks: Lacks,
    /// Roles that the sandbox lacks.
    pub missing_roles: BTreeSet<String>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        facts: &'a Facts,
        with_functions: bool,
        path: String,
        present: BTreeMap<TableName, String>,
        lacks: Lacks,
    ) -> Self {
        Self {
            facts,
            extensions: Extensions::default(),
            with_functions,
            is_whole: false,
            is_mighty: false,
            path,
            present,
            made: HashSet::from([(Class::Database, TableName::new("", "public"))]),
            absent: HashMap::new(),
            lacks,
            missing_roles: BTreeSet::new(),
        }
    }

    /// From now on what is made counts as whole at once.
    pub(super) fn makes_whole(&mut self) {
        self.is_whole = true;
    }

    /// Whether a materialized view of this run has rows on main.
    pub(super) fn is_populated(&self, view: &TableName) -> bool {
        self.has_relation(view) && self.facts.populated.contains(view)
    }

    /// Whether this run made a relation.
    pub(super) fn has_relation(&self, relation: &TableName) -> bool {
        self.made.contains(&(Class::Relation, relation.clone()))
    }

    /// Whether this run made what a statement defines.
    pub(super) fn has_made(&self, statement: &DumpStatement) -> bool {
        self.made.contains(&key_of(statement))
    }

    /// Materialized views that this run filled.
    pub(super) fn filled_views(&self) -> Vec<TableName> {
        let views = self.facts.populated.iter();
        views.filter(|view| self.has_relation(view) && !self.lacks.names(view)).cloned().collect()
    }

    /// Roles that policies of tables of this run name.
    pub(super) fn policy_roles(&self) -> BTreeSet<String> {
        let policies = self.facts.policy_roles.iter();
        let of_made = policies.filter(|((table, _), _)| self.has_relation(table));
        of_made.flat_map(|(_, roles)| roles.iter().cloned()).collect()
    }

    /// From now on names of extensions are known.
    pub(super) fn know_extensions(&mut self, extensions: Extensions) {
        let absent = extensions.absent.iter();
        self.absent
            .extend(absent.map(|(name, cause)| ((Class::Other, name.clone()), cause.clone())));
        self.extensions = extensions;
    }

    /// A relation that another session has locked is not in the script.
    pub(super) fn is_locked(&mut self, relation: &TableName) {
        if !self.present.contains_key(relation) {
            self.absent.insert((Class::Relation, relation.clone()), Cause::Locked);
            self.lacks.add(Cause::Locked, DumpKind::Unknown, relation.clone());
        }
    }

    /// Runs statements one after another, as often as that makes progress: definitions may come in any order.
    ///
    /// # Errors
    /// The sandbox is lost.
    pub(super) async fn run(
        &mut self,
        sandbox: &mut PgConnection,
        statements: Vec<DumpStatement>,
    ) -> Result<(), SandboxError> {
        let failed = self.pass(sandbox, statements).await?;
        let failed = self.ended(sandbox, failed).await?;
        self.give_up(failed);
        Ok(())
    }

    /// The same; what fails may succeed later, as a view that needs a key of its table.
    ///
    /// # Errors
    /// The sandbox is lost.
    pub(super) async fn run_deferring(
        &mut self,
        sandbox: &mut PgConnection,
        helpers: &mut Helpers,
        statements: Vec<DumpStatement>,
    ) -> Result<Vec<Failed>, SandboxError> {
        let mut failed = Vec::new();
        for (is_of_tables, run) in runs(statements) {
            match is_of_tables {
                true => failed.extend(self.pass_tables(sandbox, helpers, run).await?),
                false => failed.extend(self.pass(sandbox, run).await?),
            }
        }
        self.ended(sandbox, failed).await
    }

    /// Runs what failed again, then reduced; returns what may succeed later.
    async fn ended(
        &mut self,
        sandbox: &mut PgConnection,
        failed: Vec<Failed>,
    ) -> Result<Vec<Failed>, SandboxError> {
        let failed = self.retried(sandbox, failed).await?;
        // A table that cannot be made whole is made without the parts that fail.
        let (tables, others): (Vec<Failed>, Vec<Failed>) =
            failed.into_iter().partition(|(statement, _)| statement.kind == DumpKind::Table);
        // What tables stand on is their cause.
        for (statement, failure) in &others {
            if matches!(class_of(statement.kind), Class::Type | Class::Other) {
                let cause = self.cause_of(&statement.sql, failure);
                self.absent.entry(key_of(statement)).or_insert(cause);
            }
        }
        let had_tables = !tables.is_empty();
        for failed in tables {
            self.reduce_table(sandbox, failed).await?;
        }
        let failed = if had_tables { self.retried(sandbox, others).await? } else { others };
        let (deferred, lost): (Vec<Failed>, Vec<Failed>) =
            failed.into_iter().partition(|(statement, _)| may_need_keys(statement.kind));
        self.give_up(lost);
        Ok(deferred)
    }

    /// Runs statements in transactions of many; where one of them fails, its transaction is taken apart.
    pub(super) async fn pass(
        &mut self,
        sandbox: &mut PgConnection,
        statements: Vec<DumpStatement>,
    ) -> Result<Vec<Failed>, SandboxError> {
        let mut failed = Vec::new();
        for batch in batches(statements) {
            let mut due = Vec::with_capacity(batch.len());
            for statement in batch {
                due.extend(self.decided(statement));
            }
            if due.len() > 1 && self.ran_together(sandbox, &due).await? {
                self.made.extend(due.iter().map(key_of));
                continue;
            }
            for statement in due {
                if let Err(failure) = self.attempt(sandbox, &statement).await? {
                    failed.push((statement, failure));
                }
            }
        }
        Ok(failed)
    }

    async fn ran_together(
        &mut self,
        sandbox: &mut PgConnection,
        statements: &[DumpStatement],
    ) -> Result<bool, SandboxError> {
        run_together(sandbox, statements, self.is_whole).await
    }

    /// Runs definitions of tables and sequences side by side: first the objects, then what belongs to each.
    async fn pass_tables(
        &mut self,
        sandbox: &mut PgConnection,
        helpers: &mut Helpers,
        statements: Vec<DumpStatement>,
    ) -> Result<Vec<Failed>, SandboxError> {
        let mut failed = Vec::new();
        for group in by_dependence(statements) {
            let due: Vec<DumpStatement> =
                group.into_iter().filter_map(|statement| self.decided(statement)).collect();
            let batches: Vec<Vec<DumpStatement>> =
                due.chunks(SIDE_BY_SIDE).map(<[DumpStatement]>::to_vec).collect();
            let (made, apart) =
                workers::run_batches(sandbox, helpers, batches, self.is_whole).await?;
            self.made.extend(made.iter().map(key_of));
            failed.extend(self.pass(sandbox, apart).await?);
        }
        Ok(failed)
    }

    /// Runs what failed again under main's own search path, until nothing more succeeds.
    pub(super) async fn retried(
        &mut self,
        sandbox: &mut PgConnection,
        mut failed: Vec<Failed>,
    ) -> Result<Vec<Failed>, SandboxError> {
        let mut before = usize::MAX;
        while !failed.is_empty() && failed.len() < before {
            before = failed.len();
            let mut still = Vec::new();
            for (statement, _) in failed {
                if let Err(failure) = self.attempt(sandbox, &statement).await? {
                    still.push((statement, failure));
                }
            }
            failed = still;
        }
        if failed.is_empty() || self.path.is_empty() {
            return Ok(failed);
        }
        execute(sandbox, format!("SET search_path = {}", self.path)).await?;
        let mut still = Vec::new();
        for (statement, failure) in failed {
            // The first complaint says more: with a path, names are found in odd places.
            if self.attempt(sandbox, &statement).await?.is_err() {
                still.push((statement, failure));
            }
        }
        execute(sandbox, "SET search_path = ''".to_owned()).await?;
        Ok(still)
    }

    /// Runs one statement, with its note; a failure leaves the session usable.
    pub(super) async fn attempt(
        &mut self,
        sandbox: &mut PgConnection,
        statement: &DumpStatement,
    ) -> Result<Result<(), PgFailure>, SandboxError> {
        let ran = match is_noted(statement.kind) {
            true => create_noted(sandbox, statement, self.is_whole).await,
            false => run_one(sandbox, &statement.sql).await,
        };
        match ran {
            Ok(()) => {
                self.made.insert(key_of(statement));
                self.absent.remove(&key_of(statement));
                Ok(Ok(()))
            }
            Err(SandboxError::Target(failure)) if !failure.is_connection() => {
                if is_there_already(&failure, statement.kind)
                    || came_with_its_parent(sandbox, statement, &failure).await?
                {
                    self.made.insert(key_of(statement));
                    return Ok(Ok(()));
                }
                Ok(Err(failure))
            }
            Err(error) => Err(error),
        }
    }

    /// Remembers what was run elsewhere.
    pub(super) fn was_made(&mut self, statement: &DumpStatement) {
        self.made.insert(key_of(statement));
    }

    pub(super) fn give_up(&mut self, failed: Vec<Failed>) {
        for (statement, failure) in failed {
            // The trigger of a partition has the name of its parent's, and is lacking with it.
            let is_same = |lacking: &Key| lacking.1.name == statement.object.name;
            if statement.kind == DumpKind::TriggerState && self.absent.keys().any(is_same) {
                continue;
            }
            let cause = self.cause_of(&statement.sql, &failure);
            self.is_lacking(&statement, cause);
        }
    }

    /// The lacking thing that a statement names, else PostgreSQL's own words.
    pub(super) fn cause_of(&self, sql: &str, failure: &PgFailure) -> Cause {
        let mut named = qualified_names(sql).unwrap_or_default();
        named.extend(access_method(sql).map(|method| TableName::new("", method)));
        let classes = [Class::Function, Class::Relation, Class::Type, Class::Other];
        let cause = named.iter().find_map(|name| {
            classes.iter().find_map(|class| self.absent.get(&(*class, name.clone())))
        });
        cause.cloned().unwrap_or_else(|| Cause::Refused(failure.to_string()))
    }

    pub(super) fn is_lacking(&mut self, statement: &DumpStatement, cause: Cause) {
        if can_be_named(statement.kind) {
            self.absent.entry(key_of(statement)).or_insert_with(|| cause.clone());
        }
        self.lacks.add(cause, statement.kind, statement.object.clone());
    }
}
