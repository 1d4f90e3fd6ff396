//! Which functions planning a statement on main could run, and whether it may.
//!
//! PostgreSQL's planner runs functions: it folds immutable ones over constants, runs stable ones to estimate
//! selectivity, and operators against most common values. What is marked immutable may do anything, so a
//! statement is only planned when every function in its reach is PostgreSQL's own and not volatile, or
//! belongs to an extension that is known. Views are read through. Names are looked up the way PostgreSQL
//! finds them; where a name could mean a suspect too, it counts as one.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::PgFailure;
use super::main_session::PlanFailure;
use crate::sql::{self, Calls, Name, SqlError, Statement};

/// Extensions whose functions of fixed results are known to be what they say.
const KNOWN_EXTENSIONS: &[&str] = &[
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "ltree",
    "pg_trgm",
    "pgcrypto",
    "postgis",
    "seg",
    "unaccent",
    "vector",
];

/// Volatile, and harmless all the same: a clock, a random number.
const HARMLESS: &[&str] =
    &["random", "clock_timestamp", "timeofday", "gen_random_uuid", "uuidv4", "uuidv7"];

/// Not volatile, and more than a result: they take a transaction number, or read the whole database.
const HARMFUL: &[&str] = &[
    "txid_current",
    "pg_current_xact_id",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
];

const FUNCTIONS: &str = "
    SELECT /* optischema */ p.oid::int8 AS oid, n.nspname::text AS schema, p.proname::text AS name,
           p.provolatile::text AS volatility, p.prosecdef AS definer,
           p.oid::int8 >= 16384 AS own, p.pronargs - p.pronargdefaults <= 1 AND p.pronargs >= 1 AS unary,
           COALESCE((SELECT t.typtype IN ('c', 'p') FROM pg_type t WHERE t.oid = p.proargtypes[0]), false)
               AS of_row,
           COALESCE(e.extname::text = ANY ($1), false) AS known
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    LEFT JOIN pg_extension e ON e.oid = d.refobjid
    WHERE p.oid::int8 >= 16384 OR p.provolatile = 'v' OR p.proname::text = ANY ($2)";

const OPERATORS: &str = "
    SELECT /* optischema */ n.nspname::text AS schema, o.oprname::text AS name, o.oprcode::oid::int8 AS function,
           l.typname::text AS left_type, r.typname::text AS right_type,
           COALESCE(o.oprleft::int8 < 16384, true) AND COALESCE(o.oprright::int8 < 16384, true) AS built_in
    FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
    LEFT JOIN pg_type l ON l.oid = o.oprleft LEFT JOIN pg_type r ON r.oid = o.oprright
    WHERE o.oid::int8 >= 16384";

const CASTS: &str = "
    SELECT /* optischema */ s.typname::text AS source, t.typname::text AS target, c.castfunc::int8 AS function,
           c.castcontext = 'i' AS implicit, s.oid::int8 < 16384 AS source_built_in,
           t.oid::int8 < 16384 AS target_built_in
    FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget
    WHERE c.oid::int8 >= 16384 AND c.castfunc <> 0";

const RELATIONS: &str = "
    SELECT /* optischema */ c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name,
           c.relkind::text AS kind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND c.oid::int8 >= 16384 AND n.nspname !~ '^pg_toast'";

const COLUMN_TYPES: &str = "
    SELECT /* optischema */ a.attrelid::int8 AS relation,
           array_agg(a.attname::text) AS columns,
           array_agg(DISTINCT ltrim(t.typname::text, '_')) FILTER (WHERE t.oid::int8 >= 16384) AS types
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid::int8 >= 16384
    GROUP BY a.attrelid";

/// Expressions that the planner takes up with a table: checks, index expressions and predicates, policies,
/// statistics, partition keys, generated columns.
const ATTACHED: &str = "
    SELECT /* optischema */ d.refobjid::int8 AS function,
           COALESCE(con.conrelid, idx.indrelid, pol.polrelid, ext.stxrelid, def.adrelid, rel.oid)::int8 AS relation
    FROM pg_depend d
    LEFT JOIN pg_constraint con ON d.classid = 'pg_constraint'::regclass AND con.oid = d.objid
    LEFT JOIN pg_index idx ON d.classid = 'pg_class'::regclass AND idx.indexrelid = d.objid
    LEFT JOIN pg_policy pol ON d.classid = 'pg_policy'::regclass AND pol.oid = d.objid
    LEFT JOIN pg_statistic_ext ext ON d.classid = 'pg_statistic_ext'::regclass AND ext.oid = d.objid
    LEFT JOIN pg_attrdef def ON d.classid = 'pg_attrdef'::regclass AND def.oid = d.objid
    LEFT JOIN pg_class rel ON d.classid = 'pg_class'::regclass AND rel.oid = d.objid AND rel.relkind <> 'i'
    WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid::int8 >= 16384";

