//! A setting of a database, a role or the server: its name must be one that shapes plans or memory, and no more.

use pg_query::NodeEnum;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{
    AlterDatabaseSetStmt, AlterRoleSetStmt, AlterSystemStmt, VariableSetKind, VariableSetStmt,
};

use super::{SqlError, refuse};

/// Settings that a session can have for itself, so that both arms can be measured.
pub const SESSION_SETTINGS: &[&str] = &[
    "work_mem",
    "hash_mem_multiplier",
    "maintenance_work_mem",
    "temp_buffers",
    "effective_cache_size",
    "effective_io_concurrency",
    "random_page_cost",
    "seq_page_cost",
    "cpu_tuple_cost",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
    "parallel_setup_cost",
    "parallel_tuple_cost",
    "min_parallel_table_scan_size",
    "min_parallel_index_scan_size",
    "max_parallel_workers_per_gather",
    "jit",
    "jit_above_cost",
    "jit_inline_above_cost",
    "jit_optimize_above_cost",
    "default_statistics_target",
    "from_collapse_limit",
    "join_collapse_limit",
    "geqo",
    "geqo_threshold",
    "plan_cache_mode",
    "synchronous_commit",
];
/// Those that begin so are switches of the planner.
const SWITCH: &str = "enable_";
/// Those of them that one run of a SELECT does not feel.
const BEYOND_ONE_RUN: &[&str] =
    &["maintenance_work_mem", "default_statistics_target", "plan_cache_mode", "synchronous_commit"];
/// Settings of the whole server: proposed, and beyond any sandbox's measuring.
const OF_THE_SERVER: &[&str] =
    &["shared_buffers", "autovacuum", "fsync", "full_page_writes", "track_counts"];

/// Whose setting it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingScope {
    Database(String),
    Role(String),
    System,
}

/// One setting with its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub scope: SettingScope,
    pub name: String,
    /// Absent for RESET.
    pub value: Option<String>,
}

impl Setting {
    /// Whether one run of a statement can be another with it.
    #[must_use]
    pub fn shapes_one_run(&self) -> bool {
        !BEYOND_ONE_RUN.contains(&self.name.as_str())
    }

    /// Why no benchmark can show what it does.
    #[must_use]
    pub fn not_measured(&self) -> Option<String> {
        let name = &self.name;
        if !self.is_of_a_session() {
            return Some(format!(
                "{name} is the whole server's, and cannot be set for one session"
            ));
        }
        if !self.shapes_one_run() {
            return Some(format!("{name} changes nothing about one run of a statement"));
        }
        self.value.is_none().then(|| {
            format!("what {name} goes back to is main's own default, which is not known here")
        })
    }

    /// Whether a session can have it for itself.
    #[must_use]
    pub fn is_of_a_session(&self) -> bool {
        SESSION_SETTINGS.contains(&self.name.as_str()) || self.name.starts_with(SWITCH)
    }
}

fn read(scope: SettingScope, set: Option<&VariableSetStmt>) -> Result<Setting, SqlError> {
    let Some(set) = set else { return refuse("it sets nothing") };
    let name = set.name.to_lowercase();
    let value = match VariableSetKind::try_from(set.kind) {
        Ok(VariableSetKind::VarSetValue) => Some(value_of(set)?),
        Ok(VariableSetKind::VarReset | VariableSetKind::VarSetDefault) => None,
        _ => return refuse("one setting is changed at a time"),
    };
    let setting = Setting { scope, name, value };
    let of_server = OF_THE_SERVER.contains(&setting.name.as_str());
    if !setting.is_of_a_session() && !of_server {
        return refuse(format!("{} is no setting that OptiSchema changes", setting.name));
    }
    Ok(setting)
}

fn value_of(set: &VariableSetStmt) -> Result<String, SqlError> {
    let [only] = set.args.as_slice() else { return refuse("the setting takes one value") };
    let Some(NodeEnum::AConst(constant)) = &only.node else {
        return refuse("the value must be a constant");
    };
    match &constant.val {
        Some(Val::Ival(number)) => Ok(number.ival.to_string()),
        Some(Val::Fval(number)) => Ok(number.fval.clone()),
        Some(Val::Sval(text)) => Ok(text.sval.clone()),
        Some(Val::Boolval(switch)) => Ok(if switch.boolval { "on" } else { "off" }.to_owned()),
        _ => refuse("the value must be a number, a text or a switch"),
    }
}

pub(super) fn of_database(alter: &AlterDatabaseSetStmt) -> Result<Setting, SqlError> {
    read(SettingScope::Database(alter.dbname.clone()), alter.setstmt.as_ref())
}

pub(super) fn of_role(alter: &AlterRoleSetStmt) -> Result<Setting, SqlError> {
    let role = alter.role.as_ref().map(|role| role.rolename.clone()).unwrap_or_default();
    read(SettingScope::Role(role), alter.setstmt.as_ref())
}

pub(super) fn of_system(alter: &AlterSystemStmt) -> Result<Setting, SqlError> {
    read(SettingScope::System, alter.setstmt.as_ref())
}

#[cfg(test)]
mod tests {
    use crate::sql::{Patch, PatchKind};

    #[test]
    fn values_are_read_whatever_their_form() {
        for (text, name, value) in [
            ("ALTER DATABASE d SET work_mem = '64MB'", "work_mem", Some("64MB")),
            ("ALTER ROLE r SET random_page_cost TO 1.1", "random_page_cost", Some("1.1")),
            ("ALTER SYSTEM SET geqo_threshold = 20", "geqo_threshold", Some("20")),
            ("ALTER DATABASE d SET jit = off", "jit", Some("off")),
            ("ALTER DATABASE d SET enable_nestloop = false", "enable_nestloop", Some("false")),
            ("ALTER DATABASE d RESET work_mem", "work_mem", None),
        ] {
            let PatchKind::Setting(setting) = Patch::parse(text).unwrap().kind else { panic!() };
            assert_eq!((setting.name.as_str(), setting.value.as_deref()), (name, value), "{text}");
            assert!(setting.is_of_a_session());
        }
        let PatchKind::Setting(buffers) =
            Patch::parse("ALTER SYSTEM SET shared_buffers = '1GB'").unwrap().kind
        else {
            panic!()
        };
        assert!(!buffers.is_of_a_session());
    }
}
