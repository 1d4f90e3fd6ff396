//! A statement that its role runs under policies, measured under policies: the copy has them for as long as an arm runs.
//!
//! A condition that is written into a statement is planned like any other; one of a policy comes first, and no function
//! that could tell of hidden rows is called before it (`LIKE`, `@>`), not even by an index. What a policy says is made
//! in each arm's transaction, which is rolled back: neither a policy nor a role stays.

use std::collections::BTreeMap;

use optischema::model::{PlannableStatement, TableName, quote_identifier};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::BenchmarkError;
use super::arms::{ArmKind, ArmSpec, Arms};
use super::site::Site;
use crate::postgres::query;
use crate::sandbox::StructureKind;
use crate::sql::{Unfiltered, asks_who_runs, without_policies};

/// Both arms of a statement, and how its policies were taken.
pub(super) struct UnderPolicies {
    pub specs: [ArmSpec; 2],
    /// Whether the copy has the policies.
    pub are_made: bool,
    /// What is to be said of it; absent for a statement without policies.
    pub sentence: Option<String>,
}

/// Both arms under the policies that stand before the statement's tables; else both as they are, with the reason.
///
/// # Errors
/// The server is out of reach.
pub(super) async fn under_policies(
    site: &mut Site,
    plannable: &PlannableStatement,
    specs: [ArmSpec; 2],
) -> Result<UnderPolicies, BenchmarkError> {
    let Some(under) = &plannable.under else {
        return Ok(UnderPolicies { specs, are_made: false, sentence: None });
    };
    let names: Vec<String> = under.tables.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    let written = |specs, reason: String| UnderPolicies {
        specs,
        are_made: false,
        sentence: Some(format!(
            "The policies of {names} were measured as WHERE conditions, which the planner can reorder. Reason: {reason}."
        )),
    };
    let (Some(workspace), true) = (site.workspace.clone(), site.is_copy) else {
        return Ok(written(specs, "they are made on copied tables only".to_owned()));
    };
    let tables: Vec<TableName> = under.tables.iter().map(|table| site.located(table)).collect();
    let tried = async {
        let role = under.role.as_deref();
        let [baseline, patched] = &specs;
        let [baseline, patched] =
            [without_policies(&baseline.sql, &tables)?, without_policies(&patched.sql, &tables)?];
        let conditions = agreed(&baseline, &patched)?;
        let runner = runner(site.connection(), role, &conditions).await?;
        let has_view =
            site.family.tables.iter().any(|known| matches!(known.kind, StructureKind::View(_)));
        if has_view && matches!(runner, Runner::Owner) {
            // Forced on the owner, they would also filter what a view reads as its owner.
            return Err(BenchmarkError::Failed(
                "the statement reads a view, which belongs to the role on which the policies would be forced".to_owned(),
            ));
        }
        let setup = setup(&workspace, &conditions, &runner);
        let mut under = specs.clone();
        for (spec, sql) in under.iter_mut().zip([baseline.sql, patched.sql]) {
            spec.setup.extend(setup.iter().cloned());
            spec.sql = sql;
        }
        let fence = site.fence;
        let [baseline, patched] = under.clone();
        let mut arms = Arms { connection: site.connection(), fence, baseline, patched };
        for arm in ArmKind::BOTH {
            arms.planned(arm).await?;
        }
        // What a function of a policy may not reach is seen when it runs.
        arms.run(ArmKind::Patched, 1).await?;
        Ok((under, runner))
    };
    let tried: Result<([ArmSpec; 2], Runner), BenchmarkError> = tried.await;
    match tried {
        Ok((under, runner)) => {
            let whom = match &runner {
                Runner::Owner => String::new(),
                Runner::Role { name, .. } => format!(" as {name}"),
            };
            let sentence = Some(format!("Measured{whom} under the policies of {names}."));
            Ok(UnderPolicies { specs: under, are_made: true, sentence })
        }
        Err(error) => Ok(written(specs, error.refusal()?)),
    }
}

/// The conditions of both arms, where they are the same.
fn agreed(
    baseline: &Unfiltered,
    patched: &Unfiltered,
) -> Result<BTreeMap<TableName, String>, BenchmarkError> {
    if baseline.conditions != patched.conditions {
        return Err(BenchmarkError::Failed(
            "the two statements do not read the same tables under the same conditions".to_owned(),
        ));
    }
    if baseline.conditions.is_empty() {
        return Err(BenchmarkError::Failed("the statement reads none of them here".to_owned()));
    }
    Ok(baseline.conditions.clone())
}

