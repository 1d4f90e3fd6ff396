//! What is asked of the catalogs for [`Suspects`](super::Suspects).

pub(super) const FUNCTIONS: &str = "
    SELECT /* optischema */ p.oid::pg_catalog.int8 AS oid, n.nspname::pg_catalog.text AS schema, p.proname::pg_catalog.text AS name,
           p.provolatile = 'v' AS volatile,
           -- PostgreSQL's own are in C or SQL; a member of a known extension is trusted where it is in C.
           l.lanname IN ('internal', 'c') OR (p.oid::pg_catalog.int8 < 16384 AND l.lanname = 'sql'
               -- Those of the information schema look their operators up when they run, where their body is a text.
               AND CASE WHEN n.nspname = 'information_schema'
                        THEN pg_catalog.to_jsonb(p)OPERATOR(pg_catalog.->>)'prosqlbody' IS NOT NULL ELSE true END) AS native,
           p.pronargs OPERATOR(pg_catalog.-) p.pronargdefaults <= 1 AND p.pronargs >= 1 AS unary,
           -- Called by name they read a value of any type: 'cstring' and 'internal'.
           p.oid::pg_catalog.int8 < 16384 AND ('2275'::pg_catalog.oid = ANY (p.proargtypes) OR '2281'::pg_catalog.oid = ANY (p.proargtypes))
               AS reads_any_type,
           p.prorettype::pg_catalog.int8 AS result,
           ARRAY(SELECT u.type::pg_catalog.int8 FROM pg_catalog.unnest(p.proallargtypes) u (type) WHERE u.type >= '16384') AS outputs,
           ARRAY(SELECT u.type::pg_catalog.int8 FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) u (type)
                 WHERE u.type >= '16384') AS arguments,
           -- A default is an expression of its own, and calls what it likes.
           CASE WHEN pg_catalog.pg_column_size(p.proargdefaults) > 65536 THEN true ELSE
               EXISTS (SELECT FROM pg_catalog.regexp_matches(p.proargdefaults::pg_catalog.text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') d (found)
                       WHERE d.found[1]::pg_catalog.int8 >= 16384) END AS has_own_default
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid::pg_catalog.int8 >= 16384 OR p.pronargdefaults > 0 OR p.provolatile = 'v' OR p.proname::pg_catalog.text = ANY ($1)
       OR l.lanname NOT IN ('internal', 'c', 'sql') OR n.nspname = 'information_schema'
       OR '2275'::pg_catalog.oid = ANY (p.proargtypes) OR '2281'::pg_catalog.oid = ANY (p.proargtypes)";

pub(super) const SYSTEM_RELATIONS: &str = "
    SELECT /* optischema */ c.relname::pg_catalog.text AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'pg_catalog' AND c.relkind IN ('r', 'v')";

pub(super) const OPERATORS: &str = "
    SELECT /* optischema */ o.oid::pg_catalog.int8 AS oid, n.nspname::pg_catalog.text AS schema, o.oprname::pg_catalog.text AS name,
           o.oprcode::pg_catalog.oid::pg_catalog.int8 AS function, o.oprcom::pg_catalog.int8 AS commutator, o.oprnegate::pg_catalog.int8 AS negator,
           o.oprleft::pg_catalog.int8 AS left_type, o.oprright::pg_catalog.int8 AS right_type, o.oprresult::pg_catalog.int8 AS result
    FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid::pg_catalog.int8 >= 16384
       OR o.oprcom::pg_catalog.int8 >= 16384 OR o.oprnegate::pg_catalog.int8 >= 16384";

pub(super) const CASTS: &str = "
    SELECT /* optischema */ c.oid::pg_catalog.int8 AS oid, s.oid::pg_catalog.int8 AS source, t.oid::pg_catalog.int8 AS target,
           c.castfunc::pg_catalog.int8 AS function, c.castcontext = 'i' AS is_implicit, s.typname::pg_catalog.text AS source_name, t.typname::pg_catalog.text AS target_name
    FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_type s ON s.oid = c.castsource JOIN pg_catalog.pg_type t ON t.oid = c.casttarget
    WHERE c.oid::pg_catalog.int8 >= 16384";

/// Types with what they are made of: base type, element, fields, subtype.
pub(super) const TYPES: &str = "
    SELECT /* optischema */ t.oid::pg_catalog.int8 AS oid, t.typname::pg_catalog.text AS name, t.typtype::pg_catalog.text AS kind,
           t.typinput::pg_catalog.oid::pg_catalog.int8 AS input, t.typinput::pg_catalog.oid = '750' AS is_array,
           pg_catalog.array_remove(ARRAY[t.typbasetype::pg_catalog.int8, t.typelem::pg_catalog.int8, COALESCE(r.rngsubtype::pg_catalog.int8, 0)], 0::pg_catalog.int8)
           OPERATOR(pg_catalog.||) ARRAY(SELECT m.rngtypid::pg_catalog.int8 FROM pg_catalog.pg_range m WHERE t.typtype = 'm'
                    AND (pg_catalog.to_jsonb(m)OPERATOR(pg_catalog.->>)'rngmultitypid')::pg_catalog.int8 = t.oid::pg_catalog.int8)
           OPERATOR(pg_catalog.||) ARRAY(SELECT a.atttypid::pg_catalog.int8 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
                    WHERE a.attrelid = t.typrelid AND a.atttypid::pg_catalog.int8 >= 16384 AND a.attnum > 0
                      AND NOT a.attisdropped) AS parts,
           COALESCE(r.rngcanonical::pg_catalog.oid::pg_catalog.int8, 0) AS canonical, COALESCE(r.rngsubdiff::pg_catalog.oid::pg_catalog.int8, 0) AS difference,
           COALESCE(r.rngsubopc::pg_catalog.int8, 0) AS class,
           -- Modifiers and elements are read and written by functions too.
           ARRAY[t.typmodin::pg_catalog.oid::pg_catalog.int8, t.typmodout::pg_catalog.oid::pg_catalog.int8, t.typoutput::pg_catalog.oid::pg_catalog.int8,
                 COALESCE((pg_catalog.to_jsonb(t)OPERATOR(pg_catalog.->>)'typsubscript')::pg_catalog.regproc::pg_catalog.oid::pg_catalog.int8, 0)] AS others,
           ARRAY[t.typsend::pg_catalog.oid::pg_catalog.int8, t.typoutput::pg_catalog.oid::pg_catalog.int8] AS senders
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid WHERE t.oid::pg_catalog.int8 >= 16384";

/// Members of operator families that are of this database, whether a class names them or not: the planner takes
/// them in to prove predicates and to make equivalence classes. `operator` is zero for a support function.
pub(super) const MEMBERS: &str = "
    SELECT /* optischema */ o.amopfamily::pg_catalog.int8 AS family, f.opfname::pg_catalog.text AS name,
           o.amoplefttype::pg_catalog.int8 AS left_type, o.amoprighttype::pg_catalog.int8 AS right_type,
           f.opfmethod IN ('403', '405') AS compares, o.amopopr::pg_catalog.int8 AS operator, op.oprcode::pg_catalog.oid::pg_catalog.int8 AS function
    FROM pg_catalog.pg_amop o JOIN pg_catalog.pg_operator op ON op.oid = o.amopopr
    JOIN pg_catalog.pg_opfamily f ON f.oid = o.amopfamily WHERE o.oid >= '16384'
    UNION ALL
    SELECT p.amprocfamily::pg_catalog.int8, f.opfname::pg_catalog.text, p.amproclefttype::pg_catalog.int8,
           p.amprocrighttype::pg_catalog.int8, f.opfmethod IN ('403', '405'), 0::pg_catalog.int8, p.amproc::pg_catalog.oid::pg_catalog.int8
    FROM pg_catalog.pg_amproc p JOIN pg_catalog.pg_opfamily f ON f.oid = p.amprocfamily WHERE p.oid >= '16384'";

pub(super) const CLASSES: &str = "
    SELECT /* optischema */ c.oid::pg_catalog.int8 AS oid, c.opcfamily::pg_catalog.int8 AS family,
           c.opcintype::pg_catalog.int8 AS input
    FROM pg_catalog.pg_opclass c WHERE c.oid >= '16384'";

pub(super) const RELATIONS: &str = "
    SELECT /* optischema */ c.oid::pg_catalog.int8 AS oid, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
           c.relkind::pg_catalog.text AS kind, c.reltype::pg_catalog.int8 AS row_type
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND c.oid::pg_catalog.int8 >= 16384 AND n.nspname OPERATOR(pg_catalog.!~) '^pg_toast'";

pub(super) const COLUMNS: &str = "
    SELECT /* optischema */ a.attrelid::pg_catalog.int8 AS relation, pg_catalog.array_agg(a.attname::pg_catalog.text) AS columns,
           pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum) FILTER (WHERE a.atttypid::pg_catalog.int8 >= 16384) AS own_columns,
           pg_catalog.array_agg(a.atttypid::pg_catalog.int8 ORDER BY a.attnum) FILTER (WHERE a.atttypid::pg_catalog.int8 >= 16384) AS types
    FROM pg_catalog.pg_attribute a WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid::pg_catalog.int8 >= 16384
    GROUP BY a.attrelid";

