-- What PostgreSQL 15 and later add to the planner; for a database with erp.sql in it.

CREATE TABLE translation_term (
    language text NOT NULL,
    source text COMPRESSION pglz NOT NULL,
    value text,
    record_id int,
    UNIQUE NULLS NOT DISTINCT (language, record_id) INCLUDE (source)
);
CREATE UNIQUE INDEX translation_folded ON translation_term (fold(source), record_id) NULLS NOT DISTINCT WHERE value IS NOT NULL;
ALTER TABLE journal_item ADD COLUMN order_id bigint, ADD COLUMN order_sequence smallint;
ALTER TABLE order_line ADD CONSTRAINT order_line_pair UNIQUE (order_id, sequence);
ALTER TABLE journal_item ADD CONSTRAINT item_of_line FOREIGN KEY (order_id, order_sequence) REFERENCES order_line (order_id, sequence) ON DELETE SET DEFAULT (order_sequence);

CREATE FUNCTION label(p product, language text DEFAULT 'en_US') RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN p.default_code IS NULL THEN '' ELSE '[' || p.default_code || '] ' END || coalesce(p.name ->> language, p.name ->> 'en_US');
END;
CREATE FUNCTION fold_twice(word text) RETURNS text LANGUAGE sql IMMUTABLE RETURN fold(fold(word));
CREATE INDEX partner_fold_twice ON partner (fold_twice(email::text));
CREATE VIEW report.catalogue WITH (security_invoker = on) AS SELECT p.id, label(p.*) AS label, label(p.*, 'fr_FR') AS étiquette FROM product p;
CREATE VIEW writable_order WITH (security_invoker, check_option = cascaded) AS SELECT * FROM open_order WHERE partner_id > 0;

INSERT INTO translation_term SELECT (ARRAY['fr_FR', 'de_CH'])[1 + i % 2], 'Term; ' || i, nullif('l''été ' || i, 'l''été 3'), nullif(i, 6) FROM generate_series(1, 10) i;
UPDATE journal_item SET order_id = l.order_id, order_sequence = l.sequence FROM order_line l WHERE l.sequence = journal_item.id;
