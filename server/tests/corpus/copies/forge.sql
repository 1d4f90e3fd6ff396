-- A code forge in miniature, in the style of GitLab: projects, merge requests, pipelines in partitions, loose
-- foreign keys that triggers keep. For an empty database of PostgreSQL 13 or later.

CREATE SCHEMA partitions_static;
CREATE SCHEMA partitions_dynamic;
CREATE SCHEMA loose;
CREATE SCHEMA reporting;
COMMENT ON SCHEMA partitions_dynamic IS 'Made and dropped by a job, never by hand';

CREATE TYPE pipeline_state AS ENUM ('created', 'waiting; for a runner', 'running', 'success', 'can''t run');

CREATE TABLE namespace (
    id bigserial PRIMARY KEY,
    parent_id bigint REFERENCES namespace ON DELETE CASCADE,
    owner_id bigint,
    path text NOT NULL COLLATE "C",
    traversal_ids bigint[] NOT NULL DEFAULT '{}',
    CONSTRAINT check_path_length CHECK (char_length(path) <= 255)
);
CREATE UNIQUE INDEX namespace_path ON namespace (lower(path) text_pattern_ops, COALESCE(parent_id, 0::bigint));
CREATE INDEX namespace_traversal ON namespace USING gin (traversal_ids) WITH (fastupdate = off, gin_pending_list_limit = 512);

CREATE TABLE project (
    id bigserial PRIMARY KEY,
    namespace_id bigint NOT NULL REFERENCES namespace ON DELETE RESTRICT,
    path text NOT NULL,
    import_error bytea DEFAULT '\xdeadbeef',
    star_count int NOT NULL DEFAULT 0,
    visibility smallint NOT NULL DEFAULT 20,
    last_activity_at timestamp,
    CONSTRAINT check_visibility CHECK (visibility IN (0, 10, 20)) NO INHERIT,
    CONSTRAINT project_of_namespace UNIQUE (id, namespace_id)
);
CREATE INDEX project_recent ON project (last_activity_at DESC NULLS LAST, id DESC) WHERE visibility = 20;

CREATE TABLE merge_request (
    id bigserial PRIMARY KEY,
    iid int NOT NULL,
    source_project_id bigint,
    target_project_id bigint NOT NULL,
    namespace_id bigint NOT NULL,
    title text NOT NULL,
    draft boolean GENERATED ALWAYS AS (title ~* '^\s*draft:') STORED,
    head_pipeline_id bigint,
    UNIQUE (target_project_id, iid),
    CONSTRAINT fk_target FOREIGN KEY (target_project_id, namespace_id) REFERENCES project (id, namespace_id) MATCH FULL ON DELETE CASCADE
);
INSERT INTO namespace (parent_id, path) VALUES (NULL, 'tools'), (1, 'Compilers'), (1, 'linkers'), (NULL, 'games'), (4, 'räuber & co'), (2, 'lex/yacc');
INSERT INTO project (namespace_id, path, star_count, last_activity_at) SELECT 1 + i % 6, 'p-' || i, i * 7, TIMESTAMP '2024-01-01' + i * interval '5 hours' FROM generate_series(1, 12) i;
INSERT INTO merge_request (iid, source_project_id, target_project_id, namespace_id, title)
    SELECT i, CASE WHEN i = 7 THEN 404 ELSE p.id END, p.id, p.namespace_id, (ARRAY['Draft: ', 'Fix; ', 'Let''s '])[1 + i % 3] || p.path FROM generate_series(1, 2) i, project p;
-- Old rows break these, and new ones may not.
ALTER TABLE merge_request ADD CONSTRAINT fk_source FOREIGN KEY (source_project_id) REFERENCES project ON DELETE SET NULL NOT VALID;
ALTER TABLE merge_request ADD CONSTRAINT check_title CHECK (title !~~ 'Draft: p-1%') NOT VALID;
COMMENT ON CONSTRAINT check_title ON merge_request IS 'To be validated in a later release';

CREATE FUNCTION next_traversal_ids(parent bigint, own bigint) RETURNS bigint[] LANGUAGE sql STABLE AS
    $$ SELECT coalesce((SELECT traversal_ids FROM public.namespace WHERE id = parent), '{}') || own $$;
CREATE FUNCTION next_traversal_ids(own bigint) RETURNS bigint[] LANGUAGE sql STABLE AS 'SELECT public.next_traversal_ids(NULL, own)';

