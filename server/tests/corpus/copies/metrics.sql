-- Monitoring in miniature, in the style of Sentry, Zabbix and PostHog: hosts, samples in partitions of partitions,
-- events that inherit, rules that keep the past. For an empty database of PostgreSQL 13 or later.

CREATE SCHEMA samples;
CREATE SCHEMA "Dash.Boards";

CREATE TYPE severity AS ENUM ('debug', 'info', 'warning', 'error', 'fatal');
CREATE FUNCTION fingerprint(message text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $f$ SELECT md5(regexp_replace(message, '\d+|"[^"]*"', '#', 'g')); -- numbers and "names" don't count; $f$;
CREATE FUNCTION level_of(value numeric, warn numeric, alarm numeric DEFAULT 10 ^ 6) RETURNS severity LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN value >= alarm THEN 'fatal' WHEN value >= warn THEN 'warning' ELSE 'info' END;
END $$;

CREATE TABLE host (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    proxy_id int REFERENCES host ON DELETE SET NULL,
    mac macaddr,
    address inet,
    macros jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX host_name_hash ON host USING hash (name) WITH (fillfactor = 60);
CREATE INDEX host_macros ON host USING gin (macros) WITH (fastupdate = on, gin_pending_list_limit = 128);
CREATE INDEX host_address ON host USING gist (address inet_ops) WHERE address IS NOT NULL;

CREATE TABLE item (
    id serial PRIMARY KEY,
    host_id int NOT NULL REFERENCES host ON DELETE CASCADE,
    key_ text NOT NULL,
    unit varchar(16) DEFAULT 'B/s',
    delay interval NOT NULL DEFAULT '00:01:00'::interval,
    kind "char" NOT NULL DEFAULT 'n',
    CONSTRAINT item_key UNIQUE (host_id, key_)
);

-- Samples: by month, then by kind; each level has a partition for the rest.
CREATE SEQUENCE samples.sample_no;
CREATE TABLE samples.sample (
    no bigint NOT NULL DEFAULT nextval('samples.sample_no'),
    obsolete_ns int,
    item_id int NOT NULL CONSTRAINT sample_item REFERENCES item ON DELETE CASCADE,
    clock timestamptz NOT NULL,
    kind "char" NOT NULL,
    value numeric,
    note text DEFAULT 'none; yet',
    rounded numeric(20, 1) GENERATED ALWAYS AS (round(value, 1)) STORED,
    CONSTRAINT value_or_note CHECK (value IS NOT NULL OR note IS NOT NULL),
    PRIMARY KEY (clock, kind, item_id, no)
) PARTITION BY RANGE (clock);
ALTER TABLE samples.sample DROP COLUMN obsolete_ns;
CREATE TABLE samples.y2024m01 PARTITION OF samples.sample (note DEFAULT 'January', value NOT NULL, CONSTRAINT january_positive CHECK (value >= 0))
    FOR VALUES FROM (MINVALUE) TO ('2024-02-01 00:00:00+00') PARTITION BY LIST (kind);
CREATE TABLE samples.y2024m01_n PARTITION OF samples.y2024m01 (item_id DEFAULT 1) FOR VALUES IN ('n', 'f') WITH (fillfactor = 100, autovacuum_enabled = false);
CREATE TABLE samples.y2024m01_rest PARTITION OF samples.y2024m01 DEFAULT PARTITION BY HASH (item_id, no);
CREATE TABLE samples.y2024m01_rest_0 PARTITION OF samples.y2024m01_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE samples.y2024m01_rest_1 PARTITION OF samples.y2024m01_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE samples.y2024m02 (
    value numeric,
    note text COLLATE "default" NOT NULL DEFAULT 'February; leap',
    clock timestamptz NOT NULL,
    was_here_once money,
    no bigint NOT NULL,
    kind "char" NOT NULL DEFAULT 'n',
    item_id int NOT NULL,
    rounded numeric(20, 1) GENERATED ALWAYS AS (round(value, 1)) STORED,
    CONSTRAINT value_or_note CHECK (value IS NOT NULL OR note IS NOT NULL),
    CONSTRAINT only_february CHECK (clock >= '2024-02-01 00:00:00+00' AND clock < '2024-03-01 00:00:00+00')
);
ALTER TABLE samples.y2024m02 DROP COLUMN was_here_once;
ALTER TABLE samples.sample ATTACH PARTITION samples.y2024m02 FOR VALUES FROM ('2024-02-01 00:00:00+00') TO ('2024-03-01 00:00:00+00');
CREATE TABLE samples.other_times PARTITION OF samples.sample DEFAULT;
CREATE INDEX sample_clock_brin ON samples.sample USING brin (clock timestamptz_minmax_ops, item_id) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX y2024m01_n_item ON samples.y2024m01_n (item_id, clock DESC NULLS LAST) INCLUDE (value);
CREATE UNIQUE INDEX other_times_no ON samples.other_times (no);
ALTER TABLE samples.other_times REPLICA IDENTITY USING INDEX other_times_no;
CREATE INDEX sample_item ON ONLY samples.sample (item_id);
CREATE INDEX m02_item ON samples.y2024m02 (item_id) WITH (deduplicate_items = off);
ALTER INDEX samples.sample_item ATTACH PARTITION samples.m02_item;
ALTER TABLE samples.y2024m02 ALTER COLUMN note SET STORAGE EXTERNAL, ALTER COLUMN value SET STATISTICS 42, CLUSTER ON m02_item;
COMMENT ON TABLE samples.other_times IS 'What no month has taken';
CREATE TABLE alarm (
    id smallserial PRIMARY KEY, clock timestamptz NOT NULL, kind "char" NOT NULL, item_id int NOT NULL, sample_no bigint NOT NULL,
    CONSTRAINT alarm_sample FOREIGN KEY (clock, kind, item_id, sample_no) REFERENCES samples.sample (clock, kind, item_id, no) ON DELETE CASCADE
);

CREATE TABLE replay (agent text, clicks point[]) PARTITION BY RANGE (fingerprint(agent) COLLATE "C" text_pattern_ops, (length(agent)));
CREATE TABLE samples.replay_low PARTITION OF replay FOR VALUES FROM (MINVALUE, MINVALUE) TO ('8', 0);
CREATE TABLE samples.replay_high PARTITION OF replay FOR VALUES FROM ('8', 0) TO (MAXVALUE, MAXVALUE);

-- Events: errors and transactions inherit from them.
CREATE TABLE event (
    id bigint GENERATED BY DEFAULT AS IDENTITY (START WITH 1 INCREMENT BY 3),
    legacy_platform text,
    host_id int NOT NULL,
    happened_at timestamptz NOT NULL DEFAULT now(),
    message text,
    level severity NOT NULL DEFAULT 'info'::severity,
    CONSTRAINT only_children CHECK (message IS NOT NULL) NO INHERIT,
    CONSTRAINT message_length CHECK (length(message) < 8192)
) WITH (autovacuum_freeze_max_age = 400000000, toast_tuple_target = 512);
ALTER TABLE event DROP COLUMN legacy_platform;
CREATE TABLE taggable (tags text[] DEFAULT '{}', host_id int NOT NULL, CHECK (host_id > 0));
CREATE TABLE error_event (id bigserial, stack jsonb, fingerprint text GENERATED ALWAYS AS (fingerprint(message)) STORED, level severity DEFAULT 'error', PRIMARY KEY (id)) INHERITS (event, taggable);
-- Its columns stand as the parent's do: pg_dump makes it with INHERITS, where those come first.
CREATE TABLE transaction_event (
    id bigint NOT NULL DEFAULT -1, host_id int NOT NULL, happened_at timestamptz NOT NULL, message text NOT NULL DEFAULT 'a "transaction"',
    level severity NOT NULL, duration interval, CONSTRAINT message_length CHECK (length(message) < 8192)
);
ALTER TABLE transaction_event INHERIT event;
CREATE TABLE slow_transaction (CHECK (duration > '1 second'::interval)) INHERITS (transaction_event);
CREATE INDEX error_stack ON error_event USING gin (stack jsonb_path_ops);
CREATE INDEX error_group ON error_event (fingerprint, happened_at DESC NULLS LAST) WHERE level >= 'error'::severity;
CREATE INDEX event_hour ON event (date_trunc('hour', happened_at AT TIME ZONE 'UTC'));
ALTER INDEX event_hour ALTER COLUMN 1 SET STATISTICS 300;
ALTER TABLE event ALTER COLUMN host_id SET (n_distinct_inherited = 25, n_distinct = -0.05);

CREATE UNLOGGED TABLE presence (host_id int PRIMARY KEY REFERENCES host ON DELETE CASCADE, seen_at timestamptz DEFAULT clock_timestamp(), beats bigserial) WITH (fillfactor = 50);
CREATE TABLE audit_log (at timestamptz DEFAULT 'epoch', what text, "old.row" jsonb);

CREATE STATISTICS item_kinds (ndistinct, dependencies) ON host_id, kind, unit FROM item;
CREATE STATISTICS "Dash.Boards".event_levels (mcv) ON level, host_id FROM event;
CREATE STATISTICS samples."Sample Stats" ON item_id, kind FROM samples.sample;
ALTER STATISTICS item_kinds SET STATISTICS 750;
COMMENT ON STATISTICS item_kinds IS 'A unit hangs on its kind';

CREATE RULE keep_audit AS ON DELETE TO audit_log DO INSTEAD NOTHING;
CREATE RULE keep_fatal AS ON UPDATE TO error_event WHERE old.level = 'fatal'::severity AND new.level < old.level DO INSTEAD NOTHING;
CREATE RULE note_hosts AS ON DELETE TO host DO ALSO (INSERT INTO audit_log (what, "old.row") VALUES ('host; gone', to_jsonb(old.name)); NOTIFY hosts);
CREATE RULE idle AS ON INSERT TO audit_log WHERE new.what IS NULL DO INSTEAD NOTHING;
ALTER TABLE audit_log DISABLE RULE idle;
COMMENT ON RULE keep_audit ON audit_log IS 'The past stays';

CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF level_of(NEW.value, 90) >= TG_ARGV[0]::public.severity THEN
        INSERT INTO alarm (clock, kind, item_id, sample_no) VALUES (NEW.clock, NEW.kind, NEW.item_id, NEW.no);
    END IF;
    RETURN NULL;
END $$ SET search_path = public;
CREATE FUNCTION samples_of(item int, since timestamptz DEFAULT '-infinity') RETURNS TABLE (clock timestamptz, value numeric, delta numeric) LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT s.clock, s.value, s.value - lag(s.value) OVER (ORDER BY s.clock) FROM samples.sample s WHERE s.item_id = item AND s.clock >= since; $$;
CREATE FUNCTION count_new() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.audit_log (what) SELECT format(''%s new; "%s"'', count(*), TG_TABLE_NAME) FROM fresh; RETURN NULL; END';
CREATE TRIGGER judged AFTER INSERT ON samples.sample FOR EACH ROW WHEN (NEW.value > 50) EXECUTE FUNCTION judge('warning');
CREATE TRIGGER counted AFTER INSERT ON item REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION count_new();
CREATE TRIGGER "y2024m01 only" BEFORE UPDATE ON samples.y2024m01_n FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();

CREATE VIEW samples.latest AS SELECT DISTINCT ON (item_id) item_id, clock, value FROM samples.sample ORDER BY item_id, clock DESC;
CREATE VIEW "Dash.Boards"."Host's ""Latest""" AS
    SELECT h.name AS "Host", i.key_, l.value, level_of(l.value, 90) FROM samples.latest l JOIN public.item i ON i.id = l.item_id JOIN public.host h ON h.id = i.host_id;
CREATE VIEW worst AS SELECT "Host", max(level_of) AS worst FROM "Dash.Boards"."Host's ""Latest""" GROUP BY ROLLUP ("Host");
CREATE MATERIALIZED VIEW "Dash.Boards".event_hourly AS
    SELECT date_trunc('hour', happened_at) AS hour, level, count(*) AS n FROM public.event GROUP BY GROUPING SETS ((1, 2), (1)) WITH NO DATA;

INSERT INTO host (name, proxy_id, mac, address, macros)
    SELECT 'web-' || i, nullif(i / 3, 0), ('08:00:2b:01:02:0' || i)::macaddr, ('10.0.0.' || i || '/24')::inet, jsonb_build_object('{$PORT}', 8000 + i, 'note', 'it''s; "' || i || '"') FROM generate_series(1, 8) i;
INSERT INTO item (host_id, key_, kind, delay)
    SELECT h, 'net.if[eth' || k || ',"in;out"]', (ARRAY['n', 't'])[k]::"char", make_interval(secs => h * 1.5) FROM generate_series(1, 8) h, generate_series(1, 2) k;
INSERT INTO samples.sample (item_id, clock, kind, value)
    SELECT 1 + i % 16, '2024-01-10 00:00+00'::timestamptz + i * interval '33 hours', (ARRAY['n', 'f', 't', 'x'])[1 + i % 4]::"char", i * 2.25 FROM generate_series(0, 47) i;
INSERT INTO samples.sample (item_id, clock, kind, note, value) SELECT i, 'infinity', 'n', E'text\\' || i, CASE i WHEN 2 THEN 'NaN' WHEN 3 THEN 1e-30 END FROM generate_series(1, 5) i;
INSERT INTO event (host_id, happened_at, message) SELECT i, '2024-02-29 23:59:59.999+00', 'Started ' || i FROM generate_series(1, 6) i;
INSERT INTO taggable SELECT ARRAY['env:prod', 'a,"b"'], i FROM generate_series(1, 5) i;
INSERT INTO error_event (host_id, happened_at, message, tags, stack, level)
    SELECT 1 + i % 8, '2024-03-01 00:00+00', 'Request ' || i || ' of "user ' || i || '" failed', ARRAY['t' || i], jsonb_build_array(i, NULL), (enum_range(NULL::severity))[1 + i % 5] FROM generate_series(1, 15) i;
INSERT INTO transaction_event (duration, id, host_id, happened_at, level) SELECT i * interval '120 ms', 1000 + i, 1 + i % 8, '2024-03-02 00:00+00', 'debug' FROM generate_series(1, 7) i;
INSERT INTO slow_transaction (duration, id, host_id, happened_at, level) SELECT i * interval '1 month 2 s', 2000 + i, i, '2024-03-02 00:00+00', 'warning' FROM generate_series(1, 5) i;
INSERT INTO replay SELECT 'Browser "' || i || '"; rv:' || repeat('x', i), ARRAY[point(i, -i)] FROM generate_series(1, 12) i;
INSERT INTO presence (host_id) SELECT id FROM host;
INSERT INTO audit_log (what, "old.row") SELECT 'made; ' || i, 'null' FROM generate_series(1, 5) i;
