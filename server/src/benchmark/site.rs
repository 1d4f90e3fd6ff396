//! The place where a benchmark runs, opened: a connection, and where each table stands there.

use optischema::benchmark_place::BenchmarkPlace;
use optischema::figures;
use optischema::model::{
    CopiedTable, CopyMethod, Fidelity, FidelityKind, Phase, TableName, quote_identifier,
    quote_literal,
};
use optischema::plan::{Plan, relations_outside};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use super::arms::{Fence, execute};
use super::request::{BenchmarkRequest, Report};
use super::survey::Places;
use crate::postgres::query;
use crate::postgres::{
    Dsn, MainSession, PgFailure, ReplicaKind, Session, connect_main, connect_writable,
    prove_not_main, replica_kind,
};
use crate::sandbox::{Family, hold_scratch, read_family};
use crate::sql::{self, Statement};

/// Seconds that one step of the preparation may take: copying a table, building an index.
const PREPARATION_S: u32 = 900;
/// Held on the target while a benchmark runs there.
const ONE_AT_A_TIME: i64 = 0x6f70_7469_7363_6865;
/// Time between two looks whether another benchmark has ended.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// An opened place.
#[derive(Debug)]
pub(super) struct Site {
    pub session: Session,
    pub place: BenchmarkPlace,
    pub fence: Fence,
    /// The schema for tables of the benchmark's own; absent where nothing can be made.
    pub workspace: Option<String>,
    /// Whether main's tables stand in the workspace, rather than under their own names.
    pub is_copy: bool,
    /// Main's structure of all tables that are read.
    pub family: Family,
    /// Schemas that a name without a schema is looked for in.
    pub search_path: Vec<String>,
    pub fidelity: Fidelity,
    /// `host:port/database`.
    pub address: String,
    pub warnings: Vec<String>,
    /// Whether an index of main's could not be made here: then the baseline may be slower than main's.
    pub lacks_index: bool,
    /// Triggers of main that are here, by table on main.
    pub triggers: Vec<(TableName, String)>,
}

impl Site {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.session.connection
    }

    /// Where main's table stands here.
    pub(super) fn located(&self, table: &TableName) -> TableName {
        match (&self.workspace, self.is_copy) {
            (Some(schema), true) => TableName::new(schema, &table.name),
            _ => table.clone(),
        }
    }

    /// The schema that main's schema is here.
    pub(super) fn schema_of(&self, schema: &str) -> String {
        match (&self.workspace, self.is_copy) {
            (Some(workspace), true) => workspace.clone(),
            _ => schema.to_owned(),
        }
    }

    /// Names of the triggers of a table that are not here, and whether it has any that are.
    pub(super) fn triggers_of(&self, table: &TableName) -> (Vec<String>, bool) {
        let of_main =
            self.family.get(table).map(|known| known.triggers.as_slice()).unwrap_or_default();
        let is_here =
            |name: &str| self.triggers.iter().any(|(of, made)| of == table && made == name);
        let names = of_main.iter().map(|(name, _)| name.clone());
        let (here, lacking): (Vec<String>, Vec<String>) = names.partition(|name| is_here(name));
        (lacking, !here.is_empty())
    }

    /// A statement of main as it reads here.
    pub(super) fn placed(
        &self,
        statement: &Statement,
        search_path: &[String],
    ) -> Result<String, BenchmarkError> {
        sql::check_select(statement)?;
        self.moved(statement, search_path)
    }

    /// A statement that may write as it reads here.
    pub(super) fn placed_to_run(
        &self,
        statement: &Statement,
        search_path: &[String],
    ) -> Result<String, BenchmarkError> {
        sql::check_runnable(statement)?;
        self.moved(statement, search_path)
    }

    fn moved(
        &self,
        statement: &Statement,
        search_path: &[String],
    ) -> Result<String, BenchmarkError> {
        let (Some(schema), true) = (&self.workspace, self.is_copy) else {
            return Ok(statement.sql.clone());
        };
        let path = if search_path.is_empty() { &self.search_path } else { search_path };
        let moved =
            sql::retarget(statement, schema, &|schema, name| self.resolve(path, schema, name))?;
        let own = |own_schema: &str, name: &str| {
            self.family.own_schema(own_schema, name, &|_| schema.clone())
        };
        Ok(sql::retarget_types(&moved, &own)?)
    }

    /// The table of main that a name of a statement means.
    pub(super) fn resolved(
        &self,
        search_path: &[String],
        schema: &str,
        name: &str,
    ) -> Option<TableName> {
        let path = if search_path.is_empty() { &self.search_path } else { search_path };
        self.resolve(path, schema, name)
    }

    fn resolve(&self, path: &[String], schema: &str, name: &str) -> Option<TableName> {
        let find = |schema: &str| {
            let named = TableName::new(schema, name);
            self.family.get(&named).map(|structure| structure.table.clone())
        };
        if !schema.is_empty() {
            return find(schema);
        }
        let only = || {
            let mut named = self.family.tables.iter().filter(|known| known.table.name == name);
            named.next().map(|known| known.table.clone())
        };
        path.iter().find_map(|schema| find(schema)).or_else(only)
    }

    /// Proves by its plan that a statement reads nothing but the copy.
    pub(super) fn check_reach(&self, plan: &Plan) -> Result<(), BenchmarkError> {
        let (Some(schema), true) = (&self.workspace, self.is_copy) else { return Ok(()) };
        match relations_outside(plan, schema).first() {
            None => Ok(()),
            Some(table) => Err(BenchmarkError::Failed(format!(
                "the statement would read {} outside the scratch schema",
                table.name
            ))),
        }
    }

    /// From here on a statement may take no longer than this.
    pub(super) async fn limit_statements(&mut self, seconds: u32) -> Result<(), BenchmarkError> {
        let text = format!("SET statement_timeout = '{seconds}s'");
        Ok(execute(&mut self.session.connection, text).await?)
    }

    /// Gives the session main's settings, as far as it may set them. Names those it may not.
    pub(super) async fn take_settings(
        &mut self,
        settings: &[(String, String)],
    ) -> Result<Vec<String>, BenchmarkError> {
        let mut left = Vec::new();
        let fence = self.fence;
        for (name, value) in settings {
            let text = format!("SET {} = {}", quote_identifier(name), quote_literal(value));
            let set = async |connection: &mut PgConnection| Ok(execute(connection, text).await?);
            match fence.attempt(self.connection(), set).await {
                Ok(()) => {}
                Err(error) => left.push(format!("{name}: {}", error.refusal()?)),
            }
        }
        Ok(left)
    }
}

