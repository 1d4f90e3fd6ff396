-- What a statement may run inside, whose time is counted with it, too: 1 functions of the database, 2 triggers, 0 nothing.
ALTER TABLE queries ADD COLUMN may_run INTEGER NOT NULL DEFAULT 0;
