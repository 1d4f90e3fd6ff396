-- A benchmark that ends tells its verdict.
DROP TRIGGER events_job_moved;
CREATE TRIGGER events_job_moved AFTER UPDATE OF status ON benchmark_jobs
WHEN old.status <> new.status AND NOT EXISTS (SELECT 1 FROM settings WHERE key = 'restoring') BEGIN
    INSERT INTO events (at, database, event_type, subject_id, status, body_json)
    VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), new.database, 'job', new.id, new.status,
        json_object('job_type', new.job_type, 'recommendation_id', new.recommendation_id,
            'change_id', new.change_id, 'message', new.error_message,
            'verdict', json_extract(new.result_json, '$.verdict'),
            'title', (SELECT title FROM recommendations WHERE id = new.recommendation_id)));
END;

-- The trail goes on from its last row, and nothing takes a row's place.
CREATE TRIGGER audit_log_in_order BEFORE INSERT ON audit_log
WHEN new.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM audit_log)
    OR new.previous_hash <> coalesce((SELECT hash FROM audit_log ORDER BY sequence DESC LIMIT 1),
        '0000000000000000000000000000000000000000000000000000000000000000')
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
