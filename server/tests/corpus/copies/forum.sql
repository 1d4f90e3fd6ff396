-- A forum in miniature, in the style of Discourse: categories, topics, posts, likes, badges.
-- For an empty database of PostgreSQL 13 or later.

CREATE SCHEMA guards;
COMMENT ON SCHEMA guards IS 'Functions that keep retired columns from being written';

CREATE FUNCTION guards.refuse_retired() RETURNS trigger LANGUAGE plpgsql AS $guard$
BEGIN
    -- Retired; the next release drops it -- don't "revive" it.
    RAISE EXCEPTION 'column "%" of % is retired; don''t write it', TG_ARGV[0], TG_TABLE_NAME;
END
$guard$;

-- Words that a search should find, without markup; the body has each quote that there is.
CREATE FUNCTION cooked(raw text, keep_breaks boolean DEFAULT false) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $_$
    SELECT CASE WHEN keep_breaks THEN s ELSE regexp_replace(s, E'[\\n\\r]+', ' ', 'g') END
    FROM (SELECT regexp_replace(raw, '<[^>]*>|[*_`]', '', 'g')) AS stripped(s); -- 'done'; "really"
$_$;
COMMENT ON FUNCTION cooked(text, boolean) IS 'Raw text without markup; $$, '' and ; may be in it';

CREATE TABLE member (
    id serial PRIMARY KEY,
    username varchar(60) NOT NULL,
    legacy_signature text,
    username_lower varchar(60) GENERATED ALWAYS AS (lower(username)) STORED,
    email text NOT NULL CONSTRAINT member_email_has_at CHECK (position('@' IN email) > 1),
    trust_level smallint NOT NULL DEFAULT 0 CHECK (trust_level BETWEEN 0 AND 4),
    suspended_till timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_enabled = false);
COMMENT ON TABLE member IS 'People who may read and write here';
COMMENT ON COLUMN member.trust_level IS '0 = new, 4 = leader';
COMMENT ON CONSTRAINT member_email_has_at ON member IS 'Enough of a check: the mail server knows better';
CREATE UNIQUE INDEX member_username_lower ON member (username_lower);
CREATE UNIQUE INDEX member_email_ci ON member (lower(email)) INCLUDE (username) WITH (fillfactor = 70);
CREATE INDEX member_username_prefix ON member (username_lower varchar_pattern_ops);
ALTER TABLE member DROP COLUMN legacy_signature;

CREATE TABLE category (
    id serial PRIMARY KEY,
    parent_id int CONSTRAINT category_parent REFERENCES category ON DELETE SET NULL,
    name varchar(50) NOT NULL,
    color char(6) NOT NULL DEFAULT '0088cc' CHECK (color ~ '^[0-9a-f]{6}$'),
    "position" int,
    CONSTRAINT category_position UNIQUE ("position") DEFERRABLE INITIALLY DEFERRED,
    CHECK (parent_id <> id)
);

CREATE TABLE topic (
    id bigserial PRIMARY KEY,
    title text NOT NULL,
    category_id int REFERENCES category ON UPDATE CASCADE ON DELETE SET NULL,
    member_id int NOT NULL DEFAULT -1,
    views int NOT NULL DEFAULT 0,
    closed boolean NOT NULL DEFAULT false,
    pinned_until timestamptz DEFAULT '-infinity',
    bumped_at timestamptz NOT NULL DEFAULT now(),
    tags text[] NOT NULL DEFAULT '{}'::text[],
    UNIQUE (id, category_id)
);
CREATE INDEX topic_hot ON topic (bumped_at DESC NULLS LAST, id) WHERE NOT closed;
CREATE INDEX topic_tags ON topic USING gin (tags) WITH (fastupdate = off);
CREATE INDEX topic_by_category ON topic (category_id, views DESC);
ALTER TABLE topic CLUSTER ON topic_by_category;
COMMENT ON INDEX topic_hot IS 'The front page';
ALTER TABLE topic ALTER COLUMN title SET STATISTICS 500;
ALTER TABLE topic ALTER COLUMN member_id SET (n_distinct = -0.2);