const INHERITS: &str = "
    SELECT /* optischema */ inhrelid::int8 AS child, inhparent::int8 AS parent FROM pg_inherits";

const PRIVILEGED: &str = "
    SELECT /* optischema */ r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls OR EXISTS (
        SELECT 1 FROM pg_roles g WHERE g.rolname IN ('pg_write_all_data', 'pg_execute_server_program',
            'pg_write_server_files', 'pg_signal_backend') AND pg_has_role(r.oid, g.oid, 'MEMBER'))
        AS privileged, current_schemas(false)::text[] AS search_path
    FROM pg_roles r WHERE r.rolname = current_user";

#[derive(Debug, Clone)]
struct Function {
    schema: String,
    name: String,
    /// Why it is not to be reached.
    why: &'static str,
    definer: bool,
    /// It can be called with one argument, as `(x).name`.
    unary: bool,
    /// That argument can be a row, as in `t.name`.
    of_row: bool,
}

#[derive(Debug)]
struct Operator {
    schema: String,
    types: [Option<String>; 2],
    built_in: bool,
    function: Function,
}

#[derive(Debug)]
struct Cast {
    source: String,
    target: String,
    implicit: bool,
    source_built_in: bool,
    target_built_in: bool,
    function: Function,
}

#[derive(Debug, Default)]
struct Relation {
    oid: i64,
    is_view: bool,
    is_foreign: bool,
    columns: BTreeSet<String>,
    /// Types of columns that are not PostgreSQL's own.
    types: BTreeSet<String>,
    /// Suspects in expressions that the planner takes up with the table.
    attached: Vec<Function>,
}

/// What must not be reached in one database, as one role sees it.
#[derive(Debug, Default)]
pub struct Suspects {
    search_path: Vec<String>,
    privileged: bool,
    functions: BTreeMap<String, Vec<Function>>,
    operators: BTreeMap<String, Vec<Operator>>,
    casts: Vec<Cast>,
    relations: BTreeMap<Name, Relation>,
}

