-- sqlalchemy 2.1.9, asyncpg 0.32.0; PostgreSQL 15.18; names are schema-qualified by the library
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.role IN ($1::sqlalchemy_asyncpg.user_role, $2::sqlalchemy_asyncpg.user_role);
SELECT sqlalchemy_asyncpg.comments.post_id, sqlalchemy_asyncpg.comments.id, sqlalchemy_asyncpg.comments.author_id, sqlalchemy_asyncpg.comments.parent_id, sqlalchemy_asyncpg.comments.body, sqlalchemy_asyncpg.comments.status, sqlalchemy_asyncpg.comments.created_at, users_1.id, users_1.public_id, users_1.email, users_1.name, users_1.role, users_1.bio, users_1.score, users_1.interests, users_1.settings, users_1.manager_id, users_1.active, users_1.created_at, users_1.updated_at, users_1.deleted_at 
FROM sqlalchemy_asyncpg.comments LEFT OUTER JOIN sqlalchemy_asyncpg.users AS users_1 ON users_1.id = sqlalchemy_asyncpg.comments.author_id 
WHERE sqlalchemy_asyncpg.comments.post_id IN ($1::BIGINT, $2::BIGINT, $3::BIGINT, $4::BIGINT, $5::BIGINT, $6::BIGINT, $7::BIGINT, $8::BIGINT, $9::BIGINT, $10::BIGINT);
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id < $1::BIGINT;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.deleted_at IS NULL AND sqlalchemy_asyncpg.users.bio IS NOT NULL;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts JOIN sqlalchemy_asyncpg.users ON sqlalchemy_asyncpg.users.id = sqlalchemy_asyncpg.posts.author_id 
WHERE sqlalchemy_asyncpg.posts.id = $1::BIGINT FOR NO KEY UPDATE OF posts NOWAIT;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id = $1::BIGINT FOR UPDATE;
SELECT sqlalchemy_asyncpg.tags.id, sqlalchemy_asyncpg.tags.name 
FROM sqlalchemy_asyncpg.tags 
WHERE sqlalchemy_asyncpg.tags.id = $1::BIGINT;
SELECT anon_1.id, anon_1.author_id, anon_1.title, anon_1.slug, anon_1.body, anon_1.published, anon_1.views, anon_1.rating, anon_1.labels, anon_1.meta, anon_1.published_at, anon_1.created_at, anon_1.updated_at, users_1.id AS id_1, users_1.public_id, users_1.email, users_1.name, users_1.role, users_1.bio, users_1.score, users_1.interests, users_1.settings, users_1.manager_id, users_1.active, users_1.created_at AS created_at_1, users_1.updated_at AS updated_at_1, users_1.deleted_at, comments_1.id AS id_2, comments_1.post_id, comments_1.author_id AS author_id_1, comments_1.parent_id, comments_1.body AS body_1, comments_1.status, comments_1.created_at AS created_at_2 
FROM (SELECT sqlalchemy_asyncpg.posts.id AS id, sqlalchemy_asyncpg.posts.author_id AS author_id, sqlalchemy_asyncpg.posts.title AS title, sqlalchemy_asyncpg.posts.slug AS slug, sqlalchemy_asyncpg.posts.body AS body, sqlalchemy_asyncpg.posts.published AS published, sqlalchemy_asyncpg.posts.views AS views, sqlalchemy_asyncpg.posts.rating AS rating, sqlalchemy_asyncpg.posts.labels AS labels, sqlalchemy_asyncpg.posts.meta AS meta, sqlalchemy_asyncpg.posts.published_at AS published_at, sqlalchemy_asyncpg.posts.created_at AS created_at, sqlalchemy_asyncpg.posts.updated_at AS updated_at 
FROM sqlalchemy_asyncpg.posts ORDER BY sqlalchemy_asyncpg.posts.id DESC 
 LIMIT $1::INTEGER) AS anon_1 LEFT OUTER JOIN sqlalchemy_asyncpg.users AS users_1 ON users_1.id = anon_1.author_id LEFT OUTER JOIN sqlalchemy_asyncpg.comments AS comments_1 ON anon_1.id = comments_1.post_id ORDER BY anon_1.id DESC;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE EXISTS (SELECT $3 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id = sqlalchemy_asyncpg.posts.author_id AND sqlalchemy_asyncpg.users.role = $1::sqlalchemy_asyncpg.user_role) 
 LIMIT $2::INTEGER;
SELECT sqlalchemy_asyncpg.posts.id 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.title @@ plainto_tsquery($3, $1::VARCHAR) 
 LIMIT $2::INTEGER;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.published = $3 ORDER BY sqlalchemy_asyncpg.posts.created_at DESC 
 LIMIT $1::INTEGER OFFSET $2::INTEGER;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE (sqlalchemy_asyncpg.posts.title LIKE $1::VARCHAR || $4) AND (sqlalchemy_asyncpg.posts.slug LIKE $5 || $2::VARCHAR) 
 LIMIT $3::INTEGER;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id IN ($1) AND ($2 != $3);
