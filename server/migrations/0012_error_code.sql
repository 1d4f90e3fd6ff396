-- Why a job did not complete, as a stable code beside the words of error_message. Jobs of before have none.
ALTER TABLE benchmark_jobs ADD COLUMN error_code TEXT;
