-- Maps in miniature: places, streets, climbs and bookings, with types, orders and words of their own.
-- For an empty database of PostgreSQL 13 or later. Operator classes ask for a superuser: others do without.

CREATE SCHEMA ext;
CREATE SCHEMA geo;
CREATE SCHEMA sorting;
CREATE SCHEMA ops;
CREATE EXTENSION hstore WITH SCHEMA ext;
CREATE EXTENSION citext WITH SCHEMA ext;
CREATE EXTENSION pg_trgm WITH SCHEMA ext;
CREATE EXTENSION btree_gist WITH SCHEMA ext;
COMMENT ON SCHEMA ext IS 'Extensions, and nothing else';

CREATE COLLATION sorting.mapkey FROM "C";
CREATE COLLATION sorting.digits (provider = icu, locale = 'en-u-kn-true');
CREATE COLLATION sorting."Groß = gross" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
COMMENT ON COLLATION sorting.digits IS 'House 9 before house 10';

-- Types
CREATE TYPE geo.spot AS (lat float8, lon float8);
CREATE TYPE geo.pin AS (at geo.spot, label text COLLATE sorting.mapkey, icons text[]);
CREATE DOMAIN geo.degrees AS float8 CHECK (VALUE BETWEEN -180 AND 180);
CREATE DOMAIN geo.ring AS float8[] CONSTRAINT closed CHECK (cardinality(VALUE) >= 6 AND VALUE[1] = VALUE[cardinality(VALUE) - 1]);
CREATE DOMAIN geo.trail AS geo.spot[] DEFAULT '{}' CHECK (array_ndims(VALUE) IS NULL OR array_ndims(VALUE) = 1);
CREATE DOMAIN geo.north AS geo.spot CHECK ((VALUE).lat >= 0);
CREATE DOMAIN geo.short_name AS ext.citext CHECK (length(VALUE::text) < 40);
CREATE FUNCTION ops.minutes_apart(a time, b time) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT (date_part('epoch', a) - date_part('epoch', b)) / 60 $$;
CREATE TYPE geo.opening AS RANGE (subtype = time, subtype_diff = ops.minutes_apart);
CREATE TYPE geo.name_span AS RANGE (subtype = text, collation = sorting.mapkey);
CREATE TYPE geo.climb AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TYPE geo.surface AS ENUM ('asphalt', 'gravel', 'it''s "mud"');
COMMENT ON TYPE geo.opening IS 'Of one day';
COMMENT ON COLUMN geo.spot.lat IS 'North is up';
COMMENT ON DOMAIN geo.ring IS 'Latitude and longitude by turns; the last spot is the first';

