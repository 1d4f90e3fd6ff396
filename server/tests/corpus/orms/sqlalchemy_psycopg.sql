-- sqlalchemy 2.1.9, psycopg 3.3.9; PostgreSQL 15.18; unqualified names: search_path = sqlalchemy_psycopg
SELECT users.id 
FROM users 
WHERE users.settings @@ $1;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.email = $1::VARCHAR;
SELECT posts.id, ts_rank(to_tsvector($1::REGCONFIG, posts.body), plainto_tsquery($2::REGCONFIG, $3::VARCHAR)) AS r 
FROM posts 
WHERE to_tsvector($4::REGCONFIG, posts.body) @@ plainto_tsquery($2::REGCONFIG, $3::VARCHAR) ORDER BY r DESC 
 LIMIT $5::INTEGER;
INSERT INTO post_tags (post_id, tag_id) VALUES ($1::BIGINT, $2::BIGINT), ($3::BIGINT, $4::BIGINT) ON CONFLICT DO NOTHING;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.id IN ($1) AND ($2 != $3);
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE posts.views BETWEEN $1::INTEGER AND $2::INTEGER AND posts.created_at BETWEEN $3::TIMESTAMP WITH TIME ZONE AND $4::TIMESTAMP WITH TIME ZONE;
SELECT posts.id, row_number() OVER (PARTITION BY posts.author_id ORDER BY posts.views DESC) AS anon_1 
FROM posts 
 LIMIT $1::INTEGER;
SELECT users.id 
FROM users 
WHERE users.email ~ $1::VARCHAR;
SELECT * FROM posts WHERE id = ANY($1) AND created_at > now() - interval $2;
SELECT tags.id, tags.name 
FROM tags 
WHERE tags.id = $1::BIGINT;
INSERT INTO tags (name) VALUES ($1::VARCHAR);
SELECT post_tags.post_id, post_tags.tag_id 
FROM post_tags 
WHERE (post_tags.post_id, post_tags.tag_id) IN (($1, $2), ($3, $4));
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at, posts_1.id AS id_1, posts_1.author_id, posts_1.title, posts_1.slug, posts_1.body, posts_1.published, posts_1.views, posts_1.rating, posts_1.labels, posts_1.meta, posts_1.published_at, posts_1.created_at AS created_at_1, posts_1.updated_at AS updated_at_1 
FROM users LEFT OUTER JOIN posts AS posts_1 ON users.id = posts_1.author_id 
WHERE users.id <= $1::BIGINT;
SELECT CASE WHEN (posts.views > $1::INTEGER) THEN $2::VARCHAR WHEN (posts.views > $3::INTEGER) THEN $4::VARCHAR ELSE $5::VARCHAR END AS b, count(*) AS count_1 
FROM posts GROUP BY b;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at, users_1.id AS id_1, users_1.public_id, users_1.email, users_1.name, users_1.role, users_1.bio, users_1.score, users_1.interests, users_1.settings, users_1.manager_id, users_1.active, users_1.created_at AS created_at_1, users_1.updated_at AS updated_at_1, users_1.deleted_at 
FROM posts LEFT OUTER JOIN users AS users_1 ON users_1.id = posts.author_id 
 LIMIT $1::INTEGER;
SELECT count(*) AS count_1 
FROM (SELECT posts.id AS id, posts.author_id AS author_id, posts.title AS title, posts.slug AS slug, posts.body AS body, posts.published AS published, posts.views AS views, posts.rating AS rating, posts.labels AS labels, posts.meta AS meta, posts.published_at AS published_at, posts.created_at AS created_at, posts.updated_at AS updated_at 
FROM posts 
WHERE posts.views > $1::INTEGER) AS anon_1;
SELECT count(*) AS count_1 
FROM users;
UPDATE users SET settings=(users.settings || $1::JSONB), updated_at=now() WHERE users.id = $2::BIGINT;
SELECT comments.post_id, comments.id, comments.author_id, comments.parent_id, comments.body, comments.status, comments.created_at, users_1.id, users_1.public_id, users_1.email, users_1.name, users_1.role, users_1.bio, users_1.score, users_1.interests, users_1.settings, users_1.manager_id, users_1.active, users_1.created_at, users_1.updated_at, users_1.deleted_at 
FROM comments LEFT OUTER JOIN users AS users_1 ON users_1.id = comments.author_id 
WHERE comments.post_id IN ($1::BIGINT, $2::BIGINT, $3::BIGINT, $4::BIGINT, $5::BIGINT, $6::BIGINT, $7::BIGINT, $8::BIGINT, $9::BIGINT, $10::BIGINT);
SELECT DISTINCT posts.author_id 
FROM posts ORDER BY posts.author_id 
 LIMIT $1::INTEGER;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.name ILIKE $1::VARCHAR 
 LIMIT $2::INTEGER;
