-- What PostgreSQL 14 and 15 add to the maps; for a database with geo.sql in it.

CREATE FUNCTION ops.metres_apart(a numeric, b numeric) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT RETURN (a - b)::float8;
CREATE TYPE geo.tide AS RANGE (subtype = numeric, subtype_diff = ops.metres_apart, multirange_type_name = geo."Tides");
CREATE TABLE geo.harbour (
    place_id int REFERENCES geo.place ON DELETE SET NULL,
    berth text COMPRESSION pglz COLLATE sorting.mapkey,
    open geo.opening[],
    dry geo."Tides" NOT NULL DEFAULT '{[0,0.5)}',
    spans geo.name_span_multirange,
    UNIQUE NULLS NOT DISTINCT (place_id, berth)
);
CREATE INDEX harbour_dry ON geo.harbour USING gist (dry, place_id);
CREATE FUNCTION geo.nearest(from_spot geo.spot, most int DEFAULT 3) RETURNS SETOF geo.place LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT p.* FROM geo.place p ORDER BY p.at OPERATOR(ops.<~>) from_spot, p.sort_name COLLATE sorting.digits LIMIT most;
END;
CREATE VIEW geo.low_water WITH (security_invoker) AS
    SELECT p.name, range_agg(t.t) AS dry FROM geo.harbour h JOIN geo.place p ON p.id = h.place_id, LATERAL unnest(h.dry) t (t) GROUP BY p.name;
INSERT INTO geo.harbour
    SELECT nullif(i, 4), 'B' || i, ARRAY['[06:00,07:00]', 'empty']::geo.opening[], geo."Tides"(geo.tide(i, i + 1), geo.tide(i + 5, NULL)), geo.name_span_multirange(geo.name_span('a', 'b,"c'))
    FROM generate_series(1, 8) i;
