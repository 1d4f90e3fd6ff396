//! What follows the rows: keys, indexes, statistics, rules, triggers, policies, comments.

use super::{Definitions, Version, is_own};
use crate::sql::DumpKind;

const RELATION: &str = "JOIN pg_catalog.pg_class c ON c.oid = {relation} JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

const KEYS: &str = "
    SELECT n.nspname AS schema, k.conname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE ONLY %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) AS sql
    FROM pg_catalog.pg_constraint k {of k.conrelid} WHERE k.contype IN ('p', 'u', 'x') AND {own} ORDER BY k.oid";

/// Checks and NOT NULLs that are not validated, or not enforced, are added to the rows that are there.
const CONSTRAINTS: &str = "
    SELECT n.nspname AS schema, k.conname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) AS sql
    FROM pg_catalog.pg_constraint k {of k.conrelid} WHERE k.contype IN ('c', 'n') AND NOT k.convalidated AND k.conislocal AND {own} ORDER BY k.oid";

const INDEXES: &str = "
    SELECT n.nspname AS schema, x.relname AS name, n.nspname AS of_schema, c.relname AS of_name, pg_catalog.pg_get_indexdef(i.indexrelid) AS sql
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid {of i.indrelid}
    WHERE (i.indisvalid OR x.relkind = 'I') AND c.relkind IN ('r', 'p', 'm')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AND {own} ORDER BY i.indexrelid";

const INDEX_LINKS: &str = "
    SELECT n.nspname AS schema, x.relname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER INDEX %I.%I ATTACH PARTITION %I.%I', pn.nspname, p.relname, n.nspname, x.relname) AS sql
    FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_index i ON i.indexrelid = h.inhrelid JOIN pg_catalog.pg_class x ON x.oid = h.inhrelid {of i.indrelid}
    JOIN pg_catalog.pg_class p ON p.oid = h.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE {own} ORDER BY h.inhrelid";

const INDEX_STATISTICS: &str = "
    SELECT n.nspname AS schema, x.relname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', n.nspname, x.relname, a.attnum, a.attstattarget) AS sql
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class x ON x.oid = a.attrelid AND x.relkind IN ('i', 'I') JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid {of i.indrelid}
    WHERE a.attstattarget >= 0 AND {own} ORDER BY x.oid, a.attnum";

/// Options of the indexes behind keys, which the definition of a key leaves out.
const KEY_OPTIONS: &str = "
    SELECT n.nspname AS schema, x.relname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER INDEX %I.%I SET (%s)', n.nspname, x.relname,
                  (SELECT pg_catalog.string_agg(pg_catalog.format('%s=%L', pg_catalog.split_part(w, '=', 1), pg_catalog.substr(w, pg_catalog.strpos(w, '=') OPERATOR(pg_catalog.+) 1)), ', ') FROM pg_catalog.unnest(x.reloptions) w)) AS sql
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class x ON x.oid = k.conindid {of k.conrelid}
    WHERE k.contype IN ('p', 'u', 'x') AND x.reloptions IS NOT NULL AND {own} ORDER BY k.oid";

const CLUSTERED: &str = "
    SELECT n.nspname AS schema, c.relname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE %I.%I CLUSTER ON %I', n.nspname, c.relname, x.relname) AS sql
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid {of i.indrelid} WHERE i.indisclustered AND {own} ORDER BY i.indexrelid";

const REPLICA_IDENTITIES: &str = "
    SELECT n.nspname AS schema, c.relname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE ONLY %I.%I REPLICA IDENTITY %s', n.nspname, c.relname,
                  CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
                  ELSE (SELECT pg_catalog.format('USING INDEX %I', x.relname) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                        WHERE i.indrelid = c.oid AND i.indisreplident) END) AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND c.relreplident IN ('f', 'n', 'i') AND {own} ORDER BY c.oid";

const STATISTICS: &str = "
    SELECT sn.nspname AS schema, s.stxname AS name, n.nspname AS of_schema, c.relname AS of_name, pg_catalog.pg_get_statisticsobjdef(s.oid) AS sql
    FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace sn ON sn.oid = s.stxnamespace {of s.stxrelid} WHERE {own} ORDER BY s.oid";

