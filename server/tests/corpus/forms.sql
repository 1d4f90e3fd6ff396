-- form: point read, parameter
SELECT * FROM customers WHERE id = $1;

-- form: point read, normalised constant
SELECT * FROM customers WHERE id = $1;

-- form: columns of two tables, inner join
SELECT o.id, c.full_name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = $1;

-- form: left join with IS NULL (anti join)
SELECT c.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o.id IS NULL;

-- form: right join
SELECT o.id, p.name FROM order_items i RIGHT JOIN orders o ON i.order_id = o.id LEFT JOIN products p ON p.id = i.product_id WHERE o.placed_at >= $1;

-- form: full join
SELECT coalesce(a.day, b.day::date) FROM sales.daily a FULL JOIN daily_sales b ON a.day = b.day::date WHERE a.amount > $1 OR b.amount > $2;

-- form: cross join
SELECT c.id, g.name FROM customers c CROSS JOIN groups g WHERE c.id = $1 LIMIT $2;

-- form: natural join
SELECT * FROM order_items NATURAL JOIN (SELECT id AS order_id, total FROM orders) o WHERE total > $1;

-- form: join using
SELECT * FROM memberships JOIN sales.leads USING (customer_id) WHERE score > 5.5;

-- form: join using with alias
-- from: 14
SELECT j.customer_id FROM memberships m JOIN sales.leads l USING (customer_id) AS j WHERE j.customer_id = $1;

-- form: nested parenthesised joins
SELECT * FROM (orders o JOIN (order_items i JOIN products p ON p.id = i.product_id) ON i.order_id = o.id) WHERE p.sku = $1;

-- form: comma join
SELECT o.id, i.line_no FROM orders o, order_items i WHERE o.id = i.order_id AND o.customer_id = 12;

-- form: self join
SELECT a.name, b.name FROM categories a, categories b WHERE a.id = b.parent_id AND b.name LIKE 'Category 1%';

-- form: column aliases in FROM
SELECT t.a, t.b FROM categories AS t (a, b, c) WHERE t.b = $1;

-- form: join alias with columns
SELECT x.a FROM (orders o JOIN customers c ON c.id = o.customer_id) AS x (a, b) WHERE x.b = $1;

-- form: DISTINCT
SELECT DISTINCT country FROM customers WHERE created_at > '2024-06-01';

-- form: DISTINCT ON
SELECT DISTINCT ON (customer_id) customer_id, id, placed_at FROM orders WHERE status <> $1 ORDER BY customer_id, placed_at DESC;

-- form: DISTINCT ON expression with parameter
SELECT DISTINCT ON (date_trunc($1, placed_at)) id, placed_at FROM orders ORDER BY date_trunc($1, placed_at), total DESC;

-- form: SELECT ALL
SELECT ALL id FROM jobs WHERE queue = $1;

-- form: empty target list
SELECT FROM orders WHERE customer_id = 5;

-- form: whole row
SELECT o FROM orders o WHERE o.id = $1;

-- form: row expanded
SELECT (c.addr).*, (c).email FROM customers c WHERE (c.addr).city = $1;

-- form: GROUP BY with HAVING
SELECT customer_id, count(*), sum(total) FROM orders GROUP BY customer_id HAVING sum(total) > 500;

-- form: GROUP BY ordinal, ORDER BY ordinal
SELECT channel, count(*) FROM orders WHERE placed_at >= '2025-02-01' GROUP BY 1 ORDER BY 2 DESC LIMIT 5;

-- form: GROUP BY output name
SELECT extract($1 from placed_at) AS y, sum(total) FROM orders GROUP BY y ORDER BY y;

-- form: GROUP BY DISTINCT
-- from: 14
SELECT channel, status, count(*) FROM orders GROUP BY DISTINCT ROLLUP (channel, status), ROLLUP (channel);

-- form: GROUP BY ALL
SELECT channel, count(*) FROM orders GROUP BY ALL channel;

-- form: GROUPING SETS
SELECT channel, status, sum(total), GROUPING(channel, status) FROM orders WHERE placed_at > $1 GROUP BY GROUPING SETS ((channel), (status), ());

-- form: ROLLUP
SELECT country, is_active, count(*) FROM customers WHERE balance > 10 GROUP BY ROLLUP (country, is_active);

-- form: CUBE
SELECT kind, category_id, avg(price) FROM products GROUP BY CUBE (kind, category_id) HAVING count(*) > $1;

-- form: nested GROUPING SETS with CUBE and ROLLUP
SELECT queue, status, priority, count(*) FROM jobs GROUP BY GROUPING SETS (CUBE (queue, status), ROLLUP (priority)) ORDER BY 1, 2, 3;

-- form: group by normalised expression
SELECT date_trunc($1, placed_at), count(*) FROM orders GROUP BY date_trunc('month', placed_at);

-- form: group by normalised expression with alias in order
SELECT coalesce(channel, $1) AS ch, count(*) FROM orders GROUP BY coalesce(channel, 'none') ORDER BY ch;

-- form: group by arithmetic with constants
SELECT width_bucket(total, 0, 500, 10), count(*) FROM orders GROUP BY width_bucket(total, 0, 500, 10) ORDER BY width_bucket(total, 0, 500, 10);

-- form: group by primary key (functional dependency)
SELECT o.*, sum(i.line_total) FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.customer_id = $1 GROUP BY o.id;

-- form: HAVING without GROUP BY
SELECT count(*) FROM orders HAVING count(*) > $1;

-- form: ORDER BY NULLS LAST
SELECT id, shipped_on FROM orders ORDER BY shipped_on DESC NULLS LAST, id ASC NULLS FIRST LIMIT $1;

-- form: ORDER BY USING
SELECT id FROM orders ORDER BY total USING > LIMIT $1;

-- form: ORDER BY expression with parameter
SELECT id, name FROM products ORDER BY abs(price - $1), id LIMIT $2;

-- form: ORDER BY CASE
SELECT id, status FROM orders WHERE customer_id = 3 ORDER BY CASE status WHEN 'new' THEN 1 WHEN 'paid' THEN 2 ELSE 3 END, placed_at;

-- form: ORDER BY COLLATE
SELECT id, full_name FROM customers ORDER BY full_name COLLATE "C" LIMIT 10;

-- form: ORDER BY distance operator (KNN)
SELECT id, name FROM places ORDER BY at <-> point $1 LIMIT $2;

-- form: ORDER BY KNN parameter
SELECT id, name FROM places ORDER BY at <-> $1 LIMIT $2;

-- form: ORDER BY array_position
SELECT id, name FROM products WHERE id = ANY($1) ORDER BY array_position($1, id);

-- form: ORDER BY random
SELECT id FROM products WHERE kind = $1 ORDER BY random() LIMIT $2;

-- form: LIMIT OFFSET
SELECT id, placed_at FROM orders ORDER BY placed_at DESC LIMIT 20 OFFSET 40;

-- form: LIMIT OFFSET parameters
SELECT id, placed_at FROM orders WHERE customer_id = $1 ORDER BY placed_at DESC LIMIT $2 OFFSET $3;

-- form: LIMIT ALL
SELECT id FROM jobs WHERE status = $1 LIMIT $2 OFFSET $3;

-- form: LIMIT NULL and casts
SELECT id FROM jobs WHERE attempts > 2 LIMIT NULL::bigint;

-- form: LIMIT expression
SELECT id FROM jobs ORDER BY run_at LIMIT 5 * 2 OFFSET 1 + 1;

-- form: LIMIT subquery
SELECT id FROM orders ORDER BY id LIMIT (SELECT count(*) / 10 FROM jobs WHERE status = 'done');

-- form: FETCH FIRST
SELECT id FROM orders ORDER BY total DESC FETCH FIRST $1 ROWS ONLY;

-- form: FETCH FIRST WITH TIES
SELECT id, total FROM orders ORDER BY total DESC FETCH FIRST $1 ROWS WITH TIES;

-- form: FETCH NEXT parameter with OFFSET ROWS
SELECT id, total FROM orders ORDER BY total DESC OFFSET $1 ROWS FETCH NEXT $2 ROWS ONLY;

-- form: FETCH FIRST ROW ONLY (no count)
SELECT id FROM orders WHERE customer_id = $1 ORDER BY placed_at FETCH FIRST ROW ONLY;

-- form: FETCH FIRST parenthesised expression
SELECT id FROM orders ORDER BY placed_at FETCH FIRST ($1 + $2) ROWS ONLY;

-- form: keyset pagination, row comparison
SELECT id, placed_at FROM orders WHERE (placed_at, id) < ($1, $2) ORDER BY placed_at DESC, id DESC LIMIT $3;

-- form: keyset pagination, written out
SELECT id, placed_at FROM orders WHERE placed_at < $1 OR (placed_at = $1 AND id < $2) ORDER BY placed_at DESC, id DESC LIMIT 20;

-- form: row comparison equals normalised
SELECT * FROM order_items WHERE (order_id, line_no) = ($1, $2);

-- form: ROW() comparison
SELECT * FROM order_items WHERE ROW(order_id, line_no) >= ROW(15, 1) AND ROW(order_id, line_no) < ROW(20, 1);

-- form: row IN list of rows
SELECT * FROM order_items WHERE (order_id, line_no) IN ((15, 1), (16, 2), (17, 1));

-- form: row IN list of parameter rows
SELECT * FROM order_items WHERE (order_id, line_no) IN (($1, $2), ($3, $4));

-- form: row IN VALUES
SELECT * FROM order_items WHERE (order_id, line_no) IN (VALUES ($1::bigint, $2::smallint), ($3, $4));

-- form: row IN VALUES normalised
SELECT * FROM order_items WHERE (order_id, line_no) IN (VALUES ($1, $2), ($3, $4));

-- form: row IN subquery
SELECT * FROM order_items WHERE (order_id, product_id) IN (SELECT o.id, p.id FROM orders o, products p WHERE o.customer_id = $1 AND p.price > $2);

-- form: row IS DISTINCT FROM
SELECT id FROM orders WHERE (channel, note) IS DISTINCT FROM ($1, $2);

-- form: row IS NULL
SELECT id FROM orders o WHERE ROW(channel, note) IS NULL;

-- form: whole row IS NOT NULL
SELECT c.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o IS NOT NULL AND c.country = $1;

-- form: row = subquery row
SELECT * FROM orders WHERE (customer_id, placed_at) = (SELECT customer_id, max(placed_at) FROM orders WHERE customer_id = $1 GROUP BY customer_id);

-- form: IN list of constants
SELECT id FROM orders WHERE customer_id IN (1, 2, 3);

-- form: IN list of parameters
SELECT id FROM orders WHERE customer_id IN ($1, $2, $3, $4);

-- form: IN list of 60 values
SELECT id FROM orders WHERE customer_id IN (1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60) AND note IS NOT NULL;

-- form: IN list of enum values
SELECT id FROM orders WHERE status IN ($1, $2);

-- form: IN list of uuids
SELECT * FROM groups WHERE id IN ($1, $2);

-- form: IN list of cast parameters
SELECT * FROM groups WHERE id IN ($1::uuid, $2::uuid);

-- form: NOT IN list
SELECT id FROM jobs WHERE status NOT IN ($1, $2) AND queue = $3;

-- form: IN list with expressions
SELECT id FROM orders WHERE customer_id IN ($1, $2 + 1, (SELECT max(id) FROM customers));

-- form: IN one value
SELECT id FROM orders WHERE customer_id IN ($1);

-- form: IN list with NULL
SELECT id FROM orders WHERE channel IN ($1, $2);

-- form: IN subquery
SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE country = 'DE');

-- form: NOT IN subquery
SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE placed_at > $1);

-- form: PG18 squashed list
SELECT id FROM orders WHERE customer_id IN ($1 /*, ... */);

-- form: PG18 squashed list beside a parameter
SELECT id FROM orders WHERE status = $1 AND customer_id IN ($2 /*, ... */) ORDER BY placed_at LIMIT $3;

-- form: PG18 squashed list of texts
SELECT id FROM jobs WHERE queue NOT IN ($1 /*, ... */) AND status IN ($2 /*, ... */);

-- form: PG18 squashed ARRAY
SELECT id FROM orders WHERE customer_id = ANY (ARRAY[$1 /*, ... */]);

-- form: PG18 squashed ARRAY with cast
SELECT id FROM products WHERE tags && ARRAY[$1 /*, ... */]::text[];

-- form: PG18 squashed list in UPDATE
UPDATE jobs SET status = $1 WHERE id IN ($2 /*, ... */);

-- form: PG18 squashed list in DELETE
DELETE FROM jobs WHERE id IN ($1 /*, ... */);

-- form: PG18 squashed list of uuids
SELECT * FROM groups WHERE id IN ($1 /*, ... */);

-- form: PG18 squashed list of rows is none (row list kept)
SELECT * FROM order_items WHERE (order_id, line_no) IN (($1, $2), ($3, $4), ($5, $6));

-- form: PG18 squashed list with casts inside
SELECT * FROM groups WHERE id IN ($1 /*, ... */) AND name = $2::text;

-- form: = ANY(array parameter)
SELECT id FROM orders WHERE customer_id = ANY($1);

-- form: = ANY(cast array parameter)
SELECT id FROM orders WHERE customer_id = ANY($1::bigint[]) AND status = ANY($2::order_status[]);

-- form: = ANY(array literal)
SELECT id FROM orders WHERE customer_id = ANY('{1,2,3}');

-- form: = ANY(cast array literal)
SELECT id FROM orders WHERE customer_id = ANY('{1,2,3}'::bigint[]);

-- form: = ANY(ARRAY[])
SELECT id FROM orders WHERE customer_id = ANY(ARRAY[$1, $2, $3]);

-- form: = SOME(ARRAY[] of parameters)
SELECT id FROM orders WHERE customer_id = SOME(ARRAY[$1, $2]::bigint[]);

-- form: <> ALL(array)
SELECT id FROM jobs WHERE queue <> ALL($1) AND status = 'queued';

-- form: > ALL(array)
SELECT id FROM products WHERE price > ALL(ARRAY[10, 20, 30]);

-- form: constant = ANY(column)
SELECT id FROM products WHERE $1 = ANY(tags);

-- form: parameter = ANY(column)
SELECT id FROM products WHERE $1 = ANY(tags) AND $2 <> ALL(dims);

-- form: LIKE ANY
SELECT id FROM products WHERE name LIKE ANY (ARRAY[$1, $2]);

-- form: ILIKE ANY parameter
SELECT id FROM products WHERE name ILIKE ANY ($1);

-- form: = ANY subquery
SELECT id FROM orders WHERE customer_id = ANY (SELECT id FROM customers WHERE balance > $1);

-- form: >= ALL subquery
SELECT id FROM products p WHERE price >= ALL (SELECT q.price FROM products q WHERE q.category_id = p.category_id) AND kind = $1;

-- form: = ANY(ARRAY(subquery))
SELECT id FROM orders WHERE customer_id = ANY (ARRAY(SELECT id FROM customers WHERE country = $1));

-- form: = ANY(string_to_array)
SELECT id FROM orders WHERE customer_id = ANY (string_to_array($1, $2)::bigint[]);

-- form: IN unnest
SELECT id FROM orders WHERE customer_id IN (SELECT unnest($1::bigint[]));

-- form: EXISTS
SELECT c.id FROM customers c WHERE EXISTS (SELECT $1 FROM orders o WHERE o.customer_id = c.id AND o.total > $2);

-- form: NOT EXISTS
SELECT c.id FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id AND o.placed_at > $1);

-- form: SELECT EXISTS
SELECT EXISTS (SELECT 1 FROM customers WHERE email = 'user7@example.com');

-- form: SELECT EXISTS alias parameter
SELECT EXISTS (SELECT 1 AS one FROM customers WHERE email = $1 LIMIT $2) AS found;

-- form: SELECT 1 AS one (Rails exists)
SELECT 1 AS one FROM customers WHERE email = 'user7@example.com' LIMIT 1;

-- form: scalar subquery in target list
SELECT c.id, (SELECT max(o.placed_at) FROM orders o WHERE o.customer_id = c.id) AS last_order FROM customers c WHERE c.country = $1;

-- form: scalar subquery in WHERE
SELECT id FROM products WHERE price > (SELECT avg(price) * $1 FROM products WHERE kind = $2);

