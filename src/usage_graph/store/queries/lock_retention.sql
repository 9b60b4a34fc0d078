-- Alone: writers share this lock until their transaction ends (sql/0004_retention.sql).
SELECT pg_advisory_xact_lock(1970497394, 1)
