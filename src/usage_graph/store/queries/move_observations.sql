UPDATE usage_observation AS o
SET call_started_at = moved.to_started_at, call = moved.to_id
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], $5::bigint[])
    AS moved (project, started_at, id, to_started_at, to_id)
WHERE o.project = moved.project COLLATE "C" AND o.call_started_at = moved.started_at AND o.call = moved.id