-- form: only scalar subqueries, no FROM
SELECT (SELECT count(*) FROM orders WHERE status = $1), (SELECT count(*) FROM jobs WHERE status = $2);

-- form: ARRAY(subquery)
SELECT c.id, ARRAY(SELECT o.id FROM orders o WHERE o.customer_id = c.id ORDER BY o.id) FROM customers c WHERE c.id = $1;

-- form: subquery in FROM
SELECT s.customer_id, s.n FROM (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) s WHERE s.n > 1;

-- form: subquery in FROM pagination count (Django)
SELECT COUNT(*) FROM (SELECT DISTINCT o.customer_id AS col1 FROM orders o WHERE o.total > $1) subquery;

-- form: subquery without alias (PG16)
-- from: 16
SELECT count(*) FROM (SELECT id FROM orders WHERE total > $1);

-- form: LATERAL subquery
SELECT c.id, o.id FROM customers c, LATERAL (SELECT id FROM orders WHERE customer_id = c.id ORDER BY placed_at DESC LIMIT 3) o WHERE c.country = 'US';

-- form: LEFT JOIN LATERAL ON true
SELECT c.id, l.total FROM customers c LEFT JOIN LATERAL (SELECT o.total FROM orders o WHERE o.customer_id = c.id AND o.status = $1 ORDER BY o.placed_at DESC LIMIT 1) l ON true WHERE c.id = $2;

-- form: CROSS JOIN LATERAL function
SELECT p.id, t.tag FROM products p CROSS JOIN LATERAL unnest(p.tags) AS t (tag) WHERE t.tag = 'sale';

-- form: implicit lateral function jsonb_array_elements
SELECT p.id, e FROM products p, jsonb_array_elements(p.attrs -> 'parts') e WHERE p.id = 5;

-- form: jsonb_to_recordset with column definitions
SELECT o.id, x.a FROM orders o, jsonb_to_recordset(o.shipping -> $1) AS x (a integer, b text) WHERE o.customer_id = $2;

-- form: jsonb_each_text
SELECT p.id, kv.key, kv.value FROM products p, jsonb_each_text(p.attrs) kv WHERE kv.key = $1 AND p.category_id = $2;

-- form: jsonb_to_record
SELECT o.id, r.city FROM orders o CROSS JOIN LATERAL jsonb_to_record(o.shipping) AS r (method text, city text) WHERE r.city = $1;

-- form: jsonb_populate_record
SELECT (jsonb_populate_record(NULL::address, o.shipping)).city FROM orders o WHERE o.id = 6;

-- form: json_array_elements parameter joined
SELECT p.id FROM products p JOIN jsonb_array_elements_text($1) AS w (sku) ON w.sku = p.sku;

-- form: unnest parameter joined
SELECT p.id, u.n FROM unnest($1::text[]) WITH ORDINALITY AS u (sku, n) JOIN products p ON p.sku = u.sku ORDER BY u.n;

-- form: unnest two arrays joined
SELECT i.* FROM unnest($1::bigint[], $2::smallint[]) AS u (o, l) JOIN order_items i ON i.order_id = u.o AND i.line_no = u.l;

-- form: ROWS FROM
SELECT p.id, r.* FROM products p, ROWS FROM (unnest(p.tags), generate_series(1, 3)) WITH ORDINALITY AS r (tag, n, ord) WHERE p.id = 10;

-- form: ROWS FROM with column definition list
SELECT o.id, r.m FROM orders o, ROWS FROM (jsonb_to_recordset($1) AS (m text), generate_series($2, $3)) AS r (m, g) WHERE o.shipping ->> $4 = r.m AND o.id < $5;

-- form: generate_series left join (gaps)
SELECT d::date, count(o.id) FROM generate_series($1::timestamptz, $2, $3) d LEFT JOIN orders o ON o.placed_at >= d AND o.placed_at < d + interval $4 GROUP BY d ORDER BY d;

-- form: generate_series parameters
SELECT d, (SELECT count(*) FROM events e WHERE e.occurred_at >= d AND e.occurred_at < d + $3::interval) FROM generate_series($1::timestamptz, $2::timestamptz, $3::interval) AS d;

-- form: TABLESAMPLE SYSTEM
SELECT count(*) FROM orders TABLESAMPLE SYSTEM ($1) WHERE status = $2;

-- form: TABLESAMPLE BERNOULLI REPEATABLE
SELECT avg(total) FROM orders o TABLESAMPLE BERNOULLI ($1) REPEATABLE ($2) WHERE o.channel = $3;

-- form: TABLESAMPLE parameter
SELECT id FROM orders TABLESAMPLE BERNOULLI ($1) WHERE customer_id = $2;

-- form: TABLE
TABLE categories;

-- form: TABLE with order and limit
TABLE groups ORDER BY name LIMIT 5;

-- form: SELECT FROM ONLY
SELECT title FROM ONLY documents WHERE made_on = $1;

-- form: inheritance star
SELECT title FROM documents * WHERE made_on = $1;

-- form: inheritance parent with tableoid
SELECT tableoid::regclass, id FROM documents WHERE made_on BETWEEN $1 AND $2;

-- form: inheritance child
SELECT party FROM contracts WHERE party = $1;

-- form: partitioned parent
SELECT kind, count(*) FROM events WHERE occurred_at >= $1 AND occurred_at < $2 GROUP BY kind;

-- form: partition itself
SELECT count(*) FROM events_2025h1 WHERE customer_id = $1;

-- form: view
SELECT * FROM order_totals WHERE customer_id = $1 AND amount > $2;

-- form: simple view
SELECT email FROM active_customers WHERE country = $1 ORDER BY balance DESC LIMIT 10;

-- form: materialized view
SELECT * FROM daily_sales WHERE day >= $1 AND channel = $2;

-- form: quoted names
SELECT "noteId", "Text" FROM "Order Notes" WHERE "orderId" = $1 AND "createdAt" > $2;

-- form: quoted names, qualified (Prisma)
SELECT "public"."Order Notes"."noteId", "public"."Order Notes"."Text" FROM "public"."Order Notes" WHERE ("public"."Order Notes"."orderId" = $1 AND 1=1) ORDER BY "public"."Order Notes"."createdAt" DESC LIMIT $2 OFFSET $3;

-- form: schema and database qualified
SELECT l.id FROM forms.sales.leads l WHERE l.score > $1;

-- form: ctid search
SELECT id FROM jobs WHERE ctid = $1;

-- form: ctid ANY ARRAY subquery
SELECT * FROM jobs WHERE ctid = ANY (ARRAY(SELECT ctid FROM jobs WHERE status = $1 LIMIT $2));

-- form: xmin and system columns
SELECT xmin, cmin, id FROM orders WHERE id = $1;

-- form: VALUES in FROM
SELECT v.k, p.name FROM (VALUES ($1, $2), ($3, $4)) AS v (k, n) JOIN products p ON p.sku = v.k;

-- form: VALUES in FROM of parameters
SELECT v.k, p.name FROM (VALUES ($1, $2), ($3, $4)) AS v (k, n) JOIN products p ON p.sku = v.k;

-- form: VALUES alone
-- expect: not_planned system
VALUES (1, 'a'), (2, 'b') ORDER BY 1 LIMIT 1;

-- form: VALUES with subquery
VALUES ((SELECT count(*) FROM orders WHERE status = $1)), ((SELECT count(*) FROM orders WHERE status = $2));

-- form: SELECT without table
-- expect: not_planned system
SELECT 1, now(), $1::text;

-- form: SELECT of a set function without table
-- expect: not_planned system
SELECT * FROM generate_series(1, 10);

-- form: catalog query
-- expect: not_planned system
SELECT relname FROM pg_class WHERE relkind = $1;

-- form: information_schema query
-- expect: not_planned system
SELECT table_name FROM information_schema.tables WHERE table_schema = $1;

-- form: catalog and application table
SELECT c.relname, count(*) FROM pg_class c JOIN events e ON e.tableoid = c.oid WHERE e.kind = 'buy' GROUP BY 1;

-- form: comment inside
SELECT /* dashboard */ count(*) FROM orders /* all of them */ WHERE status = $1 -- open ones
;

-- form: trailing sqlcommenter comment
SELECT id FROM orders WHERE customer_id = $1 /*application='shop',controller='orders',traceparent='00-abc-def-01'*/;

-- form: pg_hint_plan comment
/*+ IndexScan(o orders_placed) */ SELECT id FROM orders o WHERE placed_at > $1;

-- form: parenthesised select
(SELECT id FROM orders WHERE customer_id = $1 ORDER BY id LIMIT $2);

-- form: doubly parenthesised with outer limit
((SELECT id FROM orders WHERE customer_id = $1) ORDER BY id) LIMIT $2;

-- form: where true and constant folding
SELECT id FROM orders WHERE $1 = $2 AND $3 AND customer_id = $4;

-- form: where false
SELECT id FROM orders WHERE $1;

-- form: optional filter ($1 IS NULL OR …)
SELECT id FROM orders WHERE ($1::bigint IS NULL OR customer_id = $1) AND ($2::order_status IS NULL OR status = $2);

-- form: optional filter untyped
SELECT id FROM orders WHERE ($1 IS NULL OR customer_id = $1);

-- form: coalesce filter
SELECT id FROM orders WHERE customer_id = COALESCE($1, customer_id) AND channel = COALESCE($2, channel);

-- form: boolean columns
SELECT id FROM customers WHERE is_active AND NOT (balance > $1) AND is_active IS NOT FALSE;

-- form: boolean parameter
SELECT id FROM customers WHERE is_active = $1 AND (is_active IS TRUE) = $2;

-- form: boolean IS UNKNOWN
SELECT id FROM customers WHERE (balance > 10) IS UNKNOWN OR is_active IS NOT TRUE;

-- form: BETWEEN
SELECT id FROM orders WHERE total BETWEEN $1 AND $2;

-- form: BETWEEN parameters
SELECT id FROM orders WHERE placed_at BETWEEN $1 AND $2;

-- form: BETWEEN SYMMETRIC
SELECT id FROM orders WHERE total BETWEEN SYMMETRIC 20 AND 10;

-- form: NOT BETWEEN SYMMETRIC parameters
SELECT id FROM orders WHERE total NOT BETWEEN SYMMETRIC $1 AND $2;

-- form: IS DISTINCT FROM
SELECT id FROM orders WHERE channel IS DISTINCT FROM 'web';

-- form: IS NOT DISTINCT FROM parameter
SELECT id FROM orders WHERE channel IS NOT DISTINCT FROM $1;

-- form: ISNULL and NOTNULL
SELECT id FROM orders WHERE note ISNULL AND channel NOTNULL;

-- form: LIKE prefix
SELECT id FROM products WHERE sku LIKE 'SKU-19%';

-- form: LIKE ESCAPE
SELECT id FROM products WHERE name LIKE $1 ESCAPE $2;

-- form: NOT LIKE concatenated parameter
SELECT id FROM products WHERE name NOT LIKE '%' || $1 || '%';

-- form: LIKE concatenated parameters all
SELECT id FROM products WHERE name LIKE $1 || $2;

-- form: ILIKE
SELECT id FROM customers WHERE full_name ILIKE $1;

-- form: ILIKE parameter concat function
SELECT id FROM customers WHERE full_name ILIKE concat('%', $1, '%');

-- form: SIMILAR TO
SELECT id FROM products WHERE name SIMILAR TO $1;

-- form: NOT SIMILAR TO ESCAPE
SELECT id FROM products WHERE name NOT SIMILAR TO $1 ESCAPE $2;

-- form: regex match operators
SELECT id FROM products WHERE name ~ '^Red' AND name ~* 'lamp' AND name !~ 'x' AND sku !~* $1;

-- form: LIKE operator spelling
SELECT id FROM products WHERE name ~~ $1 AND sku !~~* $2;

-- form: starts_with operator
SELECT id FROM products WHERE name ^@ $1 OR starts_with(sku, $2);

-- form: regexp functions
-- from: 15
SELECT regexp_replace(name, $1, $2, $3), regexp_match(sku, $4) FROM products WHERE regexp_count(name, $5) > $6;

-- form: trigram similarity
SELECT id, similarity(name, $1) FROM products WHERE name % $2 ORDER BY name <-> $3 LIMIT $4;

-- form: trigram word similarity parameter
SELECT id FROM products WHERE $1 <% name ORDER BY word_similarity($1, name) DESC LIMIT $2;

-- form: lower() = lower()
SELECT id FROM customers WHERE lower(full_name) = lower('Ann Miller5');

-- form: upper parameter
SELECT id FROM customers WHERE upper(full_name) = upper($1);

-- form: citext
SELECT id FROM customers WHERE email = 'USER5@example.com'::citext;

-- form: OVERLAPS
SELECT id FROM orders WHERE (placed_at, placed_at + promised) OVERLAPS ('2025-02-01'::timestamptz, '2025-02-03'::timestamptz);

-- form: OVERLAPS interval parameters
SELECT id FROM orders WHERE (placed_at, interval '1 day') OVERLAPS ($1::timestamptz, $2::interval);

-- form: extract
SELECT id FROM orders WHERE extract($1 from placed_at) = $2 AND extract($3 from placed_at) = $4;

-- form: EXTRACT of parameter field string
SELECT EXTRACT($1 FROM placed_at), count(*) FROM orders GROUP BY 1;

-- form: date_part
SELECT date_part('hour', placed_at) AS h, count(*) FROM orders WHERE date_part('year', placed_at) = 2025 GROUP BY date_part('hour', placed_at);

-- form: date_part parameter twice
SELECT date_part($1, placed_at), count(*) FROM orders GROUP BY date_part($1, placed_at);

-- form: date_trunc twice with two numbers (normalised constants)
SELECT date_trunc($1, placed_at) AS m, sum(total) FROM orders WHERE placed_at >= $2 GROUP BY date_trunc('month', placed_at) ORDER BY date_trunc('month', placed_at);

-- form: date_trunc with zone
SELECT date_trunc($1, placed_at, $2) AS d, count(*) FROM orders GROUP BY 1 ORDER BY 1;

-- form: date_bin
-- from: 14
SELECT date_bin('15 minutes', occurred_at, TIMESTAMP '2025-01-01') AS b, count(*) FROM (SELECT occurred_at::timestamp FROM events WHERE kind = 'login') e GROUP BY b;

-- form: interval literal
SELECT id FROM orders WHERE placed_at > now() - interval '7 days';

-- form: interval literal with field
SELECT id FROM orders WHERE placed_at > now() - interval $1 day AND promised < interval $2 year to month;

-- form: interval with precision
SELECT id FROM orders WHERE promised > interval(3) $1;

-- form: interval parameter cast
SELECT id FROM orders WHERE placed_at > now() - $1::interval;

-- form: interval parameter times number
SELECT id FROM orders WHERE placed_at > now() - $1 * interval '1 day';

-- form: interval concatenation
SELECT id FROM orders WHERE placed_at > now() - ($1 || ' days')::interval;

-- form: make_interval
SELECT id FROM orders WHERE placed_at > now() - make_interval(days => $1);

-- form: make_interval normalised
SELECT id FROM orders WHERE placed_at > now() - make_interval(days => 7, hours => 2);

-- form: date literal prefix
SELECT id FROM orders WHERE shipped_on = date $1;

-- form: timestamp literal prefix
SELECT id FROM orders WHERE placed_at >= timestamp with time zone $1 AND placed_at < timestamptz $2;

-- form: time literals
SELECT id FROM orders WHERE delivery_at > time '10:00' AND delivery_at < time(0) without time zone '12:00';

-- form: date arithmetic
SELECT id FROM orders WHERE shipped_on > current_date - 30 AND shipped_on + 5 > $1;

-- form: date minus parameter untyped
SELECT id FROM orders WHERE shipped_on > $1 - 30;

-- form: parameter minus parameter
SELECT id FROM orders WHERE placed_at > $1 - $2;

-- form: timestamptz minus untyped interval text
SELECT id FROM orders WHERE placed_at > now() - '7 days'::interval AND placed_at < '2025-01-01'::timestamptz + '90 days';

-- form: sum of parameters
SELECT id FROM orders WHERE total > $1 + $2 AND total < $1 * 2;

-- form: age
SELECT id FROM customers WHERE age(born) > '40 years' AND age(timestamp '2025-01-01', updated_at) < '1 year';