UPDATE posts SET views=$1::INTEGER WHERE posts.id = $2::BIGINT;
SELECT CAST(posts.meta ->> $1::TEXT AS INTEGER) AS anon_1 
FROM posts 
 LIMIT $2::INTEGER;
SELECT anon_1.id, anon_1.author_id, anon_1.title, anon_1.slug, anon_1.body, anon_1.published, anon_1.views, anon_1.rating, anon_1.labels, anon_1.meta, anon_1.published_at, anon_1.created_at, anon_1.updated_at, users_1.id AS id_1, users_1.public_id, users_1.email, users_1.name, users_1.role, users_1.bio, users_1.score, users_1.interests, users_1.settings, users_1.manager_id, users_1.active, users_1.created_at AS created_at_1, users_1.updated_at AS updated_at_1, users_1.deleted_at, comments_1.id AS id_2, comments_1.post_id, comments_1.author_id AS author_id_1, comments_1.parent_id, comments_1.body AS body_1, comments_1.status, comments_1.created_at AS created_at_2 
FROM (SELECT posts.id AS id, posts.author_id AS author_id, posts.title AS title, posts.slug AS slug, posts.body AS body, posts.published AS published, posts.views AS views, posts.rating AS rating, posts.labels AS labels, posts.meta AS meta, posts.published_at AS published_at, posts.created_at AS created_at, posts.updated_at AS updated_at 
FROM posts ORDER BY posts.id DESC 
 LIMIT $1::INTEGER) AS anon_1 LEFT OUTER JOIN users AS users_1 ON users_1.id = anon_1.author_id LEFT OUTER JOIN comments AS comments_1 ON anon_1.id = comments_1.post_id ORDER BY anon_1.id DESC;
SELECT users.role, count(posts.id) AS count_1 
FROM users LEFT OUTER JOIN posts ON users.id = posts.author_id GROUP BY users.role;
SELECT users.id, (SELECT count(posts.id) AS count_1 
FROM posts 
WHERE posts.author_id = users.id) AS anon_1 
FROM users 
 LIMIT $1::INTEGER;
SELECT users.name 
FROM users 
WHERE users.role = $1 UNION SELECT tags.name 
FROM tags 
 LIMIT $2::INTEGER;
SELECT count(*) AS count_1 
FROM (SELECT posts.id AS posts_id, posts.author_id AS posts_author_id, posts.title AS posts_title, posts.slug AS posts_slug, posts.body AS posts_body, posts.published AS posts_published, posts.views AS posts_views, posts.rating AS posts_rating, posts.labels AS posts_labels, posts.meta AS posts_meta, posts.published_at AS posts_published_at, posts.created_at AS posts_created_at, posts.updated_at AS posts_updated_at 
FROM posts 
WHERE posts.published = $1) AS anon_1;
SELECT comments.id, comments.post_id, comments.author_id, comments.parent_id, comments.body, comments.status, comments.created_at 
FROM comments 
WHERE comments.status = $1 ORDER BY comments.id 
 LIMIT $2::INTEGER FOR UPDATE SKIP LOCKED;
