-- Under which records the identities of the given ones ($1 to $5) are known here.
SELECT DISTINCT g.project, g.started_at, g.record, i.started_at AS known_start, i.record AS known_record
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::smallint[], $5::bytea[])
    AS g (project, started_at, record, kind, key)
INNER JOIN usage_identity AS i ON i.project = g.project COLLATE "C" AND i.kind = g.kind AND i.key = g.key
