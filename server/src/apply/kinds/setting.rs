//! A setting of the database, or of a role in it. What is proposed for main's database is done to the sandbox's; a role
//! belongs to the whole server, which may be main's, so its settings are kept to this database.

use optischema::change_plan::{ChangePlan, Rehearsal, Touch};
use optischema::model::{
    CatalogObject, CatalogState, ChangeKind, ChangedObject, SERVER_WIDE, StepLock,
    quote_identifier, quote_literal,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::error::ApplyError;
use super::super::plan_site::PlanSite;
use super::super::reason::ApplyReason;
use super::super::steps::together;
use crate::postgres::query;
use crate::sql::{Setting, SettingScope};

pub(in super::super) async fn plan(
    connection: &mut PgConnection,
    setting: &Setting,
    site: PlanSite<'_>,
) -> Result<ChangePlan, ApplyError> {
    let row = query(
        "SELECT pg_catalog.current_database()::pg_catalog.text AS name, pg_catalog.pg_has_role(current_user, datdba, 'USAGE') AS owned
         FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
    )
    .fetch_one(&mut *connection)
    .await?;
    let database: String = row.try_get("name")?;
    if !row.try_get::<bool, _>("owned")? && !site.for_others {
        return Err(ApplyError::failed(ApplyReason::NotDatabaseOwner));
    }
    let role = match &setting.scope {
        SettingScope::System => {
            return Err(ApplyError::failed(ApplyReason::ServerWide { words: SERVER_WIDE }));
        }
        SettingScope::Database(named) if *named == site.main_database || *named == database => None,
        SettingScope::Database(named) => {
            let database = named.clone();
            return Err(ApplyError::failed(ApplyReason::OtherDatabase { database }));
        }
        SettingScope::Role(role) => Some(role.as_str()),
    };
    if let Some(role) = role.filter(|_| !site.for_others) {
        may_set_for(connection, role).await?;
    }
    let prior = prior(connection, role, &setting.name).await?;
    let whose = match role {
        None => format!("ALTER DATABASE {}", quote_identifier(&database)),
        Some(role) => format!(
            "ALTER ROLE {} IN DATABASE {}",
            quote_identifier(role),
            quote_identifier(&database)
        ),
    };
    let name = quote_identifier(&setting.name);
    let set = |value: &Option<String>| match value {
        Some(value) => format!("{whose} SET {name} = {}", quote_literal(value)),
        None => format!("{whose} RESET {name}"),
    };
    let statement = set(&setting.value);
    let object =
        CatalogObject::Setting { role: role.map(str::to_owned), name: setting.name.clone() };
    Ok(ChangePlan {
        kind: if role.is_some() { ChangeKind::AlterRole } else { ChangeKind::AlterDatabase },
        tables: Vec::new(),
        touches: vec![(object, Touch::Alters)],
        steps: vec![together(
            "Set it for sessions that begin from now on",
            &statement,
            StepLock::None,
        )],
        rollback: vec![together("Put back what it is now", set(&prior), StepLock::None)],
        no_rollback: None,
        object: ChangedObject {
            schema: String::new(),
            name: setting.name.clone(),
            oid: None,
            definition: statement,
        },
        before: CatalogState::default(),
        marker: None,
        parts: Vec::new(),
        expected: None,
        rehearsal: Rehearsal::Transaction,
    })
}

/// What is set now for this database, and role where there is one.
async fn prior(
    connection: &mut PgConnection,
    role: Option<&str>,
    name: &str,
) -> Result<Option<String>, ApplyError> {
    let row = query(
        "SELECT pg_catalog.substr(one, pg_catalog.strpos(one, '=') OPERATOR(pg_catalog.+) 1) AS value
         FROM pg_catalog.pg_db_role_setting s CROSS JOIN pg_catalog.unnest(s.setconfig) AS one
         JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
         WHERE d.datname = pg_catalog.current_database() AND r.rolname IS NOT DISTINCT FROM $1 AND pg_catalog.split_part(one, '=', 1) = $2",
    )
    .bind(role)
    .bind(name)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.try_get("value")).transpose()?)
}

async fn may_set_for(connection: &mut PgConnection, role: &str) -> Result<(), ApplyError> {
    let row = query(
        "SELECT r.rolname = current_user AS is_own, (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS super
         FROM pg_catalog.pg_roles r WHERE r.rolname = $1",
    )
    .bind(role)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        return Err(ApplyError::failed(ApplyReason::RoleMissing { role: role.to_owned() }));
    };
    if row.try_get::<bool, _>("is_own")? || row.try_get::<bool, _>("super")? {
        return Ok(());
    }
    Err(ApplyError::failed(ApplyReason::RoleNotSettable { role: role.to_owned() }))
}
