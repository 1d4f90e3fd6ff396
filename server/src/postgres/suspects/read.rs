//! Reading the catalogs for [`Suspects`].
//!
//! Own means: made in this database (OID from 16384 on), and not made by a known extension's script. What the person
//! vouches for (`schema.function`) counts as PostgreSQL's own.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::attached::{Attached, AttachedTo, only_over_columns};
use super::harmless;
use super::members::trusted_members;
use super::queries::{
    ATTACHED, CALLED, CASTS, CLASSES, COLUMNS, FUNCTIONS, INHERITS, MEMBERS, OPERATORS, RELATIONS,
    SYSTEM_RELATIONS, TYPES,
};
use super::{Cast, Function, Operator, Relation, Suspects, Type};
use crate::postgres::PgFailure;
use crate::postgres::query;
use crate::sql::{LONGEST_NAME, Name};

/// OIDs from here on are the database's own.
const FIRST_OWN_OID: i64 = 16_384;

/// Extensions whose functions of fixed results are known to be what they say.
const KNOWN_EXTENSIONS: &[&str] = &[
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "fuzzystrmatch",
    "hll",
    "hstore",
    "intarray",
    "ip4r",
    "isn",
    "ltree",
    "pg_trgm",
    "pgcrypto",
    "postgis",
    "rum",
    "seg",
    "unaccent",
    "uuid-ossp",
    "vector",
];

/// Volatile, and harmless all the same: a clock, a random number, a size.
const HARMLESS: &[&str] = &[
    "random",
    "clock_timestamp",
    "timeofday",
    // Of times with a zone it asks the clock; up to 13 it is marked so.
    "timezone",
    "gen_random_uuid",
    "uuidv4",
    "uuidv7",
    // Of uuid-ossp and pgcrypto.
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "gen_random_bytes",
    "gen_salt",
    "pg_total_relation_size",
    "pg_relation_size",
    "pg_table_size",
    "pg_indexes_size",
    "pg_database_size",
    "pg_column_size",
];

/// Methods of TABLESAMPLE, which only stand there: nobody has a value of the type that they take.
const SAMPLING: &[&str] = &["system", "bernoulli"];

/// More than a result, whatever they are marked as: they take a transaction number, read the whole database,
/// run a text, or read a value by a type that is given as a number or text.
const HARMFUL: &[&str] = &[
    // Advice that they keep stays after a rollback.
    "pg_create_advice_stash",
    "pg_drop_advice_stash",
    "pg_set_stashed_advice",
    "pg_start_stash_advice_worker",
    "txid_current",
    "pg_current_xact_id",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "table_to_xmlschema",
    "schema_to_xmlschema",
    "database_to_xmlschema",
    "cursor_to_xml",
    "cursor_to_xmlschema",
    // They query the catalogs with names looked up by the path.
    "pg_get_ruledef",
    "pg_get_viewdef",
    "ts_stat",
    "ts_rewrite",
    "pg_input_is_valid",
    "pg_input_error_info",
    "satisfies_hash_partition",
    // PostGIS looks up spatial_ref_sys by a query of its own.
    "postgis_transform_geometry",
    "postgis_transform_pipeline_geometry",
    "st_asgeojson",
    "st_asgml",
    "st_estimatedextent",
    "st_transform",
    "pg_get_partition_constraintdef",
];

/// What is known of a database while it is read.
struct Reading {
    /// Functions of known extensions that are what the extension's script makes.
    known: BTreeSet<i64>,
    /// Functions that must not be reached, by OID.
    functions: BTreeMap<i64, Function>,
    /// Those of them that anybody may have written: not in C, which only a superuser makes.
    scripted: BTreeSet<i64>,
    /// Functions that must not be called by name, though types and operators are made with them.
    by_name: BTreeMap<i64, Function>,
    /// Own operators and operator classes.
    operators: BTreeSet<i64>,
    classes: BTreeSet<i64>,
}

impl Reading {
    /// Whether one of these functions must not be reached.
    fn reaches(&self, functions: &[i64]) -> bool {
        functions.iter().any(|function| self.functions.contains_key(function))
    }

