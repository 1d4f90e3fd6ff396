-- What PostgreSQL 15 and later add to the monitoring (14, most of it); for a database with metrics.sql in it.

CREATE STATISTICS event_words ON lower(message), (length(message) % 10), level FROM event;
CREATE STATISTICS error_fingerprint ON (fingerprint(message)) FROM error_event;
CREATE STATISTICS "Dash.Boards"."by; day" (ndistinct, mcv) ON date_trunc('day', clock AT TIME ZONE 'UTC'), item_id FROM samples.sample;
ALTER STATISTICS event_words SET STATISTICS 0;
COMMENT ON STATISTICS event_words IS 'Of expressions; "lower" and all';
CREATE INDEX sample_value_multi ON samples.sample USING brin (value numeric_minmax_multi_ops (values_per_range = 16), item_id int4_bloom_ops (n_distinct_per_range = 50, false_positive_rate = 0.05));
ALTER TABLE slow_transaction ALTER COLUMN message SET COMPRESSION pglz;
ALTER TABLE error_event ALTER COLUMN message SET COMPRESSION pglz;
CREATE UNIQUE INDEX audit_once ON audit_log (what, "old.row") NULLS NOT DISTINCT WHERE what LIKE 'made;%';
CREATE UNLOGGED SEQUENCE beat_no INCREMENT BY 2;
CREATE UNLOGGED TABLE heartbeat (no bigint NOT NULL DEFAULT nextval('beat_no'), serial_no serial, sent_at timestamptz DEFAULT '2024-01-01 00:00+00');
ALTER SEQUENCE presence_beats_seq SET LOGGED;
CREATE FUNCTION worst_level(host text DEFAULT 'web-1') RETURNS severity LANGUAGE sql STABLE RETURN (SELECT w.worst FROM worst w WHERE w."Host" = host);
CREATE TABLE samples.y2024m04 PARTITION OF samples.sample (note DEFAULT 'April; showers') FOR VALUES FROM ('2024-04-01 00:00+00') TO ('2024-05-01 00:00+00');
ALTER TABLE samples.y2024m04 ALTER COLUMN note SET COMPRESSION pglz;
INSERT INTO heartbeat (sent_at) SELECT timestamptz '2024-01-01 00:00+00' + i * interval '1 s' FROM generate_series(1, 9) i;
INSERT INTO samples.sample (item_id, clock, kind, value) SELECT i, '2024-04-01 12:00+00', 'n', 99 FROM generate_series(1, 6) i;