-- Functions, an operator, aggregates
CREATE FUNCTION geo.spot(lat float8, lon float8 DEFAULT 0) RETURNS geo.spot LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT ROW (lat, lon)::geo.spot';
CREATE FUNCTION geo.distance(a geo.spot, b geo.spot) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    $$ SELECT sqrt(power((a).lat - (b).lat, 2) + power(((a).lon - (b).lon) * cos(radians((a).lat)), 2)) * 111.32; -- km; flat earth, "good enough" $$;
CREATE FUNCTION geo.northernmost(a geo.spot, b geo.spot) RETURNS geo.spot LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT CASE WHEN a IS NULL OR (b).lat > (a).lat THEN b ELSE a END $$;
CREATE FUNCTION geo.spots_of(trail geo.trail) RETURNS SETOF geo.spot LANGUAGE sql IMMUTABLE AS $$ SELECT s.lat, s.lon FROM unnest(trail) s $$;
CREATE OPERATOR ops.<~> (FUNCTION = geo.distance, LEFTARG = geo.spot, RIGHTARG = geo.spot, COMMUTATOR = OPERATOR(ops.<~>));
CREATE AGGREGATE geo.northernmost(geo.spot) (SFUNC = geo.northernmost, STYPE = geo.spot, COMBINEFUNC = geo.northernmost, PARALLEL = SAFE);
CREATE FUNCTION geo.join_step(so_far text, word text, glue text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN word IS NULL THEN so_far ELSE concat(so_far || glue, word) END $$;
CREATE AGGREGATE geo.joined(word text, glue text) (SFUNC = geo.join_step, STYPE = text, FINALFUNC = btrim);
CREATE AGGREGATE geo.total_of(float8) (SFUNC = float8pl, STYPE = float8, INITCOND = '0', MSFUNC = float8pl, MINVFUNC = float8mi, MSTYPE = float8, MINITCOND = '0', SORTOP = OPERATOR(pg_catalog.<));
COMMENT ON AGGREGATE geo.northernmost(geo.spot) IS 'The one nearest the pole; NULL counts for nothing';

-- House numbers: 9, 9a, 10.
CREATE FUNCTION ops.house_key(house text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    $$ SELECT lpad(substring(house FROM '^\d*'), 6, '0') || house COLLATE "C" $$;
CREATE FUNCTION ops.house_cmp(a text, b text) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    $$ SELECT CASE WHEN x COLLATE "C" < y THEN -1 WHEN x = y COLLATE "C" THEN 0 ELSE 1 END FROM (SELECT ops.house_key(a), ops.house_key(b)) AS k(x, y) $$;
CREATE FUNCTION ops.house_lt(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ops.house_cmp($1, $2) < 0';
CREATE FUNCTION ops.house_le(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ops.house_cmp($1, $2) <= 0';
CREATE FUNCTION ops.house_eq(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ops.house_cmp($1, $2) = 0';
CREATE FUNCTION ops.house_ge(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ops.house_cmp($1, $2) >= 0';
CREATE FUNCTION ops.house_gt(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ops.house_cmp($1, $2) > 0';
CREATE OPERATOR ops.<# (FUNCTION = ops.house_lt, LEFTARG = text, RIGHTARG = text, COMMUTATOR = OPERATOR(ops.>#), NEGATOR = OPERATOR(ops.>=#), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR ops.<=# (FUNCTION = ops.house_le, LEFTARG = text, RIGHTARG = text, COMMUTATOR = OPERATOR(ops.>=#), NEGATOR = OPERATOR(ops.>#), RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR ops.=# (FUNCTION = ops.house_eq, LEFTARG = text, RIGHTARG = text, COMMUTATOR = OPERATOR(ops.=#), RESTRICT = eqsel, JOIN = eqjoinsel, MERGES);
CREATE OPERATOR ops.>=# (FUNCTION = ops.house_ge, LEFTARG = text, RIGHTARG = text, COMMUTATOR = OPERATOR(ops.<=#), NEGATOR = OPERATOR(ops.<#), RESTRICT = scalargesel, JOIN = scalargejoinsel);
CREATE OPERATOR ops.># (FUNCTION = ops.house_gt, LEFTARG = text, RIGHTARG = text, COMMUTATOR = OPERATOR(ops.<#), NEGATOR = OPERATOR(ops.<=#), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);

-- Words
CREATE TEXT SEARCH DICTIONARY geo.stemmed (TEMPLATE = snowball, language = german, stopwords = german);
CREATE TEXT SEARCH DICTIONARY geo."as it's" (TEMPLATE = simple, accept = false);
CREATE TEXT SEARCH CONFIGURATION geo.place_words (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION geo.place_words ALTER MAPPING FOR asciiword, word WITH geo."as it's", geo.stemmed, simple;
ALTER TEXT SEARCH CONFIGURATION geo.place_words DROP MAPPING FOR url_path, sfloat;
COMMENT ON TEXT SEARCH CONFIGURATION geo.place_words IS 'For names of places; German';

CREATE TABLE geo.place (
    id serial PRIMARY KEY,
    name ext.citext NOT NULL,
    sort_name text COLLATE sorting.mapkey GENERATED ALWAYS AS (lower(name::text)) STORED,
    nickname geo.short_name DEFAULT 'nameless',
    tags ext.hstore DEFAULT '"it''s"=>"a; \"place\""'::ext.hstore,
    at geo.spot NOT NULL DEFAULT geo.spot(47.37, 8.54),
    best_pin geo.pin,
    CONSTRAINT place_tags_kind CHECK (tags OPERATOR(ext.?) 'kind' OR tags IS NULL OR tags OPERATOR(ext.?) 'it''s'),
    CONSTRAINT place_name UNIQUE (name),
    CHECK ((at).lat BETWEEN -90 AND 90)
);
CREATE INDEX place_tags ON geo.place USING gin (tags);
CREATE INDEX place_tags_gist ON geo.place USING gist (tags, ((at).lat));
CREATE INDEX place_trgm ON geo.place USING gin ((name::text) ext.gin_trgm_ops, (nickname::text) ext.gin_trgm_ops) WITH (fastupdate = off) WHERE id > 0;
CREATE INDEX place_trgm_gist ON geo.place USING gist (sort_name ext.gist_trgm_ops (siglen = 32)) WITH (buffering = on);
CREATE INDEX place_words ON geo.place USING gin (to_tsvector('geo.place_words', name::text));
CREATE INDEX place_kind ON geo.place ((tags OPERATOR(ext.->) 'kind') COLLATE sorting.digits DESC NULLS LAST, sort_name COLLATE "POSIX");
CREATE INDEX place_far ON geo.place (geo.distance(at, ROW (0, 0)::geo.spot)) INCLUDE (name);

CREATE TABLE geo.street (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    place_id int REFERENCES geo.place ON DELETE CASCADE,
    name text COLLATE sorting."Groß = gross" NOT NULL,
    house text NOT NULL,
    outline geo.ring,
    path geo.trail NOT NULL,
    layers geo.surface[] DEFAULT '{gravel}'::geo.surface[],
    bearing geo.degrees,
    UNIQUE (name, house)
);
CREATE INDEX street_house ON geo.street (name, house COLLATE sorting.digits);
CREATE TABLE geo.booking (
    hut int NOT NULL,
    guest ext.citext,
    nights daterange NOT NULL,
    open geo.opening DEFAULT '[08:00,20:00)',
    height geo.climb,
    cancelled boolean DEFAULT false,
    CONSTRAINT one_party_a_night EXCLUDE USING gist (hut WITH =, nights WITH &&) WHERE (NOT cancelled) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT guest_in_one_hut EXCLUDE USING gist ((guest::text) WITH =, nights WITH &&, hut WITH <>),
    EXCLUDE USING gist (hut WITH =, open WITH -|-)
);
CREATE INDEX booking_height ON geo.booking USING spgist (height) WHERE height IS NOT NULL;
CREATE TABLE geo.shelf (span geo.name_span PRIMARY KEY, label geo.pin[], corner geo.north, EXCLUDE USING gist (span WITH &&));
COMMENT ON CONSTRAINT one_party_a_night ON geo.booking IS 'Two parties may swap within a transaction';
CREATE TABLE geo."Gipfel & Täler" ("Höhe (m)" geo.climb, "Σ" numeric[][] DEFAULT '{{1,2},{3,4}}', "Kreis" circle, EXCLUDE USING gist ("Kreis" WITH &&));

DO $superuser$
BEGIN
    IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        CREATE OPERATOR FAMILY ops.house_family USING btree;
        CREATE OPERATOR CLASS ops.house_ops FOR TYPE text USING btree FAMILY ops.house_family AS
            OPERATOR 1 ops.<#, OPERATOR 2 ops.<=#, OPERATOR 3 ops.=#, OPERATOR 4 ops.>=#, OPERATOR 5 ops.>#, FUNCTION 1 ops.house_cmp(text, text);
        CREATE OPERATOR CLASS ops."Plain Hash" FOR TYPE int4 USING hash AS OPERATOR 1 pg_catalog.=, FUNCTION 1 pg_catalog.hashint4(int4);
        COMMENT ON OPERATOR CLASS ops.house_ops USING btree IS 'House 9, 9a, then 10; for "house"';
        CREATE UNIQUE INDEX street_by_house ON geo.street (name, house ops.house_ops DESC, place_id);
        CREATE INDEX booking_hut ON geo.booking USING hash (hut ops."Plain Hash");
    END IF;
END $superuser$;

CREATE VIEW geo.named AS
    SELECT id, name, tags OPERATOR(ext.->) 'kind' AS kind, (at).lat, at OPERATOR(ops.<~>) geo.spot(0) AS away FROM geo.place WHERE name OPERATOR(ext.<>) 'nowhere'::ext.citext;
CREATE VIEW public.by_kind AS SELECT kind, geo.joined(name::text, '; ' ORDER BY name COLLATE sorting.mapkey) AS names, geo.total_of(away) FROM geo.named GROUP BY kind;
CREATE VIEW geo.street_sorted AS
    SELECT s.name, s.house, p.name AS place FROM geo.street s JOIN geo.place p ON p.id = s.place_id WHERE s.house OPERATOR(ops.>=#) '1' ORDER BY s.name, s.house USING OPERATOR(pg_catalog.~<~);
CREATE MATERIALIZED VIEW geo.poles AS SELECT (geo.northernmost(at)).*, count(*) AS n FROM geo.place;

INSERT INTO geo.place (name, nickname, tags, at, best_pin)
    SELECT (ARRAY['Zürich', 'Bern', 'Val d''Isère', 'St. "Gallen"'])[1 + i % 4] || ' ' || i, CASE i WHEN 3 THEN NULL ELSE 'P' || i END,
        ext.hstore(ARRAY['kind', 'n'], ARRAY[(ARRAY['town', 'lake; deep', '10'])[1 + i % 3], nullif(i, 4)::text]),
        geo.spot(40 + i, i / 3.0), ROW (ROW (i, NULL), 'Pin, "' || i || '"', ARRAY['a b', NULL, '{}'])::geo.pin
    FROM generate_series(1, 12) i;
INSERT INTO geo.street (place_id, name, house, outline, path, bearing)
    SELECT 1 + i % 12, 'Straße ' || i % 3, i || CASE i % 2 WHEN 0 THEN 'a' ELSE '' END, ARRAY[i, 0, i, 1, i, 0]::float8[], ARRAY[geo.spot(i, 1), geo.spot(i, -1.5)], CASE i WHEN 5 THEN NULL ELSE i * 11.25 END
    FROM generate_series(1, 15) i;
INSERT INTO geo.booking (hut, guest, nights, height, cancelled)
    SELECT i % 4, 'Guest ' || i, daterange(DATE '2024-07-01' + i, DATE '2024-07-03' + i), CASE i WHEN 2 THEN 'empty' ELSE '(1e3,]' END::geo.climb, i % 5 = 0 FROM generate_series(1, 16) i;
INSERT INTO geo.shelf SELECT geo.name_span(chr(96 + i), chr(97 + i)), ARRAY[ROW (geo.spot(i), 'it''s', NULL)::geo.pin], geo.spot(i, i) FROM generate_series(1, 6) i;
INSERT INTO geo."Gipfel & Täler" ("Höhe (m)", "Kreis") SELECT geo.climb(i * 100, i * 150 + 0.1, '[]'), circle(point(i * 10, 0), 1) FROM generate_series(1, 5) i;
REFRESH MATERIALIZED VIEW geo.poles;
