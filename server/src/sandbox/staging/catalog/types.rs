//! Schemas, types, collations, functions, and what is only named.

use super::{Definitions, Version, is_own};
use crate::sql::DumpKind;

const SCHEMAS: &str = "
    SELECT NULL AS schema, n.nspname AS name, NULL AS of_schema, NULL AS of_name, pg_catalog.format('CREATE SCHEMA %I', n.nspname) AS sql
    FROM pg_catalog.pg_namespace n WHERE {own} ORDER BY n.oid";

const COLLATIONS: &str = "
    SELECT n.nspname AS schema, c.collname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('CREATE COLLATION %I.%I (%s%s)', n.nspname, c.collname,
               CASE c.collprovider
                   WHEN 'i' THEN pg_catalog.format('provider = icu, locale = %L', COALESCE({locale}, c.collcollate))
                   WHEN 'b' THEN pg_catalog.format('provider = builtin, locale = %L', {locale})
                   ELSE pg_catalog.format('provider = libc, lc_collate = %L, lc_ctype = %L', c.collcollate, c.collctype) END,
               CASE WHEN c.collisdeterministic THEN '' ELSE ', deterministic = false' END OPERATOR(pg_catalog.||) {rules}) AS sql
    FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE {own} ORDER BY c.oid";

const ENUMS: &str = "
    SELECT n.nspname AS schema, t.typname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname,
                  (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder) FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid)) AS sql
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'e' AND {own} ORDER BY t.oid";

const COMPOSITES: &str = "
    SELECT n.nspname AS schema, t.typname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('CREATE TYPE %I.%I AS (%s)', n.nspname, t.typname,
                  (SELECT pg_catalog.string_agg(pg_catalog.format('%I %s%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
                              CASE WHEN a.attcollation <> at.typcollation THEN pg_catalog.format(' COLLATE %I.%I', cn.nspname, co.collname) ELSE '' END), ', ' ORDER BY a.attnum)
                   FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type at ON at.oid = a.atttypid
                   LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                   WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)) AS sql
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
    WHERE t.typtype = 'c' AND {own} ORDER BY t.oid";

const RANGES: &str = "
    SELECT n.nspname AS schema, t.typname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('CREATE TYPE %I.%I AS RANGE (subtype = %s%s%s%s%s%s)', n.nspname, t.typname, pg_catalog.format_type(r.rngsubtype, NULL),
                  {multirange},
                  CASE WHEN NOT o.opcdefault THEN pg_catalog.format(', subtype_opclass = %I.%I', onsp.nspname, o.opcname) ELSE '' END,
                  CASE WHEN r.rngcollation <> st.typcollation THEN pg_catalog.format(', collation = %I.%I', cn.nspname, co.collname) ELSE '' END,
                  CASE WHEN r.rngcanonical::pg_catalog.oid <> 0 THEN pg_catalog.format(', canonical = %s', r.rngcanonical::pg_catalog.regproc) ELSE '' END,
                  CASE WHEN r.rngsubdiff::pg_catalog.oid <> 0 THEN pg_catalog.format(', subtype_diff = %s', r.rngsubdiff::pg_catalog.regproc) ELSE '' END) AS sql
    FROM pg_catalog.pg_range r JOIN pg_catalog.pg_type t ON t.oid = r.rngtypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    JOIN pg_catalog.pg_type st ON st.oid = r.rngsubtype JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc JOIN pg_catalog.pg_namespace onsp ON onsp.oid = o.opcnamespace
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = r.rngcollation LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
    WHERE {own} ORDER BY t.oid";

