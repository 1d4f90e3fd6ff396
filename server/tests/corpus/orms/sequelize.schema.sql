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
-- Name: sequelize; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA sequelize;


--
-- Name: enum_comments_status; Type: TYPE; Schema: sequelize; Owner: -
--

CREATE TYPE sequelize.enum_comments_status AS ENUM (
    'pending',
    'approved',
    'spam'
);


--
-- Name: enum_users_role; Type: TYPE; Schema: sequelize; Owner: -
--

CREATE TYPE sequelize.enum_users_role AS ENUM (
    'admin',
    'editor',
    'reader'
);


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: comments; Type: TABLE; Schema: sequelize; Owner: -
--

CREATE TABLE sequelize.comments (
    id integer NOT NULL,
    body text,
    status sequelize.enum_comments_status DEFAULT 'pending'::sequelize.enum_comments_status,
    "createdAt" timestamp with time zone NOT NULL,
    "postId" integer,
    "authorId" integer,
    "parentId" integer
);


--
-- Name: comments_id_seq; Type: SEQUENCE; Schema: sequelize; Owner: -
--

CREATE SEQUENCE sequelize.comments_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: comments_id_seq; Type: SEQUENCE OWNED BY; Schema: sequelize; Owner: -
--

ALTER SEQUENCE sequelize.comments_id_seq OWNED BY sequelize.comments.id;


--
-- Name: post_tags; Type: TABLE; Schema: sequelize; Owner: -
--

CREATE TABLE sequelize.post_tags (
    "postId" integer NOT NULL,
    "tagId" integer NOT NULL
);


--
-- Name: posts; Type: TABLE; Schema: sequelize; Owner: -
--

CREATE TABLE sequelize.posts (
    id integer NOT NULL,
    title character varying(255),
    slug character varying(255),
    body text DEFAULT ''::text,
    published boolean DEFAULT false,
    views integer DEFAULT 0,
    rating numeric(4,2),
    labels text[] DEFAULT ARRAY[]::text[],
    meta jsonb DEFAULT '{}'::jsonb,
    "publishedAt" timestamp with time zone,
    "createdAt" timestamp with time zone NOT NULL,
    "updatedAt" timestamp with time zone NOT NULL,
    "authorId" integer
);


--
-- Name: posts_id_seq; Type: SEQUENCE; Schema: sequelize; Owner: -
--

CREATE SEQUENCE sequelize.posts_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: posts_id_seq; Type: SEQUENCE OWNED BY; Schema: sequelize; Owner: -
--

ALTER SEQUENCE sequelize.posts_id_seq OWNED BY sequelize.posts.id;


--
-- Name: tags; Type: TABLE; Schema: sequelize; Owner: -
--

CREATE TABLE sequelize.tags (
    id integer NOT NULL,
    name character varying(255)
);


--
-- Name: tags_id_seq; Type: SEQUENCE; Schema: sequelize; Owner: -
--

CREATE SEQUENCE sequelize.tags_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: tags_id_seq; Type: SEQUENCE OWNED BY; Schema: sequelize; Owner: -
--

ALTER SEQUENCE sequelize.tags_id_seq OWNED BY sequelize.tags.id;


--
-- Name: users; Type: TABLE; Schema: sequelize; Owner: -
--

CREATE TABLE sequelize.users (
    id integer NOT NULL,
    "publicId" uuid,
    email character varying(255) NOT NULL,
    name character varying(255),
    role sequelize.enum_users_role DEFAULT 'reader'::sequelize.enum_users_role,
    bio text,
    score numeric(10,2) DEFAULT 0,
    interests text[] DEFAULT ARRAY[]::text[],
    settings jsonb DEFAULT '{}'::jsonb,
    active boolean DEFAULT true,
    "createdAt" timestamp with time zone NOT NULL,
    "updatedAt" timestamp with time zone NOT NULL,
    "deletedAt" timestamp with time zone,
    "managerId" integer
);


--
-- Name: users_id_seq; Type: SEQUENCE; Schema: sequelize; Owner: -
--

CREATE SEQUENCE sequelize.users_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: users_id_seq; Type: SEQUENCE OWNED BY; Schema: sequelize; Owner: -
--

ALTER SEQUENCE sequelize.users_id_seq OWNED BY sequelize.users.id;


--
-- Name: comments id; Type: DEFAULT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.comments ALTER COLUMN id SET DEFAULT nextval('sequelize.comments_id_seq'::regclass);


--
-- Name: posts id; Type: DEFAULT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.posts ALTER COLUMN id SET DEFAULT nextval('sequelize.posts_id_seq'::regclass);


--
-- Name: tags id; Type: DEFAULT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.tags ALTER COLUMN id SET DEFAULT nextval('sequelize.tags_id_seq'::regclass);


--
-- Name: users id; Type: DEFAULT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.users ALTER COLUMN id SET DEFAULT nextval('sequelize.users_id_seq'::regclass);


--
-- Name: comments comments_pkey; Type: CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.comments
    ADD CONSTRAINT comments_pkey PRIMARY KEY (id);


--
-- Name: post_tags post_tags_pkey; Type: CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.post_tags
    ADD CONSTRAINT post_tags_pkey PRIMARY KEY ("postId", "tagId");


--
-- Name: posts posts_pkey; Type: CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.posts
    ADD CONSTRAINT posts_pkey PRIMARY KEY (id);


--
-- Name: posts posts_slug_key; Type: CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.posts
    ADD CONSTRAINT posts_slug_key UNIQUE (slug);


--
-- Name: tags tags_name_key; Type: CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.tags
    ADD CONSTRAINT tags_name_key UNIQUE (name);


--
-- Name: tags tags_pkey; Type: CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (id);


--
-- Name: users users_email_key; Type: CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.users
    ADD CONSTRAINT users_email_key UNIQUE (email);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: comments comments_authorId_fkey; Type: FK CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.comments
    ADD CONSTRAINT "comments_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES sequelize.users(id) ON UPDATE CASCADE ON DELETE SET NULL;


--
-- Name: comments comments_parentId_fkey; Type: FK CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.comments
    ADD CONSTRAINT "comments_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES sequelize.comments(id) ON UPDATE CASCADE ON DELETE SET NULL;


--
-- Name: comments comments_postId_fkey; Type: FK CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.comments
    ADD CONSTRAINT "comments_postId_fkey" FOREIGN KEY ("postId") REFERENCES sequelize.posts(id) ON UPDATE CASCADE ON DELETE SET NULL;


--
-- Name: post_tags post_tags_postId_fkey; Type: FK CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.post_tags
    ADD CONSTRAINT "post_tags_postId_fkey" FOREIGN KEY ("postId") REFERENCES sequelize.posts(id) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: post_tags post_tags_tagId_fkey; Type: FK CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.post_tags
    ADD CONSTRAINT "post_tags_tagId_fkey" FOREIGN KEY ("tagId") REFERENCES sequelize.tags(id) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: posts posts_authorId_fkey; Type: FK CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.posts
    ADD CONSTRAINT "posts_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES sequelize.users(id) ON UPDATE CASCADE ON DELETE SET NULL;


--
-- Name: users users_managerId_fkey; Type: FK CONSTRAINT; Schema: sequelize; Owner: -
--

ALTER TABLE ONLY sequelize.users
    ADD CONSTRAINT "users_managerId_fkey" FOREIGN KEY ("managerId") REFERENCES sequelize.users(id) ON UPDATE CASCADE ON DELETE SET NULL;


--
-- PostgreSQL database dump complete
--


