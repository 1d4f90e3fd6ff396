use super::*;
use crate::sql::parse_one;

fn check(sql: &str) -> Result<(), SqlError> {
    check_with(sql, &BTreeMap::new())
}

fn check_with(sql: &str, views: &BTreeMap<Name, Statement>) -> Result<(), SqlError> {
    let is_trusted = |name: &str| name == "vouched_for";
    let around =
        Surroundings { views, parts: &|_| 0, is_partitionwise: false, is_trusted: &is_trusted };
    check_planning_size(&parse_one(sql).unwrap(), around)
}

/// So many queries, each of which names the one before it twice.
fn doubling(count: usize, inner: &str, operator: &str) -> String {
    let mut sql = format!("WITH c0 AS (SELECT {inner} AS x FROM t)");
    for n in 1..=count {
        sql += &format!(", c{n} AS (SELECT x {operator} x AS x FROM c{})", n - 1);
    }
    format!("{sql} SELECT x FROM c{count}")
}

#[test]
fn values_that_grow_from_small_arguments_are_refused() {
    for sql in [
        "SELECT * FROM t WHERE a = repeat('x', 1000000000)",
        "SELECT * FROM t WHERE a = repeat(repeat('x', 2000), 2000)",
        "SELECT * FROM t WHERE a = pg_catalog.repeat('x', 10 * 100000000)",
        "SELECT * FROM t WHERE a = lpad('x', 100000000)",
        "SELECT * FROM t WHERE a = rpad('x', '100000000'::int4, 'y')",
        "SELECT * FROM t WHERE a = ANY (array_fill(1, ARRAY[10000, 10000]))",
        "SELECT * FROM t WHERE a = format('%100000000s', 'x')",
        "SELECT * FROM t WHERE a = format('%*s', 100000000, 'x')",
        "SELECT * FROM t WHERE a = replace(repeat('x', 100000), 'x', repeat('y', 100000))",
        "SELECT * FROM t WHERE a = 'x'::char(10000000)",
        "SELECT * FROM t WHERE a = B'1'::bit(80000000)",
        "SELECT * FROM t, repeat('x', 1000000000) r WHERE a = r",
        "SELECT * FROM t ORDER BY repeat('x', 1000000000)",
        "SELECT (SELECT repeat('x', 1000000000)) FROM t",
        "SELECT * FROM t JOIN u ON t.a = repeat('x', 1000000000)",
        "WITH c AS (SELECT repeat('x', 100000) AS x) SELECT repeat(x, 100000) FROM c",
        "SELECT repeat(x, 100000) FROM (VALUES (repeat('y', 1000))) v(x)",
        "SELECT * FROM t WHERE a = crypt('x', '$2a$31$abcdefghijklmnopqrstuv')",
    ] {
        assert!(check(sql).is_err(), "{sql}");
    }
    assert!(check(&doubling(30, "'abcdefgh'", "||")).is_err());
    let nested = "SELECT x || x || x || x AS x FROM (SELECT x || x || x || x AS x FROM (SELECT repeat('x', 70000) AS x) a) b";
    assert!(check(nested).is_err());
    assert!(check(&doubling(30, "a", "+")).is_err(), "an expression grows as well as a value");
}