CREATE TABLE post (
    topic_id bigint NOT NULL REFERENCES topic ON DELETE CASCADE,
    post_number int NOT NULL CHECK (post_number > 0),
    reply_to_number int,
    member_id int NOT NULL REFERENCES member,
    raw text NOT NULL,
    plain text GENERATED ALWAYS AS (cooked(raw)) STORED,
    word_count int,
    deleted_at timestamptz,
    PRIMARY KEY (topic_id, post_number),
    CONSTRAINT post_answers FOREIGN KEY (topic_id, reply_to_number) REFERENCES post (topic_id, post_number)
        DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE post ALTER COLUMN raw SET STORAGE EXTERNAL, ALTER COLUMN plain SET STORAGE MAIN;
CREATE INDEX post_search ON post USING gin (to_tsvector('english', plain));
CREATE INDEX post_alive ON post (member_id, topic_id) INCLUDE (word_count) WHERE deleted_at IS NULL;
CREATE INDEX post_long ON post (length(raw), (word_count * 2)) WHERE length(raw) > 20;
ALTER INDEX post_long ALTER COLUMN 1 SET STATISTICS 200;

CREATE TABLE "like" (
    topic_id bigint NOT NULL,
    post_number int NOT NULL,
    member_id int NOT NULL REFERENCES member ON DELETE CASCADE,
    given_at date NOT NULL DEFAULT CURRENT_DATE,
    CONSTRAINT like_once UNIQUE (topic_id, post_number, member_id),
    FOREIGN KEY (topic_id, post_number) REFERENCES post ON DELETE CASCADE
);
ALTER TABLE "like" REPLICA IDENTITY USING INDEX like_once;

CREATE SEQUENCE badge_hue AS smallint MINVALUE 0 MAXVALUE 330 INCREMENT BY 30 START 120 CYCLE;
CREATE TABLE badge (
    id smallserial PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    hue smallint NOT NULL DEFAULT nextval('badge_hue'),
    sql_query text
);
COMMENT ON SEQUENCE badge_hue IS 'Goes round the colour wheel';
CREATE TABLE badge_grant (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY 10 MAXVALUE 999990) PRIMARY KEY,
    badge_id smallint NOT NULL REFERENCES badge,
    member_id int NOT NULL REFERENCES member,
    reason text DEFAULT 'it''s earned; "thanks" -- staff'
);

CREATE TABLE "Staff ""Notes"" v1.5 Übersicht" (
    "Note No" serial CONSTRAINT "Notes.PK" PRIMARY KEY,
    "über wen?" int REFERENCES member,
    "said ""what""" text NOT NULL,
    "weight.kg" numeric(6, 2) DEFAULT 'NaN',
    "日付" date CHECK ("日付" > '2000-01-01')
);
CREATE INDEX "Notes by; weight" ON "Staff ""Notes"" v1.5 Übersicht" ("weight.kg" DESC, "über wen?");
COMMENT ON COLUMN "Staff ""Notes"" v1.5 Übersicht"."said ""what""" IS E'Word for word:\n''as heard''';

CREATE TABLE schema_placeholder ();
CREATE TABLE retired_setting (value text);
ALTER TABLE retired_setting DROP COLUMN value;

CREATE VIEW topic_listing AS SELECT t.id, t.title, t.category_id, t.closed, c.name AS category FROM topic t LEFT JOIN category c ON c.id = t.category_id;
CREATE VIEW open_listing AS SELECT id, title, upper(category) AS "CATEGORY" FROM topic_listing WHERE NOT closed;
CREATE VIEW trusted_member AS SELECT id, username, email, trust_level FROM member WHERE trust_level >= 2 WITH CASCADED CHECK OPTION;
CREATE RECURSIVE VIEW category_path (id, path, depth) AS
    SELECT id, name::text, 0 FROM category WHERE parent_id IS NULL
    UNION ALL
    SELECT c.id, p.path || ' / ' || c.name, p.depth + 1 FROM category c JOIN category_path p ON p.id = c.parent_id;
COMMENT ON VIEW category_path IS 'Breadcrumbs';
CREATE VIEW "Staff: Loudest" AS SELECT "über wen?" AS "Wer", count(*) AS "How Many" FROM "Staff ""Notes"" v1.5 Übersicht" GROUP BY 1 HAVING count(*) > 0;

