-- Texts that sessions ran, with their constants: a JSON array of pairs of text and how often it was seen.
ALTER TABLE queries ADD COLUMN seen_json TEXT;
-- Texts that a reading saw in sessions, and what looking at them cost main; zero where it did not look.
ALTER TABLE collections ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN seen_ms REAL NOT NULL DEFAULT 0.0;
