//! SQL as PostgreSQL's own parser sees it. What is known of a statement comes from its syntax tree, never
//! from a regular expression.

mod assigned;
mod calls;
mod carried;
mod clauses;
mod constants;
mod cursor;
mod drawing;
mod dump;
mod guard;
mod highlight;
mod keyset;
mod kind;
mod leading;
mod lone;
mod members;
mod names;
mod nested;
mod patch;
mod planned;
mod planning_size;
mod policies;
mod prepared;
mod recent;
mod repair;
mod rewrite;
mod rewrites;
mod robust;
mod seen;
mod select;
mod selects;
mod shape;
mod shorten;
mod squashed;
mod tree;
mod typed_index;
mod unfiltered;
mod writes;

use std::sync::{Arc, OnceLock};

use optischema::model::{NotPlanned, QueryHash, ReasonCode};
use serde_json::Value;
use thiserror::Error;

pub use assigned::{Assigned, assigned_parameters};
pub use calls::{Calls, Name, Range, calls};
pub use carried::{Carried, carried};
pub use clauses::{Clauses, clauses, constants_in};
pub use constants::{Constant, Left, Parameterised, left_by, parameterised};
pub use cursor::{CursorUse, cursor_use};
pub use drawing::{Drawing, Drawn, drawing};
pub use dump::{
    Body, DumpKind, DumpStatement, Element, TableText, access_method, dump_statements,
    function_body, qualified_names, table_text, with_schemas,
};
pub use guard::{check_runnable, check_select};
pub use highlight::highlighted;
pub use kind::{OWN_MARK, kind_of};
pub use leading::leading_relation;
pub use lone::{LoneExpression, is_called_over_columns, lone_expression};
pub use members::{MemberUse, member_uses, words_of_comments};
pub use names::{LONGEST_NAME, ambiguous_name, cut_name};
pub use nested::{unwrapped, with_variables};
pub use patch::{
    AlterTable, CreateIndex, CreateStatistics, DropIndex, DropStatistics, IndexForm, Maintenance,
    MaintenanceKind, Patch, PatchKind, Rewritten, SESSION_SETTINGS, Setting, SettingScope,
    drop_index_sql, drop_statistics_sql, index_definition_as, index_definition_in, nameless_index,
    sham_index_sql, statistics_definition_in, statistics_definition_named,
};
pub use planned::{
    PlanTarget, changed, planned, refreshed, row_access, runs_another, runs_code, without_places,
};
pub use planning_size::{Surroundings, check_planning_size, has_known_growth, is_short};
pub use policies::{Reading, with_policies};
pub use prepared::{PreparedUse, prepared_use};
pub use repair::{Repair, column_places, parameter_places};
pub use rewrite::{
    bind_parameters, qualify, qualify_functions, qualify_types, relation_names, retarget,
    retarget_types, unqualify,
};
pub use rewrites::{Rewrite, Sameness, casts_in_filter, rewrites};
pub use robust::{
    IndexForm as MadeIndex, Leftover, Relation as NamedRelation, Robust, creates_extension,
    refuses_transaction, robust, squawk_rules, within_transaction, without_marks,
};
pub use seen::{Seen, with_seen};
pub use select::{
    Ending, SortedBy, ending, left_out_of_fingerprints, offsets, sorted_by, without_limit,
};
pub use shape::analyze;
pub use shorten::{Shortened, shortened};
pub use squashed::written_out;
pub use typed_index::{evaluated_by, is_plain_predicate, typed_index};
pub use unfiltered::{Unfiltered, asks_who_runs, without_policies};
pub use writes::{WriteKind, Written, written, written_relations};

/// Why a text is not a statement that OptiSchema can work with. Each message is for a person.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SqlError {
    #[error("the statement cannot be parsed: {0}")]
    Parse(String),
    #[error("there must be exactly one statement, and there are {0}")]
    NotOne(usize),
    #[error("{0}")]
    Refused(String),
    /// Planning it could run functions of the database, named as `schema.name`; the person may vouch for them.
    #[error("{reason}")]
    CallsOwn { reason: String, functions: Vec<String> },
}

impl From<pg_query::Error> for SqlError {
    fn from(error: pg_query::Error) -> Self {
        match error {
            // Trees are handed over in a form that nests a hundred levels.
            pg_query::Error::Decode(_) => {
                Self::Refused("it is nested too deeply to be read".into())
            }
            other => Self::Parse(other.to_string()),
        }
    }
}

