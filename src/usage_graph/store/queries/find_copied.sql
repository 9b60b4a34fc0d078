-- Under which records the identities of the given ones ($1 to $4) are known here.
SELECT DISTINCT g.project, g.started_at, g.record, i.started_at AS known_start, i.record AS known_record
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::uuid[]) AS g (project, started_at, record, key)
INNER JOIN usage_identity AS i ON i.key = g.key
