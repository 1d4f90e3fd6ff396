-- Advice over time: what closed it, how much there was to gain, what was looked at and left.
ALTER TABLE recommendations ADD COLUMN dismissed_by TEXT CHECK (dismissed_by IN ('person', 'advisor'));
-- In the rule's own unit, and as it was when a person dismissed it.
ALTER TABLE recommendations ADD COLUMN magnitude REAL NOT NULL DEFAULT 0;
ALTER TABLE recommendations ADD COLUMN dismissed_magnitude REAL;
UPDATE recommendations SET dismissed_by = 'person' WHERE status = 'dismissed';

-- Candidates of the last analysis that were not recommended.
CREATE TABLE rejected_candidates (
    id INTEGER PRIMARY KEY,
    database TEXT NOT NULL,
    table_name TEXT NOT NULL,
    definition TEXT NOT NULL,
    reason TEXT NOT NULL,
    estimated_bytes INTEGER,
    -- Of the workload's planned cost, in percent.
    alone_percent REAL
) STRICT;
CREATE INDEX rejected_candidates_table ON rejected_candidates (database, table_name);

-- How often each index was scanned, reading after reading: one reading says nothing of time.
CREATE TABLE index_usage (
    database TEXT NOT NULL,
    schema_name TEXT NOT NULL,
    index_name TEXT NOT NULL,
    readings INTEGER NOT NULL,
    scans INTEGER NOT NULL,
    -- Since when it was not seen to grow.
    unused_since TEXT NOT NULL,
    last_read_at TEXT NOT NULL,
    PRIMARY KEY (database, schema_name, index_name)
) STRICT, WITHOUT ROWID;