-- form: AT TIME ZONE
SELECT id FROM orders WHERE (placed_at AT TIME ZONE 'Europe/Berlin')::date = '2025-02-03';

-- form: AT TIME ZONE parameter
SELECT (placed_at AT TIME ZONE $1)::date AS d, count(*) FROM orders WHERE placed_at > $2 GROUP BY (placed_at AT TIME ZONE $1)::date;

-- form: timezone function two zones
SELECT id FROM customers WHERE updated_at AT TIME ZONE $1 AT TIME ZONE $2 < $3;

-- form: AT LOCAL (PG17)
-- from: 17
SELECT id FROM customers WHERE updated_at AT LOCAL < $1;

-- form: date cast of timestamptz
SELECT count(*) FROM orders WHERE placed_at::date = $1;

-- form: DATE() function cast
SELECT DATE(placed_at), count(*) FROM orders GROUP BY DATE(placed_at) HAVING DATE(placed_at) > $1;

-- form: current_date, localtimestamp, clock
SELECT id FROM orders WHERE placed_at < CURRENT_TIMESTAMP AND placed_at < LOCALTIMESTAMP(0) AND shipped_on < CURRENT_DATE AND delivery_at < LOCALTIME AND placed_at < statement_timestamp();

-- form: special values
SELECT id FROM orders WHERE placed_at < 'infinity' AND shipped_on > 'epoch' AND placed_at < 'now'::timestamptz;

-- form: current_user and session info
SELECT id FROM jobs WHERE locked_by = CURRENT_USER OR locked_by = SESSION_USER OR locked_by = current_setting('app.worker', true);

-- form: to_char and to_date
SELECT to_char(placed_at, $1), count(*) FROM orders WHERE shipped_on > to_date($2, $3) GROUP BY to_char(placed_at, 'YYYY-MM');

-- form: to_timestamp epoch
SELECT id FROM orders WHERE placed_at >= to_timestamp($1) AND placed_at < to_timestamp($2 / 1000.0);

-- form: make_date
SELECT id FROM orders WHERE shipped_on >= make_date($1, $2, 1);

-- form: CASE searched
SELECT id, CASE WHEN total > 100 THEN 'big' WHEN total > 10 THEN 'mid' ELSE 'small' END FROM orders WHERE customer_id = 6;

-- form: CASE simple with parameters
SELECT id, CASE channel WHEN $1 THEN $2 WHEN $3 THEN $4 ELSE $5 END FROM orders WHERE id = $6;

-- form: CASE without ELSE in WHERE
SELECT id FROM orders WHERE CASE WHEN channel = $1 THEN total > $2 WHEN channel = $3 THEN total > $4 END;

-- form: CASE in aggregate
SELECT sum(CASE WHEN status = $1 THEN total ELSE $2 END), count(CASE WHEN status = $3 THEN $4 END) FROM orders WHERE placed_at > $5;

-- form: COALESCE
SELECT coalesce(note, channel, $1) FROM orders WHERE coalesce(channel, $2) = $3;

-- form: NULLIF
SELECT total / NULLIF(customer_id, $1) FROM orders WHERE NULLIF(channel, $2) IS NULL;

-- form: NULLIF parameter
SELECT id FROM orders WHERE channel = NULLIF($1, '');

-- form: GREATEST LEAST
SELECT greatest(total, 10, 20), least(total, $1) FROM orders WHERE greatest(total, $2) > $3;

-- form: coalesce of parameters only
SELECT id, coalesce($1, $2) FROM orders WHERE id = $3;

-- form: arithmetic operators
SELECT id, total * 2 / 3 % 7, -total, +total, qty ^ 2, |/ qty, @ -5 FROM orders JOIN order_items ON order_id = id WHERE qty * unit_price > 15.5;

-- form: bit operators
SELECT id FROM products WHERE (id & $1) > $2 AND (id | $3) <> $4 AND (id # $5) > $6 AND (~ id) < $7 AND (id << $8) > $9 AND (id >> $10) < $11;

-- form: bit strings
SELECT id FROM products WHERE flags = $1 OR flags & $2 = $3;

-- form: negative number, exponent
SELECT id FROM orders WHERE total > $1 AND total < $2 AND total <> $3;

-- form: negative parameter
SELECT id FROM orders WHERE total > -$1;

-- form: hex and underscored integers (PG16)
-- from: 16
SELECT id FROM orders WHERE id > 0x1F AND id < 1_000_000 AND id <> 0b101;

-- form: modulo sharding
SELECT id FROM orders WHERE id % $1 = $2 AND mod(customer_id, 4) = 1;

-- form: string concatenation
SELECT full_name || $1 || email || $2 FROM customers WHERE full_name || country = $3;

-- form: string constants E, U&, dollar quoted
SELECT id FROM orders WHERE note = $1 OR note = $2 OR note = $3 OR note = $4;

-- form: string constant continued over lines
SELECT id FROM orders WHERE note = $1;

-- form: substring variants
SELECT substring(name from $1 for $2), substring(name from $3), substring(name, $4), substr(name, $5, $6) FROM products WHERE substring(sku for $7) = $8;

-- form: SUBSTRING SIMILAR
SELECT substring(name similar $1 escape $2) FROM products WHERE id = $3;

-- form: trim, position, overlay
SELECT trim(both ' ' from name), trim(leading 'R' from name), position('a' in name), overlay(name placing 'x' from 2 for 1) FROM products WHERE btrim(sku) = $1;

-- form: normalize and IS NORMALIZED
SELECT normalize(name, NFC) FROM products WHERE name IS NFC NORMALIZED AND name IS NORMALIZED;

-- form: length, left, lpad
SELECT left(name, 3), lpad(id::text, 8, '0'), length(name) FROM products WHERE char_length(name) > 10 AND left(sku, 4) = 'SKU-';

-- form: md5, encode, hash
SELECT md5(name), encode(image, 'hex'), sha256(image) FROM products WHERE md5(sku) = $1 OR image = '\xDEADBEEF';

-- form: format
SELECT format('%s-%s-%I', id, $1::text, name) FROM products WHERE id = $2;

-- form: format untyped parameters
SELECT format('%s/%s', $1, $2), name FROM products WHERE id = $3;

-- form: concat untyped parameters
SELECT concat($1, name, $2), concat_ws($3, name, sku, $4) FROM products WHERE id = $5;

-- form: concat normalised
SELECT concat($1, name, $2, $3), concat_ws($4, sku, $5, $6) FROM products WHERE id = $7;

-- form: json_build_object parameters
SELECT json_build_object('id', id, 'x', $1, $2, name) FROM products WHERE id = $3;

-- form: jsonb_build_array parameters
SELECT jsonb_build_array($1, $2, id, 3) FROM products WHERE sku = $3;

-- form: json_build_object normalised
SELECT json_build_object($1, id, $2, name, $3, $4, $5, $6) FROM products WHERE id = $7;

-- form: to_jsonb of untyped constant
SELECT to_jsonb(p) || jsonb_build_object($1, $2) FROM products p WHERE id = $3;

-- form: row_to_json
SELECT row_to_json(t) FROM (SELECT id, name FROM products WHERE category_id = 8) t;

-- form: json_agg with row
SELECT json_agg(row_to_json(o)) FROM (SELECT o.id, (SELECT json_agg(i) FROM order_items i WHERE i.order_id = o.id) AS lines FROM orders o WHERE o.customer_id = $1) o;

-- form: jsonb_agg build (Hasura)
SELECT coalesce(json_agg("root"), '[]') AS "root" FROM (SELECT row_to_json((SELECT "_e" FROM (SELECT "_root.base"."id" AS "id", "_root.base"."total" AS "total") AS "_e")) AS "root" FROM (SELECT * FROM "public"."orders" WHERE (("public"."orders"."customer_id") = (($1)::bigint))) AS "_root.base") AS "_root";

-- form: jsonb arrows
SELECT attrs -> $1, attrs ->> $2, attrs #> $3, attrs #>> $4 FROM products WHERE attrs ->> $5 = $6;

-- form: jsonb arrows parameters
SELECT id FROM products WHERE attrs ->> $1 = $2;

-- form: jsonb path text array parameter
SELECT id FROM products WHERE attrs #>> $1 = $2;

-- form: jsonb arrow cast
SELECT id FROM products WHERE (attrs ->> $1)::int > $2 AND (attrs -> $3 ->> $4)::bigint = $5;

-- form: jsonb subscript
-- from: 14
SELECT attrs[$1][$2], attrs[$3][$4] FROM products WHERE attrs[$5] = $6;

-- form: jsonb subscript parameter
-- from: 14
SELECT id FROM products WHERE attrs[$1] = $2;

-- form: jsonb containment
SELECT id FROM products WHERE attrs @> '{"colour": "red"}';

-- form: jsonb containment parameter
SELECT id FROM products WHERE attrs @> $1 AND NOT attrs <@ $2;

-- form: jsonb containment of built object
SELECT id FROM products WHERE attrs @> jsonb_build_object('colour', $1, 'size', $2);

-- form: jsonb containment cast literal
SELECT id FROM products WHERE attrs @> $1::jsonb;

-- form: jsonb key exists
SELECT id FROM products WHERE attrs ? 'colour' AND attrs ?| ARRAY['a', 'size'] AND attrs ?& '{size,parts}';

-- form: jsonb key exists parameter
SELECT id FROM products WHERE attrs ? $1 OR attrs ?| $2;

-- form: jsonb concat, delete
SELECT attrs || '{"a": 1}', attrs - 'size', attrs - ARRAY['size', 'colour'], attrs #- '{1,maker}', attrs - 0 FROM (SELECT '[1]'::jsonb || attrs AS attrs FROM products WHERE id = 7) p;

-- form: jsonb_set
SELECT jsonb_set(attrs, $1, $2, $3), jsonb_insert(attrs, $4, $5) FROM products WHERE id = $6;

-- form: jsonpath operators
SELECT id FROM products WHERE attrs @? '$.parts[*] ? (@ > 100)' AND attrs @@ '$.size > 5';

-- form: jsonpath operator parameter
SELECT id FROM products WHERE attrs @@ $1::jsonpath OR attrs @? $2;

-- form: jsonpath functions
SELECT jsonb_path_query_first(attrs, '$.maker.name'), jsonb_path_query_array(attrs, '$.parts[*]') FROM products WHERE jsonb_path_exists(attrs, '$.size ? (@ > $min)', '{"min": 30}');

-- form: jsonpath function vars parameters
SELECT id FROM products WHERE jsonb_path_exists(attrs, '$.size ? (@ > $min)', jsonb_build_object('min', $1));

-- form: jsonb_path_query in FROM
SELECT p.id, v FROM products p, jsonb_path_query(p.attrs, $1) v;

-- form: jsonb typeof, length, strip
SELECT id FROM products WHERE jsonb_typeof(attrs -> 'parts') = 'array' AND jsonb_array_length(attrs -> 'parts') = 2;

-- form: json (not jsonb) column
SELECT settings ->> $1, settings -> $2 FROM customers WHERE settings ->> $3 = $4;

-- form: IS JSON (PG16)
-- from: 16
SELECT id FROM orders WHERE note IS JSON OBJECT WITH UNIQUE KEYS OR note IS NOT JSON;

-- form: JSON_OBJECT and JSON_ARRAY (PG16)
-- from: 16
SELECT JSON_OBJECT('id': id, 'total': total ABSENT ON NULL), JSON_ARRAY(id, $1 NULL ON NULL) FROM orders WHERE id = $2;

-- form: JSON_ARRAYAGG (PG16)
-- from: 16
SELECT JSON_ARRAYAGG(id ORDER BY id ABSENT ON NULL), JSON_OBJECTAGG(id : total) FROM orders WHERE customer_id = $1;

-- form: JSON_VALUE, JSON_QUERY, JSON_EXISTS (PG17)
-- from: 17
SELECT JSON_VALUE(attrs, '$.size' RETURNING int DEFAULT $1 ON EMPTY), JSON_QUERY(attrs, '$.parts' WITH WRAPPER) FROM products WHERE JSON_EXISTS(attrs, '$.size ? (@ > $x)' PASSING $2 AS x);

-- form: JSON_TABLE (PG17)
-- from: 17
SELECT p.id, t.* FROM products p, JSON_TABLE(p.attrs, '$.parts[*]' COLUMNS (n FOR ORDINALITY, v int PATH '$')) AS t WHERE p.id = $1;

-- form: JSON_SCALAR, JSON_SERIALIZE, JSON() (PG17)
-- from: 17
SELECT JSON_SCALAR(id), JSON_SERIALIZE(attrs RETURNING text), JSON(name WITHOUT UNIQUE KEYS) FROM products WHERE id = $1;

-- form: array subscript
SELECT dims[1], grid[1][2], tags[2] FROM products WHERE tags[1] = 'sale';

-- form: array slice
SELECT dims[$1:$2], dims[:$3], dims[$4:], grid[$5:$6][:], dims[:] FROM products WHERE dims[$7:$8] = $9;

-- form: array subscript parameter
SELECT tags[$1], dims[$2:$3] FROM products WHERE tags[$1] = $4;

-- form: array operators
SELECT id FROM products WHERE tags @> ARRAY[$1] AND tags && ARRAY[$2, $3] AND tags <@ ARRAY[$4, $5, $6];

-- form: array operators cast literal
SELECT id FROM products WHERE tags @> '{sale,tag4}'::text[] AND dims @> ARRAY[3];

-- form: array operators parameter
SELECT id FROM products WHERE tags @> $1 AND tags && $2::varchar[]::text[];

-- form: array operator ARRAY[parameter]
SELECT id FROM products WHERE tags @> ARRAY[$1] AND dims && ARRAY[$2, $3];

-- form: array operator ARRAY[parameter]::varchar[]
SELECT id FROM products WHERE tags && ARRAY[$1, $2]::varchar[]::text[];

-- form: array functions
SELECT array_length(tags, 1), cardinality(dims), array_append(tags, 'x'), array_remove(tags, 'sale'), array_to_string(tags, ','), array_cat(dims, '{1,2}') FROM products WHERE array_position(tags, 'eco') = 1;

-- form: array concatenation
SELECT tags || 'x'::text, tags || ARRAY['a', 'b'], 0 || dims FROM products WHERE id = $1;

-- form: array comparison
SELECT id FROM products WHERE dims = ARRAY[1, 1, 1] OR dims > ARRAY[8] OR tags = '{}';

-- form: multidimensional ARRAY
SELECT id FROM products WHERE grid = ARRAY[[$1, $2], [$3, $4]];

-- form: empty ARRAY cast
SELECT id FROM products WHERE tags <> ARRAY[]::text[];

-- form: unnest in target list
SELECT id, unnest(tags) FROM products WHERE category_id = $1;

-- form: generate_subscripts
SELECT id, generate_subscripts(tags, 1) AS s FROM products WHERE id < 5;

-- form: full text
SELECT id FROM products WHERE search @@ to_tsquery('english', 'lamp & fine');

-- form: full text parameters, rank
SELECT id, ts_rank(search, q) FROM products, plainto_tsquery($1) q WHERE search @@ q ORDER BY ts_rank(search, q) DESC LIMIT $2;

-- form: full text expression
SELECT id FROM products WHERE to_tsvector($1, coalesce(name, $2) || $3 || coalesce(description, $4)) @@ websearch_to_tsquery($5, $6);

-- form: full text headline and cast
SELECT ts_headline('english', description, 'lamp'::tsquery), setweight(search, 'A') FROM products WHERE search @@ 'lamp:*'::tsquery;

-- form: full text @@ text parameter
SELECT id FROM products WHERE search @@ $1::tsquery AND description @@ $2;

-- form: casts of all spellings
SELECT CAST(id AS text), id::text, text(id), numeric '5', total::numeric(10,1), int4 '7', float8 '1.5', CAST('1' AS integer), '5'::int::text::varchar(3), bigint '9' FROM orders WHERE id = 3;

-- form: cast of a parameter all spellings
SELECT id FROM orders WHERE id = CAST($1 AS bigint) AND customer_id = $2::int8 AND total > int4($3::text::numeric);

-- form: int4() function style
SELECT int4(total), float8(total), "numeric"(id) FROM orders WHERE id = $1;

-- form: cast to domain and composite
SELECT '5'::positive_int, ROW('a', 'b', 'c')::address, '(x,y,z)'::address FROM products WHERE stock = 5::positive_int;

-- form: composite comparison
SELECT id FROM customers WHERE addr = ROW('Road 5', 'Austin', '00005')::address;

-- form: composite field parameter
SELECT id FROM customers WHERE (addr).city = $1 AND (addr).zip LIKE $2;

-- form: enum cast
SELECT id FROM orders WHERE status = $1::order_status AND status > $2 AND status = ANY ($3::order_status[]);

-- form: enum as text
SELECT id FROM orders WHERE status::text = $1;

-- form: regclass and oid casts
SELECT id, 'orders'::regclass, tableoid::regclass::text FROM orders WHERE tableoid = 'orders'::regclass LIMIT 1;

-- form: char(n) column
SELECT id FROM customers WHERE country = $1 AND country::text <> $2::bpchar;

-- form: COLLATE in comparison
SELECT id FROM customers WHERE full_name COLLATE "C" < 'Bob' AND full_name > $1 COLLATE "POSIX";

-- form: COLLATE schema qualified and in LIKE
SELECT id FROM customers WHERE full_name LIKE $1 COLLATE pg_catalog."C";

-- form: OPERATOR() spelling
SELECT id FROM orders WHERE total OPERATOR(pg_catalog.>) 50 AND channel OPERATOR(pg_catalog.=) ANY (ARRAY['web']);

-- form: OPERATOR(public.) of an extension
SELECT id FROM products WHERE name OPERATOR(public.%) $1;

-- form: pg_catalog function spelling
SELECT pg_catalog.count(*), pg_catalog.date_trunc($1, placed_at) FROM public.orders WHERE pg_catalog.lower(channel) = $2 GROUP BY 2;

-- form: function with VARIADIC
SELECT concat_ws($1, VARIADIC tags), format($2, VARIADIC ARRAY[name, sku]) FROM products WHERE jsonb_extract_path_text(attrs, VARIADIC ARRAY[$3, $4]) = $5;

-- form: named notation
-- expect: not_planned not_safe
SELECT make_timestamptz(year => 2025, month => 1, mday => 2, hour => 3, min => 4, sec => 5), customer_total(p_customer => id) FROM customers WHERE id = 5;

-- form: named notation :=
SELECT id FROM orders WHERE promised > make_interval(days := $1);

-- form: uuid
SELECT * FROM customers WHERE uid = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';

-- form: uuid parameter cast text
SELECT * FROM groups WHERE id::text = $1 OR id = $2;

-- form: hstore
SELECT attrs -> 'plan', attrs ? 'seats' FROM customers WHERE attrs @> 'plan=>pro' AND (attrs -> 'seats')::int > 5;

-- form: hstore parameter
SELECT id FROM customers WHERE attrs -> $1 = $2 AND exist(attrs, $3);

-- form: ltree
SELECT id FROM categories WHERE path <@ $1 AND path ~ $2 AND nlevel(path) = $3;

-- form: ltree parameter
SELECT id, subpath(path, 0, 2) FROM categories WHERE path <@ $1::ltree ORDER BY path;

-- form: ltree query arrays
SELECT id FROM categories WHERE path ? ARRAY['top.c1.*', 'top.c2.*']::lquery[] AND path @ 'c1 | c41'::ltxtquery;

-- form: range containment
SELECT customer_id FROM memberships WHERE valid @> $1::timestamptz AND valid && tstzrange($2, $3);

-- form: range parameters
SELECT customer_id FROM memberships WHERE valid @> $1::timestamptz AND valid && tstzrange($2, $3, '[)');

-- form: range contains untyped parameter
SELECT customer_id FROM memberships WHERE valid @> $1;

-- form: range functions and operators
SELECT lower(valid), upper(valid), upper_inf(valid), isempty(valid) FROM memberships WHERE upper_inf(valid) AND lower(valid) > $1 AND valid -|- $2 IS NOT TRUE AND valid << tstzrange(now(), NULL);

-- form: daterange column
SELECT id FROM places WHERE open @> current_date OR open @> date $1 OR open && $2::daterange;

-- form: multirange
-- from: 14
SELECT customer_id FROM memberships WHERE seats @> $1 AND seats && int4multirange(int4range($2, $3));

-- form: geometric
SELECT id FROM places WHERE at <@ box $1 AND area && box(point($2,$3), point($4,$5)) AND round @> point $6;

-- form: geometric parameters
SELECT id FROM places WHERE at <@ $1::box AND circle($2::point, $3) @> at AND outline @> point($4, $5);

-- form: point subscripts
SELECT id FROM places WHERE at[0] BETWEEN 3 AND 5 AND at[1] < $1;

-- form: network types
SELECT id FROM events WHERE ip << inet '10.0.0.0/16' AND ip <<= $1 AND host(ip) LIKE '10.0.%' AND family(ip) = 4;

-- form: cidr, macaddr, money
SELECT id FROM places WHERE net >>= inet '10.5.1.1' OR mac = '08:00:2b:01:02:03' OR fee > '$5.00'::money;

-- form: xml
SELECT xpath($1, meta), xmlelement(name doc, xmlattributes(title AS t), body), xmlforest(title, id), xmlserialize(content meta as text) FROM documents WHERE xmlexists($2 passing meta) AND id = $3;

-- form: xmltable
SELECT d.id, x.t FROM documents d, XMLTABLE($1 PASSING d.meta COLUMNS n FOR ORDINALITY, t text PATH $2 DEFAULT 'z') x WHERE d.id < $3;

-- form: bytea
SELECT id FROM products WHERE image = $1 OR get_byte(image, 0) = 7 OR substring(image from 1 for 2) = '\x0102'::bytea;

-- form: generated column
SELECT order_id FROM order_items WHERE line_total > $1 ORDER BY line_total DESC LIMIT $2;

-- form: double precision, real
SELECT id FROM products WHERE weight > 10.5 AND weight::numeric < $1;

-- form: double precision equality and NaN
SELECT product_id FROM order_items WHERE discount = $1 AND discount <> $2 AND isfinite(now());

-- form: user SQL function in target
SELECT id, net_price(price) FROM products WHERE category_id = 5;

-- form: user plpgsql function in WHERE on column
-- expect: not_planned not_safe
SELECT id FROM products WHERE slug(name) = $1;

-- form: user plpgsql function of a parameter
-- expect: not_planned not_safe
SELECT id FROM products WHERE name = slug($1);

-- form: set returning user function in FROM
-- expect: not_planned no_table
SELECT * FROM top_products($1);

-- form: set returning user function joined
-- expect: not_planned not_safe
SELECT t.id, c.name FROM top_products($1) t JOIN categories c ON c.id = t.category_id;

-- form: call of a function only
-- expect: not_planned not_safe
SELECT customer_total(5);

-- form: user aggregate
-- expect: not_planned not_safe
SELECT product_of(qty) FROM order_items WHERE order_id = $1;

-- form: nextval with table
-- expect: not_planned not_safe
SELECT nextval('ticket_no'), id FROM orders WHERE id = 5;

-- form: nextval only
-- expect: not_planned system
SELECT nextval($1);

-- form: advisory lock
-- expect: not_planned system
SELECT pg_advisory_xact_lock($1);

-- form: advisory lock beside a table
-- expect: not_planned not_safe
SELECT id FROM jobs WHERE pg_try_advisory_lock(id) AND status = $1 LIMIT $2;

-- form: set_config beside a table
-- expect: not_planned not_safe
SELECT set_config('app.user', full_name, true) FROM customers WHERE id = 5;

-- form: pg_sleep / size functions beside a table
SELECT pg_column_size(attrs), pg_typeof(attrs) FROM products WHERE id = $1;

-- form: casefold, array_sort, uuidv7 (PG18)
-- from: 18
SELECT casefold(name), array_sort(tags), uuidv7() FROM products WHERE casefold(name) = $1;

-- form: any_value (PG16)
-- from: 16
SELECT category_id, any_value(name) FROM products WHERE price > $1 GROUP BY category_id;

-- form: merge_action-free random range (PG17)
-- from: 17
SELECT id FROM products WHERE id > random($1, $2) AND to_hex(id) = to_bin(5);

-- form: regexp_like, regexp_instr (PG15)
-- from: 15
SELECT id FROM products WHERE regexp_like(name, 'lamp', 'i') AND regexp_instr(name, '[0-9]') > $1;

-- form: aggregate FILTER
SELECT count(*) FILTER (WHERE status = $1), sum(total) FILTER (WHERE channel = $2 AND total > $3) FROM orders WHERE placed_at > $4;

-- form: aggregate FILTER parameters
SELECT count(*) FILTER (WHERE status = $1) AS a, count(*) FILTER (WHERE total > $2) AS b FROM orders;

-- form: aggregate DISTINCT
SELECT count(DISTINCT customer_id), count(DISTINCT (customer_id, channel)), sum(DISTINCT total) FROM orders WHERE status = $1;

-- form: WITHIN GROUP
SELECT percentile_cont($1) WITHIN GROUP (ORDER BY total), percentile_disc(ARRAY[$2, $3]) WITHIN GROUP (ORDER BY total), mode() WITHIN GROUP (ORDER BY channel) FROM orders WHERE status = $4;

-- form: WITHIN GROUP parameter
SELECT channel, percentile_cont($1) WITHIN GROUP (ORDER BY total DESC) FROM orders GROUP BY channel;

-- form: hypothetical set aggregates
SELECT rank(100) WITHIN GROUP (ORDER BY total), dense_rank($1) WITHIN GROUP (ORDER BY total), cume_dist($2, $3) WITHIN GROUP (ORDER BY total, id) FROM orders;

-- form: ordered-set with FILTER
SELECT percentile_cont($1) WITHIN GROUP (ORDER BY total) FILTER (WHERE status = $2) FROM orders;

-- form: string_agg with ORDER BY
SELECT customer_id, string_agg(channel, $1 ORDER BY placed_at DESC) FROM orders WHERE customer_id < $2 GROUP BY customer_id;

-- form: string_agg DISTINCT parameter
SELECT string_agg(DISTINCT name, $1) FROM products WHERE kind = $2;

-- form: array_agg
SELECT category_id, array_agg(id ORDER BY price DESC, id), array_agg(DISTINCT kind) FROM products GROUP BY category_id HAVING array_length(array_agg(id), 1) > 0;

-- form: array_agg slice
SELECT (array_agg(id ORDER BY placed_at DESC))[1:3], (array_agg(id))[$1] FROM orders GROUP BY customer_id;

-- form: jsonb_object_agg
SELECT jsonb_object_agg(sku, price), json_object_agg(id, name) FROM products WHERE category_id = $1;

-- form: bool_and, every, bit_or
SELECT bool_and(is_active), bool_or(balance > $1), every(balance >= $2), bit_or(id::int), count(*) FROM customers WHERE country = $3;

-- form: statistics aggregates
SELECT corr(total, id), regr_slope(total, id), stddev_pop(total), var_samp(total), covar_samp(total, id) FROM orders WHERE channel = $1;

-- form: min max of an index
SELECT min(placed_at), max(placed_at) FROM orders;

-- form: range_agg
-- from: 14
SELECT customer_id, range_agg(valid), range_intersect_agg(valid) FROM memberships GROUP BY customer_id;

-- form: xmlagg
SELECT xmlagg(xmlelement(name d, title) ORDER BY id) FROM documents WHERE made_on = $1;

-- form: window functions plain
SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY placed_at), rank() OVER (ORDER BY total DESC) FROM orders WHERE status = $1;

