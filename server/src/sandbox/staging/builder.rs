//! Running a script of definitions in the sandbox. One that fails costs itself and what depends on it.

use std::collections::{BTreeSet, HashMap, HashSet};

use optischema::model::{TableName, quote_identifier};
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::super::scratch::execute;
use super::extensions::Extensions;
use super::facts::Facts;
use super::lacks::{Cause, Lacks};
use super::notes;
use super::workers::{self, Helpers};
use crate::postgres::{PgFailure, query};
use crate::sql::{
    DumpKind, DumpStatement, Element, TableText, access_method, function_body, qualified_names,
    table_text, with_schemas,
};

/// Languages whose functions are copied: what they can do is what the role can do.
const COPIED_LANGUAGES: &[&str] = &["sql", "plpgsql"];

/// What is to be done with a statement.
enum Decision {
    Run,
    /// It belongs to something that was there before, or that is lacking.
    Skip,
    Lack(Cause),
}

/// A statement that failed, and why.
pub(super) type Failed = (DumpStatement, PgFailure);

/// Runs definitions and remembers what came of each.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    facts: &'a Facts,
    extensions: Extensions,
    with_functions: bool,
    /// Whether what is made counts as whole at once, rather than once all of it is there.
    is_whole: bool,
    /// Main's own search path, quoted: bodies of functions may rely on it.
    path: String,
    /// Relations that were in the sandbox before.
    pub present: BTreeSet<TableName>,
    /// Everything that was made.
    pub made: HashSet<TableName>,
    /// What is lacking and can be referred to.
    absent: HashMap<TableName, Cause>,
    pub lacks: Lacks,
    /// Roles that the sandbox lacks.
    pub missing_roles: BTreeSet<String>,
    /// Columns that lost their generation expression, by table.
    pub ungenerated: HashMap<TableName, Vec<String>>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        facts: &'a Facts,
        with_functions: bool,
        path: String,
        present: BTreeSet<TableName>,
        lacks: Lacks,
    ) -> Self {
        Self {
            facts,
            extensions: Extensions::default(),
            with_functions,
            is_whole: false,
            path,
            present,
            made: HashSet::from([TableName::new("", "public")]),
            absent: HashMap::new(),
            lacks,
            missing_roles: BTreeSet::new(),
            ungenerated: HashMap::new(),
        }
    }

    /// From now on what is made counts as whole at once.
    pub(super) fn makes_whole(&mut self) {
        self.is_whole = true;
    }

    /// Whether a materialized view of this run has rows on main.
    pub(super) fn is_populated(&self, view: &TableName) -> bool {
        self.made.contains(view) && self.facts.populated.contains(view)
    }

    /// Materialized views that this run filled.
    pub(super) fn filled_views(&self) -> Vec<TableName> {
        let views = self.facts.populated.iter();
        views.filter(|view| self.made.contains(*view) && !self.lacks.names(view)).cloned().collect()
    }

    /// Roles that policies of tables of this run name.
    pub(super) fn policy_roles(&self) -> BTreeSet<String> {
        let policies = self.facts.policy_roles.iter();
        let of_made = policies.filter(|((table, _), _)| self.made.contains(table));
        of_made.flat_map(|(_, roles)| roles.iter().cloned()).collect()
    }

    /// From now on names of extensions are known.
    pub(super) fn know_extensions(&mut self, extensions: Extensions) {
        self.absent.extend(extensions.absent.clone());
        self.extensions = extensions;
    }

    /// A relation that another session has locked is not in the script.
    pub(super) fn is_locked(&mut self, relation: &TableName) {
        if !self.present.contains(relation) {
            self.absent.insert(relation.clone(), Cause::Locked);
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
    async fn pass(
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
                self.made.extend(due.into_iter().map(|statement| statement.object));
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
            self.made.extend(made.into_iter().map(|statement| statement.object));
            failed.extend(self.pass(sandbox, apart).await?);
        }
        Ok(failed)
    }

    /// Runs what failed again under main's own search path, until nothing more succeeds.
    async fn retried(
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

    /// The statement as it is run; absent where it is not, which is remembered.
    pub(super) fn decided(&mut self, statement: DumpStatement) -> Option<DumpStatement> {
        match self.decide(&statement) {
            Decision::Skip => None,
            Decision::Lack(cause) => {
                self.is_lacking(&statement, cause);
                None
            }
            Decision::Run => Some(self.placed(statement)),
        }
    }

    fn decide(&self, statement: &DumpStatement) -> Decision {
        let DumpStatement { kind, object, relation, .. } = statement;
        let belongs_to = relation.as_ref().unwrap_or(object);
        if self.present.contains(belongs_to) {
            return Decision::Skip;
        }
        match kind {
            DumpKind::Setting | DumpKind::Extension => Decision::Skip,
            DumpKind::Foreign | DumpKind::EventTrigger | DumpKind::Unknown => {
                Decision::Lack(Cause::KindLeftOut(*kind))
            }
            DumpKind::Other if statement.sql.is_empty() => Decision::Lack(Cause::NeedsProgram),
            DumpKind::Function => self.decide_function(statement),
            // A new database has it (up to 14, of an owner that nobody else is).
            DumpKind::Comment if statement.sql.ends_with("IS 'standard public schema'") => {
                Decision::Skip
            }
            DumpKind::Comment if self.absent.contains_key(object) => Decision::Skip,
            // The trigger of a partition has the name of its parent's.
            DumpKind::TriggerState
                if self.absent.keys().any(|absent| absent.name == object.name) =>
            {
                Decision::Skip
            }
            DumpKind::Comment => {
                let is_made = self.made.contains(object)
                    || relation.as_ref().is_some_and(|of| self.made.contains(of));
                if is_made { Decision::Run } else { Decision::Skip }
            }
            DumpKind::IndexLink if !self.made.contains(object) => Decision::Skip,
            DumpKind::Mark if relation.is_none() && !self.made.contains(object) => Decision::Skip,
            DumpKind::Policy => {
                let key = (belongs_to.clone(), object.name.clone());
                let roles = self.facts.policy_roles.get(&key);
                let missing =
                    roles.into_iter().flatten().find(|role| self.missing_roles.contains(*role));
                match missing {
                    Some(role) if self.made.contains(belongs_to) => {
                        Decision::Lack(Cause::Role(role.clone()))
                    }
                    _ => Decision::Run,
                }
            }
            // What belongs to a lacking relation goes without saying.
            _ if relation.as_ref().is_some_and(|of| self.absent.contains_key(of)) => Decision::Skip,
            _ => Decision::Run,
        }
    }

    fn decide_function(&self, statement: &DumpStatement) -> Decision {
        let function = statement.object.clone();
        if !self.with_functions {
            return Decision::Lack(Cause::FunctionLeftOut(function));
        }
        match function_body(&statement.sql) {
            Ok(body) => match (body.language, body.reaches_out) {
                (_, Some(by)) => Decision::Lack(Cause::ReachesOut { function, by }),
                (Some(language), None) if !COPIED_LANGUAGES.contains(&language.as_str()) => {
                    Decision::Lack(Cause::Untrusted { function, language })
                }
                _ => Decision::Run,
            },
            Err(error) => Decision::Lack(Cause::Refused(error.to_string())),
        }
    }

    /// With the names of extensions that have another schema here.
    fn placed(&self, mut statement: DumpStatement) -> DumpStatement {
        if !self.extensions.moved.is_empty() {
            let moved = |name: &TableName| self.extensions.moved.get(name).cloned();
            match with_schemas(&statement.sql, &moved) {
                Ok(sql) => statement.sql = sql,
                Err(error) => tracing::debug!(%error, "a definition was left as it is"),
            }
        }
        statement
    }

    /// Runs one statement, with its note; a failure leaves the session usable.
    async fn attempt(
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
                self.made.insert(statement.object.clone());
                Ok(Ok(()))
            }
            Err(SandboxError::Target(failure)) if !failure.is_connection() => {
                if is_there_already(&failure, statement.kind) {
                    self.made.insert(statement.object.clone());
                    return Ok(Ok(()));
                }
                Ok(Err(failure))
            }
            Err(error) => Err(error),
        }
    }

    /// Remembers what was run elsewhere.
    pub(super) fn was_made(&mut self, statement: &DumpStatement) {
        self.made.insert(statement.object.clone());
    }

    pub(super) fn give_up(&mut self, failed: Vec<Failed>) {
        for (statement, failure) in failed {
            let cause = self.cause_of(&statement.sql, &failure);
            self.is_lacking(&statement, cause);
        }
    }

    /// The lacking thing that a statement names, else PostgreSQL's own words.
    fn cause_of(&self, sql: &str, failure: &PgFailure) -> Cause {
        let mut named = qualified_names(sql).unwrap_or_default();
        named.extend(access_method(sql).map(|method| TableName::new("", method)));
        let cause = named.iter().find_map(|name| self.absent.get(name));
        cause.cloned().unwrap_or_else(|| Cause::Refused(failure.to_string()))
    }

    fn is_lacking(&mut self, statement: &DumpStatement, cause: Cause) {
        if can_be_named(statement.kind) {
            self.absent.entry(statement.object.clone()).or_insert_with(|| cause.clone());
        }
        self.lacks.add(cause, statement.kind, statement.object.clone());
    }

    /// Makes a table without the defaults, checks and generation expressions that the sandbox refuses.
    async fn reduce_table(
        &mut self,
        sandbox: &mut PgConnection,
        (statement, failure): Failed,
    ) -> Result<(), SandboxError> {
        let Ok(Some(table)) = table_text(&statement.sql) else {
            self.give_up(vec![(statement, failure)]);
            return Ok(());
        };
        let generated: Vec<usize> =
            places(&table, |element| matches!(element, Element::Column { is_generated: true, .. }));
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        if let Err(failure) = self.try_table(sandbox, &table, &kept).await? {
            self.give_up(vec![(statement, failure)]);
            return Ok(());
        }
        for at in generated {
            kept.insert(at);
            if let Err(failure) = self.try_table(sandbox, &table, &kept).await? {
                kept.remove(&at);
                let of = &statement.object;
                if let Some(Element::Column { name, value, .. }) = table.elements.get(at) {
                    let cause = self.cause_of(value.as_deref().unwrap_or_default(), &failure);
                    let column = TableName::new(&of.schema, format!("{}.{name}", of.name));
                    self.lacks.add(cause, DumpKind::Default, column);
                    self.ungenerated.entry(of.clone()).or_default().push(name.clone());
                }
            }
        }
        let reduced =
            DumpStatement { sql: table.written(&|at| kept.contains(&at)), ..statement.clone() };
        if let Err(failure) = self.attempt(sandbox, &reduced).await? {
            self.give_up(vec![(statement, failure)]);
            return Ok(());
        }
        let parts = added_parts(&statement.object, &table, &kept);
        let failed = self.pass(sandbox, parts).await?;
        let failed = self.retried(sandbox, failed).await?;
        self.give_up(failed);
        Ok(())
    }

    /// Whether the table can be made so; it is not.
    async fn try_table(
        &mut self,
        sandbox: &mut PgConnection,
        table: &TableText,
        kept: &BTreeSet<usize>,
    ) -> Result<Result<(), PgFailure>, SandboxError> {
        execute(sandbox, "BEGIN".to_owned()).await?;
        let made = run_one(sandbox, &table.written(&|at| kept.contains(&at))).await;
        execute(sandbox, "ROLLBACK".to_owned()).await?;
        match made {
            Ok(()) => Ok(Ok(())),
            Err(SandboxError::Target(failure)) if !failure.is_connection() => Ok(Err(failure)),
            Err(error) => Err(error),
        }
    }
}

