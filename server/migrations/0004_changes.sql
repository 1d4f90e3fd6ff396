-- Jobs: analyses too, whose request it is, which server it works on, what it waits for.
ALTER TABLE benchmark_jobs RENAME TO benchmark_jobs_before;
CREATE TABLE benchmark_jobs (
    id TEXT PRIMARY KEY,
    database TEXT NOT NULL,
    -- Absent for an analysis.
    recommendation_id TEXT REFERENCES recommendations (id),
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'error', 'cancelled')),
    job_type TEXT NOT NULL CHECK (job_type IN ('benchmark', 'apply', 'rollback', 'analyze')),
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
    override_reason TEXT,
    -- The name of the token that asked for it.
    actor TEXT NOT NULL DEFAULT 'token',
    -- host:port of the server that it works on: so many run there at once.
    target TEXT NOT NULL DEFAULT '',
    -- The change that a benchmark watches, or a rollback undoes.
    change_id TEXT,
    -- It starts once that one is completed.
    after_job TEXT,
    -- SHA-256 of the patch as it was approved.
    approved_hash TEXT
) STRICT;
INSERT INTO benchmark_jobs (id, database, recommendation_id, status, job_type, created_at, started_at,
        completed_at, result_json, error_message, phase, progress, attempts, lease_token, lease_expires_at,
        boot_id, not_before, cancel_requested, override_reason)
    SELECT id, database, recommendation_id, status, job_type, created_at, started_at, completed_at,
        result_json, error_message, phase, progress, attempts, lease_token, lease_expires_at, boot_id,
        not_before, cancel_requested, override_reason FROM benchmark_jobs_before;
DROP TABLE benchmark_jobs_before;
CREATE UNIQUE INDEX benchmark_jobs_live ON benchmark_jobs (coalesce(recommendation_id, database), job_type)
    WHERE status IN ('pending', 'running');
CREATE INDEX benchmark_jobs_status ON benchmark_jobs (status, created_at);
CREATE INDEX benchmark_jobs_target ON benchmark_jobs (target) WHERE status = 'running';
CREATE INDEX benchmark_jobs_after ON benchmark_jobs (after_job) WHERE after_job IS NOT NULL;

-- Changes of every kind: their steps both ways, the catalog before and after, what was seen of them since.
ALTER TABLE changes ADD COLUMN kind TEXT NOT NULL DEFAULT 'CREATE INDEX';
ALTER TABLE changes ADD COLUMN actor TEXT NOT NULL DEFAULT 'token';
ALTER TABLE changes ADD COLUMN target TEXT NOT NULL DEFAULT '';
ALTER TABLE changes ADD COLUMN no_rollback TEXT;
ALTER TABLE changes ADD COLUMN detail_json TEXT;
ALTER TABLE changes ADD COLUMN predicted_percent REAL;
ALTER TABLE changes ADD COLUMN measured_percent REAL;
ALTER TABLE changes ADD COLUMN watch_json TEXT;
ALTER TABLE changes ADD COLUMN watch_outcome TEXT
    CHECK (watch_outcome IN ('as_predicted', 'less', 'regression', 'undecided', 'not_measured'));
CREATE INDEX changes_status ON changes (database, status, applied_at);

-- The confidence that a rule gave, before what was measured since is counted in.
ALTER TABLE recommendations ADD COLUMN base_confidence REAL;
UPDATE recommendations SET base_confidence = confidence_score;

-- What was predicted, and what was measured then.
CREATE TABLE predictions (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    database TEXT NOT NULL,
    recommendation_id TEXT NOT NULL,
    job_id TEXT NOT NULL UNIQUE,
    -- The rule behind it; empty for what a person typed in.
    rule TEXT NOT NULL,
    -- Of the statement's cost or time, in percent: positive is saved.
    predicted_percent REAL,
    measured_percent REAL,
    verdict TEXT NOT NULL,
    -- Absent where the verdict decides nothing.
    held INTEGER CHECK (held IN (0, 1))
) STRICT;
CREATE INDEX predictions_rule ON predictions (rule, id);

