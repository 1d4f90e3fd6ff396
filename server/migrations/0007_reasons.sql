-- What of a statement is planned; why nothing is, by its code, and what would change that. Sentences of earlier versions
-- have neither code nor remedy.
ALTER TABLE queries ADD COLUMN planned_as TEXT;
ALTER TABLE queries ADD COLUMN reason_code TEXT;
ALTER TABLE queries ADD COLUMN reason_remedy TEXT;