impl From<SqlError> for NotPlanned {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Parse(_) | SqlError::NotOne(_) => {
                Self::new(ReasonCode::NotParsed, error.to_string())
            }
            SqlError::Refused(reason) => Self::new(ReasonCode::NotSafe, reason),
            SqlError::CallsOwn { reason, functions } if functions.is_empty() => {
                Self::new(ReasonCode::NotSafe, reason)
            }
            SqlError::CallsOwn { reason, functions } => {
                let setting = optischema::workload::trusted_setting(functions.iter());
                let remedy = setting.map(|line| format!("where it only computes a result: {line}"));
                Self { remedy, functions, ..Self::new(ReasonCode::NotSafe, reason) }
            }
        }
    }
}

/// One parsed statement. Only parsing makes one: what is checked in the tree is what the text says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Statement {
    /// The text as PostgreSQL's deparser writes it: `date $1` has become `$1::date`, which can be
    /// prepared.
    pub sql: String,
    pub tree: Arc<pg_query::protobuf::ParseResult>,
    /// The tree as JSON, made where it is first asked for.
    json: Arc<OnceLock<Value>>,
}

impl Statement {
    fn of(sql: String, tree: pg_query::protobuf::ParseResult) -> Self {
        Self { sql, tree: Arc::new(tree), json: Arc::default() }
    }

    /// The tree as JSON: what must not be missed is found wherever it stands.
    fn json(&self) -> Result<&Value, SqlError> {
        if let Some(known) = self.json.get() {
            return Ok(known);
        }
        let json = tree::as_json(&self.tree)?;
        Ok(self.json.get_or_init(|| json))
    }
}

/// Parses a text that must be one statement.
///
/// # Errors
/// It cannot be parsed, or it is not one statement.
pub fn parse_one(text: &str) -> Result<Statement, SqlError> {
    if let Some(known) = recent::known(text) {
        return Ok(known);
    }
    let statement = parse_anew(text)?;
    recent::keep(text, &statement);
    if statement.sql != text {
        recent::keep(&statement.sql, &statement);
    }
    Ok(statement)
}

fn parse_anew(text: &str) -> Result<Statement, SqlError> {
    check_length(text)?;
    let parsed = pg_query::parse(text, 0)?;
    match parsed.protobuf.stmts.len() {
        1 => {}
        other => return Err(SqlError::NotOne(other)),
    }
    let json = tree::as_json(&parsed.protobuf)?;
    can_be_written(&json)?;
    if is_written(&parsed.protobuf) {
        let sql = pg_query::deparse(&parsed.protobuf, Default::default())?;
        if sql == text {
            let json = Arc::new(OnceLock::from(json));
            return Ok(Statement { json, ..Statement::of(sql, parsed.protobuf) });
        }
        // Parsed again, so that the locations in the tree are those of this text.
        if let Ok(again) = pg_query::parse(&sql, 0)
            && again.protobuf.stmts.len() == 1
        {
            return Ok(Statement::of(sql, again.protobuf));
        }
    }
    // The deparser is not perfect (`(ARRAY[1])[1]` loses its parentheses): then the text itself.
    let sql = own_text(text, &parsed.protobuf).to_owned();
    let tree = pg_query::parse(&sql, 0)?.protobuf;
    match tree.stmts.len() {
        1 => Ok(Statement::of(sql, tree)),
        other => Err(SqlError::NotOne(other)),
    }
}

/// Tokens of one statement, at most: a tree takes some kilobytes for each.
const MOST_TOKENS: usize = 30_000;

/// Refuses a text whose tree would take hundreds of megabytes.
///
/// # Errors
/// It has too many tokens, or cannot be scanned.
pub fn check_length(text: &str) -> Result<(), SqlError> {
    // A token has at least one byte.
    if text.len() <= MOST_TOKENS {
        return Ok(());
    }
    let tokens = pg_query::scan(text)?.tokens.len();
    if tokens > MOST_TOKENS {
        return Err(SqlError::Refused(format!(
            "it has {tokens} words and signs, and statements of more than {MOST_TOKENS} are not read"
        )));
    }
    Ok(())
}