/// Statements of one transaction among several at once.
const SIDE_BY_SIDE: usize = 50;

/// Whether a statement defines a table or a sequence, or belongs to one.
const fn is_of_tables(kind: DumpKind) -> bool {
    matches!(
        kind,
        DumpKind::Table
            | DumpKind::Sequence
            | DumpKind::SequenceOwner
            | DumpKind::TablePart
            | DumpKind::Default
    )
}

/// Runs of statements that are of tables, and that are not.
fn runs(statements: Vec<DumpStatement>) -> Vec<(bool, Vec<DumpStatement>)> {
    let mut runs: Vec<(bool, Vec<DumpStatement>)> = Vec::new();
    for statement in statements {
        let of_tables = is_of_tables(statement.kind);
        match runs.last_mut() {
            Some((is_of_tables, run)) if *is_of_tables == of_tables => run.push(statement),
            _ => runs.push((of_tables, vec![statement])),
        }
    }
    runs
}

/// Groups of which each needs those before it: sequences, tables, then their parts, ordered so that two transactions
/// rarely wait for one table.
fn by_dependence(statements: Vec<DumpStatement>) -> Vec<Vec<DumpStatement>> {
    let order = |kind| match kind {
        DumpKind::Sequence => 0,
        DumpKind::Table => 1,
        DumpKind::SequenceOwner => 2,
        _ => 3,
    };
    let mut groups = vec![Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for statement in statements {
        if let Some(group) = groups.get_mut(order(statement.kind)) {
            group.push(statement);
        }
    }
    if let Some(parts) = groups.last_mut() {
        parts.sort_by(|a, b| a.relation.cmp(&b.relation));
    }
    groups
}

/// Runs statements in one transaction, with their notes; whether all of them succeeded.
///
/// # Errors
/// The sandbox is lost.
pub(super) async fn run_together(
    sandbox: &mut PgConnection,
    statements: &[DumpStatement],
    is_whole: bool,
) -> Result<bool, SandboxError> {
    execute(sandbox, "BEGIN".to_owned()).await?;
    let ran = async {
        for statement in statements {
            run_one(sandbox, &statement.sql).await?;
        }
        let noted: Vec<(DumpKind, &TableName)> = statements
            .iter()
            .filter(|statement| is_noted(statement.kind))
            .map(|statement| (statement.kind, &statement.object))
            .collect();
        notes::note(sandbox, &noted, is_whole).await
    };
    let ran = ran.await;
    execute(sandbox, if ran.is_ok() { "COMMIT" } else { "ROLLBACK" }.to_owned()).await?;
    match ran {
        Err(SandboxError::Target(failure)) if failure.is_connection() => Err(failure.into()),
        ran => Ok(ran.is_ok()),
    }
}

/// Statements of one transaction. Each table that it makes takes some ten locks, of which the server has 64 a connection
/// by default.
const AT_ONCE: usize = 100;

/// Whether a statement names others of its batch that must have been decided on before: a comment on an object that is
/// not made is left out.
const fn is_decided_alone(kind: DumpKind) -> bool {
    matches!(kind, DumpKind::Comment | DumpKind::Mark | DumpKind::IndexLink)
}

fn batches(statements: Vec<DumpStatement>) -> Vec<Vec<DumpStatement>> {
    let mut batches: Vec<Vec<DumpStatement>> = Vec::new();
    let mut was_alone = false;
    for statement in statements {
        let is_alone = is_decided_alone(statement.kind);
        match batches.last_mut() {
            Some(batch) if batch.len() < AT_ONCE && is_alone == was_alone => batch.push(statement),
            _ => batches.push(vec![statement]),
        }
        was_alone = is_alone;
    }
    batches
}

fn places(table: &TableText, is: impl Fn(&Element) -> bool) -> Vec<usize> {
    let elements = table.elements.iter().enumerate();
    elements.filter(|(_, element)| is(element)).map(|(at, _)| at).collect()
}

/// Defaults and checks of a table that was made without them, each as a statement of its own.
fn added_parts(table: &TableName, text: &TableText, kept: &BTreeSet<usize>) -> Vec<DumpStatement> {
    let elements = text.elements.iter().enumerate().filter(|(at, _)| !kept.contains(at));
    elements
        .filter_map(|(_, element)| {
            let (kind, own, change) = match element {
                Element::Column { is_generated: true, .. }
                | Element::Column { value: None, .. } => {
                    return None;
                }
                Element::Column { name, value: Some(value), .. } => (
                    DumpKind::Default,
                    format!("{}.{name}", table.name),
                    format!("ALTER COLUMN {} SET {value}", quote_identifier(name)),
                ),
                Element::Constraint { name, text } => {
                    (DumpKind::Constraint, name.clone(), format!("ADD {text}"))
                }
            };
            Some(DumpStatement {
                kind,
                sql: format!("ALTER TABLE ONLY {} {change}", table.quoted()),
                object: TableName::new(&table.schema, own),
                relation: Some(table.clone()),
            })
        })
        .collect()
}

/// Kinds whose objects other definitions name.
const fn can_be_named(kind: DumpKind) -> bool {
    is_noted(kind)
        || matches!(
            kind,
            DumpKind::Extension
                | DumpKind::Foreign
                | DumpKind::Index
                | DumpKind::Key
                | DumpKind::Constraint
                | DumpKind::ForeignKey
                | DumpKind::Statistics
                | DumpKind::Rule
                | DumpKind::Trigger
                | DumpKind::Policy
        )
}

/// Kinds that can depend on what follows the rows: a view that groups by a primary key, a function over such a view.
const fn may_need_keys(kind: DumpKind) -> bool {
    matches!(
        kind,
        DumpKind::View | DumpKind::MaterializedView | DumpKind::Function | DumpKind::Default
    )
}

/// Kinds that are dropped by themselves.
const fn is_noted(kind: DumpKind) -> bool {
    matches!(
        kind,
        DumpKind::Schema
            | DumpKind::Type
            | DumpKind::Domain
            | DumpKind::Function
            | DumpKind::Collation
            | DumpKind::Other
            | DumpKind::Sequence
            | DumpKind::Table
            | DumpKind::View
            | DumpKind::MaterializedView
    )
}

/// Types, functions, schemas and the like that a person has in the sandbox are used as they are.
fn is_there_already(failure: &PgFailure, kind: DumpKind) -> bool {
    let is_named = matches!(
        kind,
        DumpKind::Schema
            | DumpKind::Type
            | DumpKind::Domain
            | DumpKind::Function
            | DumpKind::Collation
            | DumpKind::Other
    );
    // Attaching a partition may have made the index of its parent on it.
    let is_index = kind == DumpKind::Index && failure.sqlstate() == Some("42P07");
    // duplicate_schema, duplicate_object, duplicate_function.
    is_index || is_named && matches!(failure.sqlstate(), Some("42P06" | "42710" | "42723"))
}

async fn create_noted(
    sandbox: &mut PgConnection,
    statement: &DumpStatement,
    is_whole: bool,
) -> Result<(), SandboxError> {
    execute(sandbox, "BEGIN".to_owned()).await?;
    let made = run_one(sandbox, &statement.sql).await;
    let noted = match made {
        Ok(()) => notes::note(sandbox, &[(statement.kind, &statement.object)], is_whole).await,
        failed => failed,
    };
    execute(sandbox, if noted.is_ok() { "COMMIT" } else { "ROLLBACK" }.to_owned()).await?;
    noted
}

pub(super) async fn run_one(sandbox: &mut PgConnection, sql: &str) -> Result<(), SandboxError> {
    // A definition of main's catalog, never text of a person's or a workload's; one statement by its protocol.
    query(sqlx::AssertSqlSafe(sql.to_owned())).execute(sandbox).await?;
    Ok(())
}
