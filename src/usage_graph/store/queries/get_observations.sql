-- The observations of calls that have more than one.
SELECT r.call_started_at, r.call, {columns}, r.flags, r.parent
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS wanted (project, started_at, id)
INNER JOIN usage_observation AS r
    ON r.project = wanted.project COLLATE "C" AND r.call_started_at = wanted.started_at AND r.call = wanted.id