#[test]
fn neighbours_of_known_growth_are_refused() {
    let nested = "[".repeat(60) + &"]".repeat(60);
    let targets = vec!["'x'::char(100000)"; 100].join(", ");
    let alias = (0..15).fold(format!("SELECT 1 AS z, '{}'::text", "x".repeat(100)), |inner, _| {
        format!("SELECT 1 AS z, s.b || s.b FROM ({inner}) s(a, b)")
    });
    let early = (1..25).rev().map(|n| format!("c{n} AS (SELECT x || x AS x FROM c{})", n - 1));
    let early = early.collect::<Vec<_>>().join(", ");
    for sql in [
        &format!("SELECT jsonb_path_query_array('{nested}', '$.**.**.**.**') FROM t"),
        &format!("SELECT 1 FROM t WHERE '{nested}'::jsonb @? '$.**.**.**.**'"),
        "SELECT jsonb_path_query_array('[1]', ('$.*' || '*.**')::jsonpath) FROM t",
        &format!("SELECT {targets} FROM t"),
        &alias,
        &format!("WITH RECURSIVE {early}, c0 AS (SELECT 'abcdefgh' AS x) SELECT x FROM c24"),
        "SELECT '{a,a,a,a}'::char(1000000)[] FROM t",
        "SELECT repeat(1e131071::text, 3000) FROM t",
        "SELECT repeat('1e131071'::numeric::text, 3000) FROM t",
        "SELECT xpath('//*', ('<a>' || '</a>')::xml) FROM t",
        "SELECT 1 FROM (SELECT 'a' AS x FROM t UNION ALL SELECT repeat('x', 1000) AS y FROM t) s WHERE repeat(s.x, 300000) = 'z'",
        "SELECT jsonb_path_query_array('[1]', s.p) FROM t, (SELECT '$.**.**.**'::jsonpath AS p) s",
        "SELECT jsonb_path_query_array('1', '$[0,0,0,0,0,0,0,0][0,0,0,0,0,0,0,0]') FROM t",
        "SELECT 1 FROM t WHERE a = concat_ws(repeat('x', 100000), VARIADIC '{a,a,a,a,a,a,a,a,a,a,a,a,a}'::text[])",
        "SELECT repeat(('1e131071' + 0.0)::text, 2800) FROM t",
        &format!("SELECT '[{}1]'::jsonb::text FROM t", "1e131071,".repeat(20)),
        "SELECT repeat((!! 30000)::text, 2900) FROM t",
        "SELECT repeat(('1e13' || '1071')::numeric::text, 3000) FROM t",
        "SELECT repeat(repeat('', 300000000 + 0) || 'x', 300000000) FROM t",
        "SELECT repeat('x', '01'::bit(30)::int) FROM t",
        "SELECT polygon(20000000 + 0, '<(0,0),1>'::circle) FROM t",
        &format!("SELECT jsonb_pretty('{}1{}') FROM t", "[".repeat(3000), "]".repeat(3000)),
        "SELECT factorial(32177) FROM t",
        "SELECT st_buffer(st_makepoint(1, 2), 3, 'quad_segs=10000000') FROM t",
        "SELECT st_frechetdistance('LINESTRING(0 0,1 1)'::geometry, 'LINESTRING(0 0,1 2)'::geometry, 0.00001) FROM t",
        &format!(
            "SELECT st_unaryunion('MULTILINESTRING({})'::geometry) FROM t",
            "(0 0,9 9),".repeat(400)
        ),
        "SELECT a_function_that_nobody_knows('x') FROM t",
    ] {
        assert!(check(sql).is_err(), "{sql}");
    }
    let parts = |name: &Name| if name.name == "parted" { 1000 } else { 0 };
    let times = |count: usize| {
        let from: Vec<String> = (0..count).map(|n| format!("parted p{n}")).collect();
        let statement = parse_one(&format!("SELECT 1 FROM {}", from.join(", "))).unwrap();
        let around = Surroundings {
            views: &BTreeMap::new(),
            parts: &parts,
            is_partitionwise: false,
            is_trusted: &|_| false,
        };
        check_planning_size(&statement, around)
    };
    assert_eq!(times(2), Ok(()));
    assert!(times(3).is_err());
    // A view of the system's own stands for many relations, which nobody counts one by one.
    let from = |view: &str, count: usize| {
        let from: Vec<String> = (0..count).map(|n| format!("{view} v{n}")).collect();
        check(&format!("SELECT 1 FROM {}", from.join(", ")))
    };
    assert_eq!(from("information_schema.columns", 5), Ok(()));
    assert!(from("information_schema.columns", 100).is_err());
    assert!(from("pg_stats", 100).is_err());
    assert_eq!(from("t", 100), Ok(()));
}