    fn own(&self, function: i64) -> bool {
        function >= FIRST_OWN_OID && !self.known.contains(&function)
    }

    /// The name of a function that the person may vouch for.
    fn vouchable(&self, oid: i64) -> Option<String> {
        self.functions.get(&oid)?.vouchable()
    }

    /// Whether an object that an expression depends on is a suspect, in words.
    fn suspect(&self, catalog: &str, oid: i64) -> Option<String> {
        match catalog {
            "pg_proc" => self.functions.get(&oid).map(Function::said),
            "pg_operator" if self.operators.contains(&oid) => {
                Some("an operator of this database".into())
            }
            "pg_opclass" if self.classes.contains(&oid) => {
                Some("an operator class of this database".into())
            }
            _ => None,
        }
    }
}

/// Reads everything, in a dozen queries on the catalogs.
pub(super) async fn read(
    connection: &mut PgConnection,
    trusted: &[String],
) -> Result<Suspects, PgFailure> {
    let row = query(
        "SELECT /* optischema */ COALESCE(NULLIF(pg_catalog.current_setting('optischema.search_path', true), '')::pg_catalog.text[],
             pg_catalog.current_schemas(false)::pg_catalog.text[]) AS search_path,
             pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version,
             pg_catalog.current_setting('enable_partitionwise_join')::pg_catalog.bool AS is_partitionwise,
             pg_catalog.current_setting('constraint_exclusion') = 'on' AS excludes_by_checks,
             (SELECT r.rolsuper OR r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER) AS reads_every_row,
             pg_catalog.current_setting('server_encoding') AS encoding,
             pg_catalog.current_setting('max_identifier_length')::pg_catalog.int4 AS longest",
    )
    .fetch_one(&mut *connection)
    .await?;
    let search_path = row.try_get("search_path")?;
    let longest: i32 = row.try_get("longest")?;
    if usize::try_from(longest) != Ok(LONGEST_NAME) {
        return Err(PgFailure::Unexpected(format!(
            "this server keeps {longest} bytes of a name, and OptiSchema's parser {LONGEST_NAME}: the two could read different names, so nothing is planned"
        )));
    }
    let version: i32 = row.try_get("version")?;
    let search_path: Vec<String> = search_path;
    let own_is_late =
        search_path.iter().position(|schema| schema == "pg_catalog").is_some_and(|at| at > 0);
    // Rows may be sent all the same: that plans nothing.
    let refusal = (version < 140_000 && own_is_late).then(|| {
        "the search path names pg_catalog after other schemas, and PostgreSQL 13 looks up names inside its own SQL functions by that path: nothing is planned. ALTER ROLE the reader SET search_path with pg_catalog first".to_owned()
    });
    let cuts_names_alike = row.try_get::<String, _>("encoding")? == "UTF8";
    let mut reading = Reading {
        known: trusted_members(connection, KNOWN_EXTENSIONS).await?,
        functions: BTreeMap::new(),
        scripted: BTreeSet::new(),
        by_name: BTreeMap::new(),
        operators: BTreeSet::new(),
        classes: BTreeSet::new(),
    };
    let mut results: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let mut vouched = BTreeSet::new();
    for row in query(FUNCTIONS).bind(HARMFUL).fetch_all(&mut *connection).await? {
        let oid = row.try_get("oid")?;
        // What a call gives, and what its arguments become.
        let result: i64 = row.try_get("result")?;
        let arguments: Vec<i64> = row.try_get("arguments")?;
        let outputs: Vec<i64> = row.try_get("outputs")?;
        let own = arguments
            .into_iter()
            .chain(outputs)
            .chain([result])
            .filter(|oid| *oid >= FIRST_OWN_OID);
        let own: Vec<i64> = own.collect();
        if !own.is_empty() {
            results.entry(row.try_get("name")?).or_default().extend(own);
        }
        if is_vouched_for(&row, trusted)? {
            vouched.insert(row.try_get("name")?);
        }
        if !row.try_get::<bool, _>("native")? {
            reading.scripted.insert(oid);
        }
        match function(&row, reading.own(oid), trusted)? {
            Some((function, true)) => reading.by_name.insert(oid, function),
            Some((function, false)) => reading.functions.insert(oid, function),
            None => None,
        };
    }
    let mut system_relations = BTreeSet::new();
    for row in query(SYSTEM_RELATIONS).fetch_all(&mut *connection).await? {
        system_relations.insert(row.try_get("name")?);
    }
    let begun = Begun {
        is_partitionwise: row.try_get("is_partitionwise")?,
        excludes_by_checks: row.try_get("excludes_by_checks")?,
        reads_every_row: row.try_get("reads_every_row")?,
        search_path,
        results,
        cuts_names_alike,
        refusal,
        system_relations,
    };
    let mut suspects = begun.suspects(connection, &mut reading).await?;
    suspects.looks_everywhere = true;
    let is_suspect =
        |oid: i64| reading.functions.contains_key(&oid) || reading.by_name.contains_key(&oid);
    let harmless = harmless::read(connection, &suspects, KNOWN_EXTENSIONS, &is_suspect).await?;
    if harmless.functions.is_empty() {
        suspects.looks_everywhere = false;
    } else {
        // Once more: operators, casts and types that they stand behind are no suspects either.
        harmless.functions.iter().for_each(|oid| drop(reading.functions.remove(oid)));
        let inlined = harmless.copies;
        suspects = begun.suspects(connection, &mut reading).await?;
        suspects.inlined = inlined;
        vouched.extend(harmless.short);
    }
    suspects.trusted = vouched;
    Ok(suspects)
}