DELETE FROM comments WHERE comments.id = $1::BIGINT;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.settings ? $1::VARCHAR;
SELECT users.id 
FROM users 
WHERE EXISTS (SELECT * 
FROM posts 
WHERE posts.author_id = users.id AND posts.published IS true);
SELECT posts.id 
FROM posts 
WHERE posts.created_at < $1::TIMESTAMP WITH TIME ZONE OR posts.created_at = $2::TIMESTAMP WITH TIME ZONE AND posts.id < $3::BIGINT ORDER BY posts.created_at DESC 
 LIMIT $4::INTEGER;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.settings @> $1::JSONB;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE EXISTS (SELECT $2 
FROM posts 
WHERE users.id = posts.author_id AND posts.views > $1::INTEGER);
SELECT comments.id, comments.post_id, comments.author_id, comments.parent_id, comments.body, comments.status, comments.created_at 
FROM comments 
WHERE $1::BIGINT = comments.parent_id;
SELECT users.public_id 
FROM users 
 LIMIT $1::INTEGER;
SELECT comments.id, comments.post_id, comments.author_id, comments.parent_id, comments.body, comments.status, comments.created_at 
FROM comments 
WHERE comments.id = $1::BIGINT;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.id = ANY ($1::BIGINT[]);
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE posts.labels @> $1::TEXT[];
UPDATE users SET name=$1::VARCHAR, role=$2, updated_at=now() WHERE users.id = $3::BIGINT RETURNING users.id;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts, post_tags AS post_tags_1 
WHERE posts.id = post_tags_1.post_id AND $1::BIGINT = post_tags_1.tag_id;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.id = $1::BIGINT FOR UPDATE;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE posts.published IS true AND posts.views > $1::INTEGER OR posts.rating >= $2 AND posts.slug != $3::VARCHAR ORDER BY posts.published_at DESC NULLS LAST, posts.id;
SELECT id FROM posts WHERE (CAST($1 AS text) IS NULL OR title = $1);
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.id IN ($1::BIGINT, $2::BIGINT, $3::BIGINT);
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE posts.published = $3 ORDER BY posts.created_at DESC 
 LIMIT $1::INTEGER OFFSET $2::INTEGER;
SELECT posts.id, posts.title 
FROM posts 
 LIMIT $1::INTEGER;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE (posts.title LIKE $1::VARCHAR || $4) AND (posts.slug LIKE $5 || $2::VARCHAR) 
 LIMIT $3::INTEGER;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at, posts.id AS id_1, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at AS created_at_1, posts.updated_at AS updated_at_1 
FROM posts JOIN users ON users.id = posts.author_id 
WHERE users.role = $1 
 LIMIT $2::INTEGER;
SELECT posts.id 
FROM posts ORDER BY posts.views DESC
 FETCH FIRST ($1::INTEGER) ROWS WITH TIES;
SELECT count(posts.id) AS count_1 
FROM posts 
WHERE posts.published IS true;
INSERT INTO users (public_id, email, name, role, score, interests, settings, active) VALUES ($1::UUID, $2::VARCHAR, $3::VARCHAR, $4, $5, $6::TEXT[], $7::JSONB, $8) ON CONFLICT (email) DO UPDATE SET name = excluded.name, score = (users.score + $9::INTEGER) WHERE users.active IS true RETURNING users.id;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE EXISTS (SELECT $3 
FROM users 
WHERE users.id = posts.author_id AND users.role = $1) 
 LIMIT $2::INTEGER;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE lower(users.email) = lower($1::VARCHAR);
WITH RECURSIVE tree(id, manager_id, lvl) AS 
(SELECT users.id AS id, users.manager_id AS manager_id, $1::INTEGER AS lvl 
FROM users 
WHERE users.id = $2::BIGINT UNION ALL SELECT m.id AS id, m.manager_id AS manager_id, tree.lvl + $3::INTEGER AS anon_1 
FROM users AS m JOIN tree ON tree.manager_id = m.id)
 SELECT tree.id, tree.manager_id, tree.lvl 
FROM tree;
SELECT users.id 
FROM users 
WHERE users.settings ?| ARRAY[$1::VARCHAR, $2::VARCHAR];
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.interests && $1::TEXT[];
SELECT post_tags.post_id, tags.id, tags.name 
FROM post_tags JOIN tags ON tags.id = post_tags.tag_id 
WHERE post_tags.post_id IN ($1::BIGINT, $2::BIGINT, $3::BIGINT, $4::BIGINT, $5::BIGINT, $6::BIGINT, $7::BIGINT, $8::BIGINT, $9::BIGINT, $10::BIGINT);
UPDATE comments SET status=$1 FROM posts WHERE comments.post_id = posts.id AND posts.author_id = $2::BIGINT;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE (users.name ILIKE $3 || $1::VARCHAR || $4 ESCAPE $5) 
 LIMIT $2::INTEGER;