/// A connection for a benchmark, named after it and proven to be what it is taken for, when no other benchmark runs
/// there. A pooler or a moved name may have led elsewhere since it was looked at.
pub(super) async fn connect(
    place: BenchmarkPlace,
    dsn: &Dsn,
    request: &BenchmarkRequest<'_>,
    places: &Places,
    report: Report<'_>,
) -> Result<Session, BenchmarkError> {
    let mut session = match place {
        BenchmarkPlace::Standby => connect_main(dsn).await?,
        _ => connect_writable(dsn, PREPARATION_S).await?,
    };
    session.name(&request.name).await?;
    while !try_lock(&mut session).await? {
        report(Phase::WaitingForBenchmark, 0.01);
        tokio::time::sleep(PATIENCE).await;
    }
    let mut main = connect_main(&places.main).await?;
    let (main, here) = (&mut main.connection, &mut session.connection);
    let proven = match place {
        BenchmarkPlace::Clone | BenchmarkPlace::Standby => {
            let expected = if place == BenchmarkPlace::Clone {
                ReplicaKind::Clone
            } else {
                ReplicaKind::Standby
            };
            replica_kind(main, here, places.allow_same_server).await.map(|kind| kind == expected)
        }
        _ => prove_not_main(main, here, places.allow_same_server).await.map(|()| true),
    };
    match proven {
        Ok(true) => {}
        Ok(false) => {
            return Err(BenchmarkError::Unsuitable(format!(
                "The {} is another database than a moment ago.",
                places.in_place.noun()
            )));
        }
        Err(error) => return Err(BenchmarkError::Unsuitable(format!("Refused: {error}."))),
    }
    if place != BenchmarkPlace::Standby
        && !hold_scratch(&mut session.connection, request.schema).await?
    {
        return Err(BenchmarkError::Error(
            "another process is working on this job's schema".into(),
        ));
    }
    Ok(session)
}

async fn try_lock(session: &mut Session) -> Result<bool, BenchmarkError> {
    let row = query("SELECT pg_catalog.pg_try_advisory_lock($1) AS held")
        .bind(ONE_AT_A_TIME)
        .fetch_one(&mut session.connection)
        .await?;
    Ok(row.try_get("held")?)
}

/// A transaction on main to read structure and rows in, with the database's own search path. It is begun only once the
/// place is free, and ended as soon as it has been read: it holds back main's VACUUM.
pub(super) async fn reading(
    request: &BenchmarkRequest<'_>,
    places: &Places,
) -> Result<MainSession, BenchmarkError> {
    let mut main = MainSession::begin(&places.main).await?;
    main.name(&request.name).await?;
    main.read_rows_whole().await?;
    Ok(main)
}

/// What both ways of measuring in place begin with.
struct Begun<'a> {
    dsn: &'a Dsn,
    session: Session,
    main: MainSession,
    family: Family,
    noun: &'static str,
}