CREATE FUNCTION count_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.word_count := coalesce(array_length(regexp_split_to_array(trim(NEW.raw), '\s+'), 1), 0);
    RETURN NEW;
END $$;
CREATE FUNCTION bump_topic() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE topic SET bumped_at = greatest(bumped_at, TIMESTAMPTZ '2024-05-01 12:00+00') WHERE id = NEW.topic_id;
    RETURN NULL;
END $$;
CREATE FUNCTION posts_of(who int, most int DEFAULT 20) RETURNS SETOF post LANGUAGE sql STABLE ROWS 20 AS
    'SELECT * FROM public.post WHERE member_id = who AND deleted_at IS NULL ORDER BY topic_id, post_number LIMIT most; -- newest last';
CREATE FUNCTION "Wer war's?"("Der Name" text) RETURNS TABLE ("Member Id" int, "how often" bigint) LANGUAGE sql STABLE AS $$
    SELECT m.id, count(*) FROM public.member m JOIN public.post p ON p.member_id = m.id WHERE m.username = "Der Name" GROUP BY m.id $$;

CREATE TRIGGER post_count_words BEFORE INSERT OR UPDATE OF raw ON post FOR EACH ROW EXECUTE FUNCTION count_words();
CREATE TRIGGER post_bumps_topic AFTER INSERT ON post FOR EACH ROW WHEN (NEW.deleted_at IS NULL) EXECUTE FUNCTION bump_topic();
CREATE TRIGGER "Views; are retired" BEFORE INSERT OR UPDATE OF views ON topic FOR EACH ROW WHEN (NEW.views < 0) EXECUTE FUNCTION guards.refuse_retired('views');
COMMENT ON TRIGGER post_bumps_topic ON post IS 'Not for whispers';

INSERT INTO member (username, email, trust_level, suspended_till)
    SELECT (ARRAY['Ada','grace','Edsger','Barbara','Łukasz','O''Neil'])[i], 'm' || i || '@example.org', i % 5, CASE WHEN i = 4 THEN 'infinity'::timestamptz END FROM generate_series(1, 6) i;
INSERT INTO category (parent_id, name, color, "position") VALUES (NULL, 'Lounge', DEFAULT, 1), (1, 'Coffee', '6f4e37', 2), (1, 'Tea', 'c0ffee', 3), (NULL, 'Support', DEFAULT, NULL), (4, 'Bugs; and "features"', 'bf1e2e', 5);
INSERT INTO topic (title, category_id, member_id, closed, tags)
    SELECT 'Topic no. ' || i, 1 + i % 5, 1 + i % 6, i % 4 = 0, ARRAY['t' || i % 3, 'a "quoted", tag'] FROM generate_series(1, 12) i;
INSERT INTO post (topic_id, post_number, reply_to_number, member_id, raw)
    SELECT 1 + i % 12, 1 + i / 12, nullif(i / 12, 0), 1 + i % 6, E'*Well*,\tsaid <b>no. ' || i || E'</b>\\ that\'s\n`it`; -- ' FROM generate_series(0, 35) i;
INSERT INTO "like" (topic_id, post_number, member_id) SELECT t, 1, m FROM generate_series(1, 6) t, generate_series(1, 3) m;
INSERT INTO badge (name, sql_query) SELECT b, 'SELECT id FROM member -- ' || b FROM unnest(ARRAY['Welcome', 'Editor', 'anniversary', 'Ärgernis', 'Regular']) b;
INSERT INTO badge_grant (badge_id, member_id) SELECT 1 + i % 5, 1 + i % 6 FROM generate_series(1, 9) i;
INSERT INTO "Staff ""Notes"" v1.5 Übersicht" ("über wen?", "said ""what""", "weight.kg", "日付")
    SELECT 1 + i % 6, E'line 1\r\nline 2\t\\N', nullif(i, 3) * 1.5, DATE '2024-02-27' + i FROM generate_series(1, 5) i;
INSERT INTO schema_placeholder SELECT FROM generate_series(1, 5);
INSERT INTO retired_setting SELECT FROM generate_series(1, 5);
