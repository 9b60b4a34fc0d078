DELETE FROM pg_temp.usage_staging WHERE id = ANY($1::bigint[])
