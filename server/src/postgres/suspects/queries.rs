//! What is asked of the catalogs for [`Suspects`](super::Suspects).

/// Objects of known extensions, by catalog.
pub(super) const KNOWN: &str = "
    SELECT /* optischema */ d.classid::regclass::text AS catalog, d.objid::int8 AS oid
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
    WHERE d.deptype = 'e' AND e.extname::text = ANY ($1)";

pub(super) const FUNCTIONS: &str = "
    SELECT /* optischema */ p.oid::int8 AS oid, n.nspname::text AS schema, p.proname::text AS name,
           p.provolatile = 'v' AS volatile,
           -- PostgreSQL's own are in C or SQL; a member of a known extension is trusted where it is in C.
           l.lanname IN ('internal', 'c') OR (p.oid::int8 < 16384 AND l.lanname = 'sql') AS native,
           p.pronargs - p.pronargdefaults <= 1 AND p.pronargs >= 1 AS unary,
           -- Called by name they read a value of any type: 'cstring' and 'internal'.
           p.oid::int8 < 16384 AND ('2275'::oid = ANY (p.proargtypes) OR '2281'::oid = ANY (p.proargtypes))
               AS reads_any_type,
           p.prorettype::int8 AS result
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
    WHERE p.oid::int8 >= 16384 OR p.provolatile = 'v' OR p.proname::text = ANY ($1)
       OR l.lanname NOT IN ('internal', 'c', 'sql')
       OR '2275'::oid = ANY (p.proargtypes) OR '2281'::oid = ANY (p.proargtypes)";

pub(super) const SYSTEM_RELATIONS: &str = "
    SELECT /* optischema */ c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'pg_catalog' AND c.relkind IN ('r', 'v')";

pub(super) const OPERATORS: &str = "
    SELECT /* optischema */ o.oid::int8 AS oid, n.nspname::text AS schema, o.oprname::text AS name,
           o.oprcode::oid::int8 AS function, o.oprcom::int8 AS commutator, o.oprnegate::int8 AS negator,
           o.oprleft::int8 AS left_type, o.oprright::int8 AS right_type
    FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid::int8 >= 16384
       OR o.oprcom::int8 >= 16384 OR o.oprnegate::int8 >= 16384";

pub(super) const CASTS: &str = "
    SELECT /* optischema */ c.oid::int8 AS oid, s.oid::int8 AS source, t.oid::int8 AS target,
           c.castfunc::int8 AS function, s.typname::text AS source_name, t.typname::text AS target_name
    FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget
    WHERE c.oid::int8 >= 16384 AND c.castfunc <> 0";

/// Types with what they are made of: base type, element, fields, subtype.
pub(super) const TYPES: &str = "
    SELECT /* optischema */ t.oid::int8 AS oid, t.typname::text AS name, t.typtype::text AS kind,
           t.typinput::oid::int8 AS input, t.typcategory = 'A' AS is_array,
           array_remove(ARRAY[t.typbasetype::int8, t.typelem::int8, COALESCE(r.rngsubtype::int8, 0)], 0::int8)
           || ARRAY(SELECT m.rngtypid::int8 FROM pg_range m WHERE t.typtype = 'm'
                    AND (to_jsonb(m)->>'rngmultitypid')::int8 = t.oid::int8)
           || ARRAY(SELECT a.atttypid::int8 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                    WHERE a.attrelid = t.typrelid AND a.atttypid::int8 >= 16384 AND a.attnum > 0
                      AND NOT a.attisdropped) AS parts,
           COALESCE(r.rngcanonical::oid::int8, 0) AS canonical, COALESCE(r.rngsubdiff::oid::int8, 0) AS difference,
           COALESCE(r.rngsubopc::int8, 0) AS class
    FROM pg_type t LEFT JOIN pg_range r ON r.rngtypid = t.oid WHERE t.oid::int8 >= 16384";

pub(super) const CLASSES: &str = "
    SELECT /* optischema */ c.oid::int8 AS oid, c.opcname::text AS name, c.opcintype::int8 AS input,
           c.opcmethod::int8 IN (403, 405) AS compares,
           ARRAY(SELECT p.amproc::oid::int8 FROM pg_amproc p WHERE p.amprocfamily = c.opcfamily)
           || ARRAY(SELECT op.oprcode::oid::int8 FROM pg_amop o JOIN pg_operator op ON op.oid = o.amopopr
                    WHERE o.amopfamily = c.opcfamily) AS functions
    FROM pg_opclass c WHERE c.oid::int8 >= 16384";