async fn begin<'a>(
    place: BenchmarkPlace,
    request: &BenchmarkRequest<'_>,
    places: &'a Places,
    report: Report<'_>,
) -> Result<Begun<'a>, BenchmarkError> {
    let Some(dsn) = &places.replica else {
        return Err(BenchmarkError::Unsuitable("no replica is configured".into()));
    };
    let session = connect(place, dsn, request, places, report).await?;
    let mut main = reading(request, places).await?;
    let family = read_family(main.connection().await?, &request.tables()).await?;
    Ok(Begun { dsn, session, main, family, noun: places.in_place.noun() })
}

/// The writable replica. Everything happens in one transaction that is never committed, so whatever ends it leaves
/// no object behind.
pub(super) async fn open_clone(
    request: &BenchmarkRequest<'_>,
    places: &Places,
    report: Report<'_>,
) -> Result<Site, BenchmarkError> {
    let mut begun = begin(BenchmarkPlace::Clone, request, places, report).await?;
    let schema = quote_identifier(&request.schema.name);
    for statement in
        ["BEGIN ISOLATION LEVEL REPEATABLE READ".to_owned(), format!("CREATE SCHEMA {schema}")]
    {
        execute(&mut begun.session.connection, statement).await.map_err(|failure| match failure
            .sqlstate()
        {
            Some(_) => BenchmarkError::Unsuitable(format!(
                "The {}'s role may not make a schema there: {failure}",
                places.in_place.noun()
            )),
            None => failure.into(),
        })?;
    }
    // After main's own path, for what an extension brings.
    let path = format!("{}, {schema}", begun.main.own_path());
    set_path(&mut begun.session.connection, path).await?;
    in_place(begun, BenchmarkPlace::Clone, Some(request.schema.name.clone())).await
}

/// A standby: only for statements.
pub(super) async fn open_standby(
    request: &BenchmarkRequest<'_>,
    places: &Places,
    report: Report<'_>,
) -> Result<Site, BenchmarkError> {
    let mut begun = begin(BenchmarkPlace::Standby, request, places, report).await?;
    set_path(&mut begun.session.connection, begun.main.own_path()).await?;
    in_place(begun, BenchmarkPlace::Standby, None).await
}

/// For the session.
async fn set_path(connection: &mut PgConnection, path: String) -> Result<(), PgFailure> {
    query("SELECT pg_catalog.set_config('search_path', $1, false)")
        .bind(path)
        .execute(connection)
        .await?;
    Ok(())
}

async fn in_place(
    begun: Begun<'_>,
    place: BenchmarkPlace,
    workspace: Option<String>,
) -> Result<Site, BenchmarkError> {
    let Begun { dsn, mut session, mut main, family, noun } = begun;
    let mut tables = Vec::new();
    let mut warnings = Vec::new();
    for (top, bytes) in family.tops() {
        let mut there = 0;
        for structure in family.with_rows(&top.table) {
            there += size_there(&mut session.connection, &structure.table, noun).await?;
        }
        // With indexes it should be no smaller than main's rows alone.
        if there < bytes / 2 {
            warnings.push(format!(
                "{} has {} on the {noun} and {} on main: it is not the same table.",
                top.table,
                figures::bytes(there),
                figures::bytes(bytes)
            ));
        }
        tables.push(CopiedTable {
            table: top.table.clone(),
            rows: family.with_rows(&top.table).iter().map(|t| t.rows.max(0.0)).sum::<f64>() as i64,
            bytes: 0,
            method: CopyMethod::InPlace,
        });
    }
    let search_path = main.search_path().await?;
    main.end().await?;
    Ok(Site {
        fence: if place == BenchmarkPlace::Clone { Fence::Savepoint } else { Fence::ReadOnly },
        place,
        workspace,
        is_copy: false,
        search_path,
        family,
        fidelity: Fidelity { kind: FidelityKind::Full, percent: None, tables },
        address: dsn.address().to_owned(),
        warnings,
        lacks_index: false,
        triggers: Vec::new(),
        session,
    })
}

async fn size_there(
    connection: &mut PgConnection,
    table: &TableName,
    noun: &str,
) -> Result<i64, BenchmarkError> {
    let text = format!(
        "SELECT pg_catalog.pg_total_relation_size({}::pg_catalog.regclass)::pg_catalog.int8 AS bytes",
        quote_literal(&table.quoted())
    );
    let query = query(AssertSqlSafe(text));
    match query.fetch_one(connection).await.map_err(PgFailure::from) {
        Ok(row) => Ok(row.try_get("bytes")?),
        Err(failure) if failure.sqlstate().is_some() => {
            Err(BenchmarkError::Unsuitable(format!("The {noun} lacks {table}: {failure}")))
        }
        Err(failure) => Err(failure.into()),
    }
}
