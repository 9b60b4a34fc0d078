-- Until the end of the transaction the time since when records are kept stays as it is, as for writers
-- (sql/0004_retention.sql).
SELECT pg_advisory_xact_lock_shared(1970497394, 1)