-- What happened, in order. Written by triggers, so that nothing moves unheard.
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    database TEXT NOT NULL,
    event_type TEXT NOT NULL CHECK (event_type IN ('job', 'recommendation', 'change', 'store')),
    subject_id TEXT NOT NULL,
    status TEXT NOT NULL,
    body_json TEXT NOT NULL
) STRICT;
CREATE INDEX events_at ON events (at);

CREATE TRIGGER events_job_queued AFTER INSERT ON benchmark_jobs
WHEN NOT EXISTS (SELECT 1 FROM settings WHERE key = 'restoring') BEGIN
    INSERT INTO events (at, database, event_type, subject_id, status, body_json)
    VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), new.database, 'job', new.id, new.status,
        json_object('job_type', new.job_type, 'recommendation_id', new.recommendation_id,
            'change_id', new.change_id, 'message', new.error_message,
            'title', (SELECT title FROM recommendations WHERE id = new.recommendation_id)));
END;
CREATE TRIGGER events_job_moved AFTER UPDATE OF status ON benchmark_jobs
WHEN old.status <> new.status AND NOT EXISTS (SELECT 1 FROM settings WHERE key = 'restoring') BEGIN
    INSERT INTO events (at, database, event_type, subject_id, status, body_json)
    VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), new.database, 'job', new.id, new.status,
        json_object('job_type', new.job_type, 'recommendation_id', new.recommendation_id,
            'change_id', new.change_id, 'message', new.error_message,
            'title', (SELECT title FROM recommendations WHERE id = new.recommendation_id)));
END;
CREATE TRIGGER events_recommendation_listed AFTER INSERT ON recommendations
WHEN NOT EXISTS (SELECT 1 FROM settings WHERE key = 'restoring') BEGIN
    INSERT INTO events (at, database, event_type, subject_id, status, body_json)
    VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), new.database, 'recommendation', new.id, new.status,
        json_object('recommendation_type', new.recommendation_type, 'title', new.title));
END;
CREATE TRIGGER events_recommendation_moved AFTER UPDATE OF status ON recommendations
WHEN old.status <> new.status AND NOT EXISTS (SELECT 1 FROM settings WHERE key = 'restoring') BEGIN
    INSERT INTO events (at, database, event_type, subject_id, status, body_json)
    VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), new.database, 'recommendation', new.id, new.status,
        json_object('recommendation_type', new.recommendation_type, 'title', new.title));
END;
CREATE TRIGGER events_change_made AFTER INSERT ON changes
WHEN NOT EXISTS (SELECT 1 FROM settings WHERE key = 'restoring') BEGIN
    INSERT INTO events (at, database, event_type, subject_id, status, body_json)
    VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), new.database, 'change', new.id, new.status,
        json_object('recommendation_id', new.recommendation_id, 'kind', new.kind,
            'watch_outcome', new.watch_outcome,
            'title', (SELECT title FROM recommendations WHERE id = new.recommendation_id)));
END;
CREATE TRIGGER events_change_moved AFTER UPDATE OF status, watch_outcome ON changes
WHEN (old.status <> new.status OR old.watch_outcome IS NOT new.watch_outcome)
    AND NOT EXISTS (SELECT 1 FROM settings WHERE key = 'restoring') BEGIN
    INSERT INTO events (at, database, event_type, subject_id, status, body_json)
    VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), new.database, 'change', new.id, new.status,
        json_object('recommendation_id', new.recommendation_id, 'kind', new.kind,
            'watch_outcome', new.watch_outcome,
            'title', (SELECT title FROM recommendations WHERE id = new.recommendation_id)));
END;

-- How far each receiver of webhooks has been told. The key is a hash: an address may hold a secret.
CREATE TABLE webhooks (
    receiver TEXT PRIMARY KEY,
    told INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    not_before TEXT,
    last_error TEXT,
    delivered INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
