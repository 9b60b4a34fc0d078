-- Nobody settles until this transaction ends.
SELECT pg_advisory_xact_lock_shared(1970497394, 4)
