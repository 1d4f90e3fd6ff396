-- A benchmark closes advice, too: what it measured to be slower, and what could not be made. The column had a check that
-- knew the person and the advisor only.
ALTER TABLE recommendations ADD COLUMN closed_by TEXT CHECK (closed_by IN ('person', 'advisor', 'benchmark'));
UPDATE recommendations SET closed_by = dismissed_by;
ALTER TABLE recommendations DROP COLUMN dismissed_by;
ALTER TABLE recommendations RENAME COLUMN closed_by TO dismissed_by;
