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
-- Name: prisma_join; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA prisma_join;


--
-- Name: CommentStatus; Type: TYPE; Schema: prisma_join; Owner: -
--

CREATE TYPE prisma_join."CommentStatus" AS ENUM (
    'pending',
    'approved',
    'spam'
);


--
-- Name: Role; Type: TYPE; Schema: prisma_join; Owner: -
--

CREATE TYPE prisma_join."Role" AS ENUM (
    'admin',
    'editor',
    'reader'
);


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: Comment; Type: TABLE; Schema: prisma_join; Owner: -
--

CREATE TABLE prisma_join."Comment" (
    id integer NOT NULL,
    "postId" integer NOT NULL,
    "authorId" integer NOT NULL,
    "parentId" integer,
    body text NOT NULL,
    status prisma_join."CommentStatus" DEFAULT 'pending'::prisma_join."CommentStatus" NOT NULL,
    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);


--
-- Name: Comment_id_seq; Type: SEQUENCE; Schema: prisma_join; Owner: -
--

CREATE SEQUENCE prisma_join."Comment_id_seq"
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: Comment_id_seq; Type: SEQUENCE OWNED BY; Schema: prisma_join; Owner: -
--

ALTER SEQUENCE prisma_join."Comment_id_seq" OWNED BY prisma_join."Comment".id;


--
-- Name: Post; Type: TABLE; Schema: prisma_join; Owner: -
--

CREATE TABLE prisma_join."Post" (
    id integer NOT NULL,
    "authorId" integer NOT NULL,
    title text NOT NULL,
    slug text NOT NULL,
    body text DEFAULT ''::text NOT NULL,
    published boolean DEFAULT false NOT NULL,
    views integer DEFAULT 0 NOT NULL,
    rating numeric(4,2),
    labels text[] DEFAULT ARRAY[]::text[],
    meta jsonb DEFAULT '{}'::jsonb NOT NULL,
    "publishedAt" timestamp(3) without time zone,
    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp(3) without time zone NOT NULL
);


--
-- Name: Post_id_seq; Type: SEQUENCE; Schema: prisma_join; Owner: -
--

CREATE SEQUENCE prisma_join."Post_id_seq"
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: Post_id_seq; Type: SEQUENCE OWNED BY; Schema: prisma_join; Owner: -
--

ALTER SEQUENCE prisma_join."Post_id_seq" OWNED BY prisma_join."Post".id;


--
-- Name: Tag; Type: TABLE; Schema: prisma_join; Owner: -
--

CREATE TABLE prisma_join."Tag" (
    id integer NOT NULL,
    name text NOT NULL
);


--
-- Name: Tag_id_seq; Type: SEQUENCE; Schema: prisma_join; Owner: -
--

CREATE SEQUENCE prisma_join."Tag_id_seq"
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: Tag_id_seq; Type: SEQUENCE OWNED BY; Schema: prisma_join; Owner: -
--

ALTER SEQUENCE prisma_join."Tag_id_seq" OWNED BY prisma_join."Tag".id;


--
-- Name: User; Type: TABLE; Schema: prisma_join; Owner: -
--

CREATE TABLE prisma_join."User" (
    id integer NOT NULL,
    "publicId" uuid DEFAULT gen_random_uuid() NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role prisma_join."Role" DEFAULT 'reader'::prisma_join."Role" NOT NULL,
    bio text,
    score numeric(10,2) DEFAULT 0 NOT NULL,
    interests text[] DEFAULT ARRAY[]::text[],
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    "managerId" integer,
    active boolean DEFAULT true NOT NULL,
    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp(3) without time zone NOT NULL,
    "deletedAt" timestamp(3) without time zone
);


--
-- Name: User_id_seq; Type: SEQUENCE; Schema: prisma_join; Owner: -
--

CREATE SEQUENCE prisma_join."User_id_seq"
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: User_id_seq; Type: SEQUENCE OWNED BY; Schema: prisma_join; Owner: -
--

ALTER SEQUENCE prisma_join."User_id_seq" OWNED BY prisma_join."User".id;


--
-- Name: _PostToTag; Type: TABLE; Schema: prisma_join; Owner: -
--

CREATE TABLE prisma_join."_PostToTag" (
    "A" integer NOT NULL,
    "B" integer NOT NULL
);