pub(super) const RELATIONS: &str = "
    SELECT /* optischema */ c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name,
           c.relkind::text AS kind, c.reltype::int8 AS row_type
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND c.oid::int8 >= 16384 AND n.nspname !~ '^pg_toast'";

pub(super) const COLUMNS: &str = "
    SELECT /* optischema */ a.attrelid::int8 AS relation, array_agg(a.attname::text) AS columns,
           array_agg(DISTINCT a.atttypid::int8) FILTER (WHERE a.atttypid::int8 >= 16384) AS types
    FROM pg_attribute a WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid::int8 >= 16384
    GROUP BY a.attrelid";

/// What expressions that the planner takes up with a table depend on: checks, index expressions, predicates
/// and operator classes, statistics, partition keys, generated columns, and policies (those of a view's owner may apply, whoever
/// asks). Domains' checks have no table; their type stands instead.
pub(super) const ATTACHED: &str = "
    SELECT /* optischema */ d.refclassid::regclass::text AS catalog, d.refobjid::int8 AS oid,
           COALESCE(NULLIF(con.conrelid, 0), idx.indrelid, pol.polrelid, ext.stxrelid, def.adrelid, rel.oid)::int8
               AS relation,
           NULLIF(con.contypid, 0)::int8 AS domain
    FROM pg_depend d
    LEFT JOIN pg_constraint con ON d.classid = 'pg_constraint'::regclass AND con.oid = d.objid
    LEFT JOIN pg_index idx ON d.classid = 'pg_class'::regclass AND idx.indexrelid = d.objid
    LEFT JOIN pg_policy pol ON d.classid = 'pg_policy'::regclass AND pol.oid = d.objid
    LEFT JOIN pg_statistic_ext ext ON d.classid = 'pg_statistic_ext'::regclass AND ext.oid = d.objid
    LEFT JOIN pg_attrdef def ON d.classid = 'pg_attrdef'::regclass AND def.oid = d.objid
        AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = def.adrelid AND a.attnum = def.adnum
                    AND a.attgenerated <> '')
    LEFT JOIN pg_class rel ON d.classid = 'pg_class'::regclass AND rel.oid = d.objid
        AND rel.relkind IN ('r', 'p', 'm', 'f')
    WHERE d.refobjid::int8 >= 16384 AND (d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass,
              'pg_opclass'::regclass, 'pg_type'::regclass) OR (d.refclassid = 'pg_class'::regclass AND pol.oid IS NOT NULL))";

/// The functions in the same expressions, read from their trees: PostgreSQL's own leave no trace in `pg_depend`.
pub(super) const CALLED: &str = "
    SELECT /* optischema */ t.relation::int8 AS relation, t.domain::int8 AS domain,
           array_agg(DISTINCT m.found[1]) AS functions
    FROM (SELECT polrelid AS relation, '0'::oid AS domain,
                 concat(polqual::text, polwithcheck::text) AS tree FROM pg_policy
          UNION ALL SELECT conrelid, contypid, conbin::text FROM pg_constraint WHERE conbin IS NOT NULL
          UNION ALL SELECT indrelid, '0', concat(indexprs::text, indpred::text) FROM pg_index
          UNION ALL SELECT stxrelid, '0', to_jsonb(s)->>'stxexprs' FROM pg_statistic_ext s
          UNION ALL SELECT partrelid, '0', partexprs::text FROM pg_partitioned_table
          UNION ALL SELECT d.adrelid, '0', d.adbin::text FROM pg_attrdef d
                    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                    WHERE a.attgenerated <> '') t,
         LATERAL regexp_matches(t.tree, ':(?:funcid|opfuncid) ([0-9]+)', 'g') m (found)
    WHERE t.relation::int8 >= 16384 OR t.domain::int8 >= 16384
    GROUP BY t.relation, t.domain";

pub(super) const INHERITS: &str = "
    SELECT /* optischema */ inhrelid::int8 AS child, inhparent::int8 AS parent FROM pg_inherits";
