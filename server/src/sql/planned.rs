//! What of a statement is planned on main: itself, the search for the rows that it writes or locks, or the query that it
//! carries. A role that only reads can plan none of the others as they are.

mod unlock;
mod writing;

use optischema::model::{NotPlanned, PlannedAs, ReasonCode, RowAccess};
use pg_query::protobuf::{
    InsertStmt, MergeMatchKind, MergeStmt, Node, ParseResult, RangeVar, RawStmt, SelectStmt,
};
use pg_query::{NodeEnum, protobuf};

use super::{SqlError, Statement, parse_one};
use unlock::unlock;
use writing::{deleted, updated};

/// What is planned, and how it stands for the statement.
#[derive(Debug, Clone)]
pub struct PlanTarget {
    pub how: PlannedAs,
    pub statement: Statement,
}

/// Finds the SELECT that stands for a statement.
///
/// # Errors
/// There is none; the reason says why.
pub fn planned(statement: &Statement) -> Result<PlanTarget, NotPlanned> {
    let root = statement.tree.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.as_ref());
    let Some(root) = root else { return Err(SqlError::NotOne(0).into()) };
    let (how, select) = of_node(root, 0)?;
    if how == PlannedAs::Itself {
        return Ok(PlanTarget { how, statement: statement.clone() });
    }
    let written = pg_query::deparse(&tree_of(select), Default::default()).map_err(SqlError::from);
    let statement = written.and_then(|sql| parse_one(&sql))?;
    Ok(PlanTarget { how, statement })
}

/// Schema (empty where none is named) and name of the materialized view that a statement fills anew; absent for others.
#[must_use]
pub fn refreshed(statement: &Statement) -> Option<(String, String)> {
    let root = statement.tree.stmts.first()?.stmt.as_ref()?.node.as_ref()?;
    match root {
        NodeEnum::RefreshMatViewStmt(refresh) if !refresh.skip_data => {
            let view = refresh.relation.as_ref()?;
            Some((view.schemaname.clone(), view.relname.clone()))
        }
        _ => None,
    }
}

/// Schema (empty where none is named) and name of what an UPDATE, a DELETE or a MERGE changes; absent for others.
#[must_use]
pub fn changed(statement: &Statement) -> Option<(String, String)> {
    let root = statement.tree.stmts.first()?.stmt.as_ref()?.node.as_ref()?;
    let relation = match root {
        NodeEnum::UpdateStmt(update) => update.relation.as_ref(),
        NodeEnum::DeleteStmt(delete) => delete.relation.as_ref(),
        NodeEnum::MergeStmt(merge) => merge.relation.as_ref(),
        _ => None,
    }?;
    Some((relation.schemaname.clone(), relation.relname.clone()))
}

/// What a statement does with rows beside reading them, as policies filter by it, and with which tables (schema, empty where
/// none is named, and name); absent for one that only reads. MERGE checks such policies row by row, and filters by none.
#[must_use]
pub fn row_access(statement: &Statement) -> Option<(RowAccess, Vec<(String, String)>)> {
    let root = statement.tree.stmts.first()?.stmt.as_ref()?.node.as_ref()?;
    let access = match root {
        NodeEnum::UpdateStmt(_) => RowAccess::Update,
        NodeEnum::DeleteStmt(_) => RowAccess::Delete,
        NodeEnum::SelectStmt(select) if !select.locking_clause.is_empty() => {
            return Some((RowAccess::Update, locked(select)));
        }
        _ => return None,
    };
    Some((access, changed(statement).into_iter().collect()))
}