--
-- Name: Comment id; Type: DEFAULT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Comment" ALTER COLUMN id SET DEFAULT nextval('prisma_join."Comment_id_seq"'::regclass);


--
-- Name: Post id; Type: DEFAULT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Post" ALTER COLUMN id SET DEFAULT nextval('prisma_join."Post_id_seq"'::regclass);


--
-- Name: Tag id; Type: DEFAULT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Tag" ALTER COLUMN id SET DEFAULT nextval('prisma_join."Tag_id_seq"'::regclass);


--
-- Name: User id; Type: DEFAULT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."User" ALTER COLUMN id SET DEFAULT nextval('prisma_join."User_id_seq"'::regclass);


--
-- Name: Comment Comment_pkey; Type: CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Comment"
    ADD CONSTRAINT "Comment_pkey" PRIMARY KEY (id);


--
-- Name: Post Post_pkey; Type: CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Post"
    ADD CONSTRAINT "Post_pkey" PRIMARY KEY (id);


--
-- Name: Tag Tag_pkey; Type: CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Tag"
    ADD CONSTRAINT "Tag_pkey" PRIMARY KEY (id);


--
-- Name: User User_pkey; Type: CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."User"
    ADD CONSTRAINT "User_pkey" PRIMARY KEY (id);


--
-- Name: _PostToTag _PostToTag_AB_pkey; Type: CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."_PostToTag"
    ADD CONSTRAINT "_PostToTag_AB_pkey" PRIMARY KEY ("A", "B");


--
-- Name: Post_slug_key; Type: INDEX; Schema: prisma_join; Owner: -
--

CREATE UNIQUE INDEX "Post_slug_key" ON prisma_join."Post" USING btree (slug);


--
-- Name: Tag_name_key; Type: INDEX; Schema: prisma_join; Owner: -
--

CREATE UNIQUE INDEX "Tag_name_key" ON prisma_join."Tag" USING btree (name);


--
-- Name: User_email_key; Type: INDEX; Schema: prisma_join; Owner: -
--

CREATE UNIQUE INDEX "User_email_key" ON prisma_join."User" USING btree (email);


--
-- Name: User_publicId_key; Type: INDEX; Schema: prisma_join; Owner: -
--

CREATE UNIQUE INDEX "User_publicId_key" ON prisma_join."User" USING btree ("publicId");


--
-- Name: _PostToTag_B_index; Type: INDEX; Schema: prisma_join; Owner: -
--

CREATE INDEX "_PostToTag_B_index" ON prisma_join."_PostToTag" USING btree ("B");


--
-- Name: Comment Comment_authorId_fkey; Type: FK CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Comment"
    ADD CONSTRAINT "Comment_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES prisma_join."User"(id) ON UPDATE CASCADE ON DELETE RESTRICT;


--
-- Name: Comment Comment_parentId_fkey; Type: FK CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Comment"
    ADD CONSTRAINT "Comment_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES prisma_join."Comment"(id) ON UPDATE CASCADE ON DELETE SET NULL;


--
-- Name: Comment Comment_postId_fkey; Type: FK CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Comment"
    ADD CONSTRAINT "Comment_postId_fkey" FOREIGN KEY ("postId") REFERENCES prisma_join."Post"(id) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: Post Post_authorId_fkey; Type: FK CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."Post"
    ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES prisma_join."User"(id) ON UPDATE CASCADE ON DELETE RESTRICT;


--
-- Name: User User_managerId_fkey; Type: FK CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."User"
    ADD CONSTRAINT "User_managerId_fkey" FOREIGN KEY ("managerId") REFERENCES prisma_join."User"(id) ON UPDATE CASCADE ON DELETE SET NULL;


--
-- Name: _PostToTag _PostToTag_A_fkey; Type: FK CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."_PostToTag"
    ADD CONSTRAINT "_PostToTag_A_fkey" FOREIGN KEY ("A") REFERENCES prisma_join."Post"(id) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: _PostToTag _PostToTag_B_fkey; Type: FK CONSTRAINT; Schema: prisma_join; Owner: -
--

ALTER TABLE ONLY prisma_join."_PostToTag"
    ADD CONSTRAINT "_PostToTag_B_fkey" FOREIGN KEY ("B") REFERENCES prisma_join."Tag"(id) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--