const STATISTICS_TARGETS: &str = "
    SELECT sn.nspname AS schema, s.stxname AS name, NULL AS of_schema, NULL AS of_name,
           pg_catalog.format('ALTER STATISTICS %I.%I SET STATISTICS %s', sn.nspname, s.stxname, s.stxstattarget) AS sql
    FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace sn ON sn.oid = s.stxnamespace {of s.stxrelid} WHERE s.stxstattarget >= 0 AND {own} ORDER BY s.oid";

/// Those of partitions follow from their parents'.
const FOREIGN_KEYS: &str = "
    SELECT n.nspname AS schema, k.conname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE %s%I.%I ADD CONSTRAINT %I %s', CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END,
                  n.nspname, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) AS sql
    FROM pg_catalog.pg_constraint k {of k.conrelid} WHERE k.contype = 'f' AND k.conparentid = 0 AND {own} ORDER BY k.oid";

const RULES: &str = "
    SELECT n.nspname AS schema, r.rulename AS name, n.nspname AS of_schema, c.relname AS of_name, pg_catalog.pg_get_ruledef(r.oid) AS sql
    FROM pg_catalog.pg_rewrite r {of r.ev_class} WHERE r.rulename <> '_RETURN' AND {own} ORDER BY r.oid";

const TRIGGERS: &str = "
    SELECT n.nspname AS schema, t.tgname AS name, n.nspname AS of_schema, c.relname AS of_name, pg_catalog.pg_get_triggerdef(t.oid) AS sql
    FROM pg_catalog.pg_trigger t {of t.tgrelid} WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {own} ORDER BY t.oid";

const STATES: &str = "
    SELECT n.nspname AS schema, s.name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE %I.%I %s %s %I', n.nspname, c.relname,
                  CASE s.state WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END, s.what, s.name) AS sql
    FROM (SELECT t.tgrelid AS relation, t.tgname AS name, t.tgenabled AS state, 'TRIGGER' AS what, t.oid
          FROM pg_catalog.pg_trigger t LEFT JOIN pg_catalog.pg_trigger p ON p.oid = t.tgparentid
          WHERE (NOT t.tgisinternal OR t.tgparentid <> 0) AND t.tgenabled <> COALESCE(p.tgenabled, 'O')
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.oid = t.tgconstraint AND k.contype <> 't')
          UNION ALL SELECT r.ev_class, r.rulename, r.ev_enabled, 'RULE', r.oid FROM pg_catalog.pg_rewrite r WHERE r.ev_enabled <> 'O') s
    {of s.relation} WHERE {own} ORDER BY s.oid";

const POLICIES: &str = "
    SELECT n.nspname AS schema, p.polname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('CREATE POLICY %I ON %I.%I%s FOR %s TO %s%s%s', p.polname, n.nspname, c.relname,
                  CASE WHEN p.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END,
                  CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                  CASE WHEN p.polroles = ARRAY[0::pg_catalog.oid] THEN 'PUBLIC'
                       ELSE (SELECT pg_catalog.string_agg(pg_catalog.format('%I', r.rolname), ', ' ORDER BY r.rolname) FROM pg_catalog.pg_roles r WHERE r.oid = ANY (p.polroles)) END,
                  ' USING (' OPERATOR(pg_catalog.||) pg_catalog.pg_get_expr(p.polqual, p.polrelid) OPERATOR(pg_catalog.||) ')', ' WITH CHECK (' OPERATOR(pg_catalog.||) pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) OPERATOR(pg_catalog.||) ')') AS sql
    FROM pg_catalog.pg_policy p {of p.polrelid} WHERE {own} ORDER BY p.oid";

const ROW_SECURITY: &str = "
    SELECT n.nspname AS schema, c.relname AS name, n.nspname AS of_schema, c.relname AS of_name,
           pg_catalog.format('ALTER TABLE ONLY %I.%I %s ROW LEVEL SECURITY', n.nspname, c.relname, w.what) AS sql
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
    LATERAL (VALUES (CASE WHEN c.relrowsecurity THEN 'ENABLE' END), (CASE WHEN c.relforcerowsecurity THEN 'FORCE' END)) w (what)
    WHERE c.relkind IN ('r', 'p') AND w.what IS NOT NULL AND {own} ORDER BY c.oid";