-- form: window of lag, lead, ntile with constants
SELECT id, lag(total, 1, 0.0) OVER w, lead(total, 2) OVER w, ntile(4) OVER w, nth_value(total, 3) OVER w FROM orders WHERE channel = 'web' WINDOW w AS (PARTITION BY customer_id ORDER BY placed_at);

-- form: window empty OVER ()
SELECT id, total, count(*) OVER () FROM orders WHERE status = $1 ORDER BY id LIMIT $2 OFFSET $3;

-- form: WINDOW clause inherited
SELECT id, sum(total) OVER w2, avg(total) OVER (w1 ORDER BY id) FROM orders WINDOW w1 AS (PARTITION BY customer_id), w2 AS (w1 ORDER BY placed_at DESC);

-- form: frame ROWS BETWEEN
SELECT id, avg(total) OVER (PARTITION BY customer_id ORDER BY placed_at ROWS BETWEEN $1 PRECEDING AND CURRENT ROW) FROM orders WHERE customer_id = $2;

-- form: frame ROWS UNBOUNDED
SELECT id, sum(total) OVER (ORDER BY placed_at ROWS UNBOUNDED PRECEDING), first_value(id) OVER (ORDER BY placed_at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM orders WHERE channel = $1;

-- form: frame RANGE interval
SELECT id, count(*) OVER (ORDER BY placed_at RANGE BETWEEN $1 PRECEDING AND $2 FOLLOWING) FROM orders WHERE status = $3;

-- form: frame RANGE number parameter
SELECT id, count(*) OVER (ORDER BY total RANGE BETWEEN $1 PRECEDING AND $2 FOLLOWING) FROM orders;

-- form: frame GROUPS EXCLUDE
SELECT id, sum(total) OVER (ORDER BY placed_at::date GROUPS BETWEEN $1 PRECEDING AND $2 FOLLOWING EXCLUDE CURRENT ROW), sum(total) OVER (ORDER BY placed_at::date GROUPS BETWEEN CURRENT ROW AND $3 FOLLOWING EXCLUDE GROUP), max(total) OVER (ORDER BY placed_at RANGE UNBOUNDED PRECEDING EXCLUDE TIES), min(total) OVER (ORDER BY id ROWS CURRENT ROW EXCLUDE NO OTHERS) FROM orders;

-- form: frame offset parameters ROWS
SELECT id, avg(total) OVER (ORDER BY id ROWS BETWEEN $1 PRECEDING AND $2 FOLLOWING) FROM orders WHERE customer_id = $3;

-- form: window with FILTER
SELECT id, count(*) FILTER (WHERE total > $1) OVER (PARTITION BY channel) FROM orders;

-- form: window over aggregate
SELECT channel, sum(total), sum(sum(total)) OVER (), rank() OVER (ORDER BY sum(total) DESC) FROM orders GROUP BY channel;

-- form: top N per group by row_number
SELECT * FROM (SELECT o.*, row_number() OVER (PARTITION BY customer_id ORDER BY placed_at DESC) AS rn FROM orders o) x WHERE x.rn <= $1;

-- form: CTE
WITH recent AS (SELECT * FROM orders WHERE placed_at > '2025-05-01') SELECT c.full_name, count(*) FROM recent r JOIN customers c ON c.id = r.customer_id GROUP BY c.full_name;

-- form: CTE MATERIALIZED
WITH r AS MATERIALIZED (SELECT * FROM orders WHERE status = $1) SELECT * FROM r WHERE customer_id = $2;

-- form: CTE NOT MATERIALIZED twice used
WITH r AS NOT MATERIALIZED (SELECT * FROM orders WHERE status = $1) SELECT * FROM r a JOIN r b ON a.customer_id = b.customer_id WHERE a.id = $2;

-- form: CTE with column names, nested WITH
WITH a (x, y) AS (WITH b AS (SELECT customer_id, total FROM orders WHERE channel = $1) SELECT customer_id, sum(total) FROM b GROUP BY customer_id) SELECT x FROM a WHERE y > $2;

-- form: CTE in a subquery
SELECT id FROM products WHERE category_id IN (WITH c AS (SELECT id FROM categories WHERE name LIKE 'Category 1%') SELECT id FROM c) AND price < $1;

-- form: CTE of VALUES
WITH wanted (sku, n) AS (VALUES ($1, $2), ($3, $4)) SELECT p.id, w.n FROM products p JOIN wanted w USING (sku);

-- form: CTE of parameters
WITH p AS (SELECT $1::bigint AS cid, $2::timestamptz AS since) SELECT o.id FROM orders o, p WHERE o.customer_id = p.cid AND o.placed_at > p.since;

-- form: CTE of untyped parameters
WITH p AS (SELECT $1 AS cid) SELECT c.id FROM customers c JOIN p ON p.cid = c.full_name;

-- form: CTE unused
WITH a AS (SELECT * FROM jobs WHERE status = $1), b AS (SELECT $2) SELECT id FROM orders WHERE id = $3;

-- form: CTE shadowing a table
WITH orders AS (SELECT * FROM orders WHERE channel = 'web') SELECT * FROM orders WHERE customer_id = 4;

-- form: recursive CTE down a tree
WITH RECURSIVE t AS (SELECT id, parent_id, name, 0 AS depth FROM categories WHERE id = 3 UNION ALL SELECT c.id, c.parent_id, c.name, t.depth + 1 FROM categories c JOIN t ON c.parent_id = t.id) SELECT * FROM t ORDER BY depth;

-- form: recursive CTE up a tree, parameter
WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM categories WHERE id = $1 UNION SELECT c.id, c.parent_id FROM categories c, up WHERE c.id = up.parent_id) SELECT count(*) FROM up;

