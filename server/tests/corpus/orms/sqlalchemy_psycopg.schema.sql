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
-- Name: sqlalchemy_psycopg; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA sqlalchemy_psycopg;


--
-- Name: comment_status; Type: TYPE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE TYPE sqlalchemy_psycopg.comment_status AS ENUM (
    'pending',
    'approved',
    'spam'
);


--
-- Name: user_role; Type: TYPE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE TYPE sqlalchemy_psycopg.user_role AS ENUM (
    'admin',
    'editor',
    'reader'
);


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: comments; Type: TABLE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE TABLE sqlalchemy_psycopg.comments (
    id bigint NOT NULL,
    post_id bigint NOT NULL,
    author_id bigint NOT NULL,
    parent_id bigint,
    body text NOT NULL,
    status sqlalchemy_psycopg.comment_status NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: comments_id_seq; Type: SEQUENCE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE SEQUENCE sqlalchemy_psycopg.comments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: comments_id_seq; Type: SEQUENCE OWNED BY; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER SEQUENCE sqlalchemy_psycopg.comments_id_seq OWNED BY sqlalchemy_psycopg.comments.id;


--
-- Name: post_tags; Type: TABLE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE TABLE sqlalchemy_psycopg.post_tags (
    post_id bigint NOT NULL,
    tag_id bigint NOT NULL
);


--
-- Name: posts; Type: TABLE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE TABLE sqlalchemy_psycopg.posts (
    id bigint NOT NULL,
    author_id bigint NOT NULL,
    title character varying(200) NOT NULL,
    slug character varying(200) NOT NULL,
    body text NOT NULL,
    published boolean NOT NULL,
    views integer NOT NULL,
    rating numeric(4,2),
    labels text[] NOT NULL,
    meta jsonb NOT NULL,
    published_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: posts_id_seq; Type: SEQUENCE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE SEQUENCE sqlalchemy_psycopg.posts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: posts_id_seq; Type: SEQUENCE OWNED BY; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER SEQUENCE sqlalchemy_psycopg.posts_id_seq OWNED BY sqlalchemy_psycopg.posts.id;


--
-- Name: tags; Type: TABLE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE TABLE sqlalchemy_psycopg.tags (
    id bigint NOT NULL,
    name character varying(60) NOT NULL
);


--
-- Name: tags_id_seq; Type: SEQUENCE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE SEQUENCE sqlalchemy_psycopg.tags_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: tags_id_seq; Type: SEQUENCE OWNED BY; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER SEQUENCE sqlalchemy_psycopg.tags_id_seq OWNED BY sqlalchemy_psycopg.tags.id;


--
-- Name: users; Type: TABLE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE TABLE sqlalchemy_psycopg.users (
    id bigint NOT NULL,
    public_id uuid NOT NULL,
    email character varying(255) NOT NULL,
    name character varying NOT NULL,
    role sqlalchemy_psycopg.user_role NOT NULL,
    bio text,
    score numeric(10,2) NOT NULL,
    interests text[] NOT NULL,
    settings jsonb NOT NULL,
    manager_id bigint,
    active boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone
);


--
-- Name: users_id_seq; Type: SEQUENCE; Schema: sqlalchemy_psycopg; Owner: -
--

CREATE SEQUENCE sqlalchemy_psycopg.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: users_id_seq; Type: SEQUENCE OWNED BY; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER SEQUENCE sqlalchemy_psycopg.users_id_seq OWNED BY sqlalchemy_psycopg.users.id;


--
-- Name: comments id; Type: DEFAULT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.comments ALTER COLUMN id SET DEFAULT nextval('sqlalchemy_psycopg.comments_id_seq'::regclass);


--
-- Name: posts id; Type: DEFAULT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.posts ALTER COLUMN id SET DEFAULT nextval('sqlalchemy_psycopg.posts_id_seq'::regclass);


--
-- Name: tags id; Type: DEFAULT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.tags ALTER COLUMN id SET DEFAULT nextval('sqlalchemy_psycopg.tags_id_seq'::regclass);


--
-- Name: users id; Type: DEFAULT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.users ALTER COLUMN id SET DEFAULT nextval('sqlalchemy_psycopg.users_id_seq'::regclass);


--
-- Name: comments comments_pkey; Type: CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.comments
    ADD CONSTRAINT comments_pkey PRIMARY KEY (id);


--
-- Name: post_tags post_tags_pkey; Type: CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.post_tags
    ADD CONSTRAINT post_tags_pkey PRIMARY KEY (post_id, tag_id);


--
-- Name: posts posts_pkey; Type: CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.posts
    ADD CONSTRAINT posts_pkey PRIMARY KEY (id);


--
-- Name: posts posts_slug_key; Type: CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.posts
    ADD CONSTRAINT posts_slug_key UNIQUE (slug);


--
-- Name: tags tags_name_key; Type: CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.tags
    ADD CONSTRAINT tags_name_key UNIQUE (name);


--
-- Name: tags tags_pkey; Type: CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (id);


--
-- Name: users users_email_key; Type: CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.users
    ADD CONSTRAINT users_email_key UNIQUE (email);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: users users_public_id_key; Type: CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.users
    ADD CONSTRAINT users_public_id_key UNIQUE (public_id);


--
-- Name: comments comments_author_id_fkey; Type: FK CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.comments
    ADD CONSTRAINT comments_author_id_fkey FOREIGN KEY (author_id) REFERENCES sqlalchemy_psycopg.users(id);


--
-- Name: comments comments_parent_id_fkey; Type: FK CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.comments
    ADD CONSTRAINT comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES sqlalchemy_psycopg.comments(id);


--
-- Name: comments comments_post_id_fkey; Type: FK CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.comments
    ADD CONSTRAINT comments_post_id_fkey FOREIGN KEY (post_id) REFERENCES sqlalchemy_psycopg.posts(id) ON DELETE CASCADE;


--
-- Name: post_tags post_tags_post_id_fkey; Type: FK CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.post_tags
    ADD CONSTRAINT post_tags_post_id_fkey FOREIGN KEY (post_id) REFERENCES sqlalchemy_psycopg.posts(id) ON DELETE CASCADE;


--
-- Name: post_tags post_tags_tag_id_fkey; Type: FK CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.post_tags
    ADD CONSTRAINT post_tags_tag_id_fkey FOREIGN KEY (tag_id) REFERENCES sqlalchemy_psycopg.tags(id);


--
-- Name: posts posts_author_id_fkey; Type: FK CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.posts
    ADD CONSTRAINT posts_author_id_fkey FOREIGN KEY (author_id) REFERENCES sqlalchemy_psycopg.users(id);


--
-- Name: users users_manager_id_fkey; Type: FK CONSTRAINT; Schema: sqlalchemy_psycopg; Owner: -
--

ALTER TABLE ONLY sqlalchemy_psycopg.users
    ADD CONSTRAINT users_manager_id_fkey FOREIGN KEY (manager_id) REFERENCES sqlalchemy_psycopg.users(id);


--
-- PostgreSQL database dump complete
--


