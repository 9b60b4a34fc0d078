-- These observations ($1) are of calls ($2, $3) that may be others than their own, and have these flags ($4).
UPDATE pg_temp.usage_staging_identity AS s
SET started_at = call.started_at, record = call.id, flags = call.flags
FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::smallint[]) AS call (observation, started_at, id, flags)
WHERE s.observation = call.observation