-- form: recursive CTE path array
WITH RECURSIVE t AS (SELECT id, ARRAY[id] AS way FROM categories WHERE parent_id IS NULL UNION ALL SELECT c.id, t.way || c.id FROM categories c JOIN t ON c.parent_id = t.id WHERE c.id <> ALL (t.way) AND cardinality(t.way) < $1) SELECT * FROM t;

-- form: recursive CTE SEARCH DEPTH FIRST
-- from: 14
WITH RECURSIVE t (id, parent_id) AS (SELECT id, parent_id FROM categories WHERE id = $1 UNION ALL SELECT c.id, c.parent_id FROM categories c JOIN t ON c.parent_id = t.id) SEARCH DEPTH FIRST BY id SET ord SELECT * FROM t ORDER BY ord;

-- form: recursive CTE SEARCH BREADTH FIRST and CYCLE
-- from: 14
WITH RECURSIVE t (id, parent_id) AS (SELECT id, parent_id FROM categories WHERE id = $1 UNION ALL SELECT c.id, c.parent_id FROM categories c JOIN t ON c.parent_id = t.id) SEARCH BREADTH FIRST BY id SET ord CYCLE id SET is_cycle USING way SELECT * FROM t WHERE NOT is_cycle ORDER BY ord;

-- form: recursive CTE CYCLE TO DEFAULT
-- from: 14
WITH RECURSIVE t (id, parent_id) AS (SELECT id, parent_id FROM categories WHERE id = $1 UNION ALL SELECT c.id, c.parent_id FROM categories c JOIN t ON c.parent_id = t.id) CYCLE id SET looped TO 'Y' DEFAULT 'N' USING way SELECT * FROM t;

-- form: recursive CTE numbers joined
WITH RECURSIVE n (i) AS (VALUES ($1) UNION ALL SELECT i + $2 FROM n WHERE i < $3) SELECT n.i, count(o.id) FROM n LEFT JOIN orders o ON extract($4 from o.placed_at) = n.i GROUP BY n.i;

-- form: recursive loose index scan
WITH RECURSIVE c AS ((SELECT channel FROM orders ORDER BY channel LIMIT $1) UNION ALL SELECT (SELECT channel FROM orders WHERE channel > c.channel ORDER BY channel LIMIT $2) FROM c WHERE c.channel IS NOT NULL) SELECT channel FROM c WHERE channel IS NOT NULL;

-- form: mutually referencing CTEs
WITH a AS (SELECT customer_id, sum(total) s FROM orders GROUP BY customer_id), b AS (SELECT avg(s) m FROM a) SELECT a.customer_id FROM a, b WHERE a.s > b.m * $1;

-- form: UNION
SELECT customer_id FROM orders WHERE status = $1 UNION SELECT customer_id FROM events WHERE kind = $2;

-- form: UNION ALL with outer ORDER
SELECT id, 'order' AS what FROM orders WHERE customer_id = $1 UNION ALL SELECT id, 'event' FROM events WHERE customer_id = $1 ORDER BY 1 LIMIT $2;

-- form: INTERSECT
SELECT customer_id FROM orders WHERE channel = 'web' INTERSECT SELECT customer_id FROM memberships WHERE role = 'owner';

-- form: INTERSECT ALL, EXCEPT ALL parenthesised
(SELECT customer_id FROM orders WHERE channel = $1 INTERSECT ALL SELECT customer_id FROM orders WHERE channel = $2) EXCEPT ALL SELECT id FROM customers WHERE country = $3;

-- form: EXCEPT
SELECT id FROM customers EXCEPT SELECT customer_id FROM orders WHERE placed_at > $1;

-- form: UNION DISTINCT of three with limits
(SELECT id FROM orders ORDER BY total DESC LIMIT $1) UNION DISTINCT (SELECT id FROM orders ORDER BY placed_at LIMIT $2) UNION ALL SELECT id FROM ONLY documents WHERE id < $3;

-- form: UNION ALL with VALUES
SELECT id FROM categories WHERE parent_id = 3 UNION ALL VALUES (1), (2);

-- form: UNION of a select without table
SELECT $1 AS id, $2 AS name UNION ALL SELECT id, name FROM categories WHERE parent_id IS NULL;

-- form: UNION in FROM
SELECT u.c, count(*) FROM (SELECT customer_id AS c FROM orders WHERE id < 50 UNION ALL SELECT customer_id FROM events WHERE id < 50) u GROUP BY u.c;

-- form: UNION of NULL columns and constants
SELECT id, $1::text AS party, $2 AS k FROM invoices WHERE amount > $3 UNION ALL SELECT id, party, $4 FROM contracts WHERE party = $5;

-- form: UNION with parameters only on one side
SELECT $1::int AS x UNION SELECT id FROM categories WHERE parent_id = $2;

-- form: UNION with untyped parameter
SELECT $1 AS x, id FROM orders WHERE customer_id = $2 UNION ALL SELECT $3, id FROM events WHERE customer_id = $2;

-- form: FOR UPDATE
SELECT * FROM orders WHERE id = $1 FOR UPDATE;

-- form: FOR UPDATE normalised
SELECT * FROM orders WHERE customer_id = 5 AND status = 'new' FOR UPDATE;

-- form: FOR NO KEY UPDATE NOWAIT
SELECT * FROM customers WHERE id = $1 FOR NO KEY UPDATE NOWAIT;

-- form: FOR SHARE OF
SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = $1 FOR SHARE OF o;

-- form: FOR KEY SHARE (foreign key check)
SELECT 1 FROM ONLY "public"."customers" x WHERE "id" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x;

-- form: foreign key check of a uuid
SELECT 1 FROM ONLY "public"."groups" x WHERE "id" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x;

-- form: foreign key check with cast (int4 to int8)
SELECT 1 FROM ONLY "public"."orders" x WHERE "id" OPERATOR(pg_catalog.=) $1::pg_catalog.int8 FOR KEY SHARE OF x;

-- form: foreign key cascade delete
DELETE FROM ONLY "public"."order_items" WHERE $1 OPERATOR(pg_catalog.=) "order_id";

-- form: foreign key set null
UPDATE ONLY "public"."orders" SET "customer_id" = NULL WHERE $1 OPERATOR(pg_catalog.=) "customer_id";

-- form: foreign key restrict check
SELECT 1 FROM ONLY "public"."orders" x WHERE $1 OPERATOR(pg_catalog.=) "customer_id" FOR KEY SHARE OF x;

-- form: foreign key initial check
SELECT fk."customer_id" FROM ONLY "public"."orders" fk LEFT OUTER JOIN ONLY "public"."customers" pk ON ( pk."id" OPERATOR(pg_catalog.=) fk."customer_id") WHERE pk."id" IS NULL AND (fk."customer_id" IS NOT NULL);

-- form: queue with SKIP LOCKED
SELECT id FROM jobs WHERE status = $1 AND run_at <= now() ORDER BY priority DESC, run_at LIMIT $2 FOR UPDATE SKIP LOCKED;

-- form: two locking clauses
SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = $1 FOR UPDATE OF o SKIP LOCKED FOR SHARE OF c NOWAIT;

-- form: FOR READ ONLY
SELECT id FROM orders WHERE customer_id = 7 FOR READ ONLY;

-- form: locking in a subquery
SELECT * FROM (SELECT * FROM jobs WHERE queue = $1 FOR UPDATE SKIP LOCKED) j WHERE j.attempts < 3;

-- form: locking before limit (old spelling order)
SELECT id FROM jobs WHERE queue = $1 FOR UPDATE LIMIT $2;

-- form: locking in a CTE
WITH j AS (SELECT id FROM jobs WHERE status = 'queued' LIMIT 5 FOR UPDATE SKIP LOCKED) SELECT * FROM jobs WHERE id IN (SELECT id FROM j);

-- form: INSERT VALUES
-- expect: not_planned rows_given
INSERT INTO orders (customer_id, total, placed_at) VALUES ($1, $2, $3);

-- form: INSERT VALUES several rows normalised
-- expect: not_planned rows_given
INSERT INTO audit_log (tab, what) VALUES ($1, $2), ($3, $4), ($5, DEFAULT);

-- form: INSERT VALUES RETURNING
-- expect: not_planned rows_given
INSERT INTO groups (name, owner_id) VALUES ($1, $2) RETURNING id, name AS n;

-- form: INSERT DEFAULT VALUES
-- expect: not_planned rows_given
INSERT INTO audit_log DEFAULT VALUES;

-- form: INSERT OVERRIDING SYSTEM VALUE
-- expect: not_planned rows_given
INSERT INTO categories (id, name) OVERRIDING SYSTEM VALUE VALUES (90001, 'x');

-- form: INSERT OVERRIDING USER VALUE SELECT
INSERT INTO categories (id, name) OVERRIDING USER VALUE SELECT id, name FROM categories WHERE parent_id = $1;

-- form: INSERT VALUES ON CONFLICT DO NOTHING
-- expect: not_planned rows_given
INSERT INTO memberships (customer_id, group_id, role, valid) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- form: INSERT VALUES ON CONFLICT DO UPDATE
-- expect: not_planned rows_given
INSERT INTO sales.daily AS d (day, orders, amount) VALUES ($1, $2, $3) ON CONFLICT (day) DO UPDATE SET orders = d.orders + $4, amount = d.amount + excluded.amount WHERE d.amount < $5 RETURNING d.*;

-- form: INSERT ON CONFLICT ON CONSTRAINT, row form
-- expect: not_planned rows_given
INSERT INTO sales.daily (day, orders, amount) VALUES ($1, $2, $3) ON CONFLICT ON CONSTRAINT daily_pkey DO UPDATE SET (orders, amount) = (excluded.orders, excluded.amount);

-- form: INSERT VALUES with a subquery
INSERT INTO orders (customer_id, total, placed_at) VALUES ((SELECT id FROM customers WHERE full_name = $1), $2, now());

-- form: INSERT VALUES with EXISTS subquery in ON CONFLICT
INSERT INTO sales.daily (day, orders) VALUES ($1, $2) ON CONFLICT (day) DO UPDATE SET amount = (SELECT sum(total) FROM orders WHERE placed_at::date = excluded.day);

-- form: INSERT SELECT
INSERT INTO audit_log (tab, row_id, what) SELECT 'orders', id, 'X' FROM orders WHERE status = 'cancelled' AND placed_at < '2025-02-01';

-- form: INSERT SELECT ON CONFLICT WHERE
INSERT INTO sales.daily (day, orders, amount) SELECT placed_at::date, count(*), sum(total) FROM orders WHERE placed_at >= $1 GROUP BY 1 ON CONFLICT (day) DO UPDATE SET orders = excluded.orders WHERE daily.orders IS DISTINCT FROM excluded.orders RETURNING day;

-- form: INSERT SELECT without FROM WHERE NOT EXISTS
INSERT INTO groups (name) SELECT $1 WHERE NOT EXISTS (SELECT $2 FROM groups WHERE name = $3);

-- form: INSERT SELECT without FROM WHERE NOT EXISTS parameters
INSERT INTO memberships (customer_id, group_id, role, valid) SELECT $1, $2, $3, tstzrange(now(), NULL) WHERE NOT EXISTS (SELECT 1 FROM memberships WHERE customer_id = $1 AND role = $3);

-- form: INSERT SELECT of parameters joined
INSERT INTO order_items (order_id, line_no, product_id, qty, unit_price) SELECT $1, $2, p.id, $3, p.price FROM products p WHERE p.sku = $4;

-- form: INSERT SELECT of unnest
INSERT INTO audit_log (tab, row_id) SELECT * FROM unnest($1::text[], $2::bigint[]);

-- form: INSERT SELECT of generate_series
INSERT INTO jobs (queue, payload) SELECT $1, jsonb_build_object($2, i) FROM generate_series($3, $4) i;

-- form: INSERT with CTE
WITH src AS (SELECT customer_id, max(total) AS t FROM orders GROUP BY customer_id HAVING max(total) > $1) INSERT INTO sales.leads (id, customer_id, score) SELECT $2 + customer_id, customer_id, t FROM src;

-- form: INSERT with CTE inside
INSERT INTO audit_log (tab, row_id) WITH s AS (SELECT id FROM jobs WHERE status = $1) SELECT $2, id FROM s;

-- form: INSERT TABLE
INSERT INTO sales.daily TABLE sales.daily ON CONFLICT DO NOTHING;

-- form: INSERT SELECT UNION ALL
INSERT INTO audit_log (tab, row_id) SELECT 'orders', id FROM orders WHERE status = 'new' UNION ALL SELECT 'jobs', id FROM jobs WHERE status = 'queued';

-- form: INSERT SELECT into a partitioned table
INSERT INTO events (customer_id, kind, occurred_at) SELECT id, 'nudge', now() FROM customers WHERE is_active AND created_at < $1;

-- form: INSERT target array element and composite field
-- expect: not_planned rows_given
INSERT INTO products (sku, name, price, dims[1], tags) VALUES ($1, $2, $3, $4, $5);

-- form: INSERT RETURNING OLD NEW (PG18)
-- expect: not_planned rows_given
-- from: 18
INSERT INTO sales.daily (day, orders) VALUES ($1, $2) ON CONFLICT (day) DO UPDATE SET orders = excluded.orders RETURNING old.orders, new.orders;

-- form: UPDATE by key
UPDATE customers SET balance = $1 WHERE id = $2;

-- form: UPDATE normalised
UPDATE customers SET balance = balance + $1, updated_at = now() WHERE country = $2 AND balance < $3;

-- form: UPDATE with alias, DEFAULT, RETURNING
UPDATE jobs AS j SET status = DEFAULT, attempts = j.attempts + 1, locked_by = NULL WHERE j.status = 'failed' AND j.attempts < 3 RETURNING j.id, j.attempts;

-- form: UPDATE FROM
UPDATE orders o SET total = s.amount FROM (SELECT order_id, sum(line_total) AS amount FROM order_items GROUP BY order_id) s WHERE s.order_id = o.id AND o.customer_id = $1;

-- form: UPDATE FROM join
UPDATE order_items i SET unit_price = p.price FROM products p JOIN categories c ON c.id = p.category_id WHERE p.id = i.product_id AND c.name = $1;

-- form: UPDATE FROM VALUES
UPDATE products p SET stock = v.n FROM (VALUES (1, 5), (2, 6)) AS v (id, n) WHERE v.id = p.id;

-- form: UPDATE FROM VALUES parameters
UPDATE products AS p SET stock = v.n FROM (VALUES ($1::int, $2::int), ($3, $4)) AS v (id, n) WHERE v.id = p.id;

-- form: UPDATE FROM unnest
UPDATE products p SET price = u.price FROM unnest($1::int[], $2::numeric[]) AS u (id, price) WHERE p.id = u.id;

-- form: UPDATE row form
UPDATE orders SET (status, shipped_on) = ('shipped', current_date) WHERE id = 5;

-- form: UPDATE ROW() form parameters
UPDATE orders SET (status, shipped_on) = ROW($1, $2) WHERE id = $3;

-- form: UPDATE row subselect
UPDATE orders o SET (total, note) = (SELECT sum(i.line_total), 'n=' || count(*) FROM order_items i WHERE i.order_id = o.id) WHERE o.placed_at > $1;

-- form: UPDATE scalar subselect
UPDATE customers c SET balance = (SELECT coalesce(sum(total), $1) FROM orders o WHERE o.customer_id = c.id) WHERE c.country = $2;