#[test]
fn what_the_parser_and_the_planner_multiply_is_counted() {
    let wrapped = |inner: &str, around: &dyn Fn(&str) -> String, times: usize| {
        (0..times).fold(inner.to_owned(), |inner, _| around(&inner))
    };
    let symmetric = wrapped(
        "(id BETWEEN SYMMETRIC 1 AND 2)",
        &|c| format!("({c} BETWEEN SYMMETRIC true AND false)"),
        7,
    );
    let between = wrapped("(id BETWEEN 1 AND 2)", &|c| format!("({c} BETWEEN false AND true)"), 20);
    let list = (0..10).map(|n| format!("id = {n}")).collect::<Vec<_>>().join(", ");
    let lists = wrapped("(id IN (1, 2, 3))", &|c| format!("({c} IN ({list}))"), 6);
    let row = wrapped(
        "SELECT ROW(1, 2)::big AS r FROM t",
        &|q| format!("SELECT ROW((z.r).*)::big AS r FROM ({q}) z"),
        3,
    );
    let unnamed = wrapped(
        "SELECT a || b FROM t",
        &|q| {
            format!(
                "SELECT a.\"?column?\" || a.\"?column?\" FROM ({q}) a, (SELECT 'b' AS \"?column?\") u"
            )
        },
        21,
    );
    let ors = (0..500)
        .map(|n| format!("(id = {n} OR id = {})", n + 5000))
        .collect::<Vec<_>>()
        .join(" AND ");
    for sql in [
        format!("SELECT 1 FROM t WHERE {symmetric}"),
        format!("SELECT 1 FROM t WHERE {between}"),
        format!("SELECT 1 FROM t WHERE {lists}"),
        row,
        unnamed,
        format!("SELECT 1 FROM t WHERE {ors}"),
        "SELECT repeat(x.repeat, 2000) FROM t, (SELECT repeat('a', 200000)::text) x, (SELECT 'b' AS repeat) u".to_owned(),
        "SELECT 1 FROM t WHERE s > repeat(obj_description(5, 'pg_class'), 700)".to_owned(),
        "SELECT 1 FROM t WHERE s > repeat(pg_get_functiondef(5), 700)".to_owned(),
        "SELECT 1 FROM t WHERE s > ts_headline('simple', repeat('a ', 20000), 'a'::tsquery, repeat('y', 30000))".to_owned(),
    ] {
        assert!(check(&sql).is_err(), "{sql}");
    }
    let parts = |name: &Name| if name.name == "parted" { 1600 } else { 0 };
    let of_parts = |condition: &str| {
        let statement = parse_one(&format!("SELECT 1 FROM parted WHERE {condition}")).unwrap();
        let around = Surroundings {
            views: &BTreeMap::new(),
            parts: &parts,
            is_partitionwise: false,
            is_trusted: &|_| false,
        };
        check_planning_size(&statement, around)
    };
    let keys: Vec<String> = (5..13)
        .flat_map(|n| ["a", "b", "c", "d", "e", "f", "g"].map(|k| format!("{k} <= {n}")))
        .collect();
    assert!(of_parts(&keys.join(" AND ")).is_err());
    let pairs = (0..40).map(|n| format!("(b = {n} OR a = {n})")).collect::<Vec<_>>().join(" AND ");
    assert!(of_parts(&pairs).is_err());
    for usual in [
        "a = 1 OR b = 2 OR c = 3",
        "a >= 1 AND a < 5 AND b BETWEEN 1 AND 2 AND c = 3 AND d IN (1, 2)",
    ] {
        assert_eq!(of_parts(usual), Ok(()));
    }
    for usual in [
        "SELECT 1 FROM t WHERE lower(a) BETWEEN 'a' AND 'b' AND (x + y * 2) BETWEEN SYMMETRIC 5 AND 1",
        "SELECT 1 FROM t WHERE CASE WHEN a = 1 THEN b ELSE c END IN (1, 2, 3, 4, 5)",
        "SELECT (ROW(a, b)::pair).*, (t.address).* FROM t",
        "SELECT obj_description(a, 'pg_class'), current_setting('app.tenant')::int, pg_get_viewdef(5) FROM t",
        "SELECT ts_headline('english', body, to_tsquery('a & b'), 'MaxWords=20') FROM t",
    ] {
        assert_eq!(check(usual), Ok(()), "{usual}");
    }
}

