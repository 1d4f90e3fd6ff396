--
-- PostgreSQL database dump
--

\restrict key

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA "s x";

COMMENT ON SCHEMA "s x" IS 'e';

CREATE COLLATION public.coll (provider = libc, locale = 'C');

CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA "s x";

COMMENT ON EXTENSION hstore IS 'data type for storing sets of (key, value) pairs';

CREATE TYPE public.ct AS (
	a integer,
	b text
);

CREATE DOMAIN public.dd AS integer
	CONSTRAINT pos CHECK ((VALUE > 0));

COMMENT ON CONSTRAINT pos ON DOMAIN public.dd IS 'c';

CREATE TYPE public.en AS ENUM (
    'a',
    'b'
);

COMMENT ON TYPE public.en IS 'c';

CREATE FUNCTION public.cc(public.en) RETURNS integer
    LANGUAGE sql
    AS $$select 1$$;

CREATE CAST (public.en AS integer) WITH FUNCTION public.cc(public.en);

CREATE FUNCTION public.f(x integer DEFAULT 3) RETURNS integer
    LANGUAGE plpgsql
    AS $$ begin return 1; end $$;

COMMENT ON FUNCTION public.f(x integer) IS 'g';

CREATE FUNCTION public.g(x integer) RETURNS integer
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (x > 1) THEN 1
             ELSE 2
         END AS "case";
END;

CREATE PROCEDURE public.pr()
    LANGUAGE sql
    AS $$select 1$$;

CREATE AGGREGATE public.ag(integer) (
    SFUNC = int4pl,
    STYPE = integer
);

CREATE OPERATOR public.=== (
    FUNCTION = int4eq,
    LEFTARG = integer,
    RIGHTARG = integer
);

CREATE OPERATOR FAMILY public.oc USING btree;

CREATE OPERATOR CLASS public.oc
    FOR TYPE integer USING btree FAMILY public.oc AS
    OPERATOR 1 <(integer,integer) ,
    OPERATOR 2 <=(integer,integer) ,
    OPERATOR 3 =(integer,integer) ,
    OPERATOR 4 >=(integer,integer) ,
    OPERATOR 5 >(integer,integer) ,
    FUNCTION 1 (integer, integer) btint4cmp(integer,integer);

CREATE TEXT SEARCH CONFIGURATION public.tc (
    PARSER = pg_catalog."default" );

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR asciiword WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR word WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR numword WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR email WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR url WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR host WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR sfloat WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR version WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR hword_numpart WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR hword_part WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR hword_asciipart WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR numhword WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR asciihword WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR hword WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR url_path WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR file WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR "float" WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR "int" WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.tc
    ADD MAPPING FOR uint WITH simple;

CREATE FOREIGN DATA WRAPPER fd;

CREATE SERVER sv FOREIGN DATA WRAPPER fd;

CREATE USER MAPPING FOR postgres SERVER sv;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public."Odd ""one"".x" (
    id integer
);

CREATE TABLE public.t (
    id integer NOT NULL,
    a integer DEFAULT 3 NOT NULL,
    b text DEFAULT 'x'::text NOT NULL COLLATE pg_catalog."C",
    g integer GENERATED ALWAYS AS ((a + 1)) STORED,
    e character varying(10),
    l integer[] DEFAULT ARRAY[1, 2],
    CONSTRAINT t_b_check CHECK ((b <> ''::text))
);
ALTER TABLE ONLY public.t ALTER COLUMN a SET STATISTICS 5;
ALTER TABLE ONLY public.t ALTER COLUMN b SET STORAGE MAIN;

ALTER TABLE ONLY public.t REPLICA IDENTITY FULL;

ALTER TABLE ONLY public.t FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN public.t.a IS 'x;y';

COMMENT ON CONSTRAINT t_b_check ON public.t IS 'f';

CREATE TABLE public.child (
    z integer
)
INHERITS (public.t);
ALTER TABLE ONLY public.child ALTER COLUMN b SET STORAGE MAIN;

CREATE TABLE public.ex (
    r int4range
);

