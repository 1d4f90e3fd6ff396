-- Whether a statement calls functions of the database: the time of statements inside them is counted with it, too.
ALTER TABLE queries ADD COLUMN calls_functions INTEGER NOT NULL DEFAULT 0;
