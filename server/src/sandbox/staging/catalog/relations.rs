//! Sequences, tables with their columns, and views.

use super::{Definitions, Version, is_own};
use crate::sql::DumpKind;

const SEQUENCE_OPTIONS: &str = "pg_catalog.format(' START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s', s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)";

const SEQUENCES: &str = "
    SELECT n.nspname AS schema, c.relname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('CREATE %sSEQUENCE %I.%I AS %s%s', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END,
                  n.nspname, c.relname, pg_catalog.format_type(s.seqtypid, NULL), {options}) AS sql
    FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend i WHERE i.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.objid = c.oid AND i.deptype = 'i') AND {own} ORDER BY c.oid";

const SEQUENCE_OWNERS: &str = "
    SELECT n.nspname AS schema, c.relname AS name, tn.nspname AS of_schema, t.relname AS of_name,
           pg_catalog.format('ALTER SEQUENCE %I.%I OWNED BY %I.%I.%I', n.nspname, c.relname, tn.nspname, t.relname, a.attname) AS sql
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid AND c.relkind = 'S' JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class t ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.oid = d.refobjid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE d.deptype = 'a' AND {own} ORDER BY c.oid";

/// A partition is made whole and attached; a child has its own columns.
const TABLES: &str = "
    SELECT n.nspname AS schema, c.relname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('CREATE %sTABLE %I.%I %s%s%s%s%s',
                  CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, n.nspname, c.relname,
                  CASE WHEN c.reloftype <> 0 THEN 'OF ' OPERATOR(pg_catalog.||) pg_catalog.format_type(c.reloftype, NULL)
                       ELSE pg_catalog.format('(%s)', pg_catalog.concat_ws(', ', columns.list, checks.list)) END,
                  CASE WHEN NOT c.relispartition THEN
                      (SELECT pg_catalog.format(' INHERITS (%s)', pg_catalog.string_agg(pg_catalog.format('%I.%I', pn.nspname, p.relname), ', ' ORDER BY i.inhseqno))
                       FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid
                       HAVING pg_catalog.count(*) > 0) END,
                  CASE WHEN c.relkind = 'p' THEN ' PARTITION BY ' OPERATOR(pg_catalog.||) pg_catalog.pg_get_partkeydef(c.oid) END,
                  (SELECT pg_catalog.format(' USING %I', am.amname) FROM pg_catalog.pg_am am WHERE am.oid = c.relam AND am.amname <> 'heap'),
                  (SELECT pg_catalog.format(' WITH (%s)', pg_catalog.string_agg(o.written, ', ')) FROM (
                       SELECT pg_catalog.format('%s=%L', pg_catalog.split_part(w, '=', 1), pg_catalog.substr(w, pg_catalog.strpos(w, '=') OPERATOR(pg_catalog.+) 1)) AS written FROM pg_catalog.unnest(c.reloptions) w
                       UNION ALL SELECT pg_catalog.format('toast.%s=%L', pg_catalog.split_part(w, '=', 1), pg_catalog.substr(w, pg_catalog.strpos(w, '=') OPERATOR(pg_catalog.+) 1)) FROM pg_catalog.pg_class x, pg_catalog.unnest(x.reloptions) w WHERE x.oid = c.reltoastrelid) o
                   HAVING pg_catalog.count(*) > 0)) AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (
        SELECT pg_catalog.string_agg(pg_catalog.format('%I %s%s%s%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
                   CASE WHEN a.attgenerated <> '' THEN pg_catalog.format(' GENERATED ALWAYS AS (%s) %s', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
                       CASE a.attgenerated WHEN 'v' THEN 'VIRTUAL' ELSE 'STORED' END) END,
                   CASE WHEN a.attnotnull THEN {not_null} END,
                   CASE WHEN a.attcollation <> t.typcollation THEN pg_catalog.format(' COLLATE %I.%I', cn.nspname, co.collname) END), ', ' ORDER BY a.attnum) AS list
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
        {not_null_join}
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND (a.attislocal OR c.relispartition)) columns ON true
    LEFT JOIN LATERAL (
        SELECT pg_catalog.string_agg(pg_catalog.format('CONSTRAINT %I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)), ', ' ORDER BY k.conname) AS list
        FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated AND (k.conislocal OR c.relispartition)) checks ON true
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {own} ORDER BY c.oid";

const TYPED_NOT_NULLS: &str = "
    SELECT n.nspname AS schema, pg_catalog.format('%s.%s', c.relname, a.attname) AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I SET NOT NULL', n.nspname, c.relname, a.attname) AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE c.reloftype <> 0 AND a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped AND {own} ORDER BY c.oid, a.attnum";

const TYPED_CHECKS: &str = "
    SELECT n.nspname AS schema, k.conname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid
    WHERE c.reloftype <> 0 AND k.contype = 'c' AND k.convalidated AND {own} ORDER BY c.oid, k.conname";

/// A child's own NOT NULL on a column of its parent; from 18 on a constraint with a name.
const INHERITED_NOT_NULLS: &str = "
    SELECT n.nspname AS schema, pg_catalog.format('%s.%s', c.relname, a.attname) AS name, n.nspname AS of_schema, c.relname AS of_name, {own_not_null} AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    {not_null_join}
    WHERE NOT c.relispartition AND a.attnum > 0 AND a.attnotnull AND NOT a.attislocal AND a.attinhcount > 0 AND NOT a.attisdropped
      AND {has_own_not_null} AND {own} ORDER BY c.oid, a.attnum";

const PARTITIONS: &str = "
    SELECT n.nspname AS schema, c.relname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE ONLY %I.%I ATTACH PARTITION %I.%I %s', pn.nspname, p.relname, n.nspname, c.relname, pg_catalog.pg_get_expr(c.relpartbound, c.oid)) AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
    JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
    WHERE c.relispartition AND c.relkind IN ('r', 'p') AND {own} ORDER BY c.oid";

const DEFAULTS: &str = "
    SELECT n.nspname AS schema, pg_catalog.format('%s.%s', c.relname, a.attname) AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE ONLY %I.%I ALTER COLUMN %I SET DEFAULT %s', n.nspname, c.relname, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid)) AS sql
    FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = ''
    WHERE c.relkind IN ('r', 'p', 'v') AND {own} ORDER BY c.oid, d.adnum";

const IDENTITIES: &str = "
    SELECT n.nspname AS schema, pg_catalog.format('%s.%s', c.relname, a.attname) AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (SEQUENCE NAME %I.%I%s)', n.nspname, c.relname, a.attname,
                  CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, qn.nspname, q.relname, {options}) AS sql
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    JOIN pg_catalog.pg_class q ON q.oid = d.objid AND q.relkind = 'S' JOIN pg_catalog.pg_namespace qn ON qn.oid = q.relnamespace JOIN pg_catalog.pg_sequence s ON s.seqrelid = q.oid
    WHERE a.attidentity <> '' AND NOT (c.relispartition AND {inherits_identity}) AND {own} ORDER BY c.oid, a.attnum";

/// Storage, compression, statistics targets and options of columns.
const COLUMNS: &str = "
    SELECT n.nspname AS schema, pg_catalog.format('%s.%s', c.relname, a.attname) AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE ONLY %I.%I ALTER COLUMN %I %s', n.nspname, c.relname, a.attname, p.what) AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid,
    LATERAL (VALUES
        (CASE WHEN a.attstattarget >= 0 THEN 'SET STATISTICS ' OPERATOR(pg_catalog.||) a.attstattarget END),
        (CASE WHEN a.attstorage <> t.typstorage AND c.relkind <> 'v' THEN 'SET STORAGE ' OPERATOR(pg_catalog.||) CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END),
        ({compression}),
        ((SELECT pg_catalog.format('SET (%s)', pg_catalog.string_agg(pg_catalog.format('%I=%s', pg_catalog.split_part(w, '=', 1), pg_catalog.substr(w, pg_catalog.strpos(w, '=') OPERATOR(pg_catalog.+) 1)), ', ')) FROM pg_catalog.unnest(a.attoptions) w WHERE w NOT LIKE 'pg\\_%' HAVING pg_catalog.count(*) > 0))
    ) p (what)
    WHERE c.relkind IN ('r', 'p', 'm') AND p.what IS NOT NULL AND {own} ORDER BY c.oid, a.attnum";

/// An expression's check option is one of its options.
const VIEWS: &str = "
    SELECT n.nspname AS schema, c.relname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('CREATE VIEW %I.%I%s AS %s', n.nspname, c.relname,
                  (SELECT pg_catalog.format(' WITH (%s)', pg_catalog.string_agg(pg_catalog.format('%s=%L', pg_catalog.split_part(w, '=', 1), pg_catalog.substr(w, pg_catalog.strpos(w, '=') OPERATOR(pg_catalog.+) 1)), ', ')) FROM pg_catalog.unnest(c.reloptions) w HAVING pg_catalog.count(*) > 0),
                  pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')) AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v' AND {own} ORDER BY c.oid";

const MATERIALIZED: &str = "
    SELECT n.nspname AS schema, c.relname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('CREATE MATERIALIZED VIEW %I.%I%s AS %s WITH NO DATA', n.nspname, c.relname,
                  (SELECT pg_catalog.format(' WITH (%s)', pg_catalog.string_agg(pg_catalog.format('%s=%L', pg_catalog.split_part(w, '=', 1), pg_catalog.substr(w, pg_catalog.strpos(w, '=') OPERATOR(pg_catalog.+) 1)), ', ')) FROM pg_catalog.unnest(c.reloptions) w HAVING pg_catalog.count(*) > 0),
                  pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')) AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND {own} ORDER BY c.oid";

pub(super) fn queries(version: Version) -> Vec<Definitions> {
    let compression = version.since(
        14,
        "CASE a.attcompression WHEN 'p' THEN 'SET COMPRESSION pglz' WHEN 'l' THEN 'SET COMPRESSION lz4' END",
        "NULL",
    );
    // From 18 on NOT NULL is a constraint with a name, inherited or not.
    let not_null = version.since(
        18,
        "CASE WHEN nn.oid IS NOT NULL AND nn.convalidated THEN pg_catalog.format(' CONSTRAINT %I NOT NULL%s', nn.conname, CASE WHEN nn.connoinherit THEN ' NO INHERIT' ELSE '' END) END",
        "' NOT NULL'",
    );
    let not_null_join = version.since(
        18,
        "LEFT JOIN pg_catalog.pg_constraint nn ON nn.conrelid = c.oid AND nn.contype = 'n' AND nn.conkey = ARRAY[a.attnum] AND (nn.conislocal OR c.relispartition)",
        "",
    );
    let own_not_null = version.since(
        18,
        "pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, nn.conname, pg_catalog.pg_get_constraintdef(nn.oid))",
        "pg_catalog.format('ALTER TABLE ONLY %I.%I ALTER COLUMN %I SET NOT NULL', n.nspname, c.relname, a.attname)",
    );
    let has_own_not_null = version.since(
        18,
        "nn.convalidated",
        "NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname
                      WHERE i.inhrelid = c.oid AND p.attnotnull)",
    );
    // From 17 on a partition has the identity of its parent.
    let inherits_identity = version.since(17, "true", "false");
    let of = |kind, text: &str| Definitions {
        kind,
        text: text
            .replace("{own}", &is_own("c", "pg_class"))
            .replace("{options}", SEQUENCE_OPTIONS)
            .replace("{compression}", compression)
            .replace("{own_not_null}", own_not_null)
            .replace("{has_own_not_null}", has_own_not_null)
            .replace("{not_null}", not_null)
            .replace("{not_null_join}", not_null_join)
            .replace("{inherits_identity}", inherits_identity),
    };
    vec![
        of(DumpKind::Sequence, SEQUENCES),
        of(DumpKind::Table, TABLES),
        of(DumpKind::TablePart, TYPED_NOT_NULLS),
        of(DumpKind::TablePart, TYPED_CHECKS),
        of(DumpKind::TablePart, INHERITED_NOT_NULLS),
        of(DumpKind::TablePart, PARTITIONS),
        of(DumpKind::SequenceOwner, SEQUENCE_OWNERS),
        of(DumpKind::Default, DEFAULTS),
        of(DumpKind::TablePart, IDENTITIES),
        of(DumpKind::TablePart, COLUMNS),
        of(DumpKind::View, VIEWS),
        of(DumpKind::MaterializedView, MATERIALIZED),
    ]
}
