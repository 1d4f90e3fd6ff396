-- Recommendations: one row for one piece of advice, refreshed and never listed twice.
CREATE TABLE recommendations (
    id TEXT PRIMARY KEY,
    database TEXT NOT NULL,
    query_hash TEXT NOT NULL,
    recommendation_type TEXT NOT NULL
        CHECK (recommendation_type IN ('index', 'index_drop', 'rewrite', 'statistics', 'maintenance', 'config')),
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    sql_fix TEXT NOT NULL,
    original_sql TEXT NOT NULL,
    patch_sql TEXT NOT NULL,
    execution_plan_json TEXT,
    estimated_improvement_percent REAL,
    confidence_score REAL NOT NULL,
    risk_level TEXT NOT NULL CHECK (risk_level IN ('low', 'medium', 'high')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'applied', 'dismissed')),
    applied INTEGER NOT NULL DEFAULT 0 CHECK (applied IN (0, 1)),
    applied_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    rollback_sql TEXT,
    tables_json TEXT NOT NULL,
    evidence_json TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    dismissed_reason TEXT,
    -- Kept here because finished jobs are removed after a day.
    latest_benchmark_json TEXT,
    UNIQUE (database, fingerprint)
) STRICT;
CREATE INDEX recommendations_status ON recommendations (database, status);

CREATE TABLE benchmark_jobs (
    id TEXT PRIMARY KEY,
    database TEXT NOT NULL,
    recommendation_id TEXT NOT NULL REFERENCES recommendations (id),
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'error', 'cancelled')),
    job_type TEXT NOT NULL CHECK (job_type IN ('benchmark', 'apply', 'rollback')),
    created_at TEXT NOT NULL,
    started_at TEXT,
    completed_at TEXT,
    result_json TEXT,
    error_message TEXT,
    phase TEXT,
    progress REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Written by the claim; every later write carries it, and zero rows changed means stop.
    lease_token TEXT,
    lease_expires_at TEXT,
    -- The process that claimed it.
    boot_id TEXT,
    -- A retry waits until then.
    not_before TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    override_reason TEXT
) STRICT;
CREATE UNIQUE INDEX benchmark_jobs_live ON benchmark_jobs (recommendation_id, job_type)
    WHERE status IN ('pending', 'running');
CREATE INDEX benchmark_jobs_status ON benchmark_jobs (status, created_at);

CREATE TABLE changes (
    id TEXT PRIMARY KEY,
    database TEXT NOT NULL,
    recommendation_id TEXT NOT NULL REFERENCES recommendations (id),
    job_id TEXT NOT NULL,
    tables_json TEXT NOT NULL,
    sql TEXT NOT NULL,
    sql_hash TEXT NOT NULL,
    rollback_sql TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('applied', 'rolled_back', 'drifted')),
    applied_at TEXT NOT NULL,
    rolled_back_at TEXT,
    object_json TEXT NOT NULL,
    override_reason TEXT
) STRICT;
CREATE INDEX changes_recommendation ON changes (recommendation_id, applied_at);

-- Intent before, outcome after; each row is chained to the one before it.
CREATE TABLE audit_log (
    sequence INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    database TEXT NOT NULL,
    recommendation_id TEXT,
    job_id TEXT,
    detail_json TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- The statements of the last collection, with the bindings that the advice was planned with.
CREATE TABLE statements (
    database TEXT NOT NULL,
    query_hash TEXT NOT NULL,
    sql TEXT NOT NULL,
    calls INTEGER NOT NULL,
    total_time_ms REAL NOT NULL,
    rows INTEGER NOT NULL,
    plannable_json TEXT,
    reason TEXT,
    seen_at TEXT NOT NULL,
    PRIMARY KEY (database, query_hash)
) STRICT;

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
