UPDATE usage_fingerprint AS f
SET call_started_at = moved.to_started_at, call = moved.to_id
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], $5::bigint[])
    AS moved (project, started_at, id, to_started_at, to_id)
WHERE f.project = moved.project COLLATE "C" AND f.call_started_at = moved.started_at AND f.call = moved.id