const DOMAINS: &str = "
    SELECT n.nspname AS schema, t.typname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('CREATE DOMAIN %I.%I AS %s%s%s%s%s', n.nspname, t.typname, pg_catalog.format_type(t.typbasetype, t.typtypmod),
                  CASE WHEN t.typcollation <> bt.typcollation THEN pg_catalog.format(' COLLATE %I.%I', cn.nspname, co.collname) ELSE '' END,
                  CASE WHEN t.typnotnull THEN {not_null} ELSE '' END,
                  ' DEFAULT ' OPERATOR(pg_catalog.||) COALESCE(pg_catalog.pg_get_expr(t.typdefaultbin, 0), pg_catalog.quote_literal(t.typdefault)),
                  (SELECT pg_catalog.string_agg(pg_catalog.format(' CONSTRAINT %I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)), '' ORDER BY k.conname)
                   FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c' AND k.convalidated)) AS sql
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace JOIN pg_catalog.pg_type bt ON bt.oid = t.typbasetype
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = t.typcollation LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
    WHERE t.typtype = 'd' AND {own} ORDER BY t.oid";

const DOMAIN_CHECKS: &str = "
    SELECT n.nspname AS schema, k.conname AS name, n.nspname AS of_schema, t.typname AS of_name,
           pg_catalog.format('ALTER DOMAIN %I.%I ADD CONSTRAINT %I %s', n.nspname, t.typname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) AS sql
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE k.contype = 'c' AND NOT k.convalidated AND {own} ORDER BY t.oid, k.conname";

/// `CREATE OR REPLACE` would replace a function that somebody has in the sandbox. Constructors of ranges come with these.
const FUNCTIONS: &str = "
    SELECT n.nspname AS schema, p.proname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.regexp_replace(pg_catalog.pg_get_functiondef(p.oid), '^CREATE OR REPLACE ', 'CREATE ') AS sql
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind IN ('f', 'p', 'w') AND {own}
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i WHERE i.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND i.objid = p.oid AND i.deptype = 'i') ORDER BY p.oid";

/// What only `pg_dump` writes out.
const NAMED: &str = "
    SELECT n.nspname AS schema, o.name, NULL AS of_schema, NULL AS of_name, '' AS sql
    FROM (SELECT oid, 'pg_catalog.pg_operator'::pg_catalog.regclass AS class, oprname AS name, oprnamespace AS namespace FROM pg_catalog.pg_operator
          UNION ALL SELECT oid, 'pg_catalog.pg_opclass'::pg_catalog.regclass, opcname, opcnamespace FROM pg_catalog.pg_opclass
          UNION ALL SELECT oid, 'pg_catalog.pg_conversion'::pg_catalog.regclass, conname, connamespace FROM pg_catalog.pg_conversion
          UNION ALL SELECT oid, 'pg_catalog.pg_ts_config'::pg_catalog.regclass, cfgname, cfgnamespace FROM pg_catalog.pg_ts_config
          UNION ALL SELECT oid, 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, dictname, dictnamespace FROM pg_catalog.pg_ts_dict
          UNION ALL SELECT oid, 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, prsname, prsnamespace FROM pg_catalog.pg_ts_parser
          UNION ALL SELECT oid, 'pg_catalog.pg_ts_template'::pg_catalog.regclass, tmplname, tmplnamespace FROM pg_catalog.pg_ts_template
          UNION ALL SELECT oid, 'pg_catalog.pg_opfamily'::pg_catalog.regclass, opfname, opfnamespace FROM pg_catalog.pg_opfamily f
                    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_opclass c WHERE c.opcfamily = f.oid)
          -- Of C functions, or declared only. The array of a type goes with it.
          UNION ALL SELECT oid, 'pg_catalog.pg_type'::pg_catalog.regclass, typname, typnamespace FROM pg_catalog.pg_type t
                    WHERE typtype IN ('b', 'p') AND NOT EXISTS (SELECT FROM pg_catalog.pg_type i WHERE i.typarray = t.oid)
          UNION ALL SELECT oid, 'pg_catalog.pg_proc'::pg_catalog.regclass, proname, pronamespace FROM pg_catalog.pg_proc WHERE prokind = 'a') o
    JOIN pg_catalog.pg_namespace n ON n.oid = o.namespace
    WHERE o.oid >= '16384' AND n.nspname <> 'optischema'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = o.class AND e.objid = o.oid AND e.deptype = 'e') ORDER BY o.oid";

const CASTS: &str = "
    SELECT NULL AS schema, pg_catalog.format('CAST (%s AS %s)', pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL)) AS name,
           NULL AS of_schema, NULL AS of_name, '' AS sql
    FROM pg_catalog.pg_cast c WHERE c.oid >= '16384'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND e.objid = c.oid AND e.deptype IN ('e', 'i')) ORDER BY c.oid";