/// Tables of a query that its locking clause takes: all of its FROM, or those that it names.
fn locked(select: &SelectStmt) -> Vec<(String, String)> {
    let mut tables: Vec<&RangeVar> = Vec::new();
    let mut waiting: Vec<&Node> = select.from_clause.iter().collect();
    while let Some(node) = waiting.pop() {
        match &node.node {
            Some(NodeEnum::RangeVar(table)) => tables.push(table),
            Some(NodeEnum::JoinExpr(join)) => {
                waiting.extend(join.larg.iter().chain(&join.rarg).map(|side| &**side));
            }
            _ => {}
        }
    }
    let named: Vec<&str> = select
        .locking_clause
        .iter()
        .filter_map(|clause| match &clause.node {
            Some(NodeEnum::LockingClause(locking)) => Some(&locking.locked_rels),
            _ => None,
        })
        .flatten()
        .filter_map(|named| match &named.node {
            Some(NodeEnum::RangeVar(named)) => Some(named.relname.as_str()),
            _ => None,
        })
        .collect();
    let alias = |table: &RangeVar| {
        table.alias.as_ref().map_or_else(|| table.relname.clone(), |alias| alias.aliasname.clone())
    };
    tables.retain(|table| named.is_empty() || named.contains(&alias(table).as_str()));
    tables.into_iter().map(|table| (table.schemaname.clone(), table.relname.clone())).collect()
}

/// A search for rows with the rows themselves in the place of where they stand: those of a view stand nowhere.
///
/// # Errors
/// The deparser refuses the tree.
pub fn without_places(search: &Statement) -> Result<Statement, SqlError> {
    let mut tree = (*search.tree).clone();
    let root = tree.stmts.first_mut().and_then(|raw| raw.stmt.as_mut()?.node.as_mut());
    if let Some(NodeEnum::SelectStmt(select)) = root {
        for output in &mut select.target_list {
            let Some(NodeEnum::ResTarget(output)) = &mut output.node else { continue };
            let value = output.val.as_mut().and_then(|value| value.node.as_mut());
            let Some(NodeEnum::ColumnRef(column)) = value else { continue };
            let is_place = column.fields.len() == 2
                && column.fields.last().is_some_and(|last| {
                    matches!(&last.node, Some(NodeEnum::String(name)) if name.sval == "ctid")
                });
            if is_place {
                column.fields.pop();
            }
        }
    }
    parse_one(&pg_query::deparse(&tree, Default::default())?)
}

fn no_query(message: &str) -> NotPlanned {
    NotPlanned::new(ReasonCode::NoQuery, message)
}

/// Why a statement that runs another one is not planned; absent for what does not.
#[must_use]
pub fn runs_another(text: &str) -> Option<NotPlanned> {
    // Most of them are nothing that is ever written again.
    let parsed = pg_query::parse(text, 0).ok()?.protobuf;
    of_another(parsed.stmts.first()?.stmt.as_ref()?.node.as_ref()?)
}

/// Whether it runs code of the database: DO and CALL.
#[must_use]
pub fn runs_code(text: &str) -> bool {
    let Ok(parsed) = pg_query::parse(text, 0) else { return false };
    let root = parsed.protobuf.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.as_ref());
    matches!(root, Some(NodeEnum::DoStmt(_) | NodeEnum::CallStmt(_)))
}

fn of_another(root: &NodeEnum) -> Option<NotPlanned> {
    match root {
        NodeEnum::ExecuteStmt(execute) => Some(NotPlanned::with_remedy(
            ReasonCode::PreparedElsewhere,
            format!("it runs {}, which was prepared elsewhere: its text is not here", execute.name),
            "the statement that was prepared is listed where pg_stat_statements or the log has it",
        )),
        // CREATE TABLE AS EXECUTE, EXPLAIN EXECUTE.
        NodeEnum::CreateTableAsStmt(made) => of_another(made.query.as_ref()?.node.as_ref()?),
        NodeEnum::ExplainStmt(explain) => of_another(explain.query.as_ref()?.node.as_ref()?),
        NodeEnum::CopyStmt(copy) if copy.is_from => Some(NotPlanned::new(
            ReasonCode::RowsGiven,
            "it adds rows that it is given: no row is searched for",
        )),
        NodeEnum::CopyStmt(copy) if copy.relation.is_some() => Some(NotPlanned::new(
            ReasonCode::NoQuery,
            "it copies a whole table out: there is no search in it",
        )),
        NodeEnum::DoStmt(_) | NodeEnum::CallStmt(_) => Some(NotPlanned::with_remedy(
            ReasonCode::NoQuery,
            "it runs code of the database, whose statements are counted by themselves where all are tracked",
            "ALTER SYSTEM SET pg_stat_statements.track = 'all'; SELECT pg_reload_conf();",
        )),
        NodeEnum::FetchStmt(fetch) => Some(no_query(&format!(
            "it fetches from the cursor {}, whose declaration is a statement of its own",
            fetch.portalname
        ))),
        _ => None,
    }
}