/// What expressions that the planner takes up with a table depend on: checks, index expressions, predicates
/// and operator classes, statistics, partition keys, virtual columns, and policies (those of a view's owner may apply, whoever
/// asks). The expression of a stored column is not looked at to read it. Domains' checks have no table; their type stands instead.
pub(super) const ATTACHED: &str = "
    SELECT /* optischema */ d.refclassid::pg_catalog.regclass::pg_catalog.text AS catalog, d.refobjid::pg_catalog.int8 AS oid,
           COALESCE(NULLIF(con.conrelid, 0), idx.indrelid, pol.polrelid, ext.stxrelid, def.adrelid, rel.oid)::pg_catalog.int8
               AS relation,
           NULLIF(con.contypid, 0)::pg_catalog.int8 AS domain,
           CASE WHEN con.contype = 'c' THEN 'check' WHEN idx.indexrelid IS NOT NULL THEN 'index'
                WHEN pol.oid IS NOT NULL THEN 'policy' ELSE 'other' END AS kind
    FROM pg_catalog.pg_depend d
    LEFT JOIN pg_catalog.pg_constraint con ON d.classid = 'pg_constraint'::pg_catalog.regclass AND con.oid = d.objid
    LEFT JOIN pg_catalog.pg_index idx ON d.classid = 'pg_class'::pg_catalog.regclass AND idx.indexrelid = d.objid
    LEFT JOIN pg_catalog.pg_policy pol ON d.classid = 'pg_policy'::pg_catalog.regclass AND pol.oid = d.objid
    LEFT JOIN pg_catalog.pg_statistic_ext ext ON d.classid = 'pg_statistic_ext'::pg_catalog.regclass AND ext.oid = d.objid
    LEFT JOIN pg_catalog.pg_attrdef def ON d.classid = 'pg_attrdef'::pg_catalog.regclass AND def.oid = d.objid
        AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = def.adrelid AND a.attnum = def.adnum
                    AND a.attgenerated = 'v')
    LEFT JOIN pg_catalog.pg_class rel ON d.classid = 'pg_class'::pg_catalog.regclass AND rel.oid = d.objid
        AND rel.relkind IN ('r', 'p', 'm', 'f') AND d.objsubid = 0
    WHERE d.refobjid::pg_catalog.int8 >= 16384 AND (d.refclassid IN ('pg_proc'::pg_catalog.regclass, 'pg_operator'::pg_catalog.regclass,
              'pg_opclass'::pg_catalog.regclass, 'pg_type'::pg_catalog.regclass) OR (d.refclassid = 'pg_class'::pg_catalog.regclass AND pol.oid IS NOT NULL))";