/// PostgreSQL names each object as `COMMENT ON` takes it, but for the kinds of columns and constraints.
const COMMENTS: &str = "
    SELECT COALESCE(dn.nspname::pg_catalog.text, {unquoted o.schema}, rn.nspname) AS schema,
           CASE WHEN d.objsubid > 0 THEN pg_catalog.format('%s.%s', r.relname, a.attname)
                ELSE COALESCE(dt.typname, k.conname, t.tgname, p.polname, w.rulename, f.proname, {unquoted o.name}, o.identity) END AS name,
           rn.nspname AS of_schema, r.relname AS of_name,
           pg_catalog.format('COMMENT ON %s %s IS %L',
                  CASE WHEN d.objsubid > 0 THEN 'COLUMN' WHEN o.type IN ('table constraint', 'domain constraint') THEN 'CONSTRAINT' WHEN o.type = 'statistics object' THEN 'STATISTICS' ELSE pg_catalog.upper(o.type) END,
                  CASE o.type WHEN 'domain constraint' THEN pg_catalog.format('%I ON DOMAIN %s', k.conname, pg_catalog.format_type(k.contypid, NULL)) ELSE o.identity END,
                  d.description) AS sql
    FROM pg_catalog.pg_description d
    LEFT JOIN pg_catalog.pg_constraint k ON d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objoid
    LEFT JOIN pg_catalog.pg_type dt ON dt.oid = k.contypid LEFT JOIN pg_catalog.pg_namespace dn ON dn.oid = dt.typnamespace
    LEFT JOIN pg_catalog.pg_proc f ON d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND f.oid = d.objoid
    LEFT JOIN pg_catalog.pg_trigger t ON d.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND t.oid = d.objoid
    LEFT JOIN pg_catalog.pg_policy p ON d.classoid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND p.oid = d.objoid
    LEFT JOIN pg_catalog.pg_rewrite w ON d.classoid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objoid
    LEFT JOIN pg_catalog.pg_index i ON d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.indexrelid = d.objoid
    LEFT JOIN pg_catalog.pg_class r ON r.oid = COALESCE(NULLIF(k.conrelid, 0), t.tgrelid, p.polrelid, w.ev_class, i.indrelid,
                                             CASE WHEN d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass THEN d.objoid END)
    LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = d.objsubid AND d.objsubid > 0,
    LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) o
    WHERE d.objoid >= '16384' AND o.identity IS NOT NULL AND COALESCE(rn.nspname, o.schema, '') <> 'optischema'
      AND d.classoid NOT IN ('pg_catalog.pg_extension'::pg_catalog.regclass, 'pg_catalog.pg_publication'::pg_catalog.regclass, 'pg_catalog.pg_subscription'::pg_catalog.regclass, 'pg_catalog.pg_largeobject'::pg_catalog.regclass)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
    ORDER BY d.classoid, d.objoid, d.objsubid";

pub(super) fn queries(_: Version) -> Vec<Definitions> {
    let of = |kind, text: &str| {
        let mut text = text.replace("{own}", &is_own("c", "pg_class"));
        // `{unquoted column}` is a name as it is, where pg_identify_object quotes it.
        while let Some((before, rest)) = text.split_once("{unquoted ")
            && let Some((column, after)) = rest.split_once('}')
        {
            let name = "CASE WHEN @ LIKE '\"%' THEN replace(substr(@, 2, length(@) - 2), '\"\"', '\"') ELSE @ END";
            text = format!("{before}{}{after}", name.replace('@', column));
        }
        // `{of column}` joins the relation that the column names.
        while let Some((before, rest)) = text.split_once("{of ")
            && let Some((column, after)) = rest.split_once('}')
        {
            text = format!("{before}{}{after}", RELATION.replace("{relation}", column));
        }
        Definitions { kind, text }
    };
    vec![
        of(DumpKind::Key, KEYS),
        of(DumpKind::Constraint, CONSTRAINTS),
        of(DumpKind::Index, INDEXES),
        of(DumpKind::IndexLink, INDEX_LINKS),
        of(DumpKind::Mark, INDEX_STATISTICS),
        of(DumpKind::Mark, KEY_OPTIONS),
        of(DumpKind::Mark, CLUSTERED),
        of(DumpKind::Mark, REPLICA_IDENTITIES),
        of(DumpKind::Statistics, STATISTICS),
        of(DumpKind::Mark, STATISTICS_TARGETS),
        of(DumpKind::ForeignKey, FOREIGN_KEYS),
        of(DumpKind::Rule, RULES),
        of(DumpKind::Trigger, TRIGGERS),
        of(DumpKind::TriggerState, STATES),
        of(DumpKind::Policy, POLICIES),
        of(DumpKind::RowSecurity, ROW_SECURITY),
        of(DumpKind::Comment, COMMENTS),
    ]
}
