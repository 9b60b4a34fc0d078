-- Records that turned out to be of the same call as another one.
DELETE FROM usage_record AS r
USING unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS gone (project, started_at, id)
WHERE
    r.project = gone.project COLLATE "C" AND r.started_at = gone.started_at AND r.id = gone.id
    AND r.started_at = ANY($2::timestamptz[])