/// What is known before functions are judged.
struct Begun {
    is_partitionwise: bool,
    excludes_by_checks: bool,
    reads_every_row: bool,
    search_path: Vec<String>,
    results: BTreeMap<String, BTreeSet<i64>>,
    cuts_names_alike: bool,
    refusal: Option<String>,
    system_relations: BTreeSet<String>,
}

impl Begun {
    /// Everything that a suspect function stands behind.
    async fn suspects(
        &self,
        connection: &mut PgConnection,
        reading: &mut Reading,
    ) -> Result<Suspects, PgFailure> {
        let mut suspects = Suspects {
            is_partitionwise: self.is_partitionwise,
            excludes_by_checks: self.excludes_by_checks,
            reads_every_row: self.reads_every_row,
            search_path: self.search_path.clone(),
            results: self.results.clone(),
            cuts_names_alike: self.cuts_names_alike,
            refusal: self.refusal.clone(),
            system_relations: self.system_relations.clone(),
            ..Suspects::default()
        };
        (reading.operators, reading.classes) = Default::default();
        for function in reading.functions.values().chain(reading.by_name.values()) {
            suspects.functions.entry(function.name.clone()).or_default().push(function.clone());
        }
        read_operators(connection, reading, &mut suspects).await?;
        read_types(connection, reading, &mut suspects).await?;
        read_relations(connection, reading, &mut suspects).await?;
        Ok(suspects)
    }
}

fn is_vouched_for(row: &PgRow, trusted: &[String]) -> Result<bool, PgFailure> {
    let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
    Ok(trusted
        .iter()
        .any(|trusted| trusted == &format!("{schema}.{name}") || trusted == &format!("{schema}.*")))
}

/// Why a function is not to be reached, and whether that holds for calls by name only.
fn function(
    row: &PgRow,
    own: bool,
    trusted: &[String],
) -> Result<Option<(Function, bool)>, PgFailure> {
    let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
    let vouched = is_vouched_for(row, trusted)?;
    let volatile: bool = row.try_get("volatile")?;
    let native: bool = row.try_get("native")?;
    let mut by_name = false;
    let why = if row.try_get("has_own_default")? {
        "which has a default that calls a function of this database"
    } else if vouched {
        return Ok(None);
    } else if !own && !native && row.try_get::<i64, _>("oid")? < FIRST_OWN_OID {
        "whose body looks up names by the search path"
    } else if own || !native {
        "a function of this database that planning could run (if it does nothing but give a result, name it in OPTISCHEMA_TRUSTED_FUNCTIONS)"
    } else if HARMFUL.contains(&name.as_str()) {
        "which does more than give a result"
    } else if volatile && ![HARMLESS, SAMPLING].iter().any(|list| list.contains(&name.as_str())) {
        // Of a known extension: its index methods' support functions are, and planning a scan may call them.
        by_name = row.try_get::<i64, _>("oid")? >= FIRST_OWN_OID;
        "which is volatile"
    } else if row.try_get("reads_any_type")? && !SAMPLING.contains(&name.as_str()) {
        by_name = true;
        "which can read a value of any type"
    } else {
        return Ok(None);
    };
    Ok(Some((Function { schema, name, why, unary: row.try_get("unary")? }, by_name)))
}

