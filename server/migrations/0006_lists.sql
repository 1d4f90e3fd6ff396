-- Lists by index: a page of a list reads its rows, and no others.
CREATE INDEX recommendations_by_impact
    ON recommendations (database, coalesce(estimated_improvement_percent, -1e9), id);
CREATE INDEX recommendations_by_status_and_impact
    ON recommendations (database, status, coalesce(estimated_improvement_percent, -1e9), id);
CREATE INDEX recommendations_by_confidence ON recommendations (database, confidence_score, id);
CREATE INDEX recommendations_by_time ON recommendations (database, created_at, id);
CREATE INDEX recommendations_by_title ON recommendations (database, title, id);
CREATE INDEX recommendations_by_query ON recommendations (database, query_hash);
CREATE INDEX benchmark_jobs_by_time ON benchmark_jobs (database, created_at, id);
CREATE INDEX benchmark_jobs_by_status ON benchmark_jobs (database, status, created_at, id);
CREATE INDEX benchmark_jobs_by_type ON benchmark_jobs (database, job_type, created_at, id);
CREATE INDEX benchmark_jobs_by_recommendation ON benchmark_jobs (recommendation_id, created_at, id);
CREATE INDEX benchmark_jobs_ended ON benchmark_jobs (completed_at) WHERE completed_at IS NOT NULL;

-- Who is signed in. The id itself stays with the browser; here is its digest.
CREATE TABLE sessions (
    id_hash TEXT PRIMARY KEY,
    actor TEXT NOT NULL,
    -- Digest of the token that opened it: a token that is changed ends its sessions.
    token_hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;
