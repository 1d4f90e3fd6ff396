--
-- PostgreSQL database dump
--


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

--
-- Name: typeorm; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA typeorm;


--
-- Name: comments_status_enum; Type: TYPE; Schema: typeorm; Owner: -
--

CREATE TYPE typeorm.comments_status_enum AS ENUM (
    'pending',
    'approved',
    'spam'
);


--
-- Name: users_role_enum; Type: TYPE; Schema: typeorm; Owner: -
--

CREATE TYPE typeorm.users_role_enum AS ENUM (
    'admin',
    'editor',
    'reader'
);


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: comments; Type: TABLE; Schema: typeorm; Owner: -
--

CREATE TABLE typeorm.comments (
    id integer NOT NULL,
    "postId" integer NOT NULL,
    "authorId" integer NOT NULL,
    "parentId" integer,
    body text NOT NULL,
    status typeorm.comments_status_enum DEFAULT 'pending'::typeorm.comments_status_enum NOT NULL,
    "createdAt" timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: comments_id_seq; Type: SEQUENCE; Schema: typeorm; Owner: -
--

CREATE SEQUENCE typeorm.comments_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: comments_id_seq; Type: SEQUENCE OWNED BY; Schema: typeorm; Owner: -
--

ALTER SEQUENCE typeorm.comments_id_seq OWNED BY typeorm.comments.id;


--
-- Name: post_tags; Type: TABLE; Schema: typeorm; Owner: -
--

CREATE TABLE typeorm.post_tags (
    "postId" integer NOT NULL,
    "tagId" integer NOT NULL
);


--
-- Name: posts; Type: TABLE; Schema: typeorm; Owner: -
--

CREATE TABLE typeorm.posts (
    id integer NOT NULL,
    "authorId" integer NOT NULL,
    title character varying NOT NULL,
    slug character varying NOT NULL,
    body text DEFAULT ''::text NOT NULL,
    published boolean DEFAULT false NOT NULL,
    views integer DEFAULT 0 NOT NULL,
    rating numeric(4,2),
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb NOT NULL,
    "publishedAt" timestamp with time zone,
    "createdAt" timestamp with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: posts_id_seq; Type: SEQUENCE; Schema: typeorm; Owner: -
--

CREATE SEQUENCE typeorm.posts_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: posts_id_seq; Type: SEQUENCE OWNED BY; Schema: typeorm; Owner: -
--

ALTER SEQUENCE typeorm.posts_id_seq OWNED BY typeorm.posts.id;


--
-- Name: tags; Type: TABLE; Schema: typeorm; Owner: -
--

CREATE TABLE typeorm.tags (
    id integer NOT NULL,
    name character varying NOT NULL
);


--
-- Name: tags_id_seq; Type: SEQUENCE; Schema: typeorm; Owner: -
--

CREATE SEQUENCE typeorm.tags_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: tags_id_seq; Type: SEQUENCE OWNED BY; Schema: typeorm; Owner: -
--

ALTER SEQUENCE typeorm.tags_id_seq OWNED BY typeorm.tags.id;


--
-- Name: users; Type: TABLE; Schema: typeorm; Owner: -
--

CREATE TABLE typeorm.users (
    id integer NOT NULL,
    "publicId" uuid DEFAULT gen_random_uuid() NOT NULL,
    email character varying NOT NULL,
    name character varying NOT NULL,
    role typeorm.users_role_enum DEFAULT 'reader'::typeorm.users_role_enum NOT NULL,
    bio text,
    score numeric(10,2) DEFAULT '0'::numeric NOT NULL,
    interests text[] DEFAULT '{}'::text[] NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    "managerId" integer,
    active boolean DEFAULT true NOT NULL,
    "createdAt" timestamp with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp with time zone DEFAULT now() NOT NULL,
    "deletedAt" timestamp with time zone
);


--
-- Name: users_id_seq; Type: SEQUENCE; Schema: typeorm; Owner: -
--

CREATE SEQUENCE typeorm.users_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: users_id_seq; Type: SEQUENCE OWNED BY; Schema: typeorm; Owner: -
--

ALTER SEQUENCE typeorm.users_id_seq OWNED BY typeorm.users.id;


--
-- Name: comments id; Type: DEFAULT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.comments ALTER COLUMN id SET DEFAULT nextval('typeorm.comments_id_seq'::regclass);


--
-- Name: posts id; Type: DEFAULT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.posts ALTER COLUMN id SET DEFAULT nextval('typeorm.posts_id_seq'::regclass);


--
-- Name: tags id; Type: DEFAULT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.tags ALTER COLUMN id SET DEFAULT nextval('typeorm.tags_id_seq'::regclass);


--
-- Name: users id; Type: DEFAULT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.users ALTER COLUMN id SET DEFAULT nextval('typeorm.users_id_seq'::regclass);


--
-- Name: posts PK_2829ac61eff60fcec60d7274b9e; Type: CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.posts
    ADD CONSTRAINT "PK_2829ac61eff60fcec60d7274b9e" PRIMARY KEY (id);


--
-- Name: comments PK_8bf68bc960f2b69e818bdb90dcb; Type: CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.comments
    ADD CONSTRAINT "PK_8bf68bc960f2b69e818bdb90dcb" PRIMARY KEY (id);


--
-- Name: users PK_a3ffb1c0c8416b9fc6f907b7433; Type: CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.users
    ADD CONSTRAINT "PK_a3ffb1c0c8416b9fc6f907b7433" PRIMARY KEY (id);


--
-- Name: post_tags PK_ba869415ada9d211d8af980499f; Type: CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.post_tags
    ADD CONSTRAINT "PK_ba869415ada9d211d8af980499f" PRIMARY KEY ("postId", "tagId");


--
-- Name: tags PK_e7dc17249a1148a1970748eda99; Type: CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.tags
    ADD CONSTRAINT "PK_e7dc17249a1148a1970748eda99" PRIMARY KEY (id);


--
-- Name: posts UQ_54ddf9075260407dcfdd7248577; Type: CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.posts
    ADD CONSTRAINT "UQ_54ddf9075260407dcfdd7248577" UNIQUE (slug);


--
-- Name: users UQ_97672ac88f789774dd47f7c8be3; Type: CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.users
    ADD CONSTRAINT "UQ_97672ac88f789774dd47f7c8be3" UNIQUE (email);


--
-- Name: tags UQ_d90243459a697eadb8ad56e9092; Type: CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.tags
    ADD CONSTRAINT "UQ_d90243459a697eadb8ad56e9092" UNIQUE (name);


--
-- Name: IDX_76e701b89d9bba541e1543adfa; Type: INDEX; Schema: typeorm; Owner: -
--

CREATE INDEX "IDX_76e701b89d9bba541e1543adfa" ON typeorm.post_tags USING btree ("postId");


--
-- Name: IDX_86fabcae8483f7cc4fbd36cf6a; Type: INDEX; Schema: typeorm; Owner: -
--

CREATE INDEX "IDX_86fabcae8483f7cc4fbd36cf6a" ON typeorm.post_tags USING btree ("tagId");


--
-- Name: comments FK_4548cc4a409b8651ec75f70e280; Type: FK CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.comments
    ADD CONSTRAINT "FK_4548cc4a409b8651ec75f70e280" FOREIGN KEY ("authorId") REFERENCES typeorm.users(id);


--
-- Name: post_tags FK_76e701b89d9bba541e1543adfac; Type: FK CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.post_tags
    ADD CONSTRAINT "FK_76e701b89d9bba541e1543adfac" FOREIGN KEY ("postId") REFERENCES typeorm.posts(id) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: post_tags FK_86fabcae8483f7cc4fbd36cf6a2; Type: FK CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.post_tags
    ADD CONSTRAINT "FK_86fabcae8483f7cc4fbd36cf6a2" FOREIGN KEY ("tagId") REFERENCES typeorm.tags(id) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: users FK_874662e039ab7d31a71450eb501; Type: FK CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.users
    ADD CONSTRAINT "FK_874662e039ab7d31a71450eb501" FOREIGN KEY ("managerId") REFERENCES typeorm.users(id);


--
-- Name: comments FK_8770bd9030a3d13c5f79a7d2e81; Type: FK CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.comments
    ADD CONSTRAINT "FK_8770bd9030a3d13c5f79a7d2e81" FOREIGN KEY ("parentId") REFERENCES typeorm.comments(id);


--
-- Name: posts FK_c5a322ad12a7bf95460c958e80e; Type: FK CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.posts
    ADD CONSTRAINT "FK_c5a322ad12a7bf95460c958e80e" FOREIGN KEY ("authorId") REFERENCES typeorm.users(id);


--
-- Name: comments FK_e44ddaaa6d058cb4092f83ad61f; Type: FK CONSTRAINT; Schema: typeorm; Owner: -
--

ALTER TABLE ONLY typeorm.comments
    ADD CONSTRAINT "FK_e44ddaaa6d058cb4092f83ad61f" FOREIGN KEY ("postId") REFERENCES typeorm.posts(id) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--


