-- Stores the staged records that are not known here by any of their identities ($1 to $6), and claims those.
-- An identity that is claimed here names the same call: its record stays as it is, and gets the other identities.
WITH given AS (
    SELECT g.*
    FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::uuid[], $5::smallint[], $6::bigint[])
        AS g (project, started_at, record, key, flags, parent)
),

known AS (
    SELECT DISTINCT ON (g.project, g.started_at, g.record)
        g.project, g.started_at, g.record, i.started_at AS known_start, i.record AS known_record
    FROM given AS g
    INNER JOIN usage_identity AS i ON i.key = g.key
    ORDER BY g.project, g.started_at, g.record, g.key
),

claimed AS (
    INSERT INTO usage_identity (key, started_at, record, flags, parent)
    SELECT g.key, coalesce(k.known_start, g.started_at), coalesce(k.known_record, g.record), g.flags, g.parent
    FROM given AS g
    LEFT JOIN known AS k ON k.project = g.project AND k.started_at = g.started_at AND k.record = g.record
    ORDER BY g.key
    ON CONFLICT DO NOTHING
)

INSERT INTO usage_record ({columns})
SELECT {columns}
FROM pg_temp.usage_staging AS s
WHERE
    NOT EXISTS (
        SELECT FROM known AS k WHERE k.project = s.project AND k.started_at = s.started_at AND k.record = s.id
    )
ORDER BY s.project COLLATE "C", s.started_at, s.id
ON CONFLICT DO NOTHING
