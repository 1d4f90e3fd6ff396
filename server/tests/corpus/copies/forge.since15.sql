-- What PostgreSQL 15 and later add to the forge; for a database with forge.sql in it.

CREATE TABLE deployment (
    partition_id smallint NOT NULL,
    pipeline_id bigint,
    environment text COMPRESSION pglz NOT NULL,
    finished boolean DEFAULT false,
    UNIQUE NULLS NOT DISTINCT (partition_id, pipeline_id, environment)
) PARTITION BY RANGE (partition_id, environment);
CREATE TABLE partitions_dynamic.deployment_low PARTITION OF deployment FOR VALUES FROM (MINVALUE, MINVALUE) TO (101, 'm');
CREATE TABLE partitions_dynamic.deployment_high PARTITION OF deployment FOR VALUES FROM (101, 'm') TO (MAXVALUE, MAXVALUE);
ALTER TABLE deployment ADD CONSTRAINT fk_deployment FOREIGN KEY (pipeline_id, partition_id) REFERENCES pipeline (id, partition_id) ON DELETE SET NULL (pipeline_id);

CREATE FUNCTION reporting.health_of(project bigint) RETURNS TABLE (state pipeline_state, n bigint) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT h.state, h.n FROM reporting.pipeline_health h WHERE h.project_id = project;
END;
CREATE FUNCTION deployment_finished() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE OR REPLACE TRIGGER deployment_finished AFTER UPDATE OF finished ON deployment FOR EACH ROW EXECUTE FUNCTION deployment_finished();
ALTER TABLE deployment ENABLE ALWAYS TRIGGER deployment_finished;
ALTER TABLE partitions_dynamic.deployment_low DISABLE TRIGGER deployment_finished;

INSERT INTO deployment SELECT p.partition_id, nullif(p.id, 4), CASE WHEN p.id % 2 = 0 THEN 'staging' ELSE 'live; eu' END FROM pipeline p WHERE p.id <= 20;