fn tree_of(select: SelectStmt) -> ParseResult {
    let stmt = Some(Box::new(node(NodeEnum::SelectStmt(Box::new(select)))));
    ParseResult { version: 0, stmts: vec![RawStmt { stmt, ..RawStmt::default() }] }
}

pub(super) fn node(kind: NodeEnum) -> Node {
    Node { node: Some(kind) }
}

/// EXPLAIN of a cursor of a query: more than that nobody writes.
const DEEPEST: usize = 5;

fn of_node(root: &NodeEnum, depth: usize) -> Result<(PlannedAs, SelectStmt), NotPlanned> {
    if depth > DEEPEST {
        return Err(NotPlanned::new(ReasonCode::NoQuery, "it holds no query"));
    }
    let carried = |query: &Option<Box<Node>>| match query.as_ref().and_then(|q| q.node.as_ref()) {
        Some(query) => of_node(query, depth + 1).map(|(_, select)| (PlannedAs::InnerQuery, select)),
        None => Err(NotPlanned::new(ReasonCode::NoQuery, "it holds no query")),
    };
    match root {
        NodeEnum::SelectStmt(select) => of_select(select),
        NodeEnum::UpdateStmt(update) => row_search(updated(update, true)?),
        NodeEnum::DeleteStmt(delete) => row_search(deleted(delete, true)?),
        NodeEnum::MergeStmt(merge) => row_search(merged(merge)?),
        NodeEnum::InsertStmt(insert) => row_search(inserted(insert)?),
        NodeEnum::DeclareCursorStmt(cursor) => carried(&cursor.query),
        NodeEnum::PrepareStmt(prepare) => carried(&prepare.query),
        NodeEnum::CreateTableAsStmt(create) => carried(&create.query),
        NodeEnum::ExplainStmt(explain) => carried(&explain.query),
        NodeEnum::CopyStmt(copy) if !copy.is_from && copy.query.is_some() => carried(&copy.query),
        NodeEnum::CallStmt(_) => Err(NotPlanned::with_remedy(
            ReasonCode::NoQuery,
            "it calls a procedure, and what that runs is not counted by itself",
            "pg_stat_statements.track = 'all' counts the statements inside functions: ALTER SYSTEM SET pg_stat_statements.track = 'all'; SELECT pg_reload_conf();",
        )),
        NodeEnum::RefreshMatViewStmt(_) => Err(NotPlanned::new(
            ReasonCode::NoTable,
            "it fills a materialized view that is not a user's of this database",
        )),
        NodeEnum::ExecuteStmt(_) | NodeEnum::FetchStmt(_) => {
            Err(of_another(root).unwrap_or_else(|| no_query("it holds no query")))
        }
        _ => Err(NotPlanned::new(ReasonCode::NoQuery, "it is no query, and searches no rows")),
    }
}

fn row_search(mut select: SelectStmt) -> Result<(PlannedAs, SelectStmt), NotPlanned> {
    reading_ctes(&mut select)?;
    unlock(&mut select);
    Ok((PlannedAs::RowSearch, select))
}

fn of_select(select: &SelectStmt) -> Result<(PlannedAs, SelectStmt), NotPlanned> {
    let mut select = select.clone();
    let writes = reading_ctes(&mut select)?;
    let locks = unlock(&mut select);
    let makes_table = without_into(&mut select);
    let how = match (makes_table, writes || locks) {
        (true, _) => PlannedAs::InnerQuery,
        (false, true) => PlannedAs::RowSearch,
        (false, false) => PlannedAs::Itself,
    };
    Ok((how, select))
}

/// Takes INTO away: it stands in the first arm of a UNION.
fn without_into(select: &mut SelectStmt) -> bool {
    let here = select.into_clause.take().is_some();
    select.larg.as_mut().is_some_and(|first| without_into(first)) || here
}

