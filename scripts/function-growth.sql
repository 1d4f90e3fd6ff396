-- Names of functions and what is known of their results, for server/src/sql/planning_size/functions.tsv. Run with
-- psql -At -F TAB on servers of several versions, with the extensions installed; a name is `fixed` where it is on all.
--   set     a set, an aggregate or a window function: the planner does not compute it
--   fixed   a value of fixed length
--   other   judged by hand: `linear` where the result is at most some times as long as the arguments, else left out
SELECT p.proname,
       CASE WHEN bool_and(p.proretset OR p.prokind IN ('a', 'w')) THEN 'set'
            WHEN bool_and(t.typlen > 0 OR p.proretset OR p.prokind <> 'f') THEN 'fixed' ELSE 'other' END
FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype
WHERE p.provolatile <> 'v' AND p.prokind IN ('f', 'a', 'w')
  AND t.typname NOT IN ('internal', 'cstring', 'trigger', 'event_trigger', 'language_handler', 'fdw_handler',
                        'index_am_handler', 'tsm_handler', 'table_am_handler')
  AND NOT 'internal'::regtype = ANY (p.proargtypes) AND NOT 'cstring'::regtype = ANY (p.proargtypes)
GROUP BY 1 ORDER BY 1;
