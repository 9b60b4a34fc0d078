DELETE FROM pg_temp.usage_staging_identity WHERE observation = ANY($1::bigint[])