/// Who runs the statement.
enum Runner {
    /// The copy's owner, on whom its policies are forced.
    Owner,
    Role {
        name: String,
        /// Whether it is made for as long as an arm runs.
        is_made: bool,
        /// Schemas of the path, which it may look into meanwhile; none where the sandbox's role cannot grant that.
        path: Vec<String>,
    },
}

/// Of whom no name is known, or whose name is that of a role here that policies do not hold for.
const NAMELESS: &str = "optischema_measured";

/// The role that a statement is measured as: the sandbox's own, unless policies do not hold for it, or ask who it is.
async fn runner(
    connection: &mut PgConnection,
    role: Option<&str>,
    conditions: &BTreeMap<TableName, String>,
) -> Result<Runner, BenchmarkError> {
    let row = query(
        "SELECT r.rolsuper OR r.rolbypassrls AS is_exempt, r.rolsuper AS makes_roles,
                (SELECT o.rolsuper OR o.rolbypassrls FROM pg_catalog.pg_roles o WHERE o.rolname = $1) AS named_is_exempt,
                (SELECT pg_catalog.pg_has_role(o.oid, 'MEMBER') FROM pg_catalog.pg_roles o WHERE o.rolname = $1) AS may_be_named,
                pg_catalog.current_schemas(false)::pg_catalog.text[] AS path
         FROM pg_catalog.pg_roles r WHERE r.rolname = current_user",
    )
    .bind(role)
    .fetch_one(connection)
    .await?;
    let mut asks_who = false;
    for condition in conditions.values() {
        asks_who |= asks_who_runs(condition)?;
    }
    let is_exempt: bool = row.try_get("is_exempt")?;
    if !is_exempt && !asks_who {
        return Ok(Runner::Owner);
    }
    let named_is_exempt: Option<bool> = row.try_get("named_is_exempt")?;
    if let (Some(name), Some(false), Some(true)) =
        (role, named_is_exempt, row.try_get::<Option<bool>, _>("may_be_named")?)
    {
        let path = if row.try_get("makes_roles")? { row.try_get("path")? } else { Vec::new() };
        return Ok(Runner::Role { name: name.to_owned(), is_made: false, path });
    }
    if !row.try_get::<bool, _>("makes_roles")? {
        return Err(BenchmarkError::Failed(match role {
            Some(name) => format!("the sandbox's role may neither become {name} nor create it"),
            None => "the role that runs it is not known, and the sandbox's role may create none"
                .to_owned(),
        }));
    }
    let path = row.try_get("path")?;
    match (role, named_is_exempt) {
        (Some(name), None) => Ok(Runner::Role { name: name.to_owned(), is_made: true, path }),
        (Some(name), _) if asks_who => Err(BenchmarkError::Failed(format!(
            "they depend on the role's name, and in the sandbox {name} reads every row"
        ))),
        (None, _) if asks_who => Err(BenchmarkError::Failed(
            "they depend on the role's name, which is not known".to_owned(),
        )),
        _ => Ok(Runner::Role { name: NAMELESS.to_owned(), is_made: true, path }),
    }
}

/// What is done in an arm's transaction before its statement.
fn setup(
    workspace: &str,
    conditions: &BTreeMap<TableName, String>,
    runner: &Runner,
) -> Vec<String> {
    let mut setup = Vec::new();
    for (table, condition) in conditions {
        let table = table.quoted();
        setup.push(format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"));
        setup.push(format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY"));
        setup.push(format!(
            "CREATE POLICY optischema ON {table} TO PUBLIC USING ({condition}) WITH CHECK (true)"
        ));
    }
    let Runner::Role { name, is_made, path } = runner else { return setup };
    let (role, schema) = (quote_identifier(name), quote_identifier(workspace));
    if *is_made {
        setup.push(format!("CREATE ROLE {role} NOLOGIN"));
    }
    setup.push(format!("GRANT USAGE ON SCHEMA {schema} TO {role}"));
    for other in path.iter().filter(|other| *other != workspace) {
        setup.push(format!("GRANT USAGE ON SCHEMA {} TO {role}", quote_identifier(other)));
    }
    setup.push(format!("GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}"));
    setup.push(format!("GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"));
    setup.push(format!("SET LOCAL ROLE {role}"));
    setup
}