async fn read_operators(
    connection: &mut PgConnection,
    reading: &mut Reading,
    suspects: &mut Suspects,
) -> Result<(), PgFailure> {
    let mut found = BTreeMap::new();
    let mut links: BTreeMap<i64, (i64, [i64; 2])> = BTreeMap::new();
    for row in query(OPERATORS).fetch_all(&mut *connection).await? {
        let oid: i64 = row.try_get("oid")?;
        links.insert(
            oid,
            (row.try_get("function")?, [row.try_get("commutator")?, row.try_get("negator")?]),
        );
        let result: i64 = row.try_get("result")?;
        if result >= FIRST_OWN_OID {
            let results = &mut suspects.operator_results;
            results.entry(row.try_get("name")?).or_default().insert(result);
        }
        let operator = Operator {
            schema: row.try_get("schema")?,
            name: row.try_get("name")?,
            types: [row.try_get("left_type")?, row.try_get("right_type")?],
            is_scripted: false,
        };
        found.insert(oid, operator);
    }
    for (oid, operator) in found {
        // What is judged is the function behind it, and behind all that the planner may put in its place: negators
        // and commutators, and theirs in turn. Whose member it is says nothing.
        let (mut waiting, mut seen, mut functions) = (vec![oid], BTreeSet::new(), Vec::new());
        while let Some(at) = waiting.pop() {
            if let (true, Some((function, others))) = (seen.insert(at), links.get(&at)) {
                functions.push(*function);
                waiting.extend(others);
            }
        }
        if reading.reaches(&functions) {
            reading.operators.insert(oid);
            let is_scripted = functions.iter().any(|oid| reading.scripted.contains(oid));
            suspects.operators.push(Operator { is_scripted, ..operator });
        }
    }
    for row in query(CASTS).fetch_all(&mut *connection).await? {
        let function: i64 = row.try_get("function")?;
        if row.try_get("is_implicit")? {
            suspects.implicit.push([row.try_get("source")?, row.try_get("target")?]);
        }
        if reading.reaches(&[function]) {
            suspects.casts.push(Cast {
                types: [row.try_get("source")?, row.try_get("target")?],
                source: row.try_get("source_name")?,
                target: row.try_get("target_name")?,
            });
        }
    }
    Ok(())
}

/// Families with a member that must not be reached, and the types that such members compare. Values of built-in types
/// are everywhere, and so is their comparison: a member between two of them speaks against every statement.
async fn read_families(
    connection: &mut PgConnection,
    reading: &mut Reading,
    suspects: &mut Suspects,
) -> Result<BTreeSet<i64>, PgFailure> {
    let (mut families, mut compared) = (BTreeSet::new(), BTreeSet::new());
    for row in query(MEMBERS).fetch_all(&mut *connection).await? {
        let (operator, function): (i64, i64) = (row.try_get("operator")?, row.try_get("function")?);
        if !reading.operators.contains(&operator) && !reading.reaches(&[function]) {
            continue;
        }
        families.insert(row.try_get::<i64, _>("family")?);
        let types: [i64; 2] = [row.try_get("left_type")?, row.try_get("right_type")?];
        // Families of other index methods than B-tree and hash are used through an index, which names its class.
        if types.iter().all(|oid| *oid < FIRST_OWN_OID) && row.try_get("compares")? {
            suspects.family_of_built_in = Some(row.try_get("name")?);
        }
        compared.extend(types.into_iter().filter(|oid| *oid >= FIRST_OWN_OID));
    }
    for row in query(CLASSES).fetch_all(&mut *connection).await? {
        if families.contains(&row.try_get::<i64, _>("family")?) {
            reading.classes.insert(row.try_get("oid")?);
            let input: i64 = row.try_get("input")?;
            if input >= FIRST_OWN_OID {
                compared.insert(input);
            }
        }
    }
    Ok(compared)
}