impl Suspects {
    /// Reads them, in a handful of queries on the catalogs.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, PgFailure> {
        let row = sqlx::query(PRIVILEGED).fetch_one(&mut *connection).await?;
        let mut suspects = Self {
            privileged: row.try_get("privileged")?,
            search_path: row.try_get("search_path")?,
            ..Self::default()
        };
        let mut by_oid: BTreeMap<i64, Function> = BTreeMap::new();
        let functions =
            sqlx::query(FUNCTIONS).bind(KNOWN_EXTENSIONS).bind(HARMFUL).fetch_all(&mut *connection);
        for row in functions.await? {
            if let Some(function) = function(&row)? {
                by_oid.insert(row.try_get("oid")?, function);
            }
        }
        for function in by_oid.values() {
            suspects.functions.entry(function.name.clone()).or_default().push(function.clone());
        }
        suspects.read_operators(connection, &by_oid).await?;
        suspects.read_relations(connection, &by_oid).await?;
        Ok(suspects)
    }

    async fn read_operators(
        &mut self,
        connection: &mut PgConnection,
        functions: &BTreeMap<i64, Function>,
    ) -> Result<(), PgFailure> {
        for row in sqlx::query(OPERATORS).fetch_all(&mut *connection).await? {
            let Some(function) = functions.get(&row.try_get("function")?) else { continue };
            self.operators.entry(row.try_get("name")?).or_default().push(Operator {
                schema: row.try_get("schema")?,
                types: [row.try_get("left_type")?, row.try_get("right_type")?],
                built_in: row.try_get("built_in")?,
                function: function.clone(),
            });
        }
        for row in sqlx::query(CASTS).fetch_all(&mut *connection).await? {
            let Some(function) = functions.get(&row.try_get("function")?) else { continue };
            self.casts.push(Cast {
                source: row.try_get("source")?,
                target: row.try_get("target")?,
                implicit: row.try_get("implicit")?,
                source_built_in: row.try_get("source_built_in")?,
                target_built_in: row.try_get("target_built_in")?,
                function: function.clone(),
            });
        }
        Ok(())
    }

    async fn read_relations(
        &mut self,
        connection: &mut PgConnection,
        functions: &BTreeMap<i64, Function>,
    ) -> Result<(), PgFailure> {
        let mut by_oid: BTreeMap<i64, (Name, Relation)> = BTreeMap::new();
        for row in sqlx::query(RELATIONS).fetch_all(&mut *connection).await? {
            let oid = row.try_get("oid")?;
            let kind: String = row.try_get("kind")?;
            let name = Name { schema: row.try_get("schema")?, name: row.try_get("name")? };
            let (is_view, is_foreign) = (kind == "v", kind == "f");
            by_oid
                .insert(oid, (name, Relation { oid, is_view, is_foreign, ..Relation::default() }));
        }
        for row in sqlx::query(COLUMN_TYPES).fetch_all(&mut *connection).await? {
            if let Some((_, relation)) = by_oid.get_mut(&row.try_get("relation")?) {
                relation.columns = row.try_get::<Vec<String>, _>("columns")?.into_iter().collect();
                let types: Option<Vec<String>> = row.try_get("types")?;
                relation.types = types.unwrap_or_default().into_iter().collect();
            }
        }
        let mut parents: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for row in sqlx::query(INHERITS).fetch_all(&mut *connection).await? {
            parents.entry(row.try_get("child")?).or_default().push(row.try_get("parent")?);
        }
        // What a partition brings, its parent brings too: planning the one plans the other.
        let above = |oid: i64| {
            let (mut found, mut waiting) = (BTreeSet::from([oid]), vec![oid]);
            while let Some(at) = waiting.pop() {
                for parent in parents.get(&at).into_iter().flatten() {
                    if found.insert(*parent) {
                        waiting.push(*parent);
                    }
                }
            }
            found
        };
        let foreign: Vec<i64> =
            by_oid.values().filter(|(_, r)| r.is_foreign).map(|(_, r)| r.oid).collect();
        for oid in foreign.into_iter().flat_map(above) {
            if let Some((_, relation)) = by_oid.get_mut(&oid) {
                relation.is_foreign = true;
            }
        }
        for row in sqlx::query(ATTACHED).fetch_all(&mut *connection).await? {
            let Some(function) = functions.get(&row.try_get("function")?) else { continue };
            let Some(oid) = row.try_get::<Option<i64>, _>("relation")? else { continue };
            for oid in above(oid) {
                if let Some((_, relation)) = by_oid.get_mut(&oid) {
                    relation.attached.push(function.clone());
                }
            }
        }
        self.relations = by_oid.into_values().collect();
        Ok(())
    }

    /// Checks a statement, and every view that it reads through.
    ///
    /// # Errors
    /// It reaches a suspect; the sentence names it. Or main cannot be asked.
    pub async fn check(
        &self,
        connection: &mut PgConnection,
        statement: &Statement,
    ) -> Result<(), PlanFailure> {
        let mut waiting = vec![(sql::calls(statement)?, String::new())];
        let mut seen = BTreeSet::new();
        while let Some((calls, place)) = waiting.pop() {
            let relations: Vec<(&Name, &Relation)> =
                calls.relations.iter().filter_map(|name| self.relation(name)).collect();
            if let Some(objection) = self.objection(&calls, &relations) {
                return Err(SqlError::Refused(format!("{objection}{place}")).into());
            }
            for (name, view) in relations.into_iter().filter(|(_, relation)| relation.is_view) {
                if !seen.insert(view.oid) {
                    continue;
                }
                let row =
                    sqlx::query("SELECT /* optischema */ pg_get_viewdef($1::int8::oid) AS text")
                        .bind(view.oid)
                        .fetch_one(&mut *connection)
                        .await
                        .map_err(PgFailure::from)?;
                let text: Option<String> = row.try_get("text").map_err(PgFailure::from)?;
                let inside = sql::parse_one(&text.unwrap_or_default())?;
                sql::check_select(&inside)?;
                waiting.push((sql::calls(&inside)?, format!(", in the view {}", name.name)));
            }
        }
        Ok(())
    }

    fn in_sight<'a>(&'a self, name: &'a Name, schema: &str) -> bool {
        if name.schema.is_empty() {
            schema == "pg_catalog" || self.search_path.iter().any(|path| path == schema)
        } else {
            name.schema == schema
        }
    }

    fn relation<'a>(&'a self, name: &'a Name) -> Option<(&'a Name, &'a Relation)> {
        if !name.schema.is_empty() {
            return self.relations.get(name).map(|relation| (name, relation));
        }
        self.search_path.iter().find_map(|schema| {
            let name = Name { schema: schema.clone(), name: name.name.clone() };
            self.relations.get_key_value(&name)
        })
    }

    fn objection(&self, calls: &Calls, relations: &[(&Name, &Relation)]) -> Option<String> {
        let called = |function: &Function| format!("it calls {}, {}", function.name, function.why);
        let functions = calls.functions.iter().find_map(|name| {
            self.functions.get(&name.name)?.iter().find(|f| self.in_sight(name, &f.schema))
        });
        if let Some(function) = functions {
            return Some(called(function));
        }
        let named = |name: &String, fits: fn(&Function) -> bool| {
            self.functions.get(name)?.iter().find(|function| fits(function))
        };
        let is_column = |name: &String| relations.iter().any(|(_, r)| r.columns.contains(name));
        let columns = calls.columns.iter().filter(|name| !is_column(name));
        let dotted = calls.fields.iter().find_map(|name| named(name, |function| function.unary));
        let of_row = columns.filter_map(|name| named(name, |f| f.unary && f.of_row)).next();
        if let Some(function) = dotted.or(of_row) {
            return Some(called(function));
        }
        self.objection_to_types(calls, relations)
            .or_else(|| relations.iter().find_map(|(name, table)| self.objection_to(name, table)))
    }

    /// Operators and casts are found by the types around them.
    fn objection_to_types(
        &self,
        calls: &Calls,
        relations: &[(&Name, &Relation)],
    ) -> Option<String> {
        let mut types: BTreeSet<&str> =
            relations.iter().flat_map(|(_, r)| r.types.iter().map(String::as_str)).collect();
        types.extend(calls.types.iter().map(|name| name.name.as_str()));
        let in_reach =
            |name: &Option<String>| name.as_ref().is_some_and(|n| types.contains(n.as_str()));
        for name in &calls.operators {
            let candidates = self.operators.get(&name.name).into_iter().flatten();
            for operator in candidates.filter(|operator| self.in_sight(name, &operator.schema)) {
                if operator.built_in || operator.types.iter().any(in_reach) {
                    let function = &operator.function;
                    return Some(format!(
                        "its operator {} runs {}, {}",
                        name.name, function.name, function.why
                    ));
                }
            }
        }
        // A cast may also be written as a call: date(x).
        let explicit = |target: &str| {
            types.contains(target) || calls.functions.iter().any(|name| name.name == target)
        };
        let cast = self.casts.iter().find(|cast| {
            (cast.implicit || explicit(&cast.target))
                && (cast.source_built_in || types.contains(cast.source.as_str()))
                && (cast.target_built_in || types.contains(cast.target.as_str()))
        })?;
        let Cast { source, target, function, .. } = cast;
        Some(format!(
            "a cast from {source} to {target} may run {}, {}",
            function.name, function.why
        ))
    }

    fn objection_to(&self, name: &Name, table: &Relation) -> Option<String> {
        if table.is_foreign {
            return Some(format!(
                "it reads {}, a foreign table or the parent of one: planning may reach another server",
                name.name
            ));
        }
        // A role that cannot write cannot be used to write by what stands on a table; one that can, could.
        let function = table.attached.iter().find(|f| self.privileged || f.definer)?;
        Some(format!(
            "the table {} carries an expression that calls {}, {}",
            name.name, function.name, function.why
        ))
    }
}

fn function(row: &PgRow) -> Result<Option<Function>, PgFailure> {
    let name: String = row.try_get("name")?;
    let volatility: String = row.try_get("volatility")?;
    let (own, known): (bool, bool) = (row.try_get("own")?, row.try_get("known")?);
    let why = if own && !known {
        "a function of this database that planning could run"
    } else if volatility == "v" && !HARMLESS.contains(&name.as_str()) {
        "which is volatile"
    } else if HARMFUL.contains(&name.as_str()) {
        "which does more than give a result"
    } else {
        return Ok(None);
    };
    Ok(Some(Function {
        schema: row.try_get("schema")?,
        name,
        why,
        definer: row.try_get("definer")?,
        unary: row.try_get("unary")?,
        of_row: row.try_get("of_row")?,
    }))
}