CREATE TABLE pipeline (
    partition_id smallint NOT NULL,
    id bigserial NOT NULL,
    retired_tag boolean,
    project_id bigint NOT NULL,
    state pipeline_state NOT NULL DEFAULT 'created'::pipeline_state,
    ref text,
    created_at timestamptz NOT NULL DEFAULT TIMESTAMPTZ '2024-03-01 00:00:00+00',
    PRIMARY KEY (id, partition_id),
    CONSTRAINT fk_pipeline_project FOREIGN KEY (project_id) REFERENCES project ON DELETE CASCADE
) PARTITION BY LIST (partition_id);
ALTER TABLE pipeline DROP COLUMN retired_tag;
CREATE TABLE partitions_dynamic.pipeline_100 PARTITION OF pipeline FOR VALUES IN (100);
CREATE TABLE partitions_dynamic.pipeline_101 (
    ref text,
    created_at timestamptz NOT NULL DEFAULT now(),
    state pipeline_state NOT NULL DEFAULT 'running',
    old_column inet,
    id bigint NOT NULL DEFAULT nextval('pipeline_id_seq'),
    project_id bigint NOT NULL REFERENCES project ON DELETE CASCADE,
    partition_id smallint NOT NULL
);
ALTER TABLE partitions_dynamic.pipeline_101 DROP COLUMN old_column;
ALTER TABLE pipeline ATTACH PARTITION partitions_dynamic.pipeline_101 FOR VALUES IN (101, 102);
COMMENT ON TABLE partitions_dynamic.pipeline_101 IS 'Its columns stand in another order';

CREATE INDEX pipeline_of_project ON ONLY pipeline (project_id, state) INCLUDE (ref);
CREATE INDEX pipeline_100_of_project ON partitions_dynamic.pipeline_100 (project_id, state) INCLUDE (ref);
CREATE INDEX "pipeline 101 of.project" ON partitions_dynamic.pipeline_101 (project_id, state) INCLUDE (ref) WITH (fillfactor = 60);
ALTER INDEX pipeline_of_project ATTACH PARTITION partitions_dynamic.pipeline_100_of_project;
ALTER INDEX pipeline_of_project ATTACH PARTITION partitions_dynamic."pipeline 101 of.project";
CREATE INDEX pipeline_half_done ON ONLY pipeline (ref);

CREATE TABLE build (
    id bigint NOT NULL,
    partition_id smallint NOT NULL,
    pipeline_id bigint NOT NULL,
    stage text NOT NULL CHECK (stage <> ''),
    trace text,
    options jsonb NOT NULL DEFAULT '{"script": ["make; make test"], "it''s": null}',
    CONSTRAINT build_pkey PRIMARY KEY (id, partition_id),
    CONSTRAINT fk_build_pipeline FOREIGN KEY (pipeline_id, partition_id) REFERENCES pipeline (id, partition_id) ON UPDATE CASCADE ON DELETE CASCADE
) PARTITION BY LIST (partition_id);
CREATE TABLE partitions_static.build_100 PARTITION OF build FOR VALUES IN (100) WITH (fillfactor = 90, toast.autovacuum_vacuum_threshold = 1000);
CREATE TABLE partitions_static.build_rest PARTITION OF build DEFAULT;
CREATE INDEX build_options ON build USING gin (options jsonb_path_ops);
ALTER TABLE partitions_static.build_100 ALTER COLUMN trace SET STORAGE EXTERNAL, ALTER COLUMN stage SET STATISTICS 1000;

CREATE TABLE merge_request_diff_commit (
    merge_request_id bigint NOT NULL REFERENCES merge_request ON DELETE CASCADE,
    relative_order int NOT NULL,
    sha bytea NOT NULL,
    authored_at timestamptz,
    PRIMARY KEY (merge_request_id, relative_order)
) PARTITION BY HASH (merge_request_id);
CREATE TABLE partitions_static.commit_00 PARTITION OF merge_request_diff_commit FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE partitions_static.commit_01 PARTITION OF merge_request_diff_commit FOR VALUES WITH (MODULUS 2, REMAINDER 1);

CREATE TABLE loose.deleted_record (
    id bigint GENERATED ALWAYS AS IDENTITY,
    partition bigint NOT NULL DEFAULT 1,
    fully_qualified_table_name text NOT NULL,
    primary_key_value bigint NOT NULL,
    status smallint NOT NULL DEFAULT 1,
    PRIMARY KEY (partition, id)
);
CREATE FUNCTION loose.insert_into_deleted_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO loose.deleted_record (fully_qualified_table_name, primary_key_value)
    SELECT TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, old_table.id FROM old_table; -- all at once; cheaper than by row
    RETURN NULL;