-- form: UPDATE WHERE IN subquery SKIP LOCKED (queue)
UPDATE jobs SET status = 'running', locked_by = 'w1', locked_at = now() WHERE id = (SELECT id FROM jobs WHERE queue = 'mail' AND status = 'queued' ORDER BY priority DESC, run_at FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING *;

-- form: UPDATE WHERE IN subquery SKIP LOCKED parameters
UPDATE jobs SET locked_at = $1, locked_by = $2 WHERE id IN (SELECT id FROM jobs WHERE ((run_at <= $3 AND (locked_at IS NULL OR locked_at < $4)) OR locked_by = $5) AND queue = $6 ORDER BY priority ASC, run_at ASC LIMIT $7 FOR UPDATE SKIP LOCKED) RETURNING *;

-- form: UPDATE with CTE
WITH due AS (SELECT id FROM jobs WHERE run_at < now() AND status = $1 ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED) UPDATE jobs j SET status = $3 FROM due WHERE j.id = due.id RETURNING j.id;

-- form: UPDATE all rows
UPDATE products SET attrs = attrs - 'tmp';

-- form: UPDATE ONLY inheritance
UPDATE ONLY documents SET body = 'x' WHERE made_on = '2025-01-05';

-- form: UPDATE inheritance parent
UPDATE documents SET body = $1 WHERE title = $2;

-- form: UPDATE partitioned
UPDATE events SET payload = payload || '{"seen": true}' WHERE customer_id = 5 AND occurred_at > '2025-03-01';

-- form: UPDATE jsonb subscript, array element, composite field
UPDATE products SET attrs[$1] = $2, dims[$3] = $4, tags = array_append(tags, $5) WHERE id = $6;

-- form: UPDATE composite field parameter
UPDATE customers SET addr.city = $1 WHERE id = $2;

-- form: UPDATE of a view
UPDATE active_customers SET balance = $1 WHERE country = $2;

-- form: UPDATE WHERE CURRENT OF
-- expect: not_planned rows_given
UPDATE orders SET note = $1 WHERE CURRENT OF c1;

-- form: UPDATE SET untyped parameter arithmetic
UPDATE products SET price = price * $1 + $2 WHERE category_id = $3;

-- form: UPDATE SET CASE batch
UPDATE products SET stock = CASE id WHEN $1 THEN $2 WHEN $3 THEN $4 ELSE stock END WHERE id IN ($5, $6);

-- form: UPDATE SET parameter in subquery only
UPDATE orders SET note = $1 WHERE id IN (SELECT order_id FROM order_items WHERE product_id = $2);

-- form: UPDATE optimistic lock
UPDATE customers SET full_name = $1, updated_at = $2 WHERE id = $3 AND updated_at = $4;

-- form: UPDATE RETURNING OLD NEW (PG18)
-- from: 18
UPDATE products SET price = price * $1 WHERE category_id = $2 RETURNING old.price AS was, new.price;

-- form: UPDATE RETURNING WITH (OLD AS) (PG18)
-- from: 18
UPDATE products SET price = $1 WHERE id = $2 RETURNING WITH (OLD AS o, NEW AS n) o.price, n.price;

-- form: DELETE by key
DELETE FROM jobs WHERE id = $1;

-- form: DELETE normalised
DELETE FROM audit_log WHERE at < now() - interval $1;

-- form: DELETE USING
DELETE FROM order_items i USING orders o, customers c WHERE o.id = i.order_id AND c.id = o.customer_id AND c.email = $1;

-- form: DELETE USING parameters RETURNING
DELETE FROM memberships AS m USING groups g WHERE g.id = m.group_id AND g.name = $1 RETURNING m.customer_id;

-- form: DELETE with subquery
DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE status = $1 ORDER BY run_at LIMIT $2);

-- form: DELETE with NOT EXISTS
DELETE FROM groups g WHERE NOT EXISTS (SELECT $1 FROM memberships m WHERE m.group_id = g.id);

-- form: DELETE by ctid
DELETE FROM audit_log WHERE ctid IN (SELECT ctid FROM audit_log WHERE at < $1 LIMIT $2);

-- form: DELETE duplicates self join
DELETE FROM sales.leads a USING sales.leads b WHERE a.id > b.id AND a.customer_id = b.customer_id;

-- form: DELETE with CTE
WITH old AS (SELECT id FROM audit_log WHERE at < $1 LIMIT $2) DELETE FROM audit_log a USING old WHERE a.id = old.id;

-- form: DELETE ONLY
DELETE FROM ONLY documents WHERE made_on < $1;

-- form: DELETE partitioned
DELETE FROM events WHERE occurred_at < $1 AND kind = $2;

-- form: DELETE all rows
DELETE FROM sales.leads;

-- form: DELETE WHERE CURRENT OF
-- expect: not_planned rows_given
DELETE FROM orders WHERE CURRENT OF c1;

-- form: DELETE by array parameter
DELETE FROM order_items WHERE order_id = ANY($1::bigint[]) AND line_no = $2;

-- form: MERGE matched and not matched
MERGE INTO sales.daily d USING (SELECT placed_at::date AS day, count(*) AS n, sum(total) AS a FROM orders WHERE placed_at > $1 GROUP BY 1) s ON d.day = s.day WHEN MATCHED AND d.orders <> s.n THEN UPDATE SET orders = s.n, amount = s.a WHEN NOT MATCHED THEN INSERT (day, orders, amount) VALUES (s.day, s.n, s.a);

-- form: MERGE parameters
MERGE INTO sales.daily AS d USING (SELECT $1::date AS day, $2::bigint AS n) AS s ON d.day = s.day WHEN MATCHED THEN UPDATE SET orders = d.orders + s.n WHEN NOT MATCHED THEN INSERT VALUES (s.day, s.n, 0);

-- form: MERGE VALUES source
MERGE INTO categories c USING (VALUES ($1, $2), ($3, $4)) AS v (id, name) ON c.id = v.id WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT (name) VALUES (v.name);

-- form: MERGE delete and do nothing
MERGE INTO jobs j USING orders o ON j.id = o.id AND o.status = 'cancelled' WHEN MATCHED AND j.status = 'done' THEN DELETE WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN DO NOTHING;

-- form: MERGE table source, only matched
MERGE INTO ONLY customers c USING sales.leads l ON l.customer_id = c.id WHEN MATCHED AND l.score > $1 THEN UPDATE SET balance = c.balance + $2;

-- form: MERGE with CTE
WITH s AS (SELECT customer_id, sum(total) AS t FROM orders WHERE status = 'paid' GROUP BY customer_id) MERGE INTO customers c USING s ON c.id = s.customer_id WHEN MATCHED THEN UPDATE SET balance = s.t;

-- form: MERGE OVERRIDING, default values
MERGE INTO audit_log a USING (SELECT id FROM orders WHERE customer_id = $1) o ON a.row_id = o.id WHEN NOT MATCHED THEN INSERT DEFAULT VALUES;

-- form: MERGE NOT MATCHED BY SOURCE (PG17)
-- from: 17
MERGE INTO sales.daily d USING (SELECT placed_at::date AS day, count(*) AS n FROM orders GROUP BY 1) s ON d.day = s.day WHEN MATCHED THEN UPDATE SET orders = s.n WHEN NOT MATCHED BY SOURCE AND d.amount > $1 THEN DELETE WHEN NOT MATCHED BY TARGET THEN INSERT (day, orders) VALUES (s.day, s.n);

-- form: MERGE RETURNING (PG17)
-- from: 17
MERGE INTO jobs j USING (SELECT $1::bigint AS id) s ON j.id = s.id WHEN MATCHED THEN UPDATE SET status = $2 RETURNING merge_action(), j.*;

-- form: CTE DELETE RETURNING moved
WITH gone AS (DELETE FROM audit_log WHERE at < '2025-01-05' RETURNING *) INSERT INTO audit_log (tab, row_id, what) SELECT tab, row_id, 'old' FROM gone;

-- form: CTE DELETE RETURNING counted
WITH gone AS (DELETE FROM jobs WHERE status = $1 AND run_at < $2 RETURNING id) SELECT count(*) FROM gone;

-- form: CTE UPDATE RETURNING joined
WITH u AS (UPDATE orders SET status = $1 WHERE status = $2 AND placed_at < $3 RETURNING id, customer_id) SELECT c.email, count(*) FROM u JOIN customers c ON c.id = u.customer_id GROUP BY c.email;

-- form: CTE INSERT RETURNING used
WITH o AS (INSERT INTO orders (customer_id, total, placed_at) VALUES ($1, 0, now()) RETURNING id) INSERT INTO order_items (order_id, line_no, product_id, qty, unit_price) SELECT o.id, 1, p.id, $2, p.price FROM o, products p WHERE p.sku = $3;

