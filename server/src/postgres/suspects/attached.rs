//! Expressions that hang on a table, and which of them the planner takes up for a statement.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::{Objection, Relation, Suspects};
use crate::postgres::locked::read_locked;
use crate::postgres::{PgFailure, query};
use crate::sql::{self, Calls, Name};

/// What an expression is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttachedTo {
    /// A CHECK: held against the statement's conditions where parts of a table are left out by it.
    Check,
    /// A policy: put into statements of roles that do not read every row.
    Policy,
    /// An index: its expression is simplified whenever the table is planned.
    Index,
    /// A view: its text was judged before.
    View,
    /// Statistics, partition keys, virtual columns, and whatever else is taken up with the table.
    Other,
}

impl AttachedTo {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "check" => Self::Check,
            "policy" => Self::Policy,
            "index" => Self::Index,
            "view" => Self::View,
            _ => Self::Other,
        }
    }
}

/// A suspect in such an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attached {
    pub to: AttachedTo,
    /// In words.
    pub what: String,
    /// Where it is a function that the person may vouch for: its name.
    pub function: Option<String>,
}

impl Suspects {
    /// What speaks against planning these tables, whatever the statement says of them.
    pub(super) fn objection_to_tables(
        &self,
        calls: &Calls,
        relations: &[(&Name, &Relation)],
        through_view: bool,
    ) -> Option<Objection> {
        relations.iter().find_map(|(name, table)| {
            if table.is_foreign {
                return Some(Objection::from(format!(
                    "it reads {}, a foreign table or the parent of one: planning may reach another server",
                    name.name
                )));
            }
            let is_taken_up = |attached: &&Attached| match attached.to {
                // The arms of a UNION ALL are parts of a table to the planner.
                AttachedTo::Check => {
                    self.excludes_by_checks || table.is_in_family || calls.has_set_operation
                }
                // A view reads with its owner's rights, who may be another.
                AttachedTo::Policy => through_view || !self.reads_every_row,
                AttachedTo::Index | AttachedTo::Other => true,
                AttachedTo::View => false,
            };
            let attached = table.attached.iter().find(is_taken_up)?;
            let all = table.attached.iter().filter(is_taken_up);
            let functions: BTreeSet<String> = all.filter_map(|a| a.function.clone()).collect();
            let said =
                format!("the table {} carries an expression that calls {}", name.name, attached.what);
            Some(Objection { said, functions: functions.into_iter().collect() })
        })
    }
}

impl Suspects {
    /// What speaks against planning the queries of these views though their texts do not show it.
    pub(super) fn objection_to_trees(&self, views: &BTreeSet<i64>) -> Option<Objection> {
        let read = self.relations.iter().filter(|(_, relation)| views.contains(&relation.oid));
        let mut hidden = read.filter_map(|(name, view)| {
            let attached = view.attached.iter().find(|attached| attached.to == AttachedTo::View)?;
            Some((name, attached))
        });
        let (name, attached) = hidden.next()?;
        Some(Objection {
            said: format!(
                "the view {} calls {}, which its text does not show",
                name.name, attached.what
            ),
            functions: attached.function.iter().cloned().collect(),
        })
    }
}

/// Expressions and conditions of indexes that call functions of this database.
const INDEX_EXPRESSIONS: &str = "
    SELECT /* optischema */ i.indrelid::pg_catalog.int8 AS relation, d.refobjid::pg_catalog.int8 AS function, p.proname::pg_catalog.text AS name,
           CASE WHEN pg_catalog.pg_column_size(i.indexprs) <= 65536 AND NOT i.indrelid::pg_catalog.int8 = ANY ($1) THEN pg_catalog.pg_get_expr(i.indexprs, i.indrelid) END AS keys,
           CASE WHEN pg_catalog.pg_column_size(i.indpred) <= 65536 AND NOT i.indrelid::pg_catalog.int8 = ANY ($1) THEN pg_catalog.pg_get_expr(i.indpred, i.indrelid) END AS condition,
           i.indexprs IS NULL AS has_no_keys, i.indpred IS NULL AS has_no_condition
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
        AND d.refclassid = 'pg_proc'::pg_catalog.regclass
    JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE d.refobjid::pg_catalog.int8 >= 16384 AND l.lanname <> 'sql' AND p.provariadic = '0' AND p.pronargdefaults = 0
      -- What is also called without its name, as a cast or an operator, is called where the text does not show it.
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castfunc::pg_catalog.oid = p.oid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE p.oid IN (o.oprcode::pg_catalog.oid, o.oprrest::pg_catalog.oid, o.oprjoin::pg_catalog.oid))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_amproc m WHERE m.amproc::pg_catalog.oid = p.oid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_aggregate g WHERE p.oid IN (g.aggfnoid::pg_catalog.oid, g.aggtransfn::pg_catalog.oid, g.aggfinalfn::pg_catalog.oid))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t WHERE p.oid IN (t.typinput::pg_catalog.oid, t.typoutput::pg_catalog.oid,
                      t.typreceive::pg_catalog.oid, t.typsend::pg_catalog.oid, t.typmodin::pg_catalog.oid, t.typmodout::pg_catalog.oid, t.typanalyze::pg_catalog.oid))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_range r WHERE p.oid IN (r.rngcanonical::pg_catalog.oid, r.rngsubdiff::pg_catalog.oid))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc f WHERE f.prosupport::pg_catalog.oid = p.oid)";

/// Tables and functions, of all whose calls in the table's indexes each has a column as an argument: they are never run
/// while it is planned, since the planner only computes what it knows every argument of, and only puts bodies in SQL in
/// place.
pub(super) async fn only_over_columns(
    connection: &mut PgConnection,
) -> Result<BTreeSet<(i64, i64)>, PgFailure> {
    // Writing an expression out would wait for whoever has the table for himself.
    let locked = read_locked(connection).await?;
    let (mut found, mut other) = (BTreeSet::new(), BTreeSet::new());
    for row in query(INDEX_EXPRESSIONS).bind(&locked.oids).fetch_all(connection).await? {
        let key = (row.try_get("relation")?, row.try_get("function")?);
        let name: String = row.try_get("name")?;
        let texts: [Option<String>; 2] = [row.try_get("keys")?, row.try_get("condition")?];
        let absent: [bool; 2] = [row.try_get("has_no_keys")?, row.try_get("has_no_condition")?];
        let is_read = texts.iter().zip(absent).all(|(text, absent)| text.is_some() || absent);
        // Both at once: the function may stand in one of them only.
        let expressions: Vec<String> = texts.into_iter().flatten().collect();
        let is_so = is_read && sql::is_called_over_columns(&expressions.join(", "), &name);
        if is_so {
            found.insert(key);
        } else {
            other.insert(key);
        }
    }
    found.retain(|key| !other.contains(key));
    Ok(found)
}