END $$;
CREATE FUNCTION loose.note_renames() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    PERFORM 1 FROM was JOIN is_now USING (id) WHERE was.path <> is_now.path;
    IF FOUND THEN RAISE DEBUG $$renamed; "old" paths don't redirect$$; END IF;
    RETURN NULL;
END $fn$;
CREATE FUNCTION set_traversal_ids() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN NEW.traversal_ids := public.next_traversal_ids(NEW.parent_id, NEW.id); RETURN NEW; END';
CREATE FUNCTION assign_iid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.iid IS NULL THEN SELECT coalesce(max(iid), 0) + 1 INTO NEW.iid FROM public.merge_request WHERE target_project_id = NEW.target_project_id; END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION loose.insert_into_deleted_records() IS 'A worker reads them and cleans the other database';

CREATE TRIGGER project_loose_fk AFTER DELETE ON project REFERENCING OLD TABLE AS old_table FOR EACH STATEMENT EXECUTE FUNCTION loose.insert_into_deleted_records();
CREATE TRIGGER pipeline_loose_fk AFTER DELETE ON pipeline REFERENCING OLD TABLE AS old_table FOR EACH STATEMENT EXECUTE FUNCTION loose.insert_into_deleted_records();
CREATE TRIGGER project_renames AFTER UPDATE ON project REFERENCING OLD TABLE AS was NEW TABLE AS is_now FOR EACH STATEMENT EXECUTE FUNCTION loose.note_renames();
CREATE TRIGGER namespace_traversal BEFORE INSERT OR UPDATE OF parent_id, id ON namespace FOR EACH ROW EXECUTE FUNCTION set_traversal_ids();
CREATE TRIGGER merge_request_iid BEFORE INSERT ON merge_request FOR EACH ROW WHEN (NEW.iid IS NULL OR NEW.iid <= 0) EXECUTE FUNCTION assign_iid();
CREATE TRIGGER build_refuses_sync BEFORE UPDATE OF stage ON build FOR EACH ROW WHEN (OLD.stage IS DISTINCT FROM NEW.stage) EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TRIGGER project_before BEFORE TRUNCATE ON project FOR EACH STATEMENT EXECUTE FUNCTION loose.note_renames('truncated', 'it''s gone; "all"');
ALTER TABLE namespace DISABLE TRIGGER namespace_traversal;
ALTER TABLE project ENABLE REPLICA TRIGGER project_loose_fk;
ALTER TABLE partitions_static.build_rest DISABLE TRIGGER build_refuses_sync;
COMMENT ON TRIGGER project_loose_fk ON project IS 'Loose foreign key of ci_pipelines.project_id';

CREATE VIEW reporting.pipeline_health AS SELECT project_id, state, count(*) AS n, max(created_at) AS last FROM public.pipeline GROUP BY project_id, state;
CREATE VIEW loose.sick_project AS SELECT h.project_id, p.path, h.n FROM reporting.pipeline_health h JOIN project p ON p.id = h.project_id WHERE h.state = 'can''t run';
CREATE VIEW reporting."Sick, by Namespace" AS
    SELECT n.path, sum(s.n) AS "Σ sick" FROM loose.sick_project s JOIN project p ON p.id = s.project_id JOIN namespace n ON n.id = p.namespace_id GROUP BY n.path;

INSERT INTO pipeline (partition_id, project_id, state, ref) SELECT 100 + i % 3, 1 + i % 12, (enum_range(NULL::pipeline_state))[1 + i % 5], 'refs/heads/' || i FROM generate_series(1, 30) i;
INSERT INTO build SELECT i, p.partition_id, p.id, (ARRAY['test', 'deploy; now'])[1 + i % 2], repeat('trace ', i) FROM generate_series(1, 30) i JOIN pipeline p ON p.id = i;
INSERT INTO merge_request_diff_commit SELECT 1 + i % 24, i, decode(md5(i::text), 'hex'), 'infinity' FROM generate_series(1, 40) i;
UPDATE merge_request SET head_pipeline_id = id WHERE id % 4 <> 0 AND source_project_id <> 404 AND title !~~ 'Draft: p-1%';
INSERT INTO loose.deleted_record (fully_qualified_table_name, primary_key_value, status) SELECT 'public.project', 900 + i, 1 + i % 2 FROM generate_series(1, 6) i;
UPDATE namespace SET traversal_ids = next_traversal_ids(parent_id, id);