INSERT INTO tags (name) SELECT p0::VARCHAR FROM (VALUES ($1::VARCHAR, $4), ($2::VARCHAR, $5), ($3::VARCHAR, $6)) AS imp_sen(p0, sen_counter) ORDER BY sen_counter RETURNING tags.id, tags.id AS id__1;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE (posts.created_at, posts.id) < ($1::TIMESTAMP WITH TIME ZONE, $2::INTEGER) ORDER BY posts.created_at DESC, posts.id DESC 
 LIMIT $3::INTEGER;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts JOIN users ON users.id = posts.author_id 
WHERE posts.id = $1::BIGINT FOR NO KEY UPDATE OF posts NOWAIT;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE posts.author_id IN (SELECT users.id 
FROM users 
WHERE users.active);
SELECT posts.id 
FROM posts 
WHERE posts.published AND NOT (EXISTS (SELECT $1 
FROM users 
WHERE users.id = posts.author_id AND users.active));
DELETE FROM post_tags WHERE post_tags.post_id = $1::BIGINT AND post_tags.tag_id = $2::BIGINT;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE CAST((users.settings #>> $1) AS BOOLEAN) = $2;
INSERT INTO post_tags (post_id, tag_id) VALUES ($1::BIGINT, $2::BIGINT);
WITH top AS 
(SELECT posts.author_id AS author_id, sum(posts.views) AS v 
FROM posts GROUP BY posts.author_id)
 SELECT users.name, top.v 
FROM users JOIN top ON top.author_id = users.id 
WHERE top.v > $1::INTEGER;
INSERT INTO tags (name) VALUES ($1::VARCHAR) RETURNING tags.id;
UPDATE posts SET published=$1, published_at=now() WHERE posts.published IS false AND posts.created_at < $2::TIMESTAMP WITH TIME ZONE;
SELECT sum(posts.views) AS sum_1, avg(posts.rating) AS avg_1, min(posts.created_at) AS min_1, max(posts.created_at) AS max_1, count(DISTINCT posts.author_id) AS count_1, count(*) FILTER (WHERE posts.views > $1::INTEGER) AS anon_1 
FROM posts 
WHERE posts.published IS true;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.deleted_at IS NULL AND users.bio IS NOT NULL;
SELECT posts.id, tags.name 
FROM posts JOIN post_tags AS post_tags_1 ON posts.id = post_tags_1.post_id JOIN tags ON tags.id = post_tags_1.tag_id 
WHERE tags.name IN ($1::VARCHAR, $2::VARCHAR);
SELECT posts.id 
FROM posts 
WHERE posts.created_at > now() - $1 
 LIMIT $2::INTEGER;
SELECT comments.id, comments.post_id, comments.author_id, comments.parent_id, comments.body, comments.status, comments.created_at 
FROM comments 
WHERE $1::BIGINT = comments.post_id;
SELECT DISTINCT ON (posts.author_id) posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts ORDER BY posts.author_id, posts.created_at DESC;
SELECT users.name, l.title 
FROM users JOIN LATERAL (SELECT posts.title AS title 
FROM posts 
WHERE posts.author_id = users.id ORDER BY posts.created_at DESC 
 LIMIT $1::INTEGER) AS l ON $3 
 LIMIT $2::INTEGER;
SELECT users.manager_id, users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.manager_id IN ($1::BIGINT);
SELECT coalesce(users.bio, users.name, $1::VARCHAR) AS coalesce_1 
FROM users 
 LIMIT $2::INTEGER;
SELECT users.id 
FROM users 
WHERE users.id = $1::BIGINT FOR SHARE;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.id = $1::BIGINT;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE NOT (EXISTS (SELECT $1 
FROM posts 
WHERE users.id = posts.author_id));
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE posts.id = $1::BIGINT;
SELECT EXISTS (SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.email = $1::VARCHAR) AS anon_1;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE posts.author_id = $1::BIGINT;
SELECT u.id, count(p.id) AS c FROM users u LEFT JOIN posts p ON p.author_id = u.id WHERE u.role = $1 GROUP BY u.id ORDER BY c DESC LIMIT $2;
UPDATE comments SET status=$1 WHERE comments.id = (SELECT comments.id 
FROM comments 
WHERE comments.status = $2 ORDER BY comments.created_at 
 LIMIT $3::INTEGER FOR UPDATE SKIP LOCKED) RETURNING comments.id;
DELETE FROM comments WHERE comments.status = $1 AND comments.created_at < $2::TIMESTAMP WITH TIME ZONE;
SELECT EXTRACT($1 FROM posts.created_at) AS y, count(*) AS count_1 
FROM posts GROUP BY y;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE (users.settings ->> $1::TEXT) = $2::VARCHAR AND CAST((users.settings ->> $3::TEXT) AS INTEGER) > $4::INTEGER;
INSERT INTO posts (author_id, title, slug, body, published, views, rating, labels, meta, published_at) VALUES ($1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5, $6::INTEGER, $7, $8::TEXT[], $9::JSONB, $10::TIMESTAMP WITH TIME ZONE) RETURNING posts.id, posts.created_at, posts.updated_at;
SELECT tags.id, tags.name 
FROM tags, post_tags 
WHERE $1::BIGINT = post_tags.post_id AND tags.id = post_tags.tag_id;
SELECT posts.author_id, array_agg(posts.id ORDER BY posts.views DESC) AS array_agg_1 
FROM posts GROUP BY posts.author_id 
 LIMIT $1::INTEGER;
SELECT posts.id 
FROM posts 
WHERE posts.title @@ plainto_tsquery($3, $1::VARCHAR) 
 LIMIT $2::INTEGER;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE $1::VARCHAR = ANY (users.interests);
UPDATE posts SET title=$1::VARCHAR WHERE posts.id = $2::BIGINT;
UPDATE users SET name=$1::VARCHAR, score=$2, settings=$3::JSONB, updated_at=now() WHERE users.id = $4::BIGINT;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.id < $1::BIGINT;
SELECT users.id, users.name 
FROM users 
WHERE users.public_id = $1::UUID;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at, users_1.id AS id_1, users_1.public_id AS public_id_1, users_1.email AS email_1, users_1.name AS name_1, users_1.role AS role_1, users_1.bio AS bio_1, users_1.score AS score_1, users_1.interests AS interests_1, users_1.settings AS settings_1, users_1.manager_id AS manager_id_1, users_1.active AS active_1, users_1.created_at AS created_at_1, users_1.updated_at AS updated_at_1, users_1.deleted_at AS deleted_at_1, users_2.id AS id_2, users_2.public_id AS public_id_2, users_2.email AS email_2, users_2.name AS name_2, users_2.role AS role_2, users_2.bio AS bio_2, users_2.score AS score_2, users_2.interests AS interests_2, users_2.settings AS settings_2, users_2.manager_id AS manager_id_2, users_2.active AS active_2, users_2.created_at AS created_at_2, users_2.updated_at AS updated_at_2, users_2.deleted_at AS deleted_at_2 
FROM users LEFT OUTER JOIN users AS users_2 ON users_2.id = users.manager_id LEFT OUTER JOIN users AS users_1 ON users_1.id = users_2.manager_id 
WHERE users.id = $1::BIGINT;
SELECT unnest(posts.labels) AS l, count(*) AS count_1 
FROM posts GROUP BY l;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE posts.id IN ($1::BIGINT, $2::BIGINT);
SELECT users.id 
FROM users 
WHERE users.manager_id IS DISTINCT FROM $1::BIGINT;
INSERT INTO comments (post_id, author_id, parent_id, body, status) VALUES ($1::BIGINT, $2::BIGINT, $3::BIGINT, $4::VARCHAR, $5) RETURNING comments.id, comments.created_at;
DELETE FROM comments USING users WHERE comments.author_id = users.id AND users.active IS false AND comments.parent_id IS NOT NULL RETURNING comments.id;
SELECT users.id, users.email 
FROM users 
WHERE (users.id NOT IN ($1::BIGINT, $2::BIGINT, $3::BIGINT)) AND users.role != $4;
UPDATE comments SET parent_id=$1::BIGINT WHERE comments.id = $2::BIGINT;
SELECT users.id, users.public_id, users.email, users.name, users.role, users.bio, users.score, users.interests, users.settings, users.manager_id, users.active, users.created_at, users.updated_at, users.deleted_at 
FROM users 
WHERE users.role IN ($1, $2);
INSERT INTO users (public_id, email, name, role, bio, score, interests, settings, manager_id, active, deleted_at) VALUES ($1::UUID, $2::VARCHAR, $3::VARCHAR, $4, $5::VARCHAR, $6, $7::TEXT[], $8::JSONB, $9::BIGINT, $10, $11::TIMESTAMP WITH TIME ZONE) RETURNING users.id, users.created_at, users.updated_at;
SELECT posts.id AS posts_id, posts.author_id AS posts_author_id, posts.title AS posts_title, posts.slug AS posts_slug, posts.body AS posts_body, posts.published AS posts_published, posts.views AS posts_views, posts.rating AS posts_rating, posts.labels AS posts_labels, posts.meta AS posts_meta, posts.published_at AS posts_published_at, posts.created_at AS posts_created_at, posts.updated_at AS posts_updated_at, anon_1.users_id AS anon_1_users_id 
FROM (SELECT users.id AS users_id 
FROM users 
WHERE users.id < $1::BIGINT) AS anon_1 JOIN posts ON anon_1.users_id = posts.author_id;
SELECT posts.author_id, count(*) AS n, sum(posts.views) AS sum_1 
FROM posts GROUP BY posts.author_id, posts.published 
HAVING count(*) > $1::INTEGER ORDER BY n DESC 
 LIMIT $2::INTEGER;
SELECT users.role, users.active, count(*) AS count_1 
FROM users GROUP BY ROLLUP(users.role, users.active);
UPDATE posts SET views=(posts.views + $1::INTEGER) WHERE posts.id = $2::BIGINT;
SELECT posts.id, posts.author_id, posts.title, posts.slug, posts.body, posts.published, posts.views, posts.rating, posts.labels, posts.meta, posts.published_at, posts.created_at, posts.updated_at 
FROM posts 
WHERE EXISTS (SELECT $2 
FROM tags, post_tags 
WHERE posts.id = post_tags.post_id AND tags.id = post_tags.tag_id AND tags.name = $1::VARCHAR);
INSERT INTO post_tags (post_id, tag_id) SELECT posts.id, $1::INTEGER AS anon_1 
FROM posts 
WHERE posts.author_id = $2::BIGINT ON CONFLICT DO NOTHING;
SELECT * FROM users WHERE id IN ($1::INTEGER, $2::INTEGER, $3::INTEGER);
SELECT users.id 
FROM users 
WHERE (users.name || $1::VARCHAR || users.email) ILIKE $2::VARCHAR 
 LIMIT $3::INTEGER;
UPDATE users SET score=(users.score - $1), updated_at=now() WHERE users.id = $2::BIGINT;
SELECT users.id, m.name 
FROM users LEFT OUTER JOIN users AS m ON users.manager_id = m.id 
WHERE m.role = $1;
SELECT date_trunc($1::VARCHAR, posts.created_at) AS day, count(*) AS count_1 
FROM posts GROUP BY day ORDER BY day;
SELECT users.id, v.x 
FROM users JOIN (VALUES ($1::INTEGER, $2::VARCHAR), ($3::INTEGER, $4::VARCHAR)) AS v (id, x) ON v.id = users.id;
DELETE FROM posts WHERE posts.id = $1::BIGINT;
INSERT INTO tags (name) VALUES ($1::VARCHAR), ($2::VARCHAR) RETURNING tags.id;
SELECT date_trunc($1, posts.created_at) AS date_trunc_1, count(*) AS count_1 
FROM posts GROUP BY date_trunc('day', posts.created_at);