/// Puts reading queries in the place of WITH queries that write. Only the outermost WITH may hold such.
fn reading_ctes(select: &mut SelectStmt) -> Result<bool, NotPlanned> {
    let Some(with) = &mut select.with_clause else { return Ok(false) };
    let mut silent = Vec::new();
    let mut writes = false;
    for cte in &mut with.ctes {
        let Some(NodeEnum::CommonTableExpr(cte)) = &mut cte.node else { continue };
        let query = cte.ctequery.as_ref().and_then(|query| query.node.as_ref());
        let (read, returns) = match query {
            Some(NodeEnum::UpdateStmt(update)) => {
                (updated(update, false)?, update.returning_clause.is_some())
            }
            Some(NodeEnum::DeleteStmt(delete)) => {
                (deleted(delete, false)?, delete.returning_clause.is_some())
            }
            Some(NodeEnum::InsertStmt(insert)) => {
                (writing::returned(insert)?, insert.returning_clause.is_some())
            }
            Some(NodeEnum::MergeStmt(merge)) => (merged(merge)?, merge.returning_clause.is_some()),
            _ => continue,
        };
        writes = true;
        if !returns {
            silent.push(cte.ctename.clone());
        }
        cte.ctequery = Some(Box::new(node(NodeEnum::SelectStmt(Box::new(read)))));
    }
    // What nobody reads would not be planned at all; it is carried out all the same.
    if select.larg.is_none() && select.values_lists.is_empty() {
        select.target_list.extend(silent.iter().map(|name| writing::count_of(name)));
    }
    Ok(writes)
}

fn merged(merge: &MergeStmt) -> Result<SelectStmt, NotPlanned> {
    let has = |kind: MergeMatchKind| {
        merge.merge_when_clauses.iter().any(|clause| {
            matches!(&clause.node, Some(NodeEnum::MergeWhenClause(when)) if when.match_kind == kind as i32)
        })
    };
    let jointype = match (
        has(MergeMatchKind::MergeWhenNotMatchedByTarget),
        has(MergeMatchKind::MergeWhenNotMatchedBySource),
    ) {
        (true, true) => protobuf::JoinType::JoinFull,
        (true, false) => protobuf::JoinType::JoinLeft,
        (false, true) => protobuf::JoinType::JoinRight,
        (false, false) => protobuf::JoinType::JoinInner,
    };
    let Some(target) = &merge.relation else { return Err(writing::no_table()) };
    let join = protobuf::JoinExpr {
        jointype: jointype as i32,
        larg: merge.source_relation.clone(),
        rarg: Some(Box::new(node(NodeEnum::RangeVar(target.clone())))),
        quals: merge.join_condition.clone(),
        ..protobuf::JoinExpr::default()
    };
    Ok(SelectStmt {
        target_list: vec![writing::place_of(target)],
        from_clause: vec![node(NodeEnum::JoinExpr(Box::new(join)))],
        with_clause: merge.with_clause.clone(),
        ..writing::plain()
    })
}

/// The rows that an INSERT takes from a query.
fn inserted(insert: &InsertStmt) -> Result<SelectStmt, NotPlanned> {
    let given = |message: &str| NotPlanned::new(ReasonCode::RowsGiven, message);
    let source = insert.select_stmt.as_ref().and_then(|source| source.node.as_ref());
    let Some(NodeEnum::SelectStmt(source)) = source else {
        return Err(given("it adds a row of defaults: no row is searched for"));
    };
    let mut source = SelectStmt::clone(source);
    if !source.values_lists.is_empty() {
        writing::without_defaults(&mut source);
        if !writing::holds_query(&source) {
            return Err(given(match &insert.on_conflict_clause {
                Some(_) => {
                    "it adds rows that it names; those that are there are found by the unique index of ON CONFLICT"
                }
                None => "it adds rows that it names: no row is searched for",
            }));
        }
    }
    Ok(match (&insert.with_clause, source.with_clause.is_some()) {
        (None, _) => source,
        (Some(with), false) => SelectStmt { with_clause: Some(with.clone()), ..source },
        (Some(with), true) => {
            SelectStmt { with_clause: Some(with.clone()), ..writing::all_of(source) }
        }
    })
}

#[cfg(test)]
mod tests;
