-- The recommendations that one benchmark measures together, as a JSON array of ids; absent where it is of one.
ALTER TABLE benchmark_jobs ADD COLUMN members TEXT;