INSERT INTO sqlalchemy_asyncpg.tags (name) VALUES ($1::VARCHAR) RETURNING sqlalchemy_asyncpg.tags.id;
INSERT INTO sqlalchemy_asyncpg.post_tags (post_id, tag_id) VALUES ($1::BIGINT, $2::BIGINT), ($3::BIGINT, $4::BIGINT) ON CONFLICT DO NOTHING;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE lower(sqlalchemy_asyncpg.users.email) = lower($1::VARCHAR);
SELECT * FROM sqlalchemy_asyncpg.posts WHERE id = ANY($1) AND created_at > now() - interval $2;
SELECT sqlalchemy_asyncpg.users.id, m.name 
FROM sqlalchemy_asyncpg.users LEFT OUTER JOIN sqlalchemy_asyncpg.users AS m ON sqlalchemy_asyncpg.users.manager_id = m.id 
WHERE m.role = $1::sqlalchemy_asyncpg.user_role;
SELECT sqlalchemy_asyncpg.users.id, v.x 
FROM sqlalchemy_asyncpg.users JOIN (VALUES ($1::INTEGER, $2::VARCHAR), ($3::INTEGER, $4::VARCHAR)) AS v (id, x) ON v.id = sqlalchemy_asyncpg.users.id;
UPDATE sqlalchemy_asyncpg.comments SET parent_id=$1::BIGINT WHERE sqlalchemy_asyncpg.comments.id = $2::BIGINT;
SELECT sqlalchemy_asyncpg.users.id 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.email ~ $1::VARCHAR;
INSERT INTO sqlalchemy_asyncpg.comments (post_id, author_id, parent_id, body, status) VALUES ($1::BIGINT, $2::BIGINT, $3::BIGINT, $4::VARCHAR, $5::sqlalchemy_asyncpg.comment_status) RETURNING sqlalchemy_asyncpg.comments.id, sqlalchemy_asyncpg.comments.created_at;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.interests && $1::TEXT[];
UPDATE sqlalchemy_asyncpg.users SET settings=(sqlalchemy_asyncpg.users.settings || $1::JSONB), updated_at=now() WHERE sqlalchemy_asyncpg.users.id = $2::BIGINT;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts, sqlalchemy_asyncpg.post_tags AS post_tags_1 
WHERE sqlalchemy_asyncpg.posts.id = post_tags_1.post_id AND $1::BIGINT = post_tags_1.tag_id;
SELECT DISTINCT ON (sqlalchemy_asyncpg.posts.author_id) sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts ORDER BY sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.created_at DESC;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE CAST((sqlalchemy_asyncpg.users.settings #>> $1) AS BOOLEAN) = $2;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE EXISTS (SELECT $2 
FROM sqlalchemy_asyncpg.tags, sqlalchemy_asyncpg.post_tags 
WHERE sqlalchemy_asyncpg.posts.id = sqlalchemy_asyncpg.post_tags.post_id AND sqlalchemy_asyncpg.tags.id = sqlalchemy_asyncpg.post_tags.tag_id AND sqlalchemy_asyncpg.tags.name = $1::VARCHAR);
DELETE FROM sqlalchemy_asyncpg.comments WHERE sqlalchemy_asyncpg.comments.status = $1::sqlalchemy_asyncpg.comment_status AND sqlalchemy_asyncpg.comments.created_at < $2::TIMESTAMP WITH TIME ZONE;
SELECT sqlalchemy_asyncpg.users.id 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.settings ?| ARRAY[$1::VARCHAR, $2::VARCHAR];
SELECT sqlalchemy_asyncpg.comments.id, sqlalchemy_asyncpg.comments.post_id, sqlalchemy_asyncpg.comments.author_id, sqlalchemy_asyncpg.comments.parent_id, sqlalchemy_asyncpg.comments.body, sqlalchemy_asyncpg.comments.status, sqlalchemy_asyncpg.comments.created_at 
FROM sqlalchemy_asyncpg.comments 
WHERE $1::BIGINT = sqlalchemy_asyncpg.comments.post_id;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.labels @> $1::TEXT[];
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.id = $1::BIGINT;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE NOT (EXISTS (SELECT $1 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.users.id = sqlalchemy_asyncpg.posts.author_id));
INSERT INTO sqlalchemy_asyncpg.post_tags (post_id, tag_id) SELECT sqlalchemy_asyncpg.posts.id, $1::INTEGER AS anon_1 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.author_id = $2::BIGINT ON CONFLICT DO NOTHING;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id IN ($1::BIGINT, $2::BIGINT, $3::BIGINT);
DELETE FROM sqlalchemy_asyncpg.comments WHERE sqlalchemy_asyncpg.comments.id = $1::BIGINT;
SELECT sqlalchemy_asyncpg.posts.author_id, array_agg(sqlalchemy_asyncpg.posts.id ORDER BY sqlalchemy_asyncpg.posts.views DESC) AS array_agg_1 
FROM sqlalchemy_asyncpg.posts GROUP BY sqlalchemy_asyncpg.posts.author_id 
 LIMIT $1::INTEGER;
SELECT sqlalchemy_asyncpg.comments.id, sqlalchemy_asyncpg.comments.post_id, sqlalchemy_asyncpg.comments.author_id, sqlalchemy_asyncpg.comments.parent_id, sqlalchemy_asyncpg.comments.body, sqlalchemy_asyncpg.comments.status, sqlalchemy_asyncpg.comments.created_at 
FROM sqlalchemy_asyncpg.comments 
WHERE sqlalchemy_asyncpg.comments.id = $1::BIGINT;
SELECT sqlalchemy_asyncpg.users.id 
FROM sqlalchemy_asyncpg.users 
WHERE EXISTS (SELECT * 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.author_id = sqlalchemy_asyncpg.users.id AND sqlalchemy_asyncpg.posts.published IS true);
UPDATE sqlalchemy_asyncpg.comments SET status=$1::sqlalchemy_asyncpg.comment_status FROM sqlalchemy_asyncpg.posts WHERE sqlalchemy_asyncpg.comments.post_id = sqlalchemy_asyncpg.posts.id AND sqlalchemy_asyncpg.posts.author_id = $2::BIGINT;
SELECT sqlalchemy_asyncpg.users.id 
FROM sqlalchemy_asyncpg.users 
WHERE (sqlalchemy_asyncpg.users.name || $1::VARCHAR || sqlalchemy_asyncpg.users.email) ILIKE $2::VARCHAR 
 LIMIT $3::INTEGER;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.email = $1::VARCHAR;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.settings @> $1::JSONB;
UPDATE sqlalchemy_asyncpg.comments SET status=$1::sqlalchemy_asyncpg.comment_status WHERE sqlalchemy_asyncpg.comments.id = (SELECT sqlalchemy_asyncpg.comments.id 
FROM sqlalchemy_asyncpg.comments 
WHERE sqlalchemy_asyncpg.comments.status = $2::sqlalchemy_asyncpg.comment_status ORDER BY sqlalchemy_asyncpg.comments.created_at 
 LIMIT $3::INTEGER FOR UPDATE SKIP LOCKED) RETURNING sqlalchemy_asyncpg.comments.id;
SELECT id FROM sqlalchemy_asyncpg.posts WHERE (CAST($1 AS text) IS NULL OR title = $1);
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE EXISTS (SELECT $2 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.users.id = sqlalchemy_asyncpg.posts.author_id AND sqlalchemy_asyncpg.posts.views > $1::INTEGER);
SELECT count(*) AS count_1 
FROM sqlalchemy_asyncpg.users;
SELECT EXISTS (SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.email = $1::VARCHAR) AS anon_1;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE (sqlalchemy_asyncpg.users.name ILIKE $3 || $1::VARCHAR || $4 ESCAPE $5) 
 LIMIT $2::INTEGER;
SELECT sqlalchemy_asyncpg.post_tags.post_id, sqlalchemy_asyncpg.tags.id, sqlalchemy_asyncpg.tags.name 
FROM sqlalchemy_asyncpg.post_tags JOIN sqlalchemy_asyncpg.tags ON sqlalchemy_asyncpg.tags.id = sqlalchemy_asyncpg.post_tags.tag_id 
WHERE sqlalchemy_asyncpg.post_tags.post_id IN ($1::BIGINT, $2::BIGINT, $3::BIGINT, $4::BIGINT, $5::BIGINT, $6::BIGINT, $7::BIGINT, $8::BIGINT, $9::BIGINT, $10::BIGINT);
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at, sqlalchemy_asyncpg.posts.id AS id_1, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at AS created_at_1, sqlalchemy_asyncpg.posts.updated_at AS updated_at_1 
FROM sqlalchemy_asyncpg.posts JOIN sqlalchemy_asyncpg.users ON sqlalchemy_asyncpg.users.id = sqlalchemy_asyncpg.posts.author_id 
WHERE sqlalchemy_asyncpg.users.role = $1::sqlalchemy_asyncpg.user_role 
 LIMIT $2::INTEGER;
SELECT CAST(sqlalchemy_asyncpg.posts.meta ->> $1::TEXT AS INTEGER) AS anon_1 
FROM sqlalchemy_asyncpg.posts 
 LIMIT $2::INTEGER;
INSERT INTO sqlalchemy_asyncpg.users (public_id, email, name, role, score, interests, settings, active) VALUES ($1::UUID, $2::VARCHAR, $3::VARCHAR, $4::sqlalchemy_asyncpg.user_role, $5::NUMERIC(10, 2), $6::TEXT[], $7::JSONB, $8::BOOLEAN) ON CONFLICT (email) DO UPDATE SET name = excluded.name, score = (sqlalchemy_asyncpg.users.score + $9::INTEGER) WHERE sqlalchemy_asyncpg.users.active IS true RETURNING sqlalchemy_asyncpg.users.id;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.name 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.public_id = $1::UUID;
DELETE FROM sqlalchemy_asyncpg.post_tags WHERE sqlalchemy_asyncpg.post_tags.post_id = $1::BIGINT AND sqlalchemy_asyncpg.post_tags.tag_id = $2::BIGINT;
SELECT sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.manager_id IN ($1::BIGINT);
SELECT sqlalchemy_asyncpg.posts.id 
FROM sqlalchemy_asyncpg.posts ORDER BY sqlalchemy_asyncpg.posts.views DESC
 FETCH FIRST ($1::INTEGER) ROWS WITH TIES;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.settings ? $1::VARCHAR;
SELECT count(sqlalchemy_asyncpg.posts.id) AS count_1 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.published IS true;
SELECT CASE WHEN (sqlalchemy_asyncpg.posts.views > $1::INTEGER) THEN $2::VARCHAR WHEN (sqlalchemy_asyncpg.posts.views > $3::INTEGER) THEN $4::VARCHAR ELSE $5::VARCHAR END AS b, count(*) AS count_1 
FROM sqlalchemy_asyncpg.posts GROUP BY b;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at, users_1.id AS id_1, users_1.public_id, users_1.email, users_1.name, users_1.role, users_1.bio, users_1.score, users_1.interests, users_1.settings, users_1.manager_id, users_1.active, users_1.created_at AS created_at_1, users_1.updated_at AS updated_at_1, users_1.deleted_at 
FROM sqlalchemy_asyncpg.posts LEFT OUTER JOIN sqlalchemy_asyncpg.users AS users_1 ON users_1.id = sqlalchemy_asyncpg.posts.author_id 
 LIMIT $1::INTEGER;
INSERT INTO sqlalchemy_asyncpg.tags (name) VALUES ($1::VARCHAR);
INSERT INTO sqlalchemy_asyncpg.users (public_id, email, name, role, bio, score, interests, settings, manager_id, active, deleted_at) VALUES ($1::UUID, $2::VARCHAR, $3::VARCHAR, $4::sqlalchemy_asyncpg.user_role, $5::VARCHAR, $6::NUMERIC(10, 2), $7::TEXT[], $8::JSONB, $9::BIGINT, $10::BOOLEAN, $11::TIMESTAMP WITH TIME ZONE) RETURNING sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at;
SELECT sqlalchemy_asyncpg.posts.id 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.created_at > now() - $1::INTERVAL 
 LIMIT $2::INTEGER;
SELECT sqlalchemy_asyncpg.users.name, l.title 
FROM sqlalchemy_asyncpg.users JOIN LATERAL (SELECT sqlalchemy_asyncpg.posts.title AS title 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.author_id = sqlalchemy_asyncpg.users.id ORDER BY sqlalchemy_asyncpg.posts.created_at DESC 
 LIMIT $1::INTEGER) AS l ON $3 
 LIMIT $2::INTEGER;
SELECT sqlalchemy_asyncpg.users.name 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.role = $1::sqlalchemy_asyncpg.user_role UNION SELECT sqlalchemy_asyncpg.tags.name 
FROM sqlalchemy_asyncpg.tags 
 LIMIT $2::INTEGER;
UPDATE sqlalchemy_asyncpg.posts SET views=(sqlalchemy_asyncpg.posts.views + $1::INTEGER) WHERE sqlalchemy_asyncpg.posts.id = $2::BIGINT;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.author_id = $1::BIGINT;
SELECT sqlalchemy_asyncpg.comments.id, sqlalchemy_asyncpg.comments.post_id, sqlalchemy_asyncpg.comments.author_id, sqlalchemy_asyncpg.comments.parent_id, sqlalchemy_asyncpg.comments.body, sqlalchemy_asyncpg.comments.status, sqlalchemy_asyncpg.comments.created_at 
FROM sqlalchemy_asyncpg.comments 
WHERE $1::BIGINT = sqlalchemy_asyncpg.comments.parent_id;
SELECT sqlalchemy_asyncpg.posts.id AS sqlalchemy_asyncpg_posts_id, sqlalchemy_asyncpg.posts.author_id AS sqlalchemy_asyncpg_posts_author_id, sqlalchemy_asyncpg.posts.title AS sqlalchemy_asyncpg_posts_title, sqlalchemy_asyncpg.posts.slug AS sqlalchemy_asyncpg_posts_slug, sqlalchemy_asyncpg.posts.body AS sqlalchemy_asyncpg_posts_body, sqlalchemy_asyncpg.posts.published AS sqlalchemy_asyncpg_posts_published, sqlalchemy_asyncpg.posts.views AS sqlalchemy_asyncpg_posts_views, sqlalchemy_asyncpg.posts.rating AS sqlalchemy_asyncpg_posts_rating, sqlalchemy_asyncpg.posts.labels AS sqlalchemy_asyncpg_posts_labels, sqlalchemy_asyncpg.posts.meta AS sqlalchemy_asyncpg_posts_meta, sqlalchemy_asyncpg.posts.published_at AS sqlalchemy_asyncpg_posts_published_at, sqlalchemy_asyncpg.posts.created_at AS sqlalchemy_asyncpg_posts_created_at, sqlalchemy_asyncpg.posts.updated_at AS sqlalchemy_asyncpg_posts_updated_at, anon_1.sqlalchemy_asyncpg_users_id AS anon_1_sqlalchemy_asyncpg_users_id 
FROM (SELECT sqlalchemy_asyncpg.users.id AS sqlalchemy_asyncpg_users_id 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id < $1::BIGINT) AS anon_1 JOIN sqlalchemy_asyncpg.posts ON anon_1.sqlalchemy_asyncpg_users_id = sqlalchemy_asyncpg.posts.author_id;
SELECT date_trunc($1::VARCHAR, sqlalchemy_asyncpg.posts.created_at) AS day, count(*) AS count_1 
FROM sqlalchemy_asyncpg.posts GROUP BY day ORDER BY day;
INSERT INTO sqlalchemy_asyncpg.posts (author_id, title, slug, body, published, views, rating, labels, meta, published_at) VALUES ($1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::BOOLEAN, $6::INTEGER, $7::NUMERIC(4, 2), $8::TEXT[], $9::JSONB, $10::TIMESTAMP WITH TIME ZONE) RETURNING sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at;
WITH RECURSIVE tree(id, manager_id, lvl) AS 
(SELECT sqlalchemy_asyncpg.users.id AS id, sqlalchemy_asyncpg.users.manager_id AS manager_id, $1::INTEGER AS lvl 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id = $2::BIGINT UNION ALL SELECT m.id AS id, m.manager_id AS manager_id, tree.lvl + $3::INTEGER AS anon_1 
FROM sqlalchemy_asyncpg.users AS m JOIN tree ON tree.manager_id = m.id)
 SELECT tree.id, tree.manager_id, tree.lvl 
FROM tree;
SELECT count(*) AS count_1 
FROM (SELECT sqlalchemy_asyncpg.posts.id AS sqlalchemy_asyncpg_posts_id, sqlalchemy_asyncpg.posts.author_id AS sqlalchemy_asyncpg_posts_author_id, sqlalchemy_asyncpg.posts.title AS sqlalchemy_asyncpg_posts_title, sqlalchemy_asyncpg.posts.slug AS sqlalchemy_asyncpg_posts_slug, sqlalchemy_asyncpg.posts.body AS sqlalchemy_asyncpg_posts_body, sqlalchemy_asyncpg.posts.published AS sqlalchemy_asyncpg_posts_published, sqlalchemy_asyncpg.posts.views AS sqlalchemy_asyncpg_posts_views, sqlalchemy_asyncpg.posts.rating AS sqlalchemy_asyncpg_posts_rating, sqlalchemy_asyncpg.posts.labels AS sqlalchemy_asyncpg_posts_labels, sqlalchemy_asyncpg.posts.meta AS sqlalchemy_asyncpg_posts_meta, sqlalchemy_asyncpg.posts.published_at AS sqlalchemy_asyncpg_posts_published_at, sqlalchemy_asyncpg.posts.created_at AS sqlalchemy_asyncpg_posts_created_at, sqlalchemy_asyncpg.posts.updated_at AS sqlalchemy_asyncpg_posts_updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.published = $1) AS anon_1;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id = $1::BIGINT;
INSERT INTO sqlalchemy_asyncpg.post_tags (post_id, tag_id) VALUES ($1::BIGINT, $2::BIGINT);
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE (sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.id) < ($1::TIMESTAMP WITH TIME ZONE, $2::INTEGER) ORDER BY sqlalchemy_asyncpg.posts.created_at DESC, sqlalchemy_asyncpg.posts.id DESC 
 LIMIT $3::INTEGER;
SELECT sqlalchemy_asyncpg.users.public_id 
FROM sqlalchemy_asyncpg.users 
 LIMIT $1::INTEGER;
SELECT count(*) AS count_1 
FROM (SELECT sqlalchemy_asyncpg.posts.id AS id, sqlalchemy_asyncpg.posts.author_id AS author_id, sqlalchemy_asyncpg.posts.title AS title, sqlalchemy_asyncpg.posts.slug AS slug, sqlalchemy_asyncpg.posts.body AS body, sqlalchemy_asyncpg.posts.published AS published, sqlalchemy_asyncpg.posts.views AS views, sqlalchemy_asyncpg.posts.rating AS rating, sqlalchemy_asyncpg.posts.labels AS labels, sqlalchemy_asyncpg.posts.meta AS meta, sqlalchemy_asyncpg.posts.published_at AS published_at, sqlalchemy_asyncpg.posts.created_at AS created_at, sqlalchemy_asyncpg.posts.updated_at AS updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.views > $1::INTEGER) AS anon_1;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id = ANY ($1::BIGINT[]);
SELECT sqlalchemy_asyncpg.posts.id, row_number() OVER (PARTITION BY sqlalchemy_asyncpg.posts.author_id ORDER BY sqlalchemy_asyncpg.posts.views DESC) AS anon_1 
FROM sqlalchemy_asyncpg.posts 
 LIMIT $1::INTEGER;
SELECT DISTINCT sqlalchemy_asyncpg.posts.author_id 
FROM sqlalchemy_asyncpg.posts ORDER BY sqlalchemy_asyncpg.posts.author_id 
 LIMIT $1::INTEGER;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.id IN ($1::BIGINT, $2::BIGINT);
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at, users_1.id AS id_1, users_1.public_id AS public_id_1, users_1.email AS email_1, users_1.name AS name_1, users_1.role AS role_1, users_1.bio AS bio_1, users_1.score AS score_1, users_1.interests AS interests_1, users_1.settings AS settings_1, users_1.manager_id AS manager_id_1, users_1.active AS active_1, users_1.created_at AS created_at_1, users_1.updated_at AS updated_at_1, users_1.deleted_at AS deleted_at_1, users_2.id AS id_2, users_2.public_id AS public_id_2, users_2.email AS email_2, users_2.name AS name_2, users_2.role AS role_2, users_2.bio AS bio_2, users_2.score AS score_2, users_2.interests AS interests_2, users_2.settings AS settings_2, users_2.manager_id AS manager_id_2, users_2.active AS active_2, users_2.created_at AS created_at_2, users_2.updated_at AS updated_at_2, users_2.deleted_at AS deleted_at_2 
FROM sqlalchemy_asyncpg.users LEFT OUTER JOIN sqlalchemy_asyncpg.users AS users_2 ON users_2.id = sqlalchemy_asyncpg.users.manager_id LEFT OUTER JOIN sqlalchemy_asyncpg.users AS users_1 ON users_1.id = users_2.manager_id 
WHERE sqlalchemy_asyncpg.users.id = $1::BIGINT;
SELECT unnest(sqlalchemy_asyncpg.posts.labels) AS l, count(*) AS count_1 
FROM sqlalchemy_asyncpg.posts GROUP BY l;
SELECT sqlalchemy_asyncpg.comments.id, sqlalchemy_asyncpg.comments.post_id, sqlalchemy_asyncpg.comments.author_id, sqlalchemy_asyncpg.comments.parent_id, sqlalchemy_asyncpg.comments.body, sqlalchemy_asyncpg.comments.status, sqlalchemy_asyncpg.comments.created_at 
FROM sqlalchemy_asyncpg.comments 
WHERE sqlalchemy_asyncpg.comments.status = $1::sqlalchemy_asyncpg.comment_status ORDER BY sqlalchemy_asyncpg.comments.id 
 LIMIT $2::INTEGER FOR UPDATE SKIP LOCKED;
SELECT sqlalchemy_asyncpg.users.id, (SELECT count(sqlalchemy_asyncpg.posts.id) AS count_1 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.author_id = sqlalchemy_asyncpg.users.id) AS anon_1 
FROM sqlalchemy_asyncpg.users 
 LIMIT $1::INTEGER;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.views BETWEEN $1::INTEGER AND $2::INTEGER AND sqlalchemy_asyncpg.posts.created_at BETWEEN $3::TIMESTAMP WITH TIME ZONE AND $4::TIMESTAMP WITH TIME ZONE;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.author_id IN (SELECT sqlalchemy_asyncpg.users.id 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.active);
SELECT date_trunc($1, sqlalchemy_asyncpg.posts.created_at) AS date_trunc_1, count(*) AS count_1 
FROM sqlalchemy_asyncpg.posts GROUP BY date_trunc('day', sqlalchemy_asyncpg.posts.created_at);
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.name ILIKE $1::VARCHAR 
 LIMIT $2::INTEGER;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE (sqlalchemy_asyncpg.users.settings ->> $1::TEXT) = $2::VARCHAR AND CAST((sqlalchemy_asyncpg.users.settings ->> $3::TEXT) AS INTEGER) > $4::INTEGER;
UPDATE sqlalchemy_asyncpg.posts SET views=$1::INTEGER WHERE sqlalchemy_asyncpg.posts.id = $2::BIGINT;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at, posts_1.id AS id_1, posts_1.author_id, posts_1.title, posts_1.slug, posts_1.body, posts_1.published, posts_1.views, posts_1.rating, posts_1.labels, posts_1.meta, posts_1.published_at, posts_1.created_at AS created_at_1, posts_1.updated_at AS updated_at_1 
FROM sqlalchemy_asyncpg.users LEFT OUTER JOIN sqlalchemy_asyncpg.posts AS posts_1 ON sqlalchemy_asyncpg.users.id = posts_1.author_id 
WHERE sqlalchemy_asyncpg.users.id <= $1::BIGINT;
SELECT sqlalchemy_asyncpg.posts.author_id, count(*) AS n, sum(sqlalchemy_asyncpg.posts.views) AS sum_1 
FROM sqlalchemy_asyncpg.posts GROUP BY sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.published 
HAVING count(*) > $1::INTEGER ORDER BY n DESC 
 LIMIT $2::INTEGER;
SELECT coalesce(sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.name, $1::VARCHAR) AS coalesce_1 
FROM sqlalchemy_asyncpg.users 
 LIMIT $2::INTEGER;
SELECT sqlalchemy_asyncpg.posts.id, ts_rank(to_tsvector($1::REGCONFIG, sqlalchemy_asyncpg.posts.body), plainto_tsquery($2::REGCONFIG, $3::VARCHAR)) AS r 
FROM sqlalchemy_asyncpg.posts 
WHERE to_tsvector($4::REGCONFIG, sqlalchemy_asyncpg.posts.body) @@ plainto_tsquery($2::REGCONFIG, $3::VARCHAR) ORDER BY r DESC 
 LIMIT $5::INTEGER;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.tags.name 
FROM sqlalchemy_asyncpg.posts JOIN sqlalchemy_asyncpg.post_tags AS post_tags_1 ON sqlalchemy_asyncpg.posts.id = post_tags_1.post_id JOIN sqlalchemy_asyncpg.tags ON sqlalchemy_asyncpg.tags.id = post_tags_1.tag_id 
WHERE sqlalchemy_asyncpg.tags.name IN ($1::VARCHAR, $2::VARCHAR);
SELECT u.id, count(p.id) AS c FROM sqlalchemy_asyncpg.users u LEFT JOIN sqlalchemy_asyncpg.posts p ON p.author_id = u.id WHERE u.role = $1 GROUP BY u.id ORDER BY c DESC LIMIT $2;
UPDATE sqlalchemy_asyncpg.users SET name=$1::VARCHAR, score=$2::NUMERIC(10, 2), settings=$3::JSONB, updated_at=now() WHERE sqlalchemy_asyncpg.users.id = $4::BIGINT;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.email 
FROM sqlalchemy_asyncpg.users 
WHERE (sqlalchemy_asyncpg.users.id NOT IN ($2::BIGINT, $3::BIGINT, $4::BIGINT)) AND sqlalchemy_asyncpg.users.role != $1::sqlalchemy_asyncpg.user_role;
INSERT INTO sqlalchemy_asyncpg.tags (name) VALUES ($1::VARCHAR), ($2::VARCHAR) RETURNING sqlalchemy_asyncpg.tags.id;
INSERT INTO sqlalchemy_asyncpg.tags (name) SELECT p0::VARCHAR FROM (VALUES ($1::VARCHAR, $4), ($2::VARCHAR, $5), ($3::VARCHAR, $6)) AS imp_sen(p0, sen_counter) ORDER BY sen_counter RETURNING sqlalchemy_asyncpg.tags.id, sqlalchemy_asyncpg.tags.id AS id__1;
SELECT sqlalchemy_asyncpg.users.id 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.settings @@ $1;
UPDATE sqlalchemy_asyncpg.posts SET title=$1::VARCHAR WHERE sqlalchemy_asyncpg.posts.id = $2::BIGINT;
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.author_id, sqlalchemy_asyncpg.posts.title, sqlalchemy_asyncpg.posts.slug, sqlalchemy_asyncpg.posts.body, sqlalchemy_asyncpg.posts.published, sqlalchemy_asyncpg.posts.views, sqlalchemy_asyncpg.posts.rating, sqlalchemy_asyncpg.posts.labels, sqlalchemy_asyncpg.posts.meta, sqlalchemy_asyncpg.posts.published_at, sqlalchemy_asyncpg.posts.created_at, sqlalchemy_asyncpg.posts.updated_at 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.published IS true AND sqlalchemy_asyncpg.posts.views > $1::INTEGER OR sqlalchemy_asyncpg.posts.rating >= $2::NUMERIC(4, 2) AND sqlalchemy_asyncpg.posts.slug != $3::VARCHAR ORDER BY sqlalchemy_asyncpg.posts.published_at DESC NULLS LAST, sqlalchemy_asyncpg.posts.id;
SELECT sqlalchemy_asyncpg.users.id 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.manager_id IS DISTINCT FROM $1::BIGINT;
SELECT sqlalchemy_asyncpg.users.id, sqlalchemy_asyncpg.users.public_id, sqlalchemy_asyncpg.users.email, sqlalchemy_asyncpg.users.name, sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.bio, sqlalchemy_asyncpg.users.score, sqlalchemy_asyncpg.users.interests, sqlalchemy_asyncpg.users.settings, sqlalchemy_asyncpg.users.manager_id, sqlalchemy_asyncpg.users.active, sqlalchemy_asyncpg.users.created_at, sqlalchemy_asyncpg.users.updated_at, sqlalchemy_asyncpg.users.deleted_at 
FROM sqlalchemy_asyncpg.users 
WHERE $1::VARCHAR = ANY (sqlalchemy_asyncpg.users.interests);
SELECT sqlalchemy_asyncpg.posts.id, sqlalchemy_asyncpg.posts.title 
FROM sqlalchemy_asyncpg.posts 
 LIMIT $1::INTEGER;
UPDATE sqlalchemy_asyncpg.posts SET published=$1::BOOLEAN, published_at=now() WHERE sqlalchemy_asyncpg.posts.published IS false AND sqlalchemy_asyncpg.posts.created_at < $2::TIMESTAMP WITH TIME ZONE;
SELECT sum(sqlalchemy_asyncpg.posts.views) AS sum_1, avg(sqlalchemy_asyncpg.posts.rating) AS avg_1, min(sqlalchemy_asyncpg.posts.created_at) AS min_1, max(sqlalchemy_asyncpg.posts.created_at) AS max_1, count(DISTINCT sqlalchemy_asyncpg.posts.author_id) AS count_1, count(*) FILTER (WHERE sqlalchemy_asyncpg.posts.views > $1::INTEGER) AS anon_1 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.published IS true;
DELETE FROM sqlalchemy_asyncpg.comments USING sqlalchemy_asyncpg.users WHERE sqlalchemy_asyncpg.comments.author_id = sqlalchemy_asyncpg.users.id AND sqlalchemy_asyncpg.users.active IS false AND sqlalchemy_asyncpg.comments.parent_id IS NOT NULL RETURNING sqlalchemy_asyncpg.comments.id;
UPDATE sqlalchemy_asyncpg.users SET score=(sqlalchemy_asyncpg.users.score - $1::NUMERIC(10, 2)), updated_at=now() WHERE sqlalchemy_asyncpg.users.id = $2::BIGINT;
SELECT sqlalchemy_asyncpg.posts.id 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.created_at < $1::TIMESTAMP WITH TIME ZONE OR sqlalchemy_asyncpg.posts.created_at = $2::TIMESTAMP WITH TIME ZONE AND sqlalchemy_asyncpg.posts.id < $3::BIGINT ORDER BY sqlalchemy_asyncpg.posts.created_at DESC 
 LIMIT $4::INTEGER;
SELECT EXTRACT($1 FROM sqlalchemy_asyncpg.posts.created_at) AS y, count(*) AS count_1 
FROM sqlalchemy_asyncpg.posts GROUP BY y;
SELECT sqlalchemy_asyncpg.posts.id 
FROM sqlalchemy_asyncpg.posts 
WHERE sqlalchemy_asyncpg.posts.published AND NOT (EXISTS (SELECT $1 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id = sqlalchemy_asyncpg.posts.author_id AND sqlalchemy_asyncpg.users.active));
SELECT sqlalchemy_asyncpg.users.id 
FROM sqlalchemy_asyncpg.users 
WHERE sqlalchemy_asyncpg.users.id = $1::BIGINT FOR SHARE;
WITH top AS 
(SELECT sqlalchemy_asyncpg.posts.author_id AS author_id, sum(sqlalchemy_asyncpg.posts.views) AS v 
FROM sqlalchemy_asyncpg.posts GROUP BY sqlalchemy_asyncpg.posts.author_id)
 SELECT sqlalchemy_asyncpg.users.name, top.v 
FROM sqlalchemy_asyncpg.users JOIN top ON top.author_id = sqlalchemy_asyncpg.users.id 
WHERE top.v > $1::INTEGER;
SELECT sqlalchemy_asyncpg.users.role, count(sqlalchemy_asyncpg.posts.id) AS count_1 
FROM sqlalchemy_asyncpg.users LEFT OUTER JOIN sqlalchemy_asyncpg.posts ON sqlalchemy_asyncpg.users.id = sqlalchemy_asyncpg.posts.author_id GROUP BY sqlalchemy_asyncpg.users.role;
UPDATE sqlalchemy_asyncpg.users SET name=$1::VARCHAR, role=$2::sqlalchemy_asyncpg.user_role, updated_at=now() WHERE sqlalchemy_asyncpg.users.id = $3::BIGINT RETURNING sqlalchemy_asyncpg.users.id;
DELETE FROM sqlalchemy_asyncpg.posts WHERE sqlalchemy_asyncpg.posts.id = $1::BIGINT;
SELECT sqlalchemy_asyncpg.post_tags.post_id, sqlalchemy_asyncpg.post_tags.tag_id 
FROM sqlalchemy_asyncpg.post_tags 
WHERE (sqlalchemy_asyncpg.post_tags.post_id, sqlalchemy_asyncpg.post_tags.tag_id) IN (($1, $2), ($3, $4));
SELECT sqlalchemy_asyncpg.tags.id, sqlalchemy_asyncpg.tags.name 
FROM sqlalchemy_asyncpg.tags, sqlalchemy_asyncpg.post_tags 
WHERE $1::BIGINT = sqlalchemy_asyncpg.post_tags.post_id AND sqlalchemy_asyncpg.tags.id = sqlalchemy_asyncpg.post_tags.tag_id;
SELECT * FROM sqlalchemy_asyncpg.users WHERE id IN ($1::INTEGER, $2::INTEGER, $3::INTEGER);
SELECT sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.active, count(*) AS count_1 
FROM sqlalchemy_asyncpg.users GROUP BY ROLLUP(sqlalchemy_asyncpg.users.role, sqlalchemy_asyncpg.users.active);