-- form: CTE INSERT ON CONFLICT get or create
WITH ins AS (INSERT INTO groups (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id) SELECT id FROM ins UNION ALL SELECT id FROM groups WHERE name = $2 LIMIT $3;

-- form: CTE update or insert
WITH up AS (UPDATE sales.daily SET orders = orders + 1 WHERE day = $1 RETURNING day) INSERT INTO sales.daily (day, orders) SELECT $1, 1 WHERE NOT EXISTS (SELECT 1 FROM up);

-- form: CTE data modifying without RETURNING
WITH d AS (DELETE FROM jobs WHERE status = $1) SELECT count(*) FROM jobs WHERE status = $2;

-- form: several data modifying CTEs
WITH a AS (UPDATE jobs SET status = 'done' WHERE id = $1 RETURNING id), b AS (INSERT INTO audit_log (tab, row_id) SELECT 'jobs', id FROM a RETURNING id), c AS (DELETE FROM sales.leads WHERE customer_id = $2) SELECT a.id, b.id FROM a, b;

-- form: CTE locking then update in CTE
WITH picked AS (SELECT id FROM jobs WHERE queue = 'bill' AND status = 'queued' LIMIT 3 FOR UPDATE), done AS (UPDATE jobs SET status = 'running' FROM picked WHERE jobs.id = picked.id RETURNING jobs.*) SELECT * FROM done ORDER BY id;

-- form: CTE MERGE (PG17)
-- from: 17
WITH m AS (MERGE INTO jobs j USING orders o ON j.id = o.id WHEN MATCHED AND o.total > $1 THEN DELETE RETURNING j.id) SELECT count(*) FROM m;

-- form: COPY (query) TO STDOUT
COPY (SELECT id, total FROM orders WHERE status = 'paid' ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER);

-- form: COPY (query) TO old options
COPY (SELECT * FROM customers WHERE country = 'DE') TO STDOUT WITH CSV HEADER DELIMITER ';' QUOTE '"';

-- form: COPY (DML RETURNING) TO
COPY (DELETE FROM audit_log WHERE at < '2025-01-03' RETURNING *) TO STDOUT;

-- form: COPY (WITH … SELECT) TO file
COPY (WITH x AS (SELECT * FROM jobs WHERE status = 'done') SELECT * FROM x) TO '/exports/x.csv' (FORMAT csv);

-- form: COPY (VALUES) TO
-- expect: not_planned system
COPY (VALUES (1, 2)) TO STDOUT;

-- form: COPY table TO
-- expect: not_planned system,no_query
COPY orders TO STDOUT;

-- form: COPY table FROM
-- expect: not_planned system,no_query
COPY orders (customer_id, total) FROM STDIN WITH (FORMAT binary);

-- form: COPY table FROM WHERE
-- expect: not_planned system,no_query
COPY orders (customer_id, total, placed_at) FROM STDIN WHERE total > 5;

-- form: COPY (query) TO as PG16 normalises nothing
COPY (SELECT id FROM orders WHERE customer_id = 5 AND placed_at > now() - interval '30 days') TO STDOUT (FORMAT binary);

-- form: DECLARE CURSOR
DECLARE c1 CURSOR FOR SELECT * FROM orders WHERE customer_id = 5;

-- form: DECLARE CURSOR options
DECLARE "cur 2" BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR SELECT id FROM jobs WHERE queue = 'mail' ORDER BY run_at;

-- form: DECLARE CURSOR FOR UPDATE
DECLARE c3 SCROLL CURSOR WITHOUT HOLD FOR WITH j AS (SELECT * FROM jobs WHERE status = 'failed') SELECT * FROM j;

-- form: DECLARE CURSOR locking
DECLARE c4 CURSOR FOR SELECT * FROM orders WHERE status = 'new' FOR UPDATE;

-- form: DECLARE CURSOR normalised (PG16 text)
DECLARE c5 CURSOR FOR SELECT * FROM orders WHERE customer_id = $1 AND placed_at > $2;

-- form: FETCH
-- expect: not_planned system,no_query
FETCH FORWARD 100 FROM c1;

-- form: FETCH normalised (later text)
-- expect: not_planned system,no_query
FETCH $1 FROM c1;

-- form: MOVE and CLOSE
-- expect: not_planned system,no_query
CLOSE c1;

-- form: PREPARE
PREPARE q1 (bigint, text) AS SELECT id FROM orders WHERE customer_id = $1 AND channel = $2;

-- form: PREPARE without types
PREPARE q2 AS SELECT id FROM orders WHERE customer_id = $1 AND total > 5;

-- form: PREPARE of DML
PREPARE q3 AS UPDATE jobs SET status = $2 WHERE id = $1 RETURNING id;

-- form: PREPARE of INSERT VALUES
-- expect: not_planned rows_given
PREPARE q4 AS INSERT INTO groups (name) VALUES ($1);

-- form: PREPARE as counted for EXECUTE, normalised
PREPARE q5 (bigint) AS SELECT id FROM orders WHERE customer_id = $1 AND status = $2 LIMIT $3;

-- form: EXECUTE
-- expect: not_planned system,prepared_elsewhere
EXECUTE q1 (5, 'web');

-- form: EXECUTE normalised
-- expect: not_planned system,prepared_elsewhere
EXECUTE q1 ($1, $2);

-- form: DEALLOCATE
-- expect: not_planned system
DEALLOCATE ALL;

-- form: DEALLOCATE normalised (PG17)
-- expect: not_planned system
DEALLOCATE $1;

-- form: EXPLAIN
EXPLAIN SELECT * FROM orders WHERE customer_id = 5;

-- form: EXPLAIN with options
EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT count(*) FROM orders WHERE channel = 'web';

-- form: EXPLAIN ANALYZE VERBOSE of DML
EXPLAIN ANALYZE VERBOSE UPDATE orders SET note = 'x' WHERE customer_id = 5;

-- form: EXPLAIN GENERIC_PLAN (PG16)
-- from: 16
EXPLAIN (GENERIC_PLAN, SETTINGS) SELECT * FROM orders WHERE customer_id = $1;

-- form: EXPLAIN MEMORY SERIALIZE (PG17)
-- from: 17
EXPLAIN (ANALYZE, SERIALIZE TEXT, MEMORY) SELECT * FROM orders WHERE customer_id = $1 AND channel = $2;

-- form: EXPLAIN CREATE TABLE AS
EXPLAIN CREATE TABLE t1 AS SELECT * FROM orders WHERE channel = 'app';

-- form: EXPLAIN DECLARE CURSOR
EXPLAIN DECLARE c6 CURSOR FOR SELECT * FROM orders WHERE channel = 'app';

-- form: EXPLAIN EXECUTE
-- expect: not_planned system,prepared_elsewhere
EXPLAIN EXECUTE q1 (5, 'web');

-- form: CREATE TABLE AS
CREATE TABLE paid AS SELECT * FROM orders WHERE status = 'paid';

-- form: CREATE TEMP TABLE AS options
CREATE TEMPORARY TABLE IF NOT EXISTS t2 (a, b) ON COMMIT DROP AS SELECT customer_id, sum(total) FROM orders WHERE placed_at >= date '2025-03-01' GROUP BY customer_id WITH NO DATA;

-- form: CREATE UNLOGGED TABLE WITH … AS
CREATE UNLOGGED TABLE t3 WITH (fillfactor = 70) AS WITH r AS (SELECT * FROM jobs WHERE status = 'done') SELECT * FROM r;

-- form: CREATE TABLE AS TABLE
CREATE TABLE t4 AS TABLE categories;

-- form: CREATE TABLE AS VALUES
-- expect: not_planned system
CREATE TABLE t5 AS VALUES (1, 'a'), (2, 'b');

-- form: CREATE TABLE AS EXECUTE
-- expect: not_planned system,prepared_elsewhere
CREATE TABLE t6 AS EXECUTE q1 (5, 'web');

-- form: CREATE TABLE AS normalised (PG16 text)
CREATE TEMP TABLE t7 AS SELECT * FROM orders WHERE status = $1 AND placed_at > now() - interval $2;

-- form: SELECT INTO
SELECT id, total INTO TEMP big_orders FROM orders WHERE total > 450;

-- form: SELECT INTO UNLOGGED with UNION
SELECT id INTO UNLOGGED TABLE u1 FROM orders WHERE status = 'new' UNION SELECT id FROM jobs WHERE status = 'queued';

-- form: CREATE MATERIALIZED VIEW AS
CREATE MATERIALIZED VIEW mv1 AS SELECT customer_id, count(*) FROM orders WHERE placed_at > '2025-01-01' GROUP BY 1 WITH NO DATA;

-- form: CREATE MATERIALIZED VIEW normalised (PG16 text)
CREATE MATERIALIZED VIEW IF NOT EXISTS mv2 AS SELECT customer_id FROM orders WHERE total > $1;

-- form: REFRESH MATERIALIZED VIEW
REFRESH MATERIALIZED VIEW daily_sales;

-- form: REFRESH MATERIALIZED VIEW CONCURRENTLY
REFRESH MATERIALIZED VIEW CONCURRENTLY daily_sales WITH DATA;

-- form: CREATE VIEW
-- expect: not_planned system,no_query
CREATE VIEW v9 AS SELECT * FROM orders WHERE status = 'paid';

-- form: CREATE RECURSIVE VIEW
-- expect: not_planned system,no_query
CREATE OR REPLACE RECURSIVE VIEW rv (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM rv WHERE n < 5;

-- form: CALL
-- expect: not_planned system
CALL tidy(5);

-- form: CALL normalised (PG16)
-- expect: not_planned system
CALL tidy($1);

-- form: DO
-- expect: not_planned system
DO $$ BEGIN PERFORM count(*) FROM orders WHERE status = 'paid'; END $$;

-- form: BEGIN
-- expect: not_planned system
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY DEFERRABLE;

-- form: COMMIT
-- expect: not_planned system
COMMIT AND NO CHAIN;

-- form: ROLLBACK TO
-- expect: not_planned system
ROLLBACK TO SAVEPOINT "active_record_1";

-- form: SAVEPOINT normalised (PG17)
-- expect: not_planned system
SAVEPOINT $1;

-- form: PREPARE TRANSACTION normalised (PG17)
-- expect: not_planned system
COMMIT PREPARED $1;

-- form: SET
-- expect: not_planned system
SET application_name = 'x';

-- form: SET LOCAL normalised (PG18)
-- expect: not_planned system
SET LOCAL statement_timeout = $1;

-- form: SET TRANSACTION, ROLE
-- expect: not_planned system
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;

-- form: SHOW
-- expect: not_planned system
SHOW server_version;

-- form: RESET, DISCARD
-- expect: not_planned system
DISCARD ALL;

-- form: VACUUM
-- expect: not_planned system
VACUUM (ANALYZE, VERBOSE) orders (customer_id);

-- form: ANALYZE
-- expect: not_planned system
ANALYZE orders;

-- form: CREATE INDEX
-- expect: not_planned system
CREATE INDEX x1 ON orders (customer_id) INCLUDE (total) WHERE status = 'paid';

-- form: REINDEX, CLUSTER
-- expect: not_planned system
REINDEX (CONCURRENTLY) TABLE orders;

-- form: LOCK
-- expect: not_planned system
LOCK TABLE orders IN ROW EXCLUSIVE MODE NOWAIT;

-- form: TRUNCATE
-- expect: not_planned system
TRUNCATE TABLE sales.leads RESTART IDENTITY CASCADE;

-- form: ALTER TABLE, CREATE TABLE
-- expect: not_planned system
CREATE TABLE n1 (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED, CHECK (id > 0)) PARTITION BY HASH (id);

-- form: ALTER TABLE ADD CONSTRAINT
-- expect: not_planned system
ALTER TABLE orders ADD CONSTRAINT total_ok CHECK (total >= 0) NOT VALID;

-- form: CREATE FUNCTION BEGIN ATOMIC
-- expect: not_planned system
CREATE FUNCTION f9(x bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM orders WHERE customer_id = x; END;

-- form: GRANT
-- expect: not_planned system
GRANT SELECT ON orders TO optischema_reader;

-- form: LISTEN, NOTIFY
-- expect: not_planned system
NOTIFY jobs, 'new';

-- form: LISTEN
-- expect: not_planned system
LISTEN jobs;

-- form: COMMENT ON
-- expect: not_planned system
COMMENT ON TABLE orders IS 'x';

-- form: ALTER ROLE PASSWORD
-- expect: not_planned system
ALTER ROLE bob PASSWORD 'secret';

-- form: CHECKPOINT
-- expect: not_planned system
CHECKPOINT;

-- form: plpgsql SELECT INTO variable
SELECT count(*)          FROM orders WHERE customer_id = v_id;

-- form: plpgsql assignment of a query
v_n := (SELECT count(*) FROM orders WHERE customer_id = v_id AND status = $4);

-- form: plpgsql assignment of an expression with FROM
v_n := count(*) FROM orders WHERE customer_id = v_id;

-- form: plpgsql assignment with =
v_n = coalesce((SELECT sum(total) FROM orders WHERE customer_id = v_id), $4);

-- form: plpgsql assignment to record field and array element
v_arr[$5] := (SELECT max(id) FROM orders WHERE customer_id = v_id);

-- form: plpgsql assignment to record field
v_rec.total := (SELECT sum(line_total) FROM order_items WHERE order_id = v_id);

-- form: plpgsql assignment as PG13 and before list it
SELECT (SELECT count(*) FROM orders WHERE customer_id = v_id);

-- form: plpgsql assignment as PG13 lists it, two variables
SELECT coalesce((SELECT sum(total) FROM orders WHERE customer_id = v_id AND placed_at > v_since), $1);

-- form: plpgsql assignment, as listed, with $ variables
SELECT (SELECT count(*) FROM orders WHERE customer_id = $1);

-- form: plpgsql IF EXISTS
EXISTS (SELECT $3 FROM orders WHERE customer_id = v_id AND total > $4);

-- form: plpgsql IF NOT EXISTS AND
v_id > $3 AND NOT EXISTS (SELECT FROM jobs WHERE id = v_id);

-- form: plpgsql IF with comparison of a query
(SELECT count(*) FROM orders WHERE customer_id = v_id) > $3;

-- form: plpgsql WHILE with query
(SELECT max(id) FROM jobs WHERE queue = $3) < v_id;

-- form: plpgsql PERFORM
SELECT $3 FROM orders WHERE customer_id = v_id AND status = $4;

-- form: plpgsql element of an array variable
SELECT count(*) FROM orders WHERE customer_id = v_ids[$3];

-- form: plpgsql elements of array variables, of both sides
SELECT total FROM orders WHERE customer_id = v_ids[v_i] AND status = v_states[$3];

-- form: plpgsql field of a document in a variable
SELECT count(*) FROM orders WHERE note = v_doc ->> $3;

-- form: plpgsql field of the document of a record
SELECT count(*) FROM orders WHERE customer_id = (NEW.payload ->> $3)::bigint AND note = v_rec.doc #>> $4;

-- form: plpgsql PERFORM function over a table
-- expect: not_planned not_safe
SELECT pg_notify($3, id::text) FROM jobs WHERE queue = $4 AND id < v_id;

-- form: plpgsql PERFORM with FOR UPDATE
SELECT * FROM customers WHERE id = v_id FOR UPDATE;

-- form: plpgsql FOR loop
SELECT id, total FROM orders WHERE placed_at > v_since AND channel = $4;

-- form: plpgsql FOR loop over function parameter named like column
SELECT * FROM orders o WHERE o.customer_id = p_customer_id ORDER BY o.placed_at DESC LIMIT p_limit;

-- form: plpgsql record variable field
SELECT full_name                    FROM customers WHERE id = r.customer_id OR id = $6 LIMIT $7;

-- form: plpgsql trigger NEW in UPDATE
UPDATE customers SET balance = balance + NEW.total - OLD.total WHERE id = NEW.customer_id;

-- form: plpgsql trigger INSERT of NEW
-- expect: not_planned rows_given
INSERT INTO audit_log (tab, row_id, what, old_row, new_row) VALUES ($5, NEW.id, $6, to_jsonb(OLD), to_jsonb(NEW));

-- form: plpgsql trigger DELETE of OLD
DELETE FROM order_items WHERE order_id = OLD.id;

-- form: plpgsql trigger SELECT with NEW
SELECT sum(line_total)          FROM order_items WHERE order_id = NEW.order_id AND line_no <> NEW.line_no;

-- form: plpgsql trigger WHEN expression with EXISTS of NEW
NOT EXISTS (SELECT $4 FROM customers c WHERE c.id = NEW.customer_id AND c.is_active);

-- form: plpgsql INSERT SELECT with variables
INSERT INTO audit_log (tab, row_id, what) SELECT $4, id, v_what FROM orders WHERE customer_id = v_id;

-- form: plpgsql UPDATE with variables
UPDATE jobs SET status = v_status, attempts = attempts + $4 WHERE id = v_id;

-- form: plpgsql UPDATE RETURNING INTO
UPDATE jobs SET attempts = attempts + $3 WHERE id = v_id RETURNING attempts;

-- form: plpgsql DELETE with variable days
DELETE FROM audit_log WHERE at < now() - make_interval(days => p_days);

-- form: plpgsql array variable
SELECT id FROM orders WHERE customer_id = ANY(v_ids) AND id <> v_ids[$3];

-- form: plpgsql text variable LIKE
SELECT id FROM products WHERE name ILIKE $3 || v_q || $4 ORDER BY id LIMIT $5;

-- form: plpgsql interval arithmetic of a variable
SELECT count(*) FROM events WHERE occurred_at BETWEEN v_since - interval $3 AND v_since;

-- form: plpgsql labelled variable
SELECT count(*) FROM orders WHERE customer_id = blk.cid;

-- form: plpgsql function name qualified parameter
SELECT sum(total) FROM orders WHERE customer_id = customer_total.p_customer AND status <> $1;

-- form: plpgsql FOUND and TG_ variables
INSERT INTO audit_log (tab, row_id, what) SELECT TG_TABLE_NAME, NEW.id, TG_OP FROM customers WHERE id = NEW.customer_id;

-- form: plpgsql query with only a variable in the target list
SELECT v_x || full_name          FROM customers WHERE id = $4;

-- form: plpgsql row variable in IN list
SELECT id FROM orders WHERE customer_id IN (v_a, v_b, $4);

-- form: plpgsql RETURN QUERY
SELECT o.id, o.total FROM orders o WHERE o.customer_id = p_customer AND o.placed_at >= p_from AND o.placed_at < p_to;

-- form: plpgsql RETURN of a query (PG14 text)
(SELECT sum(total) FROM orders WHERE customer_id = p_customer);

-- form: plpgsql CASE of a query
v_t := CASE WHEN EXISTS (SELECT $3 FROM orders WHERE customer_id = v_id) THEN $4 ELSE $5 END;

-- form: plpgsql EXECUTE USING
SELECT count(*) FROM orders WHERE customer_id = $1 AND status = $2;

-- form: plpgsql EXECUTE format
SELECT count(*) FROM orders WHERE id = $1;

-- form: plpgsql cursor OPEN
SELECT * FROM orders WHERE customer_id = v_id AND total > $4;

-- form: plpgsql bound cursor with argument
SELECT * FROM orders WHERE customer_id = k AND channel = $3;

-- form: plpgsql FOREACH expression
ARRAY(SELECT id FROM orders WHERE customer_id = $1);

-- form: plpgsql FOR integer bounds of a query
(SELECT count(*)::int FROM jobs WHERE queue = $1);

-- form: plpgsql RAISE with a query
(SELECT count(*) FROM orders WHERE channel = $1);

-- form: plpgsql ASSERT
(SELECT count(*) FROM orders WHERE total < $1) = $2;

-- form: plpgsql nested CTE with variable
WITH x AS (UPDATE jobs SET status = $3 WHERE id = v_id RETURNING id) SELECT count(*)        FROM x;

-- form: plpgsql MERGE with variables
MERGE INTO sales.daily d USING (SELECT v_day AS day, v_n AS n) s ON d.day = s.day WHEN MATCHED THEN UPDATE SET orders = s.n WHEN NOT MATCHED THEN INSERT (day, orders) VALUES (s.day, s.n);

-- form: SQL function body with parameter names
SELECT count(*), max(total) FROM orders WHERE customer_id = p_customer AND total > p_min AND status <> $3;

-- form: SQL function body qualified parameter
SELECT count(*), max(total) FROM orders o WHERE o.customer_id = tmpf.customer AND o.placed_at > tmpf.since;

-- form: SQL function body with $1
SELECT count(*), max(total) FROM orders o WHERE o.customer_id = $1 AND o.placed_at > $2 AND o.channel = $3;

-- form: variable compared with interval arithmetic both sides
SELECT count(*) FROM orders WHERE placed_at > v_now - v_age AND total BETWEEN v_low AND v_high;

-- form: variable as array subscript and boolean
SELECT id FROM products WHERE tags[v_i] = v_tag AND (v_all OR kind = v_kind);

-- form: variable in a jsonb operator
SELECT id FROM products WHERE attrs ->> v_key = v_value AND attrs @> v_filter;

-- form: variable in LIMIT OFFSET
SELECT id FROM orders WHERE status = v_status::order_status ORDER BY placed_at LIMIT v_page_size OFFSET (v_page - $1) * v_page_size;

-- form: variable record whole
SELECT count(*) FROM orders WHERE customer_id = v_customer.id AND channel = v_customer.settings ->> $1;

-- form: variable in function call and CASE
SELECT id, CASE WHEN total > v_limit THEN v_big ELSE v_small END FROM orders WHERE date_trunc(v_unit, placed_at) = v_start;

-- form: variable with quoted name
SELECT id FROM orders WHERE customer_id = "vId";

-- form: variable in IN subquery and EXISTS
SELECT c.id FROM customers c WHERE c.country = v_country AND EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.total > v_min);

-- form: variable in INSERT SELECT target only
INSERT INTO groups (name, owner_id) SELECT v_name, id FROM customers WHERE email = v_email;

-- form: variable in UPDATE FROM
UPDATE order_items i SET discount = v_discount FROM orders o WHERE o.id = i.order_id AND o.customer_id = v_customer;

-- form: missing table
-- expect: not_planned no_table
SELECT * FROM temp_import WHERE id = $1;

-- form: missing table joined with a known one
-- expect: not_planned no_table
SELECT * FROM orders o JOIN temp_import t ON t.id = o.id WHERE o.status = $1;

-- form: typed literal prefix, as listed
SELECT id FROM orders WHERE shipped_on = date $1 AND placed_at > timestamp $2;

-- form: interval prefix, as listed
SELECT id FROM orders WHERE placed_at > now() - interval $1;

-- form: interval with field, as listed
SELECT id FROM orders WHERE placed_at > now() - interval $1 day;

-- form: interval(p) prefix, as listed
SELECT id FROM orders WHERE promised > interval(3) $1;

-- form: int4 prefix and others, as listed
SELECT id FROM orders WHERE id = bigint $1 AND total > numeric $2 AND channel = text $3;

-- form: point prefix, as listed
SELECT id FROM places ORDER BY at <-> point $1 LIMIT $2;

-- form: qualified type prefix, as listed
SELECT id FROM orders WHERE status = public.order_status $1;

-- form: double precision prefix, as listed
SELECT product_id FROM order_items WHERE discount > double precision $1;

-- form: timestamp with time zone prefix, as listed
SELECT id FROM orders WHERE placed_at >= timestamp with time zone $1 AND placed_at < timestamp(3) without time zone $2;

-- form: extract with a parameter field, as listed
SELECT extract($1 from placed_at), count(*) FROM orders GROUP BY 1;

-- form: trim/substring/overlay, as listed
SELECT trim(both $1 from name), substring(name from $2 for $3), overlay(name placing $4 from $5), position($6 in name) FROM products WHERE id = $7;

-- form: B'' and X'' as listed (cast)
SELECT id FROM products WHERE flags = $1::bit(8);

-- form: LIKE ESCAPE, as listed
SELECT id FROM products WHERE name LIKE $1 ESCAPE $2;

-- form: minus parameter, as listed
SELECT id FROM orders WHERE total > $1 AND total - $2 < -$3;

-- form: TABLESAMPLE REPEATABLE, as listed
SELECT avg(total) FROM orders TABLESAMPLE SYSTEM ($1) REPEATABLE ($2);

-- form: frame with parameters, as listed
SELECT id, sum(total) OVER (ORDER BY placed_at RANGE BETWEEN $1 PRECEDING AND $2 FOLLOWING) FROM orders;

-- form: lag with default, as listed
SELECT id, lag(total, $1, $2) OVER (PARTITION BY customer_id ORDER BY placed_at) FROM orders WHERE channel = $3;

-- form: group by other number than target, as listed
SELECT coalesce(channel, $1), count(*) FROM orders GROUP BY coalesce(channel, 'none');

-- form: group by concatenation of two numbers, as listed
SELECT channel || $1 || status AS k, count(*) FROM orders GROUP BY channel || '-' || status ORDER BY channel || '-' || status;

-- form: group by CASE, as listed
SELECT CASE WHEN total > $1 THEN $2 ELSE $3 END AS size, count(*) FROM orders GROUP BY CASE WHEN total > 10 THEN 'big' ELSE 'small' END;

-- form: group by extract, as listed
SELECT extract($1 from placed_at), sum(total) FROM orders GROUP BY extract('year' from placed_at);

-- form: group by to_char, order by desc, as listed
SELECT to_char(placed_at, $1) AS m, sum(total) FROM orders WHERE placed_at >= $2 GROUP BY to_char(placed_at, 'YYYY-MM') ORDER BY to_char(placed_at, 'YYYY-MM') DESC;

-- form: group by arithmetic, as listed
SELECT floor(total / $1) * $2, count(*) FROM orders GROUP BY floor(total / 10) * 10;

-- form: group by jsonb key, as listed
SELECT attrs ->> $1, count(*) FROM products GROUP BY attrs ->> 'colour' ORDER BY count(*) DESC LIMIT $2;

-- form: group by date_trunc AT TIME ZONE, as listed
SELECT date_trunc($1, placed_at AT TIME ZONE $2) AS d, count(*) FROM orders GROUP BY date_trunc('day', placed_at AT TIME ZONE 'Europe/Berlin');

-- form: group by with having and filter, as listed
SELECT date_part($1, placed_at), count(*) FILTER (WHERE total > $2) FROM orders GROUP BY date_part('hour', placed_at) HAVING count(*) > $3;

-- form: DISTINCT ON with two numbers, as listed
SELECT DISTINCT ON (date_trunc('day', placed_at)) id FROM orders ORDER BY date_trunc($1, placed_at), total DESC;

-- form: SELECT DISTINCT with ORDER BY expression, as listed
SELECT DISTINCT lower(left(name, $1)) FROM products ORDER BY lower(left(name, 3));

-- form: grouping sets of expressions, as listed
SELECT date_trunc($1, placed_at), channel, count(*) FROM orders GROUP BY ROLLUP (date_trunc('day', placed_at), channel);

-- form: window partition by expression beside group by, as listed
SELECT date_trunc($1, placed_at) AS d, sum(sum(total)) OVER (ORDER BY date_trunc('day', placed_at)) FROM orders GROUP BY date_trunc('day', placed_at);

-- form: subquery group by in CTE, as listed
WITH m AS (SELECT date_trunc($1, placed_at) AS m, sum(total) AS s FROM orders GROUP BY date_trunc('month', placed_at)) SELECT avg(s) FROM m WHERE m > $2;

-- form: width_bucket, as listed
SELECT width_bucket(total, $1, $2, $3) AS b, count(*) FROM orders GROUP BY width_bucket(total, 0, 500, 10);

-- form: group by in EXISTS/HAVING subquery, as listed
SELECT customer_id FROM orders GROUP BY customer_id, coalesce(channel, $1) HAVING coalesce(channel, $2) = $3;

-- form: group by cast expression, as listed
SELECT (placed_at AT TIME ZONE $1)::date, count(*) FROM orders GROUP BY (placed_at AT TIME ZONE 'Europe/Berlin')::date;

-- form: UNION of constants, as listed
SELECT $1 AS k, count(*) FROM orders WHERE status = $2 UNION ALL SELECT $3, count(*) FROM jobs WHERE status = $4;

-- form: VALUES list of mixed types, as listed
SELECT v.k, p.name FROM (VALUES ($1, $2), ($3, $4)) AS v (id, k) JOIN products p ON p.id = v.id;

-- form: recursive CTE with constants in first arm, as listed
WITH RECURSIVE t AS (SELECT id, $1 AS depth, $2 AS x FROM categories WHERE id = $3 UNION ALL SELECT c.id, t.depth + $4, $5 FROM categories c JOIN t ON c.parent_id = t.id) SELECT * FROM t;

-- form: recursive CTE path text, as listed
WITH RECURSIVE t AS (SELECT id, name::text AS way FROM categories WHERE parent_id IS NULL UNION ALL SELECT c.id, t.way || $1 || c.name FROM categories c JOIN t ON c.parent_id = t.id) SELECT * FROM t WHERE way LIKE $2;

-- form: json_build_object of all constants, as listed
SELECT json_build_object($1, id, $2, name, $3, $4) FROM products WHERE id = $5;

-- form: jsonb_build_object in containment, as listed
SELECT id FROM products WHERE attrs @> jsonb_build_object($1, $2);

-- form: array_agg with FILTER and cast, as listed
SELECT coalesce(array_agg(id) FILTER (WHERE price > $1), $2) FROM products WHERE kind = $3;

-- form: coalesce(json_agg, '[]'), as listed
SELECT coalesce(json_agg(o.*) FILTER (WHERE o.id IS NOT NULL), $1) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE c.id = $2;

-- form: array subscripts, as listed
SELECT dims[$1], (string_to_array(sku, $2))[$3] FROM products WHERE tags[$4] = $5;

-- form: jsonb path text array, as listed
SELECT attrs #>> $1, attrs -> $2 ->> $3 FROM products WHERE (attrs -> $4 ->> $5)::bigint = $6;

-- form: jsonb index number and key, as listed
SELECT attrs -> $1 -> $2 FROM products WHERE attrs -> $3 ->> $4 = $5;

-- form: concat_ws and format, as listed
SELECT concat_ws($1, sku, $2, name), format($3, id, $4) FROM products WHERE id = $5;

-- form: round / numeric overloads, as listed
SELECT round(avg(total), $1), power(total, $2), log($3, total), trunc(total, $4) FROM orders WHERE channel = $5 GROUP BY total;

-- form: generate_series overloads, as listed
SELECT d::date, count(o.id) FROM generate_series($1::date, $2::date, $3) d LEFT JOIN orders o ON o.shipped_on = d GROUP BY d;

-- form: generate_series of untyped parameters, as listed
SELECT g, count(o.id) FROM generate_series($1, $2) g LEFT JOIN orders o ON o.customer_id = g GROUP BY g;

-- form: generate_series current_date minus, as listed
SELECT d, count(o.id) FROM generate_series(current_date - $1, current_date, $2) d LEFT JOIN orders o ON o.placed_at::date = d GROUP BY d;

-- form: unnest of an untyped parameter, as listed
SELECT p.id FROM products p WHERE p.sku IN (SELECT unnest($1));

-- form: string_to_array and unnest, as listed
SELECT id FROM products WHERE sku IN (SELECT trim(unnest(string_to_array($1, $2))));

-- form: date arithmetic of literals, as listed
SELECT id FROM orders WHERE placed_at >= $1::date AND placed_at < $2::date + $3 AND shipped_on > current_date - $4;

-- form: timestamptz minus literal, as listed
SELECT id FROM orders WHERE placed_at > now() - $1 AND placed_at < current_timestamp + $2;

-- form: interval times number, as listed
SELECT id FROM orders WHERE placed_at > now() - $1 * interval $2;

-- form: interval concatenation, as listed
SELECT id FROM orders WHERE placed_at > now() - ($1 || $2)::interval;

-- form: date minus date, extract epoch, as listed
SELECT id FROM orders WHERE extract($1 from now() - placed_at) / $2 > $3 AND shipped_on - $4 > $5;

-- form: timestamp with time zone rows BETWEEN date_trunc, as listed
SELECT count(*) FROM orders WHERE placed_at BETWEEN date_trunc($1, now()) AND date_trunc($2, now()) + interval $3 - interval $4;

-- form: OVERLAPS literals, as listed
SELECT id FROM orders WHERE (placed_at, promised) OVERLAPS ($1::timestamptz, interval $2);

-- form: range of literals, as listed
SELECT customer_id FROM memberships WHERE valid && tstzrange($1, $2, $3) AND valid @> $4::timestamptz;

-- form: range of literals unqualified, as listed
SELECT id FROM places WHERE open && daterange($1, $2) OR open @> $3;

-- form: point of parameters, as listed
SELECT id FROM places WHERE at <@ box(point($1, $2), point($3, $4)) ORDER BY at <-> point($5, $6);

-- form: circle of literal, as listed
SELECT id FROM places WHERE at <@ circle $1 OR round @> $2::point;

-- form: inet literal, as listed
SELECT id FROM events WHERE ip << $1 OR ip <<= inet $2;

-- form: tsquery with config, as listed
SELECT id, ts_rank(search, to_tsquery($1, $2)) FROM products WHERE search @@ to_tsquery($3, $4) ORDER BY ts_rank(search, to_tsquery($5, $6)) DESC;

-- form: to_tsvector with config, as listed
SELECT id FROM products WHERE to_tsvector($1, name) @@ plainto_tsquery($2, $3);

-- form: similarity threshold, as listed
SELECT id FROM products WHERE similarity(name, $1) > $2 AND name % $3 ORDER BY name <-> $4 LIMIT $5;

-- form: hstore literal, as listed
SELECT id FROM customers WHERE attrs @> $1 AND attrs -> $2 = $3 AND attrs ? $4;

-- form: ltree literal, as listed
SELECT id FROM categories WHERE path <@ $1 AND path ~ $2 AND subpath(path, $3, $4) = $5;

-- form: nullif, greatest with literals, as listed
SELECT id FROM orders WHERE greatest(total, $1) > least($2, $3) AND nullif(channel, $4) IS NOT NULL;

-- form: boolean literal, as listed
SELECT id FROM customers WHERE is_active = $1 AND $2;

-- form: where parameter only, as listed
SELECT id FROM customers WHERE $1;

-- form: $1 = $2 (where 1 = 1), as listed
SELECT id FROM customers WHERE $1 = $2 AND country = $3;

-- form: SELECT $1 FROM table, as listed
SELECT $1 FROM customers WHERE email = $2 LIMIT $3;

-- form: row comparison, as listed
SELECT id FROM orders WHERE (placed_at, id) > ($1::timestamptz, $2::bigint) ORDER BY placed_at, id LIMIT $3;

-- form: money literal arithmetic, as listed
SELECT id FROM places WHERE fee > $1::money * $2;

-- form: cast of sum of parameters, as listed
SELECT id FROM orders WHERE total > ($1 + $2)::numeric AND customer_id = ($3)::bigint;

-- form: parameter compared with subquery, as listed
SELECT id FROM customers c WHERE $1 < (SELECT count(*) FROM orders o WHERE o.customer_id = c.id);

-- form: parameter IN (columns), as listed
SELECT id FROM jobs WHERE $1 IN (queue, status, locked_by);

-- form: parameter = ANY(subquery), as listed
SELECT c.id FROM customers c WHERE $1 = ANY (SELECT o.channel FROM orders o WHERE o.customer_id = c.id);

-- form: parameter BETWEEN columns, as listed
SELECT id FROM places WHERE $1 BETWEEN lower(open) AND upper(open);

-- form: parameter LIKE column, as listed
SELECT id FROM products WHERE $1 LIKE sku || $2;

-- form: ORDER BY CASE parameter, as listed
SELECT id FROM orders ORDER BY CASE WHEN $1 THEN total END DESC, CASE $2 WHEN $3 THEN placed_at END LIMIT $4;

-- form: composite ROW cast, as listed
SELECT id FROM customers WHERE addr = ROW($1, $2, $3)::address;

-- form: INSERT SELECT constants, as listed
INSERT INTO audit_log (tab, row_id, what, at) SELECT $1, id, $2, $3 FROM orders WHERE status = $4;

-- form: INSERT SELECT constants distinct, as listed
INSERT INTO audit_log (tab, row_id, new_row) SELECT DISTINCT $1, customer_id, $2::jsonb FROM orders WHERE status = $3;

-- form: UPDATE row form, as listed
UPDATE orders SET (status, note) = ($1, $2) WHERE id = $3;

-- form: UPDATE interval, as listed
UPDATE jobs SET run_at = now() + $1 * interval $2, payload = payload || $3 WHERE id = $4;

-- form: UPDATE from VALUES, as listed
UPDATE products p SET stock = v.n, name = v.t FROM (VALUES ($1, $2, $3), ($4, $5, $6)) AS v (id, n, t) WHERE v.id = p.id;

-- form: DELETE older than, as listed
DELETE FROM audit_log WHERE at < now() - interval $1 AND id IN (SELECT id FROM audit_log ORDER BY id LIMIT $2);

-- form: MERGE of constants, as listed
MERGE INTO sales.daily d USING (SELECT $1 AS day, $2 AS n) s ON d.day = s.day::date WHEN MATCHED THEN UPDATE SET orders = s.n WHEN NOT MATCHED THEN INSERT (day, orders) VALUES (s.day::date, s.n);

-- form: MERGE VALUES of constants, as listed
MERGE INTO categories c USING (VALUES ($1, $2)) AS v (id, name) ON c.id = v.id WHEN MATCHED THEN UPDATE SET name = v.name;

-- form: crosstab-like aggregates, as listed
SELECT customer_id, sum(CASE WHEN date_part($1, placed_at) = $2 THEN total ELSE $3 END) AS jan FROM orders WHERE date_part($4, placed_at) = $5 GROUP BY customer_id;

-- form: Django annotate, as listed
SELECT "orders"."id", COUNT("order_items"."order_id") AS "n" FROM "orders" LEFT OUTER JOIN "order_items" ON ("orders"."id" = "order_items"."order_id") WHERE ("orders"."status" = $1 AND UPPER("orders"."note"::text) LIKE UPPER($2)) GROUP BY "orders"."id" HAVING COUNT("order_items"."order_id") >= $3 ORDER BY "n" DESC LIMIT $4;

-- form: SQLAlchemy, as listed
SELECT anon_1.orders_id, anon_1.orders_total, c_1.full_name AS c_1_full_name FROM (SELECT orders.id AS orders_id, orders.total AS orders_total, orders.customer_id AS orders_customer_id FROM orders WHERE orders.status = $1::order_status AND orders.channel IN ($2::VARCHAR, $3::VARCHAR) ORDER BY orders.placed_at DESC LIMIT $4::INTEGER) AS anon_1 LEFT OUTER JOIN customers AS c_1 ON c_1.id = anon_1.orders_customer_id;

-- form: ActiveRecord includes, as listed
SELECT "orders"."id" AS t0_r0, "orders"."total" AS t0_r1, "customers"."id" AS t1_r0 FROM "orders" LEFT OUTER JOIN "customers" ON "customers"."id" = "orders"."customer_id" WHERE "orders"."placed_at" BETWEEN $1 AND $2 AND ("customers"."full_name" ILIKE $3) AND "orders"."id" IN ($4, $5, $6);

-- form: Ecto array and fragment, as listed
SELECT o0."id", o0."status" FROM "orders" AS o0 WHERE (o0."customer_id" = ANY($1)) AND (o0."placed_at" > (NOW() - INTERVAL $2)) AND (o0."total"::float > $3::float);

-- form: insert_all upsert of Rails, as listed
-- expect: not_planned rows_given
INSERT INTO "groups" ("name","owner_id") VALUES ($1, $2), ($3, $4) ON CONFLICT ("id") DO UPDATE SET "name"=excluded."name" RETURNING "id";

-- form: PG18 virtual generated / temporal query
-- from: 18
SELECT id FROM orders WHERE placed_at = ANY (array_reverse($1::timestamptz[]));