/// Kinds that are left out, by whatever means the definitions are read.
const LEFT_OUT: &str = "
    SELECT NULL AS schema, o.name, NULL AS of_schema, NULL AS of_name, '' AS sql
    FROM (SELECT oid, 'pg_catalog.pg_language'::pg_catalog.regclass AS class, 'LANGUAGE ' OPERATOR(pg_catalog.||) lanname::pg_catalog.text AS name FROM pg_catalog.pg_language
          UNION ALL SELECT oid, 'pg_catalog.pg_am'::pg_catalog.regclass, 'ACCESS METHOD ' OPERATOR(pg_catalog.||) amname::pg_catalog.text FROM pg_catalog.pg_am
          UNION ALL SELECT t.oid, 'pg_catalog.pg_transform'::pg_catalog.regclass, pg_catalog.format('TRANSFORM FOR %s LANGUAGE %s', pg_catalog.format_type(t.trftype, NULL), l.lanname)
                    FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang) o
    WHERE o.oid >= '16384'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = o.class AND e.objid = o.oid AND e.deptype = 'e') ORDER BY o.oid";

const FOREIGN: &str = "
    SELECT n.nspname AS schema, c.relname AS name, NULL AS of_schema, NULL AS of_name, '' AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'f' AND {own} ORDER BY c.oid";

const EVENT_TRIGGERS: &str = "
    SELECT NULL AS schema, t.evtname AS name, NULL AS of_schema, NULL AS of_name, '' AS sql FROM pg_catalog.pg_event_trigger t
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND e.objid = t.oid AND e.deptype = 'e')";

pub(super) fn queries(version: Version) -> Vec<Definitions> {
    let locale = match () {
        () if version.is_at_least(17) => "c.colllocale",
        () if version.is_at_least(15) => "c.colliculocale",
        () => "NULL::text",
    };
    let rules = version.since(16, "CASE WHEN c.collicurules IS NOT NULL THEN pg_catalog.format(', rules = %L', c.collicurules) ELSE '' END", "''");
    let multirange = version.since(
        14,
        "(SELECT pg_catalog.format(', multirange_type_name = %I.%I', mn.nspname, m.typname) FROM pg_catalog.pg_type m JOIN pg_catalog.pg_namespace mn ON mn.oid = m.typnamespace WHERE m.oid = r.rngmultitypid)",
        "''",
    );
    // From 17 on the constraint has a name.
    let not_null = version.since(
        17,
        "COALESCE((SELECT pg_catalog.format(' CONSTRAINT %I NOT NULL', k.conname) FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'n'), ' NOT NULL')",
        "' NOT NULL'",
    );
    let of = |kind, text: &str, alias: &str, class: &str| Definitions {
        kind,
        text: text
            .replace("{own}", &is_own(alias, class))
            .replace("{locale}", locale)
            .replace("{rules}", rules)
            .replace("{multirange}", multirange)
            .replace("{not_null}", not_null),
    };
    vec![
        of(DumpKind::Schema, SCHEMAS, "n", "pg_namespace"),
        of(DumpKind::Collation, COLLATIONS, "c", "pg_collation"),
        of(DumpKind::Type, ENUMS, "t", "pg_type"),
        of(DumpKind::Type, COMPOSITES, "t", "pg_type"),
        of(DumpKind::Type, RANGES, "t", "pg_type"),
        of(DumpKind::Domain, DOMAINS, "t", "pg_type"),
        of(DumpKind::Function, FUNCTIONS, "p", "pg_proc"),
        of(DumpKind::Other, NAMED, "o", "pg_operator"),
        of(DumpKind::Other, CASTS, "c", "pg_cast"),
        of(DumpKind::Unknown, LEFT_OUT, "o", "pg_language"),
        of(DumpKind::Foreign, FOREIGN, "c", "pg_class"),
        of(DumpKind::EventTrigger, EVENT_TRIGGERS, "t", "pg_event_trigger"),
        of(DumpKind::Domain, DOMAIN_CHECKS, "t", "pg_type"),
    ]
}
