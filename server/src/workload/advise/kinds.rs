//! Candidates of every kind of index that the operator classes of the database offer for what plans test rows by.

use std::collections::{BTreeMap, BTreeSet};

use optischema::advisor::{
    Clause, IndexCandidate, IndexKey, IndexMethod, KeyTarget, Wanted, by_class,
};
use optischema::model::{BindingKind, Catalog, RejectedCandidate};
use optischema::plan::parse_plan;

use super::planned::Planned;
use crate::sql;

/// What operator classes could serve.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// Those that a planner can be asked about without building them.
    pub hypothetical: BTreeMap<IndexCandidate, Wanted>,
    pub to_build: BTreeMap<IndexCandidate, Wanted>,
    pub rejected: Vec<RejectedCandidate>,
}

/// `known` are candidates that need no class but a type's own: the same index is not made twice. Those of them that no
/// planner can be asked about are taken away, and are to be built; those that it can be asked about in some places alone
/// are built where there is a place for that.
pub(super) fn kinds(
    catalog: &Catalog,
    planned: &[Planned<'_>],
    known: &mut BTreeMap<IndexCandidate, Vec<usize>>,
    can_build: bool,
) -> Kinds {
    let mut set_apart = BTreeMap::new();
    let is_hidden = |candidate: &IndexCandidate, statements: &[usize]| {
        can_build && stands_behind(planned, candidate, statements)
    };
    known.retain(|candidate, statements| {
        let is_plain = !is_of_extension(catalog, candidate) && !is_hidden(candidate, statements);
        if !is_plain {
            set_apart.insert(candidate.clone(), std::mem::take(statements));
        }
        is_plain
    });
    let mut hidden = Vec::new();
    let clauses: Vec<Vec<Clause>> = planned
        .iter()
        .map(|planned| match parse_plan(&planned.plannable.plan) {
            Ok(plan) => {
                let sql::Clauses { found: mut clauses, failing } = sql::clauses(&plan, catalog);
                hidden.extend(failing.into_iter().map(|(table, expression)| {
                    let keys = vec![IndexKey::expression(expression)];
                    let index = IndexCandidate { table, keys, ..IndexCandidate::default() };
                    RejectedCandidate::of(
                        &index,
                        "the expression fails for some values: as an index it would keep their rows from being written. A stored generated column with the values that parse can be indexed".to_owned(),
                    )
                }));
                // Behind a policy no other condition is searched by but the plainest.
                let under = planned.plannable.under.as_ref();
                clauses.retain(|clause| !under.is_some_and(|u| u.tables.contains(&clause.table)));
                clauses.retain(|clause| match hidden_in(planned, clause, catalog) {
                    None => true,
                    Some(reason) => {
                        hidden.push(RejectedCandidate::of(&of_clause(clause), reason));
                        false
                    }
                });
                clauses
            }
            Err(_) => Vec::new(),
        })
        .collect();
    let (all, mut rejected) = by_class(catalog, &clauses);
    rejected.extend(hidden);
    let (mut hypothetical, mut to_build) = (BTreeMap::new(), BTreeMap::new());
    // Only an expression can be written in several ways: columns are told apart by their names.
    let has_expression =
        |candidate: &IndexCandidate| candidate.keys.iter().any(|key| key.column_name().is_none());
    let plain: BTreeSet<String> = known
        .keys()
        .filter(|known| has_expression(known))
        .filter_map(|known| sql::nameless_index(&known.create_sql(false)))
        .collect();
    let existing: BTreeMap<String, &str> = catalog
        .tables
        .values()
        .flat_map(|table| &table.indexes)
        .filter(|index| index.valid && index.key_columns.iter().any(Option::is_none))
        .filter_map(|index| Some((sql::nameless_index(&index.definition)?, index.name.as_str())))
        .collect();
    for (candidate, wanted) in all {
        let nameless = has_expression(&candidate)
            .then(|| sql::nameless_index(&candidate.create_sql(false)))
            .flatten();
        if nameless.as_ref().is_some_and(|text| plain.contains(text)) {
            continue;
        }
        if let Some(name) = nameless.and_then(|text| existing.get(&text)) {
            let reason = format!("the index {name} is this one already");
            rejected.push(RejectedCandidate::of(&candidate, reason));
        } else if is_for_a_planner(catalog, &candidate)
            && !is_hidden(&candidate, &wanted.statements)
        {
            hypothetical.insert(candidate, wanted);
        } else {
            to_build.insert(candidate, wanted);
        }
    }
    let nameless = |candidate: &IndexCandidate| sql::nameless_index(&candidate.create_sql(false));
    let built: BTreeSet<String> = to_build.keys().filter_map(nameless).collect();
    for (candidate, statements) in set_apart {
        if nameless(&candidate).is_some_and(|text| !built.contains(&text)) {
            to_build.insert(candidate, Wanted { statements, ..Wanted::default() });
        }
    }
    Kinds { hypothetical, to_build, rejected }
}

/// Whether a planner can be asked about an index, in some places at least.
pub(super) fn is_for_a_planner(catalog: &Catalog, candidate: &IndexCandidate) -> bool {
    can_be_asked_about(candidate) && !is_of_extension(catalog, candidate)
}

/// Whether HypoPG tells it apart from others of its method: of BRIN it knows the plainest class.
fn can_be_asked_about(candidate: &IndexCandidate) -> bool {
    let has_class = candidate.keys.iter().any(|key| key.operator_class.is_some());
    candidate.method.is_hypothetical() && !(has_class && candidate.method == IndexMethod::Brin)
}

/// Whether an index on an expression is for a statement in which its table does not stand first. HypoPG (1.3.1 and 1.4.4)
/// leaves the place of the table in an expression as 1, and plans match it for the first table of a query alone.
fn stands_behind(
    planned: &[Planned<'_>],
    candidate: &IndexCandidate,
    statements: &[usize],
) -> bool {
    let leads = |number: &usize| {
        let text = planned.get(*number)?.bound.first()?;
        let (_, name) = sql::leading_relation(&sql::parse_one(text).ok()?)?;
        Some(name == candidate.table.name)
    };
    candidate.keys.iter().any(|key| key.column_name().is_none())
        && statements.iter().any(|number| leads(number) != Some(true))
}

/// Whether an expression is over a column of an extension's type. HypoPG looks operators up in PostgreSQL's own schema
/// alone, and finds none of those.
fn is_of_extension(catalog: &Catalog, candidate: &IndexCandidate) -> bool {
    let Some(table) = catalog.tables.get(&candidate.table) else { return false };
    let is_own = |data_type: &str| {
        let plain = data_type.rsplit('.').next().unwrap_or(data_type);
        catalog.types.contains_key(plain.trim_end_matches("[]"))
    };
    candidate.keys.iter().any(|key| match &key.target {
        KeyTarget::Column(_) => false,
        KeyTarget::Expression(sql) => table
            .columns
            .iter()
            .any(|column| is_own(&column.data_type) && sql.contains(column.name.as_str())),
    })
}

/// Why an expression that a plan shows may be another one in truth: a constant in it stands in no text, since
/// `pg_stat_statements` hides it. A member of a document is known by the documents, and the configuration of text search by
/// the database's own.
fn hidden_in(planned: &Planned<'_>, clause: &Clause, catalog: &Catalog) -> Option<String> {
    let KeyTarget::Expression(expression) = &clause.target else { return None };
    let first = planned.plannable.bindings.first()?;
    if matches!(first.kind, BindingKind::AsWritten | BindingKind::Logged) {
        return None;
    }
    let template = planned.plannable.template.as_deref().unwrap_or(&planned.tracked.sql);
    let mut known = sql::constants_in(template).unwrap_or_default();
    known.extend(first.members.iter().cloned());
    let setting = catalog.server.settings.get("default_text_search_config");
    known.extend(setting.map(|setting| plain_name(&setting.value).to_owned()));
    let inside = sql::constants_in(&format!("SELECT {expression}")).unwrap_or_default();
    inside.iter().find(|constant| !known.contains(plain_name(constant))).map(|constant| {
        format!(
            "pg_stat_statements hides a constant inside the expression, and {constant} was only assumed for it: a log of the statement (log_min_duration_statement), or sample_activity, would settle it"
        )
    })
}

/// A configuration of text search without its schema.
fn plain_name(name: &str) -> &str {
    name.strip_prefix("pg_catalog.").unwrap_or(name)
}

/// An index on the target of a clause alone, to be named.
fn of_clause(clause: &Clause) -> IndexCandidate {
    let key = match &clause.target {
        KeyTarget::Column(name) => IndexKey::column(name),
        KeyTarget::Expression(sql) => IndexKey::expression(sql),
    };
    IndexCandidate { table: clause.table.clone(), keys: vec![key], ..IndexCandidate::default() }
}