async fn read_types(
    connection: &mut PgConnection,
    reading: &mut Reading,
    suspects: &mut Suspects,
) -> Result<(), PgFailure> {
    let class_of_type = read_families(connection, reading, suspects).await?;
    for row in query(TYPES).fetch_all(&mut *connection).await? {
        let oid: i64 = row.try_get("oid")?;
        let (kind, is_array): (String, bool) = (row.try_get("kind")?, row.try_get("is_array")?);
        let input: i64 = row.try_get("input")?;
        let range = [row.try_get::<i64, _>("canonical")?, row.try_get("difference")?];
        let class: i64 = row.try_get("class")?;
        let others: Vec<i64> = row.try_get("others")?;
        let senders: Vec<i64> = row.try_get("senders")?;
        // Arrays, rows, ranges and domains are read by PostgreSQL's own, whose arguments are no plain values.
        let own = |function: &i64| *function >= FIRST_OWN_OID && reading.reaches(&[*function]);
        let is_sent_by_own = senders.iter().any(own);
        let why = if kind == "b" && !is_array && reading.functions.contains_key(&input) {
            Some("reads its values by a function of this database")
        } else if others.iter().any(own) {
            Some("reads or writes its modifiers, elements or values by a function of this database")
        } else if range.iter().any(|function| reading.functions.contains_key(function)) {
            Some("is a range with a function of this database")
        } else if class_of_type.contains(&oid) || reading.classes.contains(&class) {
            Some("is compared by an operator class of this database")
        } else {
            None
        };
        let parts: Vec<i64> = row.try_get("parts")?;
        let name = row.try_get("name")?;
        let (is_domain, is_composite) = (kind == "d", kind == "c");
        suspects.types.insert(
            oid,
            Type { name, parts, is_array, is_domain, is_composite, why, is_sent_by_own },
        );
    }
    Ok(())
}