#[test]
fn names_that_postgresql_gives_and_names_that_an_alias_gives_are_followed() {
    for sql in [
        "SELECT * FROM t, (SELECT 'x'::text) s WHERE t.b = repeat(s.text, 300000000)",
        "SELECT * FROM t, (SELECT coalesce('xxxxxxxx', 'y')) s WHERE t.b = concat_ws(repeat(s.coalesce, 100000), 'a', 'b', 'c')",
        "SELECT * FROM ((SELECT 'x' AS x) s CROSS JOIN u) AS j(y) WHERE repeat(j.y, 300000000) = 'z'",
        "WITH c AS (SELECT repeat('x', 1000) AS x) SELECT * FROM t WHERE b = (SELECT repeat(c.x, 300000) FROM c)",
        "WITH c AS (SELECT repeat('x', 1000) AS x) SELECT s.r FROM (SELECT repeat(y, 300000) AS r FROM c AS z(y)) s",
        "SELECT * FROM t WHERE b = format('%1$s%1$s%1$s', repeat('x', 500000))",
        "SELECT npoints(polygon(60000000, '<(0,0),1>'::circle)) FROM t",
        "SELECT length(pg_catalog.\"bit\"(B'1', 2000000000, true)) FROM t",
        "SELECT bpchar('x'::bpchar, 900000000, true) FROM t",
        "SELECT concat_ws(repeat('x', 100000), 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k') FROM t",
    ] {
        assert!(check(sql).is_err(), "{sql}");
    }
    let nested = format!(
        "SELECT jsonb_path_query_array('{}1{}', '$.**.**.**') FROM t",
        "[".repeat(200),
        "]".repeat(200)
    );
    assert!(check(&nested).is_err());
}

#[test]
fn what_is_planned_more_than_once_counts_each_time() {
    let mut sublink =
        "SELECT (SELECT max(t2.a) FROM t t2 WHERE t2.b = t1.b) AS x FROM t t1".to_owned();
    let mut row = "SELECT ROW(t.a, t.b) AS c FROM t".to_owned();
    for _ in 0..14 {
        sublink = format!("SELECT x + x AS x FROM ({sublink}) s");
        row = format!("SELECT ROW(q, q) AS c FROM ({row}) q");
    }
    let mut ctes = "WITH c0 AS (SELECT a FROM t)".to_owned();
    for n in 1..=10 {
        ctes += &format!(", c{n} AS (SELECT x.a FROM c{0} x, c{0} y WHERE x.a = y.a)", n - 1);
    }
    ctes += " SELECT * FROM c10";
    for sql in [
        sublink,
        row,
        ctes,
        "SELECT count(*) FROM t GROUP BY CUBE (a, b, c, d, e, f, g, h, i, j, k, l)".to_owned(),
    ] {
        assert!(check(&sql).is_err(), "{sql}");
    }
}

#[test]
fn views_are_put_in_place() {
    let name = |name: &str| Name { schema: "public".into(), name: name.into() };
    let views = (1..=30)
        .map(|n| {
            let below = if n == 1 { "public.t".to_owned() } else { format!("public.v{}", n - 1) };
            let sql = format!("SELECT x + x AS x FROM {below}");
            (name(&format!("v{n}")), parse_one(&sql).unwrap())
        })
        .collect();
    let check = |sql: &str| check_with(sql, &views);
    assert!(check("SELECT x FROM public.v30").is_err());
    assert!(check("SELECT x FROM public.v5").is_ok());
}

