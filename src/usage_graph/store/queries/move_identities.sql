-- What the calls ($1 to $3) were known by is now what others ($4, $5) are. They are found by their times.
UPDATE usage_identity AS i
SET started_at = moved.to_started_at, record = moved.to_id
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], $5::bigint[])
    AS moved (project, started_at, id, to_started_at, to_id)
WHERE
    i.started_at = moved.started_at AND i.record = moved.id AND i.started_at = ANY($2::timestamptz[])