async fn read_relations(
    connection: &mut PgConnection,
    reading: &Reading,
    suspects: &mut Suspects,
) -> Result<(), PgFailure> {
    let mut by_oid: BTreeMap<i64, (Name, Relation)> = BTreeMap::new();
    for row in query(RELATIONS).fetch_all(&mut *connection).await? {
        let oid = row.try_get("oid")?;
        let kind: String = row.try_get("kind")?;
        let name = Name { schema: row.try_get("schema")?, name: row.try_get("name")? };
        let (is_view, is_foreign) = (kind == "v", kind == "f");
        let row_type = row.try_get("row_type")?;
        by_oid.insert(
            oid,
            (name, Relation { oid, is_view, is_foreign, row_type, ..Relation::default() }),
        );
    }
    for row in query(COLUMNS).fetch_all(&mut *connection).await? {
        if let Some((_, relation)) = by_oid.get_mut(&row.try_get("relation")?) {
            relation.columns = row.try_get::<Vec<String>, _>("columns")?.into_iter().collect();
            let names: Option<Vec<String>> = row.try_get("own_columns")?;
            let types: Option<Vec<i64>> = row.try_get("types")?;
            let own = names.into_iter().flatten().zip(types.into_iter().flatten());
            relation.column_types.extend(own);
        }
    }
    let mut parents: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for row in query(INHERITS).fetch_all(&mut *connection).await? {
        parents.entry(row.try_get("child")?).or_default().push(row.try_get("parent")?);
    }
    let children: Vec<i64> = parents.keys().copied().collect();
    for child in children {
        for at in above(&parents, child).into_iter().filter(|at| *at != child) {
            if let Some((_, relation)) = by_oid.get_mut(&at) {
                relation.parts += 1;
                relation.is_in_family = true;
            }
        }
        if let Some((_, relation)) = by_oid.get_mut(&child) {
            relation.is_in_family = true;
        }
    }
    let over_columns = only_over_columns(connection).await?;
    let foreign: Vec<i64> =
        by_oid.values().filter(|(_, r)| r.is_foreign).map(|(_, r)| r.oid).collect();
    for oid in foreign.into_iter().flat_map(|oid| above(&parents, oid)) {
        if let Some((_, relation)) = by_oid.get_mut(&oid) {
            relation.is_foreign = true;
        }
    }
    for row in query(ATTACHED).fetch_all(&mut *connection).await? {
        let (catalog, oid): (String, i64) = (row.try_get("catalog")?, row.try_get("oid")?);
        let read = by_oid.get(&oid).map(|(name, _)| name.clone());
        let suspect = reading.suspect(&catalog, oid);
        let domain: Option<i64> = row.try_get("domain")?;
        if let Some(known) = domain.and_then(|domain| suspects.types.get_mut(&domain)) {
            if suspect.is_some() {
                known.why = Some("is checked by a function or operator of this database");
            } else if catalog == "pg_type" {
                known.parts.push(oid);
            }
        }
        let Some(relation) = row.try_get::<Option<i64>, _>("relation")? else { continue };
        let to = AttachedTo::of(&row.try_get::<String, _>("kind")?);
        let is_run = to != AttachedTo::Index || !over_columns.contains(&(relation, oid));
        let suspect = suspect.filter(|_| is_run).map(|what| Attached {
            to,
            what,
            function: (catalog == "pg_proc").then(|| reading.vouchable(oid)).flatten(),
        });
        for at in family(&parents, relation) {
            let Some((_, table)) = by_oid.get_mut(&at) else { continue };
            table.attached.extend(suspect.clone());
            if catalog == "pg_type" {
                table.types.push(oid);
            }
            if catalog == "pg_class" && at == relation {
                table.policies_read.extend(read.clone());
            }
        }
    }
    for row in query(CALLED).fetch_all(&mut *connection).await? {
        let called: Vec<String> = row.try_get("functions")?;
        let relation: i64 = row.try_get("relation")?;
        let to = AttachedTo::of(&row.try_get::<String, _>("kind")?);
        let suspect = called
            .iter()
            .filter_map(|oid| oid.parse().ok())
            .filter(|oid| to != AttachedTo::Index || !over_columns.contains(&(relation, *oid)))
            .find_map(|oid: i64| reading.functions.get(&oid).or_else(|| reading.by_name.get(&oid)));
        let is_large: bool = row.try_get("is_large")?;
        // However it is used, a session reads it with the table.
        let to = if is_large { AttachedTo::Other } else { to };
        let (what, function) = match suspect {
            Some(suspect) => (suspect.said(), suspect.vouchable()),
            None if is_large => {
                ("functions that are not looked at, since it is too large".to_owned(), None)
            }
            None => continue,
        };
        if let Some(domain) = suspects.types.get_mut(&row.try_get("domain")?) {
            domain.why = Some("is checked by a function that does more than give a result");
        }
        let attached = Attached { to, what, function };
        for at in family(&parents, relation) {
            if let Some((_, table)) = by_oid.get_mut(&at) {
                table.attached.push(attached.clone());
            }
        }
    }
    suspects.relations = by_oid.into_values().collect();
    Ok(())
}

/// A table and everything that it is a part of: what a partition brings, its parent brings too.
fn above(parents: &BTreeMap<i64, Vec<i64>>, oid: i64) -> BTreeSet<i64> {
    let (mut found, mut waiting) = (BTreeSet::from([oid]), vec![oid]);
    while let Some(at) = waiting.pop() {
        for parent in parents.get(&at).into_iter().flatten() {
            if found.insert(*parent) {
                waiting.push(*parent);
            }
        }
    }
    found
}

/// The same, and all its parts: a partition's bounds are made from its parent's key.
fn family(parents: &BTreeMap<i64, Vec<i64>>, oid: i64) -> BTreeSet<i64> {
    let mut found = above(parents, oid);
    loop {
        let below = parents.iter().filter(|(_, of)| of.iter().any(|parent| found.contains(parent)));
        let below: Vec<i64> =
            below.map(|(child, _)| *child).filter(|c| !found.contains(c)).collect();
        if below.is_empty() {
            return found;
        }
        found.extend(below);
    }
}
