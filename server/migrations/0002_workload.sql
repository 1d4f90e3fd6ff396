-- The workload: each statement once, with what it did since it is known.
DROP TABLE statements;

-- What lists read stands first: a long text or plan then stays out of their way.
CREATE TABLE queries (
    id INTEGER PRIMARY KEY,
    database TEXT NOT NULL,
    query_hash TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'system', 'own')),
    source TEXT NOT NULL CHECK (source IN ('main', 'typed', 'log')),
    -- Absent while nobody has tried.
    planned INTEGER CHECK (planned IN (0, 1)),
    calls INTEGER NOT NULL,
    total_time_ms REAL NOT NULL,
    rows INTEGER NOT NULL,
    plan_time_ms REAL NOT NULL,
    shared_hit INTEGER NOT NULL,
    shared_read INTEGER NOT NULL,
    temp_blocks INTEGER NOT NULL,
    read_time_ms REAL NOT NULL,
    wal_bytes INTEGER NOT NULL,
    -- From when these stand; absent where main does not say.
    counted_since TEXT,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    planned_at TEXT,
    reason TEXT,
    sql TEXT NOT NULL,
    -- Set where a role or a file has another search path than the session.
    search_path_json TEXT,
    roles_json TEXT NOT NULL DEFAULT '[]',
    -- Sets of values that a log showed, as it wrote them.
    logged_json TEXT,
    plannable_json TEXT,
    UNIQUE (database, query_hash)
) STRICT;

-- The entries of pg_stat_statements as they were read last.
CREATE TABLE workload_counters (
    database TEXT NOT NULL,
    dbid INTEGER NOT NULL,
    userid INTEGER NOT NULL,
    queryid INTEGER NOT NULL,
    toplevel INTEGER NOT NULL CHECK (toplevel IN (0, 1)),
    query INTEGER NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
    calls INTEGER NOT NULL,
    total_time_ms REAL NOT NULL,
    rows INTEGER NOT NULL,
    plan_time_ms REAL NOT NULL,
    shared_hit INTEGER NOT NULL,
    shared_read INTEGER NOT NULL,
    temp_blocks INTEGER NOT NULL,
    read_time_ms REAL NOT NULL,
    wal_bytes INTEGER NOT NULL,
    since TEXT,
    PRIMARY KEY (database, dbid, userid, queryid, toplevel)
) STRICT, WITHOUT ROWID;
CREATE INDEX workload_counters_query ON workload_counters (query);

-- Each resolution holds all that happened in its time (src/workload/resolution.rs).
CREATE TABLE workload_periods (
    id INTEGER PRIMARY KEY,
    database TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    -- Seconds that were watched: less than the period's length at its edges, more after a pause.
    watched_seconds REAL NOT NULL,
    UNIQUE (database, seconds, started_at)
) STRICT;

CREATE TABLE workload_deltas (
    period INTEGER NOT NULL REFERENCES workload_periods (id) ON DELETE CASCADE,
    query INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    total_time_ms REAL NOT NULL,
    rows INTEGER NOT NULL,
    shared_hit INTEGER NOT NULL,
    shared_read INTEGER NOT NULL,
    temp_blocks INTEGER NOT NULL,
    PRIMARY KEY (period, query)
) STRICT, WITHOUT ROWID;

-- What each reading found and cost.
CREATE TABLE collections (
    id INTEGER PRIMARY KEY,
    database TEXT NOT NULL,
    at TEXT NOT NULL,
    -- Milliseconds spent waiting for main, and everything else.
    main_ms REAL NOT NULL,
    here_ms REAL NOT NULL,
    statements INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    fresh INTEGER NOT NULL,
    gone INTEGER NOT NULL,
    was_reset INTEGER NOT NULL CHECK (was_reset IN (0, 1)),
    deallocations INTEGER NOT NULL,
    reset_at TEXT,
    deallocations_total INTEGER,
    hidden INTEGER NOT NULL DEFAULT 0,
    error TEXT
) STRICT;
CREATE INDEX collections_at ON collections (database, at);

CREATE TABLE query_plans (
    id INTEGER PRIMARY KEY,
    query INTEGER NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
    outline_hash TEXT NOT NULL,
    plan_json TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('planned', 'logged')),
    binding TEXT NOT NULL,
    total_cost REAL NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    UNIQUE (query, source, outline_hash)
) STRICT;

CREATE TABLE query_events (
    id INTEGER PRIMARY KEY,
    query INTEGER NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
    at TEXT NOT NULL,
    -- When the plan before was seen last: between the two nobody knows which one ran.
    before_seen_at TEXT NOT NULL,
    plan_before INTEGER NOT NULL REFERENCES query_plans (id) ON DELETE CASCADE,
    plan_after INTEGER NOT NULL REFERENCES query_plans (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX query_events_query ON query_events (query, at);

-- Tables as the catalog of the last analysis had them.
CREATE TABLE catalog_tables (
    database TEXT NOT NULL,
    name TEXT NOT NULL,
    facts_json TEXT NOT NULL,
    PRIMARY KEY (database, name)
) STRICT, WITHOUT ROWID;