/// Whether the statement is of a kind that is written anew: one that is planned, or that a change can be. The deparser
/// does not know every form of all others, and ends the process over some.
fn is_written(tree: &pg_query::protobuf::ParseResult) -> bool {
    use pg_query::NodeEnum as Kind;
    use pg_query::protobuf::AlterTableType as Alter;
    let written = [
        Alter::AtSetRelOptions,
        Alter::AtResetRelOptions,
        Alter::AtSetStatistics,
        Alter::AtSetOptions,
        Alter::AtResetOptions,
        Alter::AtSetStorage,
    ];
    let node = tree.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.as_ref());
    match node {
        Some(Kind::AlterTableStmt(alter)) => alter.cmds.iter().all(|command| {
            matches!(&command.node, Some(Kind::AlterTableCmd(command))
                if written.iter().any(|known| *known as i32 == command.subtype))
        }),
        Some(Kind::DropStmt(drop)) => {
            use pg_query::protobuf::ObjectType as Object;
            [Object::ObjectIndex, Object::ObjectStatisticExt, Object::ObjectTable]
                .iter()
                .any(|known| *known as i32 == drop.remove_type)
        }
        Some(
            Kind::SelectStmt(_)
            | Kind::InsertStmt(_)
            | Kind::UpdateStmt(_)
            | Kind::DeleteStmt(_)
            | Kind::MergeStmt(_)
            | Kind::IndexStmt(_)
            | Kind::CreateStatsStmt(_)
            | Kind::VacuumStmt(_)
            | Kind::ReindexStmt(_)
            | Kind::AlterDatabaseSetStmt(_)
            | Kind::AlterRoleSetStmt(_)
            | Kind::AlterSystemStmt(_),
        ) => true,
        _ => false,
    }
}

/// Refuses what the deparser would end the whole process over: `numeric(f(3), 2)`, a type whose modifiers are no
/// constants.
fn can_be_written(json: &Value) -> Result<(), SqlError> {
    let mut is_odd = false;
    let is_plain = |modifier: &serde_json::Value| {
        let node = modifier.get("node").unwrap_or(modifier);
        ["AConst", "ColumnRef", "ParamRef"].iter().any(|kind| node.get(kind).is_some())
    };
    tree::walk(json, &mut |_, object| {
        let modifiers = object.get("typmods").and_then(serde_json::Value::as_array);
        is_odd |= modifiers.is_some_and(|modifiers| !modifiers.iter().all(is_plain));
    });
    if is_odd {
        return Err(SqlError::Refused("it has a type whose modifiers are no constants".into()));
    }
    Ok(())
}

/// The statement without what follows its semicolon.
fn own_text<'a>(text: &'a str, tree: &pg_query::protobuf::ParseResult) -> &'a str {
    let place = tree.stmts.first().map(|statement| (statement.stmt_location, statement.stmt_len));
    let Some((start, length)) = place else { return text };
    let start = usize::try_from(start).unwrap_or_default();
    match usize::try_from(length) {
        // Zero stands for the rest of the text.
        Ok(0) | Err(_) => text.get(start..).unwrap_or(text),
        Ok(length) => text.get(start..start.saturating_add(length)).unwrap_or(text),
    }
}

/// The fingerprint of a statement: the same for two that differ only in their constants.
///
/// # Errors
/// It cannot be parsed.
pub fn fingerprint(text: &str) -> Result<QueryHash, SqlError> {
    Ok(QueryHash(pg_query::fingerprint(text, 0, 0)?.hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_planned_or_changed_is_written_anew() {
        let sql = |text: &str| parse_one(text).unwrap().sql;
        assert_eq!(sql("select  1"), "SELECT 1");
        assert_eq!(sql("vacuum  t"), "VACUUM t");
        for text in [
            "grant  select on t to x",
            "alter  table t owner to x",
            "drop  role x",
            "comment  on table t is ''",
        ] {
            assert_eq!(sql(text), text);
        }
    }

    #[test]
    fn normalised_text_becomes_preparable() {
        let statement =
            parse_one("SELECT * FROM t WHERE d > date $1 AND e < $2 + interval $3 year").unwrap();
        assert_eq!(
            statement.sql,
            "SELECT * FROM t WHERE d > $1::date AND e < $2 + $3::interval year"
        );
    }

    #[test]
    fn two_statements_are_refused_and_so_is_none() {
        assert_eq!(parse_one("SELECT 1; DROP TABLE t").unwrap_err(), SqlError::NotOne(2));
        assert_eq!(parse_one(" -- nothing").unwrap_err(), SqlError::NotOne(0));
        assert!(matches!(parse_one("SELEC 1"), Err(SqlError::Parse(_))));
        assert!(matches!(parse_one("SELECT 'a\0b'"), Err(SqlError::Parse(_))));
    }

    #[test]
    fn constants_do_not_change_the_fingerprint() {
        let of = |sql| fingerprint(sql).unwrap();
        assert_eq!(of("SELECT * FROM t WHERE a = 1"), of("select * from t where a = $1"));
        assert_ne!(of("SELECT * FROM t WHERE a = 1"), of("SELECT * FROM t WHERE b = 1"));
    }
}
