-- Keeps the staged observations ($1) of calls that have more than one ($2, $3).
INSERT INTO usage_observation ({columns}, call_started_at, call, parent, flags)
SELECT {staged}, of.call_started_at, of.call, of.parent, of.flags
FROM pg_temp.usage_staging AS r
INNER JOIN
    unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::smallint[])
        AS of (observation, call_started_at, call, parent, flags)
    ON of.observation = r.id
ON CONFLICT DO NOTHING