CREATE FOREIGN TABLE public.ft (
    a integer
)
SERVER sv;

CREATE TABLE public.ids (
    id integer NOT NULL
);

ALTER TABLE public.ids ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.ids_id_seq
    START WITH 5
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE MATERIALIZED VIEW public.mv AS
 SELECT t.id,
    t.a,
    t.b,
    t.g,
    t.e
   FROM public.t
  WITH NO DATA;

CREATE TABLE public.part (
    a integer,
    b integer
)
PARTITION BY LIST (a);

CREATE TABLE public.part1 (
    b integer,
    a integer
);

CREATE SEQUENCE public.s
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE SEQUENCE public.t_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.t_id_seq OWNED BY public.t.id;

CREATE TABLE public.typed OF public.ct;

CREATE VIEW public.v AS
 SELECT t.id,
    t.a,
    t.b,
    t.g,
    t.e,
    t.l
   FROM public.t;

COMMENT ON VIEW public.v IS 'b';

ALTER TABLE ONLY public.part ATTACH PARTITION public.part1 FOR VALUES IN (1);

ALTER TABLE ONLY public.child ALTER COLUMN id SET DEFAULT nextval('public.t_id_seq'::regclass);

ALTER TABLE ONLY public.child ALTER COLUMN a SET DEFAULT 3;

ALTER TABLE ONLY public.child ALTER COLUMN b SET DEFAULT 'x'::text;

ALTER TABLE ONLY public.child ALTER COLUMN l SET DEFAULT ARRAY[1, 2];

ALTER TABLE ONLY public.t ALTER COLUMN id SET DEFAULT nextval('public.t_id_seq'::regclass);

ALTER TABLE public.t
    ADD CONSTRAINT chk CHECK ((a > 0)) NOT VALID;

ALTER TABLE ONLY public.ex
    ADD CONSTRAINT ex_r_excl EXCLUDE USING gist (r WITH &&);

ALTER TABLE ONLY public.t
    ADD CONSTRAINT t_pkey PRIMARY KEY (id);

ALTER TABLE public.t CLUSTER ON t_pkey;

CREATE INDEX ix ON public.t USING btree (((a + 1)));
ALTER INDEX public.ix ALTER COLUMN 1 SET STATISTICS 50;

COMMENT ON INDEX public.ix IS 'd';

CREATE UNIQUE INDEX part_a_idx ON ONLY public.part USING btree (a);

CREATE UNIQUE INDEX part1_a_idx ON public.part1 USING btree (a);

ALTER INDEX public.part_a_idx ATTACH PARTITION public.part1_a_idx;

CREATE STATISTICS public.st ON a, b FROM public.t;
ALTER STATISTICS public.st SET STATISTICS 10;

CREATE RULE r AS
    ON DELETE TO public.t DO INSTEAD ( SELECT 1 AS "?column?";
 SELECT 2 AS "?column?";
);
ALTER TABLE public.t ENABLE ALWAYS RULE r;

CREATE RULE r2 AS
    ON UPDATE TO public.v DO INSTEAD NOTHING;

CREATE CONSTRAINT TRIGGER ctr AFTER INSERT ON public.t DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();

CREATE TRIGGER tr BEFORE INSERT ON public.t FOR EACH ROW WHEN ((new.a > 1)) EXECUTE FUNCTION suppress_redundant_updates_trigger();

ALTER TABLE public.t DISABLE TRIGGER tr;

COMMENT ON TRIGGER tr ON public.t IS 'a';

ALTER TABLE ONLY public.part1
    ADD CONSTRAINT part1_b_fkey FOREIGN KEY (b) REFERENCES public.t(id) NOT VALID;

CREATE POLICY p ON public.t FOR SELECT USING ((a > 1));

COMMENT ON POLICY p ON public.t IS 'h';

ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.t
    ADD CONSTRAINT t_named NOT NULL e NOT VALID;

ALTER TABLE ONLY public.t
    ADD CONSTRAINT t_period FOREIGN KEY (id, PERIOD during) REFERENCES public.p(id, PERIOD during) NOT ENFORCED;

\unrestrict key