#[test]
fn ordinary_statements_pass() {
    for sql in [
        "SELECT repeat(name, 3), lpad(id::text, 10, '0') FROM t WHERE a = repeat('x', 100)",
        "SELECT date_trunc('month', at), sum(x) FROM t WHERE at > now() - interval '30 days' GROUP BY 1",
        "SELECT * FROM t WHERE a = ANY ('{1,2,3}'::int4[]) AND b LIKE '%' || 'x' || '%'",
        "WITH a AS (SELECT x, y FROM t), b AS (SELECT x + y AS z FROM a) SELECT z * z FROM b",
        "SELECT 1 FROM t WHERE at >= date_trunc('week', now()) - interval '1 week' AND at < to_timestamp(1700000000)",
        "SELECT 1 FROM t WHERE lower(email) = lower('A@B.C') AND name ILIKE '%' || replace('a_b', '_', '\\_') || '%'",
        "SELECT 1 FROM t WHERE tags && string_to_array('a,b,c', ',') AND ids = ANY (string_to_array('1,2', ',')::int[])",
        "SELECT 1 FROM t WHERE doc @> jsonb_build_object('a', ARRAY[1, 2]) AND doc -> 'x' = to_jsonb('y'::text)",
        "SELECT 1 FROM t WHERE tsv @@ websearch_to_tsquery('english', 'a or b') ORDER BY ts_rank(tsv, plainto_tsquery('c'))",
        "SELECT 1 FROM t WHERE day <@ daterange('2026-01-01', '2026-02-01', '[)') AND during && tstzrange(now(), NULL)",
        "SELECT 1 FROM t WHERE date_part('year', age(timestamp '2026-01-01', born)) > 18 AND x = floor(random() * 10)",
        "SELECT 1 FROM t WHERE md5(concat('a', 'b')) = h AND host(inet '10.0.0.1') = ip AND x BETWEEN -1.5e3 AND 2",
        "SELECT 1 FROM t WHERE a = coalesce(nullif('x', ''), 'y') AND b = greatest(1, 2) AND c = (SELECT max(c) FROM t)",
        "SELECT 1 FROM t WHERE geom && st_makeenvelope(1, 2, 3, 4, 4326) AND st_contains(st_geomfromtext('POLYGON((0 0,0 1,1 1,0 0))', 4326), geom)",
        "SELECT 1 FROM t WHERE emb <-> '[1,2,3]'::vector < 0.5 ORDER BY emb <=> '[1,2,3]' LIMIT 5",
        "SELECT 1 FROM t WHERE p IN (SELECT unnest(ARRAY[1, 2, 3])) AND q = ALL (SELECT jsonb_array_elements_text('[1]')::int)",
        "SELECT format('%s-%s', 'a', 'b'), lpad('7', 3, '0'), to_char(1234.5, 'FM999,999.00'), encode(digest('x', 'sha256'), 'hex') FROM t",
        "SELECT xmlelement(name a, 'x'), array_to_string(ARRAY['a', 'b'], ','), split_part('a.b', '.', 2), regexp_replace('a1', '[0-9]', '', 'g') FROM t",
        "SELECT 1 FROM t WHERE path <@ 'a.b'::ltree AND attrs @> hstore('k', 'v') AND similarity(name, 'x') > 0.3",
        "SELECT current_setting('app.tenant', true)::uuid, pg_catalog.set_byte('\\x00'::bytea, 0, 1), power(2, 10), 2 ^ 3, exp(1.5) FROM t",
        "SELECT 1 FROM t WHERE id = '00000000-0000-0000-0000-000000000000'::uuid AND amount = '12.50'::numeric AND c = 'x'::bpchar",
        "SELECT round($1::numeric, 2), abs($2::numeric), round(extract(epoch FROM now())::numeric, 2) FROM t",
        "SELECT floor(power(10, 3)), round(100 * power(1.05, 3), 2), to_char((2 + 3)::numeric, '999') FROM t",
        "SELECT plainto_tsquery('english', unaccent(lower(trim($1::text)))) FROM t",
        "SELECT st_dwithin(geom, st_buffer(st_setsrid(st_makepoint(-71.1, 42.3), 4326), 0.01), 10) FROM t",
        "SELECT to_tsquery(regexp_replace(lower(btrim($1)), '\\s+', ' & ', 'g')) FROM t",
        "SELECT 1 FROM t WHERE hash = 'ab1e99999c2e12345' AND email = lower('john1e5@example.com')",
        "SELECT vouched_for('x'), st_buffer(st_makepoint(1, 2), 3), st_expand(st_point(1, 2), 5) FROM t",
        "SELECT a_function_that_nobody_knows(a, 'x'), now(), current_setting('x') FROM t",
        "SELECT jsonb_path_query_array(doc, '$.a[*] ? (@.b > 1)'), doc @? '$.**.x' FROM t",
        "SELECT doc @? $1::jsonpath, doc @@ $2::jsonpath, jsonb_path_exists(doc, $3::jsonpath) FROM t",
        "SELECT to_char(at, 'YYYY-MM'), '12.50'::numeric(10, 2), 1e10, 'x'::varchar(255) FROM t",
        "SELECT jsonb_build_object('a', 1, 'b', 'c'), ARRAY['x']::text[], md5('x') FROM t",
        "SELECT to_tsvector('english', 'a b') @@ to_tsquery('a & b'), tsv @@ plainto_tsquery('x') FROM t",
        "SELECT a = uuid('6b1a4e0e-6a5c-4a52-9d0f-3f6d2b1c9f00'), b = inet('10.0.0.1') FROM t",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r",
        "SELECT st_dwithin(geom, st_setsrid(st_makepoint(1, 2), 4326), 100) FROM t",
        "SELECT CASE WHEN a > 1 THEN 'x' ELSE 'y' END, COALESCE(b, 'z')::varchar(200) FROM t",
    ] {
        assert_eq!(check(sql), Ok(()), "{sql}");
    }
    let list = |number: &str| {
        format!("SELECT '{{{}}}'::numeric[]::text FROM t", vec![number; 500].join(","))
    };
    assert_eq!(check(&list("12.5")), Ok(()));
    for number in ["1.e131000", "1e1_31000", "1_0e131000"] {
        assert!(check(&list(number)).is_err(), "{number}");
    }
    let path =
        |name: &str| format!("SELECT xpath_exists('//a[count({name}) > 0]', '<a/>'::xml) FROM t");
    assert_eq!(check(&path("b")), Ok(()));
    assert!(check(&path("//b")).is_err(), "all of one for each of the other");
    let arrays = |count: usize| {
        let elements = vec!["1"; count].join(",");
        format!("SELECT '{{{elements}}}'::text[] && '{{{elements}}}'::text[] FROM t")
    };
    assert_eq!(check(&arrays(100)), Ok(()));
    assert!(check(&arrays(40_000)).is_err());
    let all_with_all = "SELECT '[1, 2]'::jsonb @? '$ ? (@[*] < $[*])'::jsonpath FROM t";
    assert!(check(all_with_all).is_err());
    let texts = "SELECT regexp_replace('x'::text, regexp_replace('y'::text, '([^a-zA-Z_0-9])'::text, '\\1'::text, 'g'::text), 'z'::text, 'gi'::text) FROM t";
    assert_eq!(check(texts), Ok(()), "a text that is cast to text stays as long");
    assert_eq!(check(&doubling(5, "a", "+")), Ok(()));
    assert_eq!(check("SELECT a, b, count(*) FROM t GROUP BY CUBE (a, b, c, d)"), Ok(()));
    assert_eq!(
        check(
            "SELECT a FROM t JOIN (SELECT t.a, count(*) FROM t GROUP BY 1) s USING (a) WHERE s.count > 5"
        ),
        Ok(())
    );
    let long = (0..1000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    assert_eq!(check(&format!("SELECT * FROM t WHERE a IN ({long})")), Ok(()));
}

#[test]
fn what_is_nested_deep_is_looked_at_or_refused() {
    let arms = |first: &str, count: usize| {
        format!("SELECT {first}{}", " UNION ALL SELECT 'y'".repeat(count))
    };
    assert_eq!(check(&arms("'x'", 80)), Ok(()));
    assert!(check(&arms("repeat('x', 1000000000)", 80)).is_err());
    let mut views = BTreeMap::new();
    let name = |n: usize| Name { schema: "public".to_owned(), name: format!("v{n}") };
    views.insert(name(0), parse_one("SELECT repeat('x', 1000000000) AS a").unwrap());
    for n in 1..=110 {
        let sql = format!("SELECT a FROM public.v{}", n - 1);
        views.insert(name(n), parse_one(&sql).unwrap());
    }
    let of = |n: usize| check_with(&format!("SELECT a FROM public.v{n}"), &views);
    assert!(of(3).is_err());
    assert!(of(110).is_err());
}