/// The functions in the same expressions, read from their trees: PostgreSQL's own leave no trace in `pg_depend`. A tree
/// that is large even as it is stored is not read, and stands for a suspect: reading it would take main's memory.
pub(super) const CALLED: &str = "
    WITH trees (relation, domain, kind, tree) AS (
        SELECT polrelid, '0'::pg_catalog.oid, 'policy', polqual FROM pg_catalog.pg_policy
        UNION ALL SELECT polrelid, '0', 'policy', polwithcheck FROM pg_catalog.pg_policy
        UNION ALL SELECT conrelid, contypid, CASE contype WHEN 'c' THEN 'check' ELSE 'other' END, conbin FROM pg_catalog.pg_constraint
        UNION ALL SELECT indrelid, '0', 'index', indexprs FROM pg_catalog.pg_index
        UNION ALL SELECT indrelid, '0', 'index', indpred FROM pg_catalog.pg_index
        UNION ALL SELECT partrelid, '0', 'other', partexprs FROM pg_catalog.pg_partitioned_table
        -- A view is judged by its text, too. What stands behind CASE, NULLIF and the like, or an implicit cast, is only here.
        UNION ALL SELECT ev_class, '0', 'view', ev_action FROM pg_catalog.pg_rewrite WHERE ev_type = '1' AND ev_class::pg_catalog.int8 >= 16384
        -- Of a default and of a stored column only the size counts: a session reads them with the table.
        UNION ALL SELECT d.adrelid, '0', CASE a.attgenerated WHEN 'v' THEN 'other' ELSE 'text' END, d.adbin FROM pg_catalog.pg_attrdef d
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum),
    expressions (relation, domain, kind, is_large, text) AS (
        SELECT t.relation, t.domain, t.kind, pg_catalog.pg_column_size(t.tree) > 65536,
               CASE WHEN pg_catalog.pg_column_size(t.tree) <= 65536 AND t.kind <> 'text' THEN t.tree::pg_catalog.text END
        FROM trees t WHERE t.tree IS NOT NULL
        -- 13 has no such column, so that it is taken from the row; of a row that is large it is not.
        UNION ALL SELECT s.stxrelid, '0'::pg_catalog.oid, 'other', pg_catalog.pg_column_size(s.*) > 65536,
               CASE WHEN pg_catalog.pg_column_size(s.*) <= 65536 THEN pg_catalog.to_jsonb(s)OPERATOR(pg_catalog.->>)'stxexprs' END
        FROM pg_catalog.pg_statistic_ext s)
    SELECT /* optischema */ t.relation::pg_catalog.int8 AS relation, t.domain::pg_catalog.int8 AS domain, t.kind,
           pg_catalog.bool_or(t.is_large) AS is_large,
           pg_catalog.array_remove(pg_catalog.array_agg(DISTINCT m.found[1]), NULL) AS functions
    FROM expressions t LEFT JOIN LATERAL pg_catalog.regexp_matches(t.text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') m (found) ON true
    WHERE (t.relation::pg_catalog.int8 >= 16384 OR t.domain::pg_catalog.int8 >= 16384) AND (t.is_large OR m.found IS NOT NULL)
    GROUP BY t.relation, t.domain, t.kind";

pub(super) const INHERITS: &str = "
    SELECT /* optischema */ inhrelid::pg_catalog.int8 AS child, inhparent::pg_catalog.int8 AS parent FROM pg_catalog.pg_inherits";
